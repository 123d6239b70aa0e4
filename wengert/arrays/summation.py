"""Sums whose rounding error stays that of a few additions, along every axis.

NumPy adds in pairs only along the axis that is innermost in memory; along any other it keeps a
running sum, which in single precision loses a digit for each ten to hundred rows. Here: `add_up`,
`np.add.reduce` without that, by cutting the axis into blocks. Not here: what sums are used for.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..kernels import summation as kernels
from .capabilities import ON_HOST

__all__ = ["add_up", "running"]

SHORT = 64  # terms that are as well added one after the other
WIDE = 2048  # sums that stay in a core's cache


@functools.lru_cache(64)
def ones(lib: Any, n: int, dtype: Any) -> Any:
    return lib.ones(n, dtype)


def add_up(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The sum of a floating or complex array over dim: an int, a tuple, or None for all.

    >>> float(add_up(np, np.full((100_000, 2), 0.125, "f4"), 0)[0])
    12500.0
    """
    shape, ndim = x.shape, x.ndim
    if lib in ON_HOST and x.size >= kernels.LEAST:
        dims = range(ndim) if dim is None else [dim] if type(dim) is int else dim
        order = sorted(d % ndim for d in dims)
        found = kernels.total(x, order)
        if found is not None:
            if keepdim:
                return found.reshape([1 if d in order else n for d, n in enumerate(shape)])
            return found
    if type(dim) is int and (shape[dim] <= SHORT or innermost(x, dim)):
        return lib.add.reduce(x, dim, None, None, keepdim)
    if type(dim) is tuple and math.prod([shape[d] for d in dim]) <= SHORT:
        return lib.add.reduce(x, dim, None, None, keepdim)
    dims = range(ndim) if dim is None else [dim] if type(dim) is int else dim
    gone = sorted(d % ndim for d in dims)
    if x.size <= SHORT or (x.flags.c_contiguous and gone == [*range(ndim - len(gone), ndim)]):
        return lib.add.reduce(x, tuple(gone), None, None, keepdim)
    total = x
    while gone:  # from the last on; neighbours that lie in one stretch are one axis
        last = start = gone.pop()
        while gone and gone[-1] == start - 1 and total.flags.c_contiguous:
            start = gone.pop()
        size = total.shape
        merged = (*size[:start], math.prod(size[start : last + 1]), *size[last + 1 :])
        total = along(lib, total.reshape(merged), start)
    if keepdim:
        reduced = {d % ndim for d in dims}
        return total.reshape([1 if d in reduced else n for d, n in enumerate(shape)])
    return total


def innermost(x: Any, axis: int) -> bool:
    """Whether no other axis has neighbours that lie nearer in memory."""
    strides = x.strides
    return 0 < strides[axis] <= min(strides) or (axis == x.ndim - 1 and min(strides) != 0)


def along(lib: Any, x: Any, axis: int) -> Any:
    """The sum along one axis."""
    shape = x.shape
    n = shape[axis]
    if n <= SHORT or innermost(x, axis):
        return lib.add.reduce(x, axis)
    if not x.strides[axis]:  # one element, over and over
        return x.take(0, axis) * x.dtype.type(n)
    if x.dtype.kind == "f" and x.flags.c_contiguous:
        before, beside = shape[:axis], shape[axis + 1 :]
        y = columns(lib, x.reshape(math.prod(before), n, math.prod(beside)))
        return y.reshape(*before, *beside)
    whole = n - n % SHORT
    head, tail = (
        (slice(None),) * axis + (slice(whole),),
        (slice(None),) * axis + (slice(whole, None),),
    )
    blocks = x[head].reshape(*shape[:axis], n // SHORT, SHORT, *shape[axis + 1 :])
    total = along(lib, lib.add.reduce(blocks, axis + 1), axis)
    return total + lib.add.reduce(x[tail], axis) if whole < n else total


def columns(lib: Any, x: Any) -> Any:
    """The sums along the second axis of a contiguous real array (k, n, m), by products with ones.

    A product adds few numbers to each of many sums, which BLAS does several times faster than the
    ufunc; so where m is small, parts of the axis stand beside each other.
    """
    k, n, m = x.shape
    if n <= SHORT:
        return lib.matmul(ones(lib, n, x.dtype), x)
    beside = max(1, min(WIDE // max(m, 1), n // SHORT))
    whole = n - n % (SHORT * beside)
    part = x[:, :whole].reshape(-1, SHORT, beside * m)
    sums = lib.matmul(ones(lib, SHORT, x.dtype), part)
    total = columns(lib, sums.reshape(k, whole // SHORT, m))
    return total + columns(lib, x[:, whole:]) if whole < n else total


def running(lib: Any, ufunc: Any, x: Any, dim: int) -> Any:
    """Cumulative sums or products: in double precision; of integers and bool in int64."""
    d = x.dtype
    if x.ndim == 0:
        return x.copy() if d.kind in "fcVW" else x.astype(np.int64)
    if d.kind in "iub":
        return ufunc.accumulate(x, dim, np.int64)
    wide = ufunc.accumulate(x, dim, np.complex128 if d.kind in "cW" else np.float64)
    return wide.astype(d, copy=False)
