"""Words that read and write where a mask is true, in order. First argument: the library.

A mask with fewer or shorter dimensions is repeated to the array's shape; ValueError where it does
not fit, or a source has too few elements. `where` and `masked_fill` are with the elementwise words.
"""

from __future__ import annotations

from typing import Any

from .shapes import expand

__all__ = ["masked_scatter", "masked_select", "masked_source"]


def masked_select(lib: Any, x: Any, mask: Any) -> Any:
    """The elements where mask is true, as a vector."""
    return x[mask if mask.shape == x.shape else expand(lib, mask, x.shape)]


def masked_scatter(lib: Any, x: Any, mask: Any, source: Any) -> Any:
    """A copy of x with the first elements of source, in order, where mask is true."""
    if mask.shape != x.shape:
        mask = expand(lib, mask, x.shape)
    out = lib.array(x, order="C")
    n = int(lib.count_nonzero(mask))
    values = source.reshape(-1)
    if values.size < n:
        raise ValueError(f"{n} elements are wanted, {values.size} given")
    out[mask] = values[:n]
    return out


def masked_source(lib: Any, g: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of shape whose first elements are those of g where mask is true."""
    out = lib.zeros(shape, g.dtype)
    values = masked_select(lib, g, mask)
    out.reshape(-1)[: values.size] = values
    return out
