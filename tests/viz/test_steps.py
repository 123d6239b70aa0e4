"""The steps of the backward pass: PyTorch's gradients, and nothing left behind."""

import math

import numpy as np
import pytest
from viz.networks import ResNet

import wengert
from wengert import viz
from wengert.viz.array_summary import bytes_text, summary


def steps_of(g):
    """title -> step; the last of equal titles."""
    return {g.vertices[s["v"]].title: s for s in g.steps}


def two_layers(lib):
    lib.manual_seed(0)
    w = lib.randn(3, 4, requires_grad=True)
    b = lib.randn(4, requires_grad=True)
    h = lib.tanh(lib.ones(2, 3) @ w + b)
    return w, b, h, (h * h).mean()


def test_gradients_at_the_nodes():
    x = wengert.ones(2, 2, requires_grad=True)
    z = (x**2 * 3).mean()
    g = viz.graph(z)
    assert [g.vertices[s["v"]].title for s in g.steps] == ["mean", "mul", "pow", "x"]
    told = steps_of(g)
    assert told["mean"]["in"][0]["v"] == [1.0] and told["mean"]["out"][0]["v"] == [0.25] * 4
    assert told["mul"]["out"][0]["v"] == [0.75] * 4 and told["mul"]["out"][1] is None
    assert told["x"]["in"][0]["v"] == [1.5] * 4
    assert x.grad is None


def test_contributions_and_their_sum():
    x = wengert.tensor([3.0], requires_grad=True)
    g = viz.graph(x * x + x)
    told = steps_of(g)
    assert [o["v"] for o in told["mul"]["out"]] == [[3.0], [3.0]]
    assert told["add"]["out"][1]["v"] == [1.0]
    assert told["x"]["in"][0]["v"] == [7.0]


def test_the_gradients_are_pytorchs(torch):
    w, b, h, loss = two_layers(wengert)
    told = steps_of(viz.graph(loss))
    tw, tb, th, tloss = two_layers(torch)
    th.retain_grad()
    tloss.backward()
    for title, t in (("w", tw), ("b", tb), ("tanh", th)):
        got = told[title]["in"][0]
        np.testing.assert_allclose(got["v"], t.grad.numpy().ravel(), rtol=1e-5, atol=1e-7)
        assert got["norm"] == pytest.approx(float(t.grad.norm()), rel=1e-4)


def test_the_order_is_that_of_the_backward_pass():
    _, _, _, loss = two_layers(wengert)
    g = viz.graph(loss)
    seqs = [g.vertices[s["v"]].seq for s in g.steps if g.vertices[s["v"]].kind == "op"]
    assert seqs == sorted(seqs, reverse=True)


def test_the_graph_and_its_hooks_are_as_before():
    seen = []
    w, b, h, loss = two_layers(wengert)
    h.register_hook(lambda g: seen.append("tensor"))
    h.grad_fn.register_hook(lambda gi, go: seen.append("node"))
    before = (dict(h.grad_fn.hooks), dict(h.grad_fn.more))
    w.grad = wengert.full((3, 4), 5.0)
    viz.graph(loss)
    assert seen == ["tensor", "node"]  # the user's hooks belong to the pass
    assert (h.grad_fn.hooks, h.grad_fn.more) == before
    assert loss.grad_fn.hooks is None and loss.grad_fn.more is None
    assert w.grad.tolist() == [[5.0] * 4] * 3 and b.grad is None
    w.grad = None
    loss.backward()
    assert w.grad is not None and seen == ["tensor", "node"] * 2


def test_outputs_that_are_no_scalars():
    x = wengert.ones(3, requires_grad=True)
    g = viz.graph(x * 2)
    assert steps_of(g)["x"]["in"][0]["v"] == [2.0] * 3
    assert "its gradient here is ones" in g.notes[0]
    g = viz.graph(x * 2, gradient=wengert.tensor([1.0, 0.0, -1.0]))
    assert steps_of(g)["x"]["in"][0]["v"] == [2.0, 0.0, -2.0] and g.notes == []


def test_large_gradients_are_told_in_numbers():
    x = wengert.linspace(-1, 1, 1000, requires_grad=True)
    (told,) = steps_of(viz.graph((x**3).sum()))["x"]["in"]
    assert "v" not in told and sum(told["hist"]) == 1000
    assert told["hi"] == 3.0 and told["lo"] == pytest.approx(0, abs=1e-4)
    assert told["norm"] == pytest.approx(float((3 * x**2).norm()), rel=1e-5)


def test_nan_and_infinity_are_counted_and_fit_into_json():
    a = np.array([1.0, np.nan, np.inf, 0.0] * 30, np.float32)
    told = summary(a)
    assert (told["nan"], told["inf"], told["hi"], told["lo"]) == (30, 30, 1.0, 0.0)
    assert math.isfinite(told["norm"]) and math.isfinite(told["mean"])
    assert summary(np.array([np.nan], np.float32))["v"] == ["nan"]
    x = wengert.zeros(2, requires_grad=True)
    g = viz.graph((x / 0).sum())
    assert g.html()


@pytest.mark.parametrize("value", [1e30, 1e-30])
def test_norms_do_not_overflow_or_vanish(value):
    a = np.full(100, value, np.float32)
    assert summary(a)["norm"] == pytest.approx(10 * value, rel=1e-5)


def test_saved_values_that_are_gone():
    x = wengert.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    g = viz.graph(loss)
    assert g.steps == [] and "retain_graph=True" in g.notes[0]
    assert [v.freed for v in g.vertices if v.title == "mul"] == [True]


def test_a_backward_pass_that_fails_is_shown_up_to_there():
    class Bad(wengert.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise KeyError("no rule")

    x = wengert.ones(2, requires_grad=True)
    g = viz.graph(Bad.apply(x.exp()).sum())
    assert [g.vertices[s["v"]].title for s in g.steps] == ["sum", "Bad"]
    assert "KeyError" in g.notes[0]


def test_checkpoints():
    layer = wengert.nn.Linear(2, 2)
    x = wengert.ones(1, 2, requires_grad=True)
    checkpoint = wengert.utils.checkpoint.checkpoint
    g = viz.graph(checkpoint(layer, x, use_reentrant=False).sum())
    assert len(g.steps) == 5
    g = viz.graph(checkpoint(layer, x, use_reentrant=True).sum())
    assert g.steps == [] and "use_reentrant=False" in g.notes[0]
    assert layer.weight.grad is None


def test_without_the_backward_pass():
    x = wengert.ones(2, requires_grad=True)
    assert viz.graph((x * 2).sum(), backward=False).steps == []


def test_within_no_grad():
    x = wengert.ones(2, requires_grad=True)
    y = (x * 2).sum()
    with wengert.no_grad():
        assert len(viz.graph(y).steps) == 3


def test_every_parameter_of_a_network_gets_its_gradient():
    wengert.manual_seed(0)
    model = ResNet((4, 6, 8, 10))
    with viz.record():
        loss = model(wengert.randn(2, 3, 32, 32)).square().mean()
    g = viz.graph(loss)
    norms = {g.vertices[s["v"]].name: s["in"][0]["norm"] for s in g.steps}
    loss.backward()
    for name, p in model.named_parameters():
        assert norms[name] == pytest.approx(float(p.grad.norm()), rel=1e-4, abs=1e-9), name


def test_bytes():
    assert [bytes_text(n) for n in (0, 999, 1500, 2_000_000, 123_456_789_000)] == [
        "0 B", "999 B", "1.5 kB", "2.0 MB", "123 GB",
    ]  # fmt: skip
