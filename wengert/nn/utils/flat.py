"""Tensors of one dtype laid one after another in one, and cut out of it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...api import functions as T
from ...engine.tensor import Tensor

__all__: list[str] = []


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """The elements of all tensors in one of one dimension."""
    return T.cat([t.reshape(-1) for t in tensors]) if len(tensors) else T.zeros(0)


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Views of flat with the shapes of the tensors, one after another."""
    parts = flat.split([t.numel() for t in tensors])
    return tuple(part.view(t.shape) for part, t in zip(parts, tensors))


def _take_tensors(tensors: Sequence[Tensor], size_limit: int) -> Iterator[list[Tensor]]:
    """Groups of tensors of one dtype with at least size_limit bytes, the last ones smaller."""
    groups: dict[str, list[Tensor]] = {}
    for t in tensors:
        group = groups.setdefault(str(t.dtype), [])
        group.append(t)
        if sum(g.nbytes for g in group) >= size_limit:
            yield groups.pop(str(t.dtype))
    yield from groups.values()
