"""How tensors lie in memory: whether in order, with which steps, where."""

from __future__ import annotations

from typing import Any

from ..base.formats import ORDERS, fits
from ..declare.fast_paths import short
from ..declare.registry import public
from ..engine import views
from ..engine.tensor import Tensor
from ..ops.dims import wrap_dim

__all__ = ["data_ptr", "is_contiguous", "storage_offset", "stride"]


def plainly_in_order(careful: Any) -> Any:
    """The short form of is_contiguous()."""

    def f(self: Any, *args: Any, **kw: Any) -> Any:
        try:
            return careful(self, *args, **kw) if args or kw else self._a.flags.c_contiguous
        except AttributeError:
            return careful(self)

    return f


@public(
    "Tensor.is_contiguous(Tensor self, *, MemoryFormat? memory_format=contiguous_format) -> bool"
)
@short(plainly_in_order)
def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in memory in order, that of a memory format if one is named.

    >>> x = torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last)
    >>> x.is_contiguous(), x.is_contiguous(memory_format=torch.channels_last)
    (False, True)
    """
    a = getattr(self._a, "memory", self._a)
    if memory_format in ORDERS:
        return fits(memory_format, a.shape, stride(self))
    return bool(a.flags.c_contiguous if hasattr(a, "flags") else True)


@public("Tensor.stride(Tensor self, int? dim=None) -> any")
def stride(self: Tensor, dim: int | None = None) -> Any:
    """Steps in memory, in elements, of all dimensions or one."""
    a = getattr(self._a, "memory", self._a)
    steps: Any = getattr(a, "strides", None)  # an interpreter's array has no memory
    plain = steps is None or not a.size
    out: list[int] = []
    n = 1
    for i in range(len(a.shape) - 1, -1, -1):
        size_ = a.shape[i]
        if not (plain or (size_ == 1 and not steps[i])):  # as a new axis has it in NumPy
            n = steps[i] // a.dtype.itemsize
        out.append(n)
        n *= max(size_, 1)
    s = tuple(reversed(out))
    if dim is None:
        return s
    if not s:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return s[wrap_dim(dim, len(s), "stride")]


@public("Tensor.storage_offset(Tensor self) -> int")
def storage_offset(self: Tensor) -> int:
    """Where in its memory the first element lies, in elements."""
    o = views.owner(self._a)
    return (
        (self.data_ptr() - address(o)) // self._a.dtype.itemsize
        if hasattr(o, "__array_interface__")
        else 0
    )


def address(a: Any) -> int:
    return a.__array_interface__["data"][0]


@public("Tensor.data_ptr(Tensor self) -> int")
def data_ptr(self: Tensor) -> int:
    """The address of the first element; 0 where there is no memory (meta, simulated devices)."""
    a = self._a
    if hasattr(a, "__array_interface__"):
        return address(a)
    return a.data.ptr if hasattr(a, "data") else 0
