"""Functions of one array, element by element, that a derivative exists for: exponentials,
trigonometry, rounding.
"""

from __future__ import annotations

import math

from ...engine.fast_paths import alone, short
from ...engine.kinds import composite, elementwise, linear
from ...engine.op import op, primitive, public
from ..batching import same_way
from . import arithmetic

LN2, LN10 = math.log(2), math.log(10)


@primitive(elementwise, types="float")
def exp(xp, x):
    """Exponential."""


exp.vjp(x=lambda g, out: g * out)


@primitive(elementwise, types="float")
def exp2(xp, x):
    """2 to the power x."""


exp2.vjp(x=lambda g, out: g * out * LN2)


@primitive(elementwise, types="float")
def expm1(xp, x):
    """exp(x) - 1, accurate near 0."""


expm1.vjp(x=lambda g, out: g * (out + 1))


@primitive(elementwise, types="float")
def log(xp, x):
    """Natural logarithm."""


log.vjp(x=lambda g, x: g / x)


@primitive(elementwise, types="float")
def log2(xp, x):
    """Logarithm to base 2."""


log2.vjp(x=lambda g, x: g / (x * LN2))


@primitive(elementwise, types="float")
def log10(xp, x):
    """Logarithm to base 10."""


log10.vjp(x=lambda g, x: g / (x * LN10))


@primitive(elementwise, types="float", node="Log1PBackward0")
def log1p(xp, x):
    """log(1 + x), accurate near 0."""


log1p.vjp(x=lambda g, x: g / (x + 1))


@primitive(elementwise, types="float")
def sqrt(xp, x):
    """Square root."""


sqrt.vjp(x=lambda g, out: g / (2 * out))


@primitive(elementwise, types="float")
def rsqrt(xp, x):
    """1 / sqrt(x)."""


rsqrt.vjp(x=lambda g, out: -0.5 * g * out * out * out)


@public
@short(alone(arithmetic.pow, 2))
def square(input):
    """x * x."""
    return arithmetic.pow.entry(input, 2)


@primitive(elementwise, types="float")
def sin(xp, x):
    """Sine."""


sin.vjp(x=lambda xp, g, x: g * xp.cos(x))


@primitive(elementwise, types="float")
def cos(xp, x):
    """Cosine."""


cos.vjp(x=lambda xp, g, x: -g * xp.sin(x))


@primitive(elementwise, types="float")
def tan(xp, x):
    """Tangent."""


tan.vjp(x=lambda g, out: g * (1 + out * out))


@primitive(elementwise, types="float", aliases=("arcsin",))
def asin(xp, x):
    """Inverse sine."""


asin.vjp(x=lambda xp, g, x: g * xp.rsqrt(1 - x * x))


@primitive(elementwise, types="float", aliases=("arccos",))
def acos(xp, x):
    """Inverse cosine."""


acos.vjp(x=lambda xp, g, x: -g * xp.rsqrt(1 - x * x))


@primitive(elementwise, types="float", aliases=("arctan",))
def atan(xp, x):
    """Inverse tangent."""


atan.vjp(x=lambda g, x: g / (1 + x * x))


@primitive(elementwise, types="float")
def sinh(xp, x):
    """Hyperbolic sine."""


sinh.vjp(x=lambda xp, g, x: g * xp.cosh(x))


@primitive(elementwise, types="float")
def cosh(xp, x):
    """Hyperbolic cosine."""


cosh.vjp(x=lambda xp, g, x: g * xp.sinh(x))


@primitive(elementwise, types="float")
def tanh(xp, x):
    """Hyperbolic tangent."""


@primitive(composite, public=False, method=False)
def tanh_backward(xp, g, out):
    """Gradient of tanh."""
    return g * (1 - out * out)


tanh.vjp(x=lambda xp, g, out: xp.tanh_backward(g, out))


@primitive(elementwise, types="float", aliases=("arcsinh",))
def asinh(xp, x):
    """Inverse hyperbolic sine."""


asinh.vjp(x=lambda xp, g, x: g * xp.rsqrt(x * x + 1))


@primitive(elementwise, types="float", aliases=("arccosh",))
def acosh(xp, x):
    """Inverse hyperbolic cosine."""


acosh.vjp(x=lambda xp, g, x: g * xp.rsqrt(x - 1) * xp.rsqrt(x + 1))


@primitive(elementwise, types="float", aliases=("arctanh",))
def atanh(xp, x):
    """Inverse hyperbolic tangent."""


atanh.vjp(x=lambda g, x: g / (1 - x * x))


@primitive(elementwise, types="float")
def sigmoid(xp, x):
    """Logistic function 1 / (1 + exp(-x))."""


@primitive(composite, public=False, method=False)
def sigmoid_backward(xp, g, out):
    """Gradient of sigmoid."""
    return g * (out * (1 - out))


sigmoid.vjp(x=lambda xp, g, out: xp.sigmoid_backward(g, out))


@primitive(elementwise, types="float")
def erf(xp, x):
    """Error function."""


erf.vjp(x=lambda xp, g, x: g * (2 / math.sqrt(math.pi)) * xp.exp(-(x * x)))


@primitive(elementwise, types="float")
def erfc(xp, x):
    """1 - erf(x)."""


erfc.vjp(x=lambda xp, g, x: g * (-2 / math.sqrt(math.pi)) * xp.exp(-(x * x)))


@primitive(elementwise)
def relu(xp, x):
    """max(x, 0); the derivative at 0 is 0."""


@primitive(composite, public=False, method=False)
def relu_backward(xp, g, out):
    """Gradient of relu from its output."""
    return xp.keep(g, xp.ne(out, 0))  # nan is not 0


relu.vjp(x=lambda xp, g, out: xp.relu_backward(g, out))


@primitive(elementwise, public=False, method=False)
def abs(xp, x):
    """Absolute value; the derivative at 0 is 0."""


abs.vjp(complex=True, x=lambda xp, g, x: g * xp.sgn(x))


@public(name="abs", aliases=("absolute",))
def abs_(input, *, out=None):
    """Absolute value; of complex tensors the modulus."""
    return abs.entry(input, out=out)


@primitive(elementwise)
def sign(xp, x):
    """-1, 0 or 1 by the sign of x."""


sign.vjp(x=lambda xp, g: xp.zeros_like(g))


@op(elementwise, public=False, method=False)
def sgn(xp, x):
    """x / |x|, 0 at 0."""
    return xp.sign(x)


def _sgn(xp, g, x, out):
    from ...base.dtypes import as_dtype

    if as_dtype(x.dtype).category < 3:
        return xp.zeros_like(g)
    r = xp.abs(x)
    safe = xp.where(xp.eq(r, 0), xp.ones_like(r), r)
    return xp.where(xp.eq(r, 0), xp.zeros_like(g), (g - out * xp.real(xp.conj(g) * out)) / safe)


sgn.vjp(complex=True, x=_sgn)


@public(name="sgn")
def sgn_(input, *, out=None):
    """x / |x|, and 0 at 0."""
    return sgn.entry(input, out=out)


def _step(name, doc, aliases=()):
    @primitive(elementwise, name=name, aliases=aliases, doc=doc)
    def f(xp, x): ...

    f.vjp(x=lambda xp, g: xp.zeros_like(g))
    return f


floor = _step("floor", "The largest integer not above x.")
ceil = _step("ceil", "The smallest integer not below x.")
trunc = _step("trunc", "x without its fraction.", ("fix",))


@primitive(elementwise, name="round", public=False, method=False)
def round_half(xp, x):
    """The nearest integer, halves to even."""


round_half.vjp(x=lambda xp, g: xp.zeros_like(g))


@primitive(elementwise)
def frac(xp, x):
    """The fraction of x: x - trunc(x)."""


frac.vjp(x=lambda g: g)


@primitive(linear, public=False, method=False)
def conj(xp, x):
    """Complex conjugate."""


conj.vjp(complex=True, x=lambda xp, g: xp.conj(g)).batch(same_way("conj"))


@primitive(linear, public=False, method=False)
def real(xp, x):
    """Real part."""


real.vjp(complex=True, x=lambda g: g).batch(same_way("real"))


@primitive(linear, public=False, method=False)
def imag(xp, x):
    """Imaginary part."""


imag.vjp(complex=True, x=lambda g: g * 1j).batch(same_way("imag"))


@primitive(linear, public=False, method=False, node="ToCopyBackward0")
def astype(xp, x, dtype=None):
    """x in another dtype (a NumPy dtype)."""


astype.vjp(x=lambda g: g)  # the gradient is cast back when it arrives
astype.batch(same_way("astype"))
