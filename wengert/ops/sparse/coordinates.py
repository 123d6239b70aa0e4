"""Coordinates of stored elements: as one number each, and rows of a matrix as where they begin."""

from __future__ import annotations

import math
from typing import Any

from ...engine.tensor import Tensor
from ..creation.spaced import arange
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
    """Where each of n rows begins among sorted row numbers (*batch, nnz), and their count at the
    end: (*batch, n + 1).
    """
    batch = tuple(major._a.shape[:-1])
    count = math.prod(batch)
    flat = major.long().reshape(count, major._a.shape[-1])
    flat = flat + arange(count, device=major.device).unsqueeze(1) * n
    each = flat.reshape(-1).bincount(minlength=count * n).reshape(*batch, n)
    return cat([each.new_zeros((*batch, 1)), each.cumsum(-1)], -1).to(major.dtype)
