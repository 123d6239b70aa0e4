"""torch.cpu.amp.grad_scaler: re-exports."""

from ...amp.cpu_amp import GradScaler

__all__ = ["GradScaler"]
