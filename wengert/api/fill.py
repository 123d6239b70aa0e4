"""Methods that overwrite a tensor: copy_, fill_, zero_. Not here: in-place forms of functions."""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import HOST, NS
from ..base.modes import everyone
from ..declare.registry import public
from ..engine import native, views
from ..engine.overlap import check_operands
from ..engine.tensor import Tensor
from ..ops.creation import filled as creation
from ..ops.index import indexing
from ..ops.tensor_methods import fill_op


def owned(self: Tensor) -> bool:
    """Whether self is an unrecorded array of the CPU, without marks and no view of what is
    recorded: nothing but a ValueError of the library, for a read-only one, forbids to change it,
    and nobody but the engine's clock has to know.
    """
    if type(self) is not Tensor or self._n is not None or everyone.running:
        return False
    a, x = self._a, self._x
    if x is not None and (x.inference or x.base is not None and (x.base._n is not None or x.quiet)):
        return False
    return HOSTED[type(a)] and 0 not in a.strides


class _Hosted(dict[type, bool]):
    """Whether arrays of a type lie in the program's memory."""

    def __missing__(self, t: type) -> bool:
        self[t] = found = NS[t].has(HOST)
        return found


HOSTED = _Hosted()


@public("Tensor.copy_(Tensor self, Tensor|Scalar src, bool non_blocking=False)")
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite the elements with those of src, broadcast and converted.

    >>> torch.zeros(2).copy_(torch.tensor([1, 2]))
    tensor([1., 2.])
    """
    if (done := native.copy) is not None and done(self, src) is not None:
        return self
    if not isinstance(src, Tensor):
        return self.fill_(src)
    if src is self:
        views.mutated(self)
        return self
    a, b = self._a, src._a
    if b.ndim > a.ndim:
        raise RuntimeError(
            f"output with shape {list(a.shape)} doesn't match the broadcast shape {list(b.shape)}:"
            " reshape the source of copy_()"
        )
    home, other = getattr(a, "base", None), getattr(b, "base", None)
    home, other = a if home is None else home, b if other is None else other
    whole = getattr(home, "base", None) is None and getattr(other, "base", None) is None
    if home is other or not whole:  # else they lie in memory of their own
        check_operands(self, "copy_", (src,))
    alike = type(a) is type(b) and a.dtype is b.dtype and a.shape == b.shape
    dense = type(src) is Tensor or src.layout is self.layout
    if alike and dense and src._n is None and owned(self):
        try:
            a[...] = b
        except ValueError:  # read-only
            pass
        else:
            views.mutated(self)
            return self
    if not dense or src.layout is not self.layout:
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented: found self type ="
            f" {self.layout} and src type = {src.layout}: use src.to_dense()"
        )
    indexing.copy_into(self, src, "copy_")
    return self


@public("fill_(Tensor input, Tensor|Scalar value)")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Overwrite every element with a number or 0-d tensor.

    >>> torch.zeros(2).fill_(3.0)
    tensor([3., 3.])
    """
    if (done := native.fill) is not None and done(self, value) is not None:
        return self
    a = self._a
    usual = a.dtype in indexing.SINGLE and type(value) in indexing.REALS
    if usual and abs(value) < indexing.REALS[type(value)] and owned(self):
        try:
            a.fill(value)
        except ValueError:  # read-only
            pass
        else:
            views.mutated(self)
            return self
    if usual and self._n is not None:
        return views.inplace(self, "fill_", fill_op.entry(self, value), True)
    if isinstance(value, Tensor):
        if value._a.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._a.ndim}"
                " dimensions."
            )
        indexing.copy_into(self, value, "fill_")
        return self
    number = creation.scalar_tensor(value, dtype=self.dtype, device=self.device)
    indexing.copy_into(self, number, "fill_", True)
    return self


@public("zero_(Tensor input)")
def zero_(self: Tensor) -> Tensor:
    """Overwrite every element with zero.

    Raises RuntimeError for a leaf that requires grad, outside of no_grad.

    >>> torch.ones(2).zero_()
    tensor([0., 0.])
    """
    if (done := native.fill) is not None and done(self, 0) is not None:
        return self
    a = self._a
    if self._x is None and self._n is None and type(self) is Tensor and not everyone.running:
        try:  # owned(), without the call; places that elements share may be filled, too
            if HOSTED[type(a)]:
                a.fill(0)
                views.mutated(self)
                return self
        except ValueError:  # read-only
            pass
    if owned(self):
        try:
            a.fill(0)
        except ValueError:
            pass
        else:
            views.mutated(self)
            return self
    if self._n is not None or not NS[type(a)].has(HOST):
        return fill_(self, 0)
    views.check_inplace(self, "zero_", True)
    views.store(self, a.dtype.type(0))
    return self
