"""What scripts ask about CUDA devices (torch.cuda). The arrays are CuPy's (`arrays/cuda.py`).

Memory is in `cuda_memory.py`, streams are in `streams.py`.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from ..arrays import cuda as _cuda
from ..base.devices import device as _device
from ..base.modes import _Switch
from . import generator, streams

has_half, has_magma = True, False  # what PyTorch's build would have


class CudaError(RuntimeError):
    """A call of CUDA's failed."""


class DeferredCudaCallError(Exception):
    """A call that was put off until CUDA starts failed."""


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


def device_number(d: Any) -> int:
    """The number of a CUDA device; the current one's for None."""
    if d is None:
        return current_device()
    d = _device(d)
    if d.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {d}")
    return current_device() if d.index is None else d.index


def current_device() -> int:
    """The number of the current device."""
    return int(_cuda.library().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Make a device the current one; a negative number changes nothing.

    Raises RuntimeError where there is no such device.
    """
    if isinstance(device, int) and device < 0:
        return
    _cuda.library().cuda.runtime.setDevice(device_number(device))


def get_device_name(device: Any = None) -> str:
    """The device's name.

    Raises RuntimeError where there is no such device.
    """
    return str(
        _cuda.library().cuda.runtime.getDeviceProperties(device_number(device))["name"].decode()
    )


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """(major, minor) compute capability.

    device: a number, a name or a device; None: the current one.

    Raises RuntimeError where there is no such device.
    """
    p = _cuda.library().cuda.runtime.getDeviceProperties(device_number(device))
    return int(p["major"]), int(p["minor"])


def synchronize(device: Any = None) -> None:
    """Wait for the work on a device."""
    if is_available():
        with _cuda.library().cuda.Device(device_number(device)):
            _cuda.library().cuda.runtime.deviceSynchronize()


def manual_seed(seed: int) -> None:
    """Seed the current device's generator; silently nothing without one.

    seed: an int.
    """
    if is_available():
        _generator().manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all devices; silently nothing without one.

    seed: an int.
    """
    for i in range(device_count()):
        _generator(i).manual_seed(seed)


def _generator(device: Any = None) -> generator.Generator:
    """The default generator of a device."""
    return generator._of_device("cuda", device_number(device))


def get_device_properties(device: Any = None) -> Any:
    """Name, memory, capability and size of a device, as attributes.

    Raises RuntimeError where there is no such device.
    """
    p = _cuda.library().cuda.runtime.getDeviceProperties(device_number(device))
    facts = {k: v.decode() if isinstance(v, bytes) else v for k, v in p.items()}
    facts.update(
        total_memory=facts["totalGlobalMem"], multi_processor_count=p["multiProcessorCount"]
    )
    return _CudaDeviceProperties(**facts)


class _CudaDeviceProperties(types.SimpleNamespace):
    """What a device is, by CUDA's names and PyTorch's."""

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // 2**20}MB, "
            f"multi_processor_count={self.multi_processor_count})"
        )


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one device can read another's memory.

    peer_device: another device.
    """
    here, there = device_number(device), device_number(peer_device)
    return bool(_cuda.library().cuda.runtime.deviceCanAccessPeer(here, there))


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the current device knows bfloat16 (False without one).

    including_emulation: accepted.
    """
    return is_available() and (including_emulation or get_device_capability() >= (8, 0))


def is_tf32_supported() -> bool:
    """Whether the current device knows TF32 (False without one)."""
    return is_available() and get_device_capability() >= (8, 0)


def get_arch_list() -> list[str]:
    """The architectures that kernels were compiled for: none ahead of time."""
    return []


def get_gencode_flags() -> str:
    """The flags of NVCC that kernels were compiled with: none."""
    return ""


def ipc_collect() -> None:
    """Accepted; no memory is shared with other processes."""


def is_current_stream_capturing() -> bool:
    """Whether a CUDA graph is being recorded."""
    return is_available() and bool(_cuda.library().cuda.get_current_stream().is_capturing())


def current_blas_handle() -> int:
    """cuBLAS's handle of the current device."""
    return int(_cuda.library().cuda.device.get_cublas_handle())


def current_solver_handle() -> int:
    """cuSOLVER's handle of the current device."""
    return int(_cuda.library().cuda.device.get_cusolver_handle())


def check_error(res: int) -> None:
    """Raise RuntimeError for a result of CUDA's that is an error.

    res: a result of CUDA's.
    """
    if res:
        raise CudaError(f"CUDA error {res}")


_sync_debug = 0


def set_sync_debug_mode(debug_mode: int | str) -> None:
    """Keep the mode; synchronisations are not watched.

    debug_mode: 0, 1, 2, 'default', 'warn' or 'error'.

    Raises RuntimeError for another mode.
    """
    global _sync_debug
    modes = {"default": 0, "warn": 1, "error": 2}
    if isinstance(debug_mode, str) and debug_mode not in modes:
        raise RuntimeError(
            "invalid value of debug_mode, expected one of `default`, `warn`, `error`"
        )
    _sync_debug = modes[debug_mode] if isinstance(debug_mode, str) else debug_mode


def get_sync_debug_mode() -> int:
    """The mode that was set."""
    return _sync_debug


def _watched(what: str) -> Callable[..., Any]:
    def f(device: Any = None) -> int:
        raise ModuleNotFoundError(
            f"torch.cuda.{what} asks NVIDIA's management library, which wengert does not use: see "
            "nvidia-smi, or the package nvidia-ml-py"
        )

    f.__name__ = f.__qualname__ = what
    f.__doc__ = (
        "Not available: raises ModuleNotFoundError and says where to look.\n\n"
        "device: a number, a name or a device; None: the current one.\n\n"
        f">>> torch.cuda.{what}()\nTraceback (most recent call last):\n    ...\n"
        f"ModuleNotFoundError: torch.cuda.{what} asks NVIDIA's management library, ...\n"
    )
    return f


clock_rate, memory_usage, power_draw, temperature, utilization = map(
    _watched, ("clock_rate", "memory_usage", "power_draw", "temperature", "utilization")
)


class Event(streams.Event):
    """A mark in a stream of a CUDA device.

    blocking: accepted. interprocess: accepted. external: accepted.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False,
        external: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            "cuda", enable_timing=enable_timing, blocking=blocking, interprocess=interprocess
        )


class Stream(streams.Stream):
    """A queue of work on a CUDA device."""

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        super().__init__("cuda" if device is None else device, priority)


class ExternalStream(Stream):
    """A stream that another library made, given by its address.

    stream_ptr: the address of the stream.
    """

    def __init__(self, stream_ptr: int, device: Any = None, **kwargs: Any) -> None:
        self.device, self.priority = _device("cuda", device_number(device)), 0
        self.native = _cuda.library().cuda.ExternalStream(stream_ptr)


def get_stream_from_external(data_ptr: int, device: Any = None) -> Stream:
    """The stream at an address.

    data_ptr: the address. device: a number, a name or a device; None: the current one.

    Raises RuntimeError where there is no such device.
    """
    return ExternalStream(data_ptr, device)


def stream(stream: Any) -> streams.StreamContext:
    """Context manager: a stream is the current one inside; None changes nothing."""
    return streams.StreamContext(stream)


def current_stream(device: Any = None) -> streams.Stream:
    """The stream that work goes to now.

    device: a number, a name or a device; None: the current one.

    Raises RuntimeError where there is no such device.
    """
    return streams.current_stream(_device("cuda", device_number(device)))


def default_stream(device: Any = None) -> streams.Stream:
    """The stream that work goes to unless another is chosen.

    device: a number, a name or a device; None: the current one.

    Raises RuntimeError where there is no such device.
    """
    return streams.default_stream(_device("cuda", device_number(device)))


class GreenContext:
    """Not available: a part of a device."""

    def __init__(self) -> None:
        raise RuntimeError("green contexts are not available: use the whole device")


def seed() -> None:
    """Seed the current device's generator with a random number."""
    if is_available():
        _generator().seed()


def seed_all() -> None:
    """Seed the generators of all devices with one random number."""
    if is_available():
        manual_seed_all(_generator(0).seed())


def initial_seed() -> int:
    """The seed that the current device's generator was last started from."""
    return _generator().initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a device's generator.

    Raises RuntimeError where there is no such device.
    """
    return _generator(device).get_state()


def get_rng_state_all() -> list[Any]:
    """The states of all devices' generators."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Give a device's generator a state.

    new_state: from get_rng_state().

    Raises RuntimeError where there is no such device.
    """
    _generator(device).set_state(new_state)


def set_rng_state_all(new_states: Any) -> None:
    """Give the generators of all devices their states.

    new_states: from get_rng_state_all().

    Raises RuntimeError where there is no such device.
    """
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


class device_of(_Switch):
    """Context manager: the device of a tensor is the current one; nothing for others.

    obj: a tensor, or anything else.
    """

    def __new__(cls, obj: Any) -> Any:
        d = getattr(obj, "device", None)
        return device(d.index if d is not None and d.type == "cuda" else None)


class device(_Switch):
    """Context manager: another current device.

    Raises RuntimeError where there is no such device.
    """

    def __init__(self, device: Any) -> None:
        nothing = device is None or isinstance(device, int) and device < 0
        self.index = None if nothing else device_number(device)

    def __enter__(self) -> None:
        if self.index is not None:
            self.previous = current_device()
            set_device(self.index)

    def __exit__(self, *exc: object) -> None:
        if self.index is not None:
            set_device(self.previous)


def nccl_available(tensors: Any = ()) -> bool:
    """Whether CuPy finds NCCL."""
    return _cuda.nccl() is not None


def nccl_version() -> tuple[int, int, int]:
    """NCCL's version. RuntimeError where it is not there."""
    nccl = _cuda.nccl()
    if nccl is None:
        raise RuntimeError(
            "NCCL is not available: on a machine with a GPU, pip install nvidia-nccl-cu13"
        )
    n = int(nccl.get_version())
    return n // 10000, n // 100 % 100, n % 100
