"""torch.autograd.variable: re-exports."""

from ..engine.tensor import Tensor as Variable

__all__ = ["Variable"]
