"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from typing import Any

from .adam import decayed
from .checks import check, check_adam
from .hyperparameters import one_minus_power, root
from .optimizer import Optimizer, Params


class NAdam(Optimizer):
    """Adam whose step looks ahead along the momentum, with a momentum that grows over time.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. betas: decay of the two running means. eps: added to the denominator. weight_decay: L2
    penalty, or with decoupled_weight_decay a shrinking of the parameters that the means do not see.
    momentum_decay: how fast the momentum grows to betas[0]. maximize: ascend. foreach, capturable:
    accepted, the step is batched anyway. differentiable: record the step for autograd. Parameters
    have any shape. Raises ValueError for values out of range.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.NAdam([p], lr=0.5).step()
    >>> p
    tensor([0.4718, 2.5282], requires_grad=True)
    """

    counters = ("step", "mu_product")
    assumed = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_adam(lr, betas, eps, weight_decay)
        check("momentum_decay value", momentum_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def start(self, p: Any) -> dict[str, Any]:
        """No steps, zero means; mu_product is the product of the momenta so far."""
        means = {"exp_avg": self.like(p, 0), "exp_avg_sq": self.like(p, 0)}
        return {"step": 0.0, "mu_product": 1.0, **means}

    def update(
        self,
        p: Any,
        g: Any,
        state: Any,
        *,
        lr: Any,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        momentum_decay: float,
        decoupled_weight_decay: bool,
    ) -> None:
        """p -= lr * (share of g + share of m) / (sqrt(v) + eps), the shares following mu."""
        beta1, beta2 = betas
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        if weight_decay != 0:
            g = decayed(p, g, lr, weight_decay, decoupled_weight_decay)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        product = state.multiply("mu_product", mu)
        m.lerp_(g, 1 - beta1)
        v.lerp_(g.square(), 1 - beta2)
        correction = root(one_minus_power(beta2, t))
        of_g = (1.0 - mu) / (1.0 - product)
        of_m = mu_next / (1.0 - product * mu_next)
        ahead = g.mul(of_g).add(m, alpha=of_m)
        p.sub_(ahead.div(v.sqrt().add(eps * correction)), alpha=lr * correction)
