"""Tensors whose class has a __torch_dispatch__: what they hold, and modes that see operators.

Such a tensor's array is a `Classed`: it knows the class and the attributes, so that a tensor made
around it anywhere (a result, a gradient, a saved value) is the user's again. An op on one is handed
over as PyTorch's operators (`ops/aten_calls.py`) to those who stand in (`ops/dispatching.py`);
recording, views and the reverse pass go on above, as for every array.
"""

from __future__ import annotations

from types import MemberDescriptorType, SimpleNamespace
from typing import Any

from ..arrays import meta
from ..arrays.lookup import NS, RANK, SCALARS, namespace
from ..base import dtypes
from ..base.devices import device as as_device
from ..base.devices import device as device_type
from ..base.formats import strided
from ..engine import op_modes
from ..engine import tensor as engine_tensor
from ..engine.interp import Interp, InterpNamespace, interpreter, run_op
from ..engine.op import Op
from ..engine.tensor import STANDING, Tensor, tensor_of, wrap
from ..ops.aten import call, own
from ..ops.aten_calls import rule_of
from ..ops.dispatching import CLASSES, HERE, attach, send, stands_in
from . import below

OUT_OF_ORDER = SimpleNamespace(c_contiguous=False, writeable=True)


def handed_over(op: Op, ins: Any, static: dict[str, Any]) -> Any:
    """The results of an op, as arrays, from those who stand in."""
    operands = [operand(a) for a in ins]
    watched = Watched in map(type, ins)
    rule = rule_of(op)
    result = NotImplemented if rule is None else rule(call, *operands, **static)
    if result is NotImplemented:
        if op.kind == "composite":
            return op.fwd(namespace(*ins), *ins, **static)
        args = (*operands, *static.values())
        result = send(own(op.name), args, {})
    results = [raw(r, op) for r in ((result,) if len(op.names) == 1 else result)]
    if watched:
        results = [a if a is None or RANK.get(type(a)) else Watched(a) for a in results]
    return results[0] if len(op.names) == 1 else tuple(results)


def operand(a: Any) -> Any:
    """An array as a tensor; numbers as they are."""
    if a is None or isinstance(a, Tensor):
        return a
    if type(a) in SCALARS:
        return a
    if RANK.get(type(a)) is None and type(a) is not NS[type(a)].array_type and a.shape == ():
        return a.item()
    return tensor_of(a)


def raw(result: Any, op: Op) -> Any:
    """The array of a result."""
    if result is None or isinstance(result, Tensor):
        return None if result is None else result._a
    raise TypeError(
        f"__torch_dispatch__ returned {type(result).__name__} for {op.name}: a Tensor was expected"
    )


def dispatched(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """An op on wrapped arrays."""
    if HERE.off:
        return run_op(op, [a.content if isinstance(a, Classed) else a for a in ins], static)
    return handed_over(op, ins, static)


@interpreter(dispatched)
class Classed(Interp):
    """What stands in the place of an array: a class and attributes, and the shape and dtype, or the
    elements, of `content`.
    """

    __slots__ = ("attributes", "cls", "content", "place", "steps")
    base = None
    mixes = True
    whole = True
    cell = True

    def __init__(self, content: Any, cls: type, attributes: Any, place: Any = None) -> None:
        self.level, self.content, self.cls = 0, content, cls
        self.attributes, self.place = attributes, place
        self.steps: Any = None  # strides in bytes, where the class has said them

    @property
    def strides(self) -> Any:
        return self.steps or self.content.strides

    @property
    def flags(self) -> Any:
        return self.content.flags if self.steps is None else OUT_OF_ORDER

    @property
    def nbytes(self) -> int:
        return int(self.content.nbytes)

    def tensor(self) -> Tensor:
        """The user's tensor around this array."""
        t: Any = object.__new__(self.cls)
        t._a, t._n, t._x = self, None, None
        t.__dict__ = self.attributes
        return t

    def facts(self, t: Tensor) -> tuple[Any, ...]:
        """What makes a tensor around it again, beside its class and its attributes."""
        return (
            t.dtype, tuple(self.shape), t.stride(), 0, strided, ClassedNamespace.device_of(self),
            t._n is not None,
        )  # fmt: skip

    def reduced(self, t: Tensor) -> Any:
        """How to pickle a tensor around it."""
        return rewrapped, (self.cls, *self.facts(t)), self.attributes

    def assign(self, value: Any) -> None:
        call("copy_.default", self.tensor(), tensor_of(value))

    def alias(self) -> Classed:
        return self

    def severed(self) -> Classed:
        return self

    def like(self, name: str, *args: Any, **options: Any) -> Any:
        """zeros_like and the like, from those who stand in."""
        return call(f"{name}.default", self.tensor(), *args, **options)

    def readable(self, what: str) -> Any:
        if type(self.content) is meta.MetaArray:
            raise RuntimeError(
                f"{what} of a {self.cls.__name__}: a wrapper subclass has no elements of its own"
            )
        return self.content

    def item(self) -> Any:
        return call("_local_scalar_dense.default", self.tensor())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    __index__ = __int__

    def __repr__(self) -> str:
        return f"Classed({self.cls.__name__}, {self.dtype}{list(self.shape)})"


class ClassedNamespace(InterpNamespace):
    """The vocabulary over these arrays; what is made like one is made by those who stand in."""

    @staticmethod
    def device_of(a: Any) -> Any:
        return a.place or NS[type(a.content)].device_of(a.content)

    def zeros_like(self, x: Any) -> Any:
        return x.like("zeros_like")._a

    def ones_like(self, x: Any) -> Any:
        return x.like("ones_like")._a

    def full_like(self, x: Any, value: Any = 0) -> Any:
        return x.like("full_like", value)._a


NS[Classed] = ClassedNamespace(Classed)
engine_tensor.DRESS[Classed] = Classed.tensor


@interpreter(dispatched)
class Watched(Classed):
    """An array of the reverse pass whose operators a mode is to see: otherwise a plain one."""

    __slots__ = ()

    def __init__(self, content: Any) -> None:
        super().__init__(content, Tensor, None)

    def tensor(self) -> Tensor:
        return wrap(self.content)

    def alias(self) -> Watched:
        return Watched(namespace(self.content).copy(self.content))


NS[Watched] = ClassedNamespace(Watched)
engine_tensor.DRESS[Watched] = Watched.tensor


# ---- making them


def attached(cls: Any, a: Any, require_grad: bool, place: Any = None) -> Any:
    """A tensor of a class that stands in."""
    t = object.__new__(cls)
    t._a, t._n, t._x = Classed(a, cls, t.__dict__, place), None, None
    return t.requires_grad_() if require_grad else t


attach.append(attached)


def classed(cls: type) -> None:
    """A class that stands in was defined. What its __slots__ name becomes attributes: tensors made
    around an array share these.
    """
    CLASSES.add(cls)
    STANDING.add(cls)
    below.ask_while(cls)
    for name, d in list(vars(cls).items()):
        if type(d) is MemberDescriptorType:
            delattr(cls, name)


def _make_wrapper_subclass(
    cls: Any, size: Any, strides: Any = None, storage_offset: Any = None,
    memory_format: Any = None, dtype: Any = None, layout: Any = strided, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
    dispatch_sizes_strides_policy: str | None = None, dispatch_device: bool = False,
    dispatch_layout: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """A tensor of a subclass that has a shape, a dtype and a device and no elements, for its
    `__new__`: operations on it go to the class's __torch_dispatch__.

    cls: the subclass. size: the shape. dtype: default float32. device: default the CPU.
    requires_grad: whether it is differentiated. The other options are accepted.

    Raises TypeError for a class without __torch_dispatch__.

    >>> class Doubled(torch.Tensor):
    ...     @staticmethod
    ...     def __new__(cls, half):
    ...         return torch.Tensor._make_wrapper_subclass(cls, half.shape, dtype=half.dtype)
    ...     def __init__(self, half):
    ...         self.half_of = half
    ...     @classmethod
    ...     def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
    ...         return func(*[2 * a.half_of if isinstance(a, cls) else a for a in args])
    >>> Doubled(torch.ones(2)) + 1
    tensor([3., 3.])
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"_make_wrapper_subclass(): cls must inherit from Tensor, got {cls!r}")
    if not stands_in(cls):
        raise TypeError(
            f"_make_wrapper_subclass(): {cls.__name__} has no __torch_dispatch__, which would be"
            " asked for every operation"
        )
    d = dtypes.float32 if dtype is None else dtype
    shape = (size,) if isinstance(size, int) else tuple(size)
    a = meta.NAMESPACE.zeros(shape, dtypes.as_np(d))
    where = as_device("cpu") if device is None else device
    place = where if isinstance(where, device_type) else as_device(where)
    t = attached(cls, a, requires_grad, place)
    if strides is not None:
        steps = tuple([s * a.dtype.itemsize for s in strides])
        t._a.steps = steps if steps != a.strides else None
    return t


def rewrapped(
    cls: Any, dtype: Any, size: Any, stride: Any, offset: Any, layout: Any, device: Any,
    requires_grad: bool,
) -> Any:  # fmt: skip
    """What a pickled tensor is made of again; its attributes come with the state."""
    return _make_wrapper_subclass(
        cls, size, stride, dtype=dtype, device=device, requires_grad=requires_grad
    )


_make_wrapper_subclass_method = staticmethod(_make_wrapper_subclass)


# ---- modes


class Seeing(op_modes.Mode):
    """Hands every op of its thread to the mode that was entered last, below the recording."""

    def watch(self, a: Any) -> Any:
        """A gradient whose ops are seen."""
        return a if RANK.get(type(a)) or HERE.off or not HERE.modes else Watched(a)

    def compute(self, op: Op, ins: Any, static: dict[str, Any]) -> Any:
        """The results of an op, from the mode; arrays of transforms are not its business."""
        if not HERE.modes or HERE.off:
            return NotImplemented
        if any([isinstance(a, Interp) and not a.mixes for a in ins]):
            return NotImplemented
        return handed_over(op, ins, static)


class TorchDispatchMode:
    """Context manager that is given PyTorch's operators that are run inside, forward and backward.

    Subclasses define __torch_dispatch__(self, func, types, args=(), kwargs=None), where func is
    such as torch.ops.aten.add.Tensor; the mode is off while it runs.

    >>> class Logged(torch.utils._python_dispatch.TorchDispatchMode):
    ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
    ...         print(func)
    ...         return func(*args, **(kwargs or {}))
    >>> with Logged():
    ...     y = torch.nn.functional.relu(torch.ones(2) + 1)
    aten.ones.default
    aten.add.Tensor
    aten.relu.default
    """

    supports_higher_order_operators = False

    def __init__(self, _dispatch_key: Any = None) -> None:
        self._entered: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        if "_entered" not in self.__dict__:  # a subclass need not call our __init__
            self._entered = []
        seeing = Seeing()
        self._entered.append((seeing, HERE.modes))
        below.ask()
        seeing.__enter__()
        HERE.modes = (*HERE.modes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        seeing, HERE.modes = self._entered.pop()
        seeing.__exit__(*exc)
        below.release()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """Make one."""
        return cls(*args, **kwargs)
