"""torch.mps: this kind of device is not supported; what scripts ask before they use it."""

from .base.backend_flags import no as is_available
from .base.other_devices import device_count, empty_cache, manual_seed
from .base.other_devices import needs_device as _needs_device

is_initialized = is_available
manual_seed_all = manual_seed

__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
]

__getattr__ = _needs_device("torch.mps")
