"""torch.cpu.amp.autocast_mode: re-exports."""

from ...amp.cpu_amp import autocast

__all__ = ["autocast"]
