"""Adadelta: steps as large as recent steps were, per gradient as large as recent gradients."""

from __future__ import annotations

from typing import Any

from .checks import check, check_lr
from .optimizer import Optimizer, Params


class Adadelta(Optimizer):
    """Gradients scaled by the ratio of the mean sizes of recent steps and recent gradients.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: factor of
    the step. rho: decay of the running means, in [0, 1]. eps: added under both roots. weight_decay:
    L2 penalty. maximize: ascend. foreach, capturable: accepted, the step is batched anyway.
    differentiable: record the step for autograd. Parameters have any shape. Raises ValueError for
    values out of range.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.Adadelta([p], lr=100).step()
    >>> p
    tensor([0.6838, 2.3162], requires_grad=True)
    """

    counters = ("step",)
    assumed = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: Params,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho} (it must be in [0, 1])")
        check("epsilon value", eps)
        check("weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def start(self, p: Any) -> dict[str, Any]:
        """No steps, zero means."""
        return {"step": 0.0, "square_avg": self.like(p, 0), "acc_delta": self.like(p, 0)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        rho: float,
        eps: float,
        weight_decay: float,
    ) -> None:
        """p -= lr * d, d = g * sqrt(mean of d**2 + eps) / sqrt(mean of g**2 + eps)."""
        v, u = state["square_avg"], state["acc_delta"]
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        v.lerp_(g.square(), 1 - rho)
        d = u.add(eps).sqrt().div(v.add(eps).sqrt()).mul(g)
        u.lerp_(d.square(), 1 - rho)
        p.sub_(d, alpha=lr)
