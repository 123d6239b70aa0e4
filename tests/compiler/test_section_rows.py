"""Softmax, norms and cross-entropy within sections: eager mode's values and gradients."""

from __future__ import annotations

import pytest

import wengert as torch
from wengert.compiler.section import Section
from wengert.kernels import compiler

F = torch.nn.functional
ROWS = {
    "softmax": lambda x, t, w, b: torch.softmax(x * 1.5, -1) * 2,
    "log_softmax": lambda x, t, w, b: torch.log_softmax(x * 1.5, -1) * 2,
    "layer_norm": lambda x, t, w, b: F.layer_norm(x * 1.5, w.shape, w, b) * 2,
    "layer_norm without weight": lambda x, t, w, b: F.layer_norm(x * 1.5, w.shape) * 2,
    "cross_entropy": lambda x, t, w, b: F.cross_entropy(x * 1.5, t) * 2,
    "sum of cross_entropy": lambda x, t, w, b: F.cross_entropy(x * 2, t, reduction="sum") * 3,
    "cross_entropy with a class that is none": lambda x, t, w, b: (
        F.cross_entropy(x * 1.5, t, ignore_index=0) * 2
    ),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("n", [2, 15, 16, 17, 33])
def test_rows(name, n):
    f = torch.compile(ROWS[name])
    torch.manual_seed(n)
    w, b = torch.randn(n, requires_grad=True), torch.randn(n, requires_grad=True)
    x, t = torch.randn(7, n, requires_grad=True), torch.randint(0, n, (7,))
    found = []
    for g in (ROWS[name], f, f):
        x.grad = w.grad = b.grad = None
        y = g(x, t, w, b)
        (y * y).sum().backward()
        found.append((y.detach(), x.grad, w.grad, b.grad))
    assert f.calls.counts["compiled"] == 1
    for expected, *others in zip(*found):
        for value in others:
            torch.testing.assert_close(value, expected, rtol=3e-5, atol=1e-4)


@pytest.mark.skipif(compiler.target() is None, reason="there is no compiler")
def test_a_small_classifier_is_sections():
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.LayerNorm(16), torch.nn.ReLU(), torch.nn.Linear(16, 5)
    )
    opt = torch.optim.SGD(model.parameters(), lr=0.1)

    @torch.compile
    def step(x, t):
        opt.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        opt.step()
        return loss

    x, t = torch.randn(4, 8), torch.tensor([0, 1, 2, 4])
    losses = [step(x, t).item() for _ in range(20)]
    assert losses[-1] < losses[0]
    (plan,) = step.calls.plans
    words = {x.op.name for x in plan.program.items if type(x) is not Section}
    assert not words - {"reshape", "matmul"}, words
    before = [p.clone() for p in model.parameters()]
    for bad in (5, -1):
        t[3] = bad
        with pytest.raises(IndexError, match="out of bounds"):
            step(x, t)
        assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before))
    t[3] = -100
    step(x, t)  # there are gradients again
    expected = F.cross_entropy(model(x), t)
    compiled = step.calls.counts["compiled"]
    assert step(x, t).item() == pytest.approx(expected.item(), rel=1e-5)
    assert step.calls.counts["compiled"] == compiled + 1
