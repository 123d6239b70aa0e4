"""What is computed in one pass: formulas over the values of `lanes.py`.

Here: exp, log and erf from multiplications and additions, with errors of one to three units in the
last place of float32, and what is made of them. Coefficients were fitted for this file. Not
here: which words use them and when (`arrays/fused_elements.py`, `arrays/fused_rows.py`).
"""

from __future__ import annotations

import math
from typing import Any

from .lanes import fma, where
from .simd import Row

V = Any  # values over lanes

LOG2E, LN2 = 1 / math.log(2), math.log(2)
LN2_HIGH, LN2_LOW = 0.693359375, math.log(2) - 0.693359375
MAGIC = 12582912.0  # 1.5 * 2**23: added to a number below 2**22, it leaves the integer in the bits
EXP = (0.5, 0.16666519546569794, 0.04166620887304917, 0.008368823479581764, 0.0013950335239098699)
ATANH = (
    0.3333333781530503,
    0.19999438503385036,
    0.14308452214855563,
    0.10713725341891833,
    0.12150845278677255,
)  # (atanh(s) / s - 1) / s**2 in s**2
ERF = (
    1.1283791670631582,
    -0.37612638483805627,
    0.11283782747132343,
    -0.026865445817107505,
    0.005221074865605434,
    -0.0008484711264245205,
    0.00011270543138269776,
    -9.68013251944011e-06,
)  # erf(x) / x in x**2, to 1
ERFC = (
    0.0002042453466923888,
    -1.1296605633852679,
    -0.6330409360867615,
    -0.10863734116028091,
    0.02537228347465812,
    -0.004281769223366842,
    0.0004636068620324175,
    -2.5284866977484315e-05,
    2.4920745270821093e-07,
)  # log(1 - erf(x)) in x, from 1 to 4
TAIL_SCALE = 0.3
TAIL = (
    0.0845940038561821,
    0.08535763621330261,
    0.07416945695877075,
    0.10746347159147263,
    -0.04732629284262657,
    0.27386122941970825,
    -0.25613999366760254,
    0.24278202652931213,
    -0.06476152688264847,
)  # exp(a * a) * (1 - erf(a)) / 2t in t = 1 / (1 + TAIL_SCALE * a)
NORMAL = 1 / math.sqrt(2 * math.pi)
TANH_SCALE, CUBE = math.sqrt(2 / math.pi), 0.044715


def polynomial(x: V, coefficients: tuple[float, ...]) -> V:
    y = x.constant(coefficients[-1])
    for c in coefficients[-2::-1]:
        y = fma(y, x, c)
    return y


def least(x: V, y: Any) -> V:
    """The smaller; x where that is nan."""
    return where(x > y, y, x)


def most(x: V, y: Any) -> V:
    """The larger; x where that is nan."""
    return where(x < y, y, x)


def power_of_two(n: V) -> V:
    """2 ** n for integers."""
    return n.do("add", 127).do("shl", 23).unbits()


def exp_parts(x: V) -> tuple[V, V, V]:
    """(e ** x over a power of two, its exponent, and that in the low bits of a number)."""
    shifted = fma(x, LOG2E, MAGIC)
    n = shifted - MAGIC
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    return fma(r * r, polynomial(r, EXP), r + 1.0), n, shifted


def exp(x: V) -> V:
    y, n, shifted = exp_parts(least(most(x, -104.0), 89.0))
    scaled = y.scaled(n)
    if scaled is not None:
        return scaled
    whole = shifted.bits().do("sub", 0x4B400000)
    half = whole.do("ashr", 1)  # in two steps: the last numbers above and below are out of reach
    return y * power_of_two(half) * power_of_two(whole.do("sub", half))


def small_exp(x: V) -> V:
    """exp where the result is neither huge nor, if tiny, of any interest (0 below 1e-38)."""
    y, n, shifted = exp_parts(least(most(x, -87.3), 88.0))
    scaled = y.scaled(n)
    if scaled is not None:
        return scaled
    return y * power_of_two(shifted.bits().do("sub", 0x4B400000))


def log1p_unit(e: V) -> V:
    """log(1 + e) for e from 0 to 1."""
    s = e / (e + 2.0)
    z = s * s
    return fma(s * z, polynomial(z, ATANH), s) * 2.0


def log(x: V) -> V:
    """The logarithm of a positive, normal number, of inf and nan."""
    bits = x.bits()
    n = bits.do("sub", 0x3F3504F3).do("ashr", 23)
    m = bits.do("sub", n.do("shl", 23)).unbits()
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    y = fma(s * z, polynomial(z, ATANH), s) * 2.0
    k = n.to_float()
    y = fma(k, LN2_HIGH, fma(k, LN2_LOW, y))
    return where(x < math.inf, y, x)


def erf(x: V) -> V:
    a = x.call("fabs")
    t = least(a, 4.0)
    far = (1.0 - small_exp(polynomial(t, ERFC))).call("copysign", x)
    return where(a < 1.0, x * polynomial(x * x, ERF), where(x.isnan(), x, far))


# --------------------------------------------------------------------------- elements


def sigmoid(x: V) -> V:
    return 1.0 / (exp(-x) + 1.0)


def rsqrt(x: V) -> V:
    return 1.0 / x.call("sqrt")


def reciprocal(x: V) -> V:
    return 1.0 / x


def sign(x: V) -> V:
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, x.constant(0.0)))


def angle(x: V) -> V:
    """That of a real number, as of a complex one."""
    return where(x < 0.0, math.pi, where(x.isnan(), x, x.constant(0.0)))


def nearest(x: V) -> V:
    return x.call("rint")


def relu(x: V) -> V:
    return where(x < 0.0, 0.0, x)


def silu(x: V) -> V:
    return x / (exp(-x) + 1.0)


def silu_backward(g: V, x: V) -> V:
    s = sigmoid(x)
    return g * s * fma(x, 1.0 - s, 1.0)


def sigmoid_backward(g: V, out: V) -> V:
    return g * (out * (1.0 - out))


def tanh_backward(g: V, out: V) -> V:
    return g * (1.0 - out * out)


def normal_share(x: V) -> tuple[V, V]:
    """exp(-x * x / 2), and the share of a normal distribution that lies below x.

    Below 0 it is the tail itself, so that nothing cancels.
    """
    e = exp(x * x * -0.5)
    t = 1.0 / fma(x.call("fabs"), TAIL_SCALE * math.sqrt(0.5), 1.0)
    tail = e * t * polynomial(t, TAIL)
    return e, where(x < 0.0, tail, 1.0 - tail)


def gelu(x: V) -> V:
    return x * normal_share(x)[1]


def gelu_backward(g: V, x: V) -> V:
    e, share = normal_share(x)
    return g * fma(x, e * NORMAL, share)


def gelu_tanh_share(x: V) -> V:
    """(1 + tanh of the inner polynomial) / 2."""
    return sigmoid(x * fma(x * x, 2 * CUBE * TANH_SCALE, 2 * TANH_SCALE))


def gelu_tanh(x: V) -> V:
    return x * gelu_tanh_share(x)


def gelu_tanh_backward(g: V, x: V) -> V:
    s = gelu_tanh_share(x)
    slope = x * fma(x * x, 6 * CUBE * TANH_SCALE, 2 * TANH_SCALE)
    return g * s * fma(slope, 1.0 - s, 1.0)


def relu_backward(g: V, out: V) -> V:
    return where(out > 0.0, g, where(out < 1.0, 0.0, g))


def threshold_backward(g: V, x: V, threshold: V) -> V:
    return where(x > threshold, g, where(x.isnan(), g, 0.0))


def hardtanh_backward(g: V, x: V, low: V, high: V) -> V:
    return where(x > low, where(x < high, g, 0.0), 0.0)


def hardsigmoid(x: V) -> V:
    return (clamp(x, -3.0, 3.0) + 3.0) / 6.0


def hardswish(x: V) -> V:
    return hardsigmoid(x) * x


def hardshrink(x: V, limit: V) -> V:
    return where(x.call("fabs") > limit, x, x * 0.0)


def hardshrink_backward(g: V, x: V, limit: V) -> V:
    return where(x.call("fabs") > limit, g, 0.0)


def softshrink(x: V, limit: V) -> V:
    return x - clamp(x, -limit, limit)


def threshold(x: V, limit: V, value: V) -> V:
    return where(x <= limit, value, x)


def prelu(x: V, slope: V) -> V:
    return where(x > 0.0, x, x * slope)


def prelu_backward(g: V, x: V, slope: V) -> V:
    return where(x > 0.0, g, g * slope)


def maximum(x: V, y: V) -> V:
    return where((x > y) | x.isnan(), x, y)


def minimum(x: V, y: V) -> V:
    return where((x < y) | x.isnan(), x, y)


def hardswish_backward(g: V, x: V) -> V:
    slope = where(x < 3.0, g * fma(x, 1 / 3, 0.5), g)
    return where(x > -3.0, slope, where(x.isnan(), x, 0.0))


def leaky_relu(x: V, slope: V) -> V:
    return where(x > 0.0, x, x * slope)


def leaky_relu_backward(g: V, x: V, slope: V) -> V:
    return where(x > 0.0, g, g * slope)


def expm1(x: V) -> V:
    """exp(x) - 1 for x below 0."""
    # 2**n * (p + 1) - 1 with p = exp(r) - 1, which loses nothing where n is 0
    x = most(x, -87.3)
    shifted = fma(x, LOG2E, MAGIC)
    n = shifted - MAGIC
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    p = fma(r * r, polynomial(r, EXP), r)
    scale = power_of_two(shifted.bits().do("sub", 0x4B400000))
    return fma(p, scale, scale - 1.0)


def tanh(x: V) -> V:
    e = expm1(x.call("fabs") * -2.0)
    return (-e / (e + 2.0)).call("copysign", x)


def elu(x: V, alpha: V, scale: V, input_scale: V) -> V:
    return where(x > 0.0, x * scale, expm1(least(x, 0.0) * input_scale) * (alpha * scale))


def elu_backward(g: V, x: V, alpha: V, scale: V, input_scale: V) -> V:
    below = exp(least(x, 0.0) * input_scale) * (alpha * scale * input_scale)
    return g * where(x > 0.0, scale, below)


def softplus(x: V) -> V:
    return most(x, 0.0) + log1p_unit(exp(-x.call("fabs")))


def softplus_backward(g: V, x: V) -> V:
    return g / (exp(-x) + 1.0)


def softplus_scaled(x: V, beta: V, threshold: V) -> V:
    z = x * beta
    out = (most(z, 0.0) + log1p_unit(exp(-z.call("fabs")))) / beta
    return where(z > threshold, x, out)


def softplus_scaled_backward(g: V, x: V, beta: V, threshold: V) -> V:
    z = x * beta
    return where(z > threshold, g, g / (exp(-z) + 1.0))


def logsigmoid(x: V) -> V:
    return least(x, 0.0) - log1p_unit(exp(-x.call("fabs")))


def logsigmoid_backward(g: V, x: V) -> V:
    return g / (exp(x) + 1.0)


def mish(x: V) -> V:
    e = exp(least(x, 30.0))
    n = e * (e + 2.0)
    return x * (n / (n + 2.0))


def clamp(x: V, low: V, high: V) -> V:
    return least(most(x, low), high)


def lerp(x: V, end: V, weight: V) -> V:
    return x + (end - x) * weight


def addcmul(x: V, a: V, b: V) -> V:
    return x + a * b


def choice(condition: V, x: V, y: V) -> V:
    return where(condition, x, y)


def lerp_op(x: V, end: V, weight: V) -> V:
    way = end - x
    return where(weight.abs() < 0.5, x + way * weight, end - way * (1.0 - weight))


def addcmul_scaled(x: V, a: V, b: V, value: V) -> V:
    return x + a * value * b


def addcdiv(x: V, a: V, b: V) -> V:
    return x + a / b


def addcdiv_scaled(x: V, a: V, b: V, value: V) -> V:
    return x + a * value / b


def clamp_between(x: V, low: V, high: V) -> V:
    return minimum(maximum(x, low), high)


def replace_special(x: V, nan: V, high: V, low: V) -> V:
    x = where(x.isnan(), nan, x)
    x = where(x.equals(math.inf), high, x)
    return where(x.equals(-math.inf), low, x)


def frac(x: V) -> V:
    return x - x.call("trunc")


def trunc_divide(x: V, y: V) -> V:
    return (x / y).call("trunc")


def copysign(x: V, y: V) -> V:
    return x.call("copysign", y)


def heaviside(x: V, y: V) -> V:
    return where(x.equals(0.0), y, where(x > 0.0, 1.0, x.constant(0.0)))


def nextafter(x: V, y: V) -> V:
    bits = x.bits()
    away = where((y > x) ^ (x < 0.0), bits + 1, bits - 1).unbits()
    tiny = x.constant(1e-45).call("copysign", y)
    out = where(x.equals(0.0), tiny, away)
    return where(x.isnan() | x.equals(y), where(x.isnan(), x, y), where(y.isnan(), y, out))


def logical_and(x: V, y: V) -> V:
    return x.differs(0.0) & y.differs(0.0)


def logical_or(x: V, y: V) -> V:
    return x.differs(0.0) | y.differs(0.0)


def logical_xor(x: V, y: V) -> V:
    return x.differs(0.0) ^ y.differs(0.0)


def logical_not(x: V) -> V:
    return x.equals(0.0)


def logaddexp(x: V, y: V) -> V:
    gap = where(x.equals(y), 0.0, (x - y).abs())
    both = where(x < y, y, x) + log1p_unit(exp(-gap))
    return where(x.isnan(), x, where(y.isnan(), y, both))


def logaddexp2(x: V, y: V) -> V:
    gap = where(x.equals(y), 0.0, (x - y).abs())
    both = fma(log1p_unit(exp(gap * -LN2)), LOG2E, where(x < y, y, x))
    return where(x.isnan(), x, where(y.isnan(), y, both))


# --------------------------------------------------------------------------- rows


def softmax(row: Row) -> None:  # x -> out
    (top,) = row.each([0], [], "m", lambda x: x)

    def shifted(x: V) -> tuple[V, V]:
        e = exp(x - top)
        return e, e

    (total,) = row.each([0], [1], "+", shifted)
    share = 1.0 / total
    row.each([1], [1], "", lambda e: e * share)


def log_softmax(row: Row) -> None:  # x -> out
    (top,) = row.each([0], [], "m", lambda x: x)
    (total,) = row.each([0], [], "+", lambda x: small_exp(x - top))
    shift = log(total)
    row.each([0], [1], "", lambda x: x - top - shift)


def logsumexp(row: Row) -> None:  # x -> number
    (top,) = row.each([0], [], "m", lambda x: x)
    shift = where(top.call("fabs") < math.inf, top, 0.0)
    (total,) = row.each([0], [], "+", lambda x: exp(x - shift))
    row.put(1, where(total.equals(0.0), -math.inf, shift + log(total)))


def softmax_backward(row: Row) -> None:  # g, out -> gx
    (total,) = row.each([0, 1], [], "+", lambda g, out: g * out)
    row.each([0, 1], [2], "", lambda g, out: (g - total) * out)


def log_softmax_backward(row: Row) -> None:  # g, out -> gx
    (total,) = row.each([0], [], "+", lambda g: g)
    row.each([0, 1], [2], "", lambda g, out: g - exp(out) * total)


def moments(row: Row, guess: V) -> tuple[V, V]:
    """What a first mean of a row lacks through rounding, and the variance."""
    n = row.size
    squares, rest = row.each([0], [], "++", lambda x: ((x - guess) * (x - guess), x - guess))
    shift = rest / n
    return shift, squares / n - shift * shift


def inverse_root(variance: V, eps: V) -> V:
    """1 / deviation; nan where the variance overflowed, which 0 would hide."""
    return 1.0 / (variance + eps).call("sqrt") + (variance - variance)


def standardize(row: Row) -> None:  # x, eps -> out, mean, 1 / deviation
    n = row.size
    (total,) = row.each([0], [], "+", lambda x: x)
    mean = total / n
    shift, variance = moments(row, mean)
    rstd = inverse_root(variance, row.number(1))
    row.each([0], [2], "", lambda x: (x - mean - shift) * rstd)
    row.put(3, mean + shift)
    row.put(4, rstd)


def layer_norm(row: Row) -> None:  # x, weight, bias, eps -> out, mean, 1 / deviation
    n = row.size
    (total,) = row.each([0], [], "+", lambda x: x)
    mean = total / n
    shift, variance = moments(row, mean)
    rstd = inverse_root(variance, row.number(3))
    row.each([0, 1, 2], [4], "", lambda x, w, b: fma((x - mean - shift) * rstd, w, b))
    row.put(5, mean + shift)
    row.put(6, rstd)


def layer_norm_backward(row: Row) -> None:  # g, x, weight, mean, 1 / deviation -> gx
    mean, rstd = row.number(3), row.number(4)

    def parts(g: V, x: V, w: V) -> tuple[V, V]:
        h = g * w
        return h, h * (x - mean)

    total, dots = row.each([0, 1, 2], [], "++", parts)
    share = rstd / row.size
    slope = dots * share * rstd * rstd
    shift = total * share
    row.each([0, 1, 2], [5], "", lambda g, x, w: g * w * rstd - fma(x - mean, slope, shift))


def cross_entropy(row: Row) -> None:  # logits, target -> loss, log of the sum of exp
    (top,) = row.each([0], [], "m", lambda x: x)
    (total,) = row.each([0], [], "+", lambda x: small_exp(x - top))
    shift = log(total)
    row.put(2, shift + (top - row.element(0, row.number(1))))
    row.put(3, shift + top)


def cross_entropy_backward(row: Row) -> None:  # logits, target, log of sum, share -> gradient
    shift, share, target = row.number(2), row.number(3), row.number(1)
    row.each([0], [4], "", lambda x: exp(x - shift) * share)
    own = exp(row.element(0, target) - shift)
    row.put(4, (own - 1.0) * share, target)


def smooth_l1(row: Row) -> None:  # x, y, beta, factor -> total
    beta, factor = row.number(2), row.number(3)
    half = 0.5 / beta

    def loss(x: V, y: V) -> V:
        z = (x - y).call("fabs")
        return where(z < beta, z * z * half, z - beta * 0.5)

    (total,) = row.each([0, 1], [], "+", loss)
    row.put(4, total * factor)


def huber(row: Row) -> None:  # x, y, delta, factor -> total
    delta, factor = row.number(2), row.number(3)
    (total,) = row.each([0, 1], [], "+", lambda x, y: huber_elements(x, y, delta))
    row.put(4, total * factor)


def huber_elements(x: V, y: V, delta: V) -> V:
    z = (x - y).call("fabs")
    m = least(z, delta)
    return m * (z - m * 0.5)


def bce_logits(row: Row) -> None:  # x, y, factor -> total
    def loss(x: V, y: V) -> V:
        return log1p_unit(exp(-x.call("fabs"))) - least(x, 0.0) + (-y + 1.0) * x

    (total,) = row.each([0, 1], [], "+", loss)
    row.put(3, total * row.number(2))


def bce_logits_backward(x: V, y: V, share: V) -> V:
    return (sigmoid(x) - y) * share
