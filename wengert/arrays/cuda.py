"""CUDA devices: CuPy's arrays, under the same words as the CPU's."""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..base.devices import device
from ..base.errors import AcceleratorError, DevicesDiffer, NoDeviceError
from . import bind, cuda_kernels, cudnn_graphs
from .cupy_library import CuPyLibrary
from .lookup import NS, PER_DEVICE


@functools.cache
def stand_in() -> Any:
    """What is in CuPy's place: simulated devices, if the environment asks for them."""
    asked = os.environ.get("WENGERT_SIMULATE_CUDA", "")
    if not asked.isdigit() or asked == "0":
        return None
    from .simulated_cuda import Library

    return Library(int(asked))


def library() -> Any:
    """CuPy, or a NoDeviceError that says how to get it."""
    if stand_in() is not None:
        return stand_in()
    try:
        import cupy
    except ImportError as e:
        missing = "is not installed" if e.name == "cupy" else f"does not load ({e})"
        raise NoDeviceError(
            f"CUDA tensors need CuPy, which {missing}: pip install 'wengert[cuda]' (for CUDA 12 "
            "'wengert[cuda12]'), or use device='cpu'. `wengert run --simulate-cuda 2 SCRIPT` "
            "simulates two GPUs"
        ) from None
    return cupy


def device_count() -> int:
    """How many CUDA devices can be used now (0 without CuPy or driver)."""
    if stand_in() is not None:
        return int(stand_in().cuda.runtime.getDeviceCount())
    try:
        import cupy

        return int(cupy.cuda.runtime.getDeviceCount())
    except Exception:  # no CuPy, no driver, no device: all mean none
        return 0


def blocks_at_a_time(index: int | None) -> int:
    """How many blocks of 256 threads a device runs at a time; the current one for None."""
    runtime = library().cuda.runtime
    facts = runtime.getDeviceProperties(runtime.getDevice() if index is None else index)
    return int(facts["multiProcessorCount"]) * (int(facts["maxThreadsPerMultiProcessor"]) // 256)


def nccl() -> Any:
    """CuPy's module of NCCL, which it loads when asked; None where NCCL is not there."""
    if stand_in() is not None or not device_count():
        return None
    with warnings.catch_warnings():  # CuPy says what to install
        warnings.simplefilter("ignore")
        module = importlib.import_module("cupy.cuda.nccl")
    return module if module.available else None


def why_none() -> str:
    """What is missing, where CuPy is installed and finds no device."""
    cupy = library()
    try:
        driver = int(cupy.cuda.runtime.driverGetVersion())
    except Exception:
        driver = 0
    if not driver:
        return (
            "Found no NVIDIA driver on your system: CuPy is installed, the driver is not (on WSL "
            "and in containers it has to be passed through); use device='cpu'"
        )
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = "" if chosen is None else f", and CUDA_VISIBLE_DEVICES is {chosen!r}"
    return (
        f"No CUDA GPUs are available: CuPy and a driver (for CUDA {driver // 1000}."
        f"{driver % 1000 // 10}) are there, but no device{hidden}; use device='cpu'"
    )


class CUDANamespace(bind.LibraryNamespace):
    """The vocabulary over CuPy on one device; without an index, on operands of any of several."""

    def __init__(self, index: int | None) -> None:
        cupy = CuPyLibrary(library())
        super().__init__("cuda" if index is None else f"cuda:{index}", {})
        self.__dict__.update(array_type=cupy.ndarray, index=index, library=cupy)
        for word, f in bind.words(cupy).items():
            self.__dict__[word] = self.quicker(word, f) if callable(f) else f

    def quicker(self, word: str, body: Callable[..., Any]) -> Callable[..., Any]:
        """A word that runs on the device of its operands, or on this one."""
        index = self.__dict__["index"]
        body = cuda_kernels.wrap(word, body, self.library)
        body = cudnn_graphs.wrap(word, body, self.library)
        if index is not None and device_count() == 1:
            return body
        current = self.library.cuda.Device

        def placed(*args: Any, **kwargs: Any) -> Any:
            where = place((*args, *kwargs.values()), index)
            if where is None:
                return body(*args, **kwargs)
            with current(where):
                return body(*args, **kwargs)

        return placed

    def of(self, a: Any) -> CUDANamespace:
        """The namespace of the device that a is on."""
        return on_device(self.device_of(a))

    def current(self) -> AbstractContextManager[Any]:
        """A context in which this is CuPy's current device."""
        context: AbstractContextManager[Any] = self.library.cuda.Device(self.__dict__["index"])
        return context

    def draw(
        self, like: Any, stream: Any, kind: str, shape: Any, dtype: Any, args: tuple[Any, ...]
    ) -> Any:
        """Random numbers made on the device of an array, or None."""
        from .cuda_random import draw

        return draw(self.library, like.device.id, stream, kind, shape, dtype, args)

    @staticmethod
    def device_of(a: Any) -> device:
        return device("cuda", a.device.id)

    def from_host(self, a: Any) -> Any:
        """A copy of a CPU array on this device."""
        with self.current():
            return self.library.asarray(a)

    def to_host(self, a: Any) -> Any:
        """A copy on the CPU."""
        return self.library.asnumpy(a)


def place(args: tuple[Any, ...], index: int | None) -> int | None:
    """The device on which operands are; index where there are none. RuntimeError if they differ."""
    for a in args:
        i = getattr(getattr(a, "device", None), "id", None)
        if i is None:
            continue
        if index is not None and i != index:
            raise DevicesDiffer(f"cuda:{index}", f"cuda:{i}")
        index = i
    return index


def on_allocation(told: Callable[[int, int, int], None]) -> None:
    """Have a function told of each allocation: device, bytes in use, bytes of this one."""
    if stand_in() is not None:
        stand_in().on_allocation(told)
        return
    cupy = library()
    pool = cupy.get_default_memory_pool()

    class Hook(cupy.cuda.MemoryHook):  # type: ignore[misc, name-defined, unused-ignore]
        name = "wengert"

        def malloc_postprocess(self, **facts: Any) -> None:
            told(facts["device_id"], pool.used_bytes(), facts["mem_size"])

    Hook().__enter__()


_namespaces: dict[int, CUDANamespace] = {}


def on_device(d: device) -> Any:
    """The namespace that makes arrays on a CUDA device."""
    cupy = library()
    if stand_in() is not None:
        return stand_in().on_device(d)
    n = device_count()
    if n == 0:
        raise NoDeviceError(why_none())
    i = cupy.cuda.runtime.getDevice() if d.index is None else d.index
    if i >= n:
        raise AcceleratorError(
            f"CUDA error: invalid device ordinal: {d} of {n} device(s) (CUDA_VISIBLE_DEVICES limits"
            " which are seen)"
        )
    if i not in _namespaces:
        _namespaces[i] = CUDANamespace(i)
        if cupy.ndarray not in NS:
            register(cupy.ndarray)
    return _namespaces[i]


def register(t: type) -> None:
    """Let CuPy's arrays be found: by their type alone if there is one device."""
    if device_count() > 1:
        PER_DEVICE.add(t)
        NS[t] = CUDANamespace(None)
    else:
        NS[t] = on_device(device("cuda", 0))
