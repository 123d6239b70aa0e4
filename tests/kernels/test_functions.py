"""The functions of analysis, in units in the last place, against mpmath."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from wengert.kernels import functions, gamma
from wengert.kernels.native import Host
from wengert.kernels.simd import Ufunc, elements

mp = pytest.importorskip("mpmath")
pytestmark = pytest.mark.skipif(
    Host.make() is None or not Host.make().fuses(),  # type: ignore[union-attr]
    reason="llvmlite is not installed",
)


def made(formula, inputs: int = 1, dtype: str = "f"):
    kinds = dtype * (inputs + 1)
    f = functions.double(formula)
    u = Ufunc(
        formula.__name__, kinds, inputs, lambda t: elements(t, kinds, f, word="double", exact=True)
    )
    return u.compile()


def points(low: float, high: float, dtype: str, n: int = 300) -> np.ndarray:
    """Half evenly, half over the exponents."""
    r = np.random.default_rng(0)
    even = r.uniform(low, high, n)
    least = -37 if dtype == "f" else -250
    spread = 10.0 ** r.uniform(least, math.log10(max(abs(low), abs(high), 1e-30)), n)
    sign = r.choice([-1.0, 1.0], n) if low < 0 else np.ones(n)
    x = np.concatenate([even, spread * sign])
    return x[(x >= low) & (x <= high)].astype(dtype)


def worst(f, exact, x: np.ndarray) -> tuple[float, float]:
    """The largest error in units in the last place, and where."""
    mp.mp.dps = 60
    y = f(x)
    out = (0.0, 0.0)
    tiny = float(np.finfo(x.dtype).tiny)
    for a, b in zip(x.tolist(), y.tolist()):
        e = exact(mp.mpf(a))
        if abs(e) > float(np.finfo(x.dtype).max):
            assert math.isinf(b)
            continue
        unit = float(np.spacing(np.asarray(max(abs(float(e)), tiny), x.dtype)))
        out = max(out, (float(abs(mp.mpf(b) - e)) / unit, a))
    return out


def polygamma(n):
    return lambda x: mp.polygamma(n, x)


def log_ndtr(x):
    return mp.log(mp.ncdf(x)) if x < 5 else mp.log1p(-mp.ncdf(-x))


def ndtri(p):
    return mp.sqrt(2) * mp.erfinv(2 * p - 1)


# formula, exact, interval, units for float64 (None: for float32 only)
TABLE = [
    (functions.exp, mp.exp, (-110, 100), 1.2),
    (functions.exp2, lambda x: mp.mpf(2) ** x, (-150, 130), 1.2),
    (functions.expm1, mp.expm1, (-50, 90), 1.5),
    (functions.sinh, mp.sinh, (-90, 90), 2),
    (functions.cosh, mp.cosh, (-90, 90), 1.5),
    (functions.tanh, mp.tanh, (-20, 20), 2.5),
    (functions.log, mp.log, (1e-37, 1e30), 1),
    (functions.log2, lambda x: mp.log(x) / mp.log(2), (1e-37, 1e3), 2),
    (functions.log10, lambda x: mp.log(x) / mp.log(10), (1e-37, 1e3), 2),
    (functions.log1p, mp.log1p, (-0.999, 1e6), 1.5),
    (functions.asinh, mp.asinh, (-1e10, 1e10), 2.5),
    (functions.acosh, mp.acosh, (1, 1e10), 2.5),
    (functions.atanh, mp.atanh, (-0.9999, 0.9999), 2.5),
    (functions.atan, mp.atan, (-30, 30), 2),
    (functions.asin, mp.asin, (-1, 1), 2.5),
    (functions.acos, mp.acos, (-1, 1), 2.5),
    (functions.sin, mp.sin, (-1e4, 1e4), None),
    (functions.cos, mp.cos, (-1e4, 1e4), None),
    (functions.tan, mp.tan, (-1e4, 1e4), None),
    (functions.sin, mp.sin, (-1e38, 1e38), None),
    (functions.cos, mp.cos, (-1e38, 1e38), None),
    (functions.tan, mp.tan, (-1e38, 1e38), None),
    (functions.erf, mp.erf, (-6, 6), 1.5),
    (functions.erfc, mp.erfc, (-6, 26), 4),
    (functions.erfcx, lambda x: mp.erfc(x) * mp.exp(x * x), (-9, 1e4), 4),
    (functions.ndtr, mp.ncdf, (-37, 9), 4),
    (functions.log_ndtr, log_ndtr, (-100, 20), 4),
    (functions.erfinv, mp.erfinv, (-0.99999, 0.99999), 4),
    (functions.erfinv_once, mp.erfinv, (-0.9999999, 0.9999999), None),
    (functions.ndtri_once, ndtri, (1e-37, 0.9999999), None),
    (functions.logit, lambda x: mp.log(x / (1 - x)), (1e-30, 0.9999), None),
    (gamma.lgamma, lambda x: mp.re(mp.loggamma(x)), (1e-3, 1e5), 8),
    (gamma.lgamma, lambda x: mp.re(mp.loggamma(x)), (-20, -1e-3), None),
    (gamma.digamma, mp.digamma, (1e-3, 1e5), None),
    (gamma.digamma, mp.digamma, (-20, -1e-3), None),
    (gamma.polygamma_1, polygamma(1), (1e-3, 1e4), None),
    (gamma.polygamma_2, polygamma(2), (1e-3, 1e4), None),
    (gamma.polygamma_5, polygamma(5), (1e-2, 1e3), None),
    (gamma.polygamma_1, polygamma(1), (-20, -1e-2), None),
    (gamma.polygamma_2, polygamma(2), (-20, -1e-2), None),
    (gamma.polygamma_3, polygamma(3), (-20, -1e-2), None),
    (gamma.polygamma_6, polygamma(6), (-20, -1e-2), None),
    (gamma.i0, lambda x: mp.besseli(0, x), (-80, 80), 4),
    (gamma.i0e, lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), (-80, 80), 4),
    (gamma.i1, lambda x: mp.besseli(1, x), (-80, 80), 4),
    (gamma.i1e, lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), (-80, 80), 4),
]


@pytest.mark.parametrize("row", range(len(TABLE)), ids=lambda i: f"{TABLE[i][0].__name__}-{i}")
def test_errors_in_the_last_place(row: int) -> None:
    formula, exact, (low, high), units = TABLE[row]
    error, at = worst(made(formula), exact, points(low, high, "f"))
    assert error <= 0.51, f"float32 at {at}"
    if units is not None:
        error, at = worst(made(formula, dtype="d"), exact, points(low, high, "d"))
        assert error <= units, f"float64 at {at}"


INF, NAN = math.inf, math.nan
SPECIAL = np.array(
    [0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 3e38, -3e38, 1e-45, -1e-45, 2.0, -2.0, 0.5]
)
# what NumPy or SciPy has: those that it gives at special places are right
KNOWN = "exp exp2 expm1 sinh cosh tanh log log2 log10 log1p arcsinh arccosh arctanh arctan arcsin"
KNOWN += " arccos sin cos tan"
SCIPY = "erf erfc erfcx erfinv ndtr log_ndtr ndtri psi gammaln i0 i0e i1 i1e"
OURS = {"psi": "digamma", "gammaln": "lgamma", "ndtri": "ndtri_once"}


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", KNOWN.split() + SCIPY.split())
def test_special_values(name: str, dtype: str) -> None:
    special = pytest.importorskip("scipy.special")
    if dtype == "d" and name in ("sin", "cos", "tan"):
        return  # of float32's angles only
    known = getattr(np, name, None) or getattr(special, name)
    ours = OURS.get(name, name.replace("arc", "a"))
    f = made(getattr(functions, ours, None) or getattr(gamma, ours), dtype=dtype)
    x = SPECIAL.astype(dtype)
    with np.errstate(all="ignore"):
        want, got = known(x.astype("d")).astype(dtype), f(x)
    if name == "gammaln":
        want[3] = INF  # at -inf, as PyTorch
    if name in SCIPY and name[0] == "i":  # Bessel functions at the ends
        x, want, got = x[4:8], want[4:8], got[4:8]
    same = np.isclose(want, got, rtol=1e-6, atol=0, equal_nan=True)
    assert same.all(), (x[~same], want[~same], got[~same])
    if name not in KNOWN:
        return  # SciPy is not careful about the sign of zero
    zero = (want == 0) & (got == 0)
    np.testing.assert_array_equal(np.signbit(want[zero]), np.signbit(got[zero]))


def quotients(dtype: str = "f") -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(0)
    x, y = (10.0 ** r.uniform(-30, 30, 4000) * r.choice([-1, 1], 4000) for _ in range(2))
    near = r.integers(-50, 50, (2, 3000)) * 0.1  # quotients that are close to whole numbers
    ends = np.array([0.0, -0.0, 1, -1, 3.5, INF, -INF, NAN])
    return tuple(
        np.concatenate(p).astype(dtype)
        for p in ((x, near[0], ends.repeat(8)), (y, near[1], np.tile(ends, 8)))
    )


@pytest.mark.parametrize("name", ["fmod", "remainder"])
def test_remainders_to_the_bit(name: str) -> None:
    x, y = quotients()
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    got = made(getattr(functions, name), 2)(x, y)
    np.testing.assert_array_equal(want, got)
    zero = want == 0  # which has x's sign, also where NumPy gives it y's
    np.testing.assert_array_equal(np.signbit(x[zero]), np.signbit(got[zero]))


def test_quotients_rounded_down() -> None:
    x, y = quotients()
    got = made(functions.floor_divide, 2)(x, y)
    for a, b, c in zip(x.tolist(), y.tolist(), got.tolist()):
        if b == 0 or not (math.isfinite(a) and math.isfinite(b)):
            continue
        exact = Fraction(a) / Fraction(b)
        assert c == float(np.float32(math.floor(exact))) or abs(exact) > 2**50
    x, y = (
        np.array([INF, INF, -INF, 1, 1, -1, 0, 1, 0], "f"),
        np.array([1, 0, INF, INF, -INF, INF, -INF, 0, 0], "f"),
    )
    want = np.array([NAN, INF, NAN, 0, -1, -1, 0, INF, NAN], "f")
    np.testing.assert_array_equal(made(functions.floor_divide, 2)(x, y), want)


def test_hypot() -> None:
    x, y = quotients()
    with np.errstate(all="ignore"):
        want = np.hypot(x.astype("d"), y.astype("d")).astype("f")
    np.testing.assert_array_equal(want, made(functions.hypot, 2)(x, y))


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_sums_of_exponentials(name: str) -> None:
    x, y = quotients()
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x.astype("d"), y.astype("d")).astype("f")
    np.testing.assert_allclose(made(getattr(functions, name), 2)(x, y), want, 2e-7)
