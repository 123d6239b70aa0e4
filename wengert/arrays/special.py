"""Words for special functions and rarer functions of two arrays. SciPy computes most of them and
is imported at first use.

Half precision is computed in float32. The commonest of the kind (erf, erfc) are in
`elementwise.py`.
"""

from __future__ import annotations

import math
from typing import Any

from .capabilities import some
from .elementwise import C32, scipy_special, widened
from .numpy_direct import library as np
from .numpy_direct import nonzeros
from .numpy_fast_paths import F32, F64, LONGEST, number

__all__ = [
    "airy_ai",
    "airy_ai_prime",
    "angle",
    "atan2",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "copysign",
    "deg2rad",
    "digamma",
    "entr",
    "erfcx",
    "erfinv",
    "fmax",
    "fmin",
    "frexp",
    "gcd",
    "heaviside",
    "hypot",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "igamma",
    "igammac",
    "isneginf",
    "isposinf",
    "lcm",
    "ldexp",
    "lgamma",
    "log_ndtr",
    "logaddexp",
    "logaddexp2",
    "logit",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "mvlgamma",
    "ndtr",
    "ndtri",
    "nextafter",
    "polygamma",
    "rad2deg",
    "round_decimals",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "sinc",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]


def _scipy(name: str) -> Any:
    """The word that is one SciPy function of arrays of one floating dtype."""

    known: dict[Any, Any] = {}  # library -> its function

    @widened
    def general(lib: Any, *arrays: Any) -> Any:
        known[lib] = run = getattr(scipy_special(lib), name)
        d = next(a.dtype for a in arrays if hasattr(a, "dtype"))
        out = run(*[a if hasattr(a, "dtype") else d.type(a) for a in arrays])
        return out if out.dtype == d else out.astype(d)

    def f(lib: Any, x: Any, *rest: Any) -> Any:
        run = known.get(lib)
        if run is not None:
            d = getattr(x, "dtype", None)
            if (d is F32 or d is F64) and (not rest or getattr(rest[0], "dtype", None) is d):
                return run(x, *rest)
        return general(lib, x, *rest)

    f.__doc__ = f"SciPy's {name}."
    f.__name__ = name
    return f


def few(x: Any) -> bool:
    """Whether x is a small floating array of NumPy's, of which a look at all is soon taken."""
    return type(x) is np.ndarray and (x.dtype is F32 or x.dtype is F64) and x.size <= LONGEST


digamma, erfcx, erfinv, entr = (_scipy(n) for n in ("psi", "erfcx", "erfinv", "entr"))
i0, i0e, i1, i1e = (_scipy(n) for n in ("i0", "i0e", "i1", "i1e"))
bessel_j0, bessel_j1, bessel_y0, bessel_y1 = (_scipy(n) for n in ("j0", "j1", "y0", "y1"))
modified_bessel_k0, modified_bessel_k1 = _scipy("k0"), _scipy("k1")
scaled_modified_bessel_k0, scaled_modified_bessel_k1 = _scipy("k0e"), _scipy("k1e")
ndtr, log_ndtr = _scipy("ndtr"), _scipy("log_ndtr")


def _from(least: float, general: Any) -> Any:
    """A function that is nan where its first argument is below `least`: asked for the others
    alone, where they are few.
    """

    def f(lib: Any, x: Any, y: Any) -> Any:
        if few(x) or type(x) is not np.ndarray or type(y) is not np.ndarray or x.dtype != y.dtype:
            return general(lib, x, y)
        inside = ~(x < least)  # nan is for the function to judge
        if 4 * np.count_nonzero(inside) > x.size or y.ndim and y.shape != x.shape:
            return general(lib, x, y)
        out = np.full(x.shape, np.nan, x.dtype)
        out[inside] = general(lib, x[inside], y[inside] if y.ndim else y)
        return out

    f.__doc__, f.__name__ = general.__doc__, general.__name__
    return f


igamma, igammac = _from(0.0, _scipy("gammainc")), _from(0.0, _scipy("gammaincc"))
_zeta = _from(1.0, _scipy("zeta"))


@widened
def zeta(lib: Any, x: Any, y: Any) -> Any:
    """Hurwitz's zeta function; nan for an infinite y, as in PyTorch (the limit is 0)."""
    out = _zeta(lib, x, y)
    if few(y) and not nonzeros(np.equal(y, number(np.inf, y.dtype))):
        return out
    return lib.where(lib.equal(y, np.inf), out.dtype.type(np.nan), out)


@widened
def ndtri(lib: Any, x: Any) -> Any:
    """The argument at which the normal distribution function is x, found in double precision."""
    return scipy_special(lib).ndtri(x.astype(np.float64)).astype(x.dtype)


@widened
def lgamma(lib: Any, x: Any) -> Any:
    """log |gamma(x)|; +inf at both infinities."""
    out = scipy_special(lib).gammaln(x)
    return lib.where(lib.equal(x, -math.inf), x.dtype.type(math.inf), out)


@widened
def polygamma(lib: Any, x: Any, order: int = 0) -> Any:
    """The order-th derivative of digamma."""
    s = scipy_special(lib)
    if order == 0:
        return s.psi(x)
    y = x.astype(np.float64)
    out = (1.0 if order % 2 else -1.0) * math.gamma(order + 1) * s.zeta(float(order + 1), y)
    if order == 1:  # the reflection holds left of zero, where the sum loses digits
        left = lib.less(y, 0.5)
        if some(lib, left):
            t = lib.where(left, y, 0.25)
            out = lib.where(left, (math.pi / lib.sin(math.pi * t)) ** 2 - s.zeta(2.0, 1.0 - t), out)
    return lib.asarray(out).astype(x.dtype)


@widened
def mvlgamma(lib: Any, x: Any, p: int = 1) -> Any:
    """Logarithm of the multivariate gamma function of dimension p."""
    total = p * (p - 1) / 4 * math.log(math.pi)
    y = x.astype(np.float64)
    for j in range(p):
        total = total + lgamma(lib, y - j / 2)
    return lib.asarray(total).astype(x.dtype)


@widened
def spherical_bessel_j0(lib: Any, x: Any) -> Any:
    """sin(x) / x, 1 at 0 and 0 at infinity."""
    if few(x) and nonzeros(x) == nonzeros(np.isfinite(x)) == x.size:
        return np.true_divide(np.sin(x), x)
    bad = lib.logical_or(lib.equal(x, 0), lib.isinf(x))
    safe = lib.where(bad, x.dtype.type(1), x)
    return lib.where(bad, lib.equal(x, 0).astype(x.dtype), lib.sin(safe) / safe)


def airy(lib: Any, x: Any, which: int) -> Any:
    """SciPy's Airy functions, on the CPU: CuPy has none."""
    if not hasattr(lib, "asnumpy"):
        return scipy_special(lib).airy(x)[which]
    return lib.asarray(scipy_special(np).airy(lib.asnumpy(x))[which])


@widened
def airy_ai(lib: Any, x: Any) -> Any:
    """The Airy function Ai; 0 far to the right, where SciPy gives up."""
    if few(x) and not nonzeros(np.greater(x, number(110, x.dtype))):
        return scipy_special(lib).airy(x)[0]
    return lib.where(lib.greater(x, 110), x.dtype.type(0), airy(lib, x, 0))


@widened
def airy_ai_prime(lib: Any, x: Any) -> Any:
    """The derivative of Ai."""
    return lib.where(lib.greater(x, 110), x.dtype.type(0), airy(lib, x, 1))


# ------------------------------------------------------------------------------- without SciPy


def _library(name: str) -> Any:
    """The library's own function, for the dtypes that it does not know through float32."""

    def f(lib: Any, x: Any, y: Any) -> Any:
        return getattr(lib, name)(x, y)

    f.__doc__ = f"{name} of x and y."
    f.__name__ = name
    return widened(f)


hypot, logaddexp2, atan2 = _library("hypot"), _library("logaddexp2"), _library("arctan2")
_signed = _library("copysign")


def copysign(lib: Any, x: Any, y: Any) -> Any:
    """x with the sign of y; of half precision by its bits, without a way through float32."""
    if x.dtype != y.dtype or x.dtype.itemsize != 2 or x.dtype.kind not in "fV" or not x.ndim:
        return _signed(lib, x, y)
    bits = lib.bitwise_and(x.view(np.uint16), np.uint16(0x7FFF))
    sign = lib.bitwise_and(y.view(np.uint16), np.uint16(0x8000))
    return lib.bitwise_or(bits, sign).view(x.dtype)


@widened
def fmax(lib: Any, x: Any, y: Any) -> Any:
    """The larger of x and y, x if they are equal; a nan loses against a number."""
    return lib.where(lib.logical_or(y > x, x != x), y, x)


@widened
def fmin(lib: Any, x: Any, y: Any) -> Any:
    """The smaller of x and y, x if they are equal; a nan loses against a number."""
    return lib.where(lib.logical_or(y < x, x != x), y, x)


def heaviside(lib: Any, x: Any, y: Any) -> Any:
    """0, y or 1 by the sign of x; 0 where x is nan."""
    if few(x) and getattr(y, "dtype", None) is x.dtype and not nonzeros(np.isnan(x)):
        return np.heaviside(x, y)
    return lib.where(lib.equal(x, 0), y, lib.greater(x, 0).astype(x.dtype))


@widened
def logaddexp(lib: Any, x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)), without overflow."""
    if x.dtype.kind != "c":
        return lib.logaddexp(x, y)
    swap = lib.less(x.real, y.real)
    high, low = lib.where(swap, y, x), lib.where(swap, x, y)
    same = lib.logical_and(lib.isinf(high.real), lib.equal(high.real, low.real))
    gap = lib.where(same, x.dtype.type(0), low - high)
    return lib.where(
        same,
        lib.where(high.real < 0, high, lib.log(lib.exp(high) + lib.exp(low))),
        high + lib.log1p(lib.exp(gap)),
    )


def gcd(lib: Any, x: Any, y: Any) -> Any:
    """Greatest common divisor of integers."""
    return integers(lib, "gcd", x, y)


def lcm(lib: Any, x: Any, y: Any) -> Any:
    """Least common multiple of integers."""
    return integers(lib, "lcm", x, y)


def integers(lib: Any, name: str, x: Any, y: Any) -> Any:
    if x.dtype.kind not in "iu":
        raise NotImplementedError(f"{name}: not implemented for {x.dtype}; integers only")
    return getattr(lib, name)(x, y)


def nextafter(lib: Any, x: Any, y: Any) -> Any:
    """The number after x in the direction of y."""
    if x.dtype.kind in "iubc":
        raise NotImplementedError(
            f"nextafter: not implemented for {x.dtype}; floating tensors only"
        )
    return lib.nextafter(x, y)


def frexp(lib: Any, x: Any) -> Any:
    """(mantissa, exponent) with x = mantissa * 2 ** exponent and 0.5 <= |mantissa| < 1."""
    if x.dtype.kind in "iubc":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    m, e = lib.frexp(x.astype(np.float32) if x.dtype.itemsize == 2 else x)
    m, e = lib.asarray(m), lib.asarray(e)
    return m.astype(x.dtype, copy=False), e.astype(np.int32, copy=False)


def ldexp(lib: Any, x: Any, y: Any) -> Any:
    """x * 2 ** y for integers y."""
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    exponent = lib.clip(y.astype(np.int64), -5000, 5000).astype(np.int32)
    return lib.asarray(lib.ldexp(wide, exponent)).astype(x.dtype, copy=False)


def isneginf(lib: Any, x: Any) -> Any:
    """True where x is -inf."""
    return lib.equal(x, -math.inf) if x.dtype.kind not in "iub" else lib.zeros(x.shape, bool)


def isposinf(lib: Any, x: Any) -> Any:
    """True where x is inf."""
    return lib.equal(x, math.inf) if x.dtype.kind not in "iub" else lib.zeros(x.shape, bool)


@widened
def scaled(lib: Any, x: Any, factor: float) -> Any:
    """x times a number of its dtype."""
    return x * x.dtype.type(factor)


def deg2rad(lib: Any, x: Any) -> Any:
    """Degrees in radians."""
    if few(x):
        return np.multiply(x, number(math.pi / 180, x.dtype))
    return scaled(lib, x, math.pi / 180)


def rad2deg(lib: Any, x: Any) -> Any:
    """Radians in degrees."""
    if few(x):
        return np.multiply(x, number(180 / math.pi, x.dtype))
    return scaled(lib, x, 180 / math.pi)


@widened
def angle(lib: Any, x: Any) -> Any:
    """The angles of complex numbers; of real ones 0 or pi, also of -0."""
    if x.dtype.kind == "c":
        return lib.angle(x)
    if x.dtype == C32:
        return lib.angle(x.astype(np.complex64)).astype(np.float16)
    zero = lib.where(lib.isnan(x), x, x.dtype.type(0))
    return lib.where(lib.less(x, 0), x.dtype.type(math.pi), zero)


def sinc(lib: Any, x: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    if few(x) and nonzeros(x) == x.size:
        p = np.multiply(x, number(math.pi, x.dtype))
        return np.true_divide(np.sin(p), p)
    return sinc_with_zeros(lib, x)


@widened
def sinc_with_zeros(lib: Any, x: Any) -> Any:
    """sinc of what may be 0."""
    zero = lib.equal(x, 0)
    p = lib.where(zero, x.dtype.type(1), x * x.dtype.type(math.pi))
    return lib.where(zero, x.dtype.type(1), lib.sin(p) / p)


def logit(lib: Any, x: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)), x first limited to [eps, 1 - eps] as they are in x's dtype."""
    d = x.dtype
    if eps is None:
        return _logit(lib, x)
    low = d.type(eps)
    high = d.type(1) - low
    if low <= high:
        return _logit(lib, lib.minimum(lib.maximum(x, low), high))
    return _logit(lib, lib.where(x < low, low, lib.where(x > high, high, x)))


@widened
def _logit(lib: Any, x: Any) -> Any:
    return lib.log(x / (x.dtype.type(1) - x))


def _times(word: str, doc: str) -> Any:
    """x times a logarithm of y that `word` gives, 0 where x is 0 and y is no nan."""
    log = getattr(np, word)

    @widened
    def with_zeros(lib: Any, x: Any, y: Any) -> Any:
        x, y = of_one_dtype(x, y)
        nothing = lib.logical_and(lib.equal(x, 0), lib.logical_not(lib.isnan(y)))
        return lib.where(nothing, x.dtype.type(0), x * getattr(lib, word)(y))

    def f(lib: Any, x: Any, y: Any) -> Any:
        if few(x) and getattr(y, "dtype", None) is x.dtype and nonzeros(x) == x.size:
            return np.multiply(x, log(y))
        return with_zeros(lib, x, y)

    f.__doc__ = doc
    return f


xlogy = _times("log", "x * log(y), 0 where x is 0 and y is no nan.")
xlog1py = _times("log1p", "x * log(1 + y), 0 where x is 0 and y is no nan.")


def of_one_dtype(x: Any, y: Any) -> tuple[Any, Any]:
    """Both, a Python number in the dtype of the other: its logarithm would be a double."""
    d = (x if hasattr(x, "dtype") else y).dtype
    return (x if hasattr(x, "dtype") else d.type(x), y if hasattr(y, "dtype") else d.type(y))


def round_decimals(lib: Any, x: Any, decimals: int = 0) -> Any:
    """x rounded half to even at a decimal place (left of the point for negative ones)."""
    if few(x):
        ten = number(10.0 ** abs(decimals), x.dtype)
        if decimals > 0:
            return np.true_divide(np.rint(np.multiply(x, ten)), ten)
        return np.multiply(np.rint(np.true_divide(x, ten)), ten)
    return rounded_decimals(lib, x, decimals)


@widened
def rounded_decimals(lib: Any, x: Any, decimals: int) -> Any:
    """round_decimals of any floating array."""
    if x.dtype.kind in "iub":
        raise NotImplementedError(
            "round: decimals other than 0 need a floating tensor, got " + str(x.dtype)
        )
    ten = x.dtype.type(10.0 ** abs(decimals))
    return lib.rint(x * ten) / ten if decimals > 0 else lib.rint(x / ten) * ten
