"""CUDA devices that are simulated, for scripts about several GPUs where there is none: what
WENGERT_SIMULATE_CUDA=N, or `wengert run --simulate-cuda N`, puts in CuPy's place.

Arrays are those of `sim.py`, under CUDA's names; CUDA_VISIBLE_DEVICES chooses among the N as the
driver does. Work is done when its call returns: streams and events have nothing to wait for.
"""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from ..base.devices import device
from ..base.errors import AcceleratorError
from .philox_stream import NO_DRAWS
from .sim import Current, SimArray, SimNamespace, install

__all__ = ["Library", "visible"]


def uuid(index: int) -> str:
    """The name of a device that does not depend on which are seen."""
    return f"GPU-{index:08x}-0000-0000-0000-000000000000"


def visible(total: int) -> list[int]:
    """The devices that CUDA_VISIBLE_DEVICES leaves: it lists numbers, or the beginnings of uuids,
    and what follows one that does not exist is not seen.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return list(range(total))
    found: list[int] = []
    for word in chosen.split(","):
        word = word.strip()
        meant = [i for i in range(total) if word[:4] == "GPU-" and uuid(i).startswith(word)]
        if word.isdigit():
            meant = [int(word)]
        if len(meant) != 1 or meant[0] >= total or meant[0] in found:
            break
        found.append(meant[0])
    return found


class Memory:
    """What the arrays of each device use, and may."""

    total = 16 << 30

    def __init__(self) -> None:
        self.used: defaultdict[int, int] = defaultdict(int)
        self.limits: dict[int, int] = {}

    def take(self, index: int, size: int) -> None:
        """Count an array. MemoryError, as CuPy's, if there is no room for it."""
        if self.used[index] + size > self.limits.get(index, self.total):
            raise MemoryError(
                f"Out of memory allocating {size:,} bytes (allocated so far: "
                f"{self.used[index]:,} bytes, limit set to: "
                f"{self.limits.get(index, self.total):,} bytes)."
            )
        self.used[index] += size
        if ALLOCATED is not None:
            ALLOCATED(index, self.used[index], size)


MEMORY = Memory()
ALLOCATED: Any = None  # is told of each array: device, bytes in use, its bytes


def may_wait() -> None:
    """RuntimeError, as CUDA's, where numbers are asked for while work is recorded."""
    if SimulatedCUDA.noted is not None:
        raise RuntimeError(
            "CUDA error: operation not permitted when stream is capturing: numbers of the device "
            "(item(), tolist(), copies to the CPU) are known only when the graph has run"
        )


class CUDAArray(SimArray):
    """An array of a simulated CUDA device."""

    __slots__ = ("counted",)

    def __init__(self, value: Any, index: int = 0, root: Any = None) -> None:
        self.counted = 0  # bytes of its own
        super().__init__(value, index, root)
        if root is None:
            MEMORY.take(index, value.nbytes)
            self.counted = value.nbytes

    def item(self) -> Any:
        may_wait()
        return super().item()

    def tolist(self) -> Any:
        may_wait()
        return super().tolist()

    @property
    def data(self) -> Any:
        """Where it is, as CuPy says it."""
        return SimpleNamespace(ptr=self.value.ctypes.data)

    def __del__(self, memory: Memory = MEMORY) -> None:  # modules may be gone at the end
        if self.counted:
            memory.used[self.index] -= self.counted


class SimulatedCUDA(SimNamespace):
    """The vocabulary on one simulated CUDA device."""

    kind = "cuda"
    here: ClassVar[Current] = Current()
    every: ClassVar[list[SimNamespace]] = []

    def to_host(self, a: Any) -> Any:
        may_wait()
        return super().to_host(a)

    def draw(
        self, like: Any, stream: Any, kind: str, shape: Any, dtype: Any, args: tuple[Any, ...]
    ) -> Any:
        if self.noted is not None:
            raise RuntimeError(NO_DRAWS)
        return None

    def _creator(self, f: Any) -> Any:
        make = super()._creator(f)

        def made(*args: Any, **kwargs: Any) -> Any:
            try:
                return make(*args, **kwargs)
            except MemoryError as e:
                if "allocated so far" in str(e):
                    raise
                used = MEMORY.used[self.__dict__["index"]]
                raise MemoryError(f"{e} (allocated so far: {used:,} bytes)") from None

        return made


class Graph:
    """CuPy's Graph: the calls that were made while a stream recorded, to be made again with the
    same arrays.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[Any, Any, Any, Any]] = []

    def note(self, f: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Write down a call and its result."""
        self.steps.append((f, args, kwargs, out))

    def launch(self, stream: Any = None) -> None:
        """Make the calls again; new results take the place of the old ones."""
        for f, args, kwargs, out in self.steps:
            new = f(*args, **kwargs)
            both = zip(out, new) if isinstance(out, tuple) else [(out, new)]
            for place, value in both:
                if isinstance(place, np.ndarray) and not np.may_share_memory(place, value):
                    place[...] = value

    def debug_dot_str(self) -> str:
        """A line for each call."""
        names = [getattr(f, "__name__", type(f).__name__) for f, *_ in self.steps]
        return "digraph {\n" + "".join([f'  "{i} {n}"\n' for i, n in enumerate(names)]) + "}\n"


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

    done = True
    recorded: Graph | None = None

    def __init__(self, ptr: int = 0, **options: Any) -> None:
        self.ptr = ptr if ptr or not options else id(self)

    def synchronize(self) -> None: ...

    def is_capturing(self) -> bool:
        return self.recorded is not None

    def begin_capture(self, mode: int | None = None) -> None:
        self.recorded = Graph()
        SimulatedCUDA.noted = staticmethod(self.recorded.note)

    def end_capture(self) -> Graph:
        found, self.recorded, SimulatedCUDA.noted = self.recorded, None, None
        assert found is not None
        return found

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


class Marks:
    """CuPy's marks for a profiler."""

    RangePush = RangePop = Mark = RangeEnd = staticmethod(lambda *args: None)
    RangeStart = staticmethod(lambda *args: 1)


class Pool:
    """CuPy's memory pool: what arrays of the current device use."""

    def malloc(self, size: int) -> None:
        """Where arrays lie is NumPy's."""

    def used_bytes(self) -> int:
        return MEMORY.used[SimulatedCUDA.here.index]

    total_bytes = used_bytes

    def free_all_blocks(self) -> None: ...

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        limit = size if fraction is None else int(fraction * MEMORY.total)
        MEMORY.limits[SimulatedCUDA.here.index] = limit or MEMORY.total

    def get_limit(self) -> int:
        return MEMORY.limits.get(SimulatedCUDA.here.index, 0)


class PinnedMemoryPointer(bytearray):
    """Memory that counts as pinned."""


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
            streamCaptureModeRelaxed=2,
            memGetInfo=lambda: (MEMORY.total - self.pool.used_bytes(), MEMORY.total),
            profilerStart=lambda: None, profilerStop=lambda: None,
            hostRegister=lambda ptr, size, flags: None, hostUnregister=lambda ptr: None,
        )  # fmt: skip
        self.cuda = SimpleNamespace(
            runtime=runtime, Device=Device, Stream=Stream, ExternalStream=Stream, Event=Event,
            get_current_stream=lambda: Stream.now, get_elapsed_time=lambda a, b: b.at - a.at,
            set_allocator=lambda f: None, using_allocator=nullcontext, MemoryPool=Pool,
            PinnedMemoryPointer=PinnedMemoryPointer, nvtx=Marks,
        )  # fmt: skip

    @staticmethod
    def empty_pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """cupyx's: an array in pinned memory."""
        memory = PinnedMemoryPointer(max(1, math.prod(shape) * np.dtype(dtype).itemsize))
        return (
            np.frombuffer(memory, np.uint8)[: math.prod(shape) * np.dtype(dtype).itemsize]
            .view(dtype)
            .reshape(shape)
        )

    @staticmethod
    def on_allocation(told: Any) -> None:
        """Have a function told of each array."""
        global ALLOCATED
        ALLOCATED = told

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
            "name": b"simulated CUDA device", "major": 8, "minor": 0, "warpSize": 32,
            "totalGlobalMem": MEMORY.total, "multiProcessorCount": 108,
            "maxThreadsPerMultiProcessor": 2048,
            "uuid": uuid(visible(self.total)[index]),
        }  # fmt: skip

    def on_device(self, d: device) -> SimNamespace:
        """The namespace that makes arrays on a device."""
        self.start()
        index = SimulatedCUDA.here.index if d.index is None else d.index
        return SimulatedCUDA.every[self.check(index)]
