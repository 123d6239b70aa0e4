"""Tensors that get another shape or another memory in place: resize_, set_."""

from __future__ import annotations

import math

from ...arrays.lookup import namespace
from ...base.advice import advise
from ...declare.registry import public
from ...engine import views
from ..dims import sizes_of
from .filled import empty
from .storage import TypedStorage, UntypedStorage


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
        new = source.read_as(self.dtype)
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
