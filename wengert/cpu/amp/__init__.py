"""torch.cpu.amp: re-exports of `amp/cpu_amp.py`."""

from ...amp.cpu_amp import GradScaler, autocast

__all__ = ["autocast", "GradScaler"]
