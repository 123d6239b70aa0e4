"""What distributions refuse, what subclasses of one's own must bring, and recorded numbers."""

import pickle

import pytest

import wengert as w

d = w.distributions


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: d.Normal(0.0, -1.0), "Expected parameter scale .* GreaterThan"),
        (lambda: d.Bernoulli(1.5), "Expected parameter probs .* Interval"),
        (lambda: d.Bernoulli(), "Either `probs` or `logits`"),
        (lambda: d.Bernoulli(0.5, 0.5), "Either `probs` or `logits`"),
        (lambda: d.Categorical(w.tensor([-1.0, 2.0])), "Expected parameter probs .* Simplex"),
        (lambda: d.Categorical(w.tensor(1.0)), "at least one-dimensional"),
        (lambda: d.Dirichlet(w.tensor(1.0)), "at least one-dimensional"),
        (lambda: d.Geometric(0.0), "to be positive"),
        (lambda: d.Normal("0", 1.0), "instances of Number"),
        (lambda: d.Uniform(1.0, 0.0), "Expected parameter low"),
        (lambda: d.MultivariateNormal(w.zeros(2)), "Exactly one of"),
        (lambda: d.MultivariateNormal(w.zeros(2), -w.eye(2)), "PositiveDefinite"),
        (lambda: d.LowRankMultivariateNormal(w.zeros(2), w.ones(3, 1), w.ones(2)), "cov_factor"),
        (lambda: d.LKJCholesky(1), "dim=1"),
        (lambda: d.Wishart(1.0, w.eye(3)), "greater than ndim - 1"),
        (lambda: d.Independent(d.Normal(0.0, 1.0), 1), "reinterpreted_batch_ndims"),
        (lambda: d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(0.0, 1.0)), "Categorical"),
        (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]), "list of Transforms"),
    ],
)
def test_bad_parameters(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_bad_values():
    normal = d.Normal(w.zeros(3), 1.0)
    with pytest.raises(ValueError, match="within the support .*Real"):
        normal.log_prob(w.tensor(float("nan")))
    with pytest.raises(ValueError, match="must be a Tensor"):
        normal.log_prob(0.0)
    with pytest.raises(ValueError, match="not broadcastable"):
        normal.log_prob(w.zeros(2))
    with pytest.raises(ValueError, match="match event_shape"):
        d.Dirichlet(w.ones(3)).log_prob(w.ones(2) / 2)
    with pytest.raises(ValueError, match="IntegerInterval"):
        d.Categorical(w.ones(3)).log_prob(w.tensor(3))


def test_validation_can_be_turned_off():
    off = d.Normal(w.zeros(3), -1.0, validate_args=False)
    assert off.log_prob(w.zeros(3)).isnan().all()
    assert off.expand((2, 3)).log_prob(w.zeros(3)).isnan().all()
    try:
        d.Distribution.set_default_validate_args(False)
        assert d.Normal(0.0, -1.0).stddev == -1
    finally:
        d.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError):
        d.Distribution.set_default_validate_args(None)


def test_a_distribution_of_ones_own():
    class Point(d.Distribution):
        arg_constraints = {"at": d.constraints.real}
        support = d.constraints.real

        def __init__(self, at):
            self.at = at
            super().__init__(at.shape)

    point = Point(w.zeros(2))
    assert repr(point) == "Point(at: torch.Size([2]))"
    for call in (point.rsample, point.entropy, lambda: point.mean, lambda: point.mode):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(NotImplementedError, match="expand"):
        point.expand((3, 2))
    with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
        type("Bare", (d.Distribution,), {})()


def test_a_subclass_expands_itself():
    class Doubled(d.Normal):
        def __init__(self, loc):
            self.factor = 2.0
            super().__init__(loc * 2.0, 1.0)

    with pytest.raises(NotImplementedError, match="custom .expand"):
        Doubled(w.ones(2)).expand((3, 2))

    class Able(Doubled):
        def expand(self, batch_shape, _instance=None):
            new = self._get_checked_instance(Able, _instance)
            new.factor = self.factor
            return super().expand(batch_shape, _instance=new)

    class Named(d.Normal):
        pass

    # an __init__ that is not there need not be matched
    assert type(Named(0.0, 1.0).expand((3,))) is Named
    able = Able.__new__(Able)
    assert Able(w.ones(2)).expand((3, 2), able) is able
    assert able.factor == 2 and able.mean.shape == (3, 2)


def test_mixture_like_its_components():
    components = d.Independent(d.Normal(w.tensor([[0.0, 1.0], [2.0, 3.0]]), 1.0), 1)
    mixture = d.MixtureSameFamily(d.Categorical(w.tensor([0.25, 0.75])), components)
    assert mixture.event_shape == (2,) and mixture.batch_shape == ()
    assert mixture.mean.tolist() == [1.5, 2.5]
    x = w.tensor([[0.5, 0.5], [1.0, 2.0]])
    by_hand = (components.log_prob(x[:, None]).exp() * w.tensor([0.25, 0.75])).sum(-1).log()
    assert w.allclose(mixture.log_prob(x), by_hand)
    assert mixture.sample((5,)).shape == (5, 2)
    assert mixture.expand((4,)).sample((5,)).shape == (5, 4, 2)


def test_lazy_parameters_have_gradients_although_asked_for_without():
    logits = w.zeros(2, requires_grad=True)
    bernoulli = d.Bernoulli(logits=logits)
    with w.no_grad():
        probs = bernoulli.probs
    probs.sum().backward()
    assert logits.grad.tolist() == [0.25, 0.25]
    assert isinstance(d.Bernoulli.probs, property)


def test_pickle():
    for made in (d.Normal(w.zeros(2), 1.0), d.Gumbel(0.0, 1.0), d.Categorical(w.ones(3))):
        again = pickle.loads(pickle.dumps(made))
        assert repr(again) == repr(made)


# Class, arguments, value; PyTorch 2.13's log-probability in float32 and two draws of seed 0.
RECORDED = [
    ("Normal", (0.5, 2.0), 1.0, -1.64334, [3.58199, -0.0868578]),
    ("Gamma", (0.7, 2.0), 1.0, -1.77566, [0.00351025, 0.0521967]),
    ("Beta", (2.0, 0.5), 0.25, -1.53014, [0.998791, 0.944875]),
    ("Poisson", (4.0,), 3.0, -1.63288, [7, 3]),
    ("Laplace", (0.0, 1.5), -1.0, -1.76528, [-0.0112724, 1.15324]),
    ("Cauchy", (1.0, 2.0), 0.0, -2.06102, [22.1955, 2.52953]),
    ("Exponential", (1.5,), 1.0, -1.09453, [2.33888, 0.820256]),
    ("Gumbel", (0.0, 2.0), 1.0, -1.79968, [0.711458, 2.66606]),
    ("StudentT", (3.0,), 0.5, -1.16097, [9.31829, -0.261087]),
    ("Weibull", (1.0, 2.0), 0.5, -0.25, [1.87305, 1.10923]),
    ("Pareto", (1.0, 3.0), 2.0, -1.67398, [3.2202, 1.50701]),
    ("VonMises", (0.0, 4.0), 0.5, -0.75252, [-0.143551, -0.304624]),
    ("Geometric", (0.3,), 2.0, -1.91732, [1, 0]),
    ("LogNormal", (0.0, 1.0), 2.0, -1.85231, [4.66924, 0.745702]),
    ("Kumaraswamy", (2.0, 3.0), 0.5, 0.523248, [0.456383, 0.29007]),
    ("HalfCauchy", (1.0,), 2.0, -2.06102, [10.5977, 0.764767]),
    ("InverseGamma", (2.0, 1.0), 0.5, 0.0794415, [0.219654, 0.759978]),
    ("FisherSnedecor", (3.0, 4.0), 1.0, -1.06842, [8.03438, 2.69216]),
]


@pytest.mark.parametrize(("kind", "args", "value", "log_prob", "draws"), RECORDED)
def test_recorded(kind, args, value, log_prob, draws, keep_rng):
    made = getattr(d, kind)(*[w.tensor(a) for a in args])
    assert made.log_prob(w.tensor(value)).item() == pytest.approx(log_prob, rel=1e-5, abs=1e-6)
    w.manual_seed(0)
    assert made.sample((2,)).tolist() == pytest.approx(draws, rel=1e-4)
