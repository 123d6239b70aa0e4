"""Making tensors: from data, filled, in sequence; conversion of dtype and device."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ...arrays import lookup
from ...arrays.layout import order_of
from ...arrays.lookup import INTERPRETER, NS, RANK, namespace
from ...base import dtypes
from ...base.devices import default_device, device
from ...base.formats import ORDERS, preserve_format, refuse_rank, strided
from ...base.modes import everyone, state
from ...declare.fast_paths import short
from ...declare.registry import public
from ...engine.interp import readable
from ...engine.tensor import DRESS, INFERENCE, Tensor, tensor_of, wrap
from ..dims import sizes_of
from .destination import LAYOUTS, into
from .fast_paths import (
    HOST,
    as_first,
    as_first_of_value,
    of_shape,
    of_value,
    square,
)


def space(dev: Any = None) -> Any:
    """The namespace that makes arrays on a device."""
    kind = type(dev)
    if (
        dev is None
        and state.default_device is None
        or kind is str
        and dev == "cpu"
        or kind is device
        and dev.type == "cpu"
    ):
        if not HOST:
            HOST.append(lookup.default_namespace())
        return HOST[0]
    d = default_device() if dev is None else dev if type(dev) is device else device(dev)
    return lookup.on_device(d)


def finish(a: Any, requires_grad: bool) -> Tensor:
    if state.capture is not None:
        a = state.capture.born(a)
    t = wrap(a)
    if state.inference:
        t._x = INFERENCE
    return t.requires_grad_() if requires_grad else t


def no_value(x: Any) -> bool:
    """Whether x is a tensor within a transform: made for each example, where x lies."""
    return isinstance(x, Tensor) and lookup.RANK.get(type(x._a)) == lookup.INTERPRETER


def made_on_host(careful: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function whose tensors are made on the CPU and copied where they are wanted: the same
    numbers everywhere.
    """

    @functools.wraps(careful)
    def f(*args: Any, device: Any = None, requires_grad: bool = False, **kw: Any) -> Tensor:
        if device is None and isinstance(kw.get("out"), Tensor):
            device = kw["out"].device
        xp = space(device)
        if xp.has(lookup.HOST) or not xp.has(lookup.VALUES) or any(map(no_value, args)):
            return careful(*args, device=device, requires_grad=requires_grad, **kw)
        out = kw.pop("out", None)
        if out is not None and kw.get("dtype") is None:
            kw["dtype"] = out.dtype
        there = xp.from_host(readable(careful(*args, device="cpu", **kw), careful.__name__))
        return into(out, finish(there, requires_grad), True, "")

    return f


def floating(d: Any) -> Any:
    """The NumPy dtype asked for, or the default one."""
    return dtypes.get_default_dtype().np if d is None else dtypes.as_np(d)


def sized(args: tuple[Any, ...], size: Any, name: str) -> tuple[int, ...]:
    if size is not None:
        args = (size,)
    if not args and size is None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got (), but expected (tuple"
            " of ints size, *)"
        )
    if len(args) == 1 and isinstance(args[0], Tensor) and args[0]._a.ndim == 0:
        args = (int(args[0]),)
    shape = sizes_of(args, name)
    for s in shape:
        if s < 0:
            raise RuntimeError(
                f"{name}: Trying to create tensor with negative dimension {s}: {list(shape)}"
            )
    return shape


def _filled(word: str, shape: Any, out: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    """What a word of the device's arrays gives for a shape."""
    d = floating(dtype if out is None else dtype or out.dtype)
    return into(out, finish(getattr(space(device), word)(shape, d), requires_grad))


@public("zeros(int[] size, *, out, options)", method=False)
@short(of_shape(0))
def zeros(
    *size,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A tensor of zeros: zeros(2, 3) or zeros((2, 3)).

    >>> torch.zeros(2)
    tensor([0., 0.])
    """
    shape = sized(size, None, "zeros")
    if layout in LAYOUTS:
        return LAYOUTS[layout](shape, layout, dtype, device, requires_grad)
    return _filled("zeros", shape, out, dtype, device, requires_grad)


@public("ones(int[] size, *, out, options)", method=False)
@short(of_shape(1))
def ones(
    *size,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A tensor of ones: ones(2, 3) or ones((2, 3))."""
    shape = sized(size, None, "ones")
    if layout in LAYOUTS:
        raise RuntimeError("full(...) is not implemented for sparse layout")
    return _filled("ones", shape, out, dtype, device, requires_grad)


@public("empty(int[] size, *, MemoryFormat? memory_format=None, out, options)", method=False)
@short(of_shape(None))
def empty(
    *size,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """A tensor with arbitrary contents."""
    shape = sized(size, None, "empty")
    if memory_format in ORDERS:
        refuse_rank(memory_format, len(shape))
        make = lambda s: _filled("empty", s, None, dtype, device, False)._a
        return into(out, finish(ordered(shape, ORDERS[memory_format], make), requires_grad))
    if memory_format is preserve_format:
        raise RuntimeError("empty(): unsupported memory format Preserve: there is nothing to keep")
    if layout in LAYOUTS:
        return LAYOUTS[layout](shape, layout, dtype, device, requires_grad)
    return _filled("empty", shape, out, dtype, device, requires_grad)


@public("full(int[] size, Scalar fill_value, *, out, options)", method=False)
@short(of_value)
def full(
    size,
    fill_value,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A tensor of one value; without dtype its kind decides (bool, int64, default float)."""
    if isinstance(fill_value, Tensor):
        if fill_value._a.ndim:
            raise TypeError("full(): argument 'fill_value' must be Number, not Tensor")
        dtype = dtype or fill_value.dtype
        fill_value = fill_value.item()
    xp = space(device)
    if isinstance(out, Tensor):
        if dtype not in (None, out.dtype):
            raise RuntimeError(f"full(): dtype {dtype} does not match that of out= ({out.dtype})")
        dtype = out.dtype
    d = scalar_dtype(fill_value).np if dtype is None else dtypes.as_np(dtype)
    shape = sized((size,), None, "full")
    value = dtypes.converted(fill_value, dtypes.BY_NP[d])
    return into(out, finish(xp.full(shape, value, d), requires_grad))


def scalar_dtype(v: Any) -> dtypes.dtype:
    """The dtype of a Python number."""
    if isinstance(v, bool):
        return dtypes.bool
    if isinstance(v, int):
        return dtypes.int64
    return (
        dtypes.get_default_dtype()
        if isinstance(v, float)
        else dtypes.get_default_dtype().to_complex()
    )


def scalar_tensor(
    v: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor of a Python number."""
    d = dtypes.as_dtype(dtype) if dtype is not None else scalar_dtype(v)
    return finish(space(device).scalar(dtypes.converted(v, d), d.np), requires_grad)


@public("scalar_tensor(Scalar s, *, options)", method=False)
def scalar_tensor_public(
    s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A 0-d tensor of a Python number, in the default dtype unless told."""
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return scalar_tensor(s, dtype=d, device=device, requires_grad=requires_grad)


def _like(name: str, make: Any, doc: str, value: Any) -> Any:
    @short(as_first(value))
    def f(
        input,
        *,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        pin_memory=False,
        memory_format=None,
    ):
        a = input._a
        d = a.dtype if dtype is None else dtypes.as_np(dtype)
        if layout is not None or type(input) is not Tensor:
            made = input.layout if layout is None else layout
            if made is input.layout and made is not strided:
                return sparse_like(input, value, dtypes.as_dtype(d), requires_grad)
            if made in LAYOUTS:
                if name == "ones_like":
                    raise NotImplementedError(f"{name}(): there are no ones in layout {made}")
                return LAYOUTS[made](a.shape, made, dtypes.as_dtype(d), device, requires_grad)
            if input.layout is not strided:
                facts = {"dtype": dtypes.as_dtype(d), "device": device or input.device}
                return full(a.shape, value or 0, **facts, requires_grad=requires_grad)
        if RANK.get(type(a)) == INTERPRETER:
            return interpreted_like(a, memory_format, make, d, device, requires_grad)
        if device is None and HOST and NS[type(a)] is HOST[0]:
            xp = HOST[0]
        else:
            xp = space(input.device if device is None else device)
        return finish(lying_as(a, memory_format, lambda s: make(xp, s, d)), requires_grad)

    f.__name__, f.__doc__ = name, doc
    text = f"{name}(Tensor input, *, MemoryFormat? memory_format=None, options)"
    return public(text, method=False)(f)


def sparse_like(t: Any, value: Any, d: Any, requires_grad: bool) -> Any:
    """A sparse tensor of t's layout, without elements, or with value at the elements of t."""
    made = t.detach().to(d).clone()
    if not value:
        made.zero_()
    else:
        made.fill_(value)
    return made.requires_grad_() if requires_grad else made


def lying_as(a: Any, memory_format: Any, make: Callable[[Any], Any]) -> Any:
    """make(shape), an array that lies in memory in the order of the array a, or in a format."""
    refuse_rank(memory_format, a.ndim)
    order: Sequence[int] | None = ORDERS.get(memory_format)
    if (memory_format is None or memory_format is preserve_format) and not RANK.get(type(a)):
        order = order_of(a)
    shape = tuple(a.shape)
    return make(shape) if order is None else ordered(shape, order, make)


def ordered(shape: tuple[int, ...], order: Sequence[int], make: Callable[[Any], Any]) -> Any:
    """make(shape), an array whose dimensions lie in memory in an order, the outermost first."""
    made = make(tuple([shape[i] for i in order]))
    back = sorted(range(len(order)), key=order.__getitem__)
    return namespace(made).permute(made, tuple(back))


def interpreted_like(
    a: Any, memory_format: Any, make: Any, d: Any, device: Any, requires_grad: bool
) -> Any:
    """A tensor like one that holds an interpreter's array."""
    xp = None if device is None else space(device)
    made = finish(inner_like(a, memory_format, make, d, xp), requires_grad)
    if type(made._a) not in DRESS:
        return made
    return tensor_of(made._a).requires_grad_(requires_grad)


def inner_like(a: Any, memory_format: Any, make: Any, d: Any, xp: Any) -> Any:
    """An array like that of an interpreter: most give one of their content's kind."""
    if RANK.get(type(a)) == INTERPRETER:
        return a.around(inner_like(a.content, memory_format, make, d, xp))
    if isinstance(a, Tensor):
        return inner_like(a._a, memory_format, make, d, xp)
    return lying_as(a, memory_format, lambda s: make(xp or namespace(a), s, d))


zeros_like = _like("zeros_like", lambda xp, s, d: xp.zeros(s, d), "Zeros like input.", 0)
ones_like = _like("ones_like", lambda xp, s, d: xp.ones(s, d), "Ones like input.", 1)
empty_like = _like(
    "empty_like",
    lambda xp, s, d: xp.empty(s, d),
    "Arbitrary contents, of input's shape and dtype.",
    None,
)


@public(
    "full_like(Tensor input, Scalar fill_value, *, MemoryFormat? memory_format=None, options)",
    method=False,
)
@short(as_first_of_value(False))
def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """One value, of input's shape and dtype."""
    if RANK.get(type(input._a)) == INTERPRETER:
        d = input._a.dtype if dtype is None else dtypes.as_np(dtype)
        make = lambda xp, s, d: xp.full(s, fill_value, d)
        return interpreted_like(input._a, memory_format, make, d, device, requires_grad)
    d, device = dtype or input.dtype, device or input.device
    if input.layout is not strided and layout in (None, input.layout):
        return sparse_like(input, fill_value, d, requires_grad)
    if not RANK.get(type(input._a)) and (
        memory_format is not None or not input._a.flags.c_contiguous
    ):
        made = lambda s: full(s, fill_value, dtype=d, device=device)._a
        return finish(lying_as(input._a, memory_format, made), requires_grad)
    shape = tuple(input._a.shape)
    return full(shape, fill_value, dtype=d, device=device, requires_grad=requires_grad)


def _new(name: str, f: Any, value: Any) -> Any:
    @short(as_first(value, True))
    def method(
        self,
        *size,
        dtype=None,
        device=None,
        requires_grad=False,
        layout=None,
        pin_memory=False,
        **kw,
    ):
        return f(
            *size,
            dtype=dtype or self.dtype,
            device=device or self.device,
            requires_grad=requires_grad,
            **kw,
        )

    method.__name__ = name
    method.__doc__ = f"{name[4:]} with the dtype and device of self."
    return public(f"Tensor.{name}(Tensor self, int[] size, *, options)")(method)


new_zeros = _new("new_zeros", zeros, 0)
new_ones = _new("new_ones", ones, 1)
new_empty = _new("new_empty", empty, None)


@public("Tensor.new_full(Tensor self, int[] size, Scalar fill_value, *, options)")
@short(as_first_of_value(True))
def new_full(
    self,
    size,
    fill_value,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """full with the dtype and device of self."""
    return full(
        size,
        fill_value,
        dtype=dtype or self.dtype,
        device=device or self.device,
        requires_grad=requires_grad,
    )


@public("empty_strided(int[] size, int[] stride, *, options)", method=False)
def empty_strided(
    size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """Arbitrary contents with the given sizes and strides (in elements)."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {len(stride)} and {len(size)}"
        )
    if any([s < 0 for s in (*size, *stride)]):
        raise RuntimeError(
            "Storage size calculation overflowed with sizes and strides below 0: got"
            f" sizes={list(size)} and strides={list(stride)}"
        )
    n = 1 + sum([(a - 1) * b for a, b in zip(size, stride)]) if all(size) else 0
    base = empty(n, dtype=dtype, device=device)
    return wrap(namespace(base._a).as_strided(base._a, size, stride, 0)).requires_grad_(
        requires_grad
    )


@public("Tensor.new_empty_strided(Tensor self, int[] size, int[] stride, *, options)")
def new_empty_strided(
    self,
    size,
    stride,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """empty_strided with the dtype and device of self."""
    a, size, stride = self._a, tuple(size), tuple(stride)
    fits = len(size) == len(stride) and not any([n < 0 for n in (*size, *stride)])
    if dtype is None and device is None and HOST and not everyone.special and fits:
        host = HOST[0]
        if type(a) is host.array_type:
            n = 1 + sum([(k - 1) * s for k, s in zip(size, stride)]) if all(size) else 0
            itemsize = a.dtype.itemsize
            memory = host.library.empty(n, a.dtype)
            view = host.array_type(size, a.dtype, memory, 0, [s * itemsize for s in stride])
            return wrap(view).requires_grad_(True) if requires_grad else wrap(view)
    return empty_strided(
        size,
        stride,
        dtype=dtype or self.dtype,
        device=device or self.device,
        requires_grad=requires_grad,
    )


@public("empty_permuted(int[] size, int[] physical_layout, *, options)", method=False)
def empty_permuted(
    size,
    physical_layout,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Arbitrary contents whose dimensions lie in memory in the given order."""
    size, order = tuple(size), tuple(physical_layout)
    if sorted(order) != list(range(len(size))):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout"
            if len(order) != len(size)
            else f"Dimension out of range or duplicate dim in the physical layout {list(order)}"
        )
    t = empty([size[i] for i in order], dtype=dtype, device=device, requires_grad=requires_grad)
    return t.permute([order.index(i) for i in range(len(size))])


@public("eye(int n, *, out, options)", "eye(int n, int m, *, out, options)", method=False)
@short(square)
@made_on_host
def eye(
    n,
    m=None,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The identity matrix (n, m)."""
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RuntimeError(f"n and m must be greater or equal to 0, got {n} and {m}")
    xp, d = space(device), floating(dtype if out is None else dtype or out.dtype)
    known = xp.has(lookup.VALUES)
    a = xp.library.eye(n, m, dtype=d) if known else xp.empty((n, m), d)
    return into(out, finish(a, requires_grad))
