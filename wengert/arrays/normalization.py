"""Batch, layer, group and RMS norm with gradients, in few passes. First argument: the library.

What lives here: the fast form of words whose meaning is the body of the op of that name
(`ops/normalize.py`).

Sums along rows and columns are products with a vector of ones: BLAS adds three times faster than
`add.reduce`. Half precision is computed in float32; statistics are then float32 too.
"""

from __future__ import annotations

import math
from typing import Any

from .activations import F32, F64, LOW, ones

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


def row_sums(lib: Any, x: Any) -> Any:
    """Sums of the rows of a matrix."""
    if x.dtype is not F32 and x.dtype is not F64:
        return lib.add.reduce(x, 1)
    return lib.matmul(x, ones(lib, x.shape[1], x.dtype))


def column_sums(lib: Any, x: Any) -> Any:
    """Sums of the columns of a matrix."""
    if x.dtype is not F32 and x.dtype is not F64:
        return lib.add.reduce(x, 0)
    return lib.matmul(ones(lib, x.shape[0], x.dtype), x)


def row_dots(lib: Any, x: Any, y: Any) -> Any:
    """Sums of the rows of x * y."""
    if hasattr(lib, "vecdot") and x.dtype.kind == "f":
        return lib.vecdot(x, y)
    return lib.add.reduce(x * y, 1)


def column_dots(lib: Any, x: Any, y: Any) -> Any:
    """Sums of the columns of x * y."""
    return lib.einsum("ij,ij->j", x, y)


def wide(a: Any) -> Any:
    """a, or its float32 copy if it is half precision."""
    return a.astype(F32) if a is not None and a.dtype in LOW else a


def floating(name: str, x: Any) -> None:
    if x.dtype.kind not in "fc" and x.dtype not in LOW:
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{x.dtype}': it takes floating point tensors, convert "
            "with .float()"
        )


# ------------------------------------------------------------------------------------- batch norm
# x as planes: (N, C, L); for L = 1 the matrix (N, C)


def planes(x: Any) -> Any:
    n, c = x.shape[:2]
    return (
        x.reshape(n, c, -1)
        if x.ndim > 2 and x.size
        else x.reshape(n, c, math.prod(x.shape[2:]))
        if x.ndim > 2
        else x
    )


def channel_sums(lib: Any, x: Any) -> Any:
    """Sums over all but the channels of planes or a matrix."""
    if x.ndim == 2:
        return column_sums(lib, x)
    n, c, m = x.shape
    return column_sums(lib, row_sums(lib, x.reshape(n * c, m)).reshape(n, c))


def channel_dots(lib: Any, x: Any, y: Any) -> Any:
    """Sums of x * y over all but the channels."""
    if x.ndim == 2:
        return column_dots(lib, x, y)
    n, c, m = x.shape
    return column_sums(lib, row_dots(lib, x.reshape(n * c, m), y.reshape(n * c, m)).reshape(n, c))


def per_channel(a: Any, x: Any) -> Any:
    """A vector of channels, shaped to meet planes or a matrix."""
    return a[:, None] if x.ndim == 3 else a


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
    floating("batch_norm", x)
    dtype, shape = x.dtype, x.shape
    x, weight, bias = wide(x), wide(weight), wide(bias)
    p = planes(x)
    if training:
        scale = p.dtype.type(p.shape[1] / max(p.size, 1))
        mean = channel_sums(lib, p) * scale
        out = p - per_channel(mean, p)
        var = channel_dots(lib, out, out) * scale
        rstd = 1 / lib.sqrt(var + p.dtype.type(eps))
        factor = rstd if weight is None else rstd * weight
        out *= per_channel(factor, p)
        if bias is not None:
            out += per_channel(bias, p)
    else:
        mean, var = (
            wide(running_mean).copy(),
            wide(running_var),
        )  # the copy is kept for the gradient
        rstd = 1 / lib.sqrt(var + var.dtype.type(eps))
        factor = rstd if weight is None else rstd * weight
        shift = -mean * factor
        if bias is not None:
            shift += bias
        out = p * per_channel(factor.astype(p.dtype, copy=False), p)
        out += per_channel(shift, p)
    out = out.reshape(shape)
    return (out.astype(dtype) if dtype in LOW else out), mean, var, rstd


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
    dtype, shape = x.dtype, x.shape
    g, x, weight = planes(wide(g)), planes(wide(x)), wide(weight)
    gx = gw = gb = None
    if training or needs[1]:
        d = x - per_channel(mean, x)
        dots = channel_dots(lib, g, d)
        gw = dots * rstd
    if training or needs[2]:
        gb = channel_sums(lib, g)
    if needs[0]:
        factor = rstd if weight is None else rstd * weight
        if training:
            scale = x.dtype.type(x.shape[1] / max(x.size, 1))
            d *= per_channel(dots * rstd * rstd * -scale, x)
            d += g
            d -= per_channel(gb * scale, x)
            d *= per_channel(factor, x)
            gx = d
        else:
            gx = g * per_channel(factor, x)
        gx = gx.reshape(shape)
        if dtype in LOW:
            gx = gx.astype(dtype)
    return gx, gw if needs[1] else None, gb if needs[2] else None


# ------------------------------------------------------------------------------------- layer norm


def rows(x: Any, dims: int) -> Any:
    """x as a matrix whose rows are its last `dims` dimensions."""
    m = math.prod(x.shape[x.ndim - dims :])
    return x.reshape(math.prod(x.shape[: x.ndim - dims]), m)


def centred(lib: Any, x: Any, eps: float) -> Any:
    """(rows of x less their means, means, 1 / deviations)."""
    n = x.dtype.type(1 / max(x.shape[1], 1))
    mean = row_sums(lib, x)
    mean *= n
    out = x - mean[:, None]
    var = row_dots(lib, out, out)
    var *= n
    var += x.dtype.type(eps)
    return out, mean, 1 / lib.sqrt(var, out=var)


def layer_norm(
    lib: Any, x: Any, weight: Any = None, bias: Any = None, dims: int = 1, eps: float = 1e-5
) -> Any:
    """(x normalised over its last `dims` dimensions, means, 1 / deviations)."""
    floating("layer_norm", x)
    dtype, shape = x.dtype, x.shape
    out, mean, rstd = centred(lib, rows(wide(x), dims), eps)
    out *= rstd[:, None]
    if weight is not None:
        out *= wide(weight).reshape(-1)
    if bias is not None:
        out += wide(bias).reshape(-1)
    out = out.reshape(shape)
    return (out.astype(dtype) if dtype in LOW else out), mean, rstd


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
    dtype, shape, full = x.dtype, x.shape, x.shape[x.ndim - dims :]
    g, x, weight = rows(wide(g), dims), rows(wide(x), dims), wide(weight)
    w = ones(lib, x.shape[1], x.dtype) if weight is None else weight.reshape(-1)
    gx = gw = gb = None
    if needs[2]:
        gb = column_sums(lib, g).reshape(full)
    if needs[0] or needs[1]:
        p = g * x
        if needs[1]:
            gw = (lib.matmul(rstd, p) - lib.matmul(mean * rstd, g)).reshape(full)
    if needs[0]:
        # gx = rstd (g w) + a x + b: all that is left are products of matrices with vectors and four
        # passes
        n = x.dtype.type(-1 / max(x.shape[1], 1))
        sums = lib.matmul(g, w)
        a = (lib.matmul(p, w) - mean * sums) * rstd * rstd * rstd * n
        b = sums * rstd * n - a * mean
        lib.multiply(x, a[:, None], out=p)
        p += b[:, None]
        gx = g * rstd[:, None]
        if weight is not None:
            gx *= w
        gx += p
        gx = gx.reshape(shape)
        if dtype in LOW:
            gx = gx.astype(dtype)
    return gx, gw, gb


# ------------------------------------------------------------------------------------- group norm


def group_norm(
    lib: Any, x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5
) -> Any:
    """(x (N, C, ...) normalised over groups of channels, means, 1 / deviations per group)."""
    floating("group_norm", x)
    dtype, shape = x.dtype, x.shape
    n, c = shape[:2]
    m = math.prod(shape[2:])
    out, mean, rstd = centred(lib, wide(x).reshape(n * groups, c // groups * m), eps)
    out = out.reshape(n, c, m)
    factor = lib.repeat(rstd.reshape(n, groups), c // groups, 1)
    if weight is not None:
        factor *= wide(weight)
    out *= factor[:, :, None]
    if bias is not None:
        out += wide(bias)[:, None]
    out = out.reshape(shape)
    return (out.astype(dtype) if dtype in LOW else out), mean, rstd


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
    dtype, shape = x.dtype, x.shape
    n, c = shape[:2]
    m = math.prod(shape[2:])
    g, x, weight = wide(g).reshape(n * c, m), wide(x).reshape(n * c, m), wide(weight)
    gs, xs = (
        row_sums(lib, g).reshape(n, groups, c // groups),
        row_dots(lib, g, x).reshape(n, groups, c // groups),
    )
    mean, rstd = mean.reshape(n, groups, 1), rstd.reshape(n, groups, 1)
    gx = gw = gb = None
    if needs[2]:
        gb = lib.add.reduce(gs.reshape(n, c), 0)
    if needs[1]:
        gw = lib.add.reduce(((xs - mean * gs) * rstd).reshape(n, c), 0)
    if needs[0]:
        # gx = rstd w g + a x + b, where a and b belong to a group
        w = x.dtype.type(1) if weight is None else weight.reshape(groups, -1)
        k = x.dtype.type(-1 / max(c // groups * m, 1))
        total = lib.add.reduce(gs * w, 2, None, None, True)
        a = (lib.add.reduce(xs * w, 2, None, None, True) - mean * total) * rstd * rstd * rstd * k
        b = total * rstd * k - a * mean
        each = (n, groups, c // groups)
        a, b, f = (lib.broadcast_to(v, each).reshape(n * c, 1) for v in (a, b, rstd * w))
        gx = x * a
        gx += b
        gx += g * f
        gx = gx.reshape(shape)
        if dtype in LOW:
            gx = gx.astype(dtype)
    return gx, gw, gb


# ------------------------------------------------------------------------------------- RMS norm


def rms_norm(lib: Any, x: Any, weight: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
    """(x over the root of its mean square in the last `dims` dimensions, 1 / those roots)."""
    dtype, shape = x.dtype, x.shape
    p = rows(wide(x), dims)
    d = p.dtype.type
    square = row_dots(lib, p, p)
    square *= d(1 / max(p.shape[1], 1))
    square += d(eps)
    r = 1 / lib.sqrt(square)
    out = p * r[:, None]
    if weight is not None:
        out *= wide(weight).reshape(-1)
    out = out.reshape(shape)
    return (out.astype(dtype) if dtype in LOW else out), r


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
    dtype, shape, full = x.dtype, x.shape, x.shape[x.ndim - dims :]
    g, x, weight = rows(wide(g), dims), rows(wide(x), dims), wide(weight)
    w = ones(lib, x.shape[1], x.dtype) if weight is None else weight.reshape(-1)
    p = g * x
    gx = gw = None
    if needs[1]:
        gw = lib.matmul(r, p).reshape(full)
    if needs[0]:
        a = lib.matmul(p, w) * r * r * r * x.dtype.type(-1 / max(x.shape[1], 1))
        lib.multiply(x, a[:, None], out=p)
        gx = g * r[:, None]
        if weight is not None:
            gx *= w
        gx += p
        gx = gx.reshape(shape)
        if dtype in LOW:
            gx = gx.astype(dtype)
    return gx, gw
