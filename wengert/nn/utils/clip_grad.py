"""Gradients kept within bounds, by their norm together or value by value."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

from ...api import functions as T
from ...api.functions import resolve
from ...base.advice import advise
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

__all__ = [
    "clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "clip_grads_with_norm_",
    "get_total_norm",
]  # fmt: skip

Tensors = Tensor | Iterable[Tensor]


def _gradients(parameters: Tensors) -> list[Tensor]:
    """The gradients there are."""
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _listed(parameters: Tensors) -> list[Tensor]:
    module = isinstance(getattr(type(parameters), "parameters", None), types.FunctionType)
    if module and not hasattr(parameters, "__iter__"):
        raise TypeError(
            f"'{type(parameters).__name__}' object is not iterable: it is a module, give its "
            "parameters: model.parameters()"
        )
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


@no_grad()
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of all tensors as if they were one vector.

    error_if_nonfinite: RuntimeError if it is nan or inf. foreach is accepted and has no effect.

    norm_type: which norm: its exponent.

    Raises TypeError where tensors is of the wrong type.

    >>> nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not listed:
        return T.tensor(0.0)
    norm, kind = resolve("linalg", "vector_norm"), float(norm_type)
    norms: list[Tensor] = []
    dealt: dict[Any, list[Tensor]] = {}  # tensors on several ranks have a norm over all of them
    for t in listed:
        if over_ranks := getattr(type(t), "_total_norm", None):
            dealt.setdefault(over_ranks, []).append(t)
        else:
            norms.append(norm(t, kind).to(listed[0].device))
    norms += [over_ranks(tensors, kind) for over_ranks, tensors in dealt.items()]
    total = norm(T.stack(norms), kind)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of parameters by max_norm / total_norm, if that is below 1.

    foreach: accepted, without effect.

    Tensors have any shape. Raises TypeError where parameters is of the wrong type or total_norm is
    no tensor; ValueError where max_norm is of the wrong type; NotImplementedError where total_norm
    holds complex numbers; RuntimeError where total_norm has a shape that does not fit.

    >>> w = torch.ones(2, requires_grad=True)
    >>> (3 * w).sum().backward()
    >>> torch.nn.utils.clip_grads_with_norm_([w], 1.0, torch.tensor(6.0))
    >>> w.grad
    tensor([0.5000, 0.5000])
    """
    scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for g in _gradients(parameters):
        g.mul_(scale.to(g.device))


@no_grad()
@clear_errors
def clip_grad_norm_(
    parameters: Tensors, max_norm: float, norm_type: float = 2.0,
    error_if_nonfinite: bool = False, foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """Scale the gradients so that their norm together is at most max_norm; returns it as it was.

    parameters: tensors with gradients, or one. norm_type: which norm: its exponent.
    error_if_nonfinite: raise RuntimeError where the norm is nan or inf. foreach: accepted,
    without effect.

    Tensors have any shape. Raises TypeError where parameters or max_norm is of the wrong type;
    ValueError where max_norm is a tensor of several numbers.

    >>> p = nn.Parameter(torch.zeros(2))
    >>> p.grad = torch.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([p], 1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    if not isinstance(parameters, Tensor):
        generator = isinstance(parameters, types.GeneratorType)
        parameters = _listed(parameters)
        if generator and not parameters:
            advise(
                "`parameters` is an empty generator, no gradient clipping will occur.",
            )
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """Old name of clip_grad_norm_."""
    advise(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
    )
    return clip_grad_norm_(*args, **kwargs)


@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clip every element of the gradients to [-clip_value, clip_value].

    parameters: tensors with gradients, or one. foreach: accepted, without effect.

    Tensors have any shape. Raises TypeError where parameters is of the wrong type; ValueError where
    clip_value is of the wrong type.

    >>> p = nn.Parameter(torch.zeros(2))
    >>> p.grad = torch.tensor([3.0, -0.5])
    >>> nn.utils.clip_grad_value_([p], 1.0)
    >>> p.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    for g in _gradients(parameters):
        g.clamp_(min=-bound, max=bound)
