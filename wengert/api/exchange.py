"""Tensors that trade places: swap_tensors, and how a value gets into a parameter."""

from __future__ import annotations

import weakref
from typing import Any

from ..engine.node import AccumulateGrad, LeafRef
from ..engine.tensor import Tensor
from ..ops.tensor_methods import leaf_of

__all__ = ["module_load", "record_stream", "swap_tensors"]

SLOTS = ("_a", "_n", "_x")


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Let two tensors be each other: what names one, has what the other was.

    RuntimeError for a tensor that weak references lead to, or whose gradient function a graph
    keeps.

    t1: a tensor. t2: a tensor.

    Tensors have any shape. Raises TypeError where t1 or t2 is no tensor.

    >>> a, b = torch.zeros(1), torch.ones(2)
    >>> torch.utils.swap_tensors(a, b)
    >>> a
    tensor([1., 1.])
    """
    for t in (t1, t2):
        if any(type(r) is not LeafRef for r in weakref.getweakrefs(t)):
            raise RuntimeError("Cannot swap a tensor that has weak references to it")
    kinds = (type(t1), type(t2))
    t1.__class__, t2.__class__ = kinds[1], kinds[0]
    for name in (*SLOTS, "__dict__"):
        one, other = getattr(t1, name), getattr(t2, name)
        setattr(t1, name, other)
        setattr(t2, name, one)
    for t in (t1, t2):
        if type(t._n) is AccumulateGrad:
            t._n.ref = LeafRef(t)


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What load_state_dict makes of a value for this parameter when it swaps: other itself, or the
    values of other as this tensor has them.

    other: the value. assign: other itself.

    other has the shape of self. Raises TypeError where other is no tensor; RuntimeError where other
    has a shape that does not fit.

    >>> torch.zeros(2).module_load(torch.ones(2))
    tensor([1., 1.])
    """
    if assign:
        return other.detach()
    made: Tensor = self.detach().copy_(other)
    return made


def record_stream(self: Tensor, s: Any) -> None:
    """Keep the memory until a stream's work is done: CuPy's pool sees to that by itself.

    s: the stream. The tensor has any shape.
    """


def _make_subclass(cls: Any, data: Tensor, require_grad: bool = False) -> Any:
    """A leaf of a subclass of Tensor on the memory of a tensor, for its `__new__`.

    cls: the subclass. data: the tensor. require_grad: whether the leaf is differentiated.

    >>> class Named(torch.Tensor):
    ...     pass
    >>> type(torch.Tensor._make_subclass(Named, torch.ones(2))).__name__
    'Named'
    """
    if not isinstance(data, Tensor):
        raise TypeError(
            "_make_subclass(): argument 'data' (position 2) must be Tensor, not"
            f" {type(data).__name__}"
        )
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"_make_subclass(): cls must inherit from Tensor, got {cls!r}")
    return leaf_of(cls, data, require_grad)


# how they stand on Tensor; _cdata is a number that no other living tensor has
_make_subclass_method, _cdata_method = staticmethod(_make_subclass), property(id)
