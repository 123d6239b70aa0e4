"""RMSprop: gradients divided by their recent size."""

from __future__ import annotations

from typing import Any

from .checks import check, check_lr
from .optimizer import Optimizer, Params


class RMSprop(Optimizer):
    """Gradients divided by the root of the running mean of their squares, with optional momentum.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. alpha: decay of the running mean. eps: added to the denominator. weight_decay: L2 penalty.
    momentum: factor of the running sum of scaled gradients. centered: divide by the standard
    deviation instead. maximize: ascend. foreach, capturable: accepted, the step is batched anyway.
    differentiable: record the step for autograd. Parameters have any shape. Raises ValueError for
    negative values.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.RMSprop([p], lr=0.05).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step",)
    assumed = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check("epsilon value", eps)
        check("momentum value", momentum)
        check("weight_decay value", weight_decay)
        check("alpha value", alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def start(self, p: Any, *, momentum: float, centered: bool) -> dict[str, Any]:
        """No steps, zero means."""
        state = {"step": 0.0, "square_avg": self.like(p, 0)}
        if momentum > 0:
            state["momentum_buffer"] = self.like(p, 0)
        if centered:
            state["grad_avg"] = self.like(p, 0)
        return state

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
        centered: bool,
    ) -> None:
        """p -= lr * g / (sqrt(v) + eps), or the momentum buffer of the fraction."""
        v = state["square_avg"]
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        v.lerp_(g.square(), 1 - alpha)
        if centered:
            mean = state["grad_avg"].lerp_(g, 1 - alpha)
            v = v.sub(mean.square())
        fraction = g.div(v.sqrt().add(eps))
        if momentum > 0:
            fraction = state["momentum_buffer"].mul_(momentum).add_(fraction)
        p.sub_(fraction, alpha=lr)
