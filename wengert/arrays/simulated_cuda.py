"""CUDA devices that are simulated, for scripts about several GPUs where there is none: what
WENGERT_SIMULATE_CUDA=N, or `wengert run --simulate-cuda N`, puts in CuPy's place.

Arrays are those of `sim.py`, under CUDA's names; CUDA_VISIBLE_DEVICES chooses among the N as the
driver does. Work is done when its call returns: streams and events have nothing to wait for.
"""

from __future__ import annotations

import os
import time
import weakref
from types import SimpleNamespace
from typing import Any, ClassVar

from ..base.devices import device
from ..base.errors import AcceleratorError
from .sim import Current, SimArray, SimNamespace, install

__all__ = ["Library", "visible"]


def visible(total: int) -> list[int]:
    """The devices that CUDA_VISIBLE_DEVICES leaves: it lists numbers, and what follows one that
    does not exist is not seen.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return list(range(total))
    found: list[int] = []
    for word in chosen.split(","):
        if not word.strip().isdigit() or int(word) >= total or int(word) in found:
            break
        found.append(int(word))
    return found


class CUDAArray(SimArray):
    """An array of a simulated CUDA device."""

    __slots__ = ()
    alive: ClassVar[weakref.WeakSet[Any]] = weakref.WeakSet()  # those with memory of their own

    def __init__(self, value: Any, index: int = 0, root: Any = None) -> None:
        super().__init__(value, index, root)
        if root is None:
            self.alive.add(self)


class SimulatedCUDA(SimNamespace):
    """The vocabulary on one simulated CUDA device."""

    kind = "cuda"
    here: ClassVar[Current] = Current()
    every: ClassVar[list[SimNamespace]] = []


class Device:
    """CuPy's Device: as a context, the current one."""

    def __init__(self, index: int) -> None:
        self.id = index

    def __enter__(self) -> None:
        self.before, SimulatedCUDA.here.index = SimulatedCUDA.here.index, self.id

    def __exit__(self, *exc: object) -> None:
        SimulatedCUDA.here.index = self.before


class Stream:
    """CuPy's Stream."""

    done, is_capturing = True, staticmethod(lambda: False)

    def __init__(self, ptr: int = 0, **options: Any) -> None:
        self.ptr = ptr if ptr or not options else id(self)

    def synchronize(self) -> None: ...

    def wait_event(self, event: Any) -> None: ...

    def use(self) -> None:
        Stream.now = self

    def __enter__(self) -> Stream:
        self.before, Stream.now = Stream.now, self
        return self

    def __exit__(self, *exc: object) -> None:
        Stream.now = self.before

    null: ClassVar[Stream]
    now: ClassVar[Stream]


Stream.null = Stream.now = Stream()


class Event:
    """CuPy's Event."""

    done = True

    def __init__(self, **options: Any) -> None:
        self.at = 0.0

    def record(self, stream: Any = None) -> None:
        self.at = time.perf_counter() * 1e3

    def synchronize(self) -> None: ...


class Pool:
    """CuPy's memory pool: what arrays of the current device use."""

    def used_bytes(self) -> int:
        me = SimulatedCUDA.here.index
        return sum(a.nbytes for a in CUDAArray.alive if a.index == me)

    total_bytes = used_bytes

    def free_all_blocks(self) -> None: ...

    def set_limit(self, **limits: Any) -> None: ...

    def get_limit(self) -> int:
        return 0


MEMORY = 16 << 30


class Library:
    """What is asked of CuPy, for `total` devices; which are seen is settled at their first use."""

    ndarray = CUDAArray

    def __init__(self, total: int) -> None:
        self.total, self.seen = total, -1
        self.pool = Pool()
        self.random = SimpleNamespace(seed=lambda n: None)
        self.get_default_memory_pool = lambda: self.pool
        runtime = SimpleNamespace(
            getDeviceCount=lambda: len(visible(total)) if self.seen < 0 else self.seen,
            getDevice=lambda: self.start() and SimulatedCUDA.here.index, setDevice=self.set_device,
            getDeviceProperties=self.properties, deviceSynchronize=lambda: None,
            deviceCanAccessPeer=lambda a, b: a != b,
            memGetInfo=lambda: (MEMORY - self.pool.used_bytes(), MEMORY),
        )  # fmt: skip
        self.cuda = SimpleNamespace(
            runtime=runtime, Device=Device, Stream=Stream, ExternalStream=Stream, Event=Event,
            get_current_stream=lambda: Stream.now, get_elapsed_time=lambda a, b: b.at - a.at,
            nccl=SimpleNamespace(available=False), set_allocator=lambda f: None,
        )  # fmt: skip

    def start(self) -> bool:
        """Settle which devices there are."""
        if self.seen < 0:
            self.seen = len(visible(self.total))
            install(SimulatedCUDA, CUDAArray, self.seen)
        return True

    def check(self, index: int) -> int:
        """AcceleratorError for a device that is not seen."""
        self.start()
        if not 0 <= index < self.seen:
            raise AcceleratorError(
                f"CUDA error: invalid device ordinal: cuda:{index} of {self.seen} device(s) "
                "(CUDA_VISIBLE_DEVICES limits which are seen)"
            )
        return index

    def set_device(self, index: int) -> None:
        """Make a device the thread's current one."""
        SimulatedCUDA.here.index = self.check(index)

    def properties(self, index: int) -> dict[str, Any]:
        """A device's, by CUDA's names."""
        self.check(index)
        return {
            "name": b"simulated CUDA device", "major": 8, "minor": 0, "totalGlobalMem": MEMORY,
            "multiProcessorCount": os.cpu_count() or 1, "warpSize": 32,
        }  # fmt: skip

    def on_device(self, d: device) -> SimNamespace:
        """The namespace that makes arrays on a device."""
        self.start()
        index = SimulatedCUDA.here.index if d.index is None else d.index
        return SimulatedCUDA.every[self.check(index)]
