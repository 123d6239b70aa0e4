"""Sizes given as one number or one for each dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["each"]


def each(value: Any, n: int) -> tuple[Any, ...]:
    """value for each of n dimensions: as it is if it is several, else repeated.

    >>> from wengert.nn.sizes import each
    >>> each(3, 2), each([1, 2], 2)
    ((3, 3), (1, 2))
    """
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(value)
    return (value,) * n


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """each() for n dimensions, under the names that PyTorch's layers use."""

    def parse(value: Any) -> tuple[Any, ...]:
        return each(value, n)

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: Iterable[Any], n: int) -> tuple[Any, ...]:
    """Padding of a convolution as F.pad wants it: last dimension first, both sides."""
    return tuple([x for x in reversed(tuple(t)) for _ in range(n)])


def _list_with_default(out_size: Iterable[Any], defaults: list[int]) -> list[int]:
    """Sizes with None replaced by those of defaults, aligned at the end."""
    sizes = list(each(out_size, 1))
    if len(defaults) <= len(sizes):
        raise ValueError(
            f"Input dimension should be at least {len(sizes) + 1}, got {len(defaults)} dimensions"
        )
    return [d if s is None else s for s, d in zip(sizes, defaults[-len(sizes) :])]
