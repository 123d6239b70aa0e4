"""What scripts ask about CUDA devices (torch.cuda). The arrays are CuPy's (`arrays/cuda.py`)."""

from __future__ import annotations

from typing import Any

from ..arrays import cuda as _cuda
from ..base.devices import device as _device
from ..base.modes import _Switch


def is_available() -> bool:
    """Whether CuPy is installed and finds a device."""
    return _cuda.device_count() > 0


def device_count() -> int:
    """How many CUDA devices are visible."""
    return _cuda.device_count()


def is_initialized() -> bool:
    """Whether CUDA was used or can be."""
    return is_available()


def init() -> None:
    """Raise if CUDA cannot be used."""
    _cuda.library()


def _number(d: Any) -> int:
    if d is None:
        return current_device()
    d = _device(d)
    return current_device() if d.index is None else d.index


def current_device() -> int:
    """The number of the current device."""
    return int(_cuda.library().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Make a device the current one."""
    _cuda.library().cuda.runtime.setDevice(_number(device))


def get_device_name(device: Any = None) -> str:
    """The device's name."""
    return str(_cuda.library().cuda.runtime.getDeviceProperties(_number(device))["name"].decode())


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """(major, minor) compute capability."""
    p = _cuda.library().cuda.runtime.getDeviceProperties(_number(device))
    return int(p["major"]), int(p["minor"])


def synchronize(device: Any = None) -> None:
    """Wait for the work on a device."""
    if is_available():
        with _cuda.library().cuda.Device(_number(device)):
            _cuda.library().cuda.runtime.deviceSynchronize()


def empty_cache() -> None:
    """Give unused cached memory back."""
    if is_available():
        _cuda.library().get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by arrays (0 without a device)."""
    return int(_cuda.library().get_default_memory_pool().used_bytes()) if is_available() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes held by the memory pool (0 without a device)."""
    return int(_cuda.library().get_default_memory_pool().total_bytes()) if is_available() else 0


max_memory_allocated = memory_allocated
max_memory_reserved = memory_reserved


def reset_peak_memory_stats(device: Any = None) -> None:
    """Accepted; the pool keeps no peak."""


def manual_seed(seed: int) -> None:
    """Seed the current device's generator; silently nothing without one."""
    if is_available():
        _cuda.library().random.seed(seed & 0xFFFFFFFF)


manual_seed_all = manual_seed


class device(_Switch):
    """Context manager: another current device."""

    def __init__(self, device: Any) -> None:
        self.index = _number(device) if device is not None else None

    def __enter__(self) -> None:
        if self.index is not None:
            self.previous = current_device()
            set_device(self.index)

    def __exit__(self, *exc: object) -> None:
        if self.index is not None:
            set_device(self.previous)
