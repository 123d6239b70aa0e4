"""Adagrad: gradients divided by the root of the sum of all their squares so far."""

from __future__ import annotations

from typing import Any

from .checks import check, check_flags, check_lr
from .optimizer import Optimizer, Params
from .step import here


class Adagrad(Optimizer):
    """Steps that shrink where gradients have been large; takes sparse gradients.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: learning
    rate. lr_decay: at step t the rate is lr / (1 + (t - 1) * lr_decay). weight_decay: L2 penalty.
    initial_accumulator_value: where the sums of squares start. eps: added to the denominator.
    maximize: ascend. foreach, fused: accepted, the step is batched anyway. differentiable: record
    the step for autograd. Parameters have any shape. Raises ValueError for values out of range.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.Adagrad([p], lr=0.5).step()
    >>> p
    tensor([0.5000, 2.5000], requires_grad=True)
    """

    counters = ("step",)
    sparse = "too"
    assumed = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check("lr_decay value", lr_decay)
        check("weight_decay value", weight_decay)
        check("initial_accumulator_value value", initial_accumulator_value)
        check("epsilon value", eps)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        check_flags(foreach, differentiable, fused)
        for group in self.param_groups:
            for p in group["params"]:
                self._begin(
                    p,
                    group,
                    self.start(here(p), initial_accumulator_value=initial_accumulator_value),
                )

    def start(self, p: Any, *, initial_accumulator_value: float) -> dict[str, Any]:
        """No steps, the initial sum; made when the optimizer is, so that it can be shared."""
        return {"step": 0.0, "sum": self.like(p, initial_accumulator_value)}

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        lr_decay: float,
        weight_decay: float,
        eps: float,
    ) -> None:
        """p -= lr * g / (sqrt(sum of g**2) + eps)."""
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        total = state["sum"].addcmul_(g, g)
        rate = lr / (1 + (state["step"] - 1) * lr_decay)
        p.sub_(g.div(total.sqrt().add(eps)), alpha=rate)

    def share_memory(self) -> None:
        """Put the sums into memory shared between processes.

        >>> torch.optim.Adagrad([torch.ones(2, requires_grad=True)]).share_memory()
        """
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()
