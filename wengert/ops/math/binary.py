"""Rarer functions of two tensors, and functions of one that come without SciPy: signs, angles,
rounding, extremes.

The common arithmetic is in `arithmetic.py`, special functions of mathematics are in `special.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...base.dtypes import BOOLEAN, INTEGRAL
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import elementwise
from ...engine.op import primitive
from .arithmetic import mul, pow_base, pow_tensor
from .compare import chosen
from .unary import round_half


@primitive(
    elementwise,
    public="copysign(Tensor input, Tensor|Scalar other, *, out)",
    types="float",
    inplace=True,
)
def copysign(xp, x, y):
    """The magnitude of x with the sign of y.

    >>> torch.copysign(torch.tensor([1., -2.]), -1.0)
    tensor([-1., -2.])
    """


copysign.vjp(
    x=lambda xp, g, x, out: g * xp.keep(out / x, xp.ne(x, 0)),
    y=lambda xp, g: xp.zeros_like(g),
)


@primitive(
    elementwise,
    public="atan2(Tensor input, Tensor other, *, out)",
    types="float",
    inplace=True,
    numbers="none",
    aliases=("arctan2",),
)
def atan2(xp, x, y):
    """The angle of the point (y, x), in (-pi, pi].

    >>> torch.atan2(torch.tensor([1., -1.]), torch.tensor([1., -1.]))
    tensor([ 0.7854, -2.3562])
    """


def _over_square(xp: Any, v: Any, x: Any, y: Any) -> Any:
    r = x * x + y * y
    zero = xp.eq(r, 0)
    return xp.where(zero, xp.zeros_like(r), v / xp.where(zero, xp.ones_like(r), r))


atan2.vjp(
    x=lambda xp, g, x, y: g * _over_square(xp, y, x, y),
    y=lambda xp, g, x, y: g * _over_square(xp, -x, x, y),
)


@primitive(
    elementwise, numbers="none", public="hypot(Tensor input, Tensor other, *, out)", inplace=True,
    inexact=True,
)  # fmt: skip
def hypot(xp, x, y):
    """sqrt(x ** 2 + y ** 2), without overflow.

    >>> torch.hypot(torch.tensor([3.]), torch.tensor([4.]))
    tensor([5.])
    """


hypot.vjp(
    x=lambda xp, g, x, out: _ratio(xp, g, x, out), y=lambda xp, g, y, out: _ratio(xp, g, y, out)
)


def _ratio(xp: Any, g: Any, x: Any, out: Any) -> Any:
    return g * (x / out)


@primitive(
    elementwise,
    numbers="none",
    public="fmax(Tensor input, Tensor other, *, out)",
    real=RuntimeError,
)
def fmax(xp, x, y):
    """The larger of x and y; a nan loses against a number.

    >>> torch.fmax(torch.tensor([1., float("nan")]), torch.tensor([0., 2.]))
    tensor([1., 2.])
    """


@primitive(
    elementwise,
    numbers="none",
    public="fmin(Tensor input, Tensor other, *, out)",
    real=RuntimeError,
)
def fmin(xp, x, y):
    """The smaller of x and y; a nan loses against a number.

    >>> torch.fmin(torch.tensor([1., float("nan")]), torch.tensor([0., 2.]))
    tensor([0., 2.])
    """


def _winner(word: str) -> Any:
    def wins(xp: Any, x: Any, y: Any) -> Any:
        return xp.logical_or(getattr(xp, word)(x, y), xp.isnan(y))

    return {
        "x": lambda xp, g, x, y: xp.where(wins(xp, x, y), g, xp.zeros_like(g)),
        "y": lambda xp, g, x, y: xp.where(wins(xp, x, y), xp.zeros_like(g), g),
    }


def _tangent(word: str) -> Any:
    """The tangent of the winner, as PyTorch has it."""

    def rule(xp: Any, tangents: Any, x: Any, y: Any) -> Any:
        wins = xp.logical_or(getattr(xp, word)(x, y), xp.isnan(y))
        return chosen(xp, wins, *tangents)

    return rule


fmax.vjp(**_winner("ge")).jvp(_tangent("gt"))
fmin.vjp(**_winner("le")).jvp(_tangent("le"))


@primitive(
    elementwise,
    inexact=True,
    numbers="none",
    public="logaddexp(Tensor input, Tensor other, *, out)",
)
def logaddexp(xp, x, y):
    """log(exp(x) + exp(y)), without overflow.

    >>> torch.logaddexp(torch.tensor([0.]), torch.tensor([0.]))
    tensor([0.6931])
    """


@primitive(
    elementwise,
    inexact=True,
    numbers="none",
    public="logaddexp2(Tensor input, Tensor other, *, out)",
)
def logaddexp2(xp, x, y):
    """log2(2 ** x + 2 ** y), without overflow.

    >>> torch.logaddexp2(torch.tensor([0.]), torch.tensor([0.]))
    tensor([1.])
    """


def _weight(word: str) -> Any:
    """The derivative is 1 / (1 + b ** (y - x)): the result may have rounded the difference away."""

    def slope(xp: Any, g: Any, x: Any, y: Any) -> Any:
        return g / (1 + getattr(xp, word)(y - x))

    return {
        "x": lambda xp, g, x, y: slope(xp, g, x, y),
        "y": lambda xp, g, x, y: slope(xp, g, y, x),
    }


logaddexp.vjp(**_weight("exp"))
logaddexp2.vjp(**_weight("exp2"))


def _whole(name: str, doc: str) -> Any:
    text = f"{name}(Tensor input, Tensor other, *, out)"

    @primitive(elementwise, name=name, doc=doc, numbers="none", public=text, inplace="function")
    def f(xp, x, y): ...

    return f


gcd = _whole("gcd", "Greatest common divisor of two integer tensors, element by element.")
lcm = _whole("lcm", "Least common multiple of two integer tensors, element by element.")


@primitive(elementwise, types="same", name="heaviside", out="exact")
def heaviside_op(xp, x, y):
    """0, y or 1 by the sign of x."""


heaviside_op.vjp(
    x=lambda xp, g: xp.zeros_like(g), y=lambda xp, g, x: xp.where(xp.eq(x, 0), g, xp.zeros_like(g))
)


@public("heaviside(Tensor input, Tensor values, *, out)", inplace=True, out="exact")
def heaviside(input, values, *, out=None):
    """0 where input is negative, values where it is 0, 1 where it is positive; both of one dtype.

    >>> torch.heaviside(torch.tensor([-1., 0., 2.]), torch.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if (
        input.dtype.is_complex
        or values.dtype.is_complex
        or (out is not None and out.dtype.is_complex)
    ):
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype is not values.dtype or (out is not None and out.dtype is not input.dtype):
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes: input has "
            f"{input.dtype}, values {values.dtype}"
        )
    return heaviside_op.entry(input, values, out=out)


@primitive(
    elementwise,
    numbers="none",
    public="nextafter(Tensor input, Tensor other, *, out)",
    inplace=True,
)
def nextafter(xp, x, y):
    """The next floating number after x in the direction of y.

    >>> torch.nextafter(torch.tensor([1.]), torch.tensor([2.])) > 1
    tensor([True])
    """


nextafter.vjp(
    x=lambda xp, g, x, y: xp.where(xp.ne(x, y), g, xp.zeros_like(g)),
    y=lambda xp, g: xp.zeros_like(g),
)


@primitive(elementwise, types="any", name="ldexp")
def ldexp_op(xp, x, y):
    """x * 2 ** y for integers y, in the dtype of x and without overflow on the way."""


ldexp_op.vjp(x=lambda xp, g, y: xp.ldexp(g, y))


@public("ldexp(Tensor input, Tensor other, *, out)", inplace="function")
def ldexp(input, other):
    """input * 2 ** other.

    >>> torch.ldexp(torch.tensor([1., 3.]), torch.tensor([2, 1]))
    tensor([4., 6.])
    """
    if other.dtype.category == INTEGRAL and input.dtype.is_floating_point:
        return ldexp_op.entry(input, other)
    if input.dtype.category in (BOOLEAN, INTEGRAL) or input.dtype is dtypes.float32:
        return mul.entry(input, pow_base.entry(2.0, other))
    return mul.entry(input, pow_tensor.entry(input.new_full((), 2.0), other))


@primitive(elementwise, types="any", outputs="mantissa exponent", integer="exponent", name="frexp")
def frexp_op(xp, x):
    """Mantissa and exponent."""


frexp_op.vjp(
    x=lambda xp, g_mantissa, exponent: g_mantissa / xp.exp2(xp.astype(exponent, g_mantissa.dtype))
)


@public("frexp(Tensor input, *, out) -> (Tensor mantissa, Tensor exponent)")
def frexp(input):
    """(mantissa, exponent) with input = mantissa * 2 ** exponent and 0.5 <= |mantissa| < 1;
    floating tensors only.

    Raises RuntimeError for others.

    >>> torch.frexp(torch.tensor([6.]))
    torch.return_types.frexp(
    mantissa=tensor([0.7500]),
    exponent=tensor([3], dtype=torch.int32))
    """
    return named("frexp", *frexp_op.entry(input))


# -------------------------------------------------------------------------------------- of one
# tensor


def _infinite(name: str, sign: str) -> Any:
    @primitive(elementwise, name=name, types="any", out="exact")
    def o(xp, x): ...

    def f(input, *, out=None):
        if input.dtype.is_complex:
            raise RuntimeError(f"{name} does not support complex inputs.")
        return o.entry(input, out=out)

    f.__name__ = name
    f.__doc__ = f"True where input is {sign}inf.\n\nRaises RuntimeError for complex numbers."
    text = f"{name}(Tensor input, *, out)"
    return public(text, lines=(line(o, floating=True),), out="exact")(f)


_infinite("isneginf", "-")
_infinite("isposinf", "+")


def _angle(name: str, factor: float, doc: str) -> Any:
    @primitive(elementwise, name=name, types="float")
    def o(xp, x): ...

    o.vjp(x=lambda g: g * factor)

    def f(input, *, out=None):
        if input.dtype.is_complex:
            raise RuntimeError(f"{name} is not supported for complex tensors.")
        return o.entry(input, out=out)

    f.__name__ = name
    f.__doc__ = f"{doc}\n\nRaises RuntimeError for complex numbers."
    text = f"{name}(Tensor input, *, out)"
    return public(text, inplace="function", lines=(line(o),))(f)


_angle("deg2rad", math.pi / 180, "Degrees in radians.")
_angle("rad2deg", 180 / math.pi, "Radians in degrees.")


@primitive(elementwise, public="sinc(Tensor input, *, out)", types="float", inplace="function")
def sinc(xp, x):
    """sin(pi x) / (pi x), and 1 at 0.

    >>> torch.sinc(torch.tensor([0., 0.5]))
    tensor([1.0000, 0.6366])
    """


def _sinc(xp: Any, g: Any, x: Any) -> Any:
    zero = xp.eq(x * x * math.pi, 0)
    p = xp.where(zero, xp.ones_like(x), x) * math.pi
    slope = (p * xp.cos(p) - xp.sin(p)) * math.pi / (p * p)
    slope = xp.where(zero, xp.zeros_like(x), slope)
    at_0 = x * (-math.pi * math.pi / 3)  # 0, but with the second derivative
    return g * xp.where(xp.eq(x, 0), at_0, slope)


sinc.vjp(x=_sinc)


@primitive(elementwise, node="RoundBackward1", real=True)
def round_decimals(xp, x, decimals=0):
    """x rounded half to even at a decimal place."""


round_decimals.vjp(x=lambda xp, g: xp.zeros_like(g))


@public(
    "round(Tensor input, *, out)",
    "round(Tensor input, *, int decimals, out)",
    inplace="function",
    lines=(line(round_half, floating=True), line(round_decimals, floating=True)),
    out="exact",
)
def round(input, *, decimals=0, out=None):
    """input rounded half to even, at `decimals` places after the point (before it for negative
    ones).

    >>> torch.round(torch.tensor([0.5, 1.5, 2.46]))
    tensor([0., 2., 2.])
    """
    if decimals == 0:
        if input.dtype.category == BOOLEAN:
            raise NotImplementedError(
                "round: not implemented for bool tensors: convert with .int() or .float()"
            )
        return round_half.entry(input, out=out)
    return round_decimals.entry(input, decimals, out=out)
