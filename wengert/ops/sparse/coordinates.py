"""Coordinates of stored elements: as one number each, and rows of a matrix as where they begin."""

from __future__ import annotations

from typing import Any

from ...engine.tensor import Tensor
from ..shape.join import cat, stack


def flat_index(indices: Tensor, sizes: Any) -> Tensor:
    """Positions in the flattened tensor of coordinates (d, n)."""
    flat = indices.new_zeros(indices._a.shape[1])
    for i, s in zip(indices.unbind(0), sizes):
        flat = flat * s + i
    return flat


def unflat_index(flat: Tensor, sizes: Any) -> Tensor:
    """Coordinates (d, n) of positions in the flattened tensor."""
    rows = []
    for s in reversed(tuple(sizes)):
        rows.append(flat % s)
        flat = flat // s
    return stack(rows[::-1], 0) if rows else flat.new_zeros((0, flat._a.shape[0]))


def pointers(major: Tensor, n: int) -> Tensor:
    """Where each of n rows begins among sorted row numbers, and their count at the end."""
    return cat([major.new_zeros(1), major.bincount(minlength=n).cumsum(0)], 0)
