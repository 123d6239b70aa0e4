"""Checks that programs make of their own values: torch._assert, torch._check and its kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.tensor import Tensor
from .overrides import handle_torch_function, has_torch_function_unary

__all__ = [
    "_assert", "_assert_async", "_check", "_check_index", "_check_is_size",
    "_check_not_implemented", "_check_type", "_check_value", "_check_with",
]  # fmt: skip


def _assert(condition: Any, message: str) -> None:
    """assert that can be traced. AssertionError with the message unless the condition holds."""
    if type(condition) is not Tensor and has_torch_function_unary(condition):
        handle_torch_function(_assert, (condition,), condition, message)
        return
    if not condition:
        raise AssertionError(message)


def _assert_async(input: Tensor, assert_msg: str | None = None) -> None:
    """RuntimeError with the message if a tensor's only element is zero.

    input: a tensor of one element. assert_msg: what the error says.

    >>> torch._assert_async(torch.tensor(True), "there is no data")
    """
    if has_torch_function_unary(input):
        handle_torch_function(_assert_async, (input,), input, assert_msg)
        return
    if not isinstance(input, Tensor):
        raise TypeError(
            "_assert_async(): argument 'input' (position 1) must be Tensor, not"
            f" {type(input).__name__}"
        )
    if input.numel() != 1:
        found = "more than one value" if input.numel() else "no values"
        raise RuntimeError(f"Boolean value of Tensor with {found} is ambiguous")
    if not input.is_nonzero():
        told = "Expected Tensor with single nonzero value, but got zero"
        raise RuntimeError(told if assert_msg is None else assert_msg)


def _check_with(
    error_type: type[Exception], cond: Any, message: Callable[[], Any] | None = None
) -> None:
    """Raise an error unless cond holds; message: what makes its text."""
    if isinstance(cond, Tensor):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not isinstance(cond, (bool, int)):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not cond:
        told = "Expected cond to be True, but got False" if message is None else str(message())
        raise error_type(told)


def _check(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """RuntimeError unless cond holds."""
    _check_with(RuntimeError, cond, message)


def _check_index(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """IndexError unless cond holds."""
    _check_with(IndexError, cond, message)


def _check_value(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """ValueError unless cond holds."""
    _check_with(ValueError, cond, message)


def _check_type(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """TypeError unless cond holds."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: Any, message: Callable[[], Any] | None = None) -> None:
    """NotImplementedError unless cond holds."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(i: Any, message: Callable[[], Any] | None = None, *, max: Any = None) -> None:
    """RuntimeError unless i may be a size."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)
