"""Sums, products, quotients, powers of two arrays, and their in-between forms (alpha, rounding
modes).
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.kinds import elementwise, linear
from ...engine.op import op, primitive
from ...engine.out_argument import write_out
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor
from ..batching import same_way
from ..node_facts import ALONE


@primitive(elementwise, name="add", told=ALONE)
def add_op(xp, x, y):
    """Sum of x and y, with broadcasting."""


add_op.vjp(x=lambda g: g, y=lambda g: g)


@primitive(elementwise, numbers="first", name="sub", told=ALONE)
def sub_op(xp, x, y):
    """Difference of x and y, with broadcasting."""


sub_op.vjp(x=lambda g: g, y=lambda g: -g)


@op(elementwise, node="RsubBackward1", numbers="first", name="rsub")
def rsub_op(xp, x, y):
    """y - x."""
    return xp.sub(y, x)


@op(elementwise, node="RsubBackward0")
def rsub_tensor(xp, x, y):
    """y - x, both arrays."""
    return xp.sub(y, x)


rsub_op.vjp(x=lambda g: -g, y=lambda g: g)
rsub_tensor.vjp(x=lambda g: -g, y=lambda g: g)


@primitive(
    elementwise,
    public="mul(Tensor input, Tensor|Scalar other, *, out)",
    inplace=True,
    aliases=("multiply",),
    numbers="exact",
    rare="unsigned float8",
)
def mul(xp, x, y):
    """Product of x and y, with broadcasting.

    >>> torch.mul(torch.tensor([1., 2.]), 3.0)
    tensor([3., 6.])
    """


mul.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)


@primitive(elementwise, types="float", numbers="first exact", name="div")
def div_op(xp, x, y):
    """Quotient of x and y; integers give floats."""


# The quotient is not saved: it may be changed in place before the backward pass.
div_op.vjp(x=lambda g, y: g / y, y=lambda g, x, y: -g * ((x / y) / y))


def _div_tangent(xp: Any, tangents: Any, x: Any, y: Any) -> Any:
    """One quotient of a sum: two quotients by 0 would be infinities that cancel."""
    tx, ty = tangents
    way = None if ty is None else -ty * (x / y)
    return (tx if way is None else way if tx is None else tx + way) / y


div_op.jvp(_div_tangent)


@primitive(linear, name="neg", out="exact", keeps_order=True)
def neg_op(xp, x):
    """-x."""


neg_op.vjp(x=lambda g: -g).batch(same_way("neg"))


@public(
    "neg(Tensor input, *, out)",
    inplace="function",
    aliases=("negative",),
    lines=(line(neg_op, floating=True),),
    out="exact apart",
)
def neg(input, *, out=None):
    """-input; bool is refused.

    Raises RuntimeError for booleans.

    >>> torch.neg(torch.tensor([1, -2]))
    tensor([-1,  2])
    """
    if input.dtype.category == dtypes.BOOLEAN:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to"
            " invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return neg_op.entry(input, out=out)


@primitive(
    elementwise, public="reciprocal(Tensor input, *, out)", types="float", inplace="function"
)
def reciprocal(xp, x):
    """1 / x.

    >>> torch.reciprocal(torch.tensor([2., 4.]))
    tensor([0.5000, 0.2500])
    """


reciprocal.vjp(x=lambda g, out: -g * out * out)


@primitive(
    elementwise,
    types="promote",
    node="PowBackward0",
    numbers="first kept",
    name="pow",
    told={"exponent": "y"},
)
def pow_op(xp, x, y):
    """x to the power y."""


def _pow_x(xp: Any, g: Any, x: Any, y: Any) -> Any:
    if type(y) in (int, float, complex):
        if y == 0:
            return xp.zeros_like(g)
        if y == 1:
            return g
        return g * (y * x) if y == 2 else g * (y * xp.pow(x, y - 1))
    return xp.keep(g * (y * xp.pow(x, y - 1)), xp.ne(y, 0))


def _pow_y(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    # 0 ** y has derivative 0 for y > 0, where log gives -inf
    if type(x) in (int, float, complex):
        x = xp.full_like(out, x)
    real = xp.real(y) if hasattr(y, "dtype") else y.real if type(y) is complex else y
    zero = xp.logical_and(xp.eq(x, 0), xp.ge(real, 0))
    if hasattr(y, "dtype") and dtypes.as_dtype(y.dtype).is_complex:  # but none where it turns
        zero = xp.logical_and(zero, xp.eq(xp.imag(y), 0))
    return g * xp.where(zero, xp.zeros_like(out), out * xp.log(xp.where(zero, xp.ones_like(x), x)))


pow_op.vjp(x=_pow_x, y=_pow_y)


@op(elementwise, node="PowBackward1", told={"exponent": "y"})
def pow_tensor(xp, x, y):
    """x to the power y, both arrays."""
    return xp.pow(x, y)


@op(elementwise, node="PowBackward2", numbers="first", told={"exponent": "y"})
def pow_base(xp, x, y):
    """A number to the power y."""
    return xp.pow(x, y)


pow_tensor.vjp(x=_pow_x, y=_pow_y)
pow_base.vjp(x=_pow_x, y=_pow_y)


@primitive(elementwise, numbers="first", name="remainder", real=True)
def remainder_op(xp, x, y):
    """x modulo y, with the sign of y."""


remainder_op.vjp(x=lambda g: g, y=lambda xp, g, x, y: -g * xp.floor_divide(x, y))


@primitive(
    elementwise,
    public="fmod(Tensor input, Tensor|Scalar other, *, out)",
    inplace=True,
)
def fmod(xp, x, y):
    """x modulo y, with the sign of x.

    >>> torch.fmod(torch.tensor([7., -7.]), 4)
    tensor([ 3., -3.])
    """


fmod.vjp(x=lambda g: g, y=lambda xp, g, x, y: -g * xp.trunc_divide(x, y))


@primitive(
    elementwise,
    public="floor_divide(Tensor input, Tensor|Scalar other, *, out)",
    inplace=True,
    real=True,
    numbers="exact",
)
def floor_divide(xp, x, y):
    """x / y rounded down.

    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """


def _no_slope(xp: Any, g: Any) -> Any:
    return xp.zeros_like(g)


floor_divide.vjp(x=_no_slope, y=_no_slope)


SCALED = "type_(alpha) in REALS and type_(other) in TENSORS"


@op(elementwise, node="AddBackward0")
def add_scaled(xp, x, y, alpha=1):
    """x + alpha * y."""
    return x + y * alpha


add_scaled.vjp(x=lambda g: g, y=lambda g, alpha: g * alpha)


@op(elementwise, node="SubBackward0")
def sub_scaled(xp, x, y, alpha=1):
    """x - alpha * y."""
    return x - y * alpha


sub_scaled.vjp(x=lambda g: g, y=lambda g, alpha: -g * alpha)


@op(elementwise, node="RsubBackward0")
def rsub_scaled(xp, x, y, alpha=1):
    """y - alpha * x."""
    return y - x * alpha


rsub_scaled.vjp(x=lambda g, alpha: -g * alpha, y=lambda g: g)


@public(
    "add(Tensor input, Tensor|Scalar other, *, Scalar alpha=1, out)",
    "old: add(Tensor input, Scalar other, Scalar alpha, *, out)",
    "old: add(Tensor input, Scalar alpha, Tensor other, *, out)",
    inplace=True,
    lines=((line(add_op), line(add_scaled, floating=True, given=SCALED)),),
)
def add(input, other, *, alpha=1, out=None):
    """input + alpha * other, with broadcasting.

    >>> torch.add(torch.tensor([1., 2.]), 1.0, alpha=2)
    tensor([3., 4.])
    """
    check_alpha("add", input, other, alpha)
    if alpha != 1 and is_bool(input) and is_bool(other):
        alpha = bool(alpha)
    if (factor := one_rounding(input, other, alpha)) is not None:
        return add_scaled.entry(input, other, factor, out=out)
    return add_op.entry(input, other if alpha == 1 else scaled(other, alpha, input), out=out)


SUB_LINES = (line(sub_op, floating=True), line(sub_scaled, floating=True, given=SCALED))


@public(
    "sub(Tensor input, Tensor|Scalar other, *, Scalar alpha=1, out)",
    "old: sub(Tensor input, Scalar other, Scalar alpha, *, out)",
    "old: sub(Tensor input, Scalar alpha, Tensor other, *, out)",
    inplace=True,
    lines=(SUB_LINES,),
)
def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other, with broadcasting.

    >>> torch.sub(torch.tensor([5., 6.]), torch.tensor([1., 2.]), alpha=2)
    tensor([3., 2.])
    """
    check_alpha("sub", input, other, alpha)
    refuse_bool(input, other)
    if (factor := one_rounding(input, other, alpha)) is not None:
        return sub_scaled.entry(input, other, factor, out=out)
    return sub_op.entry(input, other if alpha == 1 else scaled(other, alpha, input), out=out)


declare(
    sub,
    (
        "subtract(Tensor input, Tensor|Scalar other, *, Scalar alpha=1, out)",
        "also: subtract(Tensor input, Scalar other, Scalar alpha)",
    ),
    inplace=True,
    lines=(SUB_LINES,),
)


def is_bool(t: Any) -> bool:
    return type(t) is bool or isinstance(t, Tensor) and t.dtype.category == dtypes.BOOLEAN


def refuse_bool(*operands: Any) -> None:
    """RuntimeError if a difference has a bool operand."""
    for t in operands:
        if is_bool(t):
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are"
                " trying to invert a mask, use the `~` or `logical_not()` operator instead."
            )


def one_rounding(x: Any, y: Any, alpha: Any) -> Any:
    """The factor as the sum of x and alpha * y takes it, which is rounded once, where both are
    tensors of floating-point numbers; else None.
    """
    if (
        alpha == 1
        or type(alpha) not in (int, float)
        or not isinstance(y, Tensor)
        or not x.dtype.is_floating_point
        or not y.dtype.is_floating_point
    ):
        return None
    d = common_dtype(x, y)
    return float(d.np.type(alpha)) if d.itemsize == 2 else alpha


def scaled(x: Any, alpha: Any, other: Any) -> Any:
    """alpha * x in the dtype that x has together with other."""
    if isinstance(x, Tensor):
        d = common_dtype(x, other)
        x = x if x.dtype is d else x.to(d)
    return x * alpha


CATEGORIES = {bool: 0, int: 1}  # of Python numbers; others have 2


def check_alpha(name: str, input: Any, other: Any, alpha: Any) -> None:
    if type(alpha) is int and alpha == 1:
        return
    kinds = [
        t.dtype.category if isinstance(t, Tensor) else CATEGORIES.get(type(t), 2)
        for t in (input, other)
    ]
    if type(alpha) is bool and max(kinds) > 0:
        raise RuntimeError(f"{name}: Boolean alpha only supported for Boolean results.")
    if type(alpha) is float and max(kinds) < 2:
        raise RuntimeError(
            f"{name}: For integral input tensors, argument alpha must not be a floating point"
            " number."
        )
    if type(alpha) is complex and max(kinds) < 3:
        raise RuntimeError(
            f"{name}: For non-complex input tensors, argument alpha must not be a complex number."
        )


@primitive(elementwise)
def trunc_divide(xp, x, y):
    """x / y rounded towards zero."""


trunc_divide.vjp(x=_no_slope, y=_no_slope)


@public(
    "rsub(Tensor input, Tensor other, *, Scalar alpha=1)",
    "rsub(Tensor input, Scalar other, *, Scalar alpha=1)",
    "also: rsub(Tensor input, Scalar other, Scalar alpha)",
    method=False,
)
def rsub(input, other, *, alpha=1):
    """other - alpha * input.

    >>> torch.rsub(torch.tensor([1., 2.]), 10.)
    tensor([9., 8.])
    """
    check_alpha("rsub", input, other, alpha)
    refuse_bool(input, other)
    if (factor := one_rounding(input, other, alpha)) is not None:
        return rsub_scaled.entry(input, other, factor)
    run = rsub_tensor if isinstance(other, Tensor) else rsub_op
    return run.entry(input if alpha == 1 else scaled(input, alpha, other), other)


@public(
    "div(Tensor input, Tensor|Scalar other, *, out)",
    "div(Tensor input, Tensor|Scalar other, *, str? rounding_mode, out)",
    inplace=True,
    lines=(
        line(div_op),
        (
            line(floor_divide, floating=True, given="rounding_mode == 'floor'"),
            line(trunc_divide, floating=True, given="rounding_mode == 'trunc'"),
        ),
    ),
    aliases=("divide",),
)
def div(input, other, *, rounding_mode=None, out=None):
    """input / other; rounding_mode None, 'trunc' or 'floor'.

    >>> torch.div(torch.tensor([7., -7.]), 2, rounding_mode="floor")
    tensor([ 3., -4.])
    """
    if rounding_mode is None:
        return div_op.entry(input, other, out=out)
    if rounding_mode == "floor":
        return floor_divide.entry(input, other, out=out)
    if rounding_mode == "trunc":
        d, number = input.dtype, not isinstance(other, Tensor)
        half = d.itemsize == 2 and d.is_floating_point and (number or not other._a.shape)
        if half and common_dtype(input, other) is d:
            # by one number: the quotient is not rounded to halves before it is truncated
            r = trunc_divide.entry(input.float(), other if number else other.float()).to(d)
            return r if out is None else write_out("div", r, out)
        return trunc_divide.entry(input, other, out=out)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'"
    )


@public(
    "true_divide(Tensor input, Tensor|Scalar other, *, out)",
    inplace=True,
    lines=(line(div_op),),
)
def true_divide(input, other, *, out=None):
    """input / other; integers give floats.

    >>> torch.true_divide(torch.tensor([1, 2]), 2)
    tensor([0.5000, 1.0000])
    """
    return div_op.entry(input, other, out=out)


@public(
    "remainder(Tensor|Scalar input, Tensor|Scalar other, *, out)",
    inplace=True,
    lines=(line(remainder_op, floating=True),),
)
def remainder(input, other, *, out=None):
    """input modulo other, with the sign of other.

    >>> torch.remainder(torch.tensor([7., -7.]), 4)
    tensor([3., 1.])
    """
    return remainder_op.entry(input, other, out=out)


@public(
    "pow(Tensor|Scalar input, Tensor|Scalar exponent, *, out)",
    inplace=True,
    lines=(
        (
            line(pow_op, floating=True, given="type_(exponent) in REALS"),
            line(pow_tensor, floating=True, given="type_(exponent) in TENSORS"),
        ),
    ),
)
def pow(input, exponent, *, out=None):
    """input to the power exponent, with broadcasting; either may be a number.

    >>> torch.pow(torch.tensor([2., 3.]), 2)
    tensor([4., 9.])
    """
    if not isinstance(input, Tensor):
        return pow_base.entry(input, exponent, out=out)
    if type(exponent) is int and exponent < 0 and not input.dtype.is_inexact:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if type(exponent) in (int, float) and not input.dtype.is_complex and input.dtype.itemsize < 8:
        d = common_dtype(input, exponent)
        dtypes.converted(exponent, d)  # only to refuse what it cannot hold
    return (pow_tensor if isinstance(exponent, Tensor) else pow_op).entry(input, exponent, out=out)


@public(
    "float_power(Tensor|Scalar input, Tensor|Scalar exponent, *, out)", inplace="exact", out="exact"
)
def float_power(input, exponent, *, out=None):
    """input ** exponent computed in double precision.

    >>> torch.float_power(torch.tensor([1, 2]), 2)
    tensor([1., 4.], dtype=torch.float64)
    """

    def double(t: Any) -> Any:
        if isinstance(t, Tensor):
            return t.to(dtypes.complex128 if t.dtype.is_complex else dtypes.float64)
        return complex(t) if isinstance(t, complex) else float(t)

    r = pow_op.entry(double(input), double(exponent))
    return r if out is None else write_out("float_power", r, out, "exact")
