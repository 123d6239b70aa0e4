"""What scripts ask about whichever accelerator there is (torch.accelerator): CUDA, or none."""

from __future__ import annotations

from typing import Any

from ..base.aliases import alias
from ..base.devices import device as _device
from . import cuda_api, cuda_memory, streams

NONE = (
    "Cannot access accelerator device when none is available: CUDA needs CuPy "
    "(pip install 'wengert[cuda]') and a device; ask torch.accelerator.is_available() first."
)


def is_available() -> bool:
    """Whether there is an accelerator that can be used now.

    >>> torch.accelerator.is_available() == (torch.accelerator.device_count() > 0)
    True
    """
    return cuda_api.is_available()


def _checked() -> None:
    if not is_available():
        raise RuntimeError(NONE)


def current_accelerator(check_available: bool = False) -> _device | None:
    """The kind of accelerator (`device("cuda")`), or None without one.

    check_available: None where there is none at hand.

    >>> found = torch.accelerator.current_accelerator()
    >>> found is None or found.type in ("cuda", "mps", "xpu")
    True
    """
    return _device("cuda") if is_available() else None


def device_count() -> int:
    """How many devices there are.

    >>> torch.accelerator.device_count() >= 0
    True
    """
    return cuda_api.device_count()


def current_device_index() -> int:
    """The number of the current device."""
    _checked()
    return cuda_api.current_device()


current_device_idx = alias(current_device_index, "current_device_idx")


def set_device_index(device: Any, /) -> None:
    """Make a device the current one.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    cuda_api.set_device(device)


set_device_idx = alias(set_device_index, "set_device_idx")


def get_device_capability(device: Any = None, /) -> dict[str, Any]:
    """What a device can do.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    from ..base import dtypes

    return {"supported_dtypes": set(dtypes.ALL)}


def current_stream(device: Any = None, /) -> streams.Stream:
    """The stream that work goes to now.

    device: a CUDA device, its number or name; None: the current one.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_api.current_stream(device)


def set_stream(stream: streams.Stream) -> None:
    """Make a stream the current one.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    streams.set_stream(stream)


def synchronize(device: Any = None, /) -> None:
    """Wait for the work on a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    cuda_api.synchronize(device)


class device_index:
    """Context manager: another current device; None changes nothing.

    Raises RuntimeError where there is no such device.
    """

    def __init__(self, device: int | None, /) -> None:
        self.context = cuda_api.device(device)

    def __enter__(self) -> None:
        self.context.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self.context.__exit__(*exc)


def empty_cache() -> None:
    """Give unused cached memory back."""
    _checked()
    cuda_memory.empty_cache()


empty_host_cache = alias(empty_cache, "empty_host_cache")


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """(free, total) bytes of a device.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_memory.mem_get_info(device_index)


def memory_allocated(device_index: Any = None, /) -> int:
    """Bytes in use by arrays.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_memory.memory_allocated(device_index)


def memory_reserved(device_index: Any = None, /) -> int:
    """Bytes held by the memory pool.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_memory.memory_reserved(device_index)


def max_memory_allocated(device_index: Any = None, /) -> int:
    """The most bytes that were in use by arrays since reset_peak_memory_stats.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_memory.max_memory_allocated(device_index)


def max_memory_reserved(device_index: Any = None, /) -> int:
    """The most bytes that the memory pool has held since reset_peak_memory_stats.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_memory.max_memory_reserved(device_index)


def memory_stats(device_index: Any = None, /) -> dict[str, Any]:
    """Bytes in use and reserved under PyTorch's names.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    return cuda_memory.memory_stats(device_index)


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Begin anew with the most bytes that were in use.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    cuda_memory.reset_peak_memory_stats(device_index)


def reset_accumulated_memory_stats(device_index: Any = None, /) -> None:
    """Begin anew with the sums in memory_stats.

    device_index: the number of a device.

    Raises RuntimeError where there is no such device.
    """
    _checked()
    cuda_memory.reset_accumulated_memory_stats(device_index)
