"""How indexing and gathering take a batch dimension in front (vmap)."""

from __future__ import annotations

from typing import Any

from ...engine.op import OPS
from ..batching import at_places
from . import gather, indexing, slices

DEFINED = (gather, indexing, slices)  # what the ops below come from
BASIC = "getitem select_item unsqueeze_item alias_item split_item sizes_item unbind_item"


def whole(key: Any) -> tuple[Any, ...]:
    return (slice(None), *(key if type(key) is tuple else (key,)))


for _name in BASIC.split():
    OPS[_name].batch(lambda xp, size, flags, x, key: xp.getitem(x, whole(key)))
OPS["put_basic"].batch(
    lambda xp, size, flags, g, shape, key: xp.put_basic(g, (size, *shape), whole(key))
)
OPS["select"].batch(
    lambda xp, size, flags, x, dim, index: xp.select(x, dim % (x.ndim - 1) + 1, index)
)
for _name in [
    "gather",
    "scatter_add",
    "scatter_set",
    "scatter_filled",
    "scatter_join",
    "scatter_extreme",
]:
    at_places(OPS[_name])


def _index_select(xp, size, flags, x, index, dim):
    n = x.ndim - flags[0]
    if flags[1] or not n:
        return NotImplemented
    return xp.index_select(x, index, dim % n + 1)


OPS["index_select"].batch(_index_select)


def together(spec: tuple[Any, ...]) -> bool:
    """Whether a key's index arrays stand side by side, so that their dimensions stay in place."""
    at = [i for i, k in enumerate(spec) if type(k) is str]
    return at == [*range(at[0], at[-1] + 1)] and all(type(k) in (str, slice) for k in spec)


def _take(xp, size, flags, x, *indices, spec):
    if flags[0] and not any(flags[1:]) and together(spec):
        return xp.take(x, *indices, spec=(slice(None), *spec))
    if not flags[0] and len(indices) == 1 and type(spec[0]) is str:
        return xp.take(x, *indices, spec=spec)
    return NotImplemented


def _put_add(xp, size, flags, g, *indices, shape, spec):
    if any(flags[1:]) or not together(spec):
        return NotImplemented
    return xp.put_add(g, *indices, shape=(size, *shape), spec=(slice(None), *spec))


OPS["take"].batch(_take)
OPS["put_add"].batch(_put_add)
