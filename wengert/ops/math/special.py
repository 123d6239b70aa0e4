"""torch.special: gamma, error, Bessel and related functions with their derivatives. The
polynomials are in `orthogonal_polynomials.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ...base.dtypes import BOOLEAN
from ...declare.registry import declare, public
from ...engine.kinds import elementwise
from ...engine.op import primitive

SQRT_PI, SQRT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)


def underived(name: str, argument: str) -> Any:
    """The rule of an argument that has no derivative: an error when one is asked for."""

    def rule(g: Any) -> Any:
        raise NotImplementedError(
            f"the derivative for '{name}' with respect to '{argument}' is not implemented: "
            "detach that argument"
        )

    return rule


def word(
    name: str,
    doc: str,
    torch_too: bool = False,
    aliases: tuple[str, ...] = (),
    special: tuple[str, ...] = (),
) -> Any:
    """A function of one tensor in torch.special, and in torch itself and as a method if it is
    there too.
    """

    @primitive(elementwise, name=name, types="float", doc=doc, real=True)
    def f(xp, x): ...

    x = "x" if name in CALLED_X else "input"  # PyTorch's names
    text = f"{name}(Tensor {x}, *, out)"
    if special != NOT_THERE:
        declare(f, ("special." + text,), aliases=tuple(["special." + s for s in special]))
    if torch_too:
        declare(f, (text,), aliases=aliases, inplace="function" if name == "i0" else True)
    return f


CALLED_X = (
    "airy_ai",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
)
NOT_THERE = ("",)  # for functions that torch.special has under other names only


def guarded(xp: Any, x: Any) -> tuple[Any, Any]:
    """(where x is 0, x with ones there)."""
    zero = xp.eq(x, 0)
    return zero, xp.where(zero, xp.ones_like(x), x)


# ------------------------------------------------------------------------------------- gamma
# functions


@primitive(elementwise, types="float", name="polygamma", real=True)
def polygamma_op(xp, x, order=0):
    """The n-th derivative of digamma."""


polygamma_op.vjp(x=lambda xp, g, x, order: g * xp.polygamma(x, order + 1))


@public("polygamma(int n, Tensor input, *, out)", method=False)
def polygamma(n, input, *, out=None):
    """The n-th derivative of digamma at input.

    >>> torch.polygamma(1, torch.tensor([1.]))
    tensor([1.6449])
    """
    if type(n) is not int:
        raise TypeError(
            f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}"
        )
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}.")
    return polygamma_op.entry(input, n, out=out)


@public("Tensor.polygamma(Tensor self, int n)", inplace=True)
def polygamma_method(self, n):
    """The n-th derivative of digamma.

    >>> torch.tensor([1.]).polygamma(1)
    tensor([1.6449])
    """
    return polygamma(n, self)


digamma = word("digamma", "Logarithmic derivative of the gamma function.", True, special=("psi",))
digamma.vjp(x=lambda xp, g, x: g * xp.polygamma(x, 1))
lgamma = word(
    "lgamma",
    "Logarithm of the absolute value of the gamma function.",
    True,
    ("special.gammaln",),
    NOT_THERE,
)
lgamma.vjp(x=lambda xp, g, x: g * xp.digamma(x))


@primitive(elementwise, types="float", name="mvlgamma", real=True)
def mvlgamma_op(xp, x, p=1):
    """Logarithm of the multivariate gamma function."""


def _mvlgamma(xp: Any, g: Any, x: Any, p: int) -> Any:
    total = xp.digamma(x + 0.0)  # -0.0 is no other pole than 0.0
    for j in range(1, p):
        total = total + xp.digamma(x - j / 2)
    return g * total


mvlgamma_op.vjp(x=_mvlgamma)


@public("mvlgamma(Tensor input, int p, *, out)", inplace=True)
def mvlgamma(input, p, *, out=None):
    """Logarithm of the multivariate gamma function of dimension p >= 1, for input > (p - 1) / 2."""
    if input.dtype.category == BOOLEAN:
        raise RuntimeError("mvlgamma: The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p}")
    return mvlgamma_op.entry(input, p, out=out)


declare(mvlgamma, ("special.multigammaln(Tensor input, int p, *, out)",))


def _incomplete(name: str, alias: str, sign: float, doc: str) -> Any:
    @primitive(elementwise, name=name, doc=doc, numbers="none", real=True, inexact=True)
    def f(xp, x, y): ...

    f.vjp(
        x=underived(name, "input"),
        y=lambda xp, g, x, y: sign * g * xp.exp((x - 1) * xp.log(y) - y - xp.lgamma(x)),
    )
    text = "(Tensor input, Tensor other, *, out)"
    declare(f, (name + text,), inplace=True)
    declare(f, (f"special.{alias}{text}",))
    return f


igamma = _incomplete(
    "igamma", "gammainc", 1.0, "Regularized lower incomplete gamma function of order x at y."
)
igammac = _incomplete(
    "igammac", "gammaincc", -1.0, "Regularized upper incomplete gamma function of order x at y."
)


@primitive(
    elementwise,
    types="float",
    numbers="first",
    lacks="half",
    public="special.zeta(Tensor|Scalar input, Tensor|Scalar other, *, out)",
)
def zeta(xp, x, y):
    """The Hurwitz zeta function: sum of (k + y) ** -x.

    >>> torch.special.zeta(torch.tensor([2.]), torch.tensor([1.]))
    tensor([1.6449])
    """


zeta.vjp(x=underived("zeta", "input"), y=lambda xp, g, x, y: -g * x * xp.zeta(x + 1, y))

# ------------------------------------------------------------------------------------- error
# functions

erfinv = word("erfinv", "The inverse of erf.", True)
erfinv.vjp(x=lambda xp, g, out: g * (SQRT_PI / 2) * xp.exp(out * out))
erfcx = word("erfcx", "exp(x ** 2) * erfc(x), without overflow.")
erfcx.vjp(x=lambda g, x, out: g * (2 * x * out - 2 / SQRT_PI))
ndtr = word("ndtr", "The standard normal distribution function.")
ndtr.vjp(x=lambda xp, g, x: g * xp.exp(x * x * -0.5) / SQRT_2PI)
ndtri = word("ndtri", "The inverse of ndtr.")
ndtri.vjp(x=lambda xp, g, out: g * SQRT_2PI * xp.exp(out * out * 0.5))
log_ndtr = word("log_ndtr", "log of ndtr, without underflow.")
log_ndtr.vjp(x=lambda xp, g, x: g * math.sqrt(2 / math.pi) / xp.erfcx(x * -math.sqrt(0.5)))
entr = word("entr", "-x * log(x), 0 at 0 and -inf below.")
entr.vjp(x=lambda xp, g, x: -g * (xp.log(x) + 1))


@primitive(elementwise, types="float", name="logit", real=True)
def logit_op(xp, x, eps=None):
    """log(x / (1 - x))."""


def _logit(xp: Any, g: Any, x: Any, eps: Any) -> Any:
    slope = g / (xp.abs(x) * (1 - x))  # -0 is the end of the interval as 0 is
    if eps is None or eps < 0:
        inside = xp.logical_and(xp.ge(x, 0), xp.le(x, 1))
        return xp.where(inside, slope, xp.full_like(g, math.nan))
    outside = xp.logical_or(xp.lt(x, eps), xp.gt(x, 1 - eps))  # nan is not
    return xp.where(outside, xp.zeros_like(g), slope)


def _logit_tangent(xp: Any, tangents: Any, x: Any, eps: Any) -> Any:
    slope = _logit(xp, tangents[0], x, eps)
    return slope if eps is None else xp.where(xp.eq(x, x), slope, xp.zeros_like(slope))


logit_op.vjp(x=_logit).jvp(_logit_tangent)


@public("logit(Tensor input, float? eps=None, *, out)", inplace="function")
def logit(input, eps=None, *, out=None):
    """log(input / (1 - input)); input is first limited to [eps, 1 - eps] if eps is given.

    >>> torch.logit(torch.tensor([0.5]))
    tensor([0.])
    """
    return logit_op.entry(input, eps, out=out)


declare(logit, ("special.logit(Tensor input, float? eps=None, *, out)",))


@primitive(
    elementwise,
    types="float",
    numbers="first",
    public="xlogy(Tensor|Scalar input, Tensor|Scalar other, *, out)",
    inplace="function",
    real=True,
)
def xlogy(xp, x, y):
    """x * log(y), and 0 where x is 0."""


xlogy.vjp(x=lambda xp, g, x, y: g * _masked_log(xp, x, y, "log"), y=lambda g, x, y: g * x / y)


@primitive(
    elementwise,
    types="float",
    numbers="first",
    public="special.xlog1py(Tensor|Scalar input, Tensor|Scalar other, *, out)",
    real=True,
)
def xlog1py(xp, x, y):
    """x * log(1 + y), and 0 where x is 0.

    >>> torch.special.xlog1py(torch.tensor([0., 2.]), torch.tensor([-1., 1.]))
    tensor([0.0000, 1.3863])
    """


xlog1py.vjp(
    x=lambda xp, g, x, y: g * _masked_log(xp, x, y, "log1p"), y=lambda g, x, y: g * x / (y + 1)
)
declare(xlogy, ("special.xlogy(Tensor|Scalar input, Tensor|Scalar other, *, out)",))


def _masked_log(xp: Any, x: Any, y: Any, word: str) -> Any:
    """log(y), 0 where x is 0 and the logarithm is not positive."""
    if not hasattr(y, "dtype"):
        y = xp.full_like(x, y)
    value = getattr(xp, word)(y)
    off = xp.logical_and(xp.eq(x, 0), xp.le(y, 0 if word == "log" else -1))
    return xp.where(off, xp.zeros_like(value), value)


# ------------------------------------------------------------------------------------- Bessel
# functions

i0 = word(
    "i0",
    "Modified Bessel function of the first kind, order 0.",
    True,
    special=("modified_bessel_i0",),
)
i0.vjp(x=lambda xp, g, x: g * xp.i1(x))
i0e = word("i0e", "exp(-|x|) * i0(x).")
i0e.vjp(x=lambda xp, g, x, out: g * (xp.i1e(x) - xp.sgn(x) * out))
i1 = word(
    "i1",
    "Modified Bessel function of the first kind, order 1.",
    special=("modified_bessel_i1",),
)
i1e = word("i1e", "exp(-|x|) * i1(x).")


def _i1(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """At nan 0.5, as at zero: so does PyTorch."""
    zero, safe = guarded(xp, x)
    zero = xp.logical_or(zero, xp.isnan(x))
    return g * xp.where(zero, xp.full_like(x, 0.5), xp.i0(x) - out / safe)


def _i1e(xp: Any, g: Any, x: Any, out: Any) -> Any:
    zero, safe = guarded(xp, x)
    zero = xp.logical_or(zero, xp.isnan(x))
    return g * xp.where(zero, xp.full_like(x, 0.5), xp.i0e(x) - out * (xp.sgn(x) + 1 / safe))


i1.vjp(x=_i1)
i1e.vjp(x=_i1e)

bessel_j0 = word("bessel_j0", "Bessel function of the first kind, order 0.")
bessel_j1 = word("bessel_j1", "Bessel function of the first kind, order 1.")
bessel_y0 = word("bessel_y0", "Bessel function of the second kind, order 0.")
bessel_y1 = word("bessel_y1", "Bessel function of the second kind, order 1.")
bessel_j0.vjp(x=lambda xp, g, x: -g * xp.bessel_j1(x))
bessel_y0.vjp(x=lambda xp, g, x: -g * xp.bessel_y1(x))
bessel_y1.vjp(x=lambda xp, g, x, out: g * (xp.bessel_y0(x) - out / x))


def _j1(xp: Any, g: Any, x: Any, out: Any) -> Any:
    zero, safe = guarded(xp, x)
    return g * xp.where(zero, xp.full_like(x, 0.5), xp.bessel_j0(x) - out / safe)


bessel_j1.vjp(x=_j1)

k0 = word("modified_bessel_k0", "Modified Bessel function of the second kind, order 0.")
k1 = word("modified_bessel_k1", "Modified Bessel function of the second kind, order 1.")
k0e = word(
    "scaled_modified_bessel_k0",
    "exp(x) times the modified Bessel function of the second kind, order 0.",
)
k1e = word(
    "scaled_modified_bessel_k1",
    "exp(x) times the modified Bessel function of the second kind, order 1.",
)
k0.vjp(x=lambda xp, g, x: -g * xp.modified_bessel_k1(x))
k1.vjp(x=lambda xp, g, x, out: -g * (xp.modified_bessel_k0(x) + out / x))
k0e.vjp(x=lambda xp, g, x, out: g * (out - xp.scaled_modified_bessel_k1(x)))
k1e.vjp(x=lambda xp, g, x, out: g * (out - xp.scaled_modified_bessel_k0(x) - out / x))

spherical_bessel_j0 = word("spherical_bessel_j0", "sin(x) / x, and 1 at 0.")


def _spherical(xp: Any, g: Any, x: Any) -> Any:
    zero, safe = guarded(xp, x)
    return g * xp.where(
        zero, xp.zeros_like(x), (safe * xp.cos(safe) - xp.sin(safe)) / (safe * safe)
    )


spherical_bessel_j0.vjp(x=_spherical)

airy_ai = word("airy_ai", "The Airy function Ai.")


@primitive(elementwise, types="float")
def airy_ai_prime(xp, x):
    """The derivative of Ai."""


airy_ai.vjp(x=lambda xp, g, x: g * xp.airy_ai_prime(x))
airy_ai_prime.vjp(x=lambda xp, g, x: g * x * xp.airy_ai(x))
