"""Transforms beside PyTorch and beside their own Jacobians; constraints and what maps onto them."""

import numpy as np
import pytest

import wengert

MATRIX = [[0.3, -0.2, 0.5], [0.1, 0.4, -0.6], [0.7, 0.2, -0.1]]
X = [[0.3, -1.2, 2.0], [0.1, 0.7, -0.4]]
POSITIVE = [[0.3, 1.2, 2.0], [0.1, 0.7, 0.4]]

# name: (how to make it, an argument)
TRANSFORMS = {
    "abs": (lambda t, lib: t.AbsTransform(), X),
    "affine": (lambda t, lib: t.AffineTransform(1.0, -2.0), X),
    "affine tensors": (
        lambda t, lib: t.AffineTransform(lib.tensor([1.0, 2.0, 3.0]), lib.tensor([0.5, -1.0, 2.0])),
        X,
    ),
    "affine event": (lambda t, lib: t.AffineTransform(1.0, 3.0, event_dim=1), X),
    "cat": (
        lambda t, lib: t.CatTransform(
            [t.ExpTransform(), t.identity_transform], dim=-1, lengths=[1, 2]
        ),
        X,
    ),
    "compose": (
        lambda t, lib: t.ComposeTransform(
            [t.AffineTransform(0.0, 2.0), t.TanhTransform(), t.AffineTransform(1.0, 0.5)]
        ),
        X,
    ),
    "compose of shapes": (
        lambda t, lib: t.ComposeTransform([t.ExpTransform(), t.StickBreakingTransform()]), X,
    ),
    "corr": (lambda t, lib: t.CorrCholeskyTransform(), X),
    "cumulative": (
        lambda t, lib: t.CumulativeDistributionTransform(lib.distributions.Normal(0.5, 2.0)), X,
    ),
    "exp": (lambda t, lib: t.ExpTransform(), X),
    "exp inverse": (lambda t, lib: t.ExpTransform().inv, POSITIVE),
    "independent": (lambda t, lib: t.IndependentTransform(t.ExpTransform(), 1), X),
    "lower cholesky": (lambda t, lib: t.LowerCholeskyTransform(), MATRIX),
    "positive definite": (lambda t, lib: t.PositiveDefiniteTransform(), MATRIX),
    "power": (lambda t, lib: t.PowerTransform(lib.tensor([2.0, -1.0, 0.5])), POSITIVE),
    "reshape": (lambda t, lib: t.ReshapeTransform((2, 3), (6,)), X),
    "sigmoid": (lambda t, lib: t.SigmoidTransform(), X),
    "softmax": (lambda t, lib: t.SoftmaxTransform(), X),
    "softplus": (lambda t, lib: t.SoftplusTransform(), X),
    "stack": (
        lambda t, lib: t.StackTransform(
            [t.ExpTransform(), t.identity_transform, t.TanhTransform()], dim=1
        ),
        X,
    ),
    "stick breaking": (lambda t, lib: t.StickBreakingTransform(), X),
    "tanh": (lambda t, lib: t.TanhTransform(), X),
}  # fmt: skip


def made(lib, name, dtype="float64"):
    build, argument = TRANSFORMS[name]
    return build(lib.distributions.transforms, lib), lib.tensor(argument, dtype=getattr(lib, dtype))


def close(ours, theirs, tolerance=1e-6):
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_like_pytorch(name, torch):
    (ours, x), (theirs, a) = made(wengert, name), made(torch, name)
    assert repr(ours.domain) == repr(theirs.domain)
    assert repr(ours.codomain) == repr(theirs.codomain)
    assert ours.bijective == theirs.bijective
    assert tuple(ours.forward_shape(x.shape)) == tuple(theirs.forward_shape(a.shape))
    y, b = ours(x), theirs(a)
    close(y, b)
    assert tuple(ours.inverse_shape(y.shape)) == tuple(theirs.inverse_shape(b.shape))
    close(ours.inv(y), theirs.inv(b))
    try:
        expected = theirs.log_abs_det_jacobian(a, b)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            ours.log_abs_det_jacobian(x, y)
        return
    close(ours.log_abs_det_jacobian(x, y), expected)
    close(ours.inv.log_abs_det_jacobian(y, x), theirs.inv.log_abs_det_jacobian(b, a))


@pytest.mark.parametrize("name", [n for n in TRANSFORMS if "reshape" not in n])
def test_a_result_lies_in_the_codomain(name):
    transform, x = made(wengert, name)
    y = transform(x)
    if not isinstance(transform.codomain, type(wengert.distributions.constraints.cat([]))):
        assert transform.codomain.check(y).all()
    if transform.bijective:
        close(transform.inv(y), x)


@pytest.mark.parametrize(
    "name", ["affine", "compose", "exp", "sigmoid", "softplus", "tanh", "power"]
)
def test_jacobian_is_the_derivative(name):
    transform, x = made(wengert, name)
    x.requires_grad_()
    y = transform(x)
    (slope,) = wengert.autograd.grad(y.sum(), x)
    log_jacobian = transform.log_abs_det_jacobian(x, y)
    close(log_jacobian.detach(), slope.abs().log(), 1e-9)


def test_stick_breaking_jacobian():
    transform, x = made(wengert, "stick breaking")
    jacobian = wengert.func.jacrev(lambda v: transform(v)[:-1])(x[0])
    expected = wengert.linalg.slogdet(jacobian).logabsdet
    close(transform.log_abs_det_jacobian(x[0], transform(x[0])), expected, 1e-9)


def test_a_cache_gives_the_argument_back():
    transform = wengert.distributions.transforms.TanhTransform(cache_size=1)
    x = wengert.tensor([30.0])  # tanh is 1 there, whose inverse is infinite
    y = transform(x)
    assert transform.inv(y) is x
    assert transform(x) is y
    with pytest.raises(ValueError, match="cache_size"):
        wengert.distributions.transforms.ExpTransform(cache_size=2)
    again = wengert.distributions.transforms.ComposeTransform([transform]).with_cache(1)
    assert again.inv(again(x)) is x


def test_equality():
    t = wengert.distributions.transforms
    assert t.ExpTransform() == t.ExpTransform() and t.ExpTransform() != t.TanhTransform()
    assert t.AffineTransform(0.0, 1.0) == t.AffineTransform(0.0, wengert.tensor(1.0))
    assert t.AffineTransform(0.0, 1.0) != t.AffineTransform(0.0, 2.0)
    assert t.ExpTransform().inv == t.ExpTransform().inv
    assert t.ComposeTransform([t.ExpTransform()]) == t.ComposeTransform([t.ExpTransform()])
    assert t.ExpTransform().inv.inv == t.ExpTransform()


def test_transformed_distribution_like_pytorch(torch, keep_rng):
    def both(lib):
        d, t = lib.distributions, lib.distributions.transforms
        base = d.Uniform(lib.tensor(0.0, dtype=lib.float64), 1.0)
        logistic = [t.SigmoidTransform().inv, t.AffineTransform(1.0, lib.tensor([2.0, -3.0]))]
        return d.TransformedDistribution(base, logistic)

    ours, theirs = both(wengert), both(torch)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape) == (2,)
    wengert.manual_seed(1)
    torch.manual_seed(1)
    x, a = ours.rsample((4,)), theirs.rsample((4,))
    close(x, a)
    close(ours.log_prob(x), theirs.log_prob(a))
    close(ours.cdf(x), theirs.cdf(a))
    close(ours.icdf(ours.cdf(x)), x)
    close(ours.expand((3, 2)).log_prob(x[:, None]), theirs.expand((3, 2)).log_prob(a[:, None]))


CONSTRAINTS = {
    "real": lambda c: c.real,
    "positive": lambda c: c.positive,
    "nonnegative": lambda c: c.nonnegative,
    "greater_than": lambda c: c.greater_than(-1.5),
    "greater_than_eq": lambda c: c.greater_than_eq(2.0),
    "less_than": lambda c: c.less_than(0.5),
    "unit_interval": lambda c: c.unit_interval,
    "interval": lambda c: c.interval(-2.0, 3.0),
    "half_open_interval": lambda c: c.half_open_interval(0.5, 1.5),
    "simplex": lambda c: c.simplex,
    "corr_cholesky": lambda c: c.corr_cholesky,
    "lower_cholesky": lambda c: c.lower_cholesky,
    "positive_definite": lambda c: c.positive_definite,
    "positive_semidefinite": lambda c: c.positive_semidefinite,
    "independent": lambda c: c.independent(c.positive, 1),
    "stack": lambda c: c.stack([c.positive, c.real, c.unit_interval], -1),
    "cat": lambda c: c.cat([c.positive, c.real], -1, [1, 2]),
}


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_registry(name, registry, torch):
    def mapped(lib):
        constraint = CONSTRAINTS[name](lib.distributions.constraints)
        matrix = name in ("lower_cholesky", "positive_definite", "positive_semidefinite")
        x = lib.tensor(MATRIX if matrix else X, dtype=lib.float64)
        return constraint, getattr(lib.distributions, registry)(constraint)(x)

    try:
        expected = mapped(torch)[1]
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            mapped(wengert)
        return
    constraint, y = mapped(wengert)
    close(y, expected)
    assert constraint.check(y).all()


CHECKS = [
    ("boolean", [0.0, 1.0, 2.0]),
    ("one_hot", [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]]),
    ("nonnegative_integer", [0.0, 1.0, -1.0, 0.5]),
    ("positive_integer", [0.0, 1.0, 2.5]),
    ("real", [0.0, float("nan"), float("inf")]),
    ("real_vector", [[0.0, float("nan")], [0.0, 1.0]]),
    ("positive", [0.0, 1.0]),
    ("nonnegative", [0.0, -1.0]),
    ("unit_interval", [0.0, 1.0, 1.1]),
    ("simplex", [[0.5, 0.5], [0.5, 0.6], [-0.5, 1.5]]),
    ("lower_triangular", [[[1.0, 0.0], [2.0, -3.0]], [[1.0, 1.0], [0.0, 1.0]]]),
    ("lower_cholesky", [[[1.0, 0.0], [2.0, -3.0]], [[1.0, 0.0], [0.0, 1.0]]]),
    ("corr_cholesky", [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.7]]]),
    ("square", [[[1.0, 0.0]]]),
    ("symmetric", [[[1.0, 0.5], [0.5, 1.0]]]),
    ("symmetric", [[[1.0, 0.5], [0.6, 1.0]]]),
    ("positive_semidefinite", [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]]]),
    ("positive_definite", [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]]]),
]


@pytest.mark.parametrize(("name", "values"), CHECKS)
def test_checks(name, values, torch):
    ours = getattr(wengert.distributions.constraints, name)
    theirs = getattr(torch.distributions.constraints, name)
    assert repr(ours) == repr(theirs)
    assert (ours.is_discrete, ours.event_dim) == (theirs.is_discrete, theirs.event_dim)
    assert (
        ours.check(wengert.tensor(values)).tolist() == theirs.check(torch.tensor(values)).tolist()
    )


def test_dependent_constraints():
    c = wengert.distributions.constraints
    assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)
    assert c.is_dependent(wengert.distributions.Uniform.support)
    assert wengert.distributions.Uniform.support.event_dim == 0
    with pytest.raises(ValueError, match="dependent"):
        c.dependent.check(wengert.zeros(1))
    with pytest.raises(NotImplementedError, match="statically"):
        _ = c.dependent.event_dim
    assert c.dependent(is_discrete=True, event_dim=1).event_dim == 1
    with pytest.raises(ValueError, match="value.dim"):
        c.independent(c.real, 2).check(wengert.zeros(1))
    with pytest.raises(TypeError, match="Constraint"):
        wengert.distributions.biject_to.register(int, lambda c: None)
