"""The functions of analysis in double precision, with errors of a few units in the last place.

A formula here takes and gives double precision. `double` makes one of it for either type: float32
goes through double precision and comes back rounded once. Formulas are free of branches, except
that a part for rare arguments is spared where no lane needs it. Coefficients are in
`coefficients.py`. Not here: the quick formulas in float32 that activations are made of
(`formulas.py`), and which words use which (`arrays/fused.py`).

    text = elements(target, "ff", double(lgamma), word="double")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import coefficients as c
from .lanes import fma, where

V = Any  # values over lanes

LOG2E, LN2, LN10 = 1 / math.log(2), math.log(2), math.log(10)
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # high: 21 zeros behind
LN2_REST = 2.3190468138462996e-17  # log(2) less its double
LOG10_2_HIGH, LOG10_2_LOW = 0.3010299955494702, 1.1451100898021838e-10
MAGIC = 6755399441055744.0  # 1.5 * 2**52: what is added to it is rounded to an integer
ONE, ROOT_HALF = 0x3FF0000000000000, 0x3FE6A09E667F3BCD  # bits of 1 and of the root of 1/2
HALF_PI, HALF_PI_REST = math.pi / 2, 6.123233995736766e-17
ROOT3, ROOT_HALF_PI = math.sqrt(3), math.sqrt(math.pi) / 2


def double(formula: Callable[..., V]) -> Callable[..., V]:
    """A formula for operands of either type, computed in double precision."""

    def f(*x: V) -> V:
        return formula(*[v.to("double") for v in x]).to(x[0].word)

    f.__name__ = formula.__name__
    return f


def polynomial(x: V, coefficients: Sequence[float] | c.Fit) -> V:
    if isinstance(coefficients, c.Fit):
        coefficients = coefficients.short if x.f.module.short else coefficients.long
    y = x.constant(coefficients[-1])
    for a in coefficients[-2::-1]:
        y = fma(y, x, a)
    return y


def rounded(x: V) -> V:
    """The nearest integer, for numbers below 2**51."""
    return x + MAGIC - MAGIC


def power_of_two(n: V) -> V:
    """2 ** n for whole n of a normal result."""
    return (n + (MAGIC + 1023)).bits().do("shl", 52).unbits()


# --------------------------------------------------------------------------- exponentials


def exp_parts(x: V) -> tuple[V, V]:
    """n and p with exp(x) = 2**n (1 + p), p from -0.3 to 0.42."""
    n = rounded(x * LOG2E)
    r = fma(n, -LN2_REST, fma(n, -LN2, x))
    return n, fma(r * r, polynomial(r, c.EXP), r)


def exp(x: V) -> V:
    n, p = exp_parts(x.most(-746.0).least(710.0))
    half = rounded(n * 0.5)  # in two steps: the last numbers above and below are out of reach
    return (p + 1.0) * power_of_two(half) * power_of_two(n - half)


def exp2(x: V) -> V:
    x = x.most(-1076.0).least(1025.0)
    n = rounded(x)
    r = (x - n) * LN2
    y = fma(r * r, polynomial(r, c.EXP), r) + 1.0
    half = rounded(n * 0.5)
    return y * power_of_two(half) * power_of_two(n - half)


def half_expm1(x: V) -> V:
    """(exp(x) - 1) / 2."""
    n, p = exp_parts(x.most(-40.0).least(710.5))
    scale = power_of_two(n - 2.0)
    return fma(p, scale, scale - 0.25) * 2.0


def expm1(x: V) -> V:
    return where(x.abs() < 1e-300, x, half_expm1(x) * 2.0)


def sinh(x: V) -> V:
    a = x.abs()
    h = half_expm1(a)
    y = h + h / (h * 2.0 + 1.0).least(1e308)
    return where(a < 1e-300, x, y.call("copysign", x))


def cosh(x: V) -> V:
    e = half_expm1(x.abs()) + 0.5
    return e + 0.25 / e


def tanh(x: V) -> V:
    h = half_expm1(x.abs() * -2.0)
    return where(x.abs() < 1e-300, x, (-h / (h + 1.0)).call("copysign", x))


# --------------------------------------------------------------------------- logarithms


def log_parts(x: V) -> tuple[V, V]:
    """k and f with x = 2**k (1 + f), f from -0.3 to 0.42; of positive, normal numbers."""
    bits = x.bits()
    e = (bits + (ONE - ROOT_HALF)).do("lshr", 52)
    m = (bits - (e << 52) + ONE).unbits()
    k = (e | 0x4330000000000000).unbits() - (4503599627370496.0 + 1023.0)
    return k, m - 1.0


def log_sum(k: V, f: V, rest: Any = 0.0) -> V:
    """k log(2) + log(1 + f) + rest."""
    s = f / (f + 2.0)
    z = s * s
    half = f * f * 0.5
    inner = s * (half + z * 2.0 * polynomial(z, c.ATANH))
    return fma(k, LN2_HIGH, f - (half - (inner + fma(k, LN2_LOW, rest))))


def log_ends(x: V, y: V) -> V:
    """A logarithm y of x, where x is positive and finite."""
    return where(
        x > 0.0, where(x < math.inf, y, x), where(x.equals(0.0), x.constant(-math.inf), math.nan)
    )


def normal(x: V) -> tuple[V, V]:
    """x, subnormal numbers times 2**54, and the exponent of that factor."""
    small = x < 2.3e-308
    return where(small, x * 2.0**54, x), where(small, -54.0, x.constant(0.0))


def log(x: V) -> V:
    y, less = normal(x)
    k, f = log_parts(y)
    return log_ends(x, log_sum(k + less, f))


def log2(x: V) -> V:
    y, less = normal(x)
    k, f = log_parts(y)
    return log_ends(x, fma(log_sum(k.constant(0.0), f), LOG2E, k + less))


def log10(x: V) -> V:
    y, less = normal(x)
    k, f = log_parts(y)
    k = k + less
    y = fma(k, LOG10_2_LOW, log_sum(k.constant(0.0), f) * (1 / LN10))
    return log_ends(x, fma(k, LOG10_2_HIGH, y))


def log1p(x: V) -> V:
    u = x + 1.0
    lost = where(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    k, f = log_parts(u)
    y = log_sum(k, f, lost / u)
    return where(x.abs() < 1e-300, x, log_ends(u, y))


def asinh(x: V) -> V:
    a = x.abs()
    large = a > 1e18
    y = log1p(where(large, a, a + a * a / (fma(a, a, 1.0).sqrt() + 1.0)))
    return where(large, y + LN2, y).call("copysign", x)


def acosh(x: V) -> V:
    t = x - 1.0
    large = x > 1e18
    y = log1p(where(large, x, t + (fma(t, t, t * 2.0)).sqrt()))
    return where(x < 1.0, math.nan, where(large, y + LN2, y))


def atanh(x: V) -> V:
    a = x.abs()
    return (log1p(a * 2.0 / (1.0 - a)) * 0.5).call("copysign", x)


def logit(x: V) -> V:
    return log(x / (1.0 - x))


def logaddexp(x: V, y: V) -> V:
    high = where(x < y, y, x)
    gap = where(x.equals(y), 0.0, (x - y).abs())
    return where(x.isnan(), x, where(y.isnan(), y, high + log1p(exp(-gap))))


def logaddexp2(x: V, y: V) -> V:
    high = where(x < y, y, x)
    gap = where(x.equals(y), 0.0, (x - y).abs())
    both = high + log1p(exp2(-gap)) * LOG2E
    return where(x.isnan(), x, where(y.isnan(), y, both))


def entr(x: V) -> V:
    inside = where(x < 0.0, x.constant(-math.inf), -x * log(x))
    return where(x.equals(0.0), 0.0, inside)


def xlogy(x: V, y: V) -> V:
    return where(x.equals(0.0), where(y.isnan(), y, 0.0), x * log(y))


def xlog1py(x: V, y: V) -> V:
    return where(x.equals(0.0), where(y.isnan(), y, 0.0), x * log1p(y))


# --------------------------------------------------------------------------- circles


def turned(x: V) -> tuple[V, V]:
    """Quarter turns n and the rest r of an angle that was a float32."""
    n = rounded(x * (1 / HALF_PI))
    r = fma(n, -HALF_PI_REST, fma(n, -HALF_PI, x))

    def far() -> list[V]:
        # x = m 2**e with a whole m; the table knows how far 2**e turns
        bits = x.bits()
        e = (bits.do("lshr", 52) & 0x7FF) - (1023 + 23 - 8)
        e = e.most(0).least(len(c.TURNS) - 1)
        m = x * (x.constant(0).bits() + (1031 << 52) - (e << 52)).unbits()
        turns = x.f.constants("turns", c.TURNS, "double").gather(e)
        rest = x.f.constants("turns_rest", c.TURNS_REST, "double").gather(e)
        whole = m * turns
        lost = fma(m, turns, -whole) + m * rest
        n1 = whole.call("rint")
        r1 = (whole - n1 + lost) * HALF_PI
        large = x.abs() > LARGE_ANGLE
        return [where(large, n1, n), where(large, r1 + (x - x), r)]

    n, r = x.f.either((x.abs() > LARGE_ANGLE).any(), far, [n, r])
    return n, r


LARGE_ANGLE = 2.0**30


def sin_cos(r: V) -> tuple[V, V]:
    """Sine and cosine from -pi/4 to pi/4."""
    q = r * r
    return fma(r * q, polynomial(q, c.SIN), r), fma(q * q, polynomial(q, c.COS), fma(q, -0.5, 1.0))


def odd_turns(n: V, of: int) -> V:
    """Whether the bit `of` of a whole number is set."""
    return ((n + MAGIC).bits() & of).differs(0)


def sin(x: V) -> V:
    n, r = turned(x)
    s, t = sin_cos(r)
    y = where(odd_turns(n, 1), t, s)
    return where(x.equals(0.0), x, where(odd_turns(n, 2), -y, y))


def cos(x: V) -> V:
    n, r = turned(x)
    s, t = sin_cos(r)
    y = where(odd_turns(n, 1), s, t)
    return where(odd_turns(n + 1.0, 2), -y, y)


def tan(x: V) -> V:
    n, r = turned(x)
    s, t = sin_cos(r)
    odd = odd_turns(n, 1)
    return where(x.equals(0.0), x, where(odd, -t, s) / where(odd, s, t))


def sin_pi(x: V) -> V:
    """sin(pi x) of numbers from -1 to 1, exact zeros included."""
    n = rounded(x * 2.0)
    s, t = sin_cos((x - n * 0.5) * math.pi)
    y = where(odd_turns(n, 1), t, s)
    return where(odd_turns(n, 2), -y, y)


def atan(x: V) -> V:
    a = x.abs()
    one, two, three = a > math.tan(math.pi / 12), a > 1.0, a > math.tan(5 * math.pi / 12)
    top = where(three, -1.0, where(two, a - ROOT3, where(one, fma(a, ROOT3, -1.0), a)))
    low = where(three, a, where(two, fma(a, ROOT3, 1.0), where(one, a + ROOT3, 1.0)))
    t = top / low
    q = t * t
    y = fma(t * q, polynomial(q, c.ATAN), t)
    turn = where(three, HALF_PI, where(two, math.pi / 3, where(one, math.pi / 6, x.constant(0.0))))
    return (turn + y).call("copysign", x)


def arc_parts(x: V) -> tuple[V, V, V]:
    """Whether |x| is above 1/2; asin of |x|, or of the root of (1 - |x|) / 2; |x|."""
    a = x.abs()
    far = a > 0.5
    q = where(far, (1.0 - a) * 0.5, a * a)
    s = where(far, q.sqrt(), a)
    return far, fma(s * q, polynomial(q, c.ASIN), s), a


def asin(x: V) -> V:
    far, y, _ = arc_parts(x)
    return where(far, fma(y, -2.0, HALF_PI_REST) + HALF_PI, y).call("copysign", x)


def acos(x: V) -> V:
    far, y, _ = arc_parts(x)
    below = x < 0.0
    double = y + y
    outer = where(below, (2 * HALF_PI_REST - double) + math.pi, double)
    inner = HALF_PI - (where(below, -y, y) - HALF_PI_REST)
    return where(far, outer, inner)


def remainders(x: V, y: V) -> tuple[V, V]:
    """What fmod leaves of x / y, and y's size; exact for numbers that were float32."""
    b = y.abs()
    bad = y.equals(0.0) | (x - x).isnan() | y.isnan()

    def less(r: V) -> V:
        q = (r / b).call("trunc")
        return fma(-q, b, r)

    r = less(x)

    def again() -> list[V]:
        s = r  # each time 50 binary digits of the quotient are gone
        for _ in range(6):
            s = where(s.abs() >= b, less(s), s)
        return [s]

    (r,) = x.f.either((r.abs() >= b).any(), again, [r])
    # a quotient that was rounded up leaves a rest of the other sign
    r = where((r * x) < 0.0, r + b.call("copysign", x), r)
    r = where(y.abs().equals(math.inf), x, r)
    r = where(r.equals(0.0), x.constant(0.0).call("copysign", x), r)
    return where(bad, math.nan, r), b


def fmod(x: V, y: V) -> V:
    r, _ = remainders(x, y)
    return r


def remainder(x: V, y: V) -> V:
    """With y's sign; a zero keeps x's."""
    r, _ = remainders(x, y)
    return where((r * y) < 0.0, r + y, r)


def floor_divide(x: V, y: V) -> V:
    """The quotient rounded down; by zero as division, nan of infinite x."""
    q = x / y
    low = q.call("floor")
    rest = fma(-low, y, x)
    low = where((rest * y) < 0.0, low - 1.0, low)
    low = where(q.abs() < 2.0**52, low, q)
    low = where(y.abs().equals(math.inf), where((x * y) < 0.0, -1.0, q), low)
    return where(y.equals(0.0), q, where(x.abs().equals(math.inf), math.nan, low))


def hypot(x: V, y: V) -> V:
    """Of float32's numbers, whose squares do not overflow here."""
    whole = x.abs().equals(math.inf) | y.abs().equals(math.inf)
    return where(whole, math.inf, fma(x, x, y * y).sqrt())


# --------------------------------------------------------------------------- error functions


def scaled_erfc(a: V) -> V:
    """exp(a**2) erfc(a) for a >= 0."""
    below = a + 2.5
    return polynomial(1.0 - 5.0 / below, c.ERFCX) / below


def gauss(a: V) -> V:
    """exp(-a**2), with the square's rounding."""
    a = a.least(40.0)
    q = a * a
    return exp(-q) * (1.0 - fma(a, a, -q))


def erfc(x: V) -> V:
    a = x.abs()
    y = gauss(a) * scaled_erfc(a)
    return where(x < 0.0, 2.0 - y, y)


def erf(x: V) -> V:
    a = x.abs()
    far = 1.0 - gauss(a) * scaled_erfc(a)
    return where(a < 1.0, x * polynomial(x * x, c.ERF), far.call("copysign", x))


def erfcx(x: V) -> V:
    a = x.abs()
    y = scaled_erfc(a)
    h = a.least(30.0)
    q = h * h
    below = exp(q) * (fma(h, h, -q) + 1.0) * 2.0
    return where(x < 0.0, where(below < math.inf, below - y, below), y)


def normal_tail(a: V) -> tuple[V, V]:
    """ndtr(-a) for a >= 0, and its factor beside exp(-a**2 / 2)."""
    h = a.least(60.0)
    q = h * h
    share = scaled_erfc(a * math.sqrt(0.5)) * 0.5
    return exp(q * -0.5) * fma(fma(h, h, -q), -0.5, 1.0) * share, share


def ndtr(x: V) -> V:
    y, _ = normal_tail(x.abs())
    return where(x > 0.0, 1.0 - y, y)


def log_ndtr(x: V) -> V:
    tail, share = normal_tail(x.abs())
    low, high = x < -1.0, x > 0.0
    u = where(high, 1.0 - tail, where(low, share, tail))
    lost = where(high, (1.0 - u) - tail, 0.0)
    k, f = log_parts(u)
    y = log_ends(u, log_sum(k, f, lost / u))
    return where(low, fma(x * x, -0.5, y), y)


def quantile_share(w: V) -> V:
    """erfinv(x) / x in w = -log(1 - x**2)."""
    s = w.sqrt()
    near = polynomial(fma(w, 0.4, -1.0), c.ERFINV_NEAR)
    low = math.sqrt(5) * 0.9999
    mid = polynomial((s - (low + 4) / 2) * (2 / (4 - low)), c.ERFINV_MID)
    far = polynomial((s - 5.1) * (1 / 1.1), c.ERFINV_FAR)
    y = where(w < 5.0, near, where(s < 4.0, mid, far))

    def end() -> list[V]:
        return [where(s < 6.2, y, polynomial((s - 16.6) * (1 / 10.4), c.ERFINV_END))]

    return w.f.either((s > 6.2).any(), end, [y])[0]


def erfinv_once(x: V) -> V:
    """erfinv to ten digits."""
    a = x.abs()
    y = x * quantile_share(-log((1.0 - a) * (a + 1.0)).least(720.0))
    return where(a < 1.0, y, where(a.equals(1.0), x * math.inf, math.nan))


def erfinv(x: V) -> V:
    y = erfinv_once(x)
    a, b = x.abs(), y.abs()
    # one step of Halley's, in the tail by its distance from 1
    near = b * polynomial(b * b, c.ERF) - a
    tail = (1.0 - a) - gauss(b) * scaled_erfc(b)
    step = where(a < 0.5, near, tail) * ROOT_HALF_PI * exp(b * b)
    better = (b - step / fma(b, step, 1.0)).call("copysign", x)
    return where((a < 1.0) & (a > 1e-300), better, y)


def ndtri_once(p: V) -> V:
    """The argument at which ndtr is p, to ten digits."""
    q = (1.0 - p) * 4.0
    share = quantile_share(-log(p * q).least(720.0))
    y = (p * 2.0 - 1.0) * share * math.sqrt(2)
    inside = (p > 0.0) & (p < 1.0)
    ends = where(p.equals(0.0), -math.inf, where(p.equals(1.0), p.constant(math.inf), math.nan))
    return where(inside, y, ends)
