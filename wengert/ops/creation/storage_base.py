"""What storages of bytes and of numbers have in common: where they lie, copies elsewhere, what they
take as sizes and indices.
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.registry import FUNCTIONS
from ...engine.tensor import Tensor


class StorageBase:
    """A storage: memory, which is a vector, and how it is looked at. Not to be made itself."""

    memory: Tensor
    is_cuda = is_hpu = is_sparse = is_sparse_csr = False
    filename: str | None = None

    def with_memory(self, memory: Tensor) -> Any:
        """A storage of this kind over a vector."""
        raise NotImplementedError

    @property
    def device(self) -> Any:
        """Where the memory is."""
        return self.memory.device

    def get_device(self) -> int | None:
        """The number of the device, None on the CPU."""
        return self.device.index

    def is_shared(self) -> bool:
        """Whether other processes share the memory."""
        return bool(self.memory.is_shared())

    def share_memory_(self) -> Any:
        """Have other processes share the memory."""
        self.memory.share_memory_()
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """False. device: accepted."""
        return False

    def pin_memory(self, device: Any = None) -> Any:
        """A copy in pinned memory; RuntimeError without a GPU. device: accepted."""
        return self.with_memory(self.memory.detach().pin_memory())

    def resizable(self) -> bool:
        """True."""
        return True

    def cpu(self) -> Any:
        """The storage on the CPU."""
        return self.with_memory(self.memory.detach().cpu())

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """The storage on a GPU; RuntimeError without one. device: which. non_blocking: accepted."""
        return self.with_memory(self.memory.detach().cuda(device))

    def to(self, *, device: Any, non_blocking: bool = False) -> Any:
        """The storage on a device. non_blocking: accepted."""
        return self.with_memory(self.memory.detach().to(device=device))

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its class, or its numbers in a dtype."""
        raise NotImplementedError


def converting(d: Any) -> Any:
    """storage.double() and the like: a copy in a dtype."""

    def method(self: StorageBase) -> Any:
        return self.type(d)

    method.__doc__ = f"A copy in {d.name}."
    return method


for _name, _dtype in {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16, "long": dtypes.int64, "int": dtypes.int32,
    "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool,
    "complex_float": dtypes.complex64, "complex_double": dtypes.complex128,
    "float8_e5m2": dtypes.float8_e5m2, "float8_e4m3fn": dtypes.float8_e4m3fn,
    "float8_e5m2fnuz": dtypes.float8_e5m2fnuz, "float8_e4m3fnuz": dtypes.float8_e4m3fnuz,
}.items():  # fmt: skip
    setattr(StorageBase, _name, converting(_dtype))


def named_dtype(dtype: Any) -> Any:
    """A dtype, from itself, torch.FloatStorage or its name."""
    if isinstance(dtype, str):
        dtype = FUNCTIONS[""].get(dtype.rpartition(".")[2], dtype)
    return dtypes.as_dtype(getattr(dtype, "dtype", dtype))


def bytes_in(sequence: Any) -> list[int]:
    """The bytes that a storage is made of."""
    name = type(sequence).__name__
    if isinstance(sequence, (bool, Tensor)) or not hasattr(sequence, "__getitem__"):
        raise RuntimeError(f"torch.UntypedStorage(): Expected a sequence type, but got {name}")
    values = list(sequence)
    if wrong := [v for v in values if not isinstance(v, int)]:
        raise RuntimeError(
            f"torch.UntypedStorage(): a sequence ({name}) of ints is expected, but one of the "
            f"items was of type {type(wrong[0]).__name__}"
        )
    return values


def itemsize_of(dtype: Any, byte_order: str | None) -> int:
    """Bytes of one number in a buffer, whose byte order must be known where that is not one."""
    if dtype is None:
        raise RuntimeError("from_buffer: argument 'dtype' cannot be None")
    size: int = dtypes.as_dtype(dtype).itemsize
    if size > 1:
        if byte_order is None:
            raise RuntimeError("from_buffer: missing required argument 'byte_order'")
        if byte_order not in ("native", "little", "big"):
            raise ValueError(
                f"invalid byte_order {byte_order!r} (expected 'big', 'little', or 'native')"
            )
    return size


def one_by_one(i: Any) -> Any:
    """An index of bytes; a slice has no steps."""
    if isinstance(i, slice) and i.step not in (None, 1):
        raise RuntimeError(
            f"Trying to slice with a step of {i.step}, but only a step of 1 is supported"
        )
    return i


def indexing(i: Any) -> Any:
    """An index of numbers."""
    if not (isinstance(i, slice) or hasattr(i, "__index__")):
        raise RuntimeError(f"can't index a storage with {type(i)}")
    return i
