"""Divergences between distributions of different kinds, by the moments that they need.

KL(p, q) = -entropy of p - E_p[log q(x)], and log q(x) is linear in a few functions of x: x, x ** 2,
log x, log (1 - x), exp(-x / s). `LOG_DENSITIES` has for each q its log-density in terms of the
means of these; `MEANS` has for each p those means. `PAIRS` says where both are known; a divergence
is infinite where p has values that q rules out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..api import functions as T
from ..engine.tensor import Tensor
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .parameters import euler_constant
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform

__all__: list[str] = []


# --- means of functions of x under p -------------------------------------------------------------


def _square(p: Any) -> Tensor:
    """E[x ** 2]."""
    return p.variance + p.mean.pow(2)


def _xlogx(x: Tensor) -> Tensor:
    return T.xlogy(x, x)


class Means:
    """The means that a p knows; x and x ** 2 come from its mean and variance."""

    def __init__(
        self,
        log: Callable[[Any], Tensor] | None = None,
        log_rest: Callable[[Any], Tensor] | None = None,
        exp: Callable[[Any, Tensor], Tensor] | None = None,
        x: Callable[[Any], Tensor] = lambda p: p.mean,
        square: Callable[[Any], Tensor] = _square,
    ) -> None:
        self.x, self.square = x, square
        self.log = log  # E[log x]
        self.log_rest = log_rest  # E[log (1 - x)]
        self.exp = exp  # E[exp(-x / s)]


def _beta_log(p: Beta) -> Tensor:
    return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()


def _uniform_log(p: Uniform) -> Tensor:
    return (_xlogx(p.high) - _xlogx(p.low)) / (p.high - p.low) - 1


def _uniform_log_rest(p: Uniform) -> Tensor:
    return (_xlogx(1 - p.low) - _xlogx(1 - p.high)) / (p.high - p.low) - 1


def _uniform_exp(p: Uniform, s: Tensor) -> Tensor:
    return s * ((-p.low / s).exp() - (-p.high / s).exp()) / (p.high - p.low)


def _pareto_x(p: Pareto) -> Tensor:
    """Any number where it is infinite, which _by_means sees to: gradients are zero there."""
    a = T.where(p.alpha > 1, p.alpha, 2.0)
    return a * p.scale / (a - 1)


def _pareto_square(p: Pareto) -> Tensor:
    a = T.where(p.alpha > 2, p.alpha, 3.0)
    return a * p.scale.pow(2) / (a - 2)


MEANS: dict[type, Means] = {
    Beta: Means(log=_beta_log),
    ContinuousBernoulli: Means(),
    Exponential: Means(
        log=lambda p: -p.rate.log() - euler_constant,
        exp=lambda p, s: p.rate * s / (p.rate * s + 1),
    ),
    Gamma: Means(
        log=lambda p: p.concentration.digamma() - p.rate.log(),
        exp=lambda p, s: (1 + (p.rate * s).reciprocal()).pow(-p.concentration),
    ),
    Gumbel: Means(),
    Laplace: Means(),
    Normal: Means(exp=lambda p, s: (0.5 * (p.scale / s).pow(2) - p.loc / s).exp()),
    Pareto: Means(
        log=lambda p: p.scale.log() + p.alpha.reciprocal(), x=_pareto_x, square=_pareto_square
    ),
    Uniform: Means(log=_uniform_log, log_rest=_uniform_log_rest, exp=_uniform_exp),
}


# --- means of log q(x) ---------------------------------------------------------------------------


def _exponential(q: Exponential, p: Any, means: Means) -> Tensor:
    return q.rate.log() - q.rate * means.x(p)


def _gamma(q: Gamma, p: Any, means: Means) -> Tensor:
    assert means.log is not None
    a = q.concentration
    constant = a * q.rate.log() - a.lgamma()
    return constant + (a - 1) * means.log(p) - q.rate * means.x(p)


def _normal(q: Normal, p: Any, means: Means) -> Tensor:
    square = means.square(p)
    square = square - 2 * q.loc * means.x(p) + q.loc.pow(2)
    return -0.5 * math.log(2 * math.pi) - q.scale.log() - square / (2 * q.scale.pow(2))


def _gumbel(q: Gumbel, p: Any, means: Means) -> Tensor:
    assert means.exp is not None
    shift = q.loc / q.scale
    return -q.scale.log() - means.x(p) / q.scale + shift - shift.exp() * means.exp(p, q.scale)


def _beta(q: Beta, p: Any, means: Means) -> Tensor:
    assert means.log is not None and means.log_rest is not None
    a, b = q.concentration1, q.concentration0
    constant = (a + b).lgamma() - a.lgamma() - b.lgamma()
    return constant + (a - 1) * means.log(p) + (b - 1) * means.log_rest(p)


def _continuous_bernoulli(q: ContinuousBernoulli, p: Any, means: Means) -> Tensor:
    return q._cont_bern_log_norm() + (-q.probs).log1p() + q.logits * means.x(p)


def _uniform(q: Uniform, p: Any, means: Means) -> Tensor:
    return -(q.high - q.low).log()


def _pareto(q: Pareto, p: Any, means: Means) -> Tensor:
    assert means.log is not None
    return q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * means.log(p)


LOG_DENSITIES: dict[type, Callable[[Any, Any, Means], Tensor]] = {
    Beta: _beta,
    ContinuousBernoulli: _continuous_bernoulli,
    Exponential: _exponential,
    Gamma: _gamma,
    Gumbel: _gumbel,
    Normal: _normal,
    Pareto: _pareto,
    Uniform: _uniform,
}

# For each p those q that have all of its values, whatever the parameters, or may have them.
PAIRS: dict[type, tuple[type, ...]] = {
    Beta: (ContinuousBernoulli, Exponential, Gamma, Normal, Uniform),
    ContinuousBernoulli: (Exponential, Normal, Uniform),
    Exponential: (Gamma, Gumbel, Normal),
    Gamma: (Exponential, Gumbel, Normal),
    Gumbel: (Normal,),
    Laplace: (Normal,),
    Normal: (Gumbel,),
    Pareto: (Exponential, Gamma, Normal),
    Uniform: (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Normal, Pareto),
}

# And those q that never have them all.
INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _bounds(d: Any) -> tuple[Any, Any]:
    """The smallest and the largest value."""
    support = d.support
    low = getattr(support, "lower_bound", -math.inf)
    return low, getattr(support, "upper_bound", math.inf)


def _by_means(p: Any, q: Any) -> Tensor:
    kind_p = next(kind for kind in type(p).__mro__ if kind in MEANS)
    kind_q = next(kind for kind in type(q).__mro__ if kind in LOG_DENSITIES)
    kl = -p.entropy() - LOG_DENSITIES[kind_q](q, p, MEANS[kind_p])
    (p_low, p_high), (q_low, q_high) = _bounds(p), _bounds(q)
    excluded = T.as_tensor(p_low < q_low) | T.as_tensor(p_high > q_high)
    if isinstance(p, Pareto):  # which has as many moments as alpha is large
        excluded = excluded | (p.alpha <= (2 if isinstance(q, Normal) else 1))
    return T.where(excluded, math.inf, kl)


def _infinite(p: Any, q: Any) -> Tensor:
    return T.full_like(p.mean, math.inf)


for _p, _qs in PAIRS.items():
    for _q in _qs:
        register_kl(_p, _q)(_by_means)
for _p, _qs in INFINITE.items():
    for _q in _qs:
        register_kl(_p, _q)(_infinite)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    away = p.loc - q.loc
    z = away / p.scale
    bell = math.sqrt(2 / math.pi) * p.scale * (-0.5 * z.pow(2)).exp()
    distance = bell + away * (math.sqrt(0.5) * z).erf()  # the mean of |x - loc|
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale
