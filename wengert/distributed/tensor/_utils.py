"""torch.distributed.tensor._utils: where a rank's part of a tensor lies in the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .placement_types import Shard, rows_of

__all__ = ["compute_local_shape_and_global_offset"]


def compute_local_shape_and_global_offset(
    global_shape: Sequence[int], mesh: Any, placements: Sequence[Any], skip_offset: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of this rank's part, and the place of its first element in the whole tensor."""
    shape, offset = list(global_shape), [0] * len(global_shape)
    where = mesh.get_coordinate()
    if where is None:
        return (0,), ()
    for dim, placement in enumerate(placements):
        if isinstance(placement, Shard):
            first, end = rows_of(shape[placement.dim], mesh.size(dim), where[dim])
            shape[placement.dim] = end - first
            offset[placement.dim] += first
    return tuple(shape), () if skip_offset else tuple(offset)
