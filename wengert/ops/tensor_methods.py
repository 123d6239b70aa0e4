"""Methods that call Python functions on elements, and small conveniences of tensors: type_as,
fill_diagonal_, new, ...
"""

from __future__ import annotations

from typing import Any

from ..arrays.layout import order_by
from ..base import dtypes
from ..base.advice import advise
from ..base.formats import ORDERS, channels_last, contiguous_format, memory_format, strided
from ..declare.lines import line
from ..declare.registry import declare, public
from ..engine.kinds import elementwise
from ..engine.op import op
from ..engine.tensor import INFERENCE, Tensor, begin, marked_as
from .creation.destination import into
from .creation.filled import empty, full
from .creation.spaced import arange
from .creation.tensor import convert, legacy_tensor, tensor
from .dispatching import CLASSES, attach
from .index.mask import SCALAR, refuse_recorded


def apply_(self, callable):
    """Replace every element by callable(element), in place; slow, CPU only.

    Raises TypeError where callable cannot be called or self requires grad.

    >>> torch.tensor([1., 2.]).apply_(lambda v: v + 1)
    tensor([2., 3.])
    """
    return called(self, "apply_", callable)


def map_(self, tensor, callable):
    """Replace every element by callable(element, element of tensor), in place; the shapes must
    broadcast.

    >>> torch.tensor([1., 2.]).map_(torch.tensor([10., 20.]), lambda a, b: a + b)
    tensor([11., 22.])
    """
    return called(self, "map_", callable, tensor)


def map2_(self, x, y, callable):
    """Replace every element by callable(element, element of x, element of y), in place."""
    return called(self, "map2_", callable, x, y)


def called(self: Tensor, name: str, f: Any, *others: Tensor) -> Tensor:
    if self._n is not None or any(o._n is not None for o in others):
        raise TypeError(
            f"{name}: can't call it on a tensor that requires grad: use .detach() first"
        )
    columns = [self.reshape(-1).tolist()] + [
        o.expand(self.shape).reshape(-1).tolist() for o in others
    ]
    values = tensor([f(*row) for row in zip(*columns)], dtype=self.dtype).reshape(self.shape)
    return self.copy_(values.to(self.device))


def fill_diagonal_(self, fill_value, wrap=False):
    """Fill the main diagonal in place (of more than two equal dimensions: where all indices agree).

    wrap: start over after each square block of a tall matrix.

    >>> torch.zeros(2, 2).fill_diagonal_(1)
    tensor([[1., 0.],
            [0., 1.]])
    """
    n = self._a.ndim
    shape = tuple(self._a.shape)
    if n < 2:
        raise RuntimeError(
            f"fill_diagonal_: dimensions must be larger than 1, got shape {list(shape)}"
        )
    if n > 2 and len(set(shape)) > 1:
        raise RuntimeError(
            "fill_diagonal_: all dimensions of input must be of equal length, got shape "
            f"{list(shape)}"
        )
    i = arange(min(shape), device=self.device)
    if n == 2 and wrap and shape[0] > shape[1]:
        rows = arange(shape[0], device=self.device)
        rows = rows[rows % (shape[1] + 1) < shape[1]]
        self[rows, rows % (shape[1] + 1)] = fill_value
    elif i._a.size:
        self[(i,) * n] = fill_value
    return self


for _f, _text in (
    (apply_, "any callable"),
    (map_, "Tensor tensor, any callable"),
    (map2_, "Tensor x, Tensor y, any callable"),
    (fill_diagonal_, "Scalar fill_value, bool wrap=False"),
):
    declare(_f, (f"Tensor.{_f.__name__}(Tensor self, {_text})",))


@public("Tensor.type_as(Tensor self, Tensor other)")
def type_as(self, other):
    """The tensor in the dtype and on the device of another.

    >>> torch.tensor([1]).type_as(torch.tensor([1.]))
    tensor([1.])
    """
    return convert(self, other.dtype, other.device)


@public("Tensor.as_subclass(Tensor self, any cls)")
def as_subclass(self, cls):
    """The same memory and history as an instance of a subclass of Tensor.

    Raises TypeError where cls is no class of tensors.

    >>> torch.ones(2).as_subclass(torch.nn.Parameter)
    Parameter containing:
    tensor([1., 1.])
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not"
            f" possible. Make sure your class inherits from Tensor: as_subclass() got {cls!r}"
        )
    if cls in CLASSES:
        return attach[0](cls, self._a, False)
    t = object.__new__(cls)
    t._a, t._n = self._a, self._n
    return marked_as(t, self)


def leaf_of(cls: Any, data: Tensor, requires_grad: bool = False) -> Any:
    """A leaf of class cls on the memory of data."""
    if cls in CLASSES:
        return attach[0](cls, data._a, requires_grad)
    t = object.__new__(cls)
    t._a, t._n, t._x = data._a, None, None
    if data._x is not None and data._x.inference:
        t._x = INFERENCE
    if requires_grad:
        begin(t)
    return t


@public("narrow_copy(Tensor input, int dim, int start, int length, *, out)", out="exact")
def narrow_copy(input, dim, start, length):
    """A copy of `length` elements from start along dim.

    >>> torch.narrow_copy(torch.tensor([1, 2, 3]), 0, 1, 2)
    tensor([2, 3])
    """
    if dim >= input._a.ndim:
        raise RuntimeError(f"narrow_copy(): dimension {dim} of a tensor with {input._a.ndim}")
    return input.narrow(dim, start, length).clone(memory_format=contiguous_format)


@op(elementwise, types="any", name="filled", node="FillBackward0")
def fill_op(xp, x, value=0.0):
    """A number in place of every element of x."""
    return xp.full_like(x, value)


fill_op.vjp(x=lambda xp, g: xp.zeros_like(g))


@public(
    "fill(Tensor input, Tensor|Scalar value)",
    method=False,
    lines=(line(fill_op, floating=True, given=f"({SCALAR} or type_(value) is bool)"),),
)
def fill(input, value):
    """A tensor like input, filled with a number or 0-d tensor.

    >>> torch.fill(torch.zeros(2), 3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        if value._a.ndim:
            raise RuntimeError(
                "fill only supports 0-dimension value tensor but got tensor with "
                f"{value._a.ndim} dimensions."
            )
        refuse_recorded(value, input.dtype, "fill")
        value = value.to(input.dtype)
    elif input._n is None:
        return full(input.shape, value, dtype=input.dtype, device=input.device)
    everywhere = full(input.shape, True, dtype=dtypes.bool, device=input.device)
    return input.masked_fill(everywhere, value)


@public("Tensor.new(Tensor self, *any args, Device? device=None)")
def new(self, *args, device=None):
    """A tensor of self's dtype: new() is empty, new(2, 3) has that shape, new([1, 2]) those
    values.

    Raises TypeError for arguments that are no sizes, no sequence and no tensor; RuntimeError for
    negative sizes.

    >>> torch.ones(2, dtype=torch.float64).new(3).dtype
    torch.float64
    """
    if not args:
        return empty(0, dtype=self.dtype, device=device or self.device)
    return legacy_tensor(*args, dtype=self.dtype, device=device or self.device)


@public("Tensor.dim_order(Tensor self, *, any ambiguity_check=False) -> any")
def dim_order(self, ambiguity_check=False):
    """The dimensions from the one with the longest steps in memory to the one with the shortest.

    ambiguity_check: True refuses tensors whose elements would lie the same in another order, with
    RuntimeError; a list of memory formats refuses these unless just one of the formats fits.

    >>> torch.ones(2, 3).t().dim_order()
    (1, 0)
    """
    formats = ambiguity_check if isinstance(ambiguity_check, list) else []
    if type(ambiguity_check) not in (bool, list) or {*map(type, formats)} - {memory_format}:
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    shape, steps = tuple(self._a.shape), self.stride()
    order = tuple(order_by([list(steps)], shape))
    known = [self.is_contiguous(memory_format=f) for f in (contiguous_format, channels_last)]
    if known == [True, False]:  # where sizes of one leave a choice
        order = tuple(range(len(shape)))
    elif known == [False, True]:
        order = ORDERS[channels_last]
    several = len({*steps}) < len(steps)
    if ambiguity_check and (several or 1 in shape):
        in_turn = order == tuple(range(len(order)))
        if 0 not in steps and sum(self.is_contiguous(memory_format=f) for f in formats) != 1:
            raise RuntimeError(
                "The tensor does not have unique dim order, or cannot map to exact one of the given"
                " memory formats."
            )
        if several and (0 in steps or not in_turn):
            raise RuntimeError("The tensor does not have unique dim order.")
    return order


@public("Tensor.const_data_ptr(Tensor self) -> int")
def const_data_ptr(self):
    """The address of the first element.

    >>> x = torch.ones(2)
    >>> x.const_data_ptr() == x.data_ptr()
    True
    """
    return self.data_ptr()


@public(
    "range(Scalar start, Scalar end, Scalar step=1, *, out, options)",
    "range(Scalar start, Scalar end, *, out, options)",
    method=False,
)
def range_public(
    start=0,
    end=None,
    step=1,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
):
    """Numbers from start to end, the end included; deprecated in favour of arange."""

    advise(
        "torch.range is deprecated and will be removed in a future release because its "
        "behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
    )
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("range: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"range: upper bound and lower bound inconsistent with step sign: from {start} to "
            f"{end} by {step}"
        )
    n = int((end - start) / step) + 1
    d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
    t = (
        arange(n, dtype=dtypes.float64 if d.is_floating_point else dtypes.int64, device=device)
        * step
        + start
    ).to(d)
    if out is not None:
        return into(out, t, True)
    return t.requires_grad_() if requires_grad else t


for _name, _value in (
    ("is_cpu", lambda self: self.device.type == "cpu"),
    ("layout", lambda self: strided),
    ("name", lambda self: None),
    ("volatile", lambda self: False),
):
    setattr(Tensor, _name, property(_value))
for _name in ("is_maia", "is_mtia", "is_ipu", "is_vulkan", "is_xla"):
    setattr(Tensor, _name, False)
