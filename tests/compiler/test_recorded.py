"""Compiled functions inside a graph that is being recorded: one node, with the same gradients."""

import pytest

import wengert as w
from wengert.kernels import compiler

nn, F = w.nn, w.nn.functional

CASES = {
    "linear": (lambda: nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 3)), (8, 6)),
    "dropout": (lambda: nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.3)), (8, 6)),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8)),
    "lstm": (lambda: nn.LSTM(4, 5), (3, 2, 4)),
    "conv": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)), (2, 3, 8, 8)),
    "norm": (lambda: nn.BatchNorm1d(6), (8, 6)),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    make, shape = CASES[name]
    w.manual_seed(0)
    m = make()
    c = w.compile(m)
    x = w.randn(shape)

    def once(f, seed):
        w.manual_seed(seed)
        m.zero_grad()
        leaf = x.clone().requires_grad_()
        out = f(leaf * 1)
        first = out[0] if isinstance(out, tuple) else out
        first.square().sum().backward()
        return [first.detach(), leaf.grad, *[p.grad for p in m.parameters()]], first.grad_fn

    for seed in range(3):
        want, _ = once(m, seed)
        got, node = once(c, seed)
        for a, b in zip(want, got):
            assert w.allclose(a, b, rtol=1e-5, atol=4e-6)  # sums that cancel
    assert "Compiled" in type(node).__name__ or "Compiled" in node.name()


def test_called_twice_before_backward_and_only_in_part():
    p = nn.Parameter(w.tensor([1.0, 2.0]))
    f = w.compile(lambda x: (x * p, (x + p).exp()))
    for _ in range(3):
        p.grad = None
        (a, _), (_, d) = f(w.ones(2)), f(w.full((2,), 2.0))
        (a.sum() + d.sum()).backward()
        want = 1 + (2 + p.detach()).exp()
        assert w.allclose(p.grad, want)


def test_second_derivatives_and_transforms():
    f = w.compile(lambda x: (x**3).sum())
    for _ in range(2):
        x = w.tensor([1.0, 2.0], requires_grad=True)
        (g,) = w.autograd.grad(f(x), x, create_graph=True)
        (h,) = w.autograd.grad(g.sum(), x)
        assert h.tolist() == [6, 12]
    x = w.tensor([1.0, 2.0])
    assert w.func.grad(f)(x).tolist() == [3, 12]
    assert w.func.vmap(f)(x[:, None]).tolist() == [1, 8]
    assert w.func.jvp(f, (x,), (x,))[1].item() == 27
    assert w.func.hessian(f)(x).diag().tolist() == [6, 12]


def test_graphs_that_are_used_up():
    p = nn.Parameter(w.ones(2))

    @w.compile
    def step():
        p.grad = None
        loss = (p * p).sum()
        loss.backward()
        return loss

    for _ in range(4):
        loss = step()
        assert loss.requires_grad and p.grad.tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()


def test_what_backward_needs_may_not_change():
    p = nn.Parameter(w.ones(2))
    f = w.compile(lambda x: (x * p * p).sum())
    x = w.ones(2)
    for _ in range(2):
        f(x).backward()
    y = f(x)
    with w.no_grad():
        p.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.backward()


def test_hooks_and_frozen_parameters():
    m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    m[0].weight.requires_grad_(False)
    seen = []
    m[1].weight.register_hook(lambda g: seen.append(g.shape))
    c = w.compile(m)
    for n in range(1, 4):
        m.zero_grad()
        c(w.ones(3, 2)).sum().backward()
        assert m[0].weight.grad is None and len(seen) == n
    m[0].weight.requires_grad_(True)
    c(w.ones(3, 2)).sum().backward()
    assert m[0].weight.grad is not None


def test_results_that_share_memory():
    p = nn.Parameter(w.tensor([1.0, 2.0]))

    def f(x):
        y = x * p
        return y.detach(), y, y.view(2, 1), y, y.detach()

    c = w.compile(f)
    for _ in range(3):
        p.grad = None
        d, a, b, e, h = c(w.ones(2))
        assert a is e and d.grad_fn is None and h.grad_fn is None
        (a.sum() + 2 * b.sum() + 3 * e.sum()).backward()
        assert p.grad.tolist() == [6.0, 6.0]


def test_saved_arrays_go_with_backward():
    p = nn.Parameter(w.ones(1000))
    c = w.compile(lambda x: (x * p).exp().sum())
    for turn in range(3):
        out = c(w.ones(1000))
        node = out.grad_fn
        out.backward(retain_graph=True)
        assert not turn or len(node.call.saved)
        out.backward()
        assert not turn or node.call is None
        with pytest.raises(RuntimeError, match="second time"):
            out.backward()


def test_hooks_of_the_node_see_gradients():
    p = nn.Parameter(w.tensor([1.0, 2.0]))
    c = w.compile(lambda x: (x * p, (x + p).exp()))
    seen = []
    for _ in range(3):
        p.grad = None
        a, _ = c(w.ones(2))
        a.grad_fn.register_prehook(lambda gs: seen.append(len(gs)))
        a.grad_fn.register_hook(lambda ins, outs: tuple(None if g is None else g * 2 for g in ins))
        a.sum().backward()
        assert p.grad.tolist() == [2.0, 2.0]
    assert seen


def test_elementwise_functions_of_what_is_kept_are_not_kept():
    f = lambda x, y: (x * w.sigmoid(x) + 0.5 * w.tanh(x) * w.exp(-x * x)) @ y
    c = w.compile(f)
    x, y = w.randn(200, 300, requires_grad=True), w.randn(300, 20, requires_grad=True)
    for turn in range(3):
        want = w.autograd.grad(f(x, y).sum(), (x, y))
        out = c(x, y)
        if turn and compiler.target() is not None:
            assert sum(a.size for a in out.grad_fn.call.saved) == 2 * x.numel() + y.numel()
        for a, b in zip(want, w.autograd.grad(out.sum(), (x, y))):
            assert w.allclose(a, b, rtol=1e-4, atol=1e-4)
