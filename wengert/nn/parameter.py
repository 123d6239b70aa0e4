"""Tensors that modules register when assigned: Parameter, Buffer, and their forms without shape.

How modules keep them is in `module.py`; layers that give the lazy ones a shape are in `lazy.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..engine.error_context import clear_errors
from ..engine.tensor import STANDING, Tensor, wrap
from ..ops.tensor_methods import leaf_of

__all__ = [
    "Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer",
    "UninitializedTensorMixin", "is_lazy",
]  # fmt: skip


def typename(value: Any) -> str:
    """What messages call the type of a value: 'torch.FloatTensor', 'int'.

    >>> nn.parameter.typename(3)
    'int'
    """
    if isinstance(value, Tensor) and type(value) in (Tensor, Parameter):
        return value.type()
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


class _ParameterType(type):
    """isinstance(t, Parameter) asks tensors of users' classes, which they keep, for the mark."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        marked = cls is Parameter and isinstance(instance, Tensor)
        return marked and bool(getattr(instance, "_is_param", False))


class Parameter(Tensor, metaclass=_ParameterType):
    """A tensor that a module counts among its parameters when it becomes one of its attributes.

    data: the tensor whose storage it shares. requires_grad: whether it is trained. data has any
    shape. Raises RuntimeError for a dtype without derivatives, unless requires_grad=False;
    TypeError where data is no tensor.

    >>> nn.Parameter(torch.ones(2)).requires_grad
    True
    """

    @clear_errors
    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        dealt = getattr(data, "as_parameter", None)  # of a part of a dealt tensor
        if dealt is not None and cls is Parameter:
            made: Parameter = dealt(requires_grad)
            return made
        if cls is Parameter and data is not None and type(data) in STANDING:
            return kept(data, requires_grad)
        return leaf_of(cls, T.empty(0) if data is None else data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            copied = self.data.clone()
            memo[id(self)] = type(self)(copied, self.requires_grad)
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # hooks are not saved, as in PyTorch, whose files name this function in torch._utils
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())


def kept(data: Any, requires_grad: bool) -> Any:
    """A parameter of a user's class, which it keeps."""
    t = data.detach()
    if type(t) is not type(data):
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that"
            f" detach() returns an instance of the same type, but return type {type(t).__name__}"
            " was found instead. To use the type as a Parameter, please correct the detach()"
            " semantics defined by its __torch_dispatch__() implementation."
        )
    t.requires_grad_(requires_grad)
    t._is_param = True
    return t


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """What a pickled Parameter calls."""
    return Parameter(data, requires_grad)


class _BufferType(type):
    """isinstance(t, Buffer) asks for the mark, since a Buffer's class is plain Tensor."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(metaclass=_BufferType):
    """A tensor that a module counts among its buffers when it becomes one of its attributes.

    data: the tensor whose storage it shares. persistent: whether state_dict() holds it.

    data has any shape. Raises TypeError for what is no tensor.

    >>> m = nn.Module()
    >>> m.scale = nn.Buffer(torch.ones(1))
    >>> list(m.state_dict())
    ['scale']
    """

    @clear_errors
    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        data = T.empty(0) if data is None else data
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent, t._is_buffer = persistent, True
        return t


_array = Tensor.__dict__["_a"]  # the slot itself, which lazy tensors hide


class UninitializedTensorMixin:
    """What parameters and buffers without a shape have in common.

    They can be moved, converted and asked for dtype and device; ValueError for everything else.

    >>> p = nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> p.shape, type(p).__name__
    (torch.Size([2, 3]), 'Parameter')
    """

    cls_to_become: type = Tensor
    requires_grad: bool

    @property
    def _a(self) -> Any:
        raise ValueError(
            f"Attempted to use an uninitialized parameter ({type(self).__name__}). This happens "
            "when a lazy module has not seen an input: call it with a dummy batch first"
        )

    @property
    def data(self) -> Tensor:
        """An empty tensor that carries dtype and device."""
        return wrap(_array.__get__(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        _array.__set__(self, value._a)

    @property
    def dtype(self) -> Any:
        """The dtype it will have."""
        return self.data.dtype

    @property
    def device(self) -> Any:
        """The device it will be on."""
        return self.data.device

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Itself, with another dtype or device."""
        self.data = self.data.to(*args, **kwargs)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Train it once it has a shape, or not."""
        lazy, self.__class__ = type(self), self.cls_to_become
        try:
            return self.requires_grad_(requires_grad)
        finally:
            self.__class__ = lazy

    def materialize(
        self, shape: int | Sequence[int], device: Any = None, dtype: Any = None
    ) -> None:
        """Take a shape, and with it the ordinary class; contents are uninitialized.

        device, dtype: the present ones if None.

        Raises TypeError where shape is of the wrong type.
        """
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.__class__ = self.cls_to_become
        self.data = T.empty(shape, device=device, dtype=dtype)

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> Any:
        """Raises RuntimeError: there is no memory yet.

        >>> nn.UninitializedParameter().share_memory_()
        Traceback (most recent call last):
            ...
        RuntimeError: Can't share memory on an uninitialized parameter or buffer. Call ...
        """
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)  # type: ignore
        return memo[id(self)]


def _lazy(cls: Any, requires_grad: bool, device: Any, dtype: Any) -> Any:
    """A lazy tensor: an empty one of the class it is to become, in disguise."""
    t = leaf_of(cls.cls_to_become, T.empty(0, device=device, dtype=dtype), requires_grad)
    t.__class__ = cls
    return t


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is known only after the first input.

    It can be moved and converted; anything that needs its shape raises RuntimeError, other
    operations ValueError.

    requires_grad: whether gradients are recorded. device: where the parameters are made; None:
    the default device. dtype: of the parameters; None: the default dtype.

    >>> p = nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> type(p).__name__, p.shape
    ('Parameter', torch.Size([2, 3]))
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        return _lazy(cls, requires_grad, device, dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is known only after the first input.

    requires_grad: whether gradients are recorded. device: where the parameters are made; None: the
    default device. dtype: of the parameters; None: the default dtype. persistent: whether it is in
    state_dict().

    >>> b = nn.UninitializedBuffer()
    >>> b.materialize((2,))
    >>> b.shape
    torch.Size([2])
    """

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:  # fmt: skip
        t = _lazy(cls, requires_grad, device, dtype)
        t.persistent, t._is_buffer = persistent, True
        return t


def is_lazy(param: Any) -> bool:
    """Whether param has no shape yet.

    >>> nn.parameter.is_lazy(nn.UninitializedParameter())
    True
    """
    return isinstance(param, UninitializedTensorMixin)


def empty(shape: int | Sequence[int], device: Any, dtype: Any) -> Parameter:
    """A Parameter to be filled by reset_parameters()."""
    return Parameter(T.empty(shape, device=device, dtype=dtype))


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Keyword arguments of a layer as those of a function that makes tensors: device, dtype,
    memory_format. TypeError for others, and for those given twice.

    kwargs: the keyword arguments, or a dict for each device.

    >>> nn.factory_kwargs({"dtype": torch.float64})
    {'dtype': torch.float64}
    """
    simple = {"device", "dtype", "memory_format"}
    given = dict(kwargs or {})
    inner = given.pop("factory_kwargs", {})
    if unknown := set(given) - simple:
        raise TypeError(f"unexpected kwargs {unknown}")
    for k in given:
        if k in inner:
            raise TypeError(f"{k} specified twice, in **kwargs and in factory_kwargs")
    if unknown := set(inner) - simple:
        raise TypeError(f"unexpected kwargs {unknown}")
    return {**inner, **given}
