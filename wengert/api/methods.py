"""Attaches methods, operators and properties to Tensor."""

from __future__ import annotations

import os
from collections import OrderedDict
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from ..arrays.lookup import NS, RANK, SCALARS, TENSOR, Namespace, namespace
from ..arrays.operators import BINARY, COMPARE
from ..autodiff import grad_api
from ..autodiff.dual import primal
from ..base import dtypes, warmup
from ..base.absent import Missing
from ..base.advice import advise
from ..base.devices import CPU
from ..base.hooks import RemovableHandle, hooked
from ..base.modes import in_transform, state
from ..base.size import KNOWN
from ..declare.fast_paths import short
from ..declare.lines import line
from ..declare.registry import METHODS, declare, public
from ..engine import native, views
from ..engine.dispatch import slow
from ..engine.entry import build_item
from ..engine.interp import severed
from ..engine.node import AccumulateGrad, extra
from ..engine.op import OPS
from ..engine.tensor import Tensor, extras, marked_as, on_subclass, wrap
from ..ops.creation import filled as creation
from ..ops.creation import spaced
from ..ops.creation import tensor as data
from ..ops.creation.typed_names import type_named
from ..ops.index import indexing
from ..ops.predicates import numel
from ..ops.shape.memory_format import converted
from . import functions, overrides
from .memory import data_ptr, stride
from .operators import comparison, inplace_operator, operator_entry, reflected
from .transposes import H, T, mH, mT, part

# methods of PyTorch's that are not here
ABSENT = """
dequantize index int_repr ipu mtia names q_per_channel_axis q_per_channel_scales
q_per_channel_zero_points q_scale q_zero_point qscheme resize_as resize_as_sparse_ slice_inverse
sparse_resize_ sparse_resize_and_clear_ to_mkldnn xpu
"""


class TensorNamespace(Namespace):
    """The vocabulary over Tensors: the ops' own entries, which record."""

    array_type = Tensor

    def __init__(self) -> None:
        self.__dict__["name"] = "tensor"

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        op = OPS.get(word)
        if op is None:
            raise AttributeError(f"the vocabulary has no word {word!r}")
        f = self.__dict__[word] = op.entry
        return f

    @staticmethod
    def device_of(t: Any) -> Any:
        return t.device

    @staticmethod
    def every_output(op: Any, operands: Any, static: dict[str, Any]) -> Any:
        """Run an op with its hidden outputs, as interpreters that hold Tensors need them."""
        return slow(op, operands, static, hidden=True)

    @staticmethod
    def asarray(t: Any) -> Any:
        return t if isinstance(t, Tensor) else wrap(t)

    @staticmethod
    def zeros(shape: Any, dtype: Any = None) -> Any:
        return creation.zeros(shape, dtype=dtype)

    @staticmethod
    def ones(shape: Any, dtype: Any = None) -> Any:
        return creation.ones(shape, dtype=dtype)

    @staticmethod
    def full(shape: Any, value: Any, dtype: Any = None) -> Any:
        return creation.full(shape, value, dtype=dtype)

    @staticmethod
    def arange(start: Any, end: Any, step: Any = 1, dtype: Any = None) -> Any:
        return spaced.arange(start, end, step, dtype=dtype)

    @staticmethod
    def scalar(value: Any, dtype: Any) -> Any:
        return creation.scalar_tensor(value, dtype=dtype)

    @staticmethod
    def zeros_like(x: Any) -> Any:
        return like(x, "zeros_like") if type(x) not in SCALARS else 0

    @staticmethod
    def ones_like(x: Any) -> Any:
        return like(x, "ones_like") if type(x) not in SCALARS else 1

    @staticmethod
    def full_like(x: Any, value: Any = 0) -> Any:
        return like(x, "full_like", value)


def like(x: Any, word: str, *args: Any) -> Tensor:
    """Zeros, ones or a value shaped like x: a Tensor, or an array beside Tensors in a rule."""
    a = x._a if isinstance(x, Tensor) else x
    return wrap(getattr(namespace(a), word)(a, *args))


NS[Tensor] = TensorNamespace()
RANK[Tensor] = TENSOR


class Lazy:
    """A method that is built when it is first looked up."""

    def __init__(self, name: str, make: Any) -> None:
        self.name, self.make = name, make

    def __get__(self, obj: Any, cls: Any) -> Any:
        f = self.make()
        if "<locals>" in getattr(f, "__qualname__", ""):  # errors and help say the public name
            f.__name__, f.__qualname__ = self.name, f"Tensor.{self.name}"
        f = overrides.made(f, f"torch.Tensor.{self.name}")
        setattr(Tensor, self.name, f)
        return f.__get__(obj, cls) if hasattr(f, "__get__") else f


ELSEWHERE = {  # file of this folder -> methods that few scripts use
    "sharing": "share_memory_ is_shared",
    "exchange": "module_load record_stream _make_subclass _cdata",
    "nested": "to_padded_tensor",
    "classed": "_make_wrapper_subclass",
    "old_names": "eig fft ifft irfft lstsq masked_copy_ matrix_rank reinforce rfft solve symeig",
    "old_factors": "btrifact btrifact_with_info btrisolve gels gesv potrf potri potrs trtrs",
}


def found(home: str, name: str) -> Any:
    """The method of a name in another file of this folder, where functions may be called so too."""
    module = import_module(f"..{home}", __name__)
    return getattr(module, f"{name}_method", None) or getattr(module, name)


COUNTED = ("add", "sub", "mul", "truediv", "matmul")
counting: list[tuple[str, Any, Any]] = []  # name of an operator, the one that counts, the real one


def counted(name: str, f: Any) -> Any:
    """An operator that counts its calls, until native calls are begun (see warmup.py)."""
    if not warmup.begin:
        return f

    def operator(self: Any, other: Any) -> Any:
        warmup.used()
        return f(self, other)

    operator.__name__ = operator.__qualname__ = name
    counting.append((name, operator, f))
    return operator


def begin_native_calls() -> None:
    """Have operators count no longer, and look for machine code that runs them."""
    for name, counter, f in counting:
        if Tensor.__dict__.get(name) is counter:
            setattr(Tensor, name, overrides.made(f, f"torch.Tensor.{name}"))
    counting.clear()
    import_module("..native_calls", __package__).start()


if os.environ.get("WENGERT_NATIVE", "1") != "0":
    warmup.begin.append(begin_native_calls)


def attach(name: str, f: Any) -> None:
    """Make f a method (or property) of Tensor."""
    setattr(Tensor, name, f)


def attach_all() -> None:
    """Every function in the table of methods, and the operators."""
    for name in list(METHODS):
        make = partial(functions.finished, METHODS[name], name, "", True)
        setattr(Tensor, name, Lazy(name, make))
    for dunder, word in BINARY.items():
        make = partial(operator_entry, word)
        if dunder in COUNTED:
            make = partial(lambda name, make: counted(name, make()), f"__{dunder}__", make)
        setattr(Tensor, f"__{dunder}__", Lazy(f"__{dunder}__", make))
        setattr(Tensor, f"__r{dunder}__", Lazy(f"__r{dunder}__", lambda word=word: reflected(word)))
        if dunder != "matmul":
            make = partial(inplace_operator, dunder, word)
            setattr(Tensor, f"__i{dunder}__", Lazy(f"__i{dunder}__", make))
    for old in ("__div__", "__rdiv__", "__idiv__"):  # names that PyTorch has kept from Python 2
        setattr(Tensor, old, vars(Tensor)[old.replace("div", "truediv")])
    for name in COMPARE:
        setattr(Tensor, f"__{name}__", Lazy(f"__{name}__", lambda name=name: comparison(name)))


# ---- methods written
# here


def _hash(self: Tensor) -> int:
    return id(self)


@public("detach(Tensor input)")
def detach(self: Tensor) -> Tensor:
    """The same memory without history; in-place changes are still seen by the engine."""
    if native.detach and not state.levels and (t := native.detach(self)) is not None:
        return t
    return marked_as(wrap(severed(self) if state.levels else self._a), self)


@public("detach_(Tensor input)")
def detach_(self: Tensor) -> Tensor:
    """Cut self from its history, in place. Raises RuntimeError for views."""
    if self._x is not None and self._x.base is not None:
        raise RuntimeError("Can't detach views in-place: use detach() instead")
    self._n = None
    if state.levels:
        self._a, self._n = primal(self._a)
    return self


def get_data(self: Tensor) -> Tensor:
    """The same memory, off the graph; changes made through it are invisible to the engine."""
    t = wrap(*primal(self._a)) if state.levels else wrap(self._a)
    extras(t).untracked = True
    return t


def set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    if self._n is not None and not value.dtype.is_inexact:
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        )
    if in_transform() and (value._n is not None or RANK.get(type(value._a))):
        raise RuntimeError(
            "mutating directly with `.data` inside functorch transform is not allowed."
        )
    count = None if self._x is not None and self._x.inference else version(self)
    self._a = value._a
    if count is not None:
        views.go_on(self, count)
    if type(self._n) is AccumulateGrad:
        self._n.shape, self._n.dtype = tuple(value._a.shape), value._a.dtype


def keep_data(self: Tensor) -> None:
    raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")


def set_grad_fn(self: Tensor, value: Any) -> None:
    """None cuts the tensor from its history; a node is refused."""
    if value is not None:
        raise RuntimeError("_grad_fn can be only set to None")
    detach_(self)


def volatile(self: Tensor, value: Any = None) -> Any:
    """False: a switch of PyTorch 0.3, today without effect."""
    advise("volatile was removed (Variable.volatile is always False)")
    return False


@public(
    "Tensor.backward(Tensor self, any gradient=None, bool? retain_graph=None, "
    "bool create_graph=False, any? inputs=None) -> None",
    foreign=False,
)
def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of every leaf the gradient of this tensor.

    gradient: the cotangent, same shape as this tensor; may be left out for scalars.
    retain_graph: keep the graph for another pass (default: create_graph). create_graph:
    record the pass itself, for higher derivatives. inputs: accumulate only into these tensors.
    Raises RuntimeError if this tensor does not require grad, its graph was freed by an earlier
    pass, or gradient is missing for more than one element or of another shape; TypeError for a
    gradient that is no tensor.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad
    tensor(6.)
    """
    if warmup.begin:
        warmup.used(10)
    run = native.backward
    plain = inputs is None and not (create_graph or state.levels)
    if type(gradient) is list:  # of one cotangent
        plain = False
    if run is not None and plain and run(self, bool(retain_graph), gradient) is None:
        return
    grad_api.backward(self, gradient, retain_graph, create_graph, inputs)


@public("Tensor.retain_grad(Tensor self) -> None")
def retain_grad(self: Tensor) -> None:
    """Keep `.grad` of this non-leaf after backward(); RuntimeError if it requires no grad."""
    n = self._n
    if in_transform():
        raise RuntimeError("Tensor.retain_grad() inside of a transformed function is unsupported")
    if n is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if type(n) is AccumulateGrad:
        return
    x = extras(self)
    if x.box is not None:
        return
    from ..engine.tensor import Box

    box = x.box = Box()

    def keep(g: Tensor) -> None:
        box.grad = g.clone() if box.grad is None else box.grad + g

    if n.hooks is None:
        n.hooks = {}
    n.hooks[views.RETAIN] = keep


def retains_grad(self: Tensor) -> bool:
    """Whether retain_grad() was called."""
    return not self.is_leaf and self._x is not None and self._x.box is not None


def backward_hooks(self: Tensor) -> OrderedDict[int, Any] | None:
    """The hooks that are registered with this tensor; None where there never was one."""
    hooks = None if self._n is None else self._n.hooks
    if not hooks or views.RETAIN not in hooks:
        return None if hooks is None else OrderedDict(hooks)
    return OrderedDict((k, h) for k, h in hooks.items() if k != views.RETAIN)


def set_backward_hooks(self: Tensor, hooks: Any) -> None:
    """Take these hooks instead of those there are, as what rebuilds saved tensors does."""
    if self._n is not None:
        self._n.hooks = None if hooks is None else dict(hooks)


@public("Tensor.register_hook(Tensor self, any hook) -> any", foreign=False)
def register_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """Call hook(grad) when the gradient of this tensor is computed; what it returns replaces
    it. TypeError where hook cannot be called, RuntimeError where self does not require grad.
    """
    n = self._n
    if n is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not callable(hook):
        raise TypeError(f"register_hook: the hook must be callable, got {type(hook).__name__}")
    if n.hooks is None:
        n.hooks = {}
    handle = hooked(n.hooks, hook)
    if views.RETAIN in n.hooks:
        n.hooks[views.RETAIN] = n.hooks.pop(
            views.RETAIN
        )  # .grad gets what the last hook has made of it
    return handle


@public("Tensor.register_post_accumulate_grad_hook(Tensor self, any hook) -> any", foreign=False)
def register_post_accumulate_grad_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """Call hook(self) each time a gradient was added to this `.grad`; RuntimeError for no leaf."""
    n = self._n
    if n is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if type(n) is not AccumulateGrad:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return hooked(extra(n, "accumulated", dict), hook)


def one_size(careful: Any) -> Any:
    """The short form of size() and size(dim)."""

    def f(self: Any, dim: Any = None, **kw: Any) -> Any:
        if type(dim) is int and not kw:
            try:
                return self._a.shape[dim]
            except IndexError:
                pass
        elif dim is None and not kw:
            return KNOWN[self._a.shape]
        return careful(self, dim, **kw)

    return f


@public("Tensor.size(Tensor self, int? dim=None) -> any")
@short(one_size)
def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the size of one dimension."""
    from ..ops.dims import wrap_dim

    return self.shape if dim is None else self._a.shape[wrap_dim(dim, self._a.ndim, "size")]


@public("Tensor.element_size(Tensor self) -> int")
def element_size(self: Tensor) -> int:
    """Bytes of one element."""
    return self._a.dtype.itemsize


HOW = "bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None"


@public(
    f"Tensor.to(Tensor self, Device? device=None, ScalarType? dtype=None, {HOW})",
    f"Tensor.to(Tensor self, ScalarType dtype, {HOW})",
    f"Tensor.to(Tensor self, Tensor other, {HOW})",
    f"also: Tensor.to(Tensor self, Scalar other, {HOW})",
    lines=(
        line(
            OPS["astype"],
            given="device is None and dtype is not None",
            let={"dtype": "dtype.np"},
            when="d is not dtype.np and (n0 is None or dtype.is_inexact)",
        ),
        line(
            OPS["astype"],
            let={"dtype": "dtype.np"},
            when="d is not dtype.np and (n0 is None or dtype.is_inexact)",
        ),
        None,
    ),
)
def to(
    self: Tensor, device: Any = None, dtype: Any = None, copy: bool = False, other: Any = None,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """The tensor in another dtype or memory format, or on another device: to(device, dtype)."""
    if memory_format is not None:
        return converted(self, to(self, device, dtype, copy, other), memory_format)
    if device == "cpu" and dtype is None and not copy:
        a = self._a
        if NS[type(a)].device_of(a) is CPU:
            return self
    if other is not None:
        number = (dtypes.as_dtype(type(other)), None) if type(other) in SCALARS else None
        dtype, device = number or (other.dtype, other.device)
    return data.convert(self, dtype, device, copy)


def _cast(name: str, d: Any) -> None:
    """Declare the method that converts to a dtype."""

    def f(self: Tensor, memory_format: Any = None) -> Tensor:
        made = self if self._a.dtype is d.np else data.convert(self, d)
        return made if memory_format is None else converted(self, made, memory_format)

    f.__doc__ = f"The tensor converted to {d}.\n\n>>> torch.ones(2).{name}().dtype\n{d}\n"
    usual = "None" if name == "chalf" else "preserve_format"
    text = f"Tensor.{name}(Tensor self, MemoryFormat? memory_format={usual})"
    o = OPS["as_whole" if not d.is_inexact else "astype"]
    declare(f, (text,), lines=(line(o, when="d is not dtype", dtype=d.np),))


@public("Tensor.type(Tensor self, any? dtype=None, bool non_blocking=False) -> any")
def type_public(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type ('torch.FloatTensor'), or the tensor converted to a dtype, or
    to a type such as torch.cuda.FloatTensor or its name. ValueError for what is no type.
    """
    if dtype is None:
        prefix = "" if self.device.type == "cpu" else self.device.type + "."
        return f"torch.{prefix}{self.dtype._letter}Tensor"
    d, place = type_named(dtype)
    return data.convert(self, d, None if place == self.device.type else place)


@public("Tensor.cpu(Tensor self, MemoryFormat? memory_format=preserve_format)")
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor on the CPU."""
    here = NS[type(self._a)].device_of(self._a) is CPU
    return converted(self, self if here else data.convert(self, None, CPU), memory_format)


@public(
    "Tensor.cuda(Tensor self, Device? device=None, bool non_blocking=False, "
    "MemoryFormat? memory_format=preserve_format)"
)
def cuda(
    self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """The tensor on a CUDA device (default: the current one)."""
    made = data.convert(self, None, "cuda" if device is None else device)
    return converted(self, made, memory_format)


def version(self: Tensor) -> int:
    """How often the memory was changed in place."""
    return views.version(self)


def is_view(self: Tensor) -> bool:
    return self._x is not None and self._x.base is not None


def base(self: Tensor) -> Any:
    """The tensor this one is a view of, or None."""
    return self._x.base if self._x is not None else None


@public("Tensor.is_set_to(Tensor self, Tensor tensor) -> bool")
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both are the same view of the same memory."""
    return self._a is tensor._a or (
        data_ptr(self) == data_ptr(tensor)
        and self.shape == tensor.shape
        and stride(self) == stride(tensor)
    )


def make(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """torch.Tensor(2, 3) and torch.Tensor([1, 2]): the old constructor."""
    t = object.__new__(cls)
    t._a, t._n, t._x = data.legacy_tensor(*args, **kwargs)._a, None, None
    return t


def on(kind: str) -> property:
    """The property that says whether a tensor is on a kind of device."""
    return property(lambda self: self.device.type == kind)


def setup() -> None:
    """Put it all on the class."""
    casts = {"byte": dtypes.uint8, "char": dtypes.int8, "bool": dtypes.bool, **dtypes.ALIASES}
    for name, d in {"bfloat16": dtypes.bfloat16, **casts}.items():
        _cast(name, d)
    declare(numel, ("Tensor.nelement(Tensor self) -> int",))
    declare(Tensor.dim, ("Tensor.dim(Tensor self) -> int",), aliases=("ndimension",))
    declare(Tensor.requires_grad_, ("Tensor.requires_grad_(Tensor self, bool requires_grad=True)",))
    attach("_is_view", is_view)
    attach("__hash__", _hash)
    item, sliced = OPS["select_item"], OPS["getitem"]
    attach("__getitem__", Lazy("__getitem__", lambda: build_item(item, indexing.read, sliced)))
    attach("__setitem__", indexing.write)
    attach("__delitem__", indexing.delete)
    attach("__neg__", Lazy("__neg__", lambda: functions.finished(METHODS["neg"], "neg", "", True)))
    attach("__abs__", Lazy("__abs__", lambda: functions.finished(METHODS["abs"], "abs", "", True)))
    positive = Lazy(
        "__pos__", lambda: functions.finished(METHODS["positive"], "positive", "", True)
    )
    attach("__pos__", positive)
    attach("__invert__", Lazy("__invert__", lambda: OPS["bitwise_not"].entry))
    for f in (retains_grad, mT, mH, H, T):
        attach(f.__name__, property(f))
    attach("_version", property(version))
    attach("_backward_hooks", property(backward_hooks, set_backward_hooks))
    attach("_base", property(base))
    attach("data", property(get_data, set_data, keep_data))
    attach("_grad_fn", property(lambda self: self.grad_fn, set_grad_fn))
    attach("volatile", property(volatile, volatile))
    attach("real", part("real"))
    attach("imag", part("imag"))
    attach("nbytes", property(lambda self: self._a.nbytes))
    attach("itemsize", property(lambda self: self._a.dtype.itemsize))
    attach("is_cuda", on("cuda"))
    attach("is_meta", on("meta"))
    for name in ("sparse", "quantized", "mkldnn", "mps", "nested", "xpu", "sparse_csr"):
        attach(f"is_{name}", False)
    for home, name in ((home, n) for home, names in ELSEWHERE.items() for n in names.split()):
        attach(name, Lazy(name, partial(found, home, name)))
    # torch.autograd.Variable is Tensor
    attach("_execution_engine", SimpleNamespace(queue_callback=grad_api.queue_callback))
    attach("__new__", staticmethod(make))
    attach("__module__", "torch")
    for name in ABSENT.split():
        attach(name, Missing("torch.Tensor", name))
    attach_all()


setup()
overrides.setup()
on_subclass.append(functions.hear)
