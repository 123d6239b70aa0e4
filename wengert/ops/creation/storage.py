"""The memory behind tensors: storages, resize_ and set_, the typed names of old. Not here: tensors
over buffers and files (`buffers.py`).

Storages here are windows on the array that owns a tensor's memory; they are made when asked for.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from ...arrays.lookup import HOST, default_namespace, namespace
from ...base import dtypes
from ...base.advice import advise
from ...base.aliases import alias
from ...declare.registry import FUNCTIONS, public
from ...engine import views
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor, wrap
from ..dims import sizes_of
from .buffers import from_file
from .filled import empty
from .tensor import tensor


class UntypedStorage:
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
    is_cuda = is_sparse = False

    def __init__(
        self, size: Any = 0, *, device: Any = None, _memory: Any = None, _owner: Any = None
    ) -> None:
        self.owner = _owner  # the tensor that was asked for its memory
        self.start: int | None = None  # where it begins, once the memory is another
        if _memory is not None:
            self.memory = _memory
        elif isinstance(size, (list, tuple)):
            self.memory = tensor(list(size), dtype=dtypes.uint8, device=device)
        else:
            self.memory = empty(size, dtype=dtypes.uint8, device=device)

    @staticmethod
    def from_buffer(
        buffer: Any, byte_order: str | None = None, count: int = -1, offset: int = 0, *,
        dtype: Any = None,
    ) -> UntypedStorage:  # fmt: skip
        """A copy of count numbers of dtype in an object with bytes, from offset on. byte_order:
        'native', 'little' or 'big', the order in which they are there. buffer: bytes, or what has
        them. Raises TypeError where buffer or dtype is of the wrong type.

        >>> torch.UntypedStorage.from_buffer(b"abc", dtype=torch.uint8).tolist()
        [97, 98, 99]
        """
        size = dtypes.as_dtype(dtype).itemsize
        data = bytes(memoryview(buffer).cast("B")[offset:])
        if count >= 0 and count * size > len(data):
            raise ValueError(
                f"buffer has only {len(data)} elements after offset {offset}, but specified a size"
                f" of {count}"
            )
        data = data[: count * size] if count >= 0 else data
        made = UntypedStorage(list(data))
        if size > 1 and byte_order not in (None, "native", sys.byteorder):
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

    def is_shared(self) -> bool:
        """Whether other processes share the memory."""
        return bool(self.memory.is_shared())

    def share_memory_(self) -> UntypedStorage:
        """Have other processes share the memory."""
        self.memory.share_memory_()
        return self

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
        """The memory as a vector of bytes that shares it."""
        return self.memory.detach().view(dtypes.uint8)

    @property
    def device(self) -> Any:
        """Where the memory is."""
        return self.memory.device

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
        part = self.bytes_()[i]
        if not isinstance(i, slice):
            return part.item()
        if part.numel() and namespace(part._a).has(HOST):  # memory that ends where the slice does
            part = wrap(default_namespace().from_buffer(memoryview(part._a), "u1", part.numel(), 0))
        return UntypedStorage(_memory=part)

    def __setitem__(self, i: Any, value: int) -> None:
        self.bytes_()[i] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

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

    def cpu(self) -> UntypedStorage:
        """The storage on the CPU."""
        return UntypedStorage(_memory=self.memory.cpu())

    def is_pinned(self) -> bool:
        """False."""
        return False

    def __reduce__(self) -> Any:
        return rebuilt, (False, self.bytes_())

    def __repr__(self) -> str:
        lines = "".join(f" {v}\n" for v in self.tolist())
        return (
            f"{lines}[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"
        )


class TypedStorage:
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
    is_cuda = is_sparse = False

    def __init__(
        self, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None
    ) -> None:
        d = dtype or dtypes.get_default_dtype()
        if wrap_storage is not None:
            self.memory = wrap_storage.bytes_().view(d)
        elif args and isinstance(args[0], Tensor):
            self.memory = args[0]
        elif args and not isinstance(args[0], int):
            if isinstance(args[0], (str, bytes)):
                raise TypeError(f"a storage is made of numbers, not of {args[0]!r}")
            self.memory = tensor(list(args[0]), dtype=d, device=device)
        else:
            self.memory = empty(args[0] if args else 0, dtype=d, device=device)

    @property
    def dtype(self) -> Any:
        """The dtype of the numbers."""
        return self.memory.dtype

    @property
    def device(self) -> Any:
        """Where the memory is."""
        return self.memory.device

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(_memory=self.memory)

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
        return self.memory[i].item()

    def __setitem__(self, i: Any, value: Any) -> None:
        self.memory.detach()[i] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def read_as(self, dtype: Any) -> Tensor:
        """The numbers as a vector that shares them; dtype: None, or theirs."""
        if dtype is not None and dtypes.as_dtype(dtype) is not self.dtype:
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
        return TypedStorage(self.memory.detach().clone())

    @clear_errors
    def copy_(self, source: Any, non_blocking: bool = False) -> TypedStorage:
        """Overwrite the numbers with those of another storage.

        source: another storage. non_blocking: accepted. Raises RuntimeError where there are not as
        many.
        """
        self.memory.detach().copy_(source.memory)
        return self

    def is_shared(self) -> bool:
        """Whether other processes share the memory."""
        return bool(self.memory.is_shared())

    def cpu(self) -> TypedStorage:
        """The storage on the CPU."""
        return TypedStorage(self.memory.detach().cpu())

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its class, or a copy in a dtype.

        non_blocking: accepted.
        """
        if dtype is None:
            return f"torch.{self.pickle_storage_type()}"
        return TypedStorage(self.memory.detach().to(dtype))

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


def converting(d: Any) -> Any:
    """storage.double() and the like: a copy in a dtype."""

    def method(self: TypedStorage) -> TypedStorage:
        return self.type(d)

    method.__doc__ = f"A copy in {d.name}."
    return method


for _name, _dtype in {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16, "long": dtypes.int64, "int": dtypes.int32,
    "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool,
    "complex_float": dtypes.complex64, "complex_double": dtypes.complex128,
}.items():  # fmt: skip
    setattr(TypedStorage, _name, converting(_dtype))


def rebuilt(typed: bool, memory: Tensor) -> TypedStorage | UntypedStorage:
    """A storage over a vector that nobody else has."""
    return TypedStorage(memory) if typed else UntypedStorage(_memory=memory)


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
    return TypedStorage(memory(self))


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


@public("Tensor.resize_(Tensor self, int[] size, *, MemoryFormat? memory_format=None)")
def resize_(self, *size, memory_format=None):
    """Change the shape of self in place, in the same memory if that suffices; further elements
    are arbitrary.

    >>> torch.tensor([1., 2., 3.]).resize_(2)
    tensor([1., 2.])
    """
    if self._n is not None:
        raise RuntimeError("cannot resize variables that require grad")
    shape = sizes_of(size, "resize_")
    if any(n < 0 for n in shape):
        raise RuntimeError(f"resize_(): sizes must not be negative, got {list(shape)}")
    if shape != tuple(self._a.shape):
        self._a = namespace(self._a).resized(self._a, shape)
        views.mutated(self)
    return self


@public("Tensor.resize(Tensor self, int[] size)")
def resize(self, *size):
    """self in another shape with as many elements; `reshape` by an old name.

    RuntimeError: the shapes differ in their number of elements.

    >>> torch.ones(4).resize(2, 2).shape
    torch.Size([2, 2])
    """

    advise("non-inplace resize is deprecated")
    return self.reshape(sizes_of(size, "resize"))


@public("resize_as_(Tensor input, Tensor the_template, *, MemoryFormat? memory_format=None)")
def resize_as_(self, the_template, *, memory_format=None):
    """resize_ to the shape of another tensor.

    >>> torch.ones(4).resize_as_(torch.zeros(2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    return resize_(self, tuple(the_template._a.shape))


@public(
    "Tensor.set_(Tensor self)",
    "Tensor.set_(Tensor self, any source)",
    "Tensor.set_(Tensor self, any source, int storage_offset, int[] size, int[] stride=[])",
)
def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Let self share the memory of a tensor or storage, with a size and strides in elements.

    Raises RuntimeError where the source has another dtype or does not hold as many elements.

    >>> torch.ones(2).set_(torch.zeros(3))
    tensor([0., 0., 0.])
    """
    if source is None:
        new = empty(0, dtype=self.dtype, device=self.device)
    elif isinstance(source, UntypedStorage):
        new = source.bytes_().view(self.dtype)
    else:
        new = source.memory if isinstance(source, TypedStorage) else source
    if new.dtype is not self.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {new.dtype} to a tensor of type {self.dtype}"
        )
    if size is not None:
        size = (size,) if isinstance(size, int) else tuple(size)
        if not stride:
            stride = tuple([math.prod(size[i + 1 :]) for i in range(len(size))])
        new = new.detach().as_strided(size, stride, storage_offset)
    self._a = new._a
    views.mutated(self)
    return self


for _c in (UntypedStorage, TypedStorage):
    FUNCTIONS[""][_c.__name__] = _c
