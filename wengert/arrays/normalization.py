"""Batch, layer, group and RMS norm with gradients, in few passes. First argument: the library.

What lives here: the fast form of words whose meaning is the body of the op of that name
(`ops/nn/batch_norm.py`, `ops/nn/layer_norm.py`).

Sums along rows and columns are products with a vector: BLAS adds three times faster than
`add.reduce`. Half precision is computed in float32; statistics are then float32 too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from ..kernels import batch_norm as kernels
from ..kernels.halves import converted
from .activation import F32, F64, LOW, ones
from .capabilities import ON_HOST
from .summation import add_up

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "group_norm",
    "group_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]


def widened(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel for float arrays that takes half precision too; only its first result is narrowed.

    NotImplementedError for dtypes that are not floating.
    """

    @functools.wraps(kernel)
    def f(lib: Any, x: Any, *rest: Any) -> Any:
        d = x.dtype
        if d is F32 or d is F64:
            return kernel(lib, x, *rest)
        if d in LOW:
            wide = [converted(a, F32) if getattr(a, "dtype", None) in LOW else a for a in rest]
            out = kernel(lib, converted(x, F32), *wide)
            if type(out) is not tuple:
                return converted(out, d)
            return (None if out[0] is None else converted(out[0], d), *out[1:])
        if d.kind not in "fc":
            raise NotImplementedError(
                f"\"{kernel.__name__}\" not implemented for '{d}': it takes floating point "
                "tensors, convert with .float()"
            )
        return kernel(lib, x, *rest)

    f.single = True  # type: ignore[attr-defined]  # computes half precision in float32
    return f


def row_means(lib: Any, x: Any) -> Any:
    n = x.shape[1]
    if n > BLOCK:
        return add_up(lib, x, 1) * x.dtype.type(1 / n)
    return lib.matmul(x, averages(lib, n, x.dtype))


def far(lib: Any, mean: Any, var: Any) -> Any:
    """Whether a mean is so far from 0 that its rounding shows in the distances from it."""
    return lib.count_nonzero(mean * mean > 1e4 * var)


def row_dots(lib: Any, x: Any, y: Any) -> Any:
    """Sums of the rows of x * y."""
    return lib.vecdot(x, y) if hasattr(lib, "vecdot") else lib.add.reduce(x * y, 1)


@functools.lru_cache(64)
def averages(lib: Any, n: int, dtype: Any) -> Any:
    """The vector whose product with n numbers is their mean."""
    return lib.full(n, 1 / max(n, 1), dtype)


# --------------------------------------------------------------------------- batch norm
# x as planes: (N, C, L); for L = 1 the matrix (N, C)


def planes(x: Any) -> Any:
    return x if x.ndim == 2 else x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def channel_sums(lib: Any, x: Any) -> Any:
    """Sums over all but the channels of planes or a matrix."""
    if x.ndim == 3:
        n, c, m = x.shape
        x = x.reshape(n * c, m)
        x = lib.matmul(x, ones(lib, m, x.dtype)) if m <= BLOCK else add_up(lib, x, 1)
        x = x.reshape(n, c)
    if len(x) > BLOCK:
        return add_up(lib, x, 0)
    return ones(lib, x.shape[0], x.dtype).dot(x)


SMALL = 1 << 16  # elements of a product that is still in a cache when it is summed
BLOCK = 256  # terms of a product with ones, which BLAS adds in a few sums


def channel_dots(lib: Any, x: Any, y: Any) -> Any:
    """Sums of x * y over all but the channels."""
    if x.ndim == 2:
        n, c = x.shape
        step = max(1, min(BLOCK, SMALL // max(c, 1)))
        if n <= step:
            return ones(lib, n, x.dtype).dot(x * y)
        starts = range(0, n, step)
        return channel_sums(
            lib, lib.stack([channel_dots(lib, x[i : i + step], y[i : i + step]) for i in starts])
        )
    n, c, m = x.shape
    return channel_sums(lib, row_dots(lib, x.reshape(n * c, m), y.reshape(n * c, m)).reshape(n, c))


@widened
def batch_norm(
    lib: Any,
    x: Any,
    weight: Any = None,
    bias: Any = None,
    running_mean: Any = None,
    running_var: Any = None,
    training: bool = True,
    eps: float = 1e-5,
) -> Any:
    """(normalised x, mean, variance, 1 / deviation), with statistics of the batch or the given."""
    if training and lib in ON_HOST:
        fast = kernels.batch_norm(x, weight, bias, eps)
        if fast is not None:
            return fast
    p = planes(x)
    along = (lambda a: a[:, None]) if p.ndim == 3 else lambda a: a
    if training:
        scale = p.dtype.type(p.shape[1] / max(p.size, 1))
        mean = channel_sums(lib, p)
        mean *= scale
        out = p - along(mean)
        var = channel_dots(lib, out, out)
        var *= scale
        if lib not in ON_HOST or far(lib, mean, var):  # a device would have to be asked
            rest = channel_sums(lib, out) * scale
            out -= along(rest)
            var -= rest * rest
        rstd = lib.sqrt(var + p.dtype.type(eps))
        lib.reciprocal(rstd, out=rstd)
        out *= along(rstd if weight is None else rstd * weight)
        if bias is not None:
            out += along(bias)
    else:
        mean, var = running_mean.copy(), running_var  # the copy is kept for the gradient
        rstd = lib.reciprocal(lib.sqrt(var + var.dtype.type(eps)))
        factor = rstd if weight is None else rstd * weight
        fast = kernels.normalized(x, mean, factor, bias) if lib in ON_HOST else None
        if fast is not None:
            return fast, mean, var, rstd
        shift = -mean * factor
        if bias is not None:
            shift += bias
        out = p * along(factor.astype(p.dtype, copy=False))
        out += along(shift)
    return out.reshape(x.shape), mean, var, rstd


@widened
def batch_norm_backward(
    lib: Any,
    g: Any,
    x: Any,
    weight: Any = None,
    mean: Any = None,
    rstd: Any = None,
    training: bool = True,
    eps: float = 1e-5,
    needs: Any = (True, True, True),
) -> Any:
    """Gradients of x, weight and bias."""
    if lib in ON_HOST:
        fast = kernels.batch_norm_backward(g, x, weight, mean, rstd, training, needs)
        if fast is not None:
            return fast
    shape = x.shape
    g, x = planes(g), planes(x)
    along = (lambda a: a[:, None]) if x.ndim == 3 else lambda a: a
    gx = gw = gb = None
    if training or needs[1]:
        gx = x - along(mean)
        dots = channel_dots(lib, g, gx)
        gw = dots * rstd if needs[1] else None
    if training or needs[2]:
        gb = channel_sums(lib, g)
    if not needs[0]:
        return None, gw, gb if needs[2] else None
    factor = rstd if weight is None else rstd * weight
    if training:
        scale = x.dtype.type(x.shape[1] / max(x.size, 1))
        gx *= along(dots * rstd * rstd * -scale)
        gx += g
        gx -= along(gb * scale)
        gx *= along(factor)
    else:
        gx = g * along(factor)
    return gx.reshape(shape), gw, gb if needs[2] else None


# --------------------------------------------------------------------------- layer norm


def rows(x: Any, dims: int) -> Any:
    """x as a matrix whose rows are its last `dims` dimensions."""
    shape = x.shape
    if dims == 1 and len(shape) == 2:
        return x
    at = len(shape) - dims
    return x.reshape(math.prod(shape[:at]), math.prod(shape[at:]))


def centred(lib: Any, x: Any, eps: float) -> Any:
    """(rows of x less their means, means, 1 / deviations)."""
    n = x.shape[1]
    mean = row_means(lib, x)
    out = x - mean[:, None]
    var = row_dots(lib, out, out)
    var *= x.dtype.type(1 / max(n, 1))
    if lib not in ON_HOST or far(lib, mean, var):
        rest = row_means(lib, out)
        out -= rest[:, None]
        var -= rest * rest
    rstd = var + x.dtype.type(eps)
    lib.sqrt(rstd, out=rstd)
    lib.reciprocal(rstd, out=rstd)
    rstd += var - var  # nan where the variance overflowed, which 0 would hide
    return out, mean, rstd


@widened
def layer_norm(
    lib: Any, x: Any, weight: Any = None, bias: Any = None, dims: int = 1, eps: float = 1e-5
) -> Any:
    """(x normalised over its last `dims` dimensions, means, 1 / deviations)."""
    out, mean, rstd = centred(lib, rows(x, dims), eps)
    out *= rstd[:, None]
    if weight is not None:
        out *= weight if dims == 1 else weight.reshape(-1)
    if bias is not None:
        out += bias if dims == 1 else bias.reshape(-1)
    return out.reshape(x.shape), mean, rstd


@widened
def layer_norm_backward(
    lib: Any,
    g: Any,
    x: Any,
    weight: Any = None,
    mean: Any = None,
    rstd: Any = None,
    dims: int = 1,
    eps: float = 1e-5,
    needs: Any = (True, True, True),
) -> Any:
    """Gradients of x, weight and bias."""
    shape, full = x.shape, x.shape[x.ndim - dims :]
    g, x = rows(g, dims), rows(x, dims)
    count = x.shape[1]
    gx = gw = gb = None
    if needs[2]:
        gb = channel_sums(lib, g).reshape(full)
    if needs[0] or needs[1]:
        p = g * x
        if needs[1]:
            gw = lib.matmul(rstd, p)
            gw -= lib.matmul(mean * rstd, g)
            gw = gw.reshape(full)
    if needs[0]:
        # gx = rstd (g w) + a x + b: products of matrices with vectors, and four passes
        w = ones(lib, count, x.dtype) if weight is None else weight.reshape(-1)
        n = x.dtype.type(-1 / max(count, 1))
        sums = lib.matmul(g, w)
        a = lib.matmul(p, w)
        a -= mean * sums
        r = rstd * n
        sums *= r
        r *= rstd
        r *= rstd
        a *= r
        sums -= a * mean
        lib.multiply(x, a[:, None], out=p)
        p += sums[:, None]
        gx = g * rstd[:, None]
        if weight is not None:
            gx *= w
        gx += p
        gx = gx.reshape(shape)
    return gx, gw, gb


# --------------------------------------------------------------------------- group norm


@widened
def group_norm(
    lib: Any, x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5
) -> Any:
    """(x (N, C, ...) normalised over groups of channels, means, 1 / deviations per group)."""
    n, c = x.shape[:2]
    m = math.prod(x.shape[2:])
    out, mean, rstd = centred(lib, x.reshape(n * groups, c // groups * m), eps)
    out = out.reshape(n, c, m)
    factor = lib.repeat(rstd.reshape(n, groups), c // groups, 1)
    if weight is not None:
        factor *= weight
    out *= factor[:, :, None]
    if bias is not None:
        out += bias[:, None]
    return out.reshape(x.shape), mean, rstd


@widened
def group_norm_backward(
    lib: Any,
    g: Any,
    x: Any,
    weight: Any = None,
    mean: Any = None,
    rstd: Any = None,
    groups: int = 1,
    eps: float = 1e-5,
    needs: Any = (True, True, True),
) -> Any:
    """Gradients of x, weight and bias."""
    shape = x.shape
    n, c = shape[:2]
    m, k = math.prod(shape[2:]), c // groups
    g, x = g.reshape(n * c, m), x.reshape(n * c, m)
    gs = lib.matmul(g, ones(lib, m, g.dtype)).reshape(n, groups, k)
    xs = row_dots(lib, g, x).reshape(n, groups, k)
    mean, rstd = mean.reshape(n, groups, 1), rstd.reshape(n, groups, 1)
    gx = gw = gb = None
    if needs[2]:
        gb = add_up(lib, gs.reshape(n, c), 0)
    if needs[1]:
        gw = add_up(lib, ((xs - mean * gs) * rstd).reshape(n, c), 0)
    if needs[0]:
        # gx = rstd w g + a x + b, where a and b belong to a group
        w = x.dtype.type(1) if weight is None else weight.reshape(groups, k)
        share = x.dtype.type(-1 / max(k * m, 1))
        total = lib.add.reduce(gs * w, 2, None, None, True)
        a = lib.add.reduce(xs * w, 2, None, None, True) - mean * total
        a *= rstd * rstd * rstd * share
        b = total * rstd * share - a * mean
        parts = n, groups, k, m
        gx = x.reshape(parts) * a[..., None]
        gx += b[..., None]
        gx += g.reshape(parts) * (rstd * w)[..., None]
        gx = gx.reshape(shape)
    return gx, gw, gb


# --------------------------------------------------------------------------- RMS norm


@widened
def rms_norm(lib: Any, x: Any, weight: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
    """(x over the root of its mean square in the last `dims` dimensions, 1 / those roots)."""
    p = rows(x, dims)
    r = row_dots(lib, p, p)
    r *= p.dtype.type(1 / max(p.shape[1], 1))
    r += p.dtype.type(eps)
    lib.sqrt(r, out=r)
    lib.reciprocal(r, out=r)
    out = p * r[:, None]
    if weight is not None:
        out *= weight.reshape(-1)
    return out.reshape(x.shape), r


@widened
def rms_norm_backward(
    lib: Any,
    g: Any,
    x: Any,
    weight: Any = None,
    r: Any = None,
    dims: int = 1,
    eps: float = 1e-5,
    needs: Any = (True, True),
) -> Any:
    """Gradients of x and weight."""
    shape, full = x.shape, x.shape[x.ndim - dims :]
    g, x = rows(g, dims), rows(x, dims)
    p = g * x
    gx = gw = None
    if needs[1]:
        gw = lib.matmul(r, p).reshape(full)
    if needs[0]:
        w = ones(lib, x.shape[1], x.dtype) if weight is None else weight.reshape(-1)
        a = lib.matmul(p, w)
        a *= r * r * r * x.dtype.type(-1 / max(x.shape[1], 1))
        lib.multiply(x, a[:, None], out=p)
        gx = g * r[:, None]
        if weight is not None:
            gx *= w
        gx += p
        gx = gx.reshape(shape)
    return gx, gw
