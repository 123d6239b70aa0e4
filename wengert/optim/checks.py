"""Checks of the arguments that optimizers have in common."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor


def check(name: str, value: Any, below: float | None = None) -> None:
    """Raise ValueError unless 0 <= value (< below), TypeError unless it is a number."""
    if not compares(name, value) or (below is not None and not value < below):
        expected = ">= 0" if below is None else f"in [0, {below:g})"
        raise ValueError(f"Invalid {name}: {value} (it must be {expected})")


def compares(name: str, value: Any) -> Any:
    """Whether value is 0 or more; a TypeError says that a number is wanted."""
    try:
        return value >= 0.0
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"Invalid {name}: {value!r} (it must be a number, not {kind})") from None


def check_lr(lr: Any, form: str = "Invalid learning rate: {} (it must be >= 0)") -> None:
    """Raise ValueError unless lr is a number or tensor of one element that is not negative.

    TypeError if it is something else.
    """
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, but it has shape {tuple(lr.shape)}")
    if not compares("learning rate", lr):
        raise ValueError(form.format(lr))


def check_adam(lr: Any, betas: Any, eps: float, weight_decay: float) -> None:
    """Raise ValueError unless the settings that Adam's family shares are in range."""
    check_lr(lr)
    check("epsilon value", eps)
    check_betas(betas)
    check("weight_decay value", weight_decay)


def check_betas(betas: Any) -> None:
    """Raise ValueError unless both decay rates are in [0, 1)."""
    for i in (0, 1):
        check(f"beta parameter at index {i}", betas[i], below=1.0)


def check_flags(foreach: bool | None, differentiable: bool, fused: bool | None) -> None:
    """Raise RuntimeError for flags that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`: leave one of them out")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
