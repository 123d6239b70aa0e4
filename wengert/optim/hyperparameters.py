"""Arithmetic on hyper-parameters: numbers, or 0-dimensional Tensors while a step is traced."""

from __future__ import annotations

import math
from typing import Any

from ..api import functions as T
from ..engine.tensor import Tensor


def number(x: Any) -> Any:
    """A hyper-parameter as a Python number, or a tuple of them: tensors are read."""
    if isinstance(x, Tensor):
        return x.item()
    if type(x) in (tuple, list):
        return tuple([number(v) for v in x])
    return x


def scalar(x: Any) -> Any:
    """x, with tensors of one element made 0-dimensional."""
    if isinstance(x, Tensor) and x.dim() != 0:
        return x.squeeze()
    if type(x) in (tuple, list):
        return tuple([scalar(v) for v in x])
    return x


def larger(x: Any, y: float) -> Any:
    """max(x, y)."""
    return T.clamp(x, min=y) if isinstance(x, Tensor) else max(x, y)


def smaller(x: Any, y: Any) -> Any:
    """min(x, y)."""
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return T.clamp(x, max=y) if isinstance(x, Tensor) else T.clamp(y, max=x)
    return min(x, y)


def root(x: Any) -> Any:
    """Square root."""
    return x**0.5


def choose(condition: Any, x: Any, y: Any) -> Any:
    """x if condition else y."""
    return T.where(condition, x, y) if isinstance(condition, Tensor) else x if condition else y


def one_minus_power(beta: Any, t: Any) -> Any:
    """1 - beta**t, which corrects a running mean for beginning at 0."""
    if not isinstance(t, Tensor) or isinstance(beta, Tensor):
        return 1 - beta**t
    if beta == 0:
        return 1.0
    return -T.expm1(t * math.log(beta))  # t is in single precision: 1 - 0.999**t would lose digits
