"""torch.autograd.function: re-exports."""

from ..autodiff.function import Function, InplaceFunction, once_differentiable
from ..autodiff.function_node import BackwardCFunction, FunctionCtx

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]
