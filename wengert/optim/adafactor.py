"""Adafactor: adaptive steps with a second moment kept as one row and one column per matrix."""

from __future__ import annotations

import math
from typing import Any

from ..api import functions as T
from ..base.dtypes import finfo
from ..engine.tensor import Tensor
from ..ops.nn.embedding import readable
from .checks import check_lr
from .hyperparameters import larger, root, smaller
from .optimizer import Optimizer, Params


class Adafactor(Optimizer):
    """Steps relative to the size of the parameter, with sublinear memory for matrices.

    params: tensors, (name, tensor) pairs or dicts of options with a "params" entry. lr: the
    largest relative step, and the rate of weight decay. beta2_decay: exponent (<= 0) of the step
    number in the decay of the second moment. eps: (smallest second moment, None for the dtype's
    eps; smallest parameter size). d: updates whose root mean square exceeds it are scaled down.
    weight_decay: decoupled. foreach: accepted. maximize: ascend. Raises ValueError for values out
    of range, RuntimeError for complex parameters.

    >>> p = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> p.grad = torch.tensor([1.0, -1.0])
    >>> torch.optim.Adafactor([p], lr=0.1).step()
    >>> p
    tensor([0.8419, 2.1581], requires_grad=True)
    """

    elementwise = False
    counters = ("step",)
    assumed = {"foreach": None}

    def __init__(
        self,
        params: Params,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def start(self, p: Any) -> dict[str, Any]:
        """No steps; zero mean squares of rows and columns, or of the elements of a vector."""
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        if p.dim() <= 1:
            return {"step": 0.0, "variance": self.like(p, 0)}
        rows, columns = list(p.shape), list(p.shape)
        rows[-1] = columns[-2] = 1
        zeros = {"dtype": p.dtype, "device": p.device}
        return {
            "step": 0.0,
            "row_var": T.zeros(rows, **zeros),
            "col_var": T.zeros(columns, **zeros),
        }

    def update(
        self,
        p: Any,
        g: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        beta2_decay: float,
        eps: tuple[float | None, float],
        d: float,
        weight_decay: float,
    ) -> None:
        """p -= rms(p) * min(lr, t**-0.5) * u / max(1, rms(u) / d), u = g / sqrt(second moment)."""
        t = state["step"]
        least = finfo(p.dtype).eps if eps[0] is None else eps[0]
        new = t**beta2_decay  # the weight of this gradient
        if isinstance(new, Tensor):  # while a step is traced
            new = new.to(p.dtype)
        size = rms_now if readable(p) and not isinstance(t, Tensor) else rms
        rate = larger(size(p), eps[1]) * smaller(lr, 1 / root(t))
        if weight_decay != 0:
            p.mul_(1 - lr * weight_decay)
        square = g.square()
        if g.dim() > 1:
            row, column = state["row_var"], state["col_var"]
            row.lerp_(square.mean(-1, keepdim=True), new)
            column.lerp_(square.mean(-2, keepdim=True), new)
            v = (row @ column).div_(row.mean(-2, keepdim=True).clamp_(min=least))
        else:
            v = state["variance"]
            v.lerp_(square, new)
        u = g * v.clamp(min=least * least).rsqrt_()
        p.sub_(u.mul_(rate / larger(size(u) / d, 1.0)))


def rms(x: Any) -> Any:
    """The root of the mean square of x."""
    return x.norm() / root(x.numel())


def rms_now(x: Any) -> float:
    """rms() as a number; 0 where it is nan, which then limits no step, as in PyTorch."""
    found: float = x.norm().item()
    return found / math.sqrt(x.numel()) if found > 0 else 0.0
