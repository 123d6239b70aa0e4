"""Graphs that are said in other words compute the same bits."""

from __future__ import annotations

import pytest

import wengert as torch

F = torch.nn.functional


def ops(plan):
    return [n.op.name for n in plan.graph.nodes]


@pytest.mark.parametrize(
    "window",
    [dict(kernel_size=2), dict(kernel_size=3, stride=1), dict(kernel_size=3, stride=2, padding=1)],
)
@pytest.mark.parametrize("whole", [False, True])
def test_relu_after_max_pooling(window, whole):
    torch.manual_seed(3)
    x = torch.randn(2, 3, 9, 8)
    x[0, 0] = -x[0, 0].abs()  # windows without anything above zero
    x[0, 1, :4, :4] = 0.5  # ties
    x.requires_grad_()
    scale = torch.randn(3, 1, 1, requires_grad=True)

    def f(x):
        return F.max_pool2d(torch.relu(x * scale), **window) * 1.5

    def step(x, f=f):
        y = f(x)
        return y.detach(), *torch.autograd.grad((y * y).sum(), (x, scale))

    compiled = torch.compile(step if whole else f)
    run = compiled if whole else lambda x: step(x, compiled)
    found = [g(x) for g in (step, run, run, run)]
    assert compiled.calls.counts["compiled"]
    names = ops(compiled.calls.plans[-1])
    assert names.index("max_pool") < names.index("relu")
    assert names.index("relu_backward") < names.index("pool_scatter")
    for each in found[1:]:
        assert torch.equal(each[0], found[0][0]) and torch.equal(each[1], found[0][1])
        torch.testing.assert_close(each[2], found[0][2])


def test_relu_stays_where_others_read_it_or_places_are_returned():
    x = torch.randn(1, 2, 6, 6, requires_grad=True)
    for f in (
        lambda x: F.max_pool2d(torch.relu(x * 2), 2).sum() + torch.relu(x * 2).mean(),
        lambda x: F.max_pool2d(torch.relu(x * 2), 2, return_indices=True),
    ):
        compiled = torch.compile(f)
        for _ in range(2):
            got, expected = compiled(x), f(x)
        assert compiled.calls.counts["compiled"] == 1
        names = ops(compiled.calls.plans[-1])
        assert names.index("relu") < names.index("max_pool")
        if isinstance(got, tuple):
            assert torch.equal(got[1], expected[1])
        else:
            torch.testing.assert_close(got, expected)
