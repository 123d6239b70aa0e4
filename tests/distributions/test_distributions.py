"""Every distribution beside PyTorch: values, draws, gradients, shapes, printed form."""

import warnings

import numpy as np
import pytest
from distributions.cases import CASES, build

import wengert

pytestmark = pytest.mark.filterwarnings("ignore:Low df values", "ignore:Singular sample")

PROPERTIES = ("mean", "variance", "mode", "stddev")


def outcome(f):
    """What a call gives, or the type of its exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f()
    except Exception as e:
        return type(e)


def same(ours, theirs, tolerance=1e-9):
    if isinstance(theirs, type):
        # Elsewhere, PyTorch trips over its own formula.
        assert ours is theirs or theirs in (AttributeError, RuntimeError)
        return
    assert not isinstance(ours, type), ours
    assert str(ours.dtype).removeprefix("torch.") == str(theirs.dtype).removeprefix("torch.")
    assert tuple(ours.shape) == tuple(theirs.shape)
    if str(theirs.dtype) == "torch.float32":
        tolerance = max(tolerance, 2e-6)
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
    )


@pytest.fixture(params=list(CASES))
def pair(request, torch):
    return build(wengert, request.param)[0], build(torch, request.param)[0]


def test_shapes_and_printed_form(pair):
    ours, theirs = pair
    assert repr(ours) == repr(theirs)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    assert repr(ours.support) == repr(theirs.support)
    assert {k: repr(v) for k, v in ours.arg_constraints.items()} == {
        k: repr(v) for k, v in theirs.arg_constraints.items()
    }


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties(pair, name):
    ours, theirs = pair
    tolerance = 1e-6 if isinstance(ours, wengert.distributions.VonMises) else 1e-9
    same(outcome(lambda: getattr(ours, name)), outcome(lambda: getattr(theirs, name)), tolerance)


def test_entropy(pair):
    ours, theirs = pair
    same(outcome(ours.entropy), outcome(theirs.entropy))


def test_log_prob_cdf_icdf(pair, torch):
    ours, theirs = pair
    torch.manual_seed(3)
    value = theirs.sample((5,))
    mine = wengert.from_numpy(value.numpy().copy())
    tolerance = 2e-6 if isinstance(ours, wengert.distributions.VonMises) else 1e-9
    same(outcome(lambda: ours.log_prob(mine)), outcome(lambda: theirs.log_prob(value)), tolerance)
    below = outcome(lambda: theirs.cdf(value))
    same(outcome(lambda: ours.cdf(mine)), below)
    if not isinstance(below, type):
        at = wengert.from_numpy(below.numpy().copy())
        same(outcome(lambda: ours.icdf(at)), outcome(lambda: theirs.icdf(below)), 1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_draws(name, dtype, torch, keep_rng):
    ours = build(wengert, name, getattr(wengert, dtype))[0]
    theirs = build(torch, name, getattr(torch, dtype))[0]
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for shape in [(), (2, 3), (40,)]:
        wengert.manual_seed(11)
        torch.manual_seed(11)
        same(ours.sample(shape), theirs.sample(shape), tolerance)
        # and both streams go on from the same place
        assert wengert.rand(1).item() == torch.rand(1).item()


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_draws(name, torch, keep_rng):
    ours, our_arguments = build(wengert, name, grad=True)
    theirs, their_arguments = build(torch, name, grad=True)
    if not theirs.has_rsample:
        with pytest.raises(NotImplementedError):
            ours.rsample()
        return
    if not their_arguments or "Wishart" in name:  # PyTorch's cannot be differentiated
        return
    wengert.manual_seed(5)
    torch.manual_seed(5)
    mine, value = ours.rsample((4,)), theirs.rsample((4,))
    same(mine, value, 1e-10)
    weights = np.linspace(-1, 2, value.numel()).reshape(value.shape)
    (mine * wengert.from_numpy(weights)).sum().backward()
    (value * torch.from_numpy(weights)).sum().backward()
    for a, b in zip(our_arguments, their_arguments):
        if b.grad is None:
            assert a.grad is None or not a.grad.any()
        else:
            same(a.grad, b.grad, 1e-3)


def test_gradients_of_wishart_draws(keep_rng):
    def drawn(root):
        wengert.manual_seed(5)
        return wengert.distributions.Wishart(wengert.tensor(4.0), scale_tril=root.tril()).rsample()

    root = wengert.tensor([[1.2, 0.0], [0.4, 0.9]], dtype=wengert.float64, requires_grad=True)
    assert wengert.autograd.gradcheck(drawn, root)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_log_prob_and_entropy(name, torch):
    ours, our_arguments = build(wengert, name, grad=True)
    theirs, their_arguments = build(torch, name, grad=True)
    torch.manual_seed(3)
    value = theirs.sample((3,))
    if not their_arguments or "GeneralizedPareto" in name:  # which takes float32 only there
        return
    theirs.log_prob(value).sum().backward()
    ours.log_prob(wengert.from_numpy(value.numpy().copy())).sum().backward()
    for a, b in zip(our_arguments, their_arguments):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            # PyTorch's has an upper triangle, too, where a factor's elements are not free.
            lower = name == "Wishart root" and a.dim() > 1
            same(a.grad.tril() if lower else a.grad, b.grad.tril() if lower else b.grad, 1e-6)


def test_expand(pair, keep_rng, torch):
    ours, theirs = pair
    shape = (2, *theirs.batch_shape)
    ours, theirs = ours.expand(shape), theirs.expand(shape)
    assert type(ours).__name__ == type(theirs).__name__
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape) == tuple(shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert repr(ours) == repr(theirs)
    wengert.manual_seed(2)
    torch.manual_seed(2)
    mine, value = ours.sample((3,)), theirs.sample((3,))
    same(mine, value)
    same(ours.log_prob(mine), outcome(lambda: theirs.log_prob(value)), 2e-6)
    same(outcome(lambda: ours.mean), outcome(lambda: theirs.mean))
    same(outcome(ours.entropy), outcome(theirs.entropy))
    again = ours.expand((4, *shape))
    assert tuple(again.sample().shape) == (4, *theirs.batch_shape, *theirs.event_shape)


def test_enumerate_support(pair):
    ours, theirs = pair
    for expand in (True, False):
        same(
            outcome(lambda expand=expand: ours.enumerate_support(expand)),
            outcome(lambda expand=expand: theirs.enumerate_support(expand)),
        )


def test_numbers_that_are_no_shapes_and_rates_beyond_int64(torch, keep_rng):
    """What is let through by validate_args=False draws as many numbers as in PyTorch."""
    shapes = [-1.0, -0.2, 0.0, float("nan"), float("inf"), float("-inf"), 1e-30, 2.0]
    for dtype in ("float32", "float64"):
        drawn = []
        for lib in (wengert, torch):
            lib.manual_seed(0)
            kind = getattr(lib, dtype)
            gammas = lib._standard_gamma(lib.tensor(shapes, dtype=kind))
            counts = lib.poisson(lib.tensor([float("inf"), 1e30, 1e18, 3.0], dtype=kind))
            drawn.append([*gammas.tolist(), *counts.tolist(), lib.rand(1).item()])
        np.testing.assert_allclose(*drawn, rtol=1e-5)


def test_parameters_of_one_shape_stay_leaves():
    loc = wengert.zeros(3, requires_grad=True)
    d = wengert.distributions.Normal(loc, wengert.ones(3, requires_grad=True))
    assert d.loc is loc
    assert wengert.distributions.Normal(loc, 1.0).loc is loc


def test_a_graph_made_by_the_constructor_is_used_twice():
    a = wengert.tensor([0.5, 2.0], requires_grad=True)
    d = wengert.distributions.Beta(a, a)
    d.entropy().sum().backward()
    first = a.grad.clone()
    d.entropy().sum().backward()
    assert wengert.equal(a.grad, 2 * first)
