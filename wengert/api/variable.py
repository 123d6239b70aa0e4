"""autograd.Variable: the tensor of old, which today is Tensor itself; old code still says it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..autodiff.grad_api import queue_callback
from ..engine.tensor import Tensor
from . import functions as T

__all__ = ["Variable"]


class VariableMeta(type):
    """Every tensor is a Variable, and making one makes a tensor."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: Any = None) -> Any:
        if data is None:
            data = T.empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(bool(requires_grad))


class Variable(metaclass=VariableMeta):
    """A tensor that shares the memory of another and has no history.

    data: a Tensor; requires_grad: whether operations on it are recorded. TypeError for other data.
    volatile: accepted.

    data has any shape. Raises RuntimeError where data holds integers or booleans.

    >>> torch.autograd.Variable(torch.ones(1), requires_grad=True)
    tensor([1.], requires_grad=True)
    """

    _execution_engine = SimpleNamespace(queue_callback=queue_callback)
