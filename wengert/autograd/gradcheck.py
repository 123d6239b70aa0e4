"""torch.autograd.gradcheck: re-exports."""

from ..api.old_names import zero_gradients
from ..transforms.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck", "zero_gradients"]
