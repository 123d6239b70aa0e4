"""Memory that comes from elsewhere or goes elsewhere: arrays over foreign memory, and DLPack.

NumPy's own protocols, built on this, are in `interop.py`.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import dtypes
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor, wrap
from ..ops.creation.tensor import READERS

__all__ = ["DLDeviceType", "Memory", "from_dlpack", "plain", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """DLPack's numbers for kinds of device, as far as tensors live there."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3


def attach(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make f a method of Tensor under its own name."""
    f.__qualname__ = f"Tensor.{f.__name__}"
    setattr(Tensor, f.__name__, f)
    return f


def named(x: Any) -> str:
    """The type of x as PyTorch's messages write it: list, numpy.float32."""
    t = type(x)
    return t.__name__ if t.__module__ == "builtins" else f"{t.__module__}.{t.__name__}"


class Memory:
    """The memory of an array, which it keeps alive; np.asarray makes a new array over it."""

    def __init__(self, a: np.ndarray, writeable: bool) -> None:
        self.a = a
        facts = a.__array_interface__
        self.__array_interface__ = {**facts, "data": (facts["data"][0], not writeable)}


def plain(a: Any) -> Any:
    """A new array over the same memory: the tensor must not change when somebody sets a's shape."""
    if type(a) is not np.ndarray:
        a = a.view(np.ndarray)
    d = dtypes.BY_NP[a.dtype].np
    # NumPy has equal dtypes that are not one object (longlong); the eager path compares identity.
    return a.view() if a.dtype is d else a.view(d)


@attach
def __dlpack_device__(self: Tensor) -> tuple[DLDeviceType, int]:
    """(kind of device, index) in DLPack's numbers."""
    d = self.device
    if d.type == "cpu":
        return DLDeviceType.kDLCPU, 0
    if d.type == "cuda":
        return DLDeviceType.kDLCUDA, d.index or 0
    raise ValueError(f"Unknown device type {d.type} for Dlpack")


@attach
def __dlpack__(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule that shares this tensor's memory, for consumers such as np.from_dlpack.

    Raises BufferError for tensors that require grad, and for dtypes and devices that DLPack cannot
    carry.
    """
    if self._n is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    a = self._a
    if type(a) is np.ndarray:
        if stream is not None and stream != -1:
            raise AssertionError(f"stream should be None on cpu. Got {stream!r}")
        options: dict[str, Any] = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
    elif hasattr(a, "__dlpack__"):
        options = {
            "stream": stream,
            "max_version": max_version,
            "dl_device": dl_device,
            "copy": copy,
        }
    else:
        raise BufferError(f"Cannot pack tensors on {self.device}")
    # Left out where not asked for: older libraries do not know them all.
    known = {k: v for k, v in options.items() if v is not None}
    if a.dtype is not dtypes.bfloat16.np:
        return a.__dlpack__(**known)
    capsule = a.view(dtypes.uint16.np).__dlpack__(**known)  # NumPy has no name for bfloat16
    type_code(capsule).value = BFLOAT
    return capsule


UNSIGNED, BFLOAT = 1, 4  # DLPack's codes of kinds of numbers


def type_code(capsule: Any) -> Any:
    """The byte in a capsule that says what kind of numbers it holds."""
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = b"dltensor_versioned" if "versioned" in repr(capsule) else b"dltensor"
    start = api.PyCapsule_GetPointer(capsule, name)
    # behind the address, the device and the number of dimensions; newer ones have a head
    return ctypes.c_uint8.from_address(start + 20 + 32 * (name != b"dltensor"))


class _Exporter:
    """Passes requests on to the object that exports, and remembers what kind of capsule it gave."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.versioned = self.bfloat = False

    def __dlpack__(self, **options: Any) -> Any:
        bare = type(self.source).__name__ == "PyCapsule"
        capsule = self.source if bare else self.source.__dlpack__(**options)
        self.versioned = "versioned" in repr(capsule)
        code = type_code(capsule)
        if code.value == BFLOAT:
            code.value, self.bfloat = UNSIGNED, True  # which NumPy knows
        return capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        bare = type(self.source).__name__ == "PyCapsule"
        return (DLDeviceType.kDLCPU, 0) if bare else self.source.__dlpack_device__()


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of another library's array, through DLPack.

    Args:
        ext_tensor: an object with `__dlpack__`, or a capsule of CPU memory.
        device: where the tensor shall live; None leaves it where it is.
        copy: True always copies, None and False share.

    Raises RuntimeError for objects that export nothing, BufferError for dtypes that tensors do not
    have.

    >>> from_dlpack(np.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    if not hasattr(ext_tensor, "__dlpack__") and type(ext_tensor).__name__ != "PyCapsule":
        raise RuntimeError(
            f"from_dlpack received an invalid capsule. {named(ext_tensor)} has no __dlpack__ "
            "method: use torch.as_tensor(...) instead"
        )
    source = _Exporter(ext_tensor)
    if source.__dlpack_device__()[0] == DLDeviceType.kDLCUDA:
        import cupy

        t = wrap(cupy.from_dlpack(source))
    else:
        # NumPy does not export its read-only arrays; as PyTorch, take them anyway.
        try:
            a = ext_tensor if isinstance(ext_tensor, np.ndarray) else np.from_dlpack(source)
        except ValueError as error:
            raise RuntimeError(
                "from_dlpack received an invalid capsule: each can be consumed only once"
            ) from error
        if a.dtype not in dtypes.BY_NP:
            raise BufferError(f"from_dlpack(): tensors have no dtype for arrays of {a.dtype}")
        if not a.flags.writeable and not source.versioned and a is not ext_tensor:
            # Capsules of the first version cannot say whether their memory may be written to. NumPy
            # assumes not, PyTorch assumes so.
            a = np.asarray(Memory(a, True))
        t = wrap(plain(a.view(dtypes.bfloat16.np) if source.bfloat else a))
    if device is not None:
        t = t.to(device)
    return t.clone() if copy else t


@clear_errors
def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the first version that shares a tensor's memory.

    The tensor has any shape. Raises BufferError where it requires grad; TypeError where tensor is
    no tensor.

    >>> from_dlpack(to_dlpack(from_dlpack(np.ones(2)))).tolist()
    [1.0, 1.0]
    """
    return tensor.__dlpack__()


READERS["PyCapsule"] = from_dlpack
