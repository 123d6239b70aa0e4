"""torch.cuda.amp.grad_scaler: re-exports."""

from ...amp.cuda_amp import GradScaler
from ...amp.grad_scaler import OptState, _MultiDeviceReplicator

__all__ = ["GradScaler", "OptState", "_MultiDeviceReplicator"]
