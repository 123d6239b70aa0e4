"""Divergences beside PyTorch, and the look-up of user-defined ones."""

import itertools
import warnings

import numpy as np
import pytest
from distributions.cases import FACTOR, ROOT, SPD

import wengert


def samples(lib):
    """One distribution of every kind for which there are divergences, in float64."""
    d = lib.distributions

    def t(*values):
        return lib.tensor(values, dtype=lib.float64)

    spd, root = (lib.tensor(m, dtype=lib.float64) for m in (SPD, ROOT))
    factor = lib.tensor(FACTOR, dtype=lib.float64)
    return [
        d.Bernoulli(t(0.3, 0.7)),
        d.Bernoulli(t(0.0, 1.0)),
        d.Beta(t(1.5, 0.7), t(2.0, 3.0)),
        d.Binomial(6, t(0.3, 0.8)),
        d.Categorical(t(0.2, 0.3, 0.5)),
        d.Categorical(t(0.0, 0.5, 0.5)),
        d.Cauchy(t(0.0, 1.0), t(1.0, 2.0)),
        d.Chi2(t(3.0, 4.5)),
        d.ContinuousBernoulli(t(0.2, 0.5)),
        d.Dirichlet(t(0.5, 1.0, 2.0)),
        d.Exponential(t(0.5, 2.0)),
        d.Gamma(t(0.6, 3.0), t(1.0, 0.5)),
        d.Geometric(t(0.3, 0.6)),
        d.Gumbel(t(0.0, 1.0), t(1.0, 2.0)),
        d.HalfNormal(t(1.0, 2.0)),
        d.Independent(d.Normal(t(0.0, 1.0), t(1.0, 2.0)), 1),
        d.Laplace(t(0.0, 1.0), t(1.0, 2.0)),
        d.LogNormal(t(0.0, 1.0), t(1.0, 2.0)),
        d.LowRankMultivariateNormal(t(0.0, 1.0, 2.0), factor, t(0.5, 1.0, 2.0)),
        d.LowRankMultivariateNormal(t(1.0, -1.0, 0.0), 2 * factor, t(1.5, 0.3, 0.8)),
        d.MultivariateNormal(t(0.0, 1.0, 2.0), spd),
        d.MultivariateNormal(t(-1.0, 0.0, 2.0).expand(2, 3), scale_tril=root),
        d.Normal(t(0.0, 1.0), t(1.0, 2.0)),
        d.Normal(t(0.5, -1.0), t(0.7, 3.0)),
        d.OneHotCategorical(t(0.2, 0.3, 0.5)),
        d.Pareto(t(0.5, 1.0), t(2.5, 0.8)),
        d.Poisson(t(0.7, 3.0)),
        d.Uniform(t(0.0, 0.2), t(1.0, 0.7)),
        d.Uniform(t(-1.0, 0.1), t(2.0, 3.0)),
        d.Wishart(t(4.0, 5.0), spd),
        d.Wishart(t(5.0, 4.5), 2 * spd),
    ]


def outcome(lib, p, q):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return lib.distributions.kl_divergence(p, q).numpy()
        except (NotImplementedError, ValueError, RuntimeError) as e:
            return type(e)


# Where the ranges are the same, PyTorch calls these infinite.
EQUAL_RANGES = {("ContinuousBernoulli", "Uniform"), ("Uniform", "ContinuousBernoulli")}


@pytest.mark.filterwarnings("ignore")
def test_every_pair(torch):
    compared = 0
    pairs = zip(
        itertools.product(samples(wengert), repeat=2), itertools.product(samples(torch), repeat=2)
    )
    for (p, q), (a, b) in pairs:
        mine, value = outcome(wengert, p, q), outcome(torch, a, b)
        if isinstance(value, type):
            assert mine is value, (p, q)
            continue
        if (type(p).__name__, type(q).__name__) in EQUAL_RANGES:
            value = np.where(np.isfinite(mine), mine, value)
        np.testing.assert_allclose(mine, value, rtol=1e-7, atol=1e-9, err_msg=f"{p} {q}")
        compared += 1
    assert compared > 150


@pytest.mark.parametrize(
    "kind", ["ContinuousBernoulli", "Normal", "Gumbel", "Exponential", "Gamma"]
)
def test_against_an_integral(kind):
    d = wengert.distributions
    p = d.Uniform(wengert.tensor(0.0, dtype=wengert.float64), 1.0)
    args = {"ContinuousBernoulli": (0.3,), "Exponential": (1.5,)}.get(kind, (0.4, 1.3))
    q = getattr(d, kind)(*[wengert.tensor(a, dtype=wengert.float64) for a in args])
    x = (wengert.arange(20000, dtype=wengert.float64) + 0.5) / 20000
    integral = (p.log_prob(x) - q.log_prob(x)).mean()
    assert d.kl_divergence(p, q).item() == pytest.approx(integral.item(), abs=1e-4)


def test_gradients_flow_to_both():
    d = wengert.distributions
    loc, other = (wengert.tensor(v, requires_grad=True) for v in (1.0, 0.5))
    d.kl_divergence(d.Normal(loc, 1.0), d.Normal(other, 1.0)).backward()
    assert loc.grad.item() == 0.5 and other.grad.item() == -0.5


def test_registered_by_the_most_specific_pair():
    d = wengert.distributions

    class Mine(d.Normal):
        pass

    class Other(d.Normal):
        pass

    def formula(p, q):
        return p.loc * 0 + 7

    p, q = Mine(0.0, 1.0), Other(0.0, 1.0)
    assert d.kl_divergence(p, q) == 0  # that of Normal
    try:
        d.register_kl(Mine, d.Normal)(formula)
        assert d.kl_divergence(p, q) == 7
        assert d.kl_divergence(q, p) == 0
        d.register_kl(d.Normal, Other)(lambda p, q: p.loc * 0 + 8)
        with pytest.warns(RuntimeWarning, match="Ambiguous kl_divergence"):
            assert d.kl_divergence(p, q) == 7
    finally:
        for pair in [(Mine, d.Normal), (d.Normal, Other)]:
            d.kl._KL_REGISTRY.pop(pair, None)
        d.kl._KL_MEMOIZE.clear()


def test_refusals():
    d = wengert.distributions
    with pytest.raises(NotImplementedError, match="No KL"):
        d.kl_divergence(d.Cauchy(0.0, 1.0), d.Normal(0.0, 1.0))
    with pytest.raises(NotImplementedError, match="total_count"):
        d.kl_divergence(d.Binomial(3, wengert.tensor(0.5)), d.Binomial(4, wengert.tensor(0.5)))
    with pytest.raises(TypeError, match="type_q"):
        d.register_kl(d.Normal, 3)
    one = d.MultivariateNormal(wengert.zeros(2), wengert.eye(2))
    with pytest.raises(ValueError, match="event shapes"):
        d.kl_divergence(one, d.MultivariateNormal(wengert.zeros(3), wengert.eye(3)))
