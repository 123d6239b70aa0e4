"""What the rules of several ops for a batch dimension in front (vmap) have in common.

Elementwise ops and reductions need no rule; the others' stand with the ops, or in `batching.py` of
their folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.lookup import namespace
from ..engine.interp import run_op
from ..engine.op import Op


def front(x: Any, flag: bool, size: int) -> Any:
    """x with the batch in front, repeated if it is not batched."""
    if flag:
        return x
    xp = namespace(x)
    return xp.expand(xp.reshape(x, (1, *tuple(x.shape))), (size, *tuple(x.shape)))


def same_way(word: str) -> Callable[..., Any]:
    """The rule of ops to which a further dimension makes no difference."""

    def rule(xp: Any, size: int, flags: Any, x: Any, **static: Any) -> Any:
        return getattr(xp, word)(x, **static)

    return rule


def at_places(op: Op) -> None:
    """Ops that read or write along a dim at the places of an index."""

    def rule(xp, size, flags, *arrays, dim, **static):
        n = arrays[0].ndim - flags[0]
        if not n:
            return NotImplemented
        values = [front(a, f, size) for a, f in zip(arrays, flags)]
        return run_op(op, values, {**op.static, **static, "dim": dim % n + 1})

    op.batch(rule)


def on_last_dimensions(o: Any) -> Any:
    """Give an op of the last dimensions its vmap rule: a batch in front is nothing to it."""

    def rule(xp: Any, size: int, flags: list[bool], x: Any, **static: Any) -> Any:
        return run_op(o, (x,), static)

    return o.batch(rule)
