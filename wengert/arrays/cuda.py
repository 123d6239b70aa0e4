"""CUDA devices: CuPy's arrays, under the same words as the CPU's."""

from __future__ import annotations

from typing import Any

from ..base.devices import device
from . import bind
from .lookup import NS, Namespace


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


class CUDANamespace(Namespace):
    """The vocabulary over CuPy on one device."""

    def __init__(self, index: int) -> None:
        cupy = library()
        super().__init__(f"cuda:{index}", bind.words(cupy))
        self.__dict__.update(array_type=cupy.ndarray, index=index)

    @staticmethod
    def device_of(a: Any) -> device:
        return device("cuda", a.device.id)

    def from_host(self, a: Any) -> Any:
        """A copy of a CPU array on this device."""
        cupy = library()
        with cupy.cuda.Device(self.__dict__["index"]):
            return cupy.asarray(a)

    def to_host(self, a: Any) -> Any:
        """A copy on the CPU."""
        return library().asnumpy(a)


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
        NS.setdefault(cupy.ndarray, _namespaces[i])
    return _namespaces[i]


def register(t: type) -> None:
    """Let CuPy's arrays be found."""
    NS[t] = on_device(device("cuda", 0))
