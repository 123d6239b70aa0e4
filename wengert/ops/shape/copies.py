"""Copies and rearrangements beyond plain views: flip, roll, repeat, diagonals, triangles,
strided views, joins of many kinds.
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.lookup import HOST, NS, default_namespace
from ...base.modes import state
from ...declare.lines import line
from ...declare.registry import function, public
from ...engine.backward import unbroadcast
from ...engine.kinds import movement
from ...engine.op import primitive
from ...engine.overlap import owner
from ...engine.tensor import Tensor, wrap
from ..dims import sizes_of, wrap_dim
from ..index.indexing import getitem, select
from ..index.slices import index_select_op
from .join import chunk, split, split_with_sizes
from .views import clone, reshape, reshape_op, view_op, write_view


@primitive(movement, view=True, name="diagonal")
def diagonal_op(xp, x, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions, as the last dimension."""


diagonal_op.vjp(
    x=lambda xp, g, x_shape, offset, dim1, dim2: xp.put_diagonal(
        g, tuple(x_shape), offset, dim1, dim2
    )
)
diagonal_op.batch(
    lambda xp, size, flags, x, offset, dim1, dim2: xp.diagonal(
        x, offset, dim1 % (x.ndim - 1) + 1, dim2 % (x.ndim - 1) + 1
    )
)


@primitive(movement)
def put_diagonal(xp, g, shape=(), offset=0, dim1=0, dim2=1):
    """Zeros of shape with g on a diagonal."""


put_diagonal.vjp(g=lambda xp, g, offset, dim1, dim2: xp.diagonal(g, offset, dim1, dim2))
put_diagonal.batch(
    lambda xp, size, flags, g, shape, offset, dim1, dim2: xp.put_diagonal(
        g, (size, *shape), offset, dim1 % len(shape) + 1, dim2 % len(shape) + 1
    )
)


def _triangle(name: str) -> Any:
    @primitive(movement, name=name)
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
    text = f"{name}(Tensor input, int diagonal=0, *, out)"
    return public(text, inplace=True, lines=(line(f, least=2),), out="exact")(g)


_triangle("tril")
_triangle("triu")


@primitive(movement, view=True, by_memory=True, name="as_strided")
def as_strided_op(xp, x, size=(), stride=(), offset=0, place=None):
    """The memory of x read with other sizes, strides (in elements) and offset. place: (strides,
    offset) of x itself, None if it is contiguous and alone in its memory.
    """


def _as_strided(
    xp: Any, g: Any, x_shape: Any, size: Any, stride: Any, offset: int, place: Any
) -> Any:
    x_shape = tuple(x_shape)
    if place is None:
        return xp.put_strided(g, x_shape, size, stride, offset)
    # through memory that both lie in; elements of x at one place share what arrives there
    places = ((size, stride, offset), (x_shape, *place))
    n = max([1, *[o + 1 + sum([(k - 1) * s for k, s in zip(z, t)]) for z, t, o in places]])
    got = xp.as_strided(xp.put_strided(g, (n,), size, stride, offset), x_shape, *place)
    ones = xp.expand(xp.ones((), g.dtype), x_shape)
    return got / xp.as_strided(xp.put_strided(ones, (n,), x_shape, *place), x_shape, *place)


as_strided_op.vjp(x=_as_strided)


def _each_strided(
    xp: Any, count: int, flags: Any, x: Any, size: Any, stride: Any, offset: int, place: Any
) -> Any:
    """as_strided of each example, which lie a step apart in memory."""
    if not hasattr(x, "strides"):  # an interpreter's: examples as they would lie by themselves
        x, step = xp.contiguous(x), math.prod(x.shape[1:])
    else:
        step = x.strides[0] // x.dtype.itemsize
    memory = owner(x)
    if hasattr(memory, "__array_interface__"):  # where the first of them begins
        starts = [a.__array_interface__["data"][0] for a in (memory, x)]
        offset += (starts[1] - starts[0]) // x.dtype.itemsize
    return xp.as_strided(x, (count, *size), (step, *stride), offset, None)


as_strided_op.batch(_each_strided)


@primitive(movement)
def put_strided(xp, g, shape=(), size=(), stride=(), offset=0):
    """Zeros of shape (contiguous) with g added through other strides."""


put_strided.vjp(
    g=lambda xp, g, size, stride, offset: xp.as_strided(xp.contiguous(g), size, stride, offset)
)


@primitive(movement, name="repeat", told={"repeats": "times"})
def repeat_op(xp, x, times=()):
    """Copies of x side by side."""


def _repeat(xp: Any, g: Any, x_shape: Any, times: Any) -> Any:
    n = len(times)
    s = (1,) * (n - len(x_shape)) + tuple(x_shape)
    split = [v for t, k in zip(times, s) for v in (t, k)]
    if 0 in times:
        return xp.zeros(tuple(x_shape), g.dtype)
    total = xp.sum(xp.reshape(g, tuple(split)), tuple(range(0, 2 * n, 2)), False) if n else g
    return xp.reshape(total, tuple(x_shape))


repeat_op.vjp(x=_repeat)
repeat_op.batch(
    lambda xp, size, flags, x, times: xp.repeat(
        xp.reshape(x, (size, *(1,) * (len(times) - x.ndim + 1), *tuple(x.shape)[1:])), (1, *times)
    )
)


# ---- public

# of an array that fills its memory in order: its place there need not be looked for
ALONE = "a0.flags.c_contiguous and fills(a0)"


def fills(a: Any) -> bool:
    """Whether nothing but a lies in its memory."""
    base = getattr(a, "base", a)
    return base is None or getattr(base, "nbytes", -1) == a.nbytes


@public("diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1)", lines=(line(diagonal_op),))
def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions as a last dimension (a view)."""
    nd = input._a.ndim
    a, b = wrap_dim(dim1, nd, "diagonal"), wrap_dim(dim2, nd, "diagonal")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_op.entry(input, offset, a, b)


@public("diag(Tensor input, int diagonal=0, *, out)", out="exact")
def diag(input, diagonal=0):
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    nd = input._a.ndim
    if nd == 1:
        return diag_embed(input, diagonal)
    if nd == 2:
        return function("diagonal")(input, diagonal).clone()
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {nd}D")


@public("diag_embed(Tensor input, int offset=0, int dim1=-2, int dim2=-1)")
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


@public("diagflat(Tensor input, int offset=0)")
def diagflat(input, offset=0):
    """A matrix with the flattened input on its diagonal."""
    return diag_embed(reshape(input, -1), offset)


def written(input: Tensor, src: Tensor, view: Tensor, chain: Any, name: str) -> Tensor:
    if tuple(src._a.shape) != tuple(view._a.shape):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size ="
            f" {list(src._a.shape)}, slice size = {list(view._a.shape)} ({name})"
        )
    recorded = state.grad and (input._n is not None or src._n is not None)
    if recorded and input.dtype.is_complex and name in ("select_scatter", "slice_scatter"):
        raise RuntimeError(f"{name}: there is no gradient for {input.dtype}: detach() before")
    if src.dtype is not input.dtype:
        from ..index.mask import refuse_recorded

        refuse_recorded(src, input.dtype, name)
        src = src.to(input.dtype)
    return write_view.entry(input, src, chain)


@public(
    "diagonal_scatter(Tensor input, Tensor src, int offset=0, int dim1=0, int dim2=1)",
    lines=(
        line(
            write_view,
            let={"chain": "((diagonal_op, (offset, places[dim1], places[dim2])),)"},
            when="a1.dtype is d and a1.shape == a0.diagonal(offset, dim1, dim2).shape",
            using={"diagonal_op": diagonal_op},
        ),
    ),
)
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of input with src on a diagonal."""
    nd = input._a.ndim
    a, b = wrap_dim(dim1, nd), wrap_dim(dim2, nd)
    return written(
        input,
        src,
        diagonal(input.detach(), offset, a, b),
        ((diagonal_op, (offset, a, b)),),
        "diagonal_scatter",
    )


@public("select_scatter(Tensor input, Tensor src, int dim, int index)")
def select_scatter(input, src, dim, index):
    """A copy of input with src at one index of a dimension."""
    from ..index.indexing import select_op

    v = select(input.detach(), dim, index)
    return written(
        input, src, v, ((select_op, (wrap_dim(dim, input._a.ndim), int(index))),), "select_scatter"
    )


@public(
    "slice_scatter(Tensor input, Tensor src, int dim=0, int? start=None, "
    "int? end=None, int step=1, *, out)",
    out="exact",
)
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of input with src in a slice of a dimension."""
    d = wrap_dim(dim, input._a.ndim, "slice_scatter")
    if step <= 0:
        raise RuntimeError(f"slice step must be positive, got {step}")
    key = (slice(None),) * d + (slice(start, end, step),)
    return written(
        input, src, getitem.entry(input.detach(), key), ((getitem, (key,)),), "slice_scatter"
    )


@public(
    "as_strided(Tensor input, int[] size, int[] stride, int? storage_offset=None)",
    inplace="function view",
    lines=(
        line(
            as_strided_op,
            let={"offset": "storage_offset or 0", "place": "None"},
            using={"fills": fills},
            when=f"{ALONE} and len(size) == len(stride)"
            " and s_offset >= 0 and (not stride or min(stride) >= 0)",
        ),
    ),
)
def as_strided(input, size, stride, storage_offset=None):
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
    place: Any = None
    a = input._a
    alone = getattr(a, "base", a) is None and a.flags.c_contiguous
    if input._n is not None and not alone and hasattr(a, "strides"):  # interpreters' have none
        place = tuple(input.stride()), input.storage_offset()
        place = None if not place[1] and input.is_contiguous() else place
    return as_strided_op.entry(input, size, stride, offset, place)


def read_as(size: Any, stride: Any, offset: int | None) -> tuple[Any, ...]:
    """The chain of views that as_strided() is."""
    return ((as_strided_op, (tuple(size), tuple(stride), offset or 0, None)),)


@public(
    "as_strided_scatter(Tensor input, Tensor src, int[] size, int[] stride, "
    "int? storage_offset=None)",
    lines=(
        line(
            write_view,
            let={"chain": "read_as(size, stride, storage_offset)"},
            when=f"{ALONE} and a1.dtype is d and a1.shape == tuple(size)"
            " and len(size) == len(stride)",
            using={"read_as": read_as, "fills": fills},
        ),
    ),
)
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of input with src written through other strides."""
    args = (
        tuple(size),
        tuple(stride),
        input.storage_offset() if storage_offset is None else storage_offset,
    )
    a = input._a
    if not hasattr(a, "strides"):  # of an interpreter, which knows of order alone
        if not input.is_contiguous():
            raise RuntimeError(
                "as_strided_scatter: where input lies in memory is not known here: call it on"
                " input.contiguous()"
            )
    elif not (a.flags.c_contiguous and fills(a)) and all(
        [k < 2 or s for k, s in zip(input.shape, input.stride())]
    ):
        # written where input lies, also between its elements, and read from there as input is
        n = input.untyped_storage().nbytes() // input.element_size()
        memory = as_strided_scatter(as_strided(input, (n,), (1,), 0).clone(), src, *args)
        return as_strided(memory, input.shape, input.stride(), input.storage_offset()).clone()
    x = input.contiguous()
    return written(
        x,
        src,
        as_strided_op.entry(x.detach(), *args),
        ((as_strided_op, (*args, None)),),
        "as_strided_scatter",
    )


@public("Tensor.repeat(Tensor self, int[] repeats)")
def repeat(self, *repeats):
    """Copies side by side: repeats[i] times along dimension i."""
    r = sizes_of(repeats, "repeat")
    if len(r) < self._a.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of"
            f" tensor: {len(r)} and {self._a.ndim}"
        )
    sizes = (1,) * (len(r) - self._a.ndim) + tuple(self._a.shape)
    if any(k * n < 0 for k, n in zip(r, sizes)):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeat got {list(r)}")
    return repeat_op.entry(self, tuple([max(k, 0) for k in r]))


@public("tile(Tensor input, int[] dims)")
def tile(input, *dims):
    """Copies side by side, dims padded with ones in front."""
    r = sizes_of(dims, "tile")
    return repeat(input, *(1,) * (input._a.ndim - len(r)), *r)


@public(
    "repeat_interleave(Tensor repeats, *, int? output_size=None)",
    "repeat_interleave(Tensor input, Tensor|int repeats, int? dim=None, *, int? output_size=None)",
)
def repeat_interleave(input=None, repeats=None, dim=None, *, output_size=None):
    """Each element repeated: `repeats` times, or as often as its entry says."""
    if input is None or repeats is None:
        repeats = input if repeats is None else repeats
        if repeats._a.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        if repeats.dtype.name not in ("int64", "int32"):
            raise RuntimeError("repeats has to be Long or Int tensor")
        x = function("arange")(repeats._a.shape[0], dtype=repeats.dtype, device=repeats.device)
    else:
        x = input
    if dim is None:
        x, d = x.reshape(-1), 0
    else:
        d = wrap_dim(dim, x._a.ndim, "repeat_interleave")
        x = x.reshape(1) if x._a.ndim == 0 else x
    n = x._a.shape[d]
    if isinstance(repeats, Tensor):
        if repeats.dtype.name not in ("int64", "int32"):
            raise NotImplementedError(
                f'"repeat_interleave_cpu" not implemented for {repeats.dtype}: use .long()'
            )
        if repeats._a.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        counts = repeats.expand(n) if repeats._a.size == 1 else repeats
        if counts._a.shape[0] != n:
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) ="
                f" {counts._a.shape[0]} and input.size({d}) = {n}"
            )
        if n and int(counts.min()) < 0:
            raise RuntimeError("repeats can not be negative")
        if not NS[type(counts._a)].has(HOST):  # how many there are is all that leaves the device
            ends = counts.detach().cumsum(0)
            total = int(ends[-1]) if n else 0
            check_output_size(total, output_size)
            places = function("arange")(total, device=x.device)
            return index_select_op.entry(x, function("searchsorted")(ends, places, right=True), d)
        each = counts._a
    else:
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        check_output_size(n * repeats, output_size)
        shape = list(x._a.shape)
        wide = x.unsqueeze(d + 1).expand(*shape[: d + 1], repeats, *shape[d + 1 :])
        shape[d] *= repeats
        return reshape_op.entry(clone(wide), tuple(shape))
    index = default_namespace().arange(0, n, 1, "int64").repeat(each)
    check_output_size(index.size, output_size)
    at = wrap(index)
    return index_select_op.entry(x, at if type(index) is type(x._a) else at.to(x.device), d)


def check_output_size(n: int, output_size: int | None) -> None:
    """RuntimeError where what is said of the size of repeat_interleave's result is wrong."""
    if output_size is not None and n != output_size:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {n} but got {output_size}"
        )


def split_shape(shape: tuple[int, ...], dim: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """shape with a dimension split into some of known sizes; IndexError where that is not so."""
    n, whole = shape[dim], math.prod(sizes)
    if not sizes or n != whole or min(sizes) < 0:
        raise IndexError
    d = dim % len(shape)
    return (*shape[:d], *sizes, *shape[d + 1 :])


SPLIT = line(
    view_op,
    least=1,
    given="type_(sizes) is tuple and type_(dim) is int",
    let={"shape": "split_shape(a0.shape, dim, sizes)"},
    using={"split_shape": split_shape},
)


@public(
    "unflatten(Tensor input, int dim, int[] sizes)",
    "Tensor.unflatten(Tensor self, any dim, any sizes)",
    lines=(SPLIT, SPLIT),
)
def unflatten(input, dim, sizes):
    """One dimension split into several (one size may be -1); RuntimeError for another product."""
    d = wrap_dim(dim, input._a.ndim, "unflatten")
    if not input._a.ndim:
        raise RuntimeError("unflatten: a tensor without dimensions has none to split")
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


@public("ravel(Tensor input)", lines=(line(reshape_op, shape=(-1,)),))
def ravel(input):
    """input as a vector."""
    return reshape(input, -1)


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
    return public(f"{name}(int row, int col, int offset=0, *, options)", method=False)(f)


_indices("tril_indices")
_indices("triu_indices")


@public("unsafe_chunk(Tensor input, int chunks, int dim=0) -> Tensor[]")
def unsafe_chunk(input, chunks, dim=0):
    """chunk, whose parts may be changed in place."""
    return chunk(input, chunks, dim)


@public("unsafe_split(Tensor input, int split_size, int dim=0) -> Tensor[]")
def unsafe_split(tensor, split_size, dim=0):
    """split, whose parts may be changed in place."""
    return split(tensor, split_size, dim)


@public("unsafe_split_with_sizes(Tensor input, int[] split_sizes, int dim=0) -> Tensor[]")
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """split_with_sizes, whose parts may be changed in place."""
    return split_with_sizes(input, split_sizes, dim)


@public("Tensor.sum_to_size(Tensor self, int[] size)")
def sum_to_size(self, *size):
    """self summed over broadcast dimensions to a smaller shape."""
    want = sizes_of(size, "sum_to_size")
    have = tuple(self._a.shape)
    for a, b in zip(reversed(have), reversed(want)):
        if a != b and b != 1:
            raise RuntimeError(f"size {{{list(want)}}} is not expandable to size {{{list(have)}}}.")
    if len(want) > len(have):
        raise RuntimeError(f"size {{{list(want)}}} is not expandable to size {{{list(have)}}}.")
    if want == have and want:
        return self
    r = unbroadcast(NS[Tensor], self, want)
    return r if r.dtype.is_inexact else r.long()  # a sum of integers
