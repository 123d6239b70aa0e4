"""torch.autograd.function: re-exports."""

from ..engine.function import Context as FunctionCtx
from ..engine.function import Function, InplaceFunction, once_differentiable

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]
