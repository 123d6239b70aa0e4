"""Functions of one array, element by element, that a derivative exists for: exponentials,
trigonometry, rounding.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import composite, elementwise, linear, opaque
from ...engine.op import op, primitive
from ..batching import same_way
from . import arithmetic

LN2, LN10 = math.log(2), math.log(10)


@primitive(elementwise, public="exp(Tensor input, *, out)", types="float", inplace="function")
def exp(xp, x):
    """Exponential.

    >>> torch.exp(torch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """


exp.vjp(x=lambda g, out: g * out)


@primitive(elementwise, public="exp2(Tensor input, *, out)", types="float", inplace="function")
def exp2(xp, x):
    """2 to the power x.

    >>> torch.exp2(torch.tensor([0., 3.]))
    tensor([1., 8.])
    """


exp2.vjp(x=lambda g, out: g * out * LN2)


@primitive(elementwise, public="expm1(Tensor input, *, out)", types="float", inplace="function")
def expm1(xp, x):
    """exp(x) - 1, accurate near 0.

    >>> torch.expm1(torch.tensor([0., 1.]))
    tensor([0.0000, 1.7183])
    """


expm1.vjp(x=lambda g, out: g * (out + 1))


@primitive(elementwise, public="log(Tensor input, *, out)", types="float", inplace="function")
def log(xp, x):
    """Natural logarithm.

    >>> torch.log(torch.tensor([1., 2.]))
    tensor([0.0000, 0.6931])
    """


log.vjp(x=lambda g, x: g / x)


@primitive(elementwise, public="log2(Tensor input, *, out)", types="float", inplace="function")
def log2(xp, x):
    """Logarithm to base 2.

    >>> torch.log2(torch.tensor([1., 8.]))
    tensor([0., 3.])
    """


log2.vjp(x=lambda g, x: g / (x * LN2))


@primitive(elementwise, public="log10(Tensor input, *, out)", types="float", inplace="function")
def log10(xp, x):
    """Logarithm to base 10.

    >>> torch.log10(torch.tensor([1., 10.]))
    tensor([0., 1.])
    """


log10.vjp(x=lambda g, x: g / (x * LN10))


@primitive(
    elementwise,
    public="log1p(Tensor input, *, out)",
    types="float",
    node="Log1PBackward0",
    inplace="function",
)
def log1p(xp, x):
    """log(1 + x), accurate near 0.

    >>> torch.log1p(torch.tensor([0., 1.]))
    tensor([0.0000, 0.6931])
    """


log1p.vjp(x=lambda g, x: g / (x + 1))


@primitive(elementwise, public="sqrt(Tensor input, *, out)", types="float", inplace="function")
def sqrt(xp, x):
    """Square root.

    >>> torch.sqrt(torch.tensor([4., 9.]))
    tensor([2., 3.])
    """


sqrt.vjp(x=lambda g, out: g / (2 * out))


@primitive(elementwise, public="rsqrt(Tensor input, *, out)", types="float", inplace="function")
def rsqrt(xp, x):
    """1 / sqrt(x).

    >>> torch.rsqrt(torch.tensor([4., 16.]))
    tensor([0.5000, 0.2500])
    """


rsqrt.vjp(x=lambda g, out: -0.5 * g * out * out * out)


@public(
    "square(Tensor input, *, out)",
    inplace="function",
    lines=(line(arithmetic.pow_op, floating=True, operands=("input", "(2)")),),
    out="apart",
)
def square(input):
    """x * x.

    >>> torch.square(torch.tensor([-3., 4.]))
    tensor([ 9., 16.])
    """
    return arithmetic.pow_op.entry(input, 2)


@primitive(elementwise, public="sin(Tensor input, *, out)", types="float", inplace="function")
def sin(xp, x):
    """Sine.

    >>> torch.sin(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8415])
    """


sin.vjp(x=lambda xp, g, x: g * xp.cos(x))


@primitive(elementwise, public="cos(Tensor input, *, out)", types="float", inplace="function")
def cos(xp, x):
    """Cosine.

    >>> torch.cos(torch.tensor([0., 1.]))
    tensor([1.0000, 0.5403])
    """


cos.vjp(x=lambda xp, g, x: -g * xp.sin(x))


@primitive(elementwise, public="tan(Tensor input, *, out)", types="float", inplace="function")
def tan(xp, x):
    """Tangent.

    >>> torch.tan(torch.tensor([0., 1.]))
    tensor([0.0000, 1.5574])
    """


tan.vjp(x=lambda g, out: g * (1 + out * out))


@primitive(
    elementwise,
    public="asin(Tensor input, *, out)",
    types="float",
    inplace="function",
    aliases=("arcsin",),
)
def asin(xp, x):
    """Inverse sine.

    >>> torch.asin(torch.tensor([0., 1.]))
    tensor([0.0000, 1.5708])
    """


asin.vjp(x=lambda xp, g, x: g * xp.rsqrt(1 - x * x))


@primitive(
    elementwise,
    public="acos(Tensor input, *, out)",
    types="float",
    inplace="function",
    aliases=("arccos",),
)
def acos(xp, x):
    """Inverse cosine.

    >>> torch.acos(torch.tensor([1., 0.]))
    tensor([0.0000, 1.5708])
    """


acos.vjp(x=lambda xp, g, x: -g * xp.rsqrt(1 - x * x))


@primitive(
    elementwise,
    public="atan(Tensor input, *, out)",
    types="float",
    inplace="function",
    aliases=("arctan",),
)
def atan(xp, x):
    """Inverse tangent.

    >>> torch.atan(torch.tensor([0., 1.]))
    tensor([0.0000, 0.7854])
    """


atan.vjp(x=lambda g, x: g / (1 + x * x))


@primitive(elementwise, public="sinh(Tensor input, *, out)", types="float", inplace="function")
def sinh(xp, x):
    """Hyperbolic sine.

    >>> torch.sinh(torch.tensor([0., 1.]))
    tensor([0.0000, 1.1752])
    """


sinh.vjp(x=lambda xp, g, x: g * xp.cosh(x))


@primitive(elementwise, public="cosh(Tensor input, *, out)", types="float", inplace="function")
def cosh(xp, x):
    """Hyperbolic cosine.

    >>> torch.cosh(torch.tensor([0., 1.]))
    tensor([1.0000, 1.5431])
    """


cosh.vjp(x=lambda xp, g, x: g * xp.sinh(x))


@primitive(elementwise, public="tanh(Tensor input, *, out)", types="float", inplace="function")
def tanh(xp, x):
    """Hyperbolic tangent."""


@primitive(composite)
def tanh_backward(xp, g, out):
    """Gradient of tanh."""
    return g * (1 - out * out)


tanh.vjp(x=lambda xp, g, out: xp.tanh_backward(g, out))


@primitive(
    elementwise,
    public="asinh(Tensor input, *, out)",
    types="float",
    inplace="function",
    aliases=("arcsinh",),
)
def asinh(xp, x):
    """Inverse hyperbolic sine.

    >>> torch.asinh(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8814])
    """


asinh.vjp(x=lambda xp, g, x: g * xp.rsqrt(x * x + 1))


@primitive(
    elementwise,
    public="acosh(Tensor input, *, out)",
    types="float",
    inplace="function",
    aliases=("arccosh",),
)
def acosh(xp, x):
    """Inverse hyperbolic cosine.

    >>> torch.acosh(torch.tensor([1., 2.]))
    tensor([0.0000, 1.3170])
    """


def _acosh(xp: Any, g: Any, x: Any) -> Any:
    if dtypes.as_dtype(x.dtype).is_complex:
        return g * xp.rsqrt(x - 1) * xp.rsqrt(x + 1)
    return g * xp.rsqrt(x * x - 1)


acosh.vjp(x=_acosh)


@primitive(
    elementwise,
    public="atanh(Tensor input, *, out)",
    types="float",
    inplace="function",
    aliases=("arctanh",),
)
def atanh(xp, x):
    """Inverse hyperbolic tangent.

    >>> torch.atanh(torch.tensor([0., 0.5]))
    tensor([0.0000, 0.5493])
    """


atanh.vjp(x=lambda g, x: g / (1 - x * x))


@primitive(elementwise, public="sigmoid(Tensor input, *, out)", types="float", inplace="function")
def sigmoid(xp, x):
    """Logistic function 1 / (1 + exp(-x))."""


@primitive(composite)
def sigmoid_backward(xp, g, out):
    """Gradient of sigmoid."""
    return g * (out * (1 - out))


sigmoid.vjp(x=lambda xp, g, out: xp.sigmoid_backward(g, out))


@primitive(
    elementwise, public="erf(Tensor input, *, out)", types="float", inplace="function", real=True
)
def erf(xp, x):
    """Error function.

    >>> torch.erf(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """


erf.vjp(x=lambda xp, g, x: g * (2 / math.sqrt(math.pi)) * xp.exp(-(x * x)))


@primitive(
    elementwise, public="erfc(Tensor input, *, out)", types="float", inplace="function", real=True
)
def erfc(xp, x):
    """1 - erf(x).

    >>> torch.erfc(torch.tensor([0., 1.]))
    tensor([1.0000, 0.1573])
    """


erfc.vjp(x=lambda xp, g, x: g * (-2 / math.sqrt(math.pi)) * xp.exp(-(x * x)))


@primitive(
    elementwise,
    public="relu(Tensor input)",
    inplace="function",
    aliases=("nn.functional.relu_",),
    real=True,
)
def relu(xp, x):
    """max(x, 0); the derivative at 0 is 0.

    >>> torch.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """


@primitive(composite)
def relu_backward(xp, g, out):
    """Gradient of relu from its output."""
    return xp.keep(g, xp.ne(out, 0))  # nan is not 0


relu.vjp(x=lambda xp, g, out: xp.relu_backward(g, out))


@primitive(elementwise, name="abs", out="exact complex", rare="float8")
def abs_op(xp, x):
    """Absolute value; the derivative at 0 is 0."""


abs_op.vjp(complex=True, x=lambda xp, g, x: g * xp.sgn(x))


@public(
    "abs(Tensor input, *, out)",
    inplace="function exact",
    aliases=("absolute",),
    lines=(line(abs_op, floating=True),),
    out="exact complex",
)
def abs(input, *, out=None):
    """Absolute value; of complex tensors the modulus.

    >>> torch.abs(torch.tensor([-1., 2.]))
    tensor([1., 2.])
    """
    return abs_op.entry(input, out=out)


@primitive(elementwise, public="sign(Tensor input, *, out)", inplace=True, real=True, out="exact")
def sign(xp, x):
    """-1, 0 or 1 by the sign of x.

    >>> torch.sign(torch.tensor([-3., 0., 2.]))
    tensor([-1.,  0.,  1.])
    """


sign.vjp(x=lambda xp, g: xp.zeros_like(g))


@op(elementwise, name="sgn", out="exact")
def sgn_op(xp, x):
    """x / |x|, 0 at 0."""
    return xp.sign(x)


def _sgn(xp, g, x, out):
    from ...base.dtypes import as_dtype

    if not as_dtype(x.dtype).is_complex:
        return xp.zeros_like(g)
    r = xp.abs(x)
    safe = xp.where(xp.eq(r, 0), xp.ones_like(r), r)
    return xp.where(xp.eq(r, 0), xp.zeros_like(g), (g - out * xp.real(xp.conj(g) * out)) / safe)


sgn_op.vjp(complex=True, x=_sgn)


@public("sgn(Tensor input, *, out)", inplace=True, out="exact")
def sgn(input, *, out=None):
    """x / |x|, and 0 at 0.

    >>> torch.sgn(torch.tensor([-3., 0., 2.]))
    tensor([-1.,  0.,  1.])
    """
    return sgn_op.entry(input, out=out)


def _step(name, doc, aliases=()):
    text = f"{name}(Tensor input, *, out)"
    doc += "\n\nRaises NotImplementedError for complex numbers."

    @primitive(
        elementwise, name=name, doc=doc, public=text, inplace="function", aliases=aliases,
        out="exact", rare="unsigned",
    )  # fmt: skip
    def f(xp, x): ...

    f.vjp(x=lambda xp, g: xp.zeros_like(g))
    return f


floor = _step("floor", "The largest integer not above x.")
ceil = _step("ceil", "The smallest integer not below x.")
trunc = _step("trunc", "x without its fraction.", ("fix",))


@primitive(elementwise, name="round", real=True, out="exact", rare="unsigned")
def round_half(xp, x):
    """The nearest integer, halves to even."""


round_half.vjp(x=lambda xp, g: xp.zeros_like(g))


@primitive(
    elementwise,
    public="frac(Tensor input, *, out)",
    inplace="function",
    real=True,
    inexact=True,
    out="exact",
)
def frac(xp, x):
    """The fraction of x: x - trunc(x).

    >>> torch.frac(torch.tensor([1.5, -1.5]))
    tensor([ 0.5000, -0.5000])
    """


frac.vjp(x=lambda g: g)


@primitive(linear, keeps_order=True)
def conj(xp, x):
    """Complex conjugate."""


conj.vjp(complex=True, x=lambda xp, g: xp.conj(g)).batch(same_way("conj"))


@primitive(linear, keeps_order=True)
def real(xp, x):
    """Real part."""


real.vjp(complex=True, x=lambda g: g).batch(same_way("real"))


@primitive(linear, keeps_order=True)
def imag(xp, x):
    """Imaginary part."""


imag.vjp(complex=True, x=lambda g: g * 1j).batch(same_way("imag"))


@primitive(linear, node="ToCopyBackward0", keeps_order=True)
def astype(xp, x, dtype=None):
    """x in another dtype (a NumPy dtype)."""


astype.vjp(x=lambda g: g)  # the gradient is cast back when it arrives
astype.batch(same_way("astype"))


@op(opaque, keeps_order=True)
def as_whole(xp, x, dtype=None):
    """x in a dtype of integers or bool, through which no gradient flows."""
    return xp.astype(x, dtype)


as_whole.batch(same_way("as_whole"))


@public("positive(Tensor input)")
def positive(input):
    """input itself; bool is refused.

    Raises RuntimeError for booleans.

    >>> torch.positive(torch.tensor([1, -2]))
    tensor([ 1, -2])
    """
    if input.dtype.category == dtypes.BOOLEAN:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input
