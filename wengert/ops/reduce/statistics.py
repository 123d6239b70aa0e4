"""Products, tests, moments, norms and quantiles along dimensions."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.lookup import HOSTED
from ...base import dtypes
from ...base.advice import advise
from ...declare.lines import line
from ...declare.registry import function, public
from ...engine.kinds import composite, opaque, reduction
from ...engine.op import op, primitive
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor
from ..dims import count, restore, wrap_dim, wrap_dims
from ..node_facts import DIMS
from .sum import converted, mean, mean_all, mean_op, reduced
from .sum import sum as sum_of


@primitive(reduction, name="prod")
def prod_op(xp, x, dim=None, keepdim=False):
    """Product over dim, or over everything."""


@op(composite)
def prod_backward(xp, g, x, out, dim=None, keepdim=False):
    """Each element gets g times the product of the others: by division if none is zero."""
    shape = tuple(x.shape)
    if not shape:
        return g
    g = restore(xp, g, shape, dim, keepdim)
    nd = len(shape)
    dims = range(nd) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    last = [d % nd for d in dims]
    kept = [d for d in range(nd) if d not in last]
    n, rest = math.prod([shape[d] for d in last]), [shape[d] for d in kept]
    if n == 0:
        return g * x  # nothing, of which second derivatives know where it comes from
    order = (*kept, *last)
    y = xp.reshape(xp.permute(x, order), (*rest, n))
    g = xp.reshape(xp.permute(g, order), (*rest, 1))
    out = xp.reshape(restore(xp, out, shape, dim, keepdim), (*rest, 1))
    d = len(kept)
    zero = xp.eq(y, 0)
    quotients = out / xp.where(zero, xp.ones_like(y), y)
    others = before(xp, y, d) * xp.flip(before(xp, xp.flip(y, (d,)), d), (d,))
    if dim is None:  # beside two zeros there is no gradient, whatever else stands there
        several = xp.gt(xp.sum(xp.astype(zero, dtypes.int64.np), d, True), 1)
        others = xp.where(several, xp.zeros_like(others), others)
    factor = xp.where(xp.any(zero), others, quotients)
    out = xp.reshape(g * factor, tuple([shape[d] for d in order]))
    return xp.permute(out, tuple([order.index(d) for d in range(nd)]))


def before(xp: Any, x: Any, d: int) -> Any:
    """Products of the elements before each one, along the last dimension."""
    n, every = x.shape[d], (slice(None),) * d
    one = xp.ones_like(xp.getitem(x, (*every, slice(0, 1))))
    return xp.cumprod(xp.cat(one, xp.getitem(x, (*every, slice(0, n - 1))), dim=d), d)


prod_op.vjp(
    x=lambda xp, g, x, out, dim, keepdim: xp.prod_backward(g, x, out, dim, keepdim),
)


@public(
    "prod(Tensor input, *, ScalarType? dtype=None)",
    "prod(Tensor input, int dim, bool keepdim=False, *, ScalarType? dtype=None, out)",
    lines=(line(prod_op, floating=True, dim=None, keepdim=False), line(prod_op, floating=True)),
    out="computed",
)
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """Product of the elements, or along dim; integers give int64.

    >>> torch.prod(torch.tensor([2., 3., 4.]))
    tensor(24.)
    """
    if dtype is not None:
        input = converted(input, dtype)
    d = None if dim is None else wrap_dim(dim, input._a.ndim, "prod")
    r = prod_op.entry(input, d if input._a.ndim else None, keepdim)
    return r if dtype is None or r.dtype is dtype else r.to(dtype)


def _truth(name: str) -> Any:
    @primitive(reduction, name=name)
    def o(xp, x, dim=None, keepdim=False): ...

    def f(input, dim=None, keepdim=False):
        return (
            o.entry(input, reduced(dim, input._a.ndim, name), keepdim)
            if not (isinstance(dim, (tuple, list)) and not dim)
            else (input != 0).to(dtypes.uint8 if input.dtype is dtypes.uint8 else dtypes.bool)
        )

    f.__name__ = name
    f.__doc__ = (
        f"Whether {name} of the elements are true, of everything or along dim (an int or a tuple)."
    )
    text = f"{name}(Tensor input, int|int[]? dim=None, bool keepdim=False, *, out)"
    return public(text, lines=(line(o),), out="exact bytes")(f)


all = _truth("all")
any = _truth("any")


@primitive(reduction, name="logsumexp", told=DIMS)
def logsumexp_op(xp, x, dim=None, keepdim=False):
    """log sum exp(x)."""


logsumexp_op.vjp(
    x=lambda xp, g, x, out, x_shape, dim, keepdim: (
        restore(xp, g, x_shape, dim, keepdim) * xp.exp(x - restore(xp, out, x_shape, dim, keepdim))
    )
)


@public(
    "logsumexp(Tensor input, int[1] dim, bool keepdim=False, *, out)",
    lines=(line(logsumexp_op, floating=True),),
)
def logsumexp(input, dim, keepdim=False):
    """log of the sum of exp along dim, without overflow.

    >>> torch.logsumexp(torch.zeros(2, 2), 1)
    tensor([0.6931, 0.6931])
    """
    d = reduced(dim, input._a.ndim, "logsumexp")
    if not input.dtype.is_inexact:
        input = input.to(dtypes.get_default_dtype())
    if input.dtype.is_complex:
        return complex_logsumexp(input, d, keepdim)
    return logsumexp_op.entry(input, d, keepdim)


def complex_logsumexp(x: Tensor, d: Any, keepdim: bool) -> Tensor:
    if x._a.ndim == 0:
        m = x.real.detach()
        return (x - m).exp().log() + m
    if x._a.size == 0:
        return sum_of(x, d, keepdim) - math.inf
    m = x.real.amax(() if d is None else d, True).detach()
    m = m.masked_fill(~m.isfinite(), 0)
    r = sum_of((x - m).exp(), d, True).log() + m
    return (
        r
        if keepdim
        else r.reshape([n for i, n in enumerate(x.shape) if i not in dims_set(d, x.ndim)])
    )


def dims_set(d: Any, ndim: int) -> set[int]:
    return (
        set(range(ndim))
        if d is None
        else {i % max(ndim, 1) for i in ((d,) if isinstance(d, int) else d)}
    )


# ---- variance


@op(reduction, told=DIMS)
def var(xp, x, dim=None, correction=1, keepdim=False):
    """Mean squared distance from the mean, with n - correction instead of n."""
    if xp.has("variance") and (r := xp.variance(x, dim, correction, keepdim)) is not None:
        return r
    if dtypes.as_dtype(x.dtype).is_complex:
        parts = xp.real(x), xp.imag(x)
        return xp.var(parts[0], dim, correction, keepdim) + xp.var(
            parts[1], dim, correction, keepdim
        )
    n = count(tuple(x.shape), dim)
    centred = x - xp.mean(x, dim, True)
    rest = xp.sum(centred, dim, keepdim)  # what the rounding of the mean has left
    total = xp.sum(square_of(xp, centred), dim, keepdim) - square_of(xp, rest) / max(n, 1)
    return total / (n - correction if n and n > correction else xp.zeros((), real_dtype(x)))


REALS = (int, float)
F32, F64 = dtypes.float32.np, dtypes.float64.np


def square_of(xp: Any, x: Any) -> Any:
    """|x| squared."""
    if dtypes.as_dtype(x.dtype).is_complex:
        r, i = xp.real(x), xp.imag(x)
        return r * r + i * i
    return x * x


def real_dtype(x: Any) -> Any:
    return dtypes.as_dtype(x.dtype).to_real().np


def _var(xp: Any, g: Any, x: Any, x_shape: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    n = count(tuple(x_shape), dim)
    g, away = restore(xp, g, x_shape, dim, keepdim), x - xp.mean(x, dim, True)
    if n > correction or dim is not None and x_shape:
        return g * away * (2 / (n - correction) if n != correction else math.inf)
    return g * xp.where(xp.eq(away, 0), math.nan, math.inf)


var.vjp(complex=True, x=_var)


@op(reduction, name="std", told=DIMS)
def deviation(xp, x, dim=None, correction=1, keepdim=False):
    """Root of the variance."""
    if xp.has("variance") and (r := xp.variance(x, dim, correction, keepdim, True)) is not None:
        return r
    return xp.sqrt(xp.var(x, dim, correction, keepdim))


def _deviation(
    xp: Any, g: Any, x: Any, out: Any, x_shape: Any, dim: Any, correction: Any, keepdim: bool
) -> Any:
    """0 where nothing deviates, though the root is steep there."""
    still = xp.eq(out, 0)
    slope = xp.where(still, xp.zeros_like(g), g / (xp.where(still, xp.ones_like(out), out) * 2))
    return _var(xp, slope, x, x_shape, dim, correction, keepdim)


deviation.vjp(complex=True, x=_deviation)


def _moment(name: str, root: bool, pair: bool) -> Any:
    def f(input, dim=None, unbiased=True, keepdim=False, *, correction=None):
        if correction is not None and unbiased is not True:
            raise TypeError(f"{name}(): pass unbiased or correction, not both")
        c = (1 if unbiased else 0) if correction is None else correction
        a = input._a
        plain = a.dtype is F32 or a.dtype is F64
        if not plain and not input.dtype.is_inexact:
            raise RuntimeError(
                f"{name}: std and var only support floating point and complex dtypes, got"
                f" {input.dtype}"
            )
        d = None if dim is None else reduced(dim, a.ndim, name)
        n = a.size if d is None else count(tuple(a.shape), d)
        if n - c <= 0:
            advise(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the"
                " reduction factor (input numel divided by output numel).",
            )
        compute = (deviation if root else var).entry
        v = compute(input, d, c, keepdim) if plain else low(compute, input, d, c, keepdim)
        if not pair:
            return v
        return v, (mean_beside if n > 1 else mean)(input, d, keepdim)

    f.__name__ = name
    f.__doc__ = (
        ("Standard deviation" if root else "Variance")
        + (" and mean" if pair else "")
        + " of all elements or along dim; divides by n - correction (default 1)."
    )
    out, back = ("", " -> (Tensor, Tensor)") if pair else (", out", "")
    last = f"bool keepdim=False{', *' * (not pair)}{out}){back}"
    op = deviation if root else var
    plain_dim = line(op, floating=True, more_than_one=True, correction=1)
    whole = line(
        op, floating=True, given="unbiased is True", when="a0.size > 1",
        dim=None, correction=1, keepdim=False,
    )  # fmt: skip
    return public(
        f"{name}(Tensor input, bool unbiased=True){back}",
        f"{name}(Tensor input, int[1]? dim, bool unbiased=True, {last}",
        f"{name}(Tensor input, int[1]? dim=None, *, Scalar? correction=None, "
        f"bool keepdim=False{out}){back}",
        lines=() if pair else (whole, plain_dim, plain_dim),
        method=not pair,
    )(f)


def mean_beside(x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """The mean as it comes with a variance: a running one, nan if anything follows an infinity."""
    m = mean_all.entry(x) if dim is None and not keepdim else mean_op.entry(x, dim, keepdim)
    if type(m._a) in HOSTED:
        total = m._a.sum() if m._a.size != 1 else m._a.item()
        if total - total == 0:  # all are finite
            return m
    y, d = x.detach(), dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim
    if not isinstance(d, int):
        y, d = y.flatten(), 0
    before = y.narrow(d, 0, y.shape[d] - 1).mean(d)
    if before._a.size != m._a.size:
        before = m.detach()
    return m + before.reshape(m.shape) * 0


def low(f: Any, x: Tensor, *args: Any) -> Tensor:
    """f computed in float32 for the half precision dtypes."""
    if x.dtype.name in ("float16", "bfloat16"):
        return f(x.to(dtypes.float32), *args).to(x.dtype)
    return f(x, *args)


var_ = _moment("var", False, False)
std = _moment("std", True, False)
_moment("var_mean", False, True)
_moment("std_mean", True, True)


@op(reduction, node="NansumBackward0", name="nansum", told=DIMS)
def nansum_op(xp, x, dim=None, keepdim=False):
    """Sum that counts nan as 0."""
    return xp.sum(xp.where(xp.isnan(x), xp.zeros_like(x), x), dim, keepdim)


nansum_op.vjp(
    x=lambda xp, g, x, dim, keepdim: (
        restore(xp, g, x.shape, dim, keepdim) * xp.astype(xp.logical_not(xp.isnan(x)), g.dtype)
    )
)


@public(
    "nansum(Tensor input, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, out)",
    out="computed",
)
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """Sum that counts nan as 0.

    >>> torch.nansum(torch.tensor([1., float("nan"), 3.]))
    tensor(4.)
    """
    if input.dtype.is_complex:
        raise RuntimeError("nansum does not support complex inputs")
    if not input.dtype.is_floating_point:
        return sum_of(input, dim, keepdim, dtype=dtype)
    if dtype is not None and not dtype.is_floating_point:
        if dtype.is_complex:
            raise NotImplementedError(f"nansum is not implemented for {dtype}: take .sum()")
        return sum_of(input.masked_fill(input.isnan(), 0), dim, keepdim, dtype=dtype)
    if dtype is not None and dtype is not input.dtype:
        input = converted(input, dtype)
    return nansum_op.entry(input, reduced(dim, input._a.ndim, "nansum"), keepdim)


@public(
    "nanmean(Tensor input, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, out)"
)
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """Mean of the elements that are not nan.

    >>> torch.nanmean(torch.tensor([1., float("nan"), 3.]))
    tensor(2.)
    """
    if not input.dtype.is_inexact:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point dtype but got {input.dtype}"
        )
    if dtype is not None and not dtype.is_inexact:
        raise RuntimeError(f"nanmean(): dtype must be floating point, got {dtype}")
    good = input.isnan().logical_not()
    return nansum(input, dim, keepdim, dtype=dtype) / sum_of(good, dim, keepdim)


# ---- norms


@op(reduction, node="LinalgVectorNormBackward0", name="vector_norm", told=DIMS)
def vector_norm_op(xp, x, ord=2.0, dim=None, keepdim=False):
    """p-norm of vectors along dim (real result)."""
    if ord and (x.size if dim is None else count(x.shape, dim)) == 1:
        ord = 1  # the size of a single number, which its powers may not hold
    if ord == 2:
        if dim is None and not keepdim and xp.has("norm2") and (r := xp.norm2(x)) is not None:
            return r
        plain = x.dtype is F32 or x.dtype is F64
        return xp.sqrt(xp.sum(x * x if plain else square_of(xp, x), dim, keepdim))
    a = xp.abs(x)
    if ord == math.inf:
        return xp.amax(a, dim, keepdim)
    if ord == -math.inf:
        return xp.amin(a, dim, keepdim)
    if ord == 0:
        return xp.sum(xp.astype(xp.ne(x, 0), real_dtype(x)), dim, keepdim)
    if ord == 1:
        return xp.sum(a, dim, keepdim)
    return xp.pow(xp.sum(xp.pow(a, ord), dim, keepdim), 1.0 / ord)


def _vector_norm(xp: Any, g: Any, x: Any, out: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    if ord == 0:
        return xp.zeros_like(x)
    g, out = restore(xp, g, shape, dim, keepdim), restore(xp, out, shape, dim, keepdim)
    if ord == 1:
        return g * xp.sgn(x)
    zero = xp.eq(out, 0)
    safe = xp.where(zero, xp.ones_like(out), out)
    if ord == 2:
        return x * xp.where(zero, xp.zeros_like(out), g / safe)
    a = xp.abs(x)
    if ord in (math.inf, -math.inf):
        hit = xp.logical_or(xp.eq(a, out), xp.isnan(a))  # several nan share it
        share = xp.astype(hit, out.dtype)
        return xp.sgn(x) * (g / xp.sum(share, dim, True) * share)
    at0 = xp.eq(a, 0)
    p = xp.where(at0, xp.zeros_like(a), xp.pow(xp.where(at0, xp.ones_like(a), a), ord - 1))
    return xp.sgn(x) * (p * xp.where(zero, xp.zeros_like(out), g / xp.pow(safe, ord - 1)))


vector_norm_op.vjp(complex=True, x=_vector_norm)


@public(
    "linalg.vector_norm(Tensor input, Scalar ord=2, int[1]? dim=None, "
    "bool keepdim=False, *, ScalarType? dtype=None, out)",
    lines=(
        line(
            vector_norm_op,
            floating=True,
            given="type_(ord) in REALS",
            let={"ord": "float(ord)"},
            when="a0.size",
        ),
    ),
    out="exact",
)
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """p-norm of the vectors along dim (an int or a tuple; None: of all elements).

    x: floating or complex. ord: a number, inf or -inf. dtype: converts first.

    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    a = x._a
    if dtype is None and type(ord) in REALS and a.size and (a.dtype is F32 or a.dtype is F64):
        d = reduced(dim, a.ndim, "linalg.vector_norm")
        return vector_norm_op.entry(x, float(ord), d, keepdim)
    if not x.dtype.is_inexact:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got"
            f" {x.dtype}"
        )
    if dtype is not None:
        x = widened(x, dtype)
    d = reduced(dim, x._a.ndim, "linalg.vector_norm")
    if isinstance(ord, Tensor):
        ord = ord.item()
    if ord != ord and count(tuple(x._a.shape), d) == 0:
        ord = 1  # the sum of nothing, as in PyTorch
    if count(tuple(x._a.shape), d) == 0 and (ord < 0 or ord == math.inf):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the"
            " operation does not have an identity"
        )
    return low(vector_norm_op.entry, x, float(ord), d, keepdim)


def widened(x, dtype):
    """The input of a norm in a dtype that holds all of its numbers."""
    if not dtype.is_inexact or (dtype.is_complex) != (x.dtype.is_complex):
        raise RuntimeError(
            "linalg.vector_norm expected a floating point or complex tensor as `dtype` that"
            f" fits {x.dtype}, got {dtype}"
        )
    if dtypes.promote_types(x.dtype, dtype) is not dtype:
        raise RuntimeError(
            f"linalg.vector_norm: the dtype of the input ({x.dtype}) should be convertible"
            f" without narrowing to the specified dtype ({dtype})"
        )
    return x.to(dtype)


WHOLE_NORM = line(
    vector_norm_op,
    floating=True,
    least=1,
    given="type_(input) in TENSORS and p == 'fro'",
    operands=("input",),
    let={"ord": "2.0", "dim": "None"},
)


@public(
    "norm(any input, any p='fro', any dim=None, any keepdim=False, Tensor? out=None, "
    "ScalarType? dtype=None)",
    "Tensor.norm(Tensor self, any p='fro', any dim=None, any keepdim=False, "
    "ScalarType? dtype=None)",
    foreign=False,
    lines=(WHOLE_NORM, WHOLE_NORM._replace(given="type_(self) in TENSORS and p == 'fro'")),
    out="exact",
)
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """Norm of all elements or along dim: p is a number, 'fro' or 'nuc'.

    Raises RuntimeError where the elements are integers or booleans or p is unknown; IndexError for
    a dimension that is not there.

    >>> torch.norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    if dtype is not None:
        refuse_integers("norm", input)
        input = widened(input, dtype)
    if isinstance(dim[0] if isinstance(dim, (tuple, list)) and dim else dim, bool):
        raise TypeError("norm(): argument 'dim' must be int or tuple of ints, not bool")
    if isinstance(p, Tensor):
        p = p.item()
    if p is None or p == "fro":
        p = 2
    if p == "nuc":
        d = tuple(dim) if dim is not None else (-2, -1)
        if dim is not None and len(d) != 2 or dim is None and input._a.ndim != 2:
            raise RuntimeError(
                "norm(p='nuc'): expects dim to be a 2-tuple of the dimensions of matrices, got"
                f" {dim}"
            )
        r = function("svdvals", "linalg")(input.movedim(wrap_dims(d, input.ndim), (-2, -1))).sum(-1)
        if keepdim:
            for i in sorted(wrap_dims(d, input.ndim)):
                r = r.unsqueeze(i)
    elif isinstance(p, str):
        raise RuntimeError(f"norm: unsupported p '{p}': use a number, 'fro' or 'nuc'")
    else:
        if not input.dtype.is_inexact:
            raise RuntimeError(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got"
                f" {input.dtype.name.capitalize()}"
            )
        r = vector_norm(input, p, dim, keepdim)
    return r if out is None else write_out("norm", r, out, "exact")


def refuse_integers(name: str, input: Tensor) -> None:
    if not input.dtype.is_inexact:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got"
            f" {input.dtype} in {name}: convert with .float()"
        )


@public("dist(Tensor input, Tensor other, Scalar p=2)")
def dist(input, other, p=2):
    """p-norm of input - other.

    >>> torch.dist(torch.tensor([0., 0.]), torch.tensor([3., 4.]))
    tensor(5.)
    """
    return vector_norm(input - other, p)


@public(
    "renorm(Tensor input, Scalar p, int dim, Scalar maxnorm, *, out)",
    inplace=True,
    out="exact apart",
)
def renorm(input, p, dim, maxnorm):
    """input with the slices along dim scaled down to a p-norm of at most maxnorm.

    >>> torch.renorm(torch.tensor([[3., 4.]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000]])
    """
    if maxnorm != maxnorm:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input._a.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input._a.ndim} dimensions"
        )
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    refuse_integers("renorm", input)
    d = wrap_dim(dim, input._a.ndim, "renorm")
    dims = tuple([i for i in range(input._a.ndim) if i != d])
    return low(scaled_down.entry, input, float(p), dims, maxnorm)


@op(opaque, name="renorm")
def scaled_down(xp, x, p=2.0, dims=(), maxnorm=1.0):
    """x times at most 1, so that its norms over dims do not exceed maxnorm."""
    n = xp.vector_norm(x, p, dims, True)
    return x * xp.where(xp.gt(n, maxnorm), maxnorm / (n + 1e-7), xp.ones_like(n))


def _scaled_down(xp: Any, g: Any, x: Any, p: float, dims: Any, maxnorm: float) -> Any:
    """What is short enough passes g as it is, also where its norm has no slope."""
    n = xp.vector_norm(x, p, dims, True)
    inverse = 1 / (n + 1e-7)
    dots = xp.sum(xp.real(xp.conj(x) * g), dims, True)
    slope = g - _vector_norm(xp, dots, x, n, p, dims, True) * inverse
    return xp.where(xp.gt(n, maxnorm), slope * (inverse * maxnorm), g)


scaled_down.vjp(complex=True, x=_scaled_down)
