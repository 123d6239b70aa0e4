"""What optimizers that others have written take from torch.optim.optimizer, beside Optimizer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..api import functions as T
from ..base import dtypes
from ..base.modes import set_grad_enabled
from ..engine.tensor import Tensor

__all__ = [
    "_default_to_fused_or_foreach", "_disable_dynamo_if_unsupported", "_dispatch_sqrt",
    "_get_capturable_supported_devices", "_get_scalar_dtype", "_get_value", "_stack_if_compiling",
    "_to_scalar", "_use_grad_for_differentiable", "_view_as_real", "_capturable_doc",
    "_differentiable_doc", "_foreach_doc", "_fused_doc", "_maximize_doc", "_params_doc",
]  # fmt: skip

# texts that docstrings are put together from
_params_doc = "params: the parameters, or groups of them."
_foreach_doc = "foreach (bool, optional): accepted."
_fused_doc = "fused (bool, optional): accepted."
_capturable_doc = "capturable (bool, optional): accepted."
_differentiable_doc = "differentiable (bool, optional): record the step for autograd."
_maximize_doc = "maximize (bool, optional): ascend."


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """A step that records for autograd where the option `differentiable` is on, and else not."""

    @functools.wraps(func)
    def step(*args: Any, **kwargs: Any) -> Any:
        with set_grad_enabled(bool(args[0].defaults["differentiable"])):
            return func(*args, **kwargs)

    return step


def _default_to_fused_or_foreach(
    params: Any, differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """(fused, foreach) where a program has not said: neither, as for PyTorch's CPU."""
    return False, False


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """The devices on which steps may be captured."""
    return ["cuda", "xpu", "hpu"] + (["xla"] if supports_xla else [])


def _disable_dynamo_if_unsupported(single_tensor_fn: Any = None) -> Callable[[Any], Any]:
    """A decorator that leaves the function as it is."""
    return lambda f: f


def _get_value(x: Any) -> Any:
    """The number in a step counter."""
    return x.item() if isinstance(x, Tensor) else x


def _to_scalar(x: Any) -> Any:
    """A tensor of one element without dimensions; a number as it is."""
    return x.squeeze() if isinstance(x, Tensor) and x.dim() else x


def _dispatch_sqrt(x: Any) -> Any:
    """The root of a number or a tensor."""
    return x.sqrt() if isinstance(x, Tensor) else x**0.5


def _stack_if_compiling(x: Any) -> Any:
    """x as it is."""
    return x


def _get_scalar_dtype(is_fused: bool | None = None) -> Any:
    """The dtype of step counters."""
    wide = not is_fused and dtypes.get_default_dtype() is dtypes.float64
    return dtypes.float64 if wide else dtypes.float32


def _view_as_real(params: list[Tensor], *state_and_grads: list[Tensor]) -> None:
    """Put views as pairs of real numbers in the place of complex tensors, in all lists."""
    for i, p in enumerate(params):
        if p.is_complex():
            for row in (params, *state_and_grads):
                row[i] = T.view_as_real(row[i])
