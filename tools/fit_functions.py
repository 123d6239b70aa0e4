"""Fits the polynomials of `kernels/functions.py`: `python tools/fit_functions.py` writes them anew.

Each is the interpolation at Chebyshev's points, which lies close to the best polynomial, in mpmath.
`in_t`: in the variable that goes from -1 to 1 over the interval, else in the variable itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath as mp

mp.mp.dps = 50
Real = Any
HALF = mp.mpf(1) / 2
TARGET = Path(__file__).parent.parent / "wengert" / "kernels" / "coefficients.py"
SHORT = 2e-11  # relative error of what is only to become a float32
HEAD = '''"""Coefficients of the polynomials of `functions.py`, lowest degree first.

Written by `tools/fit_functions.py`, where the functions and the intervals are.
"""

from typing import NamedTuple


class Fit(NamedTuple):
    """A polynomial as double precision needs it, and a shorter one for results in float32."""

    long: tuple[float, ...]
    short: tuple[float, ...]


# fmt: off
'''


def times(a: Sequence[Real], b: Sequence[Real]) -> list[Real]:
    """The product of two polynomials."""
    out = [mp.mpf(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return out


def interpolated(f: Callable[[Real], Real], a: Real, b: Real, degree: int) -> list[Real]:
    """The polynomial in t that meets f at Chebyshev's points of [a, b]."""
    n = degree + 1
    angles = [mp.pi * (2 * k + 1) / (2 * n) for k in range(n)]
    values = [f((a + b) / 2 + (b - a) / 2 * mp.cos(u)) for u in angles]
    out = [mp.mpf(0)] * n
    before, now = [mp.mpf(0)], [mp.mpf(1)]
    for j in range(n):
        c = mp.fsum(v * mp.cos(j * u) for v, u in zip(values, angles)) * (2 if j else 1) / n
        for i, v in enumerate(now):
            out[i] += c * v
        after = times(now, [mp.mpf(0), mp.mpf(2 if j else 1)])
        for i, v in enumerate(before if j else []):
            after[i] -= v
        before, now = now, after
    return out


def of_x(coefficients: Sequence[Real], a: Real, b: Real) -> list[Real]:
    """A polynomial in t as one in x."""
    t, out = [-(a + b) / (b - a), 2 / (b - a)], [mp.mpf(0)]
    for c in reversed(coefficients):
        out = times(out, t)[: len(coefficients)]
        out[0] += c
    return out


def fit(
    f: Callable[[Real], Real], a: Any, b: Any, goal: float, in_t: bool = False
) -> tuple[list[float], str]:
    """The shortest polynomial whose relative error stays below a goal, and what is to be said."""
    a, b = mp.mpf(a), mp.mpf(b)
    points = [mp.mpf(i) / 37 for i in range(-37, 38)]
    exact = [f((a + b) / 2 + (b - a) / 2 * t) for t in points]
    for degree in range(4, 45):
        c = interpolated(f, a, b, degree)
        worst = max(abs(mp.polyval(c[::-1], t) / y - 1) for t, y in zip(points, exact))
        if worst < goal:
            break
    found = c if in_t else of_x(c, a, b)
    where = f"in t, on [{float(a):.4g}, {float(b):.4g}]" if in_t else f"to {float(b):.4g}"
    return [float(v) for v in found], f"{where}; {float(worst):.0e}"


def at_zero(f: Callable[[Real], Real], value: Any) -> Callable[[Real], Real]:
    """f, with its limit at 0."""
    return lambda x: f(x) if abs(x) > mp.mpf(10) ** -20 else mp.mpf(value)


def odd(f: Callable[[Real], Real], third: Any) -> Callable[[Real], Real]:
    """(f(x) / x - 1) / x**2 in q = x**2."""
    return at_zero(lambda q: (f(mp.sqrt(q)) / mp.sqrt(q) - 1) / q, third)


def cosine(q: Real) -> Real:
    return (mp.cos(mp.sqrt(q)) - 1 + q / 2) / q**2


def scaled_erfc(t: Real, k: Real = mp.mpf(5) / 2) -> Real:
    """(x + k) exp(x**2) erfc(x) in t = (x - k) / (x + k)."""
    if t > 1 - mp.mpf(10) ** -30:
        return 1 / mp.sqrt(mp.pi)
    x = k * (1 + t) / (1 - t)
    if x < 25:
        return mp.erfc(x) * mp.exp(x * x) * (x + k)
    total = mp.fsum((-1) ** m * mp.fac2(2 * m - 1) / (2 * x * x) ** m for m in range(12))
    return total / (x * mp.sqrt(mp.pi)) * (x + k)


def inverse_erf(w: Real) -> Real:
    """erfinv(x) / x in w = -log(1 - x**2)."""
    if w < mp.mpf(10) ** -18:
        return mp.sqrt(mp.pi) / 2
    if w < 90:
        x = mp.sqrt(-mp.expm1(-w))
        return mp.erfinv(x) / x
    q = mp.exp(-w) / 2  # 1 - x
    y = mp.sqrt(w)
    for _ in range(60):
        y = mp.sqrt(-mp.log(q * y * mp.sqrt(mp.pi) / ratio(y)))
    return y


def ratio(y: Real) -> Real:
    """erfc(y) * y * sqrt(pi) * exp(y**2)."""
    return mp.fsum((-1) ** m * mp.fac2(2 * m - 1) / (2 * y * y) ** m for m in range(12))


def log_gamma(t: Real) -> Real:
    """lgamma(x) / ((x - 1) (x - 2)) in t = x - 3/2."""
    x = t + 3 * HALF
    near = abs((x - 1) * (x - 2)) < mp.mpf(10) ** -22
    if near:
        return mp.euler if x < 3 * HALF else mp.digamma(2)
    return mp.loggamma(x) / ((x - 1) * (x - 2))


def bessel_far(order: int) -> Callable[[Real], Real]:
    """exp(-x) sqrt(x) I(x) in 1 / x."""

    def f(u: Real) -> Real:
        if u > mp.mpf(1) / 200:
            return mp.besseli(order, 1 / u) * mp.exp(-1 / u) * mp.sqrt(1 / u)
        term = total = mp.mpf(1)
        for k in range(1, 16):
            term *= -(4 * order**2 - (2 * k - 1) ** 2) * u / (8 * k)
            total += term
        return total / mp.sqrt(2 * mp.pi)

    return f


LN2 = mp.log(2)
EXP_TO, ATANH_TO = LN2 * mp.mpf("0.5005"), ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
QUARTER, TWELFTH = (mp.pi / 4) ** 2 * mp.mpf("1.002"), mp.tan(mp.pi / 12) ** 2 * mp.mpf("1.001")
EDGE = mp.mpf("0.9999")
Fitted = tuple[Callable[[Real], Real], Any, Any, float, bool]  # arguments of `fit`
FITS: dict[str, Fitted] = {
    "EXP": (at_zero(lambda r: (mp.expm1(r) - r) / r**2, HALF), -EXP_TO, EXP_TO, 1e-16, False),
    "ATANH": (odd(mp.atanh, HALF / 1.5), 0, ATANH_TO * mp.mpf("1.001"), 1e-16, False),
    "ATAN": (odd(mp.atan, -HALF / 1.5), 0, TWELFTH, 1e-16, False),
    "ASIN": (odd(mp.asin, HALF / 3), 0, mp.mpf("0.2501"), 3e-17, False),
    "SIN": (odd(mp.sin, -HALF / 3), 0, QUARTER, 1e-16, False),
    "COS": (at_zero(cosine, mp.mpf(1) / 24), 0, QUARTER, 1e-16, False),
    "ERF": (
        at_zero(lambda q: mp.erf(mp.sqrt(q)) / mp.sqrt(q), 2 / mp.sqrt(mp.pi)), 0, 1, 3e-17, False
    ),
    "ERFCX": (scaled_erfc, -1, 1, 5e-17, True),
    "ERFINV_NEAR": (inverse_erf, 0, 5, 2e-11, True),
    "ERFINV_MID": (lambda s: inverse_erf(s * s), mp.sqrt(5) * EDGE, 4, 2e-11, True),
    "ERFINV_FAR": (lambda s: inverse_erf(s * s), 4, mp.mpf("6.2"), 2e-11, True),
    "ERFINV_END": (lambda s: inverse_erf(s * s), mp.mpf("6.2"), 27, 2e-11, True),
    "LGAMMA": (log_gamma, -HALF, HALF, 3e-17, True),
    "I0": (at_zero(lambda q: mp.besseli(0, mp.sqrt(q)), 1), 0, 64, 2e-17, False),
    "I1": (at_zero(lambda q: mp.besseli(1, mp.sqrt(q)) / mp.sqrt(q), HALF), 0, 64, 2e-17, False),
    "I0_FAR": (bessel_far(0), 0, HALF / 4, 5e-17, True),
    "I1_FAR": (bessel_far(1), 0, HALF / 4, 5e-17, True),
}  # fmt: skip


def lines(values: Sequence[float], indent: str) -> str:
    """Numbers, three a line."""
    groups = [values[i : i + 3] for i in range(0, len(values), 3)]
    return "".join(f"{indent}{', '.join(map(repr, g))},\n" for g in groups)


def main() -> None:
    parts = [HEAD]
    for name, (f, a, b, goal, in_t) in FITS.items():
        long, remark = fit(f, a, b, goal, in_t)
        short, brief = fit(f, a, b, max(goal, SHORT * 30 if "ERFINV" in name else SHORT), in_t)
        parts.append(f"{name} = Fit((  # {remark}\n{lines(long, '    ')}), (  # {brief}\n")
        parts.append(f"{lines(short, '    ')}))\n")
        print(name, len(long), len(short), remark)
    # 2/pi times the powers of two, modulo 4, in two doubles: of float32's exponents
    mp.mp.dps = 200
    powers = [mp.fmod(mp.mpf(2) ** e * 2 / mp.pi, 4) for e in range(-8, 106)]
    for name, values in (
        ("TURNS", [float(v) for v in powers]),
        ("TURNS_REST", [float(v - mp.mpf(float(v))) for v in powers]),
    ):
        parts.append(f"{name} = (  # 2**(e - 8) * 2 / pi modulo 4\n{lines(values, '    ')})\n")
    TARGET.write_text("".join(parts))


if __name__ == "__main__":
    main()
