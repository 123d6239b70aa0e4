"""Words that scan along a dimension: cumulative extremes and log-sums. First argument: the
library.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["cummax_raw", "cummin_raw", "logcumsumexp"]

BF16 = np.dtype(ml_dtypes.bfloat16)


def _extreme(lib: Any, x: Any, dim: int, ufunc: Any, wins: Any) -> tuple[Any, Any]:
    if x.ndim == 0:
        return x.copy(), lib.zeros((), np.int64)
    values = ufunc.accumulate(x, dim)
    n = x.shape[dim]
    shape = [1] * x.ndim
    shape[dim] = n
    position = lib.arange(n).reshape(shape)
    nan = lib.isnan(x) if x.dtype.kind in "fcVW" else None
    hit = x == values
    if nan is not None:
        hit |= nan
    index = lib.maximum.accumulate(lib.multiply(hit, position), dim)
    return values, index.astype(np.int64, copy=False)


def cummax_raw(lib: Any, x: Any, dim: int = 0) -> tuple[Any, Any]:
    """(largest so far, its index: the last one of equals)."""
    return _extreme(lib, x, dim, lib.maximum, None)


def cummin_raw(lib: Any, x: Any, dim: int = 0) -> tuple[Any, Any]:
    """(smallest so far, its index: the last one of equals)."""
    return _extreme(lib, x, dim, lib.minimum, None)


def logcumsumexp(lib: Any, x: Any, dim: int = 0) -> Any:
    """log of the cumulative sum of exp(x)."""
    if x.ndim == 0:
        return x.copy()
    if x.dtype in (BF16, np.dtype(np.float16)):
        return logcumsumexp(lib, x.astype(np.float32), dim).astype(x.dtype)
    if x.dtype.kind == "c":  # one at a time: a common shift would lose the small ones
        from .special import logaddexp

        out = x.copy()
        rows = lib.moveaxis(out, dim, 0)
        for i in range(1, len(rows)):
            rows[i] = logaddexp(lib, rows[i - 1], rows[i])
        return out
    return lib.logaddexp.accumulate(x, dim)
