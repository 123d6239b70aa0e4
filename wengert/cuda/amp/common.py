"""torch.cuda.amp.common: re-exports."""

from ...amp.cuda_amp import amp_definitely_not_available

__all__ = ["amp_definitely_not_available"]
