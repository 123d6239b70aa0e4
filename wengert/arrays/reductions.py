"""Words that reduce along dimensions, scan, sort and multiply matrices. First argument: the
library.
"""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes

from ..kernels import ordering
from ..kernels.halves import converted
from .capabilities import ON_HOST
from .numpy_direct import library as np
from .summation import add_up, running

__all__ = [
    "sum",
    "mean",
    "sum_all",
    "mean_all",
    "prod",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "any",
    "all",
    "cumsum",
    "cumsum_back",
    "cumprod",
    "matmul",
    "argsort",
    "logsumexp",
]

BF16 = np.dtype(ml_dtypes.bfloat16)
F16, F32, F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
C32 = np.dtype(ml_dtypes.complex32)
LOW = {BF16: F32, F16: F32, C32: np.dtype(np.complex64)}  # in which they are accumulated


def sum(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Sum; integers and bool give int64, half precision is accumulated in float32."""
    d = x.dtype
    if x.ndim == 0:
        return x if d.kind in "fcVW" else x.astype(np.int64)
    if d.kind == "f" and d is not F16 or d.kind == "c":
        return add_up(lib, x, dim, keepdim)
    if d in LOW:
        return add_up(lib, converted(x, LOW[d]), dim, keepdim).astype(d)
    if d.kind == "b" and dim is None and lib in ON_HOST:  # counted, not added up
        n = np.count_nonzero(x)
        return np.full((1,) * x.ndim, n) if keepdim else np.int64(n)
    return lib.add.reduce(x, dim, np.int64, None, keepdim)


def mean(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Mean of a floating array."""
    if x.ndim == 0 and x.dtype.kind not in "iub":
        return x.copy()
    if dim is None or not x.ndim:
        n = x.size
    elif type(dim) is int:
        n = x.shape[dim]
    else:
        n = math.prod([x.shape[i] for i in dim])
    d = x.dtype
    if d in LOW:
        return (add_up(lib, converted(x, LOW[d]), dim, keepdim) / np.float32(n)).astype(d)
    if d.kind in "iub":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            "or complex "
            f"dtype. Got: {d}. Convert with .float(), or pass dtype=torch.float32."
        )
    return lib.true_divide(add_up(lib, x, dim, keepdim), d.type(n))


def sum_all(lib: Any, x: Any) -> Any:
    """Sum of every element."""
    d = x.dtype
    return add_up(lib, x) if (d is F32 or d is F64) and x.ndim else sum(lib, x)


def mean_all(lib: Any, x: Any) -> Any:
    """Mean of every element."""
    d = x.dtype
    return add_up(lib, x) / d.type(x.size) if (d is F32 or d is F64) and x.ndim else mean(lib, x)


def prod(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Product; integers and bool give int64."""
    d = x.dtype
    if d in LOW:
        return lib.multiply.reduce(converted(x, LOW[d]), dim, None, None, keepdim).astype(d)
    return lib.multiply.reduce(x, dim, None if d.kind in "fc" else np.int64, None, keepdim)


def amax(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return lib.maximum.reduce(x, dim, None, None, keepdim)


def amin(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return lib.minimum.reduce(x, dim, None, None, keepdim)


def argmax(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if x.dtype == BF16:
        x = converted(x, F32)
    return x.argmax(dim, keepdims=keepdim) if x.ndim else lib.zeros((), np.int64)


def argmin(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if x.dtype == BF16:
        x = converted(x, F32)
    return x.argmin(dim, keepdims=keepdim) if x.ndim else lib.zeros((), np.int64)


def any(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    out = lib.logical_or.reduce(x, dim, None, None, keepdim)
    return out.astype(np.uint8) if x.dtype == np.uint8 else out


def all(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    out = lib.logical_and.reduce(x, dim, None, None, keepdim)
    return out.astype(np.uint8) if x.dtype == np.uint8 else out


def cumsum(lib: Any, x: Any, dim: int = 0) -> Any:
    return running(lib, lib.add, x, dim)


def cumsum_back(lib: Any, x: Any, dim: int = 0) -> Any:
    """Sums from each position to the end."""
    return lib.flip(running(lib, lib.add, lib.flip(x, dim), dim), dim) if x.ndim else x.copy()


def cumprod(lib: Any, x: Any, dim: int = 0) -> Any:
    return running(lib, lib.multiply, x, dim)


def matmul(lib: Any, x: Any, y: Any) -> Any:
    """Matrix product with batch broadcasting; half precision through float32, integers exactly."""
    d = x.dtype
    if d in LOW:
        return converted(lib.asarray(lib.matmul(converted(x, LOW[d]), converted(y, LOW[d]))), d)
    if d.kind in "iu" and x.size > 256 and x.shape[-1] * largest(x) * largest(y) < 2**53:
        # every partial sum fits a double: exact, and BLAS does it
        return lib.matmul(x.astype(np.float64), y.astype(np.float64)).astype(np.int64).astype(d)
    return lib.matmul(x, y)


def largest(x: Any) -> int:
    """The largest absolute value of an integer array."""
    if not x.size:
        return 0
    low, high = int(x.min()), int(x.max())
    return high if high > -low else -low


# how many of the last bits are the same in all numbers of a half precision, as float32
SAME_BITS = {BF16: 16, np.dtype(np.float16): 13}


def argsort(lib: Any, x: Any, dim: int = -1, descending: bool = False) -> Any:
    """Indices that sort (stable); nan counts as largest."""
    low = 0
    if x.dtype in SAME_BITS:
        x, low = converted(x, F32), SAME_BITS[x.dtype]
    if x.ndim == 0:
        return lib.zeros((), np.int64)
    if lib in ON_HOST and (found := ordering.argsort(x, dim, descending, low)) is not None:
        return found
    if not descending:
        return sorted_places(lib, x, dim)
    back = (slice(None),) * (dim % x.ndim) + (slice(None, None, -1),)
    return x.shape[dim] - 1 - sorted_places(lib, x[back], dim)[back]


def sorted_places(lib: Any, x: Any, dim: int) -> Any:
    """Indices that sort, stably, from the smallest on."""
    return x.argsort(dim, "stable") if lib in ON_HOST else lib.argsort(x, dim, kind="stable")


def logsumexp(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """log sum exp(x), shifted by the maximum where that is finite."""
    if x.ndim == 0:
        return x.copy()
    d = x.dtype
    if d in LOW:
        return lib.asarray(logsumexp(lib, converted(x, LOW[d]), dim, keepdim).astype(d))
    m = lib.maximum.reduce(x, dim, None, None, True, initial=-math.inf)
    m = lib.where(lib.isfinite(m), m, d.type(0))
    s = lib.log(add_up(lib, lib.exp(x - m), dim, True)) + m
    if keepdim:
        return s
    return s.reshape(
        tuple([n for i, n in enumerate(x.shape) if not (dim is None or i in _dims(dim, x.ndim))])
    )


def _dims(dim: Any, ndim: int) -> set[int]:
    return {d % ndim for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
