"""NumPy's quick ways for plain float arrays in the common layouts: sums as products with ones,
extremes by their place, scattered sums by counting. All else goes to the general words.

Each word takes what the general one of the same name takes, without the library.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ..kernels import gather as gathers
from ..kernels import matmul as products
from ..kernels import minmax, ordering, scan, scatter
from ..kernels import summation as kernels
from ..kernels.halves import KINDS as HALVES
from ..kernels.halves import converted
from . import elementwise, layout, reductions, shapes, sorting
from .numpy_direct import library as np
from .summation import SHORT, add_up

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
BOOL, I64, U64 = np.dtype(bool), np.dtype(np.int64), np.dtype(np.uint64)
FEW = 256  # elements that are summed as soon by the ufunc, and that BLAS sums along a column
BLOCK = 1 << 16  # elements at a time: what is worked on stays in the cache
LARGE = 1 << 13  # elements of a factor from which a product may pay a second thread
LONGEST = 4096  # elements whose sum by BLAS, along a row, is about as exact as a pairwise one
ALL_ONES: dict[Any, Any] = {F32: np.ones(LONGEST, F32), F64: np.ones(LONGEST, F64)}
ONES32: dict[int, Any] = {}
ONES64: dict[int, Any] = {}
NUMBERS32: dict[Any, Any] = {}
NUMBERS64: dict[Any, Any] = {}
add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.true_divide
exp, log = np.exp, np.log


def number(n: Any, d: Any) -> Any:
    """n as a 0-d array, which ufuncs take sooner than Python's number."""
    known = NUMBERS32 if d is F32 else NUMBERS64
    a = known.get(n)
    if a is None:
        a = np.asarray(n, d)
        if n and len(known) < 1024:  # 0.0 and -0.0 are the same key
            known[n] = a
    return a


def ones(n: int, d: Any) -> Any:
    """n ones, n up to LONGEST."""
    known = ONES32 if d is F32 else ONES64
    a = known.get(n)
    if a is None:
        a = known[n] = ALL_ONES[d][:n]
    return a


@functools.lru_cache
def divisor(n: int) -> int:
    """A divisor of n, so that neither it nor what it leaves is large; 0 if there is none."""
    return next((r for r in range(64, 3, -1) if not n % r and n // r <= FEW), 0)


def starts(rows: int, n: int) -> Any:
    """Where each row of n begins in the flat array; a column."""
    return kept_starts(rows, n) if rows <= LONGEST else column(rows, n)


def column(rows: int, n: int) -> Any:
    return np.arange(0, rows * n, n).reshape(rows, 1)


kept_starts = functools.lru_cache(64)(column)


@functools.lru_cache(512)
def block(shape: tuple[int, ...], dim: Any, keepdim: bool) -> tuple[Any, int, Any]:
    """(shape as three dimensions, of which the middle one is added up, its size, the result's
    shape) of sums over neighbouring dimensions; a size of 0 where they are not, or too large.
    """
    nd = len(shape)
    dims = sorted([dim % nd] if type(dim) is int else [k % nd for k in dim])
    n = math.prod([shape[k] for k in dims])
    if not dims or dims != list(range(dims[0], dims[-1] + 1)) or n > FEW:
        return (), 0, ()
    kept = [1 if k in dims else s for k, s in enumerate(shape) if keepdim or k not in dims]
    outer, inner = math.prod(shape[: dims[0]]), math.prod(shape[dims[-1] + 1 :])
    return (outer, n, inner), n, tuple(kept)


def sum(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Sum; of few numbers each as a product with ones."""
    d = x.dtype
    if dim is not None and (d is F32 or d is F64) and x.ndim > 2 - (type(dim) is tuple):
        sizes, n, shape = block(x.shape, dim, keepdim)
        if n and x.size < kernels.LEAST and x.flags.c_contiguous:
            if sizes[2] == 1:
                r = x.reshape(-1, n).dot(ones(n, d))
            elif sizes[0] == 1:
                r = np.dot(ones(n, d), x.reshape(n, -1))
            else:
                r = np.matmul(ones(n, d), x.reshape(sizes))
            return r.reshape(shape) if len(shape) != 1 else r
    if type(dim) is int and (d is F32 or d is F64) and x.ndim == 2 and x.size < kernels.LEAST:
        n = x.shape[dim]
        rows = 1 if n <= FEW else n <= LONGEST and (1 if dim else divisor(n))
        if rows and n and (rows == 1 or x.flags.c_contiguous):
            if rows > 1:  # few numbers for each of many sums, then those
                x, n = np.dot(ones(rows, d), x.reshape(rows, -1)).reshape(n // rows, -1), n // rows
            r = np.dot(ones(n, d), x) if dim == 0 else x.dot(ones(n, d))
            return r.reshape((1, -1) if dim == 0 else (-1, 1)) if keepdim else r
    plain = type(dim) is int and (d is F32 or d is F64) and x.ndim and x.size < kernels.LEAST
    if plain and x.shape[dim] <= SHORT:  # add_up(), without the calls
        return add.reduce(x, dim, None, None, keepdim)
    return reductions.sum(np, x, dim, keepdim)


def sum_all(x: Any) -> Any:
    """Sum of every element: of blocks as products with ones, then of those."""
    d = x.dtype
    if (d is F32 or d is F64) and x.ndim:
        n = x.size
        if n >= kernels.LEAST:
            return add_up(np, x)
        if n <= FEW or not x.flags.c_contiguous:
            return add.reduce(x, None) if n <= FEW else add_up(np, x)
        flat = x.reshape(-1)
        if n <= LONGEST:
            return flat.dot(ones(n, d))
        whole = n - n % LONGEST
        total = add.reduce(flat[:whole].reshape(-1, LONGEST).dot(ones(LONGEST, d)), None)
        return total if whole == n else total + flat[whole:].dot(ones(n - whole, d))
    return reductions.sum_all(np, x)


def mean_all(x: Any) -> Any:
    """Mean of every element."""
    d = x.dtype
    if (d is F32 or d is F64) and x.size:
        return np.asarray(float(sum_all(x)) / x.size, d)
    return reductions.mean_all(np, x)


def mean(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Mean of a floating array."""
    d = x.dtype
    if dim is not None and (d is F32 or d is F64) and x.ndim > 1:
        n = x.shape[dim] if type(dim) is int else math.prod([x.shape[k] for k in dim])
        if n:
            return divide(sum(x, dim, keepdim), number(n, d))
    return reductions.mean(np, x, dim, keepdim)


def rowwise(x: Any, dim: Any) -> bool:
    """Whether numbers along dim lie side by side, no more than NumPy looks through soonest."""
    d = x.dtype
    last = type(dim) is int and dim in (-1, x.ndim - 1)
    return last and (d is F32 or d is F64) and x.size <= BLOCK and x.flags.c_contiguous


def extreme(word: str, find: str) -> Any:
    general = getattr(reductions, word)
    reduce = (np.maximum if word == "amax" else np.minimum).reduce

    def f(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        d = x.dtype
        if dim is None and (d is F32 or d is F64) and x.size and not keepdim:
            return np.array(x.item(getattr(x, find)()), d)
        if d.itemsize == 2 and d in HALVES and x.size > FEW:
            return converted(f(converted(x, F32), dim, keepdim), d)
        if type(dim) is tuple and len(dim) == 1:
            dim = dim[0]
        if x.ndim == 2 and rowwise(x, dim) and x.size > 256:
            rows, n = x.shape  # the place of an extreme is found sooner
            if n < 8192 and (n >= 32 or x.size < minmax.LEAST):
                i = getattr(x, find)(1)
                at = starts(rows, n)
                return x.reshape(-1).take(at[:, 0] + i if not keepdim else at + i[:, None])
        if x.size >= minmax.LEAST and type(dim) is int:
            found = minmax.extreme(x, dim, word == "amax", keepdim)
            if found is not None:
                return found[0]
        return reduce(x, dim, None, None, keepdim)

    f.__name__ = word
    f.__doc__ = general.__doc__
    return f


amax, amin = extreme("amax", "argmax"), extreme("amin", "argmin")


def place(word: str) -> Any:
    general = getattr(reductions, word)

    def f(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if x.dtype.itemsize == 2 and x.dtype in HALVES:
            x = converted(x, F32)
        if x.size >= minmax.LEAST and type(dim) is int and not rowwise(x, dim):
            found = minmax.extreme(x, dim, word == "argmax", keepdim)
            if found is not None:
                return found[1]
        d = x.dtype
        if (d is F32 or d is F64) and x.ndim:
            return getattr(x, word)(dim, keepdims=keepdim)
        return general(np, x, dim, keepdim)

    return f


argmax, argmin = place("argmax"), place("argmin")


def along(value: Any, index: Any) -> Any:
    """max or min along a dimension, with its places, which are looked for once."""

    def word(general: Any) -> Any:
        def f(x: Any, dim: int = 0, keepdim: bool = False) -> Any:
            n = x.size
            if (
                n >= minmax.LEAST
                and (found := minmax.extreme(x, dim, value is amax, keepdim)) is not None
            ):
                return found
            if n > FEW and x.ndim == 2 and dim and (x.dtype is F32 or x.dtype is F64):
                i = index(x, 1, True)
                v = gather(x, i, 1)
                return (v, i) if keepdim else (v[:, 0], i[:, 0])
            return value(x, dim, keepdim), index(x, dim, keepdim)

        return f

    return word


def logsumexp(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """log sum exp(x) of the rows or columns of a matrix, shifted by their maxima."""
    d = x.dtype
    if type(dim) is int and (d is F32 or d is F64) and x.ndim == 2 and x.size:
        m = amax(x, dim, True)
        e = subtract(x, m)
        exp(e, e)
        s = sum(e, dim, True)
        log(s, s)
        add(s, m, s)
        flat = s.reshape(-1)
        check = flat.dot(flat)
        if check == check:  # not nan, so no maximum was infinite
            return s if keepdim else flat
    return reductions.logsumexp(np, x, dim, keepdim)


def cumsum(x: Any, dim: int = 0) -> Any:
    """Sum so far."""
    if x.size >= scan.LEAST and (found := scan.cumsum(x, dim)) is not None:
        return found
    d = x.dtype
    if d is F32 and x.ndim:  # sums of many float32 in float32 would lose digits
        return add.accumulate(x.astype(F64), dim).astype(F32)
    return add.accumulate(x, dim) if d is F64 and x.ndim else general_cumsum(x, dim)


def cumsum_back(x: Any, dim: int = 0) -> Any:
    """Sum from here to the end."""
    if x.size >= scan.LEAST and (found := scan.cumsum(x, dim, True)) is not None:
        return found
    return reductions.cumsum_back(np, x, dim)


general_cumsum = functools.partial(reductions.cumsum, np)


def ranked_first(x: Any, k: int, dim: int, largest: bool) -> Any:
    """topk_indices(); of equal elements any."""
    d = x.dtype
    if x.size >= ordering.LEAST and (found := ordering.ranked(x, dim, 0, k, largest)) is not None:
        return found[1]
    if (d is F32 or d is F64) and x.ndim == 2 and dim == 1 and largest and x.size:
        rows, n = x.shape
        if n > 16 and 0 < k <= 4:
            at = starts(rows, n)[:, 0]
            out = np.empty((rows, k), np.int64)
            y = x.copy()
            flat = y.reshape(-1)
            least = -np.inf
            for j in range(k):
                out[:, j] = i = y.argmax(1)
                i += at
                last = flat.take(i)
                flat[i] = least
            check = last.dot(last)
            if check - check == 0:  # finite: every place was found once
                return out
        elif x.size <= 1 << 14:
            flat = x.reshape(-1)
            check = flat.dot(flat)
            if check == check:  # no nan
                return np.negative(x).argsort(1, "stable")[:, :k].copy()
    return sorting.ranked_first(np, x, k, dim, largest)


def argsort(x: Any, dim: int = -1, descending: bool = False) -> Any:
    """Indices that sort (stable); nan counts as largest."""
    if descending or not x.ndim or x.dtype.kind == "V" or x.dtype.itemsize == 2:
        return reductions.argsort(np, x, dim, descending)
    d = x.dtype
    if x.size >= ordering.LEAST and (found := ordering.argsort(x, dim)) is not None:
        return found
    if (d is F32 or d is F64) and x.size > 512 and dim == x.ndim - 1 and x.flags.c_contiguous:
        i = x.argsort(dim)  # quicker, and the same order where no elements are equal
        v = gather(x, i, dim)
        v = v.reshape(-1)
        n = np.count_nonzero(np.less(v[:-1], v[1:]))
        if n == v.size - 1 - falls(v, x.shape[-1]):
            return i
    return x.argsort(dim, "stable")


def sort_along(general: Any) -> Any:
    """Values and places; of few elements, sorting twice is quicker than picking the values."""

    def f(x: Any, dim: int = -1, descending: bool = False) -> Any:
        d = x.dtype
        if x.size >= ordering.LEAST and x.ndim:
            found = ordering.ranked(x, dim, 0, x.shape[dim], descending, True)
            if found is not None:
                return found
        if descending or x.size > FEW or not (d is F32 or d is F64) or not x.ndim:
            return general(x, dim, descending)
        v = x.copy()
        v.sort(dim, "stable")
        return v, x.argsort(dim, "stable")

    return f


def falls(v: Any, n: int) -> int:
    """How many rows of n do not start above the end of the row before."""
    rows = v.reshape(-1, n)
    return int(np.count_nonzero(rows[1:, 0] <= rows[:-1, -1]))


def gather(x: Any, index: Any, dim: int = 0) -> Any:
    """out[i][j] = x[index[i][j]][j] for dim 0; within rows one take from the flat array."""
    shape = x.shape
    if index.size >= gathers.LEAST:  # which nobody has looked at
        if (found := gathers.along(x, index, dim)) is not None:
            return found
        if index.min() < 0 or index.max() >= shape[dim]:
            raise IndexError
    if dim == len(shape) - 1 and index.shape[:-1] == shape[:-1] and x.size:
        n = shape[-1]
        if x.size > 2 * BLOCK:
            return gather_blocks(x.reshape(-1, n), index.reshape(-1, index.shape[-1])).reshape(
                index.shape
            )
        if len(shape) == 2:
            at = starts(shape[0], n)
        else:
            at = starts(x.size // n, n).reshape(*shape[:-1], 1)
        return x.reshape(-1).take(add(index, at))
    return shapes.gather(np, x, index, dim)


def take(x: Any, *indices: Any, spec: Any = ()) -> Any:
    """Advanced indexing: spec is the key, with "array" where an index array goes."""
    if len(indices) == 1 and indices[0].dtype.kind == "i" and spec[-1:] == ("array",):
        dim = len(spec) - 1
        if not dim or spec[:-1] == (ALL,) * dim:  # in order, which advanced indices are not
            return x.take(indices[0], dim)
    if len(indices) == len(spec) > 1:
        found = x[indices]
        return found if type(found) is np.ndarray else np.asarray(found)
    return shapes.take(np, x, *indices, spec=spec)


def gather_blocks(x: Any, index: Any) -> Any:
    """gather() within rows, some rows at a time."""
    rows, n = x.shape
    step = max(1, BLOCK // n)
    at = starts(step, n)
    out = np.empty(index.shape, x.dtype)
    for i in range(0, rows, step):
        some = x[i : i + step]
        out[i : i + step] = some.reshape(-1).take(add(index[i : i + step], at[: len(some)]))
    return out


def scatter_add(x: Any, index: Any, src: Any, dim: int = 0) -> Any:
    """A copy of x with src added at the places gather would read."""
    shape, d = x.shape, x.dtype
    if index.size >= scatter.LEAST and dim == len(shape) - 1:
        found = scatter.within(x, index, src)
        if found is not None:
            return found
    if (
        (d is F32 or d is F64)
        and dim == len(shape) - 1
        and index.shape == src.shape
        and index.shape[:-1] == shape[:-1]
        and src.dtype is d
        and 4 * index.size >= x.size > 0
    ):
        n = shape[-1]
        flat = add(index.reshape(-1, index.shape[-1]), starts(x.size // n, n)).reshape(-1)
        total = np.bincount(flat, src.reshape(-1), x.size)  # in double precision
        return add(x, total.reshape(shape), dtype=d, casting="same_kind")
    found = scatter.add(x, index, src, dim) if index.size >= scatter.LEAST else None
    return shapes.scatter_add(np, x, index, src, dim) if found is None else found


def put_add(g: Any, *indices: Any, shape: tuple[int, ...] = (), spec: Any = ()) -> Any:
    """Zeros of shape with g added at an advanced index (repeated indices add up)."""
    d = g.dtype
    i = indices[0]
    if (d is F32 or d is F64) and spec == ("array",) and i.dtype is I64 and g.size:
        from .embedding import add_rows

        flat = g.reshape(i.size, -1)
        i = i.reshape(-1)
        if i.min() < 0:
            i = i % shape[0]
        return add_rows(np, flat, i, shape[0]).reshape(shape)
    return shapes.put_add(np, g, *indices, shape=shape, spec=spec)


def copy(x: Any) -> Any:
    """A copy that keeps the order of the dimensions."""
    return x.copy() if x.flags.c_contiguous else layout.copied(x)


def flip(x: Any, dims: tuple[int, ...]) -> Any:
    """x with dimensions in reverse order, a copy."""
    if len(dims) == 1:
        d = dims[0]
        if d >= 0 and x.flags.c_contiguous:
            return x[(ALL,) * d + (BACK,)].copy()
    return shapes.flip(np, x, dims)


ALL, BACK = slice(None), slice(None, None, -1)
BITS: dict[int, Any] = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16), 4: np.dtype(np.uint32)}
BITS[8] = np.dtype(np.uint64)


@functools.lru_cache(64)
def triangle(rows: int, columns: int, diagonal: int, item: int) -> Any:
    """All bits set on and below a diagonal."""
    d = BITS[item]
    return np.tril(np.full((rows, columns), -1, np.int8), diagonal).astype(np.int64).astype(d)


def tril(x: Any, diagonal: int = 0) -> Any:
    """The lower triangle, by masking bits."""
    d = x.dtype
    if (d is F32 or d is F64) and x.ndim == 2 and 0 < x.size <= 1 << 16:
        t = BITS[d.itemsize]
        return (x.view(t) & triangle(*x.shape, diagonal, d.itemsize)).view(d)
    return shapes.tril(np, x, diagonal)


def triu(x: Any, diagonal: int = 0) -> Any:
    """The upper triangle, by masking bits."""
    d = x.dtype
    if (d is F32 or d is F64) and x.ndim == 2 and 0 < x.size <= 1 << 16:
        t = BITS[d.itemsize]
        return (x.view(t) & ~triangle(*x.shape, diagonal - 1, d.itemsize)).view(d)
    return shapes.triu(np, x, diagonal)


def cat(*arrays: Any, dim: int = 0) -> Any:
    """Arrays joined along a dimension."""
    a = arrays[0]
    if dim and a.size >= LARGE and dim == a.ndim - 1 and 1 < a.shape[dim] <= shapes.NARROW:
        return shapes.beside(np, arrays)
    return np.concatenate(arrays, dim)


def stack(*arrays: Any, dim: int = 0) -> Any:
    """Arrays of one shape joined along a new dimension."""
    a = arrays[0]
    if dim == 0 and a.ndim:
        return np.concatenate(arrays).reshape(len(arrays), *a.shape)
    if 0 < dim <= a.ndim and len({b.shape for b in arrays}) == 1:
        key = (*(ALL,) * dim, None)
        return np.concatenate([b[key] for b in arrays], dim)
    return np.stack(arrays, dim)


CLIP = getattr(getattr(np, "_core", None), "umath", None)
CLIP = getattr(CLIP, "clip", None)  # what np.clip calls in the end


def clamp(x: Any, low: Any, high: Any) -> Any:
    """x limited to [low, high]; a limit may be None; nan stays nan."""
    d = x.dtype
    if (d is F32 or d is F64) and low is not None and high is not None and CLIP is not None:
        known = NUMBERS32 if d is F32 else NUMBERS64  # number(), without the calls
        a, b = known.get(low), known.get(high)
        a = number(low, d) if a is None else a
        return CLIP(x, a, number(high, d) if b is None else b)
    return elementwise.clamp(np, x, low, high)


def any(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether an element is true."""
    if dim is None and not keepdim and x.dtype is BOOL and x.size:
        return np.array(x.item(x.argmax()))  # stops at the first
    return reductions.any(np, x, dim, keepdim)


def all(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether every element is true."""
    if dim is None and not keepdim and x.dtype is BOOL and x.size:
        return np.array(x.item(x.argmin()))
    return reductions.all(np, x, dim, keepdim)


def matmul(x: Any, y: Any) -> Any:
    """Matrix product; of matrices and vectors by the method, which costs less than the ufunc."""
    d = x.dtype
    if (d is F32 or d is F64) and y.dtype is d:
        if x.ndim > 2 and y.ndim == 2 and x.flags.c_contiguous:
            m, n = x.shape[-2:]
            if x.size > 8 * m * n and n == len(y):  # many small ones: as one matrix
                return matmul(x.reshape(-1, n), y).reshape(*x.shape[:-1], y.shape[1])
        if x.size > LARGE or y.size > LARGE:
            out = products.matmul(x, y)
            if out is not None:
                return out
        if x.ndim == 2 and 0 < y.ndim < 3 or x.ndim == y.ndim == 1:
            return x.dot(y)
        if x.size + y.size > FEW and x.ndim > 1 < y.ndim and x.shape[-1] == y.shape[-2] == 1:
            out = multiply(x, y)  # outer products
            return add(out, number(0, d), out)  # no -0.0
    return reductions.matmul(np, x, y)


def remainder(x: Any, y: Any) -> Any:
    """Remainder with the divisor's sign."""
    if type(y) is type(x) is np.ndarray and not y.ndim and x.dtype is y.dtype is I64 and y:
        if x.size > 256:  # division by one number is quick, its remainder is not
            r = np.floor_divide(x, y)
            return subtract(x, multiply(r, y, r), r)
        return np.remainder(x, y)
    return elementwise.remainder(np, x, y)


def floor_divide(x: Any, y: Any) -> Any:
    """Quotient rounded down."""
    if type(y) is type(x) is np.ndarray and not y.ndim and x.dtype is y.dtype is I64 and y:
        return np.floor_divide(x, y)
    return elementwise.floor_divide(np, x, y)


def contiguous(x: Any) -> Any:
    """x, copied unless its memory is in order."""
    return x.copy() if x.size <= 1 << 16 else shapes.contiguous(np, x)


@functools.lru_cache(16)
def unit_rows(n: int) -> Any:
    return np.eye(n, dtype=np.int64)


def one_hot(index: Any, n: int) -> Any:
    """Rows of n with a one at index (int64, any shape); IndexError for what lies outside. n: -1
    for one more than the largest.
    """
    places = index.view(U64)  # a negative number, read as unsigned, is larger than any class
    top = places.item(places.argmax())
    if n == -1 and top < FEW:
        n = top + 1
    if top >= n:
        raise IndexError
    if n <= 256:
        return unit_rows(n).take(index, 0)
    return np.equal(index[..., None], np.arange(n)).astype(np.int64)


def astype(x: Any, dtype: Any) -> Any:
    """x in a dtype."""
    d = x.dtype
    plain = dtype is F32 or dtype is F64 or dtype is I64
    if plain and (d is F32 or d is F64 or d is I64) and x.ndim:
        return x.astype(dtype)
    return elementwise.astype(np, x, dtype)


WORDS = {
    f.__name__: f
    for f in (
        sum, mean, amax, amin, logsumexp, cumsum, cumsum_back, argsort, gather, take,
        put_add, sum_all, mean_all, scatter_add, flip, tril, triu, cat, stack, clamp, any, all,
        matmul, astype, remainder, floor_divide, contiguous, copy, one_hot,
    )
}  # fmt: skip
topk_indices = functools.partial(sorting.settled_topk, ranked_first)
WORDS |= {"where": np.where, "argmax": argmax, "argmin": argmin, "topk_indices": topk_indices}
