"""ASGD: gradient descent that also keeps the average of its path."""

from __future__ import annotations

from typing import Any

from .checks import check, check_lr
from .hyperparameters import larger
from .optimizer import Optimizer, Params


class ASGD(Optimizer):
    """Averaged stochastic gradient descent; the average is in `state[p]["ax"]`.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. lambd: decay of the parameters, and of the rate together with alpha. t0: the step at which
    averaging begins. weight_decay: L2 penalty. maximize: ascend. foreach, capturable: accepted, the
    step is batched anyway. differentiable: record the step for autograd. Parameters have any shape.
    Raises ValueError for negative values.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.ASGD([p], lr=0.5, lambd=0).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step", "eta", "mu")
    assumed = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check("weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def start(self, p: Any, *, lr: float) -> dict[str, Any]:
        """eta is the current rate, mu the weight of the next point in the average ax."""
        return {"step": 0.0, "eta": float(lr), "mu": 1.0, "ax": self.like(p, 0)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        lambd: float,
        alpha: float,
        t0: float,
        weight_decay: float,
    ) -> None:
        """p = (1 - lambd * eta) * p - eta * g; ax moves towards p by mu."""
        t, eta, mu, ax = state["step"], state["eta"], state["mu"], state["ax"]
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        p.mul_(1 - lambd * eta).sub_(g, alpha=eta)
        ax.lerp_(p, mu)
        state["eta"] = lr / (1 + lambd * lr * t) ** alpha
        state["mu"] = 1 / larger(t - t0, 1.0)
