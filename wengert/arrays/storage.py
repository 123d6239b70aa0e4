"""Words about the memory behind arrays: resizing, bytes, buffers and mapped files. First
argument: the library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .shapes import owner

__all__ = ["from_buffer", "map_file", "memory_of", "resized"]


def memory_of(lib: Any, x: Any) -> Any:
    """All the elements of the memory that x lies in, as a vector."""
    base = owner(x)
    if not base.flags.c_contiguous:  # what an index gives may lie in another order
        base = base.transpose(sorted(range(base.ndim), key=lambda d: -base.strides[d]))
    if not base.flags.c_contiguous or base.dtype != x.dtype and base.nbytes % x.itemsize:
        base = x if x.flags.c_contiguous else lib.ascontiguousarray(x)
    flat = base.reshape(-1)
    return flat if flat.dtype == x.dtype else flat.view(x.dtype)


def resized(lib: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """x's memory from its first element on as another shape; in larger memory if it does not
    suffice.
    """
    n = math.prod(shape)
    flat = memory_of(lib, x)
    start = offset(x, flat) if x.size else 0
    if start + n <= flat.size:
        return flat[start : start + n].reshape(shape)
    out = lib.zeros(n, x.dtype)
    out[: flat.size - start] = flat[start:]
    return out.reshape(shape)


def offset(x: Any, flat: Any) -> int:
    """The place of x's first element in a vector of its memory."""
    if not hasattr(x, "__array_interface__"):
        return (x.data.ptr - flat.data.ptr) // x.dtype.itemsize
    first, start = x.__array_interface__["data"][0], flat.__array_interface__["data"][0]
    return (first - start) // x.dtype.itemsize


def from_buffer(lib: Any, buffer: Any, dtype: Any, count: int, start: int) -> Any:
    """The numbers in a Python buffer, sharing its memory."""
    return lib.frombuffer(buffer, dtype=dtype, count=count, offset=start)


def map_file(lib: Any, path: str, dtype: Any, size: int, shared: bool) -> Any:
    """The first `size` numbers of a file; shared: what is written goes to the file, which grows
    if it is too short.
    """
    dtype = np.dtype(dtype)
    try:
        if shared:
            with open(path, "ab") as f:
                if f.tell() < size * dtype.itemsize:
                    f.truncate(size * dtype.itemsize)
        if size == 0:
            return lib.empty(0, dtype)
        return np.asarray(np.memmap(path, dtype, "r+" if shared else "c", shape=(size,)))
    except (OSError, ValueError, OverflowError) as error:
        raise RuntimeError(
            f"unable to map {size} numbers of {dtype} from file <{path}>: {error}"
        ) from error
