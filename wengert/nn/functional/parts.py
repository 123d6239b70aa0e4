"""Names of torch.nn.functional that PyTorch does not document and libraries import all the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Optional

from ...api import functions as _VF
from ...api.overrides import (
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
)
from ...base.advice import advise
from ...engine.tensor import Tensor
from .. import _reduction as _Reduction
from .. import functional as F
from ..sizes import _pair, _single, _triple
from .attention import _check_shapes as _mha_shape_check
from .attention import _project_joint as _in_projection_packed
from .attention import canonical_mask as _canonical_mask

__all__ = [
    "Optional", "Tensor", "_Reduction", "_VF", "_canonical_mask", "_get_softmax_dim",
    "_in_projection", "_in_projection_packed", "_mha_shape_check", "_none_or_dtype", "_pair",
    "_single", "_triple", "_verify_batch_size", "_verify_spatial_size", "assert_int_or_pair",
    "boolean_dispatch", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic",
]  # fmt: skip


def boolean_dispatch(
    arg_name: str, arg_index: int, default: bool, if_true: Callable[..., Any],
    if_false: Callable[..., Any], module_name: str | None, func_name: str | None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that is one of two, as an argument of both says.

    arg_name, arg_index, default: of that argument. module_name, func_name: of the function, or
    None. RuntimeError where both have docstrings.
    """
    if if_true.__doc__ is not None and if_false.__doc__ is not None:
        raise RuntimeError("only one function can have a docstring")

    def fn(*args: Any, **kwargs: Any) -> Any:
        given = args[arg_index] if arg_index < len(args) else default
        return (if_true if kwargs.get(arg_name, given) else if_false)(*args, **kwargs)

    fn.__doc__ = if_true.__doc__ or if_false.__doc__
    fn.__module__ = module_name or fn.__module__
    fn.__name__ = func_name or fn.__name__
    return fn


def _none_or_dtype(input: Tensor | None) -> Any:
    """The dtype of a tensor; None for None. RuntimeError for others."""
    if input is None or isinstance(input, Tensor):
        return None if input is None else input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _in_projection(
    q: Tensor, k: Tensor, v: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor,
    b_q: Tensor | None = None, b_k: Tensor | None = None, b_v: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Query, key and value (..., width of each), each by a weight of its own (width of q, width).

    AssertionError where weights or biases have other shapes.
    """
    width = q.size(-1)
    names = ("query", "key", "value")
    for name, x, w in zip(names, (q, k, v), (w_q, w_k, w_v)):
        if tuple(w.shape) != (width, x.size(-1)):
            raise AssertionError(
                f"expecting {name} weights shape of {(width, x.size(-1))}, but got {w.shape}"
            )
    for name, b in zip(names, (b_q, b_k, b_v)):
        if b is not None and tuple(b.shape) != (width,):
            raise AssertionError(f"expecting {name} bias shape of {(width,)}, but got {b.shape}")
    return F.linear(q, w_q, b_q), F.linear(k, w_k, b_k), F.linear(v, w_v, b_v)


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The dimension that softmax used before it asked for one, with a warning."""
    advise(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument."
    )
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size: Sequence[int]) -> None:
    """ValueError where batch norm would see one value for each channel."""
    if size[0] * math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


def _verify_spatial_size(size: Sequence[int]) -> None:
    """ValueError where instance norm would see one value."""
    if math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {size}"
        )


def assert_int_or_pair(arg: Any, arg_name: str, message: str) -> None:
    """AssertionError with the message, told arg_name, unless arg is a number or two."""
    if not isinstance(arg, int) and len(arg) != 2:
        raise AssertionError(message.format(arg_name))
