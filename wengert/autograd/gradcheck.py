"""torch.autograd.gradcheck: re-exports."""

from ..transforms.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
