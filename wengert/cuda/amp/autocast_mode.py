"""torch.cuda.amp.autocast_mode: re-exports."""

from ...amp.cuda_amp import autocast, custom_bwd, custom_fwd

__all__ = ["autocast", "custom_fwd", "custom_bwd"]
