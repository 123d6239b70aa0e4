"""torch.autograd.anomaly_mode: re-exports."""

from ..autodiff.anomaly import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
