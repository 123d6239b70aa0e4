"""Tensors whose elements change places along dimensions: flip, roll, rot90."""

from __future__ import annotations

from ...base.formats import contiguous_format
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import movement
from ...engine.op import primitive
from ..dims import sizes_of, wrap_dim, wrap_dims


@primitive(movement, name="flip", keeps_order=True)
def flip_op(xp, x, dims=()):
    """x with dimensions in reverse order."""


flip_op.vjp(x=lambda xp, g, dims: xp.flip(g, dims))
flip_op.batch(lambda xp, size, flags, x, dims: xp.flip(x, tuple([d + 1 for d in dims])))


@primitive(movement, name="roll")
def roll_op(xp, x, shifts=(), dims=()):
    """x shifted cyclically along dims; without dims, of the flattened x."""


roll_op.vjp(x=lambda xp, g, shifts, dims: xp.roll(g, tuple([-s for s in shifts]), dims))


@roll_op.batch
def _roll_batch(xp, size, flags, x, shifts, dims):
    if dims:
        return xp.roll(x, shifts, tuple([d + 1 for d in dims]))
    shape = tuple(x.shape)  # each example as if it had one dimension
    return xp.reshape(xp.roll(xp.reshape(x, (size, -1)), shifts, (1,)), shape)


@public("flip(Tensor input, int[] dims)", lines=(line(flip_op),))
def flip(input, *args, dims=None):
    """The elements in reverse order along dims (a copy)."""
    if dims is None and not args:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    dims = wrap_dims(sizes_of(args if dims is None else (dims,), "flip"), input._a.ndim, "flip")
    return flip_op.entry(input, dims) if input._a.ndim else input.clone()


@public("fliplr(Tensor input)")
def fliplr(input):
    """The columns in reverse order.

    Raises RuntimeError where there are less than two dimensions.
    """
    if input._a.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip_op.entry(input, (1,))


@public("flipud(Tensor input)")
def flipud(input):
    """The rows in reverse order.

    Raises RuntimeError where there is no dimension.
    """
    if input._a.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip_op.entry(input, (0,))


@public(
    "roll(Tensor input, int[1] shifts, int[1]? dims=[])",
    lines=(
        (
            line(
                roll_op,
                given="type_(shifts) is int and type_(dims) is int",
                let={"shifts": "(shifts,)", "dims": "(places[dims],)"},
            ),
            line(
                roll_op,
                given="type_(shifts) is int and (dims is None or dims == [] or dims == ())",
                let={"shifts": "(shifts,)", "dims": "()"},
                when="a0.size > 0",
            ),
        ),
    ),
)
def roll(input, shifts, dims=None):
    """The elements shifted cyclically along dims; without dims, of the flattened tensor."""
    s = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or isinstance(dims, (tuple, list)) and not dims:
        if len(s) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(s)}, dims:0")
        if input._a.size == 0:
            return input.clone()
        return roll_op.entry(input, s, ())
    d = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(s) != len(d):
        raise RuntimeError(
            "`shifts` required"
            if not s
            else f"shifts and dimensions must align. shifts: {len(s)}, dims:{len(d)}"
        )
    if not input._a.ndim:
        raise IndexError(
            f"roll: dims={dims} given, but the tensor has no dimensions: leave them away"
        )
    if not input._a.size:
        return input.clone()
    return roll_op.entry(input, s, tuple([wrap_dim(i, input._a.ndim, "roll") for i in d]))


@public("rot90(Tensor input, int k=1, int[] dims=[0,1])")
def rot90(input, k=1, dims=(0, 1)):
    """Rotated by 90 degrees k times in the plane of two dims."""
    nd = input._a.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if nd < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {nd}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == nd:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    for i, d in enumerate(dims):
        if not -nd <= d < nd:
            raise RuntimeError(f"Rotation dim{i} out of range, dim{i} = {d}")
    a, b = wrap_dims(dims, nd, "rot90")
    k %= 4
    if k == 0:
        return input.clone(memory_format=contiguous_format)
    if k == 2:
        return flip_op.entry(input, (a, b))
    x = flip_op.entry(input, (b,)) if k == 1 else flip_op.entry(input, (a,))
    return x.transpose(a, b)
