"""Copies and rearrangements beyond plain views: flip, roll, repeat, diagonals, triangles, strided views, joins of many kinds."""

from __future__ import annotations

import math
from typing import Any

from ..engine.kinds import movement
from ..engine.op import function, primitive, public
from ..engine.tensor import Tensor
from .dims import sizes_of, wrap_dim, wrap_dims
from .indexing import getitem, select_
from .shape import reshape_


@primitive(movement, public=False, method=False)
def flip(xp, x, dims=()):
    """x with dimensions in reverse order."""


flip.vjp(x=lambda xp, g, dims: xp.flip(g, dims))
flip.batch(lambda xp, size, flags, x, dims: xp.flip(x, tuple([d + 1 for d in dims])))


@primitive(movement, public=False, method=False)
def roll(xp, x, shifts=(), dims=()):
    """x shifted cyclically along dims."""


roll.vjp(x=lambda xp, g, shifts, dims: xp.roll(g, tuple([-s for s in shifts]), dims))
roll.batch(
    lambda xp, size, flags, x, shifts, dims: xp.roll(x, shifts, tuple([d + 1 for d in dims]))
)


@primitive(movement, view=True, public=False, method=False)
def diagonal(xp, x, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions, as the last dimension."""


diagonal.vjp(
    x=lambda xp, g, x_shape, offset, dim1, dim2: xp.put_diagonal(
        g, tuple(x_shape), offset, dim1, dim2
    )
)
diagonal.batch(
    lambda xp, size, flags, x, offset, dim1, dim2: xp.diagonal(
        x, offset, dim1 % (x.ndim - 1) + 1, dim2 % (x.ndim - 1) + 1
    )
)


@primitive(movement, public=False, method=False)
def put_diagonal(xp, g, shape=(), offset=0, dim1=0, dim2=1):
    """Zeros of shape with g on a diagonal."""


put_diagonal.vjp(g=lambda xp, g, offset, dim1, dim2: xp.diagonal(g, offset, dim1, dim2))
put_diagonal.batch(
    lambda xp, size, flags, g, shape, offset, dim1, dim2: xp.put_diagonal(
        g, (size, *shape), offset, dim1 % len(shape) + 1, dim2 % len(shape) + 1
    )
)


def _triangle(name: str) -> Any:
    @primitive(movement, name=name, public=False, method=False)
    def f(xp, x, diagonal=0): ...

    f.vjp(x=lambda xp, g, diagonal: getattr(xp, name)(g, diagonal))
    f.batch(lambda xp, size, flags, x, diagonal: getattr(xp, name)(x, diagonal))

    def g(input, diagonal=0):
        if input._a.ndim < 2:
            raise RuntimeError(
                f"{name}: input tensor must have at least 2 dimensions, got shape"
                f" {list(input._a.shape)}"
            )
        return f.entry(input, int(diagonal))

    g.__name__ = name
    g.__doc__ = (
        f"The {'lower' if name == 'tril' else 'upper'} triangle of matrices, from a diagonal on;"
        " zeros elsewhere."
    )
    return public(g, name=name)


_triangle("tril")
_triangle("triu")


@primitive(movement, view=True, public=False, method=False)
def as_strided(xp, x, size=(), stride=(), offset=0):
    """The memory of x read with other sizes, strides (in elements) and offset."""


as_strided.vjp(
    x=lambda xp, g, x_shape, size, stride, offset: xp.put_strided(
        g, tuple(x_shape), size, stride, offset
    )
)


@primitive(movement, public=False, method=False)
def put_strided(xp, g, shape=(), size=(), stride=(), offset=0):
    """Zeros of shape (contiguous) with g added through other strides."""


put_strided.vjp(
    g=lambda xp, g, size, stride, offset: xp.as_strided(xp.contiguous(g), size, stride, offset)
)


@primitive(movement, view=True, public=False, method=False)
def unfold_dim(xp, x, dim=0, size=1, step=1):
    """Windows of a dimension, as a new last dimension."""


unfold_dim.vjp(
    x=lambda xp, g, x_shape, dim, size, step: xp.fold_dim(g, tuple(x_shape), dim, size, step)
)


@primitive(movement, public=False, method=False)
def fold_dim(xp, g, shape=(), dim=0, size=1, step=1):
    """Windows added up where they came from."""


fold_dim.vjp(g=lambda xp, g, dim, size, step: xp.unfold_dim(g, dim, size, step))


@primitive(movement, public=False, method=False)
def repeat(xp, x, times=()):
    """Copies of x side by side."""


def _repeat(xp: Any, g: Any, x_shape: Any, times: Any) -> Any:
    n = len(times)
    s = (1,) * (n - len(x_shape)) + tuple(x_shape)
    split = [v for t, k in zip(times, s) for v in (t, k)]
    if 0 in times:
        return xp.zeros(tuple(x_shape), g.dtype)
    total = xp.sum(xp.reshape(g, tuple(split)), tuple(range(0, 2 * n, 2)), False) if n else g
    return xp.reshape(total, tuple(x_shape))


repeat.vjp(x=_repeat)
repeat.batch(
    lambda xp, size, flags, x, times: xp.repeat(
        xp.reshape(x, (size, *(1,) * (len(times) - x.ndim + 1), *tuple(x.shape)[1:])), (1, *times)
    )
)


# ------------------------------------------------------------------------------------- public


@public(name="flip")
def flip_(input, *dims):
    """The elements in reverse order along dims (a copy)."""
    return flip.entry(input, wrap_dims(sizes_of(dims, "flip"), input._a.ndim, "flip"))


@public
def fliplr(input):
    """The columns in reverse order."""
    if input._a.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip.entry(input, (1,))


@public
def flipud(input):
    """The rows in reverse order."""
    if input._a.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip.entry(input, (0,))


@public(name="roll")
def roll_(input, shifts, dims=None):
    """The elements shifted cyclically along dims; without dims, of the flattened tensor."""
    s = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or isinstance(dims, (tuple, list)) and not dims:
        if len(s) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(s)}, dims:0")
        if input._a.size == 0:
            return input.clone()
        return reshape_(roll.entry(reshape_(input, -1), s, (0,)), *input.shape)
    d = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(s) != len(d):
        raise RuntimeError(
            "`shifts` required"
            if not s
            else f"shifts and dimensions must align. shifts: {len(s)}, dims:{len(d)}"
        )
    return roll.entry(input, s, tuple([wrap_dim(i, input._a.ndim, "roll") for i in d]))


@public
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
        return input.clone()
    if k == 2:
        return flip.entry(input, (a, b))
    x = flip.entry(input, (b,)) if k == 1 else flip.entry(input, (a,))
    return x.transpose(a, b)


@public(name="diagonal")
def diagonal_(input, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions as a last dimension (a view)."""
    nd = input._a.ndim
    a, b = wrap_dim(dim1, nd, "diagonal"), wrap_dim(dim2, nd, "diagonal")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal.entry(input, offset, a, b)


@public
def diag(input, diagonal=0):
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    nd = input._a.ndim
    if nd == 1:
        return diag_embed(input, diagonal)
    if nd == 2:
        return diagonal_(input, diagonal).clone()
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {nd}D")


@public
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices with the last dimension of input on a diagonal."""
    nd = input._a.ndim + 1
    a, b = wrap_dim(dim1, nd, "diag_embed"), wrap_dim(dim2, nd, "diag_embed")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input._a.shape[-1] + abs(offset)
    s = list(input._a.shape[:-1])
    for d in sorted((a, b)):
        s.insert(d, n)
    return put_diagonal.entry(input, tuple(s), offset, a, b)


@public
def diagflat(input, offset=0):
    """A matrix with the flattened input on its diagonal."""
    return diag_embed(reshape_(input, -1), offset)


def written(input: Tensor, src: Tensor, view: Tensor, chain: Any, name: str) -> Tensor:
    from .shape import write_view

    if tuple(src._a.shape) != tuple(view._a.shape):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size ="
            f" {list(src._a.shape)}, slice size = {list(view._a.shape)} ({name})"
        )
    if src.dtype is not input.dtype:
        src = src.to(input.dtype)
    return write_view.entry(input, src, chain)


@public
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of input with src on a diagonal."""
    nd = input._a.ndim
    a, b = wrap_dim(dim1, nd), wrap_dim(dim2, nd)
    return written(
        input,
        src,
        diagonal_(input.detach(), offset, a, b),
        ((diagonal, (offset, a, b)),),
        "diagonal_scatter",
    )


@public
def select_scatter(input, src, dim, index):
    """A copy of input with src at one index of a dimension."""
    from .indexing import select

    v = select_(input.detach(), dim, index)
    return written(
        input, src, v, ((select, (wrap_dim(dim, input._a.ndim), int(index))),), "select_scatter"
    )


@public
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of input with src in a slice of a dimension."""
    d = wrap_dim(dim, input._a.ndim, "slice_scatter")
    key = (slice(None),) * d + (slice(start, end, step),)
    return written(
        input, src, getitem.entry(input.detach(), key), ((getitem, (key,)),), "slice_scatter"
    )


@public(name="as_strided")
def as_strided_(input, size, stride, storage_offset=None):
    """The memory of input read with other sizes and strides (in elements)."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {len(stride)} and {len(size)}"
        )
    if any(s < 0 for s in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides:"
            f" {list(stride)}"
        )
    offset = input.storage_offset() if storage_offset is None else storage_offset
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    return as_strided.entry(input, size, stride, offset)


@public
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of input with src written through other strides."""
    args = (
        tuple(size),
        tuple(stride),
        input.storage_offset() if storage_offset is None else storage_offset,
    )
    x = input.contiguous()
    return written(
        x, src, as_strided.entry(x.detach(), *args), ((as_strided, args),), "as_strided_scatter"
    )


@public(function=False)
def unfold(self, dimension, size, step):
    """All windows of `size` along a dimension, `step` apart, as a new last dimension (a view)."""
    nd = self._a.ndim
    d = wrap_dim(dimension, nd, "unfold")
    n = self._a.shape[d] if nd else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if nd == 0:
        return reshape_(self, 1)[:size]
    return unfold_dim.entry(self, d, size, step)


@public(function=False, name="repeat")
def repeat_(self, *repeats):
    """Copies side by side: repeats[i] times along dimension i."""
    r = sizes_of(repeats, "repeat")
    if len(r) < self._a.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of"
            f" tensor: {len(r)} and {self._a.ndim}"
        )
    if any(k < 0 for k in r):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeat got {list(r)}")
    return repeat.entry(self, r)


@public
def tile(input, *dims):
    """Copies side by side, dims padded with ones in front."""
    r = sizes_of(dims, "tile")
    return repeat_(input, *(1,) * (input._a.ndim - len(r)), *r)


@public
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element repeated: `repeats` times, or as often as its entry says."""
    if repeats is None:
        if input._a.ndim != 1 or input.dtype.category != 1:
            raise RuntimeError(
                "repeat_interleave only accept 1D vector as repeat"
                if input._a.ndim != 1
                else "repeats has to be Long or Int tensor"
            )
        repeats, x = input, function("arange")(input._a.shape[0])
    else:
        x = input
    if dim is None:
        x, d = reshape_(x, -1), 0
    else:
        d = wrap_dim(dim, x._a.ndim, "repeat_interleave")
        x = reshape_(x, 1) if x._a.ndim == 0 else x
    n = x._a.shape[d]
    if isinstance(repeats, Tensor):
        if repeats.dtype.category != 1:
            raise RuntimeError("repeats has to be Long or Int tensor")
        if repeats._a.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        counts = repeats.expand(n) if repeats._a.size == 1 else repeats
        if counts._a.shape[0] != n:
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) ="
                f" {counts._a.shape[0]} and input.size({d}) = {n}"
            )
        index = function("arange")(n)._a.repeat(counts._a)
    else:
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        index = function("arange")(n)._a.repeat(repeats)
    from ..engine.tensor import wrap

    return function("index_select")(x, d, wrap(index))


@public
def unflatten(input, dim, sizes):
    """One dimension split into several (one size may be -1)."""
    d = wrap_dim(dim, input._a.ndim, "unflatten")
    sizes = tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    n = input._a.shape[d]
    known = math.prod([s for s in sizes if s != -1])
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 in sizes and (known == 0 or n % known) or -1 not in sizes and known != n:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d}"
            f" ({n}) in the input tensor"
        )
    sizes = tuple([n // known if s == -1 else s for s in sizes])
    return input.view(*input._a.shape[:d], *sizes, *input._a.shape[d + 1 :])


@public
def ravel(input):
    """input as a vector."""
    return reshape_(input, -1)


def _atleast(n: int) -> Any:
    def f(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            tensors = tuple(tensors[0])

        def grow(t: Tensor) -> Tensor:
            nd = t._a.ndim
            if nd >= n:
                return t
            if nd == 0:
                return reshape_(t, *(1,) * n)
            if n == 2:
                return t.unsqueeze(0)
            return t.unsqueeze(0).unsqueeze(-1) if nd == 1 else t.unsqueeze(-1)

        for t in tensors:
            if not isinstance(t, Tensor):
                raise TypeError(f"atleast_{n}d(): expected Tensors, got {type(t).__name__}")
        out = tuple([grow(t) for t in tensors])
        return out[0] if len(out) == 1 else out

    f.__name__ = f"atleast_{n}d"
    f.__doc__ = f"The tensors with at least {n} dimension(s)."
    return public(f, name=f.__name__, method=False)


atleast_1d, atleast_2d, atleast_3d = _atleast(1), _atleast(2), _atleast(3)


def _stacker(name: str, grow: Any, dim: Any, aliases: tuple[str, ...] = ()) -> Any:
    def f(tensors, *, out=None):
        if not len(tensors):
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        ts = [grow(t) for t in tensors]
        return function("cat")(ts, dim(ts) if callable(dim) else dim, out=out)

    f.__name__ = name
    f.__doc__ = f"The tensors joined as {name} does."
    return public(f, name=name, method=False, aliases=aliases)


_stacker("hstack", atleast_1d, lambda ts: 0 if ts[0]._a.ndim == 1 else 1)
_stacker("vstack", atleast_2d, 0, ("row_stack",))
_stacker("dstack", atleast_3d, 2)
_stacker("column_stack", lambda t: reshape_(t, t._a.size, 1) if t._a.ndim <= 1 else t, 1)


def _splitter(name: str, need: int, dim: Any) -> Any:
    def f(input, indices_or_sections):
        if input._a.ndim < need:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {need} dimension, but got a tensor"
                f" with {input._a.ndim} dimensions!"
            )
        return tensor_split(input, indices_or_sections, dim(input), name, exact=True)

    f.__name__ = name
    f.__doc__ = "Views of the parts along one dimension."
    return public(f, name=name)


@public(name="tensor_split")
def tensor_split_(input, indices_or_sections, dim=0):
    """Views of the parts along dim: a number of nearly equal parts, or cut at the indices."""
    if input._a.ndim == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    return tensor_split(input, indices_or_sections, dim, "tensor_split")


def tensor_split(
    x: Tensor, how: Any, dim: int, name: str, exact: bool = False
) -> tuple[Tensor, ...]:
    d = wrap_dim(dim, x._a.ndim, name)
    n = x._a.shape[d]
    if isinstance(how, Tensor):
        if how.dtype.name != "int64":
            raise RuntimeError(
                f"{name} expected tensor_indices_or_sections to have dtype of long, but got"
                f" {how.dtype.name}"
            )
        if how._a.ndim > 1:
            raise RuntimeError(
                f"{name} expected tensor_indices_or_sections to be a zero-dimensional or"
                f" one-dimensional tensor, but got a tensor with {how._a.ndim} dims"
            )
        how = how.tolist()
    if isinstance(how, int):
        if how <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {how}")
        if exact and n % how:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the"
                f" dimension {n} is not divisible by the split_size {how}!"
            )
        cuts = []
        at = 0
        for i in range(how - 1):
            at += n // how + (i < n % how)
            cuts.append(at)
    else:
        cuts = [int(c) for c in how]
    edges = [0, *cuts, n]
    return tuple(
        [getitem.entry(x, (slice(None),) * d + (slice(a, b),)) for a, b in zip(edges, edges[1:])]
    )


_splitter("hsplit", 1, lambda x: 0 if x._a.ndim == 1 else 1)
_splitter("vsplit", 2, lambda x: 0)
_splitter("dsplit", 3, lambda x: 2)


@public
def meshgrid(*tensors, indexing=None):
    """Grids of the coordinates in vectors; indexing 'ij' (default) or 'xy'."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for t in tensors:
        if t._a.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got:"
                f" {list(t._a.shape)}"
            )
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) > 1
    ts = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    shape = [max(t._a.size, 1) if t._a.ndim == 0 else t._a.size for t in ts]
    grids = [
        reshape_(t, *[-1 if j == i else 1 for j in range(len(ts))]).expand(*shape)
        for i, t in enumerate(ts)
    ]
    if swap:
        grids = [g.transpose(0, 1) for g in grids]
        grids = [grids[1], grids[0], *grids[2:]]
    return tuple(grids)


def _indices(name: str) -> Any:
    def f(row, col, offset=0, *, dtype=None, device="cpu", layout=None):
        if row < 0 or col < 0:
            raise RuntimeError(
                f"row must be non-negative, got {row}"
                if row < 0
                else f"col must be non-negative, got {col}"
            )
        keep = function("ones")(row, col, device=device)
        m = function(name[:4])(keep, offset)
        return function("nonzero")(m).t().contiguous().to(dtype=dtype)

    f.__name__ = name
    f.__doc__ = "(2, n) coordinates of a triangle of a matrix, row by row."
    return public(f, name=name, method=False)


_indices("tril_indices")
_indices("triu_indices")


def _copying(name: str) -> Any:
    def f(input, *args, **kwargs):
        r = (
            input[:]
            if name == "alias" and input._a.ndim
            else function(name)(input, *args, **kwargs)
            if name != "alias"
            else input
        )
        return tuple([t.clone() for t in r]) if isinstance(r, tuple) else r.clone()

    f.__name__ = name + "_copy"
    f.__doc__ = f"A copy of what {name} gives."
    return public(f, name=name + "_copy", method=False)


def _copying_methods(name: str) -> Any:
    from ..engine.op import METHODS

    def f(input, *args, **kwargs):
        m = METHODS[name]
        return m(input, *args, **kwargs).clone()

    f.__name__ = name + "_copy"
    f.__doc__ = f"A copy of what Tensor.{name} gives."
    return public(f, name=name + "_copy", method=False)


for _n in (
    "alias",
    "as_strided",
    "detach",
    "diagonal",
    "narrow",
    "permute",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unsqueeze",
    "movedim",
    "view_as_real",
    "view_as_complex",
):
    _copying(_n)
for _n in ("expand", "view", "unfold"):
    _copying_methods(_n)


@public
def slice_copy(input, dim=0, start=None, end=None, step=1):
    """A copy of a slice of a dimension."""
    d = wrap_dim(dim, input._a.ndim, "slice")
    return getitem.entry(input, (slice(None),) * d + (slice(start, end, step),)).clone()


@public
def unsafe_chunk(input, chunks, dim=0):
    """chunk, whose parts may be changed in place."""
    return function("chunk")(input, chunks, dim)


@public
def unsafe_split(tensor, split_size, dim=0):
    """split, whose parts may be changed in place."""
    return function("split")(tensor, split_size, dim)


@public(function=False)
def sum_to_size(self, *size):
    """self summed over broadcast dimensions to a smaller shape."""
    from ..arrays.lookup import NS
    from ..engine.backward import unbroadcast

    want = sizes_of(size, "sum_to_size")
    have = tuple(self._a.shape)
    for a, b in zip(reversed(have), reversed(want)):
        if a != b and b != 1:
            raise RuntimeError(f"size {{{list(want)}}} is not expandable to size {{{list(have)}}}.")
    if len(want) > len(have):
        raise RuntimeError(f"size {{{list(want)}}} is not expandable to size {{{list(have)}}}.")
    return self if want == have else unbroadcast(NS[Tensor], self, want)


@public
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Where elements occur in test_elements."""
    from .creation import tensor

    if not isinstance(elements, Tensor):
        elements = tensor(elements)
    if not isinstance(test_elements, Tensor):
        test_elements = tensor(test_elements)
    t = reshape_(test_elements, -1)
    r = (
        (elements.unsqueeze(-1) == t).any(-1)
        if t._a.size
        else elements.new_zeros(tuple(elements.shape)).bool()
    )
    return r.logical_not() if invert else r


@public
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where input's values would go in a sorted sequence to keep it sorted."""
    from ..arrays.lookup import namespace
    from ..engine.tensor import wrap
    from .creation import scalar_tensor

    if side is not None and side not in ("left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while"
            " right was True"
        )
    right = right or side == "right"
    number = not isinstance(input, Tensor)
    if number:
        input = scalar_tensor(input, dtype=sorted_sequence.dtype)
    if sorter is not None:
        if tuple(sorter.shape) != tuple(sorted_sequence.shape):
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got"
                f" boundary tensor {list(sorted_sequence.shape)}and got sorter tensor"
                f" {list(sorter.shape)}"
            )
        if sorter.dtype.name != "int64":
            raise RuntimeError(
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype"
                f" {sorter.dtype.name}"
            )
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    s = sorted_sequence
    if s._a.ndim == 0:
        raise RuntimeError(
            "torch.searchsorted(): input value or boundary tensor should have positive dimension"
        )
    if s._a.ndim > 1 and (
        input._a.ndim != s._a.ndim or tuple(input.shape[:-1]) != tuple(s.shape[:-1])
    ):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1"
            " dimensions of boundaries tensor and input value tensor must match, but we got"
            f" boundaries tensor {list(s.shape)} and input value tensor {list(input.shape)}"
        )
    if input.dtype is not s.dtype:
        raise RuntimeError(
            "torch.searchsorted(): boundary tensor and input value tensor should have same dtype,"
            f" but got boundary tensor dtype {s.dtype.name} and input value tensor dtype"
            f" {input.dtype.name}"
        )
    r = namespace(s._a).searchsorted(s._a, input._a, right)
    out = wrap(r)
    return out.int() if out_int32 else out


@public
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """In which bucket of the sorted boundaries each value lies."""
    if boundaries._a.ndim != 1:
        raise RuntimeError(
            f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries._a.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
