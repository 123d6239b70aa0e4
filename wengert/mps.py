"""torch.mps: this kind of device is not supported; what scripts ask before they use it."""

from .base.absent import absent as _absent
from .base.backend_flags import no as is_available
from .base.other_devices import device_count, empty_cache, manual_seed, refuse

is_initialized = is_available
synchronize = refuse("mps")
manual_seed_all = manual_seed

__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "synchronize",
]

__getattr__ = _absent("torch.mps")
