"""Words that write whole slices of one dimension at an index vector. First argument: the library.

`at` is the dimension, counted from 0. Arrays without dimensions have one slice, themselves. Reading
slices is `take` of `shapes.py`.
"""

from __future__ import annotations

from typing import Any

from .shapes import index_put

__all__ = ["slices_added", "slices_filled", "slices_joined", "slices_put"]

ALL = slice(None)


def slices_put(lib: Any, x: Any, index: Any, source: Any, at: int = 0) -> Any:
    """A copy of x (which may be a scalar) with the slices of source at index."""
    out = lib.array(x, order="C")
    if x.ndim:
        out[(ALL,) * at + (index,)] = source
    elif index.size:
        out[...] = source.reshape(-1)[-1]
    return out


def slices_filled(lib: Any, x: Any, index: Any, at: int = 0, value: Any = 0) -> Any:
    """A copy of x with a number in the slices at index."""
    out = lib.array(x, order="C")
    if x.ndim:
        out[(ALL,) * at + (index,)] = value
    elif index.size:
        out[...] = value
    return out


def slices_added(lib: Any, x: Any, index: Any, source: Any, at: int = 0, alpha: Any = 1) -> Any:
    """A copy of x with alpha times the slices of source added at index."""
    if alpha != 1:
        source = source * alpha
    if x.ndim and index.size > 1:
        spec = (ALL,) * at + ("array",)
        return index_put(lib, x, source, index, spec=spec, accumulate=True)
    return one_joined(lib, x, index, source, at, lib.add)


def one_joined(lib: Any, x: Any, index: Any, source: Any, at: int, join: Any) -> Any:
    """A copy of x with at most one slice joined in."""
    out = lib.array(x, order="C")
    if index.size:
        i = index.item()
        part = out[(ALL,) * at + (slice(i, i + 1 or None),)] if x.ndim else out
        join(part, source.reshape(part.shape), part)
    return out


def slices_joined(lib: Any, x: Any, index: Any, source: Any, at: int = 0, how: str = "") -> Any:
    """A copy of x with the slices of source joined in at index by a ufunc (multiply, maximum,
    minimum).
    """
    if x.ndim and index.size > 1:
        out = lib.array(x, order="C")
        join = getattr(lib, f"{how}_at", None) or getattr(lib, how).at
        join(out, (ALL,) * at + (index,), source)
        return out
    return one_joined(lib, x, index, source, at, getattr(lib, how))
