"""What costs less as it stands than compiled runs as it stands."""

from __future__ import annotations

import pytest

import wengert as torch
from wengert import native_calls
from wengert.compiler import worth


@pytest.fixture(autouse=True)
def true_prices(monkeypatch, everything_is_worth_it):
    monkeypatch.undo()


def counts(f):
    return f.calls.counts


def test_a_single_op_runs_as_it_stands():
    f = torch.compile(lambda x: torch.softmax(x, -1))
    x = torch.randn(8, 8, requires_grad=True)
    for _ in range(3):
        x.grad = None
        f(x).sum().backward()
    assert counts(f)["captured"] == 1 and not f.calls.plans
    assert "costs less than a compiled call" in torch.compiler.report(f)


@pytest.mark.skipif(native_calls.refusal() is not None, reason="calls cost more: few are many")
def test_few_ops_of_many_elements_are_one_pass():
    def chain(x):
        return torch.exp(-x * x) * 0.5 + torch.tanh(x) * x

    f = torch.compile(chain)
    for n in (4, 4, 1 << 20, 1 << 20, 4):
        x = torch.linspace(-2, 2, n)
        torch.testing.assert_close(f(x), chain(x))
    assert counts(f)["compiled"] == 1 and len(f.calls.plans) == 1


def test_many_ops_are_compiled():
    def long(x):
        for _ in range(30):
            x = x * 0.5 + 1
        return x

    f = torch.compile(long)
    for _ in range(3):
        f(torch.ones(4))
    assert counts(f)["compiled"] == 2


def test_transforms_are_compiled_however_small():
    f = torch.compile(torch.func.grad(lambda x: x * x))
    for _ in range(3):
        assert f(torch.tensor(3.0)).item() == 6.0
    assert counts(f)["compiled"] == 2


def test_keywords_and_other_arguments():
    f = torch.compile(lambda x, n=1, *, y: x * n + y)
    x = torch.ones(3)
    for n in (1, 2, 3, 4):
        assert f(x, n, y=x).tolist() == [n + 1.0] * 3
    assert counts(f)["captured"] == 1
    big = torch.ones(3 * worth.GROWTH + 1)
    assert f(big, 2, y=big)[-1] == 3.0
    assert counts(f)["captured"] == 2


def test_a_step_that_returns_a_gradient():
    w = torch.ones(70000, requires_grad=True)

    @torch.compile
    def step(x):
        w.grad = None
        (w * x).exp().sum().backward()
        return w.grad

    x = torch.full((70000,), 2.0)
    for _ in range(3):
        g = step(x)
        assert g is w.grad
    assert counts(step)["compiled"]
