"""SGD: gradient descent with momentum."""

from __future__ import annotations

from typing import Any

from .checks import check, check_flags, check_lr
from .optimizer import Optimizer, Params


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, dampening, Nesterov's variant and weight decay.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate, a number or a tensor of one element. momentum: factor of the running sum of gradients.
    dampening: how much less than 1 a new gradient counts in it. weight_decay: L2 penalty. nesterov:
    look ahead along the momentum. maximize: ascend. foreach, fused: accepted, the step is batched
    anyway. differentiable: record the step for autograd. Parameters have any shape. Raises
    ValueError for negative values.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, 1.0])
    >>> torch.optim.SGD([p], lr=0.5).step()
    >>> p
    tensor([0.5000, 1.5000], requires_grad=True)
    """

    assumed = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }
    sparse = "too"

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check("momentum value", momentum)
        check("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        check_flags(foreach, differentiable, fused)

    def only_rows(self, group: dict[str, Any]) -> bool:
        """With momentum, rows go on moving that the gradient does not hold."""
        return group["momentum"] == 0

    def start(self, p: Any, *, momentum: float) -> dict[str, Any]:
        """A momentum buffer, to be made of the first gradient."""
        return {"momentum_buffer": None} if momentum != 0 else {}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        momentum: float,
        dampening: float,
        weight_decay: Any,
        nesterov: bool,
    ) -> None:
        """p -= lr * (g, or the buffer b = momentum * b + (1 - dampening) * g)."""
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        if momentum != 0:
            b = state["momentum_buffer"]
            if b is None:
                b = state["momentum_buffer"] = g.clone()
            else:
                b.mul_(momentum).add_(g, alpha=1 - dampening)
            g = g.add(b, alpha=momentum) if nesterov else b
        p.sub_(g, alpha=lr)
