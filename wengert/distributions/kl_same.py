"""Divergences between two distributions of one kind."""

from __future__ import annotations

import math
from typing import Any

from ..api import functions as T
from ..api.functions import resolve
from ..engine.tensor import Tensor
from ..nn import functional as F
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, half_log_det, mahalanobis
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .parameters import euler_constant, sum_rightmost
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform

__all__: list[str] = []


# --- discrete ------------------------------------------------------------------------------------


def _weighted(weight: Tensor, log_ratio: Tensor, impossible: Tensor) -> Tensor:
    """weight * log_ratio: nothing where the weight is zero, infinite where q rules it out."""
    term = T.where(impossible, math.inf, weight * log_ratio)
    return T.where(weight == 0, 0.0, term)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    yes = F.softplus(-q.logits) - F.softplus(-p.logits)
    no = F.softplus(q.logits) - F.softplus(p.logits)
    return _weighted(p.probs, yes, q.probs == 0) + _weighted(1 - p.probs, no, q.probs == 1)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return _weighted(p.probs, p.logits - q.logits, q.probs == 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    trial = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return T.where(p.total_count > q.total_count, math.inf, p.total_count * trial)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# --- continuous ----------------------------------------------------------------------------------


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    means = a.digamma() - total.digamma().unsqueeze(-1)  # of log x
    normalizers = (a.lgamma() - b.lgamma()).sum(-1)
    return total.lgamma() - b.sum(-1).lgamma() - normalizers + ((a - b) * means).sum(-1)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    distance = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return distance.log() - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    ours = p._cont_bern_log_norm() + (-p.probs).log1p()
    theirs = q._cont_bern_log_norm() + (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + ours - theirs


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + b.lgamma() - a.lgamma()
        + (a - b) * a.digamma()
        + (q.rate - p.rate) * (a / p.rate)
    )  # fmt: skip


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    shift = (p.loc - q.loc) / q.scale
    largest = (-shift + (1 + ratio).lgamma()).exp()
    return shift - ratio.log() + euler_constant * ratio + largest - (1 + euler_constant)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    return distance / q.scale + ratio * (-distance / p.scale).exp() - ratio.log() - 1


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return T.where(p.scale < q.scale, math.inf, kl)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return T.where((q.low > p.low) | (q.high < p.high), math.inf, kl)


# --- normal vectors ------------------------------------------------------------------------------


class _Covariance:
    """What the divergence of normal vectors asks of either form of a covariance."""

    def __init__(self, d: Any) -> None:
        self.low_rank = isinstance(d, LowRankMultivariateNormal)
        self.d = d

    def log_det(self) -> Tensor:
        if self.low_rank:
            return self.d._log_det()
        return 2 * half_log_det(self.d._unbroadcasted_scale_tril)

    def distance(self, x: Tensor) -> Tensor:
        """x' inv(covariance) x."""
        if self.low_rank:
            return self.d._mahalanobis(x)
        return mahalanobis(self.d._unbroadcasted_scale_tril, x)

    def roots(self) -> list[Tensor]:
        """Matrices R whose products R R' add up to the covariance."""
        if self.low_rank:
            return [
                self.d._unbroadcasted_cov_factor,
                self.d._unbroadcasted_cov_diag.sqrt().diag_embed(),
            ]
        return [self.d._unbroadcasted_scale_tril]

    def trace(self, root: Tensor) -> Tensor:
        """The trace of inv(covariance) R R'."""
        if self.low_rank:
            diagonal = self.d._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1)
            low_rank = _squares(self.d._whitened_factor() @ root)
            return _squares(root * diagonal) - low_rank
        solve = resolve("linalg", "solve_triangular")
        return _squares(solve(self.d._unbroadcasted_scale_tril, root, upper=False))


def _squares(x: Tensor) -> Tensor:
    return x.pow(2).sum((-2, -1))


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _normal_vectors(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes "
            f"cannot be computed: {p.event_shape} and {q.event_shape}"
        )
    ours, theirs = _Covariance(p), _Covariance(q)
    log_dets = theirs.log_det() - ours.log_det()
    trace: Any = 0
    for root in ours.roots():
        trace = trace + theirs.trace(root)
    return 0.5 * (log_dets + trace + theirs.distance(q.loc - p.loc) - p.event_shape[0])


# --- by structure --------------------------------------------------------------------------------


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """Bregman's divergence of the log normaliser."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed "
            f"using Bregman divergences: {type(p).__name__} and {type(q).__name__}"
        )
    normalizer, pairs = p._normalizer_and_means()
    theirs = q._natural_params
    result = q._log_normalizer(*theirs) - normalizer
    for (param, mean), other in zip(pairs, theirs):
        dims = mean.dim() - len(p.batch_shape)  # those that the parameter has for each event
        result = result - sum_rightmost((other - param) * mean, dims)
    return result


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms:
        raise NotImplementedError("KL between distributions with different transforms")
    if p.event_shape != q.event_shape:
        raise NotImplementedError("KL between transformed distributions of different event shapes")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL between Independents of different reinterpreted_batch_ndims")
    kl = kl_divergence(p.base_dist, q.base_dist)
    return sum_rightmost(kl, p.reinterpreted_batch_ndims)
