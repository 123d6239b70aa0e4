"""Adam and its relative without bias in the decay, AdamW (see adamw.py)."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from .checks import check_adam, check_flags
from .hyperparameters import one_minus_power, root, scalar
from .optimizer import Optimizer, Params


def decayed(p: Any, g: Any, lr: Any, weight_decay: float, decoupled: bool) -> Any:
    """The gradient with the parameter's share in it; decoupled: the parameter loses it instead."""
    if decoupled:
        p.mul_(1 - lr * weight_decay)
        return g
    return g.add(p, alpha=weight_decay)


class Adam(Optimizer):
    """Adam: steps along the running mean of the gradient, scaled by the root of that of its square.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. betas: decay of the two running means. eps: added to the denominator. weight_decay: L2
    penalty, or with decoupled_weight_decay a shrinking of the parameters that the means do not see.
    amsgrad: divide by the largest mean square so far. maximize: ascend. foreach, fused, capturable:
    accepted, the step is batched anyway. differentiable: record the step for autograd. Parameters
    have any shape. Raises ValueError for values out of range.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.Adam([p], lr=0.5).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step",)
    assumed = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_adam(lr, betas, eps, weight_decay)
        if not all(isinstance(b, float) for b in betas[:2]) and not all(
            isinstance(b, Tensor) for b in betas[:2]
        ):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, b in enumerate(betas[:2]):
            if isinstance(b, Tensor):
                if foreach and not capturable:
                    raise ValueError(
                        f"betas[{i}] as a Tensor is not supported for capturable=False and "
                        "foreach=True"
                    )
                if b.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": scalar(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )
        check_flags(foreach, differentiable, fused)

    def start(self, p: Any, *, amsgrad: bool) -> dict[str, Any]:
        """No steps, zero means."""
        state = {"step": 0.0, "exp_avg": self.like(p, 0), "exp_avg_sq": self.like(p, 0)}
        if amsgrad:
            state["max_exp_avg_sq"] = self.like(p, 0)
        return state

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        betas: tuple[Any, Any],
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        decoupled_weight_decay: bool,
    ) -> None:
        """p -= lr * m / (sqrt(v) + eps), m and v being the means without their bias to 0."""
        beta1, beta2 = betas
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        if weight_decay != 0:
            g = decayed(p, g, lr, weight_decay, decoupled_weight_decay)
        m.lerp_(g, 1 - beta1)
        v.lerp_(g.square(), 1 - beta2)
        if amsgrad:
            v = state["max_exp_avg_sq"] = state["max_exp_avg_sq"].maximum(v)
        # both corrections go into two numbers
        correction = root(one_minus_power(beta2, t))
        p.sub_(
            m.div(v.sqrt().add(eps * correction)), alpha=lr * correction / one_minus_power(beta1, t)
        )
