"""Comparisons, tests and logic: bool results; where; maximum and minimum; clamp."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.advice import advise
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import elementwise
from ...engine.op import op, primitive
from ...engine.tensor import Tensor

BOOL = dtypes.bool.np


def _compare(name, doc, aliases=(), numbers="", real=False, rare=""):
    number = "|Scalar" * (not name.startswith("logical"))
    first = number * name.startswith("bitwise")
    text = f"{name}(Tensor{first} input, Tensor{number} other, *, out)"
    numbers = "first" if first else numbers

    @primitive(
        elementwise,
        public=text,
        name=name,
        aliases=aliases,
        inplace="unrecorded" if name.startswith("logical") else True,
        doc=doc,
        numbers=numbers,
        real=real,
        rare=rare,
        out="unrecorded",
    )
    def f(xp, x, y): ...

    return f


lt = _compare("lt", "x < y.", ("less",), real=True)
le = _compare("le", "x <= y.", ("less_equal",), real=True)
gt = _compare("gt", "x > y.", ("greater",), real=True)
ge = _compare("ge", "x >= y.", ("greater_equal",), real=True)
eq = _compare("eq", "x == y.", rare="unsigned float8")
ne = _compare("ne", "x != y.", ("not_equal",), rare="unsigned float8")
logical_and = _compare("logical_and", "Both true.", numbers="none")
logical_or = _compare("logical_or", "Either true.", numbers="none")
logical_xor = _compare("logical_xor", "Exactly one true.", numbers="none")
bitwise_and = _compare("bitwise_and", "Bits set in both.", rare="unsigned")
bitwise_or = _compare("bitwise_or", "Bits set in either.", rare="unsigned")
bitwise_xor = _compare("bitwise_xor", "Bits set in exactly one.", rare="unsigned")
bitwise_left_shift = _compare("bitwise_left_shift", "x * 2 ** y.")
bitwise_right_shift = _compare("bitwise_right_shift", "x / 2 ** y, rounded down.")


def _test(name, doc, types="any", inplace=False, out=""):
    text = f"{name}(Tensor input{', *, out' * bool(inplace or out)})"

    @primitive(
        elementwise, name=name, types=types, doc=doc, public=text, inplace=inplace, out=out
    )  # fmt: skip
    def f(xp, x): ...

    return f


isnan = _test("isnan", "True where x is nan.")
isinf = _test("isinf", "True where x is infinite.")
isfinite = _test("isfinite", "True where x is neither infinite nor nan.")
logical_not = _test("logical_not", "True where x is zero.", inplace="unrecorded", out="unrecorded")
bitwise_not = _test(
    "bitwise_not",
    "All bits flipped; for bool, not; NotImplementedError for other than integers.",
    inplace=True,
    out="exact",
)
signbit = _test(
    "signbit", "True where the sign bit is set; NotImplementedError for complex.", out="exact"
)


@primitive(elementwise, types="any", name="where", out="exact")
def where_op(xp, condition, x, y):
    """x where condition holds, else y."""


@primitive(elementwise, types="any")
def keep(xp, x, condition):
    """x where condition holds, else 0: also where x is infinite or nan, unlike a product."""
    return xp.where(condition, x, xp.zeros_like(x))


keep.vjp(x=lambda xp, g, condition: xp.keep(g, condition))
where_op.vjp(
    x=lambda xp, g, condition: xp.keep(g, condition),
    y=lambda xp, g, condition: xp.keep(g, xp.logical_not(condition)),
)


@primitive(
    elementwise,
    numbers="none",
    public="maximum(Tensor input, Tensor other, *, out)",
    real=RuntimeError,
)
def maximum(xp, x, y):
    """The larger of x and y; nan wins; at ties each gets half the gradient.

    >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([4, 2]))
    tensor([4, 5])
    """


def _share(win):
    def shared(xp, g, x, y):
        kept = xp.keep(g, xp.logical_not(getattr(xp, win)(y, x)))  # nan is kept too
        return xp.where(xp.eq(x, y), kept * 0.5, kept)

    def x_rule(xp, g, x, y):
        return shared(xp, g, x, y)

    def y_rule(xp, g, x, y):
        return shared(xp, g, y, x)

    return {"x": x_rule, "y": y_rule}


def chosen(xp: Any, first: Any, tx: Any, ty: Any) -> Any:
    """The first tangent where a condition holds, else the second; None stands for zeros."""
    tx = xp.zeros_like(ty) if tx is None else tx
    return xp.where(first, tx, xp.zeros_like(tx) if ty is None else ty)


def _tangent(win: str) -> Any:
    """The winner's tangent, at ties the mean; beside nan that of y, as PyTorch has it."""

    def rule(xp: Any, tangents: Any, x: Any, y: Any) -> Any:
        tx, ty = tangents
        won = chosen(xp, getattr(xp, win)(x, y), tx, ty)
        both = tx if ty is None else ty if tx is None else tx + ty
        return xp.where(xp.eq(x, y), both * 0.5, won)

    return rule


maximum.vjp(**_share("gt")).jvp(_tangent("gt"))


@primitive(
    elementwise,
    numbers="none",
    public="minimum(Tensor input, Tensor other, *, out)",
    real=RuntimeError,
)
def minimum(xp, x, y):
    """The smaller of x and y; nan wins; at ties each gets half the gradient.

    >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([4, 2]))
    tensor([1, 2])
    """


minimum.vjp(**_share("lt")).jvp(_tangent("lt"))


@public(
    "where(Tensor condition, Tensor|Scalar input, Tensor|Scalar other, *, out)",
    "where(Tensor condition) -> Tensor[]",
    method=False,
    lines=(
        line(
            where_op,
            given="type_(input) in TENSORS and type_(other) in TENSORS",
            when="d is BOOL and a1.dtype is a2.dtype",
            asked=True,
        ),
        None,
    ),
    out="exact",
)
def where(condition, input=None, other=None, *, out=None):
    """input where condition is true, else other; with condition alone, the indices of its true
    elements.

    >>> torch.where(torch.tensor([True, False]), 1.0, 0.0)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, Tensor):
        raise TypeError(
            "where(): argument 'condition' (position 1) must be Tensor, not"
            f" {type(condition).__name__}"
        )
    if condition.dtype.name not in ("bool", "uint8"):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype"
            f" {condition.dtype}"
        )
    if condition.dtype.name == "uint8":
        advise(
            "where received a uint8 condition tensor. This behavior is deprecated and will be"
            " removed in a future version of PyTorch. Use a boolean condition instead."
        )
    if (
        type(input) is type(other) is Tensor
        and input.dtype is other.dtype
        and condition.dtype.name == "bool"
    ):
        return where_op.entry(condition, input, other, out=out)
    from ...engine.promotion import common_dtype

    target = common_dtype(input, other)
    x, y = _as(input, target, condition), _as(other, target, condition)
    if condition.dtype.name == "uint8":
        condition = condition.bool()
    return where_op.entry(condition, x, y, out=out)


def _as(t, target, like):
    if isinstance(t, Tensor):
        return t if t.dtype is target else t.to(target)
    from ..creation.filled import scalar_tensor

    if isinstance(t, float) and target.is_floating_point and target.itemsize < 4:
        return scalar_tensor(t, device=like.device).to(target)  # what is too large is infinite
    return scalar_tensor(t, dtype=target, device=like.device)


@public(
    "Tensor.where(Tensor self, Tensor condition, Tensor|Scalar other)",
    lines=(
        line(
            where_op,
            given="type_(other) in TENSORS",
            operands=("condition", "self", "other"),
            when="d is BOOL and a1.dtype is a2.dtype",
            asked=True,
        ),
    ),
)
def where_method(self, condition, other):
    """self where condition is true, else other.

    >>> torch.tensor([1., 2.]).where(torch.tensor([True, False]), 0.)
    tensor([1., 0.])
    """
    return where(condition, self, other)


@primitive(elementwise, types="any", node="ClampBackward1", told={"min": "low", "max": "high"})
def clamp_scalar(xp, x, low=None, high=None):
    """x limited to [low, high], numbers or None."""


def _clamp(xp, g, x, low, high):
    if low is not None and high is not None:
        inside = xp.logical_and(xp.ge(x, low), xp.le(x, high))
    else:
        inside = xp.ge(x, low) if low is not None else xp.le(x, high)
    return xp.keep(g, inside)


@op(elementwise, node="ClampBackward1", told={"min": "low", "max": "high"})
def clamp_between(xp, x, low, high):
    """x limited to [low, high], arrays: high wins."""
    return xp.minimum(xp.maximum(x, low), high)


clamp_between.vjp(
    x=lambda xp, g, x, low, high: xp.keep(g, xp.logical_and(xp.ge(x, low), xp.le(x, high))),
    low=lambda xp, g, x, low, high: xp.keep(g, xp.logical_and(xp.lt(low, high), xp.lt(x, low))),
    high=lambda xp, g, x, low, high: xp.keep(g, xp.logical_or(xp.gt(x, high), xp.lt(high, low))),
)


def _between_tangent(xp: Any, tangents: Any, x: Any, low: Any, high: Any) -> Any:
    """The tangent of whichever decides: the upper bound, then the lower one, then x."""
    tx, t_low, t_high = [0.0 if t is None else t for t in tangents]
    t = xp.where(xp.gt(x, high), t_high, tx)
    return xp.where(xp.gt(low, high), t_high, xp.where(xp.lt(x, low), t_low, t))


def _bound_tangent(win: str) -> Any:
    """At ties the tangent is the bound's, where the gradient is that of x, as PyTorch has it."""
    return lambda xp, tangents, x, bound: chosen(xp, getattr(xp, win)(x, bound), *tangents)


clamp_between.jvp(_between_tangent)


@op(elementwise, node="ClampMinBackward1")
def clamp_above(xp, x, low):
    """x, at least low, an array."""
    return xp.maximum(x, low)


clamp_above.vjp(
    x=lambda xp, g, x, low: xp.keep(g, xp.ge(x, low)),
    low=lambda xp, g, x, low: xp.keep(g, xp.lt(x, low)),
).jvp(_bound_tangent("gt"))


@op(elementwise, node="ClampMaxBackward1")
def clamp_below(xp, x, high):
    """x, at most high, an array."""
    return xp.minimum(x, high)


clamp_below.vjp(
    x=lambda xp, g, x, high: xp.keep(g, xp.le(x, high)),
    high=lambda xp, g, x, high: xp.keep(g, xp.gt(x, high)),
).jvp(_bound_tangent("lt"))
clamp_scalar.vjp(x=_clamp)
