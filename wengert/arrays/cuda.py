"""CUDA devices: CuPy's arrays, under the same words as the CPU's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..base.devices import device
from . import bind
from .lookup import NS, PER_DEVICE


def library() -> Any:
    """CuPy, or a RuntimeError that says how to get it."""
    try:
        import cupy
    except ImportError:
        raise RuntimeError(
            "CUDA tensors need CuPy, which is not installed: pip install 'wengert[cuda]', or use"
            " device='cpu'"
        ) from None
    return cupy


def device_count() -> int:
    """How many CUDA devices can be used now (0 without CuPy or driver)."""
    try:
        import cupy

        return int(cupy.cuda.runtime.getDeviceCount())
    except Exception:  # no CuPy, no driver, no device: all mean none
        return 0


class CUDANamespace(bind.LibraryNamespace):
    """The vocabulary over CuPy on one device; without an index, on operands of any of several."""

    def __init__(self, index: int | None) -> None:
        cupy = library()
        super().__init__("cuda" if index is None else f"cuda:{index}", {})
        self.__dict__.update(array_type=cupy.ndarray, index=index, library=cupy)
        for word, f in bind.words(cupy).items():
            self.__dict__[word] = self.quicker(word, f) if callable(f) else f

    def quicker(self, word: str, body: Callable[..., Any]) -> Callable[..., Any]:
        """A word that runs on the device of its operands, or on this one."""
        index = self.__dict__["index"]
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
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices,"
                f" cuda:{index} and cuda:{i}! Move one with .to(device)."
            )
        index = i
    return index


_namespaces: dict[int, CUDANamespace] = {}


def on_device(d: device) -> CUDANamespace:
    """The namespace that makes arrays on a CUDA device."""
    cupy = library()
    n = device_count()
    if n == 0:
        raise RuntimeError(
            "Found no NVIDIA driver or device: CUDA tensors need one; use device='cpu'"
        )
    i = cupy.cuda.runtime.getDevice() if d.index is None else d.index
    if i >= n:
        raise RuntimeError(
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
