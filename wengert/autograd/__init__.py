"""torch.autograd: re-exports of the engine."""

from ..base.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..engine.backward import backward, grad
from ..engine.function import Function
from ..engine.tensor import Tensor as Variable
from . import function

__all__ = ["Function", "Variable", "backward", "enable_grad", "function", "grad", "inference_mode", "no_grad", "set_grad_enabled"]
