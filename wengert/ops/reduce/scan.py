"""Cumulative sums, products, extremes; differences and trapezoids."""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import RANK, VALUES
from ...base import dtypes
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import linear, opaque
from ...engine.op import op, primitive
from ..dims import wrap_dim
from ..shape.join import cat
from .minmax import by_index  # noqa: F401
from .sum import converted


@primitive(linear)
def cumsum(xp, x, dim=0):
    """Sum so far along dim."""


@primitive(linear)
def cumsum_back(xp, x, dim=0):
    """Sum from here to the end along dim."""


def _cumsum(xp: Any, g: Any, dim: int) -> Any:
    if g.ndim == 0:
        return g
    return xp.cumsum_back(g, dim)


def _cumsum_back(xp: Any, g: Any, dim: int) -> Any:
    return xp.cumsum(g, dim) if g.ndim else g


cumsum.vjp(x=_cumsum)
cumsum_back.vjp(x=_cumsum_back)


@primitive(opaque)
def cumprod(xp, x, dim=0):
    """Product so far along dim."""


def _cumprod(xp: Any, g: Any, x: Any, out: Any, dim: int) -> Any:
    """Product of the elements before, times the sum over later positions of g and the products up
    to there: by division before the first zero of a line, and nothing after it.

    Where second derivatives are recorded, by the recurrence s[i] = g[i] + x[i + 1] s[i + 1] in
    lines with a zero, which is exact in all of them.
    """
    n = x.shape[dim] if x.ndim else 0
    if n < 2:
        return g
    zero = xp.eq(x, 0)
    divisor = xp.where(zero, xp.ones_like(x), x)
    if not RANK.get(type(zero)) and xp.has(VALUES):
        if not bool(xp.any(zero)):
            return xp.cumsum_back(g * out, dim) / divisor
        return _beside_zeros(xp, g, x, out, dim, zero, divisor)
    quotients = xp.cumsum_back(g * out, dim) / divisor
    before = [xp.ones_like(xp.select(x, dim, 0))]
    for i in range(n - 1):
        before.append(before[-1] * xp.select(x, dim, i))
    later = xp.select(g, dim, n - 1)
    parts = [before[-1] * later]
    for i in range(n - 2, -1, -1):
        later = xp.select(g, dim, i) + xp.select(x, dim, i + 1) * later
        parts.append(before[i] * later)
    return xp.where(xp.any(zero, dim, True), xp.stack(*parts[::-1], dim=dim), quotients)


def _beside_zeros(xp: Any, g: Any, x: Any, out: Any, dim: int, zero: Any, divisor: Any) -> Any:
    """The first derivatives of cumprod in lines with zeros."""
    seen = xp.cumsum(xp.astype(zero, dtypes.int64.np), dim)
    before, one = xp.eq(seen, 0), xp.eq(seen, 1)
    first, between = xp.logical_and(one, zero), xp.logical_and(one, xp.logical_not(zero))
    nothing = xp.zeros_like(x)
    quotients = xp.cumsum_back(xp.where(before, g * out, nothing), dim) / divisor
    others = xp.cumprod(xp.where(between, x, xp.ones_like(x)), dim)
    later = xp.sum(xp.where(one, g, nothing) * others, dim, True)
    every = (slice(None),) * (dim % x.ndim)
    start = xp.ones_like(xp.getitem(x, (*every, slice(0, 1))))
    earlier = xp.cat(start, xp.getitem(out, (*every, slice(0, -1))), dim=dim)
    return xp.where(before, quotients, xp.where(first, earlier * later, nothing))


cumprod.vjp(x=_cumprod)


@op(linear, node="CumsumBackward0")
def cumsum_narrowed(xp, x, dim=0, dtype=None):
    """Sum so far along dim in a narrower dtype; its gradient is summed in that of x."""
    return xp.cumsum(xp.astype(x, dtype), dim)


cumsum_narrowed.vjp(x=lambda xp, g, x_dtype, dim: _cumsum(xp, xp.astype(g, x_dtype), dim))


@op(opaque, node="CumprodBackward0")
def cumprod_narrowed(xp, x, dim=0, dtype=None):
    """Product so far along dim in a narrower dtype; its gradient is formed in that of x."""
    return xp.cumprod(xp.astype(x, dtype), dim)


cumprod_narrowed.vjp(
    x=lambda xp, g, x, out, dim: _cumprod(
        xp, xp.astype(g, x.dtype), x, xp.astype(out, x.dtype), dim
    )
)


LEAST = -1.7976931348623157e308  # the logarithm of nothing, in double precision


@primitive(opaque, name="logcumsumexp")
def logcumsumexp_op(xp, x, dim=0):
    """log of the sum of exp so far."""


def _logcumsumexp(xp: Any, g: Any, x: Any, out: Any, dim: int) -> Any:
    if x.ndim == 0 or 0 in x.shape:
        return g
    # d out_j / d x_i = exp(x_i - out_j) for j >= i; shifted so that neither factor overflows,
    # summed in double precision
    real = dtypes.as_dtype(g.dtype).is_floating_point
    if real:
        g, x = xp.astype(g, dtypes.float64.np), xp.astype(x, dtypes.float64.np)
        out = xp.logcumsumexp(x, dim)
    m = xp.amax(xp.real(out), dim, True)
    m = xp.where(xp.isfinite(m), m, xp.zeros_like(m))
    w = g * xp.exp(m - out)
    slope = xp.exp(x - m) * xp.cumsum_back(w, dim)
    if not real:
        return slope

    def part(g: Any) -> Any:
        """The gradient of what is positive in g, by logarithms, which span more than exp does."""
        some = xp.gt(g, 0)
        logs = xp.log(xp.where(some, g, xp.ones_like(g)))
        w = xp.where(some, logs, xp.full_like(g, LEAST)) - out
        return xp.exp(xp.flip(xp.logcumsumexp(xp.flip(w, (dim,)), dim), (dim,)) + x)

    return xp.where(xp.isfinite(slope), slope, part(g) - part(-g))


logcumsumexp_op.vjp(x=_logcumsumexp)


def _running(name: str) -> Any:
    @op(opaque, name=name, outputs="values indices", integer="indices", real=True)
    def f(xp, x, dim=0):
        return getattr(xp, name + "_raw")(x, dim)

    f.vjp(
        x=lambda xp, g_values, indices, x_shape, dim: (
            g_values
            if len(x_shape) == 0
            else xp.scatter_add(xp.zeros(tuple(x_shape), g_values.dtype), indices, g_values, dim)
        )
    )
    return f


cummax = _running("cummax")
cummin = _running("cummin")


def _public_running(name: str, o: Any) -> Any:
    def f(input, dim):
        if input.dtype.is_complex and (input._a.ndim == 0 or input._a.size == 0):
            wrap_dim(dim, input._a.ndim, name)
            return named(
                name, input.clone(), input.detach().real.new_zeros(input.shape, dtype=dtypes.int64)
            )
        return named(name, *o.entry(input, wrap_dim(dim, input._a.ndim, name)))

    f.__name__ = name
    f.__doc__ = f"(values, indices) of the cumulative {name[3:]}imum along dim."
    text = f"{name}(Tensor input, int dim, *, out) -> (Tensor values, Tensor indices)"
    return public(text, lines=(line(o, pair=name),), out="exact")(f)


_public_running("cummax", cummax)
_public_running("cummin", cummin)


def _narrows(old: dtypes.dtype, new: dtypes.dtype) -> bool:
    """Whether numbers of old are rounded in new, of the same kind."""
    alike = old.is_inexact and new.is_inexact and old.is_complex == new.is_complex
    return alike and old.itemsize > new.itemsize


def _public_scan(name: str, o: Any, narrowed: Any, what: str) -> Any:
    def f(input, dim, *, dtype=None):
        if dtype is not None:
            if _narrows(input.dtype, dtype):
                return narrowed.entry(input, wrap_dim(dim, input._a.ndim, name), dtype.np)
            input = converted(input, dtype)
        elif input.dtype.category == dtypes.BOOLEAN:
            input = input.to(dtypes.int64)
        r = o.entry(input, wrap_dim(dim, input._a.ndim, name))
        return r if dtype is None or r.dtype is dtype else r.to(dtype)

    f.__name__ = name
    f.__doc__ = f"Cumulative {what} along dim; integers give int64."
    text = f"{name}(Tensor input, int dim, *, ScalarType? dtype=None, out)"
    return public(text, inplace="typed", lines=(line(o, floating=True),), out="computed apart")(f)


_public_scan("cumsum", cumsum, cumsum_narrowed, "sum")
_public_scan("cumprod", cumprod, cumprod_narrowed, "product")


@public(
    "logcumsumexp(Tensor input, int dim, *, out)",
    lines=(line(logcumsumexp_op, floating=True),),
    out="exact apart",
)
def logcumsumexp(input, dim):
    """log of the cumulative sum of exp along dim.

    >>> torch.logcumsumexp(torch.zeros(3), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    dim = wrap_dim(dim, input._a.ndim, "logcumsumexp")
    if not input.dtype.is_inexact:
        raise NotImplementedError(
            f"\"logcumsumexp_out_cpu\" not implemented for '{input.dtype}': convert with .float()"
        )
    return logcumsumexp_op.entry(input, dim)


@public(
    "diff(Tensor input, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None, *, out)",
    out="exact apart",
)
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Differences of neighbours along dim, n times.

    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if input._a.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    added = [t for t in (prepend, append) if t is not None]
    d = wrap_dim(dim, input._a.ndim, "diff") if n or added else 0
    for t in added:
        if t._a.ndim != input._a.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        if any(a != b for i, (a, b) in enumerate(zip(t._a.shape, input._a.shape)) if i != d):
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input"
                f" except along dim {d}, but got {list(t.shape)} and {list(input.shape)}"
            )
    if n == 0:
        return input.clone()
    parts = [t for t in (prepend, input, append) if t is not None]
    x = cat(parts, d) if len(parts) > 1 else input
    n = min(n, x._a.shape[d])
    for _ in range(n):
        m = x._a.shape[d]
        a, b = x.narrow(d, 0, max(m - 1, 0)), x.narrow(d, min(1, m), max(m - 1, 0))
        x = b.logical_xor(a) if x.dtype.category == dtypes.BOOLEAN else b - a
    return x


def _widths(y: Any, x: Any, dx: Any, dim: int) -> Any:
    if x is None:
        return dx
    if x._a.ndim == 1:
        h = diff(x)
        return h.reshape([-1 if i == dim else 1 for i in range(y._a.ndim)])
    x = x.reshape(*[1] * (y._a.ndim - x._a.ndim), *x.shape) if x._a.ndim < y._a.ndim else x
    m = max(x._a.shape[dim] - 1, 0)
    return x.narrow(dim, min(1, x._a.shape[dim]), m) - x.narrow(dim, 0, m)


BOOL = dtypes.bool.np
SHORT, LARGE = 8, 1 << 13  # points of a row; elements


def _alike(x: Any, y: Any) -> bool:
    return x is None or x._a.ndim in (1, y._a.ndim)


NUMBERS = {int, float}


def _trapezoids(y: Any, x: Any, dx: Any, dim: int, name: str) -> tuple[Any, int]:
    if y._a.ndim == 0:
        raise IndexError(f"{name}(): Dimension specified as {dim} but tensor has no dimensions")
    if isinstance(dx, (bool, complex)):
        raise RuntimeError(f"{name}: dx must be a real number, not {dx!r}")
    d = wrap_dim(dim, y._a.ndim, name)
    if y._a.dtype is BOOL or x is not None and x._a.dtype is BOOL:
        raise RuntimeError(
            f"{name}: received a bool input for `{'y' if y._a.dtype is BOOL else 'x'}`, but bool"
            " is not supported"
        )
    n = y._a.shape[d]
    if x is not None and x._a.ndim == 0:  # one point for all
        if n > 1 + (name == "trapezoid"):
            raise RuntimeError(f"{name}: x is one point, but y has {n} along dimension {d}")
        x = x.expand(n)
    if x is not None and x._a.ndim == 1 and x._a.shape[0] != n:
        raise RuntimeError(
            f"{name}: There must be one `x` value for each sample point: x has shape"
            f" {list(x._a.shape)}, y has {n}"
        )
    if x is not None and n > 2 and x._a.ndim == y._a.ndim > 1 and not x._a.shape[d]:
        raise RuntimeError(f"{name}: x has no points along dimension {d}, y has {n}")
    if 1 < n <= SHORT and d == y._a.ndim - 1 > 0 and y._a.size >= LARGE and _alike(x, y):
        # NumPy works row by row on what is cut from rows: each place of all rows is one row here
        y = y.movedim(d, 0).contiguous()
        x = x if x is None or x._a.ndim == 1 else x.movedim(d, 0).contiguous()
        d = 0
    w = _widths(y, x, dx, d)
    return (y.narrow(d, 0, max(n - 1, 0)) + y.narrow(d, min(1, n), max(n - 1, 0))) * w / 2, d


def _equidistant(y: Any, dx: Any, d: int) -> Any:
    """The integral from values dx apart: half of the first and of the last is too much."""
    return (y.sum(d) - (y.select(d, 0) + y.select(d, -1)) * 0.5) * dx


@public(
    "trapezoid(Tensor y, Tensor x, *, int dim=-1)",
    "trapezoid(Tensor y, *, Scalar dx=1, int dim=-1)",
    method=False,
    aliases=("trapz",),
)
def trapezoid(y, x=None, *, dx=1, dim=-1):
    """Integral of y along dim by trapezoids, at points x or dx apart.

    >>> torch.trapezoid(torch.tensor([1., 2., 3.]))
    tensor(4.)
    """
    if y._a.ndim and y._a.dtype is not BOOL and (x is None or x._a.dtype is not BOOL):
        d = wrap_dim(dim, y._a.ndim, "trapezoid")
        if not y._a.shape[d]:
            return y.sum(d).to(y.dtype)
        if x is None and type(dx) in NUMBERS:
            return _equidistant(y, dx, d)
    terms, d = _trapezoids(y, x, dx, dim, "trapezoid")
    return terms.sum(d)


@public(
    "cumulative_trapezoid(Tensor y, Tensor x, *, int dim=-1)",
    "cumulative_trapezoid(Tensor y, *, Scalar dx=1, int dim=-1)",
    method=False,
)
def cumulative_trapezoid(y, x=None, *, dx=1, dim=-1):
    """Cumulative integral of y along dim by trapezoids.

    >>> torch.cumulative_trapezoid(torch.tensor([1., 2., 3.]))
    tensor([1.5000, 4.0000])
    """
    terms, d = _trapezoids(y, x, dx, dim, "cumulative_trapezoid")
    total = terms.cumsum(d)
    return total if d == dim % y._a.ndim else total.movedim(0, -1).contiguous()
