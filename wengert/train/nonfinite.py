"""A loss that is NaN or infinite: in which batch, and where it was born."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..autodiff.anomaly import kind, trap_nonfinite
from ..base.advice import advise
from ..base.modes import no_grad

__all__ = ["NonFiniteWarning", "warn_of_loss"]


class NonFiniteWarning(UserWarning):
    """A loss was NaN or infinite."""


def warn_of_loss(
    loss: float, where: str, net: Any, x: Any, y: Any, again: Callable[[], Any]
) -> None:
    """Warn of a loss; `again` computes it once more from the weights that gave it."""
    what = "NaN" if math.isnan(loss) else "infinite"
    text = f"the loss is {what} in {where}: {origin(net, x, y, again)}"
    advise(text, NonFiniteWarning)


def origin(net: Any, x: Any, y: Any, again: Callable[[], Any]) -> str:
    """Where a value that is not finite comes from."""
    for name, t in (("the samples", x), ("the targets", y)):
        bad = kind(t._a) if hasattr(t, "_a") else ""
        if bad:
            rows = (~t.isfinite()).reshape(len(t), -1).any(1).nonzero().flatten().tolist()
            shown = ", ".join(map(str, rows[:5])) + ", ..." * (len(rows) > 5)
            return f"{name} of this batch have {bad} (rows {shown})"
    for name, p in net.module_.named_parameters():
        bad = kind(p._a)
        if bad:
            return (
                f"{name} has become {bad} in an earlier step: the gradients were too large, or "
                "not finite. A smaller lr, or torch.nn.utils.clip_grad_norm_, may help"
            )
    try:
        with no_grad(), trap_nonfinite():
            again()
    except RuntimeError as error:
        told = str(error).partition("\nThe forward pass")[0]  # what follows is for debuggers
        return "; ".join(line.strip() for line in told.splitlines())
    return "computed once more, it is finite: chance (dropout) has a part in it"
