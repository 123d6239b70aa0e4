"""Activation functions and softmax.

What lives here: each function as one op with one backward word. The body of a primitive is its
meaning in simpler words; libraries run the fused kernel of the same name (`arrays/activation.py`).
A backward word is a composite, so that where it is recorded, batched or traced it falls apart into
its body and can be differentiated again. What does not: sigmoid, tanh and relu
(`ops/math/unary.py`).
"""

from __future__ import annotations

import math
from typing import Any

from ...base.advice import advise
from ...declare.lines import line
from ...declare.registry import public
from ...engine import views
from ...engine.kinds import composite, elementwise, reduction
from ...engine.op import op, primitive
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..math.unary import relu as relu_op


def finish(name: str, input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """The result, put into input if inplace."""
    return views.inplace(input, name + "_", result) if inplace else result


def not_from_result(name: str, result: Tensor) -> None:
    """Let backward refuse what PyTorch refuses: a change in place after which the result does not
    tell on which side of zero the input was.
    """
    if result._n is not None:

        def refuse(grads: Any) -> None:
            raise RuntimeError(
                f"In-place {name} backward calculation is triggered with a negative slope which is"
                " not supported. This is caused by calling in-place forward function with a"
                " negative slope, please call out-of-place version instead."
            )

        result._n.register_prehook(refuse)


def check(name: str, input: Any) -> None:
    """TypeError unless input is a Tensor."""
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )


# --------------------------------------------------------------------------- forms of relu


@public("nn.functional.relu(Tensor input, bool|any inplace=False)", lines=(line(relu_op, True),))
def relu(input, inplace=False):
    """max(input, 0), element by element.

    >>> F.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return (
        relu_op.entry(input) if not inplace else finish("relu", input, relu_op.entry(input), True)
    )


@primitive(elementwise, types="any", name="leaky_relu", real=True)
def leaky_relu_op(xp, x, negative_slope=0.01):
    """x where positive, else negative_slope * x."""
    return xp.where(xp.gt(x, 0), x, x * negative_slope)


@primitive(composite)
def leaky_relu_backward(xp, g, x, negative_slope=0.01):
    """Gradient of leaky_relu."""
    return xp.where(xp.gt(x, 0), g, g * negative_slope)


leaky_relu_op.vjp(x=lambda xp, g, x, negative_slope: xp.leaky_relu_backward(g, x, negative_slope))


@public(
    "nn.functional.leaky_relu(Tensor input, float negative_slope=0.01, bool|any inplace=False)",
    lines=(line(leaky_relu_op, floating=True),),
)
def leaky_relu(input, negative_slope=0.01, inplace=False):
    """input where positive, else negative_slope * input.

    >>> F.leaky_relu(torch.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    if type(input) is not Tensor:
        check("leaky_relu", input)
    r = leaky_relu_op.entry(input, negative_slope)
    if inplace and negative_slope < 0:
        not_from_result("leakyReLu", r)
    return finish("leaky_relu", input, r, True) if inplace else r


@primitive(elementwise, types="any", name="elu", real=True)
def elu_op(xp, x, alpha=1.0, scale=1.0, input_scale=1.0):
    """scale * (x where positive, else alpha * (exp(input_scale * x) - 1))."""
    below = xp.expm1(xp.clamp_scalar(x, None, 0) * input_scale) * (alpha * scale)
    return xp.where(xp.gt(x, 0), x * scale, below)


@primitive(composite)
def elu_backward(xp, g, x, alpha=1.0, scale=1.0, input_scale=1.0):
    """Gradient of elu."""
    least = xp.where(
        xp.ge(x, 0), xp.full_like(x, 0), x
    )  # constant at 0, as PyTorch's, unlike clamp
    below = xp.exp(least * input_scale) * (alpha * scale * input_scale)
    return g * xp.where(xp.gt(x, 0), xp.full_like(x, scale), below)


elu_op.vjp(
    x=lambda xp, g, x, alpha, scale, input_scale: xp.elu_backward(g, x, alpha, scale, input_scale)
)


@op(elementwise, types="any", name="celu", real=True)
def celu_op(xp, x, alpha=1.0):
    """x where positive, else alpha * (exp(x / alpha) - 1)."""
    return xp.elu(x, alpha, 1.0, 1.0 / alpha)


celu_op.vjp(x=lambda xp, g, x, alpha: xp.elu_backward(g, x, alpha, 1.0, 1.0 / alpha))


@public(
    "nn.functional.elu(Tensor input, float alpha=1.0, bool|any inplace=False)",
    lines=(line(elu_op, floating=True, scale=1.0, input_scale=1.0),),
)
def elu(input, alpha=1.0, inplace=False):
    """input where positive, else alpha * (exp(input) - 1).

    >>> F.elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    if type(input) is not Tensor:
        check("elu", input)
    r = elu_op.entry(input, alpha)
    if inplace and alpha < 0:
        not_from_result("elu", r)
    return finish("elu", input, r, True) if inplace else r


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@public(
    "nn.functional.selu(Tensor input, bool|any inplace=False)",
    lines=(line(elu_op, floating=True, alpha=SELU_ALPHA, scale=SELU_SCALE, input_scale=1.0),),
)
def selu(input, inplace=False):
    """elu with the constants that keep mean 0 and variance 1 through layers.

    >>> F.selu(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    check("selu", input)
    return finish("selu", input, elu_op.entry(input, SELU_ALPHA, SELU_SCALE), inplace)


@public(
    "nn.functional.celu(Tensor input, float alpha=1.0, bool|any inplace=False)",
    lines=(line(celu_op, floating=True, when="alpha != 0"),),
)
def celu(input, alpha=1.0, inplace=False):
    """input where positive, else alpha * (exp(input / alpha) - 1).

    >>> F.celu(torch.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.4323,  2.0000])
    """
    check("celu", input)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    r = celu_op.entry(input, alpha)
    if inplace and alpha < 0:
        not_from_result("elu", r)
    return finish("celu", input, r, inplace)


@primitive(elementwise, types="any", name="softplus", real=True, out="exact")
def softplus_op(xp, x, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds threshold."""
    z = x * beta
    smooth = (xp.log1p(xp.exp(-xp.abs(z))) + xp.relu(z)) / beta
    return xp.where(xp.gt(z, threshold), x, smooth)


@primitive(composite)
def softplus_backward(xp, g, x, beta=1.0, threshold=20.0):
    """Gradient of softplus."""
    z = x * beta
    return xp.where(xp.gt(z, threshold), g, g * xp.sigmoid(z))


softplus_op.vjp(x=lambda xp, g, x, beta, threshold: xp.softplus_backward(g, x, beta, threshold))


@public(
    "nn.functional.softplus(Tensor input, Scalar beta=1, Scalar threshold=20, *, out)",
    foreign=True,
    lines=(line(softplus_op, floating=True),),
    out="exact",
)
def softplus(input, beta=1, threshold=20, *, out=None):
    """log(1 + exp(beta * input)) / beta, a smooth relu.

    Linear where beta * input exceeds threshold.

    >>> F.softplus(torch.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    if type(input) is not Tensor:
        check("softplus", input)
    return softplus_op.entry(input, beta, threshold, out=out)


@primitive(elementwise, types="any", node="LogSigmoidBackward0", name="logsigmoid", out="exact")
def logsigmoid_op(xp, x):
    """log(1 / (1 + exp(-x)))."""
    return xp.clamp_scalar(x, None, 0) - xp.log1p(xp.exp(-xp.abs(x)))


@primitive(composite)
def logsigmoid_backward(xp, g, x):
    """Gradient of logsigmoid."""
    return g * xp.sigmoid(-x)


logsigmoid_op.vjp(x=lambda xp, g, x: xp.logsigmoid_backward(g, x))


@public(
    "nn.functional.logsigmoid(Tensor input, *, out)",
    lines=(line(logsigmoid_op, floating=True),),
    out="exact",
)
def logsigmoid(input, *, out=None):
    """The logarithm of the logistic function.

    >>> F.logsigmoid(torch.tensor([0.0]))
    tensor([-0.6931])
    """
    check("log_sigmoid", input)
    return logsigmoid_op.entry(input, out=out)


# ------------------------------------------------------------------------------------- smooth ones


@primitive(elementwise, types="any", name="silu")
def silu_op(xp, x):
    """x * sigmoid(x)."""
    return x * xp.sigmoid(x)


@primitive(composite)
def silu_backward(xp, g, x):
    """Gradient of silu."""
    s = xp.sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


silu_op.vjp(x=lambda xp, g, x: xp.silu_backward(g, x))


@public(
    "nn.functional.silu(Tensor input, bool|any inplace=False)",
    lines=(line(silu_op, floating=True),),
)
def silu(input, inplace=False):
    """input * sigmoid(input).

    >>> F.silu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    if type(input) is not Tensor:
        check("silu", input)
    r = silu_op.entry(input)
    return finish("silu", input, r, True) if inplace else r


@primitive(elementwise, types="any", name="mish", real=True)
def mish_op(xp, x):
    """x * tanh(softplus(x))."""
    return x * xp.tanh(xp.softplus(x))


@primitive(composite)
def mish_backward(xp, g, x):
    """Gradient of mish."""
    t = xp.tanh(xp.softplus(x))
    return g * (t + x * xp.sigmoid(x) * (1 - t * t))


mish_op.vjp(x=lambda xp, g, x: xp.mish_backward(g, x))


@public(
    "nn.functional.mish(Tensor input, bool|any inplace=False)",
    lines=(line(mish_op, floating=True),),
)
def mish(input, inplace=False):
    """input * tanh(softplus(input)).

    >>> F.mish(torch.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    check("mish", input)
    return finish("mish", input, mish_op.entry(input), inplace)


TANH_SCALE, CUBE = math.sqrt(2 / math.pi), 0.044715


@primitive(elementwise, types="any", name="gelu", real=True, out="exact")
def gelu_op(xp, x, approximate="none"):
    """x times the normal distribution function of x, or its approximation by tanh."""
    if approximate == "tanh":
        return 0.5 * x * (1 + xp.tanh(TANH_SCALE * (x + CUBE * x * x * x)))
    return 0.5 * x * (1 + xp.erf(x * math.sqrt(0.5)))


@primitive(composite)
def gelu_backward(xp, g, x, approximate="none"):
    """Gradient of gelu."""
    if approximate == "tanh":
        t = xp.tanh(TANH_SCALE * (x + CUBE * x * x * x))
        return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * TANH_SCALE * (1 + 3 * CUBE * x * x))
    density = xp.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * (0.5 * (1 + xp.erf(x * math.sqrt(0.5))) + x * density)


gelu_op.vjp(x=lambda xp, g, x, approximate: xp.gelu_backward(g, x, approximate))


@public(
    "nn.functional.gelu(Tensor input, *, str approximate='none', out)",
    foreign=True,
    lines=(line(gelu_op, floating=True, given="approximate in ('none', 'tanh')"),),
    out="exact",
)
def gelu(input, *, approximate="none", out=None):
    """input times the normal distribution function of input. approximate: 'none' or 'tanh'.

    >>> F.gelu(torch.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if type(input) is not Tensor:
        check("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError(
            f"gelu: approximate argument must be either none or tanh, got {approximate!r}"
        )
    return gelu_op.entry(input, approximate, out=out)


# ------------------------------------------------------------------------------------- softmax


@primitive(reduction, types="any", name="softmax", out="exact")
def softmax_op(xp, x, dim=-1):
    """exp(x) / sum of exp(x) over dim."""
    e = xp.exp(x - xp.amax(x, dim, True))
    return e / xp.sum(e, dim, True)


@primitive(composite)
def softmax_backward(xp, g, out, dim=-1):
    """Gradient of softmax from its output."""
    p = g * out
    return p - out * xp.sum(p, dim, True)


softmax_op.vjp(x=lambda xp, g, out, dim: xp.softmax_backward(g, out, dim))


@primitive(reduction, types="any", name="log_softmax", out="exact")
def log_softmax_op(xp, x, dim=-1):
    """x minus the logarithm of the sum of exp(x) over dim."""
    x = x - xp.amax(x, dim, True)
    return x - xp.log(xp.sum(xp.exp(x), dim, True))


@primitive(composite)
def log_softmax_backward(xp, g, out, dim=-1):
    """Gradient of log_softmax from its output."""
    return g - xp.exp(out) * xp.sum(g, dim, True)


log_softmax_op.vjp(x=lambda xp, g, out, dim: xp.log_softmax_backward(g, out, dim))


def softmax_dim_of(name: str, input: Any, dim: Any, implied: bool = False) -> int:
    """The dimension, checked; for None, where it may be implied, that of old calls."""
    if not isinstance(input, Tensor):
        check(name, input)
    nd = input._a.ndim
    if dim is None and implied:
        advise(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
            "dim=X as an argument."
        )
        dim = 0 if nd in (0, 1, 3) else 1
    return wrap_dim(dim, nd, name)


def over_dim(op: Any, x: Any, dim: int, out: Any = None) -> Any:
    """softmax_op or log_softmax_op; where there are no elements they may be of any dtype."""
    if not x._a.size and not x.dtype.is_inexact and out is None:
        return x.clone()
    return op.entry(x, dim, out=out)


@public(
    "softmax(Tensor input, int dim, ScalarType? dtype=None, *, out)",
    lines=(line(softmax_op, floating=True),),
    out="exact",
)
def softmax(input, dim, dtype=None, *, out=None):
    """exp(input) divided by its sum over dim. dtype: converts first.

    >>> torch.softmax(torch.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    d = softmax_dim_of("softmax", input, dim)
    return over_dim(softmax_op, input if dtype is None else input.to(dtype), d, out)


@public(
    "log_softmax(Tensor input, int dim, ScalarType? dtype=None, *, out)",
    lines=(line(log_softmax_op, floating=True),),
    out="exact",
)
def log_softmax(input, dim, dtype=None, *, out=None):
    """The logarithm of softmax over dim, computed without its underflow. dtype: converts first.

    >>> torch.log_softmax(torch.zeros(2), 0)
    tensor([-0.6931, -0.6931])
    """
    d = softmax_dim_of("log_softmax", input, dim)
    return over_dim(log_softmax_op, input if dtype is None else input.to(dtype), d, out)


@public(
    "nn.functional.softmax(Tensor input, int? dim=None, any _stacklevel=3, ScalarType? dtype=None)",
    lines=(line(softmax_op, floating=True),),
)
def functional_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(input) divided by its sum over dim. dtype: converts first.

    >>> F.softmax(torch.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    d = softmax_dim_of("softmax", input, dim, True)
    return over_dim(softmax_op, input if dtype is None else input.to(dtype), d)


@public(
    "nn.functional.log_softmax(Tensor input, int? dim=None, any _stacklevel=3, "
    "ScalarType? dtype=None)",
    lines=(line(log_softmax_op, floating=True),),
)
def functional_log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """The logarithm of softmax over dim. dtype: converts first.

    >>> F.log_softmax(torch.zeros(2), 0)
    tensor([-0.6931, -0.6931])
    """
    d = softmax_dim_of("log_softmax", input, dim, True)
    return over_dim(log_softmax_op, input if dtype is None else input.to(dtype), d)


@public(
    "nn.functional.softmin(Tensor input, int? dim=None, any _stacklevel=3, ScalarType? dtype=None)"
)
def functional_softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax of -input.

    >>> F.softmin(torch.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    x = -input  # before the conversion, as PyTorch: unsigned integers count from the top
    d = softmax_dim_of("softmin", input, dim, True)
    return over_dim(softmax_op, x if dtype is None else x.to(dtype), d)
