"""Activation functions, softmax and their gradients in few passes. First argument: the library.

What lives here: the fast form of words whose meaning is the body of the op of that name
(`ops/nn/activation.py`). What does not: derivative rules and argument checks.

Ranges are selected by multiplying with a mask: in NumPy that is ten times faster than `where`.
float16 and bfloat16 are computed in float32 and rounded once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes

from ..kernels.halves import converted
from .capabilities import some
from .numpy_direct import library as np
from .words import WORDS

__all__ = WORDS["activation"].split()

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
LOW = (np.dtype(ml_dtypes.bfloat16), np.dtype(np.float16))
BLOCK = 16384  # elements of a pass whose temporaries stay in the L1 and L2 caches


def word(kernel: Callable[..., Any], integers: bool = False) -> Callable[..., Any]:
    """A word from a kernel for float arrays: half precision as float32, 0-d arrays as 1-d."""
    name = kernel.__name__

    @functools.wraps(kernel)
    def f(lib: Any, x: Any, *rest: Any, **static: Any) -> Any:
        d = x.dtype
        if (d is F32 or d is F64) and x.ndim:
            return kernel(lib, x, *rest, **static)
        if d in LOW:
            wide = [converted(a, F32) if getattr(a, "dtype", None) in LOW else a for a in rest]
            return converted(f(lib, converted(x, F32), *wide, **static), d)
        if d.kind not in ("iufc" if integers else "fc"):
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{d}': it takes floating point tensors, convert "
                "with .float()"
            )
        if x.ndim == 0:
            line = [a.reshape(1) if getattr(a, "ndim", 1) == 0 else a for a in rest]
            return kernel(lib, x.reshape(1), *line, **static).reshape(())
        return kernel(lib, x, *rest, **static)

    f.single = True  # type: ignore[attr-defined]  # computes half precision in float32
    return f


# --------------------------------------------------------------------------- the error function

# erf(x) = tanh(x h(x * x)) with h a polynomial fitted for this file; beyond the limit erf is 1 in
# float32
_ERF = tuple(
    np.float32(c)
    for c in (
        1.128379225730896,
        0.10276905447244644,
        -0.00019183252879884094,
        -0.0006197832990437746,
        8.763685036683455e-05,
        -5.66840253668488e-06,
        1.4184830376962054e-07,
    )
)
_ERF_LIMIT = np.float32(14.44)


def erf(lib: Any, x: Any) -> Any:
    """The error function of a float array that is not 0-d; in float32 with errors below 2e-7."""
    if x.dtype != F32:
        from .elementwise import erf as exact

        return exact(lib, x)
    out = lib.empty(x.shape, F32)
    if x.size <= BLOCK or not x.flags.c_contiguous:
        return _erf(lib, x, out, lib.empty(x.shape, F32))
    flat, result, u = x.reshape(-1), out.reshape(-1), lib.empty(BLOCK, F32)
    for i in range(0, x.size, BLOCK):
        part = flat[i : i + BLOCK]
        _erf(lib, part, result[i : i + BLOCK], u[: part.size])
    return out


def _erf(lib: Any, x: Any, out: Any, u: Any) -> Any:
    lib.multiply(x, x, out=u)
    lib.minimum(u, _ERF_LIMIT, out=u)
    lib.multiply(u, _ERF[-1], out=out)
    for c in _ERF[-2:0:-1]:
        out += c
        out *= u
    out += _ERF[0]
    out *= x
    return lib.tanh(out, out=out)


# --------------------------------------------------------------------------- forms of relu


@word
def leaky_relu(lib: Any, x: Any, negative_slope: float = 0.01) -> Any:
    if 0 < negative_slope <= 1:
        out = x * x.dtype.type(negative_slope)
        return lib.maximum(x, out, out=out)
    return x * slopes(lib, x, negative_slope)


def slopes(lib: Any, x: Any, below: float) -> Any:
    """1 where x is positive, else `below`."""
    d = x.dtype.type
    if 0 <= below <= 1:
        return lib.maximum(lib.greater(x, 0), d(below), dtype=x.dtype)
    if not math.isfinite(below):  # no product with a mask: 0 * inf is nan
        return lib.where(lib.greater(x, 0), d(1), d(below))
    m = lib.greater(x, 0).astype(x.dtype)
    rest = (1 - m) * d(below)
    return lib.add(m, rest, out=m)


@word
def leaky_relu_backward(lib: Any, g: Any, x: Any, negative_slope: float = 0.01) -> Any:
    m = slopes(lib, x, negative_slope)
    return lib.multiply(m, g, out=m)


@word
def elu(lib: Any, x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    d = x.dtype.type
    out = lib.minimum(x, d(0))
    if input_scale != 1:
        out *= d(input_scale)
    lib.expm1(out, out=out)
    if alpha * scale != 1:
        out *= d(alpha * scale)
    positive = lib.maximum(x, d(0))
    if scale != 1:
        positive *= d(scale)
    if not math.isfinite(alpha * input_scale):
        return lib.where(lib.less(x, 0), out, positive)
    return lib.add(out, positive, out=out)


@word
def elu_backward(
    lib: Any, g: Any, x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Any:
    d = x.dtype.type
    out = lib.minimum(x, d(0))
    if input_scale != 1:
        out *= d(input_scale)
    lib.exp(out, out=out)
    below = alpha * scale * input_scale
    if below == scale:
        out *= d(scale)
    elif not math.isfinite(below):  # 0 * inf is nan
        out = lib.where(lib.greater(x, 0), d(scale), out * d(below))
    else:
        positive = lib.greater(x, 0)
        out *= d(below)
        out *= ~positive
        out += positive * d(scale)
    return lib.multiply(out, g, out=out)


@word
def softplus(lib: Any, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    d = x.dtype.type
    z = x if beta == 1 else x * d(beta)
    out = lib.absolute(z)
    lib.negative(out, out=out)
    lib.exp(out, out=out)
    lib.log1p(out, out=out)
    out += lib.maximum(z, d(0))
    if beta != 1:
        out /= d(beta)
    # beyond 15 to 20 the formula gives x by itself, unless the factor is infinite
    if (threshold < 15 or math.isinf(beta)) and some(lib, z > threshold):
        out = lib.where(z > threshold, x, out)
    return out


@word
def softplus_backward(lib: Any, g: Any, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    d = x.dtype.type
    z = lib.multiply(x, d(-beta))
    out = lib.exp(z)
    out += 1
    lib.divide(g, out, out=out)
    far = lib.less(z, d(-threshold))
    if threshold < 36 and some(lib, far):
        out = lib.where(far, g, out)
    return out


@word
def logsigmoid(lib: Any, x: Any) -> Any:
    out = lib.absolute(x)
    lib.negative(out, out=out)
    lib.exp(out, out=out)
    lib.log1p(out, out=out)
    return lib.subtract(lib.minimum(x, x.dtype.type(0)), out, out=out)


@word
def logsigmoid_backward(lib: Any, g: Any, x: Any) -> Any:
    out = lib.exp(x)
    out += 1
    return lib.divide(g, out, out=out)


# --------------------------------------------------------------------------- pieces of lines

BITS = {
    np.dtype(ml_dtypes.bfloat16): np.dtype(np.int16),
    np.dtype(np.float16): np.dtype(np.int16),
    F32: np.dtype(np.int32),
    F64: np.dtype(np.int64),
}


def keep(lib: Any, x: Any, condition: Any) -> Any:
    """x where condition holds, else 0, as a product of the bits: as quick as a product of numbers,
    and right where x is infinite or nan.
    """
    d = x.dtype
    bits = BITS.get(d)
    if bits is None:
        return lib.where(condition, x, d.type(0))
    return lib.multiply(x.view(bits), condition).view(d)


def relu_backward(lib: Any, g: Any, out: Any) -> Any:
    return keep(lib, g, lib.not_equal(out, 0))


def word_of_integers(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A word that takes integers too."""
    return word(kernel, integers=True)


@word_of_integers
def hardtanh(lib: Any, x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    d = x.dtype.type
    out = lib.maximum(x, d(low))
    return lib.minimum(out, d(high), out=out)


@word
def hardtanh_backward(lib: Any, g: Any, x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    inside = lib.greater(x, low)
    inside &= lib.less(x, high)
    return keep(lib, g, inside)


@word
def hardsigmoid(lib: Any, x: Any) -> Any:
    d = x.dtype.type
    out = lib.maximum(x, d(-3))
    lib.minimum(out, d(3), out=out)
    out += d(3)
    out /= d(6)
    return out


@word
def hardswish(lib: Any, x: Any) -> Any:
    out = hardsigmoid(lib, x)
    return lib.multiply(out, x, out=out)


@word
def hardswish_backward(lib: Any, g: Any, x: Any) -> Any:
    d = x.dtype.type
    out = x / d(3)
    out += d(0.5)
    high = lib.greater_equal(x, 3)
    out = keep(lib, out, lib.logical_not(high))
    out += high
    out *= g
    low = lib.less_equal(x, -3)
    return keep(lib, out, lib.logical_not(low, out=low))


@word
def hardshrink(lib: Any, x: Any, lambd: float = 0.5) -> Any:
    return x.copy() if lambd != lambd else lib.multiply(x, lib.absolute(x) > lambd)


@word
def hardshrink_backward(lib: Any, g: Any, x: Any, lambd: float = 0.5) -> Any:
    return g.copy() if lambd != lambd else keep(lib, g, lib.absolute(x) > lambd)


@word
def softshrink(lib: Any, x: Any, lambd: float = 0.5) -> Any:
    d = x.dtype.type
    out = lib.maximum(x, d(-lambd))
    lib.minimum(out, d(lambd), out=out)
    return lib.subtract(x, out, out=out)


@word_of_integers
def threshold(lib: Any, x: Any, threshold: float = 0.0, value: float = 0.0) -> Any:
    return lib.where(x <= threshold, x.dtype.type(value), x)


@word
def threshold_backward(lib: Any, g: Any, x: Any, threshold: float = 0.0) -> Any:
    below = lib.less_equal(x, threshold)
    return keep(lib, g, lib.logical_not(below, out=below))


@word
def prelu(lib: Any, x: Any, w: Any) -> Any:
    return lib.where(lib.greater(x, 0), x, x * w)  # keeps the sign of a zero, and 0 * inf is nan


@word
def prelu_backward(lib: Any, g: Any, x: Any, w: Any) -> Any:
    return lib.multiply(lib.where(lib.greater(x, 0), x.dtype.type(1), w), g)


# ------------------------------------------------------------------------------------- smooth ones


def sigmoid(lib: Any, x: Any) -> Any:
    out = lib.negative(x)
    lib.exp(out, out=out)
    out += 1
    return lib.reciprocal(out, out=out)


@word
def silu(lib: Any, x: Any) -> Any:
    out = lib.negative(x)
    lib.exp(out, out=out)
    out += 1
    return lib.divide(x, out, out=out)


@word
def silu_backward(lib: Any, g: Any, x: Any) -> Any:
    s = sigmoid(lib, x)
    out = lib.subtract(x.dtype.type(1), s)
    out *= x
    out += 1
    out *= s
    return lib.multiply(out, g, out=out)


_TANH_SCALE, _CUBE = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh(lib: Any, x: Any) -> Any:
    """tanh of the inner polynomial of the approximation."""
    d = x.dtype.type
    t = lib.multiply(x, x)
    t *= d(_CUBE * _TANH_SCALE)
    t += d(_TANH_SCALE)
    t *= x
    return lib.tanh(t, out=t)


@word
def gelu(lib: Any, x: Any, approximate: str = "none") -> Any:
    d = x.dtype.type
    out = _gelu_tanh(lib, x) if approximate == "tanh" else erf(lib, x * d(math.sqrt(0.5)))
    out += 1
    out *= d(0.5)
    return lib.multiply(out, x, out=out)


@word
def gelu_backward(lib: Any, g: Any, x: Any, approximate: str = "none") -> Any:
    d = x.dtype.type
    u = lib.multiply(x, x)
    if approximate == "tanh":
        t = _gelu_tanh(lib, x)
        u *= d(1.5 * _CUBE * _TANH_SCALE)
        u += d(0.5 * _TANH_SCALE)
        u *= x
        slope = lib.multiply(t, t)
        lib.subtract(d(1), slope, out=slope)
        u *= slope
    else:
        t = erf(lib, x * d(math.sqrt(0.5)))
        u *= d(-0.5)
        lib.exp(u, out=u)
        u *= x
        u *= d(1 / math.sqrt(2 * math.pi))
    t += 1
    t *= d(0.5)
    t += u
    return lib.multiply(t, g, out=t)


@word
def mish(lib: Any, x: Any) -> Any:
    out = softplus(lib, x)
    lib.tanh(out, out=out)
    return lib.multiply(out, x, out=out)


@word
def mish_backward(lib: Any, g: Any, x: Any) -> Any:
    t = lib.tanh(softplus(lib, x))
    out = lib.multiply(t, t)
    lib.subtract(x.dtype.type(1), out, out=out)
    out *= x
    out *= sigmoid(lib, x)
    out += t
    return lib.multiply(out, g, out=out)


# ------------------------------------------------------------------------------------- softmax


@functools.lru_cache(64)
def ones(lib: Any, n: int, dtype: Any) -> Any:
    return lib.ones(n, dtype)


SMALL = 512  # elements up to which the number of calls matters more than the passes


def sums(lib: Any, x: Any, dim: int) -> Any:
    """Sums over a dimension, which stays as 1.

    Along rows they are BLAS's, which is three times faster than `add.reduce`.
    """
    n = x.shape[dim]
    if x.size > SMALL and dim in (-1, x.ndim - 1) and x.flags.c_contiguous and x.dtype.kind == "f":
        return lib.matmul(x.reshape(-1, n), ones(lib, n, x.dtype)).reshape(*x.shape[:-1], 1)
    return lib.add.reduce(x, dim, None, None, True)


def exponentials(lib: Any, x: Any, dim: int, limit: float) -> tuple[Any, Any, Any]:
    """(exp(x - shift), sums of that over dim, shift).

    The shift is the maximum over dim, but None if the numbers are within limits in which exp needs
    none: then two passes over the array are saved, of which the search for the maxima of rows is
    the slowest of all.
    """
    if x.dtype.kind == "c":
        raise NotImplementedError(
            '"softmax" not implemented for complex numbers: pass their real or absolute values'
        )
    if x.size > SMALL and lib.maximum.reduce(x, None) < limit:
        e = lib.exp(x)
        s = sums(lib, e, dim)
        if lib.minimum.reduce(s, None) > math.exp(-limit):
            return e, s, None
    shift = lib.maximum.reduce(x, dim, None, None, True)
    e = lib.subtract(x, shift)
    lib.exp(e, out=e)
    return e, sums(lib, e, dim), shift


SAFE, EXACT = 40.0, 8.0  # without overflow; without loss of digits when a logarithm is subtracted


@word
def softmax(lib: Any, x: Any, dim: int = -1) -> Any:
    if not x.size:
        return x.copy()
    if x.size <= SMALL and x.dtype.kind == "f":  # exponentials(), without the calls
        e = lib.subtract(x, lib.maximum.reduce(x, dim, None, None, True))
        lib.exp(e, e)
        return lib.divide(e, lib.add.reduce(e, dim, None, None, True), e)
    e, s, _ = exponentials(lib, x, dim, SAFE)
    e /= s
    return e


@word
def log_softmax(lib: Any, x: Any, dim: int = -1) -> Any:
    if not x.size:
        return x.copy()
    if x.size <= SMALL and x.dtype.kind == "f":
        out = lib.subtract(x, lib.maximum.reduce(x, dim, None, None, True))
        s = lib.add.reduce(lib.exp(out), dim, None, None, True)
        return lib.subtract(out, lib.log(s, s), out)
    _, s, shift = exponentials(lib, x, dim, EXACT)
    lib.log(s, out=s)
    if shift is None:
        return x - s
    out = x - shift
    out -= s
    return out


@word
def softmax_backward(lib: Any, g: Any, out: Any, dim: int = -1) -> Any:
    gx = lib.multiply(g, out)
    small = gx.size <= SMALL
    s = lib.add.reduce(gx, dim, None, None, True) if small else sums(lib, gx, dim)
    gx -= out * s
    return gx


@word
def log_softmax_backward(lib: Any, g: Any, out: Any, dim: int = -1) -> Any:
    gx = lib.exp(out)
    small = gx.size <= SMALL
    gx *= lib.add.reduce(g, dim, None, None, True) if small else sums(lib, g, dim)
    return lib.subtract(g, gx, out=gx)
