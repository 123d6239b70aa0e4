"""torch.cuda.amp: re-exports of `amp/cuda_amp.py`."""

from ...amp.cuda_amp import (
    GradScaler,
    amp_definitely_not_available,
    autocast,
    custom_bwd,
    custom_fwd,
)

__all__ = ["amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd", "GradScaler"]
