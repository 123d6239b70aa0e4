"""The Tensor object itself: a raw array, its node in the graph, and rarely used extras.

What people do with tensors (methods, operators, printing, indexing) is attached by `tensor/`.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ..arrays.lookup import NS, RANK
from ..base import dtypes
from ..base.advice import advise
from ..base.devices import device
from ..base.modes import everyone, state
from ..base.size import KNOWN, Size
from .node import AccumulateGrad, LeafRef, Slot

new = object.__new__
BY_NP = dtypes.BY_NP


class Extras:
    """What few tensors have: gradients of non-leaves, views, marks."""

    __slots__ = ("__dict__",)
    box: Any = None  # where .grad lives when the tensor has no leaf node of its own
    base: Any = None  # the tensor this one is a view of
    replay: Any = None  # functions that take the base to this view again
    views: Any = None  # weak references to the views of this tensor
    untracked = False  # made by .data: changes are not announced
    inference = False
    before = 0  # in-place changes that its present memory has not seen, or another tensor's has
    names: Any = None
    hooks: Any = None
    grad_kind: Any = ...  # the dtype that gradients are to have once it is a leaf, None for any


class Box:
    """Holds `.grad` of a tensor without a leaf node."""

    grad: Any = None


class _Inference(Extras):
    """What all tensors share that were computed in inference mode; see `extras`."""

    __slots__ = ()
    inference = True


INFERENCE = everyone.inference = _Inference()
on_subclass: list[Any] = []  # called with each subclass of Tensor that is defined
# those that stand in for functions or operators
STANDING: weakref.WeakSet[type] = weakref.WeakSet()


class Tensor:
    """A multi-dimensional array that can record how it was computed.

    >>> x = Tensor([1.0, 2.0])
    >>> x.shape
    torch.Size([2])
    """

    __slots__ = ("_a", "_n", "_x", "__dict__", "__weakref__")
    _a: Any  # the raw array
    _n: Any  # the node that made it, or its leaf node; None: not recorded
    _x: Any  # Extras or None

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for hear in on_subclass:
            hear(cls)

    if TYPE_CHECKING:  # what `tensor/` attaches, for type checkers

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...
        def __neg__(self) -> Any: ...
        def __abs__(self) -> Any: ...
        def __invert__(self) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Any: ...
        def __bool__(self) -> bool: ...
        def __int__(self) -> int: ...
        def __float__(self) -> float: ...
        def __index__(self) -> int: ...

    # ---- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return self._n is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if self._n is not None and type(self._n) is not AccumulateGrad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables: this one is the result"
                " of recorded operations"
            )
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start (or stop) recording operations on this leaf; returns it.

        Raises RuntimeError for dtypes without derivatives and, when stopping, for results of
        recorded operations.

        >>> torch.ones(2).requires_grad_()
        tensor([1., 1.], requires_grad=True)
        """
        n = self._n
        if requires_grad:
            if n is None:
                begin(self)
        elif n is not None:
            if type(n) is not AccumulateGrad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use"
                    " a computed variable in a subgraph that doesn't require differentiation use"
                    " var_no_grad = var.detach()."
                )
            extras(self).box = n
            self._n = None
        return self

    @property
    def is_leaf(self) -> bool:
        """True for tensors that were not computed by a recorded operation."""
        return self._n is None or type(self._n) is AccumulateGrad

    @property
    def grad_fn(self) -> Any:
        """The node that computed this tensor, or None for leaves."""
        n = self._n
        if n is None or type(n) is AccumulateGrad:
            return None
        return n.parents[0] if type(n) is Slot else n

    @property
    def output_nr(self) -> int:
        """Which output of its node this tensor is."""
        return self._n.index if type(self._n) is Slot else 0

    @property
    def grad(self) -> Any:
        """The gradient accumulated by backward(), or None."""
        n = self._n
        if type(n) is AccumulateGrad:
            return n.grad
        x = self._x
        if x is not None and x.box is not None:
            return x.box.grad
        if n is not None:
            advise(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its"
                " .grad attribute won't be populated during autograd.backward(). If you indeed want"
                " the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the"
                " non-leaf Tensor.",
            )
        return None

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    "assigned grad expected to be a Tensor or None but got grad of type"
                    f" {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if tuple(value._a.shape) != tuple(self._a.shape):
                raise RuntimeError(
                    "assigned grad has data of a different size: the tensor has shape "
                    f"{tuple(self._a.shape)}, the gradient {tuple(value._a.shape)}"
                )
            kind = grad_kind(self)
            if kind is not None and value._a.dtype != kind:
                raise RuntimeError(
                    f"assigned grad has data of a different type: the tensor's gradients are"
                    f" {dtypes.as_dtype(kind)}, this one is {value.dtype}"
                )
            other = type(value._a) is not type(self._a) and not RANK.get(type(value._a))
            if other and value.device != self.device:
                raise RuntimeError(
                    f"assigned grad is on {value.device}, the tensor on {self.device}"
                )
        n = self._n
        if type(n) is AccumulateGrad:
            n.grad = value
        elif value is not None or self._x is not None:
            x = extras(self)
            if x.box is None:
                x.box = Box()
            x.box.grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    _grad = grad

    @property
    def grad_dtype(self) -> dtypes.dtype | None:
        """The dtype in which the gradients of a leaf are kept: its own unless another is set, or
        None for whatever they come in.
        """
        if not self.is_leaf:
            raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
        kind = grad_kind(self)
        return None if kind is None else dtypes.as_dtype(kind)

    @grad_dtype.setter
    def grad_dtype(self, value: dtypes.dtype | None) -> None:
        if value is not None and not isinstance(value, dtypes.dtype):
            raise RuntimeError(
                f"grad_dtype must be a torch.dtype or None, but got {type(value).__name__}"
            )
        if not self.is_leaf:
            raise RuntimeError("grad_dtype can only be set on leaf tensors.")
        g = self.grad
        if value is not None and g is not None and g.dtype is not value:
            raise RuntimeError(
                f"Cannot set grad_dtype to {value} because there is already a gradient of"
                f" {g.dtype}: clear it first (.grad = None)"
            )
        kind = None if value is None else value.np
        if type(self._n) is AccumulateGrad:
            self._n.dtype = kind
        else:
            extras(self).grad_kind = kind

    # ---- facts

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return KNOWN[self._a.shape]

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype of the elements."""
        return BY_NP[self._a.dtype]

    @property
    def device(self) -> device:
        """Where the tensor lives."""
        ns = NS[type(self._a)]
        return ns.home or ns.device_of(self._a)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._a.ndim

    def dim(self) -> int:
        """The number of dimensions.

        >>> torch.ones(2, 3).dim()
        2
        """
        return self._a.ndim


def begin(t: Tensor) -> None:
    """Make a leaf of a tensor that is not recorded."""
    d = t._a.dtype
    if not dtypes.BY_NP[d].is_inexact:
        raise RuntimeError(
            "only Tensors of floating point and complex dtype can require gradients; "
            f"this one is {dtypes.BY_NP[d]}: convert it with .float()"
        )
    if t._x is not None and t._x.inference and not state.inference:
        raise RuntimeError(
            "Setting requires_grad=True on inference tensor outside InferenceMode is"
            " not allowed: make a normal tensor of it with .clone()"
        )
    box = t._x.box if t._x is not None else None
    if t._x is not None and t._x.base is not None:
        # a view of what is not recorded: from now on views of it are views of a leaf
        shared, t._x = t._x, Extras()
        t._x.__dict__.update(shared.__dict__)
    if type(box) is AccumulateGrad:
        t._n = box
    else:
        t._n = leaf = AccumulateGrad(tuple(t._a.shape), grad_kind(t))
        leaf.ref = LeafRef(t)
        if box is not None:
            leaf.grad = box.grad


def grad_kind(t: Tensor) -> Any:
    """The dtype in NumPy's terms that the gradients of a leaf have, None for any."""
    if type(t._n) is AccumulateGrad:
        return t._n.dtype
    known = ... if t._x is None else t._x.grad_kind
    return t._a.dtype if known is ... else known


def extras(t: Tensor) -> Extras:
    """t's extras, made at first use."""
    if t._x is None:
        t._x = Extras()
    elif t._x is INFERENCE:
        t._x = Extras()
        t._x.inference = True
    return t._x


def marked_as(t: Tensor, other: Tensor) -> Tensor:
    """t, which shares the memory of another tensor, with the marks that go with memory."""
    x, t._x = other._x, None
    if x is not None and x.inference:
        t._x = INFERENCE
    elif x is not None and x.untracked:
        extras(t).untracked = True
    return t


def wrap(a: Any, node: Any = None) -> Tensor:
    """A Tensor around a raw array."""
    t = new(Tensor)
    t._a = a
    t._n = node
    t._x = everyone.mark
    return t


# type of raw array -> the tensor of its own class around one
DRESS: dict[type, Any] = {}


def tensor_of(a: Any) -> Tensor:
    """A tensor around a raw array, of the class that such arrays have."""
    dress = DRESS.get(type(a))
    t: Tensor = wrap(a) if dress is None else dress(a)
    return t


def leaf(a: Any) -> Tensor:
    """A leaf of the graph around a raw array of a dtype with derivatives."""
    t = wrap(a)
    t._n = n = AccumulateGrad(tuple(a.shape), a.dtype)
    n.ref = LeafRef(t)
    return t


def stand_in(leaf: AccumulateGrad) -> Tensor:
    """A tensor without elements in the place of a leaf's that is gone."""
    from ..arrays import meta

    return wrap(meta.NAMESPACE.zeros(leaf.shape, leaf.dtype), leaf)


AccumulateGrad.stand_in = stand_in
