"""Tensors out of storages: what the functions that PyTorch's files call do here.

The functions have PyTorch's names, since files name them; `home` says in which of its modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..api import functions as T
from ..base import dtypes, formats
from ..base.devices import CPU, device
from ..engine.tensor import Tensor, wrap
from ..nn.parameter import Parameter

FUNCTIONS: dict[str, Any] = {}


class Stored:
    """The memory of one or several tensors, as read from a file; what `map_location` is given.

    array: the elements as one row. device: where the tensors made of it go.
    """

    def __init__(self, array: np.ndarray, dtype: dtypes.dtype | None, to: Any = CPU) -> None:
        self.array, self.dtype, self.device = array, dtype, device(to)
        self._there: Any = None

    def nbytes(self) -> int:
        """The size in bytes."""
        return int(self.array.nbytes)

    def size(self) -> int:
        """The number of elements."""
        return int(self.array.size)

    __len__ = size

    @property
    def memory(self) -> Tensor:
        """The elements as a tensor, which is what other storages hold."""
        return wrap(self.array)

    def cpu(self) -> Stored:
        """The storage on the CPU."""
        return Stored(self.array, self.dtype)

    def cuda(self, index: Any = None, non_blocking: bool = False) -> Stored:
        """The storage on a CUDA device."""
        return Stored(self.array, self.dtype, device("cuda" if index is None else index))

    def to(self, *, device: Any, non_blocking: bool = False) -> Stored:
        """The storage on a device."""
        return Stored(self.array, self.dtype, device)

    def view(self, shape: Any, stride: Any, offset: int, dtype: dtypes.dtype) -> Any:
        """The raw array of a tensor that lies in this storage."""
        shape = tuple(shape)
        if self.device.type != "cpu":
            if self._there is None:
                flat = self.array if self.dtype is dtype else self.array.view(dtype.np)
                self._there = wrap(flat).to(self.device)
            return T.as_strided(self._there, shape, tuple(stride), offset)._a
        a, step = self.array, dtype.itemsize
        if 0 in shape:
            return np.empty(shape, dtype.np)
        if a.dtype == dtype.np and shape == a.shape and tuple(stride) == (1,) and a.flags.owndata:
            return a
        # placed on bytes of `a`, which therefore is the base that all such tensors share
        try:
            strides = [s * step for s in stride]
            return np.ndarray(shape, dtype.np, a.view(np.uint8), offset * step, strides)
        except (TypeError, ValueError, OverflowError) as e:
            raise RuntimeError(
                f"the file is damaged: a tensor of sizes {list(shape)}, strides {list(stride)} and"
                f" storage offset {offset} is out of bounds for its storage of {a.nbytes} bytes"
            ) from e


def _called(home: str) -> Callable[[Any], Any]:
    """Decorator: files know this function as home.NAME."""

    def register(f: Any) -> Any:
        f.home = home
        FUNCTIONS[f"{home}.{f.__name__}"] = f
        return f

    return register


def _leaf(a: Any, requires_grad: bool) -> Tensor:
    t = wrap(a)
    return t.requires_grad_() if requires_grad else t


def _stored(storage: Any) -> Stored:
    """What a program has as a storage, as one of a file."""
    if isinstance(storage, Stored):
        return storage
    memory = storage.memory
    return Stored(memory._a, memory.dtype, memory.device)


@_called("torch._utils")
def _rebuild_tensor(storage: Stored, offset: int, size: Any, stride: Any) -> Tensor:
    storage = _stored(storage)
    return wrap(storage.view(size, stride, offset, storage.dtype or dtypes.uint8))


@_called("torch._utils")
def _rebuild_tensor_v2(
    storage: Stored, offset: int, size: Any, stride: Any, requires_grad: bool, backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    storage = _stored(storage)
    a = storage.view(size, stride, offset, storage.dtype or dtypes.uint8)
    return _leaf(_marked(a, metadata), requires_grad)


@_called("torch._utils")
def _rebuild_tensor_v3(
    storage: Stored, offset: int, size: Any, stride: Any, requires_grad: bool, backward_hooks: Any,
    dtype: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    a = _stored(storage).view(size, stride, offset, dtype)
    return _leaf(_marked(a, metadata), requires_grad)


def _marked(a: Any, metadata: Any) -> Any:
    """An array whose tensor was saved as a conjugate or negative view: the values themselves."""
    if metadata and metadata.get("conj"):
        a = T.conj(wrap(a))._a
    if metadata and metadata.get("neg"):
        a = T.neg(wrap(a))._a
    return a


@_called("torch._utils")
def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    return Parameter(data, requires_grad)


@_called("torch._utils")
def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Parameter:
    return _with_state(Parameter(data, requires_grad), state)


@_called("torch._utils")
def _rebuild_meta_tensor_no_storage(
    dtype: Any, size: Any, stride: Any, requires_grad: bool
) -> Tensor:
    t = T.empty(tuple(size), dtype=dtype, device="meta")
    return t.requires_grad_() if requires_grad else t


@_called("torch._utils")
def _rebuild_device_tensor_from_numpy(
    data: np.ndarray, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    return _leaf(wrap(data).to(dtype=dtype, device=device)._a, requires_grad)


@_called("torch._utils")
def _rebuild_sparse_tensor(layout: Any, data: Any) -> Tensor:
    made: Tensor
    if layout is formats.sparse_coo:
        indices, values, size, *coalesced = data
        known = bool(coalesced and coalesced[0])
        made = T.sparse_coo_tensor(indices, values, tuple(size), is_coalesced=known)
    else:
        compressed, plain, values, size = data
        made = T.sparse_compressed_tensor(compressed, plain, values, tuple(size), layout=layout)
    return made


@_called("torch._utils")
def _rebuild_wrapper_subclass(
    cls: Any, dtype: Any, size: Any, stride: Any, storage_offset: Any, layout: Any, device: Any,
    requires_grad: Any,
) -> Any:  # fmt: skip
    """A tensor of a class that sees operators, whose attributes come with its state."""
    from ..api.classed import rewrapped

    return rewrapped(cls, dtype, size, stride, storage_offset, layout, device, requires_grad)


@_called("torch._tensor")
def _rebuild_from_type_v2(func: Any, new_type: Any, args: Any, state: Any) -> Any:
    if func not in FUNCTIONS.values():
        raise TypeError(f"_rebuild_from_type_v2 calls functions that rebuild tensors, not {func}")
    t = func(*args)
    if type(t) is not new_type and isinstance(new_type, type) and issubclass(new_type, Tensor):
        made = object.__new__(new_type)
        made._a, made._n, made._x = t._a, t._n, t._x
        t = made
    return _with_state(t, state)


def _with_state(t: Any, state: Any) -> Any:
    """t with the attributes that were saved with it."""
    own = getattr(type(t), "__setstate__", None)
    if own is not None:
        own(t, state)
        return t
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    t.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(t, name, value)
    return t


@_called("torch.serialization")
def _get_layout(name: str) -> Any:
    found = getattr(formats, str(name).rpartition(".")[2], None)
    if not isinstance(found, formats.layout):
        raise ValueError(f"the file names a layout that there is not: {name}")
    return found
