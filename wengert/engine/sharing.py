"""Who else sees the memory of a gradient: what nobody sees may be kept, or changed in place."""

from __future__ import annotations

from sys import getrefcount
from typing import Any

from ..arrays.capabilities import writeable
from ..arrays.lookup import LIBRARY, PER_DEVICE, RANK


def counts(g: Any) -> tuple[int, int]:
    """References to g, and to the array that it is a view of."""
    base = g.base
    return getrefcount(g), getrefcount(base)


class _Probe:
    """Stands for a gradient that only the pass itself holds."""

    def __init__(self, base: Any) -> None:
        self.base = base


def _handed_on(g: Any) -> tuple[int, int]:
    return counts(g)


def _alone() -> tuple[int, int]:
    g = _Probe(_Probe(None))
    return _handed_on(g)


# what counts() gives in accumulate_grad for memory that nobody else can see; Python versions differ
ALONE, ALONE_BASE = _alone()


def shared(of: tuple[int, int], g: Any) -> bool:
    """Whether somebody else may see g's memory, or g is not all of it. of: counts(g)."""
    base = g.base
    if of[0] > ALONE or base is None:
        return of[0] > ALONE
    whole = base.base is None and g.nbytes == base.nbytes and g.flags.c_contiguous
    # A single element that was expanded is read-only.
    return not whole or of[1] > ALONE_BASE or 0 in g.strides or not writeable(g)


def addable(grads: dict[Any, Any], p: Any, g: Any) -> bool:
    """Whether g, or a gradient of g's dtype, may be added in place to the one that waits for p."""
    old = grads[p]
    t = type(old)
    return (
        t is type(g)
        and RANK.get(t, LIBRARY) == LIBRARY
        and t not in PER_DEVICE
        and old.dtype == g.dtype
        and old.shape == p.shape
        and bool(old.ndim)
        and writeable(old)
        and not shared(counts(old), old)
    )
