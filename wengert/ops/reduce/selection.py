"""Selections along one dimension with the places they came from, as one op each: what max, min,
sort and topk run for plain arrays (`minmax.py`). Interpreters compose the same from indices.
"""

from __future__ import annotations

from typing import Any

from ...engine.kinds import opaque
from ...engine.op import op


def back(xp: Any, g: Any, indices: Any, shape: Any, dim: int) -> Any:
    """The gradient of what was read at indices along dim."""
    return xp.scatter_add(xp.zeros(tuple(shape), g.dtype), indices, g, dim)


def _chosen_back(
    xp: Any, g_values: Any, indices: Any, x_shape: Any, dim: int, keepdim: bool
) -> Any:
    if not keepdim:
        g_values, indices = xp.unsqueeze(g_values, dim), xp.unsqueeze(indices, dim)
    return back(xp, g_values, indices, x_shape, dim)


def _extreme(name: str) -> Any:
    value, place = f"a{name}", f"arg{name}"

    @op(
        opaque,
        name=f"{name}_along",
        outputs="values indices",
        integer="indices",
        node=f"{name.capitalize()}Backward0",
    )
    def f(xp, x, dim=0, keepdim=False):
        return getattr(xp, value)(x, dim, keepdim), getattr(xp, place)(x, dim, keepdim)

    return f.vjp(x=_chosen_back)


max_along, min_along = _extreme("max"), _extreme("min")


@op(opaque, outputs="values indices", integer="indices", node="SortBackward0")
def sort_along(xp, x, dim=-1, descending=False):
    """x sorted along dim, stably, and where each element was."""
    i = xp.argsort(x, dim, descending)
    return xp.gather(x, i, dim), i


sort_along.vjp(
    x=lambda xp, g_values, indices, x_shape, dim: back(xp, g_values, indices, x_shape, dim)
)


@op(opaque, outputs="values indices", integer="indices", node="TopkBackward0")
def topk_along(xp, x, k=1, dim=-1, largest=True):
    """The k largest (or smallest) elements along dim, and where they were."""
    i = xp.topk_indices(x, k, dim, largest)
    return xp.gather(x, i, dim), i


topk_along.vjp(
    x=lambda xp, g_values, indices, x_shape, dim: back(xp, g_values, indices, x_shape, dim)
)


def chosen(xp: Any, x: Any, place: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """(the elements of x at places along dim, the places)."""
    i = xp.unsqueeze(place, dim)
    v = xp.gather(x, i, dim)
    return (v, i) if keepdim else (xp.squeeze(v, (dim,)), place)


def _along(name: str, word: str) -> Any:
    @op(
        opaque,
        name=f"{name}_along",
        outputs="values indices",
        integer="indices",
        node=f"{name.capitalize()}Backward0",
    )
    def f(xp, x, dim=-1, keepdim=False):
        return chosen(xp, x, getattr(xp, word)(x, dim), dim, keepdim)

    f.doc = f"What {name}() gives along a dimension, and where it was."
    return f.vjp(x=_chosen_back)


mode_along = _along("mode", "mode_index")
median_along = _along("median", "median_index")
nanmedian_along = _along("nanmedian", "nanmedian_index")


@op(opaque, outputs="values indices", integer="indices", node="KthvalueBackward0")
def kthvalue_along(xp, x, k=1, dim=-1, keepdim=False):
    """The k-th smallest element along dim, and where it was."""
    return chosen(xp, x, xp.kth_index(x, k - 1, dim), dim, keepdim)


kthvalue_along.vjp(x=_chosen_back)
