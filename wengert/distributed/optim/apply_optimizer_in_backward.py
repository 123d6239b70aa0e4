"""Optimizers that step within the backward pass, so that gradients need not all be kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["_apply_optimizer_in_backward", "_get_in_backward_optimizers"]


def _apply_optimizer_in_backward(
    optimizer_class: Any,
    params: Iterable[Any],
    optimizer_kwargs: dict[str, Any],
    register_hook: bool = True,
) -> None:
    """Give each parameter an optimizer of its own that steps as soon as its gradient is there,
    and then drops the gradient.

    register_hook=False: only make the optimizers, in the parameter's `_in_backward_optimizers`.
    """
    for p in dict.fromkeys(params):
        made = getattr(p, "_in_backward_optimizers", [])
        made.append(optimizer_class([p], **optimizer_kwargs))
        p._in_backward_optimizers = made
        if register_hook and len(made) == 1:
            p.register_post_accumulate_grad_hook(_step)


def _step(p: Any) -> None:
    """Step with a parameter's own optimizers."""
    for optimizer in p._in_backward_optimizers:
        optimizer.step()
    p.grad = None


def _get_in_backward_optimizers(module: Any) -> list[Any]:
    """The optimizers of a module's parameters that step within the backward pass."""
    return [o for p in module.parameters() for o in getattr(p, "_in_backward_optimizers", [])]
