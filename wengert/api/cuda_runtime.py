"""CUDA's runtime and its profiler under PyTorch's names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..arrays import cuda as _cuda
from ..base.errors import NoDeviceError

__all__ = ["cudaStatus", "cudart", "profile", "start", "stop"]


class cudaStatus:
    """Results of CUDA's calls."""

    SUCCESS: int = 0
    ERROR_NOT_READY: int = 34


class _Runtime:
    """CUDA's runtime: calls return 0, or raise CuPy's CUDARuntimeError."""

    class cudaError(int):
        """A result of a call."""

        success = 0

    def __init__(self, native: Any) -> None:
        self.native = native

    def cudaGetErrorString(self, error: int) -> str:
        """A result in words."""
        return "no error" if not int(error) else f"CUDA error {int(error)}"

    def cudaProfilerStart(self) -> int:
        """Begin to record, if a profiler of NVIDIA's is there."""
        self.native.profilerStart()
        return 0

    def cudaProfilerStop(self) -> int:
        """Stop recording."""
        self.native.profilerStop()
        return 0

    def cudaHostRegister(self, ptr: int, size: int, flags: int = 0) -> int:
        """Pin memory of the CPU's at an address."""
        self.native.hostRegister(ptr, size, flags)
        return 0

    def cudaHostUnregister(self, ptr: int) -> int:
        """Let go of pinned memory."""
        self.native.hostUnregister(ptr)
        return 0

    def cudaStreamCreate(self, ptr: int) -> int:
        """Refused: streams are made by torch.cuda.Stream()."""
        raise RuntimeError("cudaStreamCreate writes to an address: use torch.cuda.Stream()")

    def cudaStreamDestroy(self, stream: int) -> int:
        """End a stream that was made by CUDA itself."""
        self.native.streamDestroy(stream)
        return 0

    def cudaMemGetInfo(self, device: int) -> tuple[int, int]:
        """Free and total bytes of a device."""
        with _cuda.library().cuda.Device(device):
            free, total = self.native.memGetInfo()
        return int(free), int(total)


def cudart() -> _Runtime:
    """CUDA's runtime. RuntimeError without a device."""
    if not _cuda.device_count():
        raise NoDeviceError(_cuda.why_none())
    return _Runtime(_cuda.library().cuda.runtime)


def start() -> None:
    """Begin to record, if a profiler of NVIDIA's is there."""
    cudart().cudaProfilerStart()


def stop() -> None:
    """Stop recording."""
    cudart().cudaProfilerStop()


@contextlib.contextmanager
def profile() -> Iterator[None]:
    """Context manager: a profiler of NVIDIA's records what is done inside."""
    try:
        start()
        yield
    finally:
        stop()
