"""torch.autograd.function: re-exports."""

from ..autodiff.function import Function, InplaceFunction, once_differentiable
from ..autodiff.function_node import FunctionCtx

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]
