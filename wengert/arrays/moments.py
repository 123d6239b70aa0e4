"""Variances and Euclidean norms of NumPy's plain float arrays, by products with ones."""

from __future__ import annotations

import functools
import math
from typing import Any

from ..kernels import variance as variances
from .numpy_direct import library as np
from .numpy_fast_paths import (
    BLOCK,
    F32,
    F64,
    FEW,
    LONGEST,
    block,
    divide,
    mean,
    multiply,
    number,
    ones,
    subtract,
    sum_all,
)
from .numpy_fast_paths import sum as sum_of


def variance(x: Any, dim: Any, correction: Any, keepdim: bool, root: bool = False) -> Any:
    """The variance of real elements, or its root; None where that is no case for here."""
    d = x.dtype
    if not (d is F32 or d is F64):
        return None
    if x.ndim != 2 and x.ndim and dim is not None and x.size <= LONGEST:
        sizes, n, shape = block(x.shape, dim, keepdim)
        if 1 in sizes[::2]:
            if n > correction and x.flags.c_contiguous:  # as of a matrix
                last = sizes[2] == 1
                y = x.reshape((-1, n) if last else (n, -1))
                return variance(y, 1 if last else 0, correction, False, root).reshape(shape)
        elif (found := inner(x.shape, dim, keepdim)) and found[0] > correction:
            n, order, shape = found
            y = x.transpose(order).reshape(-1, n)
            return variance(y, 1, correction, False, root).reshape(shape)
    n = x.size if dim is None else x.shape[dim] if type(dim) is int and x.ndim else 0
    flat = dim is None and x.ndim
    along = x.ndim == 2 and dim in (1, -1)
    if n > correction and (flat or along or x.ndim == 2 and x.size <= LONGEST):
        y = x.reshape(1, -1) if flat else x if along else x.T
        r = variances.rows(y, n - correction, root)
        if r is not None:
            if flat:
                return r.reshape((1,) * x.ndim if keepdim else ())
            return r if not keepdim else r[:, None] if along else r[None]
    if not n or n <= correction or not (x.ndim == 2 or flat) or x.size > LONGEST:
        return careful_variance(x, dim, correction, keepdim, root)
    # the mean may be far larger than the deviation, and that of equal numbers is theirs
    x = x.astype(F64) if d is F32 else subtract(x, first(x, dim))
    if dim is None:
        away = x.reshape(-1)
        away = subtract(away, divide(away.dot(ones(n, F64)), n))
        r = divide(away.dot(away), n - correction)
        r = np.asarray(np.sqrt(r) if root else r, d)
        return r.reshape((1,) * x.ndim) if keepdim else r
    if n > FEW:
        away = subtract(x, mean(x, dim, True))
        r = sum_of(multiply(away, away, away), dim, keepdim)
    else:  # sum_of() and mean(), without the calls
        one = ones(n, F64)
        m = x.dot(one) if dim else np.dot(one, x)
        divide(m, number(n, F64), m)
        away = subtract(x, m[:, None] if dim else m, x)
        multiply(away, away, away)
        if d is F32:
            one = shares(n, n - correction)
        r = away.dot(one) if dim else np.dot(one, away)
        if keepdim:
            r = r[:, None] if dim else r[None]
    if d is F64 or n > FEW:
        r = divide(r, number(n - correction, F64), r)
    return (np.sqrt(r, r) if root else r).astype(d)


@functools.lru_cache(256)
def inner(shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """(elements of each variance, the dimensions with those of a variance last, the result's
    shape) of variances over a few dimensions; None where they are of nothing.
    """
    nd = len(shape)
    dims = sorted({d % nd for d in ((dim,) if type(dim) is int else dim)})
    rest = [d for d in range(nd) if d not in dims]
    n = math.prod([shape[d] for d in dims])
    kept = [1 if d in dims else s for d, s in enumerate(shape) if keepdim or d not in dims]
    return (n, (*rest, *dims), tuple(kept)) if math.prod(shape) else None


@functools.lru_cache(256)
def shares(n: int, by: float) -> Any:
    """n times 1 / by, in double precision."""
    return np.full(n, 1 / by)


def first(x: Any, dim: Any) -> Any:
    """The first elements along dim: less these, equal numbers are 0, as their mean is."""
    dims = range(x.ndim) if dim is None else (dim,) if type(dim) is int else dim
    key = [slice(None)] * x.ndim
    for i in dims:
        key[i] = slice(0, 1)
    return x[tuple(key)]


def careful_variance(x: Any, dim: Any, correction: Any, keepdim: bool, root: bool) -> Any:
    """The variance by distances from the mean, and by those corrected for the rounding of it."""
    d = x.dtype
    total = sum_all(x).reshape((1,) * x.ndim) if dim is None else sum_of(x, dim, True)
    n = x.size // total.size if total.size else 0
    if not n or not x.ndim:
        return None
    if d is F64:
        x = subtract(x, first(x, dim))
        total = sum_of(x, dim, True)
    away = subtract(x, divide(total, number(n, d)))
    rest = sum_of(away, dim, keepdim)
    multiply(away, away, away)
    r = subtract(sum_of(away, dim, keepdim), multiply(rest, divide(rest, number(n, d))))
    r = divide(r, number(max(n - correction, 0), d))
    # squares may be too large or too small where the result is neither
    if d is F32 and not (np.isfinite(r).all() and (not root or r.min(initial=1) >= 1e-30)):
        return careful_variance(x.astype(F64), dim, correction, keepdim, root).astype(F32)
    return np.sqrt(r) if root else r


def norm2(x: Any) -> Any:
    """The Euclidean norm of all elements; None where that is no case for here."""
    d = x.dtype
    if (d is F32 or d is F64) and x.size and x.ndim and x.flags.c_contiguous:
        flat, n = x.reshape(-1), x.size
        if n <= LONGEST:
            return np.sqrt(flat.dot(flat))
        parts = [flat[i : i + BLOCK] for i in range(0, n, BLOCK)]
        return np.asarray(math.sqrt(math.fsum([float(p.dot(p)) for p in parts])), d)
    return None


WORDS = {"variance": variance, "norm2": norm2}
