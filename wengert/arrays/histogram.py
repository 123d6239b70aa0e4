"""Words that count and mix: histograms over bins, exclusive-or of bit patterns. First argument:
the library.
"""

from __future__ import annotations

import math
from typing import Any

from ..kernels import histogram
from .capabilities import ON_HOST
from .numpy_direct import library as np

__all__ = ["histogram_counts", "some_nonzero", "xor_bits"]


def histogram_counts(lib: Any, x: Any, *edges: Any, weighted: bool = False) -> Any:
    """How many of the points x (n, d) fall into each bin; the last bin of a dimension is closed.

    edges: d increasing arrays of m_i + 1 numbers; if weighted, then what each point counts. The
    result has the shape (m_1, ..., m_d) and x's dtype.
    """
    weight = None
    if weighted:
        *edges, weight = edges  # type: ignore[assignment]
    shape = tuple([max(e.shape[0] - 1, 0) for e in edges])
    if 0 in shape:
        return lib.zeros(shape, x.dtype)
    if lib in ON_HOST and (found := histogram.cells(x, weight, edges)) is not None:
        return found.astype(x.dtype)
    flat: Any = 0
    inside: Any = True
    for i, (e, n) in enumerate(zip(edges, shape)):
        column = x[:, i]
        place = lib.searchsorted(e, column, side="right") - 1
        place = lib.where(lib.equal(column, e[-1]), n - 1, place)
        inside = inside & ((place >= 0) & (place < n)) if i else (place >= 0) & (place < n)
        flat = flat * n + place if i else place
    counts = lib.bincount(
        flat[inside],
        None if weight is None else weight[inside].astype(np.float64),
        math.prod(shape),
    )
    return counts.astype(x.dtype).reshape(shape)


def some_nonzero(lib: Any, x: Any, size: int, fill: int) -> Any:
    """Coordinates of the first `size` non-zero elements, rows of `fill` where there are fewer."""
    rows = lib.argwhere(x)[:size].astype(np.int64)
    out = lib.full((size, x.ndim), fill, np.int64)
    out[: len(rows)] = rows
    return out


def xor_bits(lib: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The exclusive or of the elements' bits as 64-bit floating or integer numbers."""
    wide = x.astype(np.float64 if x.dtype.kind not in "iub" else np.int64)
    if x.ndim == 0:
        return wide.view(np.uint64)
    return lib.bitwise_xor.reduce(wide.view(np.uint64), dim, None, None, keepdim)
