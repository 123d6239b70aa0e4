"""Activation functions made of pieces of lines, gates, and those written in terms of others.

What lives here: hardtanh and its kin, shrinking, prelu, rrelu, glu, gumbel_softmax. What does not:
the smooth ones and forms of relu (`activation.py`). Kernels are in `arrays/activation.py`.
"""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import RANK, VALUES
from ...base import dtypes
from ...base.advice import advise
from ...base.modes import state
from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.implementations import in_single
from ...engine.kinds import composite, elementwise, opaque
from ...engine.op import op, primitive
from ...engine.op_modes import runner
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..math.unary import sigmoid, tanh
from ..random.fill import LIKE, default_stream, random_op, varied
from .activation import celu, elu, finish, leaky_relu, selu, softmax_op


def outside(xp: Any, g: Any, inside: Any) -> Any:
    """g where inside holds, else zero."""
    return xp.keep(g, inside)


# ------------------------------------------------------------------------------------- limits


@primitive(
    elementwise,
    types="any",
    name="hardtanh",
    real=True,
    told={"min_val": "low", "max_val": "high"},
)
def hardtanh_op(xp, x, low=-1.0, high=1.0):
    """x limited to [low, high]."""
    return xp.clamp_scalar(x, low, high)


@primitive(composite)
def hardtanh_backward(xp, g, x, low=-1.0, high=1.0):
    """Gradient of hardtanh: none at the limits."""
    return outside(xp, g, xp.logical_and(xp.gt(x, low), xp.lt(x, high)))


hardtanh_op.vjp(x=lambda xp, g, x, low, high: xp.hardtanh_backward(g, x, low, high))


@public(
    "nn.functional.hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0, "
    "bool|any inplace=False)",
    lines=(
        line(
            hardtanh_op,
            floating=True,
            when="min_val <= max_val",
            let={"low": "min_val", "high": "max_val"},
        ),
    ),
)
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """input limited to [min_val, max_val].

    >>> F.hardtanh(torch.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val: got {min_val} and {max_val}")
    d = input.dtype
    if not d.is_inexact:
        if d.category == dtypes.BOOLEAN:
            raise RuntimeError("Bool inputs not supported for hardtanh")
        min_val, max_val = int(min_val), int(max_val)
        if not d.is_signed and (min_val < 0 or max_val < 0):
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return finish("hardtanh", input, hardtanh_op.entry(input, min_val, max_val), inplace)


@public(
    "nn.functional.relu6(Tensor input, bool|any inplace=False)",
    lines=(line(hardtanh_op, floating=True, low=0.0, high=6.0),),
)
def relu6(input, inplace=False):
    """input limited to [0, 6].

    >>> F.relu6(torch.tensor([-3.0, 7.0]))
    tensor([0., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


@primitive(elementwise, types="any", name="hardsigmoid", real=True)
def hardsigmoid_op(xp, x):
    """x / 6 + 1 / 2 limited to [0, 1]."""
    return (xp.clamp_scalar(x, -3, 3) + 3) / 6


hardsigmoid_op.vjp(x=lambda xp, g, x: xp.hardtanh_backward(g / 6, x, -3.0, 3.0))


@public(
    "nn.functional.hardsigmoid(Tensor input, bool|any inplace=False)",
    lines=(line(hardsigmoid_op, floating=True),),
)
def hardsigmoid(input, inplace=False):
    """input / 6 + 1 / 2 limited to [0, 1].

    >>> F.hardsigmoid(torch.tensor([-3.0, 0.0]))
    tensor([0.0000, 0.5000])
    """
    return finish("hardsigmoid", input, hardsigmoid_op.entry(input), inplace)


@primitive(elementwise, types="any", name="hardswish", real=True)
def hardswish_op(xp, x):
    """x * hardsigmoid(x)."""
    return x * xp.hardsigmoid(x)


@primitive(composite)
def hardswish_backward(xp, g, x):
    """Gradient of hardswish."""
    slope = xp.where(xp.ge(x, 3), 1.0, x / 3 + 0.5)
    return outside(xp, g * slope, xp.logical_not(xp.le(x, -3)))


hardswish_op.vjp(x=lambda xp, g, x: xp.hardswish_backward(g, x))


@public(
    "nn.functional.hardswish(Tensor input, bool|any inplace=False)",
    lines=(line(hardswish_op, floating=True),),
)
def hardswish(input, inplace=False):
    """input * hardsigmoid(input).

    >>> F.hardswish(torch.tensor([-3.0, 3.0]))
    tensor([-0., 3.])
    """
    return finish("hardswish", input, hardswish_op.entry(input), inplace)


@primitive(elementwise, types="any", name="threshold", real=True)
def threshold_op(xp, x, threshold=0.0, value=0.0):
    """x where it exceeds threshold, else value."""
    return xp.where(xp.gt(x, threshold), x, xp.full_like(x, value))


@primitive(composite)
def threshold_backward(xp, g, x, threshold=0.0):
    """Gradient of threshold."""
    return outside(xp, g, xp.logical_not(xp.le(x, threshold)))


threshold_op.vjp(x=lambda xp, g, x, threshold: xp.threshold_backward(g, x, threshold))


@public(
    "nn.functional.threshold(Tensor input, float threshold, float value, bool|any inplace=False)",
    aliases=("nn.functional._threshold",),
    lines=(line(threshold_op, floating=True),),
)
def threshold(input, threshold, value, inplace=False):
    """input where it exceeds threshold, else value.

    >>> F.threshold(torch.tensor([0.1, 2.0]), 0.5, 9.0)
    tensor([9., 2.])
    """
    if not input.dtype.is_inexact:
        d = input.dtype
        threshold, value = dtypes.converted(threshold, d), dtypes.converted(value, d)
    return finish("threshold", input, threshold_op.entry(input, threshold, value), inplace)


# ------------------------------------------------------------------------------------- shrinking


@primitive(elementwise, types="any", name="hardshrink", real=True, out="exact")
def hardshrink_op(xp, x, lambd=0.5):
    """x where |x| exceeds lambd, else zero."""
    return outside(xp, x, xp.gt(xp.abs(x), lambd))


@primitive(composite)
def hardshrink_backward(xp, g, x, lambd=0.5):
    """Gradient of hardshrink and of softshrink."""
    return outside(xp, g, xp.gt(xp.abs(x), lambd))


hardshrink_op.vjp(x=lambda xp, g, x, lambd: xp.hardshrink_backward(g, x, lambd))


@primitive(elementwise, types="any", name="softshrink", real=True, out="exact")
def softshrink_op(xp, x, lambd=0.5):
    """x moved by lambd towards zero, zero if it would pass it."""
    return x - xp.clamp_scalar(x, -lambd, lambd)


softshrink_op.vjp(x=lambda xp, g, x, lambd: xp.hardshrink_backward(g, x, lambd))


@public(
    "hardshrink(Tensor input, Scalar lambd=0.5, *, out)",
    lines=(line(hardshrink_op, floating=True),),
    out="exact",
)
def hardshrink(input, lambd=0.5, *, out=None):
    """input where its absolute value exceeds lambd, else zero.

    >>> torch.hardshrink(torch.tensor([0.3, 2.0]))
    tensor([0., 2.])
    """
    if input.dtype.itemsize == 2 and input.dtype.is_floating_point:
        lambd = float(input.dtype.np.type(lambd))  # elements are compared with what they can be
    return hardshrink_op.entry(input, lambd, out=out)


@public(
    "nn.functional.hardshrink(Tensor input, Scalar lambd=0.5, *, out)",
    foreign=True,
    lines=(line(hardshrink_op, floating=True),),
    out="exact",
)
def functional_hardshrink(input, lambd=0.5, *, out=None):
    """input where its absolute value exceeds lambd, else zero.

    >>> F.hardshrink(torch.tensor([-1., 0.2, 1.]))
    tensor([-1.,  0.,  1.])
    """
    return hardshrink(input, lambd, out=out)


@public(
    "nn.functional.softshrink(Tensor input, Scalar lambd=0.5, *, out)",
    foreign=True,
    lines=(line(softshrink_op, floating=True, when="lambd >= 0"),),
    out="exact",
)
def softshrink(input, lambd=0.5, *, out=None):
    """input moved by lambd towards zero, zero if it would pass it.

    >>> F.softshrink(torch.tensor([0.3, 2.0]))
    tensor([0.0000, 1.5000])
    """
    if not lambd >= 0:
        raise RuntimeError(
            f"lambda must be in range [0, {dtypes.finfo(input.dtype).max:g}] for input dtype "
            f"{input.dtype}, but "
            f"found {lambd:g}"
        )
    return softshrink_op.entry(input, lambd, out=out)


@public("nn.functional.tanhshrink(any input)")
def tanhshrink(input):
    """input - tanh(input).

    Raises RuntimeError for booleans.

    >>> F.tanhshrink(torch.tensor([1.0]))
    tensor([0.2384])
    """
    return input - input.tanh()


@public("nn.functional.softsign(any input)")
def softsign(input):
    """input / (1 + |input|).

    Raises TypeError where input is no tensor.

    >>> F.softsign(torch.tensor([1.0]))
    tensor([0.5000])
    """
    return input / (input.abs() + 1)


# ------------------------------------------------------------------------------------- learned and


@primitive(elementwise, types="same", node="PreluKernelBackward0", name="prelu", real=True)
def prelu_op(xp, x, w):
    """x where positive, else w * x."""
    return xp.where(xp.gt(x, 0), x, x * w)


@primitive(composite)
def prelu_backward(xp, g, x, w):
    """Gradient of prelu's x."""
    return xp.where(xp.gt(x, 0), g, g * w)


prelu_op.vjp(
    x=lambda xp, g, x, w: xp.prelu_backward(g, x, w),
    w=lambda xp, g, x: outside(xp, g * x, xp.logical_not(xp.gt(x, 0))),
)


# the one weight, or those of the channels where these come last, broadcast as they are; of one row
# gradients are not added up, which would lose the sign of a zero
ROWS = "a0.ndim == 2 and a1.shape == a0.shape[1:] and a0.shape[0] > 1"
BROADCAST = f"a0.ndim and a1.shape == (1,) or {ROWS}"


@public(
    "prelu(Tensor input, Tensor weight)",
    lines=(line(prelu_op, floating=True, when=BROADCAST),),
)
def prelu(input, weight):
    """input where positive, else weight * input.

    weight: one number, or one per channel (dimension 1).

    >>> torch.prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    if not isinstance(weight, Tensor):
        raise TypeError(
            f"prelu(): argument 'weight' (position 2) must be Tensor, not {type(weight).__name__}"
        )
    if weight.dtype is not input.dtype and not runner(prelu_op):
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}"
        )
    s, n = tuple(input._a.shape), weight._a.size
    if weight._a.ndim > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
            f"{weight._a.ndim}"
        )
    if n != 1:
        if not s:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = s[1] if len(s) > 1 else 1
        if n != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{n} and channel "
                f"size = {channels}."
            )
    shape = (n,) if len(s) == 1 else () if not s else (1, n, *(1,) * (len(s) - 2))
    return prelu_op.entry(
        input, weight if tuple(weight._a.shape) == shape else weight.reshape(shape)
    )


@public(
    "nn.functional.prelu(Tensor input, Tensor weight)",
    foreign=True,
    lines=(line(prelu_op, floating=True, when=BROADCAST),),
)
def functional_prelu(input, weight):
    """input where positive, else weight * input.

    weight: one number, or one per channel (dimension 1).

    >>> F.prelu(torch.tensor([-2., 2.]), torch.tensor([0.25]))
    tensor([-0.5000,  2.0000])
    """
    return prelu(input, weight)


@op(elementwise, types="any", node="RreluWithNoiseBackward0", name="rrelu")
def rrelu_op(xp, x, slopes):
    """x * slopes, where slopes are 1 for positive x."""
    return x * slopes


rrelu_op.vjp(x=lambda g, slopes: g * slopes)


@op(elementwise, types="any", node="RreluWithNoiseBackward0")
def rrelu_mean(xp, x, slope=0.25):
    """x where positive, else slope * x."""
    return xp.leaky_relu(x, slope)


rrelu_mean.vjp(x=lambda xp, g, x, slope: xp.leaky_relu_backward(g, x, slope))


def random_slopes(input: Tensor, lower: float, upper: float) -> Tensor:
    """1 for positive elements; for each other one the next uniform number of [lower, upper)."""
    x = varied(input.detach(), "rrelu")
    if RANK.get(type(x._a), 0) and state.capture is None:
        u = LIKE["uniform"].entry(x, (lower, upper), None)
        return (x > 0).to(x.dtype) * (1 - u) + u
    return slopes_of.entry(x, lower, upper)


@random_op("RreluWithNoiseBackward0")
def slopes_of(xp, x, lower=1.0 / 8, upper=1.0 / 3, stream=None):
    """What random_slopes draws, for an array of a library."""
    out = xp.ones_like(x)
    if xp.has(VALUES):
        stream = stream or default_stream(xp.device_of(x))
        below = x <= 0
        count = int(xp.sum_all(below).item())
        if count:
            drawn = stream.uniform((count,), dtypes.float64.np, lower, upper)
            drawn = xp.astype(xp.from_host(drawn), x.dtype)
            out = xp.masked_scatter(out, below, drawn)
    return out


@public(
    "nn.functional.rrelu(Tensor input, float lower=0.125, "
    "float upper=0.3333333333333333, bool training=False, bool|any inplace=False)"
)
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """input where positive, else times a random slope of [lower, upper).

    Unless training, times the middle of them.

    >>> F.rrelu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2292,  2.0000])
    """
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound: got {lower} and {upper}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"rrelu_with_noise_out_cpu\" not implemented for '{input.dtype}': it takes floating "
            "point "
            "tensors, convert with .float()"
        )
    r = (
        rrelu_op.entry(input, random_slopes(input, lower, upper))
        if training
        else rrelu_mean.entry(input, (lower + upper) / 2)
    )
    return finish("rrelu", input, r, inplace)


# --------------------------------------------------------------------------- gates and choices


def halves(ndim: int, n: int, dim: int) -> tuple[Any, Any]:
    """The keys of the two halves of a dimension."""
    lead = (slice(None),) * dim
    return (*lead, slice(0, n // 2)), (*lead, slice(n // 2, n))


@op(opaque, types="any", name="glu", real=True, keeps_order=True)
def glu_op(xp, x, dim=-1):
    """The first half of x along dim, times sigmoid of the second."""
    return in_single(_gated, xp, x, dim=dim)


def _gated(xp: Any, x: Any, dim: int) -> Any:
    a, b = halves(x.ndim, x.shape[dim], dim)
    return xp.getitem(x, a) * xp.sigmoid(xp.getitem(x, b))


def _glu(xp: Any, g: Any, x: Any, dim: int) -> Any:
    a, b = halves(x.ndim, x.shape[dim], dim)
    s = xp.sigmoid(xp.getitem(x, b))
    ga = g * s
    return xp.cat(ga, ga * xp.getitem(x, a) * (1 - s), dim=dim)


glu_op.vjp(x=_glu)


@public(
    "nn.functional.glu(Tensor input, int dim=-1)",
    lines=(line(glu_op, floating=True, when="a0.shape[s_dim] % 2 == 0"),),
)
def glu(input, dim=-1):
    """The first half of input along dim, times sigmoid of the second.

    >>> F.glu(torch.tensor([1.0, 0.0]))
    tensor([0.5000])
    """
    nd = input._a.ndim
    if nd == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    d = wrap_dim(dim, nd, "glu")
    if input._a.shape[d] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {d} is size {input._a.shape[d]}"
        )
    if not input.dtype.is_inexact:
        raise NotImplementedError(
            f"\"glu_cpu\" not implemented for '{input.dtype}': it takes floating point tensors, "
            "convert with "
            ".float()"
        )
    return glu_op.entry(input, d)


@public(
    "nn.functional.gumbel_softmax(Tensor logits, float tau=1, bool|any hard=False, "
    "float eps=1e-10, int dim=-1)"
)
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A random choice of classes: softmax of logits with Gumbel noise, over tau.

    hard: one-hot, with the gradient of softmax.

    >>> F.gumbel_softmax(torch.zeros(3), hard=True).sum()
    tensor(1.)
    """
    if eps != 1e-10:
        advise("`eps` parameter is deprecated and has no effect.")
    if not logits.dtype.is_floating_point:
        raise RuntimeError(
            f"gumbel_softmax: logits must be floating point, got {logits.dtype}: use .float()"
        )
    noise = -LIKE["exponential"].entry(varied(logits.detach(), "exponential_"), (1.0,), None).log()
    d = wrap_dim(dim, logits._a.ndim, "softmax")
    soft = softmax_op.entry((logits + noise) / tau, d)
    if not hard:
        return soft
    from ..creation.spaced import arange

    n = soft._a.shape[d]
    best = soft.detach().argmax(d, keepdim=True) if soft._a.ndim else None
    if best is None:
        return soft - soft.detach() + 1
    classes = arange(n, device=soft.device).reshape((n, *(1,) * (soft._a.ndim - d - 1)))
    return (best == classes).to(soft.dtype) - soft.detach() + soft


# ------------------------------------------------------------------------------------- in place


@public(
    "nn.functional.elu_(Tensor input, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1)",
    foreign=True,
)
def elu_in_place(input, alpha, scale=1, input_scale=1):
    """elu() in place: scale * x where x > 0, else scale * alpha * (exp(input_scale * x) - 1).

    >>> F.elu_(torch.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    if scale == input_scale == 1:
        return elu(input, alpha, True)
    scaled = input.where(input > 0, elu(input * input_scale, alpha))
    return input.copy_(scaled * scale)


@public("nn.functional.leaky_relu_(Tensor input, Scalar negative_slope=0.01)", foreign=True)
def leaky_relu_in_place(input, negative_slope):
    """leaky_relu() in place.

    >>> F.leaky_relu_(torch.tensor([-1., 2.]))
    tensor([-0.0100,  2.0000])
    """
    return leaky_relu(input, negative_slope, True)


@public("nn.functional.hardtanh_(Tensor input, Scalar min_val=-1, Scalar max_val=1)", foreign=True)
def hardtanh_in_place(input, min_val, max_val):
    """hardtanh() in place.

    >>> F.hardtanh_(torch.tensor([-3., 0.5]))
    tensor([-1.0000,  0.5000])
    """
    return hardtanh(input, min_val, max_val, True)


# the same names in torch itself, where they have in-place forms
_RRELU = "Scalar lower=0.125, Scalar upper=0.3333333333333333, "
for _f, _text in (
    (selu, "selu(Tensor input)"),
    (celu, "celu(Tensor input, Scalar alpha=1.0)"),
    (rrelu, f"rrelu(Tensor input, {_RRELU}bool training=False, Generator? generator=None)"),
    (threshold, "threshold(Tensor input, Scalar threshold, Scalar value, *, out)"),
):
    _name = _text[: _text.index("(")]
    declare(_f, (_text,), method=False, inplace="function", aliases=(f"nn.functional.{_name}_",))
for _f in (sigmoid, tanh):
    declare(_f, (f"nn.functional.{_f.name}(Tensor input)",))
