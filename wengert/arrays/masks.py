"""Words that read and write where a mask is true, in order. First argument: the library.

A mask with fewer or shorter dimensions is repeated to the array's shape; ValueError where it does
not fit, or a source has too few elements. `where` and `masked_fill` are with the elementwise words.
"""

from __future__ import annotations

from typing import Any

from .capabilities import ON_HOST
from .shapes import expand

__all__ = ["masked_scatter", "masked_select", "masked_source"]

LEAST = 1 << 12  # elements


def _places(lib: Any, mask: Any, n: int) -> Any:
    """Flat places of the n elements where mask is true, if they are quicker than the mask: where
    true and false take turns, a processor guesses wrong for every other element of a mask.
    """
    size = mask.size
    if lib not in ON_HOST or size < LEAST or not size >> 6 < n < size - (size >> 3):
        return None
    return lib.flatnonzero(mask)


def masked_select(lib: Any, x: Any, mask: Any) -> Any:
    """The elements where mask is true, as a vector."""
    if mask.shape != x.shape:
        mask = expand(lib, mask, x.shape)
    at = None
    if mask.size >= LEAST and x.flags.c_contiguous:
        at = _places(lib, mask, int(lib.count_nonzero(mask)))
    return x[mask] if at is None else x.reshape(-1).take(at)


def masked_scatter(lib: Any, x: Any, mask: Any, source: Any) -> Any:
    """A copy of x with the first elements of source, in order, where mask is true."""
    if mask.shape != x.shape:
        mask = expand(lib, mask, x.shape)
    out = lib.array(x, order="C")
    n = int(lib.count_nonzero(mask))
    values = source.reshape(-1)
    if values.size < n:
        raise ValueError(f"{n} elements are wanted, {values.size} given")
    at = _places(lib, mask, n)
    if at is None:
        out[mask] = values[:n]
    else:
        out.reshape(-1)[at] = values[:n]
    return out


def masked_source(lib: Any, g: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of shape whose first elements are those of g where mask is true."""
    out = lib.zeros(shape, g.dtype)
    values = masked_select(lib, g, mask)
    out.reshape(-1)[: values.size] = values
    return out
