"""Words that move elements: views, joins, gathers, scatters; and making arrays. First argument:
the library.
"""

from __future__ import annotations

import functools
from typing import Any

from ..kernels.halves import KINDS as HALVES
from ..kernels.halves import converted
from ..kernels.transpose import transposed_copy
from .capabilities import ON_HOST
from .lookup import NS
from .numpy_direct import library as np

__all__ = [
    "reshape",
    "view",
    "expand",
    "permute",
    "transpose",
    "t",
    "movedim",
    "select",
    "getitem",
    "put_basic",
    "add_basic",
    "write_view",
    "flip",
    "roll",
    "cat",
    "block_diag",
    "stack",
    "take",
    "put_add",
    "index_put",
    "gather",
    "scatter_add",
    "zeros",
    "ones",
    "full",
    "empty",
    "zeros_like",
    "ones_like",
    "full_like",
    "arange",
    "scalar",
    "copy",
    "copy_into",
    "contiguous",
    "reordered",
    "squeeze",
    "unsqueeze",
    "diagonal",
    "tril",
    "triu",
    "one_hot_rows",
    "put_diagonal",
    "as_strided",
    "put_strided",
    "repeat",
]

KEPT = 1 << 12  # elements of an index up to which the places beside it are kept


def reshape(lib: Any, x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


def view(lib: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """x with another shape over the same memory; RuntimeError where that needs a copy."""
    out = x.reshape(shape)
    o = out.base
    if o is not x and o is not x.base and x.size and x.shape:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one"
            f" dimension spans across two contiguous subspaces): the shape is {list(x.shape)},"
            f" asked for {list(shape)}. Use .reshape(...) instead."
        )
    return out


@functools.lru_cache(512)
def expanded(have: Any, strides: Any, want: Any) -> tuple[int, ...]:
    """The strides of an array that is repeated to a shape; ValueError if it does not fit."""
    extra = len(want) - len(have)
    if extra < 0 or any([a != b and a != 1 for a, b in zip(have, want[extra:])]):
        raise ValueError(f"cannot broadcast {have} to {want}")
    steps = [s if a == b else 0 for a, b, s in zip(have, want[extra:], strides)]
    return (*[0] * extra, *steps)


def expand(lib: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """x repeated (without a copy) to shape; the result is writable if x is."""
    if lib in ON_HOST and not x.shape:
        return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    if x.shape == shape:
        return x[...]
    if lib in ON_HOST and x.flags.c_contiguous and x.size:
        # the bare constructor costs a fifth of broadcast_to
        return np.ndarray(shape, x.dtype, x, 0, expanded(x.shape, x.strides, shape))
    out = lib.broadcast_to(x, shape)
    if lib in ON_HOST and x.flags.writeable:
        out = np.lib.stride_tricks.as_strided(x, shape, out.strides)
    return out


def permute(lib: Any, x: Any, dims: tuple[int, ...]) -> Any:
    return x.transpose(dims)


def transpose(lib: Any, x: Any, dim0: int = -2, dim1: int = -1) -> Any:
    return x.swapaxes(dim0, dim1) if x.ndim else x[...]


def t(lib: Any, x: Any) -> Any:
    """The transpose of a matrix or a vector."""
    return x.transpose()


def movedim(lib: Any, x: Any, source: Any, destination: Any) -> Any:
    return lib.moveaxis(x, source, destination)


def select(lib: Any, x: Any, dim: int, index: int) -> Any:
    return lib.asarray(x[(slice(None),) * (dim % x.ndim) + (index, ...)])


def getitem(lib: Any, x: Any, key: Any) -> Any:
    """Basic indexing: a view."""
    out = x[key]
    return out if type(out) is type(x) else x[(*key, ...) if type(key) is tuple else (key, ...)]


def put_basic(lib: Any, g: Any, shape: tuple[int, ...], key: Any) -> Any:
    """Zeros of shape with g at a basic index."""
    if type(key) is int and shape[0] == 1:
        return g.reshape(shape)
    out = lib.zeros(shape, g.dtype)
    out[key] = g
    return out


def add_basic(lib: Any, waiting: Any, g: Any, key: Any) -> None:
    """Add g in place to what is at a basic index of `waiting`."""
    waiting[key] += g


def write_view(lib: Any, base: Any, value: Any, chain: Any) -> Any:
    """A copy of base in which the view taken by chain holds value."""
    out = v = lib.array(base, order="C")  # of a scalar, too, an array that can be written
    for op, static in chain:
        v = getattr(NS[type(v)], op.name)(v, *static)  # not through op.impl: nobody watches this
    v[...] = value
    return out


def flip(lib: Any, x: Any, dims: tuple[int, ...]) -> Any:
    return (lib.flip(x, dims) if dims else x).copy("K")


def roll(lib: Any, x: Any, shifts: Any, dims: Any) -> Any:
    if not dims and len(shifts) == 1 and x.size:
        flat = x.reshape(-1)
        back = -shifts[0] % x.size
        return lib.concatenate((flat[back:], flat[:back])).reshape(x.shape)
    if len(dims) == 1 and x.size:
        (dim,) = dims
        back = -shifts[0] % x.shape[dim]
        if lib in ON_HOST and x.size <= KEPT:
            return x.take(rolled(x.shape[dim], back), dim)
        lead = (slice(None),) * (dim % x.ndim)
        return lib.concatenate((x[(*lead, slice(back, None))], x[(*lead, slice(0, back))]), dim)
    return lib.roll(x, shifts, dims)


@functools.lru_cache(64)
def rolled(n: int, back: int) -> Any:
    """The places of n elements, from one of them on."""
    return (np.arange(n) + back) % n


def cat(lib: Any, *arrays: Any, dim: int = 0) -> Any:
    return lib.concatenate(arrays, dim)


NARROW = 5  # columns that are copied one by one, where NumPy copies row by row


def beside(lib: Any, arrays: Any) -> Any:
    """Arrays of many short rows joined along the last dimension."""
    lead, d = arrays[0].shape[:-1], arrays[0].dtype
    if any([a.dtype != d or a.shape[:-1] != lead for a in arrays]):
        return lib.concatenate(arrays, -1)
    out = lib.empty((*lead, sum([a.shape[-1] for a in arrays])), d)
    at = 0
    for a in arrays:
        n = a.shape[-1]
        if n > NARROW:
            out[..., at : at + n] = a
        else:
            for i in range(n):
                out[..., at + i] = a[..., i]
        at += n
    return out


def block_diag(lib: Any, *matrices: Any) -> Any:
    """Matrices along the diagonal of a matrix of zeros."""
    rows, columns = [m.shape[0] for m in matrices], [m.shape[1] for m in matrices]
    out = lib.zeros((sum(rows), sum(columns)), matrices[0].dtype)
    i = j = 0
    for m, n, k in zip(matrices, rows, columns):
        out[i : i + n, j : j + k] = m
        i, j = i + n, j + k
    return out


def stack(lib: Any, *arrays: Any, dim: int = 0) -> Any:
    return lib.stack(arrays, dim)


def take(lib: Any, x: Any, *indices: Any, spec: Any = ()) -> Any:
    """Advanced indexing: spec is the key with None-marked places (see ops/indexing) filled by
    the index arrays.
    """
    return lib.asarray(x[_key(spec, indices)])


def put_add(lib: Any, g: Any, *indices: Any, shape: tuple[int, ...] = (), spec: Any = ()) -> Any:
    """Zeros of shape with g added at an advanced index (repeated indices add up)."""
    out = lib.zeros(shape, g.dtype)
    if (
        lib in ON_HOST  # how many rows there are would have to be asked elsewhere
        and len(indices) == 1
        and len(spec) == 1
        and indices[0].dtype.kind != "b"
        and g.ndim == len(shape) == 2
        and indices[0].ndim == 1
        and g.shape[1] >= 1
        and indices[0].size
    ):
        return one_hot_rows(lib, g, indices[0], shape)
    lib.add.at(out, _key(spec, indices), g)
    return out


def one_hot_rows(lib: Any, g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Rows of g (n, m) summed into zeros of shape (rows, m) at index: sorted, then one
    segmented sum.
    """
    out = lib.zeros(shape, g.dtype)
    if index.dtype.kind == "i":
        index = index % shape[0]  # -3 and 0 may be one row
    order = lib.argsort(index, kind="stable")
    sorted_index = index[order]
    starts = lib.flatnonzero(
        lib.concatenate((lib.ones(1, bool), sorted_index[1:] != sorted_index[:-1]))
    )
    out[sorted_index[starts]] = lib.add.reduceat(g[order], starts, axis=0)
    return out


def index_put(
    lib: Any, x: Any, value: Any, *indices: Any, spec: Any = (), accumulate: bool = False
) -> Any:
    """A copy of x with value at an advanced index."""
    out = x.copy()
    key = _key(spec, indices)
    if not accumulate:
        out[key] = value
    elif spec == ("array",) and x.ndim == 2 and value.shape == (indices[0].size, x.shape[1]):
        from .embedding import add_rows

        rows = indices[0] % x.shape[0]
        if x.dtype in HALVES and value.dtype == x.dtype:  # added in float32, rounded once
            sums = add_rows(lib, converted(value, np.dtype(np.float32)), rows, x.shape[0])
            return converted(converted(x, sums.dtype) + sums, x.dtype)
        out += add_rows(lib, value, rows, x.shape[0])
    else:
        lib.add.at(out, key, value)
    return out


def _key(spec: Any, indices: Any) -> Any:
    if len(indices) == len(spec):
        return tuple(indices)
    it = iter(indices)
    return tuple([next(it) if s == "array" else s for s in spec])


def gather(lib: Any, x: Any, index: Any, dim: int = 0) -> Any:
    """out[i][j] = x[index[i][j]][j] for dim 0."""
    if x.ndim and dim % x.ndim == x.ndim - 1 and x.shape[:-1] == index.shape[:-1] and x.size:
        n = x.shape[-1]  # within rows: one take from the flat array
        starts = lib.arange(0, x.size, n).reshape((*x.shape[:-1], 1))
        return x.reshape(-1).take(index + starts)
    return x[_along(lib, x, index, dim)]


def scatter_add(lib: Any, x: Any, index: Any, src: Any, dim: int = 0) -> Any:
    """A copy of x with src added at the places gather would read."""
    out = x.copy()
    if src.shape != index.shape:
        src = src[tuple([slice(0, s) for s in index.shape])]
    lib.add.at(out, _along(lib, x, index, dim), src)
    return out


def _along(lib: Any, x: Any, index: Any, dim: int) -> Any:
    nd = index.ndim
    if nd < 2:
        return (index,) if nd else ()
    dim %= nd
    if lib in ON_HOST and index.size <= KEPT:
        others = rulers(index.shape)
    else:
        others = tuple([ruler(lib, index.shape, d) for d in range(nd)])
    return (*others[:dim], index, *others[dim + 1 :])


def ruler(lib: Any, shape: tuple[int, ...], d: int) -> Any:
    """The places of one dimension, lined up with that dimension of shape."""
    return lib.arange(shape[d]).reshape((1,) * d + (-1,) + (1,) * (len(shape) - d - 1))


@functools.lru_cache(64)
def rulers(shape: tuple[int, ...]) -> tuple[Any, ...]:
    """ruler() of every dimension, on the CPU."""
    return tuple([ruler(np, shape, d) for d in range(len(shape))])


def zeros(lib: Any, shape: Any, dtype: Any = None) -> Any:
    return lib.zeros(shape, np.float32 if dtype is None else getattr(dtype, "np", dtype))


def ones(lib: Any, shape: Any, dtype: Any = None) -> Any:
    return full(lib, shape, 1, np.float32 if dtype is None else dtype)


def full(lib: Any, shape: Any, value: Any, dtype: Any = None) -> Any:
    if dtype is None:
        return lib.full(shape, value)
    out = lib.empty(shape, getattr(dtype, "np", dtype))
    out.fill(value)
    return out


def empty(lib: Any, shape: Any, dtype: Any = None) -> Any:
    return lib.empty(shape, np.float32 if dtype is None else getattr(dtype, "np", dtype))


def zeros_like(lib: Any, x: Any) -> Any:
    return lib.zeros(x.shape, x.dtype)


def ones_like(lib: Any, x: Any) -> Any:
    out = lib.empty(x.shape, x.dtype)
    out.fill(1)
    return out


def full_like(lib: Any, x: Any, value: Any = 0) -> Any:
    out = lib.empty(x.shape, x.dtype)
    out.fill(value)
    return out


def arange(lib: Any, start: Any, end: Any, step: Any = 1, dtype: Any = None) -> Any:
    return lib.arange(start, end, step, dtype=getattr(dtype, "np", dtype))


def scalar(lib: Any, value: Any, dtype: Any) -> Any:
    """A 0-d array; integers wrap to the dtype's range."""
    dtype = getattr(dtype, "np", dtype)
    if isinstance(value, int) and dtype.kind in "iu":
        bits = 8 * dtype.itemsize
        value &= (1 << bits) - 1
        if dtype.kind == "i" and value >> (bits - 1):
            value -= 1 << bits
    return lib.asarray(value, dtype)


def copy(lib: Any, x: Any) -> Any:
    return x.copy()


def copy_into(lib: Any, x: Any, value: Any) -> None:
    """Overwrite the contents of x with value, broadcast and converted."""
    if value.dtype != x.dtype:
        from .elementwise import astype

        value = astype(lib, value, x.dtype)
    if not x.flags.writeable and lib in ON_HOST:
        raise RuntimeError(
            "the memory of this tensor is read-only (it was made from a read-only array): .clone()"
            " it first"
        )
    x[...] = value


def contiguous(lib: Any, x: Any) -> Any:
    if x.flags.c_contiguous:
        return x
    if lib in ON_HOST and x.size > 1 << 16 and x.ndim > 1 and x.strides[-2] == x.itemsize:
        turned = transposed_copy(x)
        if turned is not None:
            return turned
    if (
        lib in ON_HOST
        and x.ndim == 2
        and x.size > 1 << 16
        and x.flags.f_contiguous
        and x.shape[0] > 32
    ):
        out = np.empty(x.shape, x.dtype)  # a few columns at a time stay in the cache
        for j in range(0, x.shape[1], 8):
            out[:, j : j + 8] = x[:, j : j + 8]
        return out
    return lib.ascontiguousarray(x)


def reordered(lib: Any, x: Any, dims: tuple[int, ...]) -> Any:
    """A copy of x whose dimensions lie in memory in the order dims, the outermost first."""
    back = sorted(range(len(dims)), key=dims.__getitem__)
    if lib in ON_HOST and x.size > 1 << 14 and (made := channels_moved(x, dims)) is not None:
        return made
    return x.transpose(dims).copy().transpose(back)


def channels_moved(x: Any, dims: tuple[int, ...]) -> Any:
    """`reordered` of an image in C order to channels last, or the reverse, as a batch of transposed
    matrices; None where it is neither.
    """
    n, last = len(dims), (0, *range(2, len(dims)), 1)
    c, rest = x.shape[1], x.shape[2:]
    if dims == last and x.flags.c_contiguous:
        inside = x.reshape(x.shape[0], c, -1).swapaxes(1, 2)
        made = transposed_copy(inside)
        return (
            None
            if made is None
            else made.reshape(x.shape[0], *rest, c).transpose(0, n - 1, *range(1, n - 1))
        )
    if dims == tuple(range(n)) and x.transpose(last).flags.c_contiguous:
        made = transposed_copy(x.transpose(last).reshape(x.shape[0], -1, c).swapaxes(1, 2))
        return None if made is None else made.reshape(x.shape)
    return None


def squeeze(lib: Any, x: Any, dims: tuple[int, ...]) -> Any:
    return x.squeeze(dims) if dims else x[...]


NEW = [(*(slice(None),) * d, None) for d in range(65)]  # the keys of new dimensions


def unsqueeze(lib: Any, x: Any, dim: int) -> Any:
    return x[NEW[dim if dim >= 0 else dim + x.ndim + 1]]


def diagonal(lib: Any, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    out = x.diagonal(offset, dim1, dim2)
    if lib in ON_HOST and x.flags.writeable:
        out.flags.writeable = True
    return out


TALL = 64  # rows that are all kept, or none of it, from which they are left alone


def tril(lib: Any, x: Any, diagonal: int = 0) -> Any:
    rows = max(0, x.shape[-1] - 1 - diagonal)  # from there on they stay whole
    if x.shape[-2] < 2 * rows + TALL:
        return lib.tril(x, diagonal)
    out = x.copy()
    out[..., :rows, :] = lib.tril(x[..., :rows, :], diagonal)
    return out


def triu(lib: Any, x: Any, diagonal: int = 0) -> Any:
    rows = max(0, x.shape[-1] - diagonal)  # from there on nothing stays
    if x.shape[-2] < 2 * rows + TALL:
        return lib.triu(x, diagonal)
    out = lib.zeros(x.shape, x.dtype)
    out[..., :rows, :] = lib.triu(x[..., :rows, :], diagonal)
    return out


def put_diagonal(
    lib: Any, g: Any, shape: tuple[int, ...], offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Any:
    """Zeros of shape with g on a diagonal."""
    out = lib.zeros(shape, g.dtype)
    diagonal(lib, out, offset, dim1, dim2)[...] = g
    return out


def owner(a: Any) -> Any:
    """The array whose memory a is in."""
    return a if a.base is None or not hasattr(a.base, "dtype") else a.base


def as_strided(
    lib: Any,
    x: Any,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int = 0,
    place: Any = None,
) -> Any:
    """x's memory with other sizes and strides in elements; IndexError-free: what lies outside
    is refused. place is for the gradient.
    """
    base = x.base
    if base is None or not hasattr(base, "dtype"):
        base = x
    if not base.flags.c_contiguous:  # its axes may be in another order than its memory
        base = base.transpose(sorted(range(base.ndim), key=lambda d: -base.strides[d]))
    if base.dtype != x.dtype or not base.flags.c_contiguous:
        base = x if x.flags.c_contiguous else lib.ascontiguousarray(x)
    last = -1
    if not size or min(size) > 0:
        last = offset
        for n, s in zip(size, stride):
            last += (n - 1) * s
    if last >= base.size or offset > base.size:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}"
            f" require {last + 1} elements; the storage has {base.size}"
        )
    item = base.dtype.itemsize
    if lib in ON_HOST and base.size:
        return np.ndarray(size, base.dtype, base, offset * item, tuple(map(item.__mul__, stride)))
    flat = base.reshape(-1)[offset:]
    return lib.lib.stride_tricks.as_strided(flat, size, tuple([s * item for s in stride]))


def put_strided(
    lib: Any,
    g: Any,
    shape: tuple[int, ...],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int = 0,
) -> Any:
    """Zeros of shape with g added through other strides (places read twice add up)."""
    out = lib.zeros(shape, g.dtype)
    places = as_strided(lib, lib.arange(max(out.size, 1)), size, stride, offset)
    lib.add.at(out.reshape(-1), places.reshape(-1), g.reshape(-1))
    return out


def repeat(lib: Any, x: Any, times: tuple[int, ...]) -> Any:
    return lib.tile(x, times) if times else x.copy()
