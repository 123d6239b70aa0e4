"""torch.autograd.variable: re-exports."""

from ..api.variable import Variable

__all__ = ["Variable"]
