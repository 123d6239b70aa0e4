"""torchvision.transforms.v2._utils: what samples contain."""

from __future__ import annotations

from typing import Any

from ..transform import query_size

__all__ = ["has_all", "has_any", "query_size"]


def fits(x: Any, kind: Any) -> bool:
    """Whether a value is of a type, or passes a check."""
    return isinstance(x, kind) if isinstance(kind, type) else bool(kind(x))


def has_any(flat_inputs: list[Any], *types_or_checks: Any) -> bool:
    """Whether a sample has something of one of the kinds."""
    return any(fits(x, kind) for x in flat_inputs for kind in types_or_checks)


def has_all(flat_inputs: list[Any], *types_or_checks: Any) -> bool:
    """Whether a sample has something of each of the kinds."""
    return all(any(fits(x, kind) for x in flat_inputs) for kind in types_or_checks)
