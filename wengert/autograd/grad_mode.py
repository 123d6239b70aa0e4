"""torch.autograd.grad_mode: re-exports."""

from ..api.facts import set_multithreading_enabled
from ..base.modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "enable_grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
