"""Gamma and Bessel functions in double precision: made of the parts of `functions.py`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import coefficients as c
from .functions import exp, log, polynomial, sin_pi
from .lanes import fma, where

V = Any  # values over lanes

SHIFTED = 8  # from here on the series in 1 / x are exact
BERNOULLI = (  # B2, B4, ...
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
)
STIRLING = tuple(b / ((2 * j + 1) * (2 * j + 2)) for j, b in enumerate(BERNOULLI))
DIGAMMA = tuple(b / (2 * j + 2) for j, b in enumerate(BERNOULLI))
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def around(a: V) -> V:
    """a >= 0 less a multiple of 2."""
    return a - (a * 0.5).call("floor") * 2.0


def positive_lgamma(a: V) -> V:
    y, product = a, a.constant(1.0)
    for _ in range(SHIFTED - 2):  # down to 2
        more = y > 2.0
        y = where(more, y - 1.0, y)
        product = where(more, product * y, product)
    below = a < 1.0
    y = where(below, a + 1.0, y)
    base = (y - 1.0) * (y - 2.0) * polynomial(y * 2.0 - 3.0, c.LGAMMA)
    large = a >= float(SHIFTED)
    lg = log(where(large | below, a, product))
    r = 1.0 / a
    far = fma(a, lg - 1.0, fma(lg, -0.5, HALF_LOG_2PI)) + r * polynomial(r * r, STIRLING)
    return where(large, where(a < math.inf, far, a), base + where(below, -lg, lg))


def lgamma(x: V) -> V:
    """log |gamma(x)|; +inf at both infinities."""
    a = x.abs()
    y = positive_lgamma(a)

    def left() -> list[V]:
        mirror = log(math.pi / (a * sin_pi(around(a)).abs())) - y
        return [where((x < 0.0) & (a < math.inf), mirror, y)]

    return x.f.either((x < 0.0).any(), left, [y])[0]


def mvlgamma(p: int) -> Callable[[V], V]:
    """The formula of the logarithm of the gamma function of a dimension."""
    shift = p * (p - 1) / 4 * math.log(math.pi)

    def f(x: V) -> V:
        total = lgamma(x) + shift
        for j in range(1, p):
            total = total + lgamma(x - j / 2)
        return total

    f.__name__ = f"mvlgamma_{p}"
    return f


mvlgamma_1, mvlgamma_2, mvlgamma_3, mvlgamma_4, mvlgamma_5 = (mvlgamma(p) for p in range(1, 6))


def digamma(x: V) -> V:
    """The slope of lgamma; -inf at 0, nan at the other poles."""
    a = x.abs()
    y, top, low = a, a.constant(0.0), a.constant(1.0)
    for _ in range(SHIFTED):  # top / low is the sum of 1 / a, 1 / (a + 1), ... up to 1 / y
        more = y < float(SHIFTED)
        top = where(more, fma(top, y, low), top)
        low = where(more, low * y, low)
        y = where(more, y + 1.0, y)
    r = 1.0 / y
    q = r * r
    out = log(y) - fma(q, polynomial(q, DIGAMMA), r * 0.5) - top / low

    def left() -> list[V]:
        turn = around(a)
        s, t = sin_pi(turn), sin_pi(around(turn + 0.5))
        mirror = out + 1.0 / a + math.pi * t / s
        mirror = where(s.equals(0.0), math.nan, mirror)
        return [where(x < 0.0, mirror, out)]

    out = x.f.either((x < 0.0).any(), left, [out])[0]
    return where(x.equals(0.0), x.constant(-math.inf).call("copysign", -x), out)


def polygamma(order: int) -> Callable[[V], V]:
    """The formula of digamma's derivative of an order from 1 to 6, to ten digits."""
    s = order + 1  # that of Hurwitz's zeta function
    rising, tail = float(s), []
    for j, b in enumerate(BERNOULLI):  # Euler and Maclaurin's series
        tail.append(b * rising / math.factorial(2 * j + 2))
        rising *= (s + 2 * j + 1) * (s + 2 * j + 2)
    sign = 1.0 if order % 2 else -1.0
    factor = math.factorial(order) * sign
    slope = [0.0, 1.0]  # the derivative of cot(pi x), in cot(pi x) itself
    for _ in range(order):
        down = [-math.pi * i * a for i, a in enumerate(slope)][1:]
        slope = [a + b for a, b in zip([*down, 0.0, 0.0], [0.0, 0.0, *down])]

    def f(x: V) -> V:
        below = x < 0.0
        positive = where(below, 1.0 - x, x)
        total, y = x.constant(0.0), positive
        for _ in range(SHIFTED):
            total = total + power(1.0 / y, s)
            y = y + 1.0
        r = 1.0 / y
        series = y * (1.0 / order) + fma(r, polynomial(r * r, tail), 0.5)
        total = where(x.equals(0.0), math.inf, total)  # on both sides of 0
        out = (total + power(r, s) * where(y < math.inf, series, 1.0)) * factor

        def left() -> list[V]:
            turn = around(x.abs())
            sine, cosine = sin_pi(turn), sin_pi(around(turn + 0.5))
            mirror = fma(out, -sign, polynomial(-cosine / sine, slope) * -math.pi)
            return [where(below, where(sine.equals(0.0), factor * math.inf, mirror), out)]

        return x.f.either(below.any(), left, [out])[0]

    f.__name__ = f"polygamma_{order}"
    return f


polygamma_1, polygamma_2, polygamma_3, polygamma_4, polygamma_5, polygamma_6 = (
    polygamma(n) for n in range(1, 7)
)


def power(x: V, n: int) -> V:
    """x ** n."""
    half = power(x, n // 2) if n > 1 else None
    square = None if half is None else half * half
    return x if square is None else square * x if n % 2 else square


# --------------------------------------------------------------------------- Bessel functions


def far(a: V, coefficients: c.Fit) -> V:
    """exp(-a) I(a) from 8 on."""
    return polynomial(16.0 / a - 1.0, coefficients) / a.sqrt()


def i0(x: V) -> V:
    a = x.abs()
    e = exp(a * 0.5)
    return where(a < 8.0, polynomial(a * a, c.I0), far(a, c.I0_FAR) * e * e)


def i0e(x: V) -> V:
    a = x.abs()
    return where(a < 8.0, polynomial(a * a, c.I0) * exp(-a), far(a, c.I0_FAR))


def i1(x: V) -> V:
    a = x.abs()
    e = exp(a * 0.5)
    y = far(a, c.I1_FAR) * e * e
    return where(a < 8.0, x * polynomial(a * a, c.I1), y.call("copysign", x))


def i1e(x: V) -> V:
    a = x.abs()
    y = where(a < 8.0, a * polynomial(a * a, c.I1) * exp(-a), far(a, c.I1_FAR))
    return y.call("copysign", x)
