"""Words that act on each element, over any NumPy-like library (first argument `lib`).

Only what the library does not have under the right name and meaning; its own functions are bound
directly in `ufuncs`.
"""

from __future__ import annotations

import functools
from functools import partial
from typing import Any

from ..base import dtypes
from ..kernels.halves import arithmetic, converted
from .capabilities import ON_HOST, some
from .numpy_direct import library as np

__all__ = [
    "remainder",
    "floor_divide",
    "trunc_divide",
    "fmod",
    "sign",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "sigmoid_backward",
    "tanh_backward",
    "relu",
    "where",
    "masked_fill",
    "clamp",
    "astype",
    "real",
    "imag",
    "frac",
    "round_to",
    "erf",
    "erfc",
    "pow",
    "real_if_float",
]


C32 = dtypes.complex32.np
# 1 as arrays: a ufunc takes twice as long with a Python number for an operand
SMALL = 4096  # elements below which a new array costs less than checking that it can be reused
ONE = {np.dtype(t): np.ones((), t) for t in (np.float32, np.float64)}


def ufuncs(lib: Any) -> dict[str, Any]:
    """The library's own callables that are words as they stand."""
    names = [
        "add",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "sqrt",
        "square",
        "floor",
        "ceil",
        "trunc",
        "isnan",
        "isinf",
        "isfinite",
        "signbit",
        "maximum",
        "minimum",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
    ]
    words = {n: getattr(lib, n) for n in names}
    words.update(
        sub=lib.subtract,
        mul=lib.multiply,
        div=lib.true_divide,
        neg=lib.negative,
        abs=lib.absolute,
        asin=lib.arcsin,
        acos=lib.arccos,
        atan=lib.arctan,
        asinh=lib.arcsinh,
        acosh=lib.arccosh,
        atanh=lib.arctanh,
        lt=lib.less,
        le=lib.less_equal,
        gt=lib.greater,
        ge=lib.greater_equal,
        eq=lib.equal,
        ne=lib.not_equal,
        conj=lib.conjugate,
        round=partial(nearest, lib),
        log1p=exact_log1p(lib),
        bitwise_not=lib.invert,
        bitwise_left_shift=lib.left_shift,
        bitwise_right_shift=lib.right_shift,
    )
    return words


def exact_log1p(lib: Any) -> Any:
    """log(1 + x), exact near 0."""
    f = partial(log1p, lib)
    f.ufunc = lib.log1p  # type: ignore[attr-defined]  # whose numbers those of real x are
    return f


def log1p(lib: Any, x: Any) -> Any:
    """log(1 + x), exact near 0; NumPy's is not for complex x."""
    if x.dtype.kind != "c":
        return lib.log1p(x)
    re, im = x.real, x.imag
    size = lib.maximum(lib.abs(re), lib.abs(im))
    near = lib.log1p(re * (2 + re) + im * im) / 2  # half the log of |1 + x| squared
    out = lib.empty(x.shape, x.dtype)
    out.real = lib.where(size < 1e3, near, lib.log(lib.hypot(1 + re, im)))
    out.imag = lib.arctan2(im, 1 + re)
    return out


def widened(f: Any) -> Any:
    """f with half precision arrays computed in float32 and the result rounded back."""

    @functools.wraps(f)
    def g(lib: Any, x: Any, *rest: Any, **static: Any) -> Any:
        d = getattr(x, "dtype", None) or rest[0].dtype
        if d.itemsize == 2 and d.kind not in "iu":
            up = [converted(a, FLOAT32) if hasattr(a, "astype") else a for a in (x, *rest)]
            return converted(lib.asarray(f(lib, *up, **static)), d)
        return f(lib, x, *rest, **static)

    return g


FLOAT8, FLOAT32 = dtypes.float8_e4m3fn.np, dtypes.float32.np


def masked_fill(lib: Any, x: Any, mask: Any, value: Any = 0.0) -> Any:
    """x with a number where mask is true."""
    return lib.where(mask, x.dtype.type(value), x)


def astype(lib: Any, x: Any, dtype: Any) -> Any:
    """x in a dtype (PyTorch's or NumPy's); complex to real keeps the real part."""
    dtype = np.dtype(getattr(dtype, "np", dtype))
    if x.dtype == C32:
        x = x.astype(np.complex64)
    if x.dtype.kind == "c" and dtype != C32 and dtype.kind not in "cb":
        x = x.real
    elif dtype.kind in "iu" and x.dtype.kind not in "iub":
        return float_to_int(lib, x if x.dtype.kind == "f" else x.astype(FLOAT32), dtype)
    elif dtype == FLOAT8:  # which has no infinity
        x = lib.clip(x, -448, 448)
    return lib.asarray(converted(x, dtype))


def float_to_int(lib: Any, x: Any, dtype: Any) -> Any:
    """Truncation; what does not fit wraps as it does in PyTorch on x86 (through int64 for the
    narrow types).
    """
    if dtype.itemsize < 4:
        return lib.asarray(x.astype(np.int32).astype(dtype))
    if dtype.kind == "u":
        return lib.asarray(x.astype(np.int64).astype(dtype))
    return lib.asarray(x.astype(dtype))


def real_if_float(lib: Any, x: Any, like: Any) -> Any:
    """The real part of x where `like` is real."""
    return real(lib, x) if is_complex(x) and not is_complex(like) else x


def is_complex(x: Any) -> bool:
    return bool(x.dtype.kind == "c" or x.dtype == C32)


def real(lib: Any, x: Any) -> Any:
    return halves(x)[..., 0] if x.dtype == C32 else x.real


def imag(lib: Any, x: Any) -> Any:
    return halves(x)[..., 1] if x.dtype == C32 else x.imag


def halves(x: Any) -> Any:
    """The parts of complex32 numbers, which NumPy does not know, in a last dimension."""
    return x[..., None].view(np.float16)


def remainder(lib: Any, x: Any, y: Any) -> Any:
    """Remainder with the divisor's sign; a floating zero has the dividend's, as in PyTorch."""
    check_divisor(x, y)
    r = lib.remainder(x, y)
    return lib.where(r == 0, lib.copysign(r, x), r) if r.dtype.kind in "fV" else r


def trunc_divide(lib: Any, x: Any, y: Any) -> Any:
    """Quotient rounded towards zero; of halves the rounded quotient."""
    check_divisor(x, y)
    if all(getattr(a, "dtype", np.dtype(type(a))).kind in "iub" for a in (x, y)):
        return lib.floor_divide(x - lib.fmod(x, y), y)
    return lib.trunc(lib.true_divide(x, y))


def fmod(lib: Any, x: Any, y: Any) -> Any:
    """Remainder with the dividend's sign."""
    check_divisor(x, y)
    return lib.fmod(x, y)


def floor_divide(lib: Any, x: Any, y: Any) -> Any:
    """Quotient rounded down."""
    check_divisor(x, y)
    out = lib.floor_divide(x, y)
    if out.dtype.kind == "f":  # the library says nan where dividing by zero gives infinity
        out = lib.where(lib.equal(y, 0), lib.true_divide(x, y), out)
    return out


def check_divisor(x: Any, y: Any) -> None:
    """Integer division by zero is an error, as in PyTorch."""
    kx = x.dtype.kind if hasattr(x, "dtype") else type(x).__name__[0]
    ky = y.dtype.kind if hasattr(y, "dtype") else type(y).__name__[0]
    if getattr(x, "size", 1) == 0:
        return
    if kx in "iub" and ky in "iub" and ((y == 0) if not hasattr(y, "any") else (y == 0).any()):
        raise RuntimeError("ZeroDivisionError: integer division or remainder by zero")


def sign(lib: Any, x: Any) -> Any:
    """-1, 0 or 1 (nan gives 0; complex: 0 or x/|x|, where nan stays)."""
    kind = x.dtype.kind
    if kind == "b":
        return x.copy()
    if kind == "c":
        return lib.where(x == 0, x.dtype.type(0), x / lib.abs(x).astype(x.dtype))
    out = lib.asarray(lib.sign(x))
    if kind not in "iu":
        out[x != x] = 0
    return out


def nearest(lib: Any, x: Any) -> Any:
    """The nearest integer, halves to even, in x's dtype (rint makes floats of integers)."""
    return x.copy() if x.dtype.kind in "iu" else lib.rint(x)


@widened
def reciprocal(lib: Any, x: Any) -> Any:
    return lib.true_divide(x.dtype.type(1), x)


@widened
def rsqrt(lib: Any, x: Any) -> Any:
    return lib.true_divide(x.dtype.type(1), lib.sqrt(x))


@widened
def sigmoid(lib: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow for real x since exp saturates to inf."""
    out = lib.asarray(lib.negative(x))
    if x.dtype.kind != "f":
        return lib.true_divide(x.dtype.type(1), lib.exp(out) + x.dtype.type(1))
    lib.exp(out, out)
    lib.add(out, 1, out)
    return lib.reciprocal(out, out)


@widened
def sigmoid_backward(lib: Any, g: Any, out: Any) -> Any:
    """g * (out * (1 - out)), in one new array where out has one of the plain dtypes."""
    one = ONE.get(out.dtype, 1) if lib in ON_HOST else 1
    if type(one) is int or out.size < SMALL:
        return g * (out * (one - out))
    r = np.subtract(one, out)
    np.multiply(out, r, r)
    return np.multiply(g, r, r) if g.shape == r.shape and g.dtype is r.dtype else g * r


@widened
def tanh_backward(lib: Any, g: Any, out: Any) -> Any:
    """g * (1 - out * out), in one new array where out has one of the plain dtypes."""
    one = ONE.get(out.dtype, 1) if lib in ON_HOST else 1
    if type(one) is int or out.size < SMALL:
        return g * (one - out * out)
    r = np.multiply(out, out)
    np.subtract(one, r, r)
    return np.multiply(g, r, r) if g.shape == r.shape and g.dtype is r.dtype else g * r


def relu(lib: Any, x: Any) -> Any:
    if x.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return larger(lib, x, x.dtype.type(0))


def larger(lib: Any, x: Any, y: Any, word: str = "maximum") -> Any:
    """lib.maximum(x, y), or minimum; of many numbers of half precision in one pass."""
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":
        found = arithmetic(word, x, y if hasattr(y, "dtype") else x.dtype.type(y))
        if found is not None:
            return found
    return getattr(lib, word)(x, y)


def frac(lib: Any, x: Any) -> Any:
    return x - lib.trunc(x)


def round_to(lib: Any, x: Any, decimals: int = 0) -> Any:
    """Rounded half to even at a decimal place."""
    return lib.around(x, decimals)


def where(lib: Any, condition: Any, x: Any, y: Any) -> Any:
    return lib.where(condition, x, y)


def clamp(lib: Any, x: Any, low: Any, high: Any) -> Any:
    """x limited to [low, high]; a limit may be None; nan stays nan."""
    if x.dtype.kind == "V":  # bfloat16, to which Python numbers are not weak
        low, high = (v if v is None else x.dtype.type(v) for v in (low, high))
    if low is not None:
        x = larger(lib, x, low)
    if high is not None:
        x = larger(lib, x, high, "minimum")
    return x


def pow(lib: Any, x: Any, y: Any) -> Any:
    """x ** y; integers to negative powers as PyTorch (0, 1 or -1)."""
    if type(y) is float or type(y) is int:
        if y == 2:
            return lib.multiply(x, x)
        if y == 0.5 and x.dtype.kind in "fc":
            return lib.sqrt(x)
        if y == -0.5 and x.dtype.kind == "f":  # infinite at -0.0 with its sign, nan below
            return reciprocal(lib, lib.sqrt(x))
        if y in (-1, -2) and x.dtype.kind == "c":  # also of zero
            return reciprocal(lib, x if y == -1 else lib.multiply(x, x))
    kx = x.dtype.kind if hasattr(x, "dtype") else None
    if kx and kx in "fV" and x.dtype.itemsize == 2 and getattr(y, "dtype", None) == x.dtype:
        exponent = converted(y, FLOAT32) if y.ndim else float(y)  # rounded once
        return converted(lib.asarray(pow(lib, converted(x, FLOAT32), exponent)), x.dtype)
    if kx == "b" and getattr(y, "dtype", None) == x.dtype:
        return lib.logical_or(x, lib.logical_not(y))
    ky = y.dtype.kind if hasattr(y, "dtype") else ("i" if type(y) is int else "f")
    if kx in ("i", "u") and ky in "iub":
        if not hasattr(y, "dtype") and y < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if hasattr(y, "dtype") and y.dtype.kind == "i" and (y < 0).any():
            neg = y < 0
            p = lib.power(x, lib.where(neg, 0, y))
            inv = lib.where(x == 1, 1, lib.where(x == -1, lib.where(y % 2 == 0, 1, -1), 0))
            return lib.where(neg, inv, p).astype(p.dtype)
    out = lib.power(x, y)
    if out.dtype.kind == "c" and hasattr(x, "dtype") and hasattr(y, "dtype"):
        none = (x == 0) & (y == 0)  # exp(0 log 0) in PyTorch, 1 for one number as exponent
        if some(lib, none):
            out = lib.where(none, out.dtype.type(complex("nan+nanj")), out)
    return out


def erf(lib: Any, x: Any) -> Any:
    return special(lib, "erf", x)


def erfc(lib: Any, x: Any) -> Any:
    return special(lib, "erfc", x)


def special(lib: Any, name: str, *args: Any) -> Any:
    """A SciPy function; half precision is computed in float32."""
    d = args[0].dtype
    if d.itemsize == 2:
        wide = [converted(a, FLOAT32) for a in args]
        return converted(lib.asarray(getattr(scipy_special(lib), name)(*wide)), d)
    return getattr(scipy_special(lib), name)(*args)


def scipy_special(lib: Any) -> Any:
    """The special functions that go with a library."""
    if lib.__name__ == "cupy":
        import cupyx.scipy.special

        return cupyx.scipy.special
    import scipy.special

    return scipy.special
