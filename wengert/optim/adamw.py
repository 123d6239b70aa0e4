"""AdamW: Adam whose weight decay acts on the parameters alone."""

from __future__ import annotations

from typing import Any

from .adam import Adam
from .optimizer import Params


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by lr * weight_decay per step.

    The arguments are those of Adam, with weight_decay 0.01 by default.

    params: tensors, (name, tensor) pairs or dicts of options. betas: decay of the means of
    gradients and of their squares. eps: added to the denominator. amsgrad: divide by the
    largest mean of squares so far. maximize: go up instead of down. foreach: accepted;
    parameters are batched anyway. capturable: accepted, without effect. differentiable: record
    the step itself. fused: accepted, without effect.

    Parameters have any shape. Raises RuntimeError where weight_decay is a tensor of several
    numbers.

    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> p.grad = torch.tensor([0.0])
    >>> torch.optim.AdamW([p], lr=0.5, weight_decay=0.1).step()
    >>> p
    tensor([0.9500], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # checkpoints from before the option had a name
