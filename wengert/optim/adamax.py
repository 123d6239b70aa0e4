"""Adamax: Adam with a running maximum instead of the running mean of squares."""

from __future__ import annotations

from typing import Any

from .checks import check_adam
from .hyperparameters import one_minus_power
from .optimizer import Optimizer, Params


class Adamax(Optimizer):
    """Steps along the running mean of the gradient, scaled by a decaying maximum of its size.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. betas: decay of the mean and of the maximum. eps: added to each gradient's size.
    weight_decay: L2 penalty. maximize: ascend. foreach, capturable: accepted, the step is batched
    anyway. differentiable: record the step for autograd. Parameters have any shape. Raises
    ValueError for values out of range.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.Adamax([p], lr=0.5).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step",)
    assumed = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: Params,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_adam(lr, betas, eps, weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def start(self, p: Any) -> dict[str, Any]:
        """No steps, zero mean and maximum."""
        return {"step": 0.0, "exp_avg": self.like(p, 0), "exp_inf": self.like(p, 0)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        """p -= lr * m / u, m the mean without its bias towards 0, u = max(beta2 * u, |g| + eps)."""
        beta1, beta2 = betas
        m = state["exp_avg"]
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        m.lerp_(g, 1 - beta1)
        u = state["exp_inf"] = state["exp_inf"].mul(beta2).maximum(g.abs().add(eps))
        p.sub_(m.div(u), alpha=lr / one_minus_power(beta1, state["step"]))
