"""RAdam: Adam that waits until its estimate of the variance is worth something."""

from __future__ import annotations

from typing import Any

from .adam import decayed
from .checks import check_adam
from .hyperparameters import choose, larger, one_minus_power, root
from .optimizer import Optimizer, Params


class RAdam(Optimizer):
    """Adam with a rectified variance: adaptive steps only once they are reliable.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. betas: decay of the two running means. eps: added to the denominator. weight_decay: L2
    penalty, or with decoupled_weight_decay a shrinking of the parameters that the means do not see.
    maximize: ascend. foreach, capturable: accepted, the step is batched anyway. differentiable:
    record the step for autograd. Parameters have any shape. Raises ValueError for values out of
    range.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.RAdam([p], lr=0.5).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step",)
    assumed = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_adam(lr, betas, eps, weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def start(self, p: Any) -> dict[str, Any]:
        """No steps, zero means."""
        return {"step": 0.0, "exp_avg": self.like(p, 0), "exp_avg_sq": self.like(p, 0)}

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
        decoupled_weight_decay: bool,
    ) -> None:
        """p -= lr * m, divided by (sqrt(v) + eps) / rect once more than 5 gradients count in v."""
        beta1, beta2 = betas
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        if weight_decay != 0:
            g = decayed(p, g, lr, weight_decay, decoupled_weight_decay)
        m.lerp_(g, 1 - beta1)
        v.lerp_(g.square(), 1 - beta2)
        # how many gradients count in v: in the long run, and now
        most = 2 / (1 - beta2) - 1
        now = most - 2 * t * beta2**t / one_minus_power(beta2, t)
        trusted = now > 5.0
        most, now = larger(most, 5.0), larger(now, 5.0)
        rect = root((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now))
        scale = choose(trusted, 1 / (rect * root(one_minus_power(beta2, t))), 0.0)
        denominator = v.sqrt().add(eps).mul(scale).add(choose(trusted, 0.0, 1.0))
        p.sub_(m.div(denominator), alpha=lr / one_minus_power(beta1, t))
