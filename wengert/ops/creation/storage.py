"""The memory behind tensors: storages of bytes and of numbers. Not here: giving tensors another
memory (`resizing.py`), tensors over buffers and files (`buffers.py`).

Storages here are windows on the array that owns a tensor's memory; they are made when asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from ...arrays.lookup import HOST, default_namespace, namespace
from ...base import dtypes
from ...base.advice import advise
from ...base.aliases import alias
from ...declare.registry import FUNCTIONS, public
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor, wrap
from .buffers import from_file
from .filled import empty
from .storage_base import StorageBase, bytes_in, indexing, itemsize_of, named_dtype, one_by_one
from .tensor import tensor


class UntypedStorage(StorageBase):
    """The bytes of a tensor's memory. RuntimeError for a negative size.

    size: how many bytes. device: where it lies.

    >>> torch.zeros(2).untyped_storage().nbytes()
    8
    >>> s = torch.ones(2).untyped_storage()
    >>> s.size(), s.nbytes(), s.element_size(), s.data_ptr() % 4
    (8, 8, 1, 0)
    >>> s.is_shared(), s.is_pinned(), s.untyped() is s
    (False, False, True)
    >>> s.clone().tolist() == s.cpu().tolist()
    True
    >>> s.copy_(torch.zeros(2).untyped_storage()).tolist()
    [0, 0, 0, 0, 0, 0, 0, 0]
    >>> s.share_memory_().is_shared()
    True
    """

    __module__ = "torch.storage"

    def __init__(
        self, size: Any = 0, *, device: Any = None, _memory: Any = None, _owner: Any = None
    ) -> None:
        self.owner = _owner  # the tensor that was asked for its memory
        self.start: int | None = None  # where it begins, once the memory is another
        if _memory is not None:
            self.memory = _memory
        elif type(size) is int:
            self.memory = empty(size, dtype=dtypes.uint8, device=device)
        else:
            self.memory = tensor(bytes_in(size), dtype=dtypes.uint8, device=device)

    @staticmethod
    def from_buffer(
        buffer: Any, byte_order: str | None = None, count: int = -1, offset: int = 0, *,
        dtype: Any = None,
    ) -> UntypedStorage:  # fmt: skip
        """A copy of count numbers of dtype in an object with bytes, from offset on. byte_order:
        'native', 'little' or 'big', the order in which they are there, which may be left out for
        bytes. buffer: bytes, or what has them. Raises TypeError where buffer or dtype is of the
        wrong type, RuntimeError without a dtype, ValueError where the numbers are not there.

        >>> torch.UntypedStorage.from_buffer(b"abc", dtype=torch.uint8).tolist()
        [97, 98, 99]
        """
        size = itemsize_of(dtype, byte_order)
        data = bytes(memoryview(buffer).cast("B"))
        if not 0 <= offset <= len(data):
            raise ValueError(f"offset must be from 0 to the {len(data)} bytes, but got {offset}")
        data = data[offset:]
        if count < 0 and len(data) % size:
            raise ValueError(f"buffer size ({len(data)}) must be a multiple of element size {size}")
        if count * size > len(data):
            raise ValueError(
                f"buffer has only {len(data)} elements after offset {offset}, but specified a size"
                f" of {count}"
            )
        data = data[: count * size] if count >= 0 else data
        made = UntypedStorage(list(data))
        if size > 1 and byte_order not in ("native", sys.byteorder):
            made.byteswap(dtype)
        return made

    def byteswap(self, dtype: Any) -> None:
        """Turn round the bytes of each number of a dtype, in place. Raises TypeError where dtype is
        of the wrong type.

        >>> s = torch.UntypedStorage.from_buffer(b"ab", dtype=torch.uint8)
        >>> s.byteswap(torch.int16)
        >>> bytes(s.tolist())
        b'ba'
        """
        d = dtypes.as_dtype(dtype)
        size = d.itemsize // 2 if d.is_complex else d.itemsize
        each = self.bytes_().view(-1, size)
        each.copy_(each.flip(1))

    @staticmethod
    @clear_errors
    def from_file(filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, mapped; shared: changes go to the file, which is made as large.

        filename: the path. nbytes: how many bytes. Raises TypeError where nbytes is of the wrong
        type; RuntimeError where nbytes does not fit.

        >>> place = open("bytes.bin", "wb").write(b"abc")
        >>> torch.UntypedStorage.from_file("bytes.bin", nbytes=3).tolist()
        [97, 98, 99]
        """
        return UntypedStorage(_memory=from_file(filename, shared, nbytes, dtype=dtypes.uint8))

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def bytes_(self) -> Tensor:
        """The memory as a vector of bytes that shares it; meta storages have none."""
        if self.device.type == "meta":
            raise NotImplementedError("Not available for 'meta' device type")
        return self.memory.detach().view(dtypes.uint8)

    def nbytes(self) -> int:
        """How many bytes there are."""
        return int(self.memory._a.nbytes)

    __len__ = nbytes
    size = alias(nbytes, "size")

    def __sizeof__(self) -> int:
        """What sys.getsizeof says: the object and its bytes."""
        return object.__sizeof__(self) + self.nbytes()

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self.memory.data_ptr()

    def element_size(self) -> int:
        """1."""
        return 1

    def tolist(self) -> list[int]:
        """The bytes as a list."""
        return self.bytes_().tolist()

    def __getitem__(self, i: Any) -> Any:
        part = self.bytes_()[one_by_one(i)]
        if not isinstance(i, slice):
            return part.item()
        if part.numel() and namespace(part._a).has(HOST):  # memory that ends where the slice does
            part = wrap(default_namespace().from_buffer(memoryview(part._a), "u1", part.numel(), 0))
        return UntypedStorage(_memory=part)

    def __setitem__(self, i: Any, value: int) -> None:
        if not isinstance(i, (int, slice)) or not isinstance(value, int):
            raise RuntimeError(f"ints are set by ints and slices, got [{i!r}] = {value!r}")
        if isinstance(i, int) and not -len(self) <= i < len(self):
            raise RuntimeError(f"out of bounds: byte {i} of {len(self)}")
        self.bytes_()[one_by_one(i)] = value

    def __iter__(self) -> Iterator[int]:
        yield from self.tolist()

    def read_as(self, dtype: Any) -> Tensor:
        """The bytes, shared, as a vector of a dtype: of as many numbers as are whole; int64."""
        d = dtypes.as_dtype(dtype) if dtype is not None else dtypes.int64
        bytes_ = self.bytes_()
        return bytes_[: len(self) // d.itemsize * d.itemsize].view(d)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UntypedStorage)
            and other.data_ptr() == self.data_ptr()
            and other.nbytes() == self.nbytes()
        )

    __hash__ = object.__hash__

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage(_memory=self.memory.detach().clone())

    @clear_errors
    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Overwrite the bytes with those of another storage.

        source: another storage. non_blocking: accepted. Raises RuntimeError where there are not as
        many; TypeError where source is of the wrong type.
        """
        if self.device.type != "meta":
            self.bytes_().copy_(source.bytes_())
        return self

    def resize_(self, size: int) -> UntypedStorage:
        """Give the storage another number of bytes, the further ones arbitrary; the tensor that was
        asked for it moves to the new memory if it fits in, its other views stay where they are.

        size: how many bytes. RuntimeError for a negative one, TypeError where it is of the wrong
        type.

        >>> x = torch.ones(2)
        >>> x.untyped_storage().resize_(16).nbytes(), x.untyped_storage().nbytes(), x.tolist()
        (16, 16, [1.0, 1.0])
        """
        if size < 0:
            raise RuntimeError(f"resize_(): a storage cannot have {size} bytes")
        if self.device.type == "meta":
            self.memory = empty(size, dtype=dtypes.uint8, device="meta")
            return self
        old, t = self.bytes_(), self.owner
        if t is not None and self.start is None:
            self.start = t.data_ptr() - old.data_ptr()
        new = empty(size, dtype=dtypes.uint8, device=old.device)
        n = min(old.numel(), size)
        new[:n] = old[:n]
        self.memory = new
        if t is not None:
            item = t.element_size()
            whole, start = size // item, self.start // item
            last = start + sum([(m - 1) * s for m, s in zip(t.shape, t.stride())])
            if t.numel() == 0 or last < whole:
                numbers = new[: whole * item].view(t.dtype)
                t._a = numbers.as_strided(t.shape, t.stride(), start if t.numel() else 0)._a
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Overwrite every byte. value: 0 to 255; TypeError where it is of the wrong type.

        >>> torch.UntypedStorage(2).fill_(7).tolist()
        [7, 7]
        """
        self.bytes_().fill_(value)
        return self

    def with_memory(self, memory: Tensor) -> UntypedStorage:
        """A storage of this kind over a vector."""
        return UntypedStorage(_memory=memory)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its class, or its bytes as numbers of a dtype.

        non_blocking: accepted.

        >>> torch.ones(2).untyped_storage().type()
        'torch.storage.UntypedStorage'
        """
        if dtype is None:
            return "torch.storage.UntypedStorage"
        return TypedStorage(_memory=self.bytes_().to(named_dtype(dtype), copy=True))

    def new(self) -> UntypedStorage:
        """An empty storage.

        >>> torch.ones(2).untyped_storage().new().nbytes()
        0
        """
        return UntypedStorage(device=self.device)

    @classmethod
    def _new_shared(cls, size: int, *, device: Any = None) -> UntypedStorage:
        return UntypedStorage([0] * size, device=device).share_memory_()

    def __reduce__(self) -> Any:
        return rebuilt, (False, self.bytes_())

    def __repr__(self) -> str:
        meta = self.device.type == "meta"
        lines = "...\n" if meta else "".join(f" {v}\n" for v in self.tolist())
        return (
            f"{lines}[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"
        )


class TypedStorage(StorageBase):
    """A tensor's memory as a sequence of numbers of its dtype. TypeError where dtype is none.

    wrap_storage: an UntypedStorage to use. dtype: of the numbers. device: where it lies.

    >>> storage = torch.TypedStorage([1.0, 2.0], dtype=torch.float32)
    >>> storage.tolist(), storage.size(), storage.element_size(), storage.nbytes()
    ([1.0, 2.0], 2, 4, 8)
    >>> storage.clone().fill_(3.0).tolist(), storage.untyped().nbytes()
    ([3.0, 3.0], 8)
    >>> s = torch.FloatStorage([1.0, 2.0])
    >>> s.pickle_storage_type(), s.data_ptr() % 4, s.is_shared(), s.type()
    ('FloatStorage', 0, False, 'torch.FloatStorage')
    >>> [c.dtype for c in (s.half(), s.bfloat16(), s.float(), s.double())]
    [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    >>> [c.dtype for c in (s.char(), s.byte(), s.short(), s.int(), s.long(), s.bool())]
    [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool]
    >>> s.complex_float().dtype, s.complex_double().dtype
    (torch.complex64, torch.complex128)
    >>> s.copy_(torch.FloatStorage([3.0, 4.0])).cpu().tolist()
    [3.0, 4.0]
    """

    __module__ = "torch.storage"

    def __init__(
        self, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None,
        _memory: Any = None, _owner: Any = None,
    ) -> None:  # fmt: skip
        self.owner = _owner  # the tensor that was asked for its memory
        d = dtype or dtypes.get_default_dtype()
        if _memory is not None:
            self.memory = _memory
        elif wrap_storage is not None:
            if args or dtype is None or device is not None:
                raise RuntimeError("TypedStorage(): wrap_storage goes with a dtype, and alone")
            if not isinstance(wrap_storage, UntypedStorage):
                raise TypeError(
                    "TypedStorage(): argument 'wrap_storage' must be UntypedStorage, not "
                    f"{type(wrap_storage).__name__}"
                )
            self.memory = wrap_storage.bytes_().view(d)
        elif len(args) > 1:
            raise RuntimeError(f"TypedStorage(): too many arguments: {len(args)}")
        elif args and not isinstance(args[0], int):
            if isinstance(args[0], (str, bytes, Tensor, StorageBase)):
                raise TypeError(f"a storage is made of numbers, not of {type(args[0]).__name__}")
            self.memory = tensor(list(args[0]), dtype=d, device=device)
        else:
            self.memory = empty(args[0] if args else 0, dtype=d, device=device)

    @property
    def dtype(self) -> Any:
        """The dtype of the numbers."""
        return self.memory.dtype

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(_memory=self.memory, _owner=self.owner)

    def nbytes(self) -> int:
        """How many bytes there are."""
        return int(self.memory._a.nbytes)

    def size(self) -> int:
        """How many numbers there are."""
        return int(self.memory._a.size)

    __len__ = size

    def __sizeof__(self) -> int:
        """What sys.getsizeof says: the object and its numbers."""
        return object.__sizeof__(self) + self.nbytes()

    def element_size(self) -> int:
        """Bytes of one number."""
        return self.memory.element_size()

    def data_ptr(self) -> int:
        """The address of the first number."""
        return self.memory.data_ptr()

    def tolist(self) -> list[Any]:
        """The numbers as a list."""
        return self.memory.tolist()

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self.memory[indexing(i)].item()

    def __setitem__(self, i: Any, value: Any) -> None:
        self.memory.detach()[indexing(i)] = value

    def __iter__(self) -> Iterator[Any]:
        yield from self.tolist()

    def read_as(self, dtype: Any) -> Tensor:
        """The numbers as a vector that shares them; dtype: theirs, or None for the default one."""
        dtype = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
        if dtype is not self.dtype:
            raise RuntimeError(
                f"Expected a storage of {dtype} or an UntypedStorage, but got one of {self.dtype}"
            )
        return self.memory.detach()

    def fill_(self, value: Any) -> TypedStorage:
        """Overwrite every number.

        value: a number.

        Raises TypeError where value is of the wrong type; RuntimeError where value is a tensor of
        several numbers.
        """
        self.memory.detach().fill_(value)
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(_memory=self.memory.detach().clone())

    @clear_errors
    def copy_(self, source: Any, non_blocking: bool = False) -> TypedStorage:
        """Overwrite the numbers with those of another storage.

        source: another storage. non_blocking: accepted. Raises RuntimeError where there are not as
        many.
        """
        self.memory.detach().copy_(source.memory)
        return self

    def with_memory(self, memory: Tensor) -> TypedStorage:
        """A storage of this kind over a vector."""
        return TypedStorage(_memory=memory)

    def resize_(self, size: int) -> TypedStorage:
        """Give the storage another number of numbers, the further ones arbitrary.

        size: how many numbers. RuntimeError for a negative one, TypeError where it is of the wrong
        type.

        >>> len(torch.FloatStorage([1.0, 2.0]).resize_(3))
        3
        """
        raw = self.untyped().resize_(size * self.element_size())
        self.memory = raw.bytes_().view(self.dtype)
        return self

    @classmethod
    def from_buffer(
        cls, *args: Any, dtype: Any = None, device: Any = None, **options: Any
    ) -> TypedStorage:
        """The numbers of dtype in an object with bytes: UntypedStorage.from_buffer.

        args, options: of UntypedStorage.from_buffer. device: where they go. Raises TypeError where
        there is no buffer, RuntimeError without a byte order.

        >>> torch.TypedStorage.from_buffer(b"ab", dtype=torch.uint8).tolist()
        [97, 98]
        """
        dtype = dtype or dtypes.get_default_dtype()
        made = UntypedStorage.from_buffer(*args, dtype=dtype, **options)
        return TypedStorage(_memory=made.memory.view(dtypes.as_dtype(dtype)).to(device=device))

    @classmethod
    @clear_errors
    def from_file(cls, filename: Any, shared: bool, size: int) -> TypedStorage:
        """The numbers of a file, mapped; shared: changes go to the file, which is made as large.

        filename: the path. size: how many numbers. Raises TypeError where size is of the wrong
        type; RuntimeError where size does not fit.

        >>> place = open("numbers.bin", "wb").write(bytes(8))
        >>> torch.TypedStorage.from_file("numbers.bin", False, 2).tolist()
        [0.0, 0.0]
        """
        return TypedStorage(_memory=from_file(filename, shared, size))

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its class, or a copy in a dtype.

        non_blocking: accepted.
        """
        if dtype is None:
            return f"torch.{self.pickle_storage_type()}"
        return TypedStorage(_memory=self.memory.detach().to(named_dtype(dtype)))

    def pickle_storage_type(self) -> str:
        """The name of the type, such as 'FloatStorage'."""
        return f"{self.dtype._letter}Storage"

    def __reduce__(self) -> Any:
        return rebuilt, (True, self.memory.detach())

    def __repr__(self) -> str:
        lines = "".join(f" {v}\n" for v in self.tolist())
        return (
            f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) "
            f"of size {self.size()}]"
        )


def rebuilt(typed: bool, memory: Tensor) -> TypedStorage | UntypedStorage:
    """A storage over a vector that nobody else has."""
    return TypedStorage(_memory=memory) if typed else UntypedStorage(_memory=memory)


def memory(t: Tensor) -> Tensor:
    """All of the memory that t lies in, as a vector that shares it."""
    return wrap(namespace(t._a).memory_of(t._a))


@public("Tensor.storage(Tensor self) -> any")
def storage(self):
    """The memory behind the tensor, as numbers.

    Raises NotImplementedError for sparse tensors.

    >>> torch.ones(2).storage().tolist()
    [1.0, 1.0]
    """
    advise(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will"
        " be the only storage class: use tensor.untyped_storage() instead of"
        " tensor.storage()",
        once=True,
    )
    return TypedStorage(_memory=memory(self), _owner=self)


@public("Tensor._typed_storage(Tensor self) -> any")
def _typed_storage(self):
    """The memory behind the tensor, as numbers, without storage()'s warning.

    Raises NotImplementedError for sparse tensors.

    >>> torch.ones(2)._typed_storage().tolist()
    [1.0, 1.0]
    """
    return TypedStorage(_memory=memory(self), _owner=self)


@public("Tensor.untyped_storage(Tensor self) -> Storage")
def untyped_storage(self):
    """The memory behind the tensor, as bytes.

    Raises NotImplementedError for sparse tensors.

    >>> torch.ones(2).untyped_storage().nbytes()
    8
    """
    return UntypedStorage(_memory=memory(self), _owner=self)


@public("Tensor.storage_type(Tensor self) -> any")
def storage_type(self):
    """The class of storage().

    >>> torch.ones(2).storage_type()
    <class 'torch.FloatStorage'>
    """
    return FUNCTIONS[""][f"{self.dtype._letter}Storage"]


for _c in (UntypedStorage, TypedStorage):
    FUNCTIONS[""][_c.__name__] = _c
