"""Tensors that get another shape or another memory in place: resize_, set_."""

from __future__ import annotations

import math

from ...arrays.lookup import RANK, namespace
from ...base.advice import advise
from ...base.formats import ORDERS, preserve_format, refuse_rank
from ...base.modes import state
from ...declare.registry import public
from ...engine import views
from ...engine.node import AccumulateGrad
from ...engine.replaced import Unknown
from ...engine.tensor import wrap
from ..dims import sizes_of
from ..shape.memory_format import suggested
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
    if memory_format is preserve_format:
        raise RuntimeError("resize_(): unsupported memory format Preserve: name another")
    refuse_rank(memory_format, len(shape))
    if any(n < 0 for n in shape):
        raise RuntimeError(f"resize_(): sizes must not be negative, got {list(shape)}")
    if shape != tuple(self._a.shape):
        count = views.version(self)
        grown(self, math.prod(shape))
        self._a = namespace(self._a).resized(self._a, shape)
        if memory_format in ORDERS:
            self._a = in_format(self._a, memory_format)
        views.go_on(self, count + 1)
    return self


def in_format(a, memory_format):
    """An array in C order, seen as one whose elements lie in a memory format."""
    steps, step = {}, 1
    for d in reversed(ORDERS[memory_format]):
        steps[d] = step
        step *= a.shape[d]
    return namespace(a).as_strided(a, tuple(a.shape), tuple([steps[d] for d in range(a.ndim)]), 0)


def grown(t, elements):
    """Let t and those that share its memory move to larger memory, if t's has not so many elements
    from its first one on.
    """
    xp = namespace(t._a)
    if t._a.size == 0 or RANK.get(type(t._a)) or t.device.type not in ("cpu", "cuda"):
        return
    old = xp.memory_of(t._a)
    start = first_place(t._a, old)
    if start + elements <= old.size:
        return
    new = xp.zeros((start + elements,), old.dtype)
    new[: old.size] = old
    for v in views.family(t):
        if v._a.dtype == old.dtype and views.owner(v._a) is views.owner(old):
            strides = [n // old.dtype.itemsize for n in v._a.strides]
            place = first_place(v._a, old) if v._a.size else 0
            v._a = xp.as_strided(new, tuple(v._a.shape), tuple(strides), place)


def first_place(a, memory):
    """The place of a's first element in a vector of its memory."""
    return (address_of(a) - address_of(memory)) // memory.dtype.itemsize


def address_of(a):
    return wrap(a).data_ptr()


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
    """resize_ to the shape of another tensor, in its memory format with preserve_format.

    >>> torch.ones(4).resize_as_(torch.zeros(2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    if memory_format is preserve_format:
        memory_format = suggested(the_template)
    return resize_(self, tuple(the_template._a.shape), memory_format=memory_format)


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
        new = new.as_strided(size, stride, storage_offset)
    count = views.version(self)
    if state.grad and (self._n is not None or source is not None and new._n is not None):
        if type(self._n) is AccumulateGrad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation (set_)"
            )
        self._n = Unknown(new, "set_", (self._n, new._n))
    elif type(self._n) is AccumulateGrad:
        self._n.shape = tuple(new._a.shape)
    self._a = new._a
    views.go_on(self, count + 1)
    return self
