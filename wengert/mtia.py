"""torch.mtia: this kind of device is not supported; what scripts ask before they use it."""

from .base.other_devices import (
    device_count,
    empty_cache,
    is_available,
    is_initialized,
    manual_seed,
    manual_seed_all,
)
from .base.other_devices import needs_device as _needs_device

__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
]

__getattr__ = _needs_device("torch.mtia")
