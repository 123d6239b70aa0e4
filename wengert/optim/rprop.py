"""Rprop: steps that follow the sign of the gradient only."""

from __future__ import annotations

from typing import Any

from .checks import check_lr
from .optimizer import Optimizer, Params


class Rprop(Optimizer):
    """Every element has its own step size, which grows while the gradient keeps its sign.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: the first
    step size. etas: the factors for a changed and for a kept sign. step_sizes: the smallest and the
    largest step. maximize: ascend. foreach, capturable: accepted, the step is batched anyway.
    differentiable: record the step for autograd. Parameters have any shape. Raises ValueError for a
    negative lr and etas not around 1.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([3.0, -0.1])
    >>> torch.optim.Rprop([p], lr=0.5).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step",)
    assumed = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]} (they must be in (0, 1) and above 1)"
            )
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def start(self, p: Any, *, lr: float) -> dict[str, Any]:
        """No gradient yet; all step sizes are lr."""
        return {"step": 0.0, "prev": self.like(p, 0), "step_size": self.like(p, lr)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        etas: tuple[float, float],
        step_sizes: tuple[float, float],
    ) -> None:
        """p -= size * sign(g); after a change of sign the element rests for one step."""
        shrink, grow = etas
        kept = g.mul(state["prev"]).sign()
        changed = kept.lt(0)
        factor = kept.masked_fill(kept.eq(0), 1).masked_fill(changed, shrink)
        factor.masked_fill_(kept.gt(0), grow)
        size = state["step_size"].mul_(factor).clamp_(*step_sizes)
        g = g.masked_fill(changed, 0)
        p.sub_(g.sign().mul(size))
        state["prev"].copy_(g)
