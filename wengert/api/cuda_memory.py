"""What scripts ask about the memory of CUDA devices (torch.cuda.memory): CuPy's pool answers.

The pool keeps no history: what is allocated is counted from the first question on, by a hook of
CuPy's, which sees the thread that asked first.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from ..arrays import cuda as _cuda
from ..base.aliases import alias
from .cuda_api import device_number, is_available

NO_POOLS = "CuPy's memory pool cannot be exchanged for one of PyTorch's: leave this call out"


def _pool(device: Any, ask: str) -> int:
    """What the memory pool of a device answers."""
    if not is_available():
        return 0
    with _cuda.library().cuda.Device(device_number(device)):
        return int(getattr(_cuda.library().get_default_memory_pool(), ask)())


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by arrays (0 without a device)."""
    return _pool(device, "used_bytes")


def memory_reserved(device: Any = None) -> int:
    """Bytes held by the memory pool (0 without a device)."""
    return _pool(device, "total_bytes")


class _Counts:
    """Of one device."""

    def __init__(self) -> None:
        self.peak = self.held = self.bytes = self.times = 0


_counts: dict[int, _Counts] = {}


def _allocated(index: int, used: int, size: int) -> None:
    """An array was allocated: used bytes are in use now."""
    c = _counts.setdefault(index, _Counts())
    c.peak, c.held = max(c.peak, used), max(c.held, used)
    c.bytes, c.times = c.bytes + size, c.times + 1


def _counted(device: Any) -> _Counts:
    """The counts of a device, with what is in use now."""
    if not _counts and is_available():
        _cuda.on_allocation(_allocated)
    c = _counts.setdefault(device_number(device) if is_available() else 0, _Counts())
    c.peak, c.held = max(c.peak, memory_allocated(device)), max(c.held, memory_reserved(device))
    return c


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that arrays have used (0 without a device)."""
    return _counted(device).peak


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the memory pool has held (0 without a device)."""
    return _counted(device).held


max_memory_cached = alias(max_memory_reserved, "max_memory_cached")
memory_cached = alias(memory_reserved, "memory_cached")


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let peaks start from what is in use now.

    device: a number, a name or a device; None: the current one.
    """
    c = _counted(device)
    c.peak, c.held = memory_allocated(device), memory_reserved(device)


reset_max_memory_allocated = alias(reset_peak_memory_stats, "reset_max_memory_allocated")
reset_max_memory_cached = alias(reset_peak_memory_stats, "reset_max_memory_cached")


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Let counts start from zero.

    device: a number, a name or a device; None: the current one.
    """
    c = _counted(device)
    c.bytes = c.times = 0


def reset_peak_host_memory_stats() -> None:
    """Accepted: nothing is kept about pinned memory."""


reset_accumulated_host_memory_stats = alias(
    reset_peak_host_memory_stats, "reset_accumulated_host_memory_stats"
)


def empty_cache() -> None:
    """Give unused cached memory back."""
    if is_available():
        _cuda.library().get_default_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a device.

    Raises RuntimeError where there is no such device.
    """
    with _cuda.library().cuda.Device(device_number(device)):
        free, total = _cuda.library().cuda.runtime.memGetInfo()
    return int(free), int(total)


def device_memory_used(device: Any = None) -> int:
    """Bytes of a device that are in use, by whatever process.

    Raises RuntimeError where there is no such device.
    """
    free, total = mem_get_info(device)
    return total - free


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Bytes in use and reserved under PyTorch's names; empty without a device."""
    if not is_available():
        return OrderedDict()
    used, held = memory_allocated(device), memory_reserved(device)
    c = _counted(device)
    found = OrderedDict(num_alloc_retries=0, num_ooms=0)
    for name, now, peak in (
        ("allocated_bytes", used, c.peak), ("active_bytes", used, c.peak),
        ("reserved_bytes", held, c.held),
    ):  # fmt: skip
        found[f"{name}.all.current"], found[f"{name}.all.peak"] = now, peak
        found[f"{name}.all.allocated"] = c.bytes
        found[f"{name}.all.freed"] = max(0, c.bytes - now)
    found["allocation.all.allocated"] = c.times
    return found


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """memory_stats, a level of dicts for each part of a name.

    device: a number, a name or a device; None: the current one.
    """
    nested: dict[str, Any] = {}
    for name, n in memory_stats(device).items():
        *parts, when = name.split(".")
        inner = nested
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[when] = n
    return nested


def host_memory_stats() -> dict[str, Any]:
    """Nothing is kept about pinned memory."""
    return OrderedDict()


host_memory_stats_as_nested_dict = alias(host_memory_stats, "host_memory_stats_as_nested_dict")


def memory_snapshot(mempool_id: Any = None, include_traces: bool = True) -> list[Any]:
    """The pool does not tell its blocks: an empty list.

    mempool_id: accepted. include_traces: accepted.
    """
    return []


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """What is in use, as text.

    device: a number, a name or a device; None: the current one. abbreviated: accepted.
    """
    used, held, c = memory_allocated(device), memory_reserved(device), _counted(device)
    rows = [("Allocated memory", used, c.peak), ("Reserved memory", held, c.held)]
    lines = [f"CUDA memory of device {device_number(device) if is_available() else 0}, MiB"]
    lines.append(f"{'':18}{'now':>12}{'peak':>12}")
    lines += [f"{n:18}{a / 2**20:12.1f}{b / 2**20:12.1f}" for n, a, b in rows]
    return "\n".join(lines)


def list_gpu_processes(device: Any = None) -> str:
    """Which processes use a device is not known here."""
    return "the processes on a device are not known here: see nvidia-smi"


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let the pool hold at most this part of the device's memory.

    fraction: between 0 and 1.

    Raises RuntimeError where there is no such device.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    with _cuda.library().cuda.Device(device_number(device)):
        _cuda.library().get_default_memory_pool().set_limit(fraction=fraction)


def get_per_process_memory_fraction(device: Any = None) -> float:
    """The part of the device's memory that the pool may hold.

    Raises RuntimeError where there is no such device.
    """
    with _cuda.library().cuda.Device(device_number(device)):
        limit = _cuda.library().get_default_memory_pool().get_limit()
    return float(limit / mem_get_info(device)[1]) if limit else 1.0


def get_allocator_backend() -> str:
    """The name of the allocator."""
    return "native"


def caching_allocator_enable(value: bool = True) -> None:
    """Let memory that is given back be kept for later, or not.

    value: whether.

    Raises RuntimeError where there is no such device.
    """
    cupy = _cuda.library()
    cupy.cuda.set_allocator(cupy.get_default_memory_pool().malloc if value else None)


@contextlib.contextmanager
def caching_allocator_disabled() -> Iterator[None]:
    """Keep no memory for later inside a block."""
    caching_allocator_enable(False)
    try:
        yield
    finally:
        caching_allocator_enable(True)


_blocks: dict[int, Any] = {}


def caching_allocator_alloc(size: int, device: Any = None, stream: Any = None) -> int:
    """The address of this many bytes of the pool.

    size: how many bytes. device: a number, a name or a device; None: the current one. stream: a
    stream; None: the current one.

    Raises RuntimeError where there is no such device.
    """
    block = _cuda.library().get_default_memory_pool().malloc(size)
    _blocks[block.ptr] = block
    return int(block.ptr)


def caching_allocator_delete(mem_ptr: int) -> None:
    """Give back what caching_allocator_alloc gave.

    mem_ptr: an address.

    Raises KeyError for another address.
    """
    _blocks.pop(mem_ptr)


class CUDAPluggableAllocator:
    """Not available: allocators from compiled libraries.

    path_to_so_file: a library. alloc_fn_name: its function that gives memory. free_fn_name: its
    function that takes it back.

    Raises RuntimeError.
    """

    def __init__(self, path_to_so_file: str, alloc_fn_name: str, free_fn_name: str) -> None:
        raise RuntimeError(NO_POOLS)


class MemPool:
    """Not available: memory pools of one's own.

    allocator: accepted. use_on_oom: accepted. no_split: accepted.

    Raises RuntimeError.
    """

    def __init__(self, allocator: Any = None, use_on_oom: bool = False, no_split: bool = False):
        raise RuntimeError(NO_POOLS)


def change_current_allocator(allocator: Any) -> None:
    """Not available: raises RuntimeError.

    allocator: accepted.
    """
    raise RuntimeError(NO_POOLS)


def use_mem_pool(pool: Any, device: Any = None) -> Any:
    """Not available: raises RuntimeError.

    pool: accepted. device: a number, a name or a device; None: the current one.
    """
    raise RuntimeError(NO_POOLS)


def _record_memory_history(enabled: Any = "all", *args: Any, **kwargs: Any) -> None:
    """Accepted; the pool keeps no history."""


def _snapshot(device: Any = None) -> dict[str, Any]:
    """An empty history."""
    return {"segments": [], "device_traces": []}
