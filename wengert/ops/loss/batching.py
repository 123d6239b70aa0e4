"""How losses take a batch dimension in front (vmap): as losses of elements, reduced for each
example. Their gradients are written in the vocabulary and need no rule.
"""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import namespace
from ...autodiff.batched import aligned
from ...engine.interp import run_op
from ...engine.op import OPS, Op
from ..batching import front
from . import cross_entropy, likelihood, regression

DEFINED = (cross_entropy, likelihood, regression)  # what the ops below come from


def reduced(losses: Any, reduction: str, total: Any = None) -> Any:
    """Losses of a batch of examples: reduced, but not over the first dimension."""
    dims = tuple(range(1, losses.ndim))
    if reduction == "none" or not dims and total is None:
        return losses
    xp = namespace(losses)
    if reduction == "mean" and total is None:
        return xp.mean(losses, dims, False)
    sums = xp.sum(losses, dims, False) if dims else losses
    return sums / total if reduction == "mean" else sums


def _of_elements(op: Op) -> None:
    def rule(xp, size, flags, x, y, *weights, reduction, **static):
        values = [front(x, flags[0], size), front(y, flags[1], size), *weights]
        values = aligned(values, [True, True, *flags[2:]])
        parts = run_op(op, values, {**op.static, **static, "reduction": "none"})
        if len(op.names) == 1:
            return reduced(parts, reduction)
        return (reduced(parts[0], reduction), *parts[1:])

    op.batch(rule)


for _name in (
    "mse_loss",
    "huber_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "bce_loss",
    "bce_logits",
):
    _of_elements(OPS[_name])


def _of_classes(op: Op) -> None:
    """The examples' rows one below the other: the op knows (rows, classes, ...)."""

    def rule(xp, size, flags, x, target, weight, reduction, ignore, **static):
        if flags[2]:
            return NotImplemented
        x, target = front(x, flags[0], size), front(target, flags[1], size)
        shape, many = tuple(x.shape), x.ndim > 2
        rows = xp.reshape(x, (size * shape[1], *shape[2:])) if many else x
        classes = xp.reshape(target, (size * shape[1], *shape[3:])) if many else target
        values = {**op.static, **static, "reduction": "none", "ignore": ignore}
        losses = xp.reshape(run_op(op, (rows, classes, weight), values)[0], tuple(target.shape))
        share = xp.astype(xp.ne(target, ignore), x.dtype)  # each element's in the mean
        if weight is not None:
            seen = xp.where(xp.ne(target, ignore), target, xp.zeros_like(target))
            flat = xp.index_select(weight, xp.reshape(seen, (-1,)), 0)
            share = share * xp.reshape(flat, tuple(target.shape))
        total = reduced(share, "sum")
        between = (x,) * (len(op.names) - 2)  # hidden outputs that no rule reads here
        return (reduced(losses, reduction, total), *between, total)

    op.batch(rule)


_of_classes(OPS["cross_entropy"])
_of_classes(OPS["nll_loss"])
