"""Sections: random programs of small nodes against the same programs as they stand."""

import threading

import numpy as np
import pytest

import wengert as w
from wengert.compiler.section import Section
from wengert.compiler.section_text import Start
from wengert.kernels import calling, compiler

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="without llvmlite")
SIZES = [1, 2, 3, 5, 8, 15, 16, 17, 33]
ONE = ["neg", "exp", "tanh", "sigmoid", "relu", "sin", "cos", "atan", "log1p", "square"]
TWO = ["add", "sub", "mul", "maximum"]


def sections(f):
    return [x for p in f.calls.plans for x in p.program.items if type(x) is Section]


def program(rng, dtype):
    """A random program over matrices, the same each time, and what it is called with."""
    seed = int(rng.integers(1 << 30))

    def f(*given):
        r = np.random.default_rng(seed)
        values = list(given)
        out = []
        for _ in range(10):
            x = values[r.integers(len(values))]
            kind = r.integers(10)
            if kind < 3:
                y = getattr(w, ONE[r.integers(len(ONE))])(x.clamp(-0.9, 2.0))
            elif kind < 5:
                same = [v for v in values if v.shape == x.shape]
                y = getattr(w, TWO[r.integers(len(TWO))])(x, same[r.integers(len(same))])
            elif kind == 5:
                fits = [v for v in values if v.shape[0] == x.shape[1]]
                y = x @ fits[r.integers(len(fits))] if fits else x @ x.t()
            elif kind == 6:
                y = x - x.sum(int(r.integers(2)), keepdim=True) / x.numel()
            elif kind == 7:
                y = x.t() if r.random() < 0.5 else x.reshape(-1, x.shape[0])
            elif kind == 8:
                y = x[r.integers(x.shape[0]) :] * 1.5
            else:
                y = x * x.mean() + w.nn.functional.mse_loss(x, x.detach() * 0.5)
            values.append(y)
            if r.random() < 0.3:
                out.append(y)
        return [*out, values[-1], sum(v.sum() for v in values)]

    shapes = [(int(rng.choice(SIZES)), int(rng.choice(SIZES))) for _ in range(2)]
    return f, [w.tensor(rng.uniform(-1, 1, s), dtype=dtype, requires_grad=True) for s in shapes]


@pytest.mark.parametrize("dtype", [w.float32, w.float64])
@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed, dtype):
    rng = np.random.default_rng(seed)
    f, given = program(rng, dtype)

    def once(g):
        outs = g(*given)
        grads = w.autograd.grad(outs[-1], given)
        return [x.detach() for x in (*outs, *grads)]

    want = once(f)
    c = w.compile(f)
    tol = 2e-4 if dtype is w.float32 else 1e-11
    found = [once(c) for _ in range(3)]
    for got in found[1:]:
        for a, b, again in zip(want, got, found[1]):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tol, atol=tol)
            assert again.numpy().tobytes() == b.numpy().tobytes()
    assert c.calls.counts["compiled"] == 2


def make(seed=0):
    w.manual_seed(seed)
    model = w.nn.Sequential(w.nn.Linear(3, 17), w.nn.Tanh(), w.nn.Linear(17, 2))
    opt = w.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    x, y = w.randn(9, 3), w.randn(9, 2)

    def step():
        opt.zero_grad()
        loss = w.nn.functional.mse_loss(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, model


def test_a_step_is_one_call_and_learns_as_it_does_as_it_stands():
    step, model = make()
    other, same = make()
    c = w.compile(other)
    for _ in range(20):
        assert w.allclose(step(), c(), rtol=1e-5)
    for p, q in zip(model.parameters(), same.parameters()):
        assert w.allclose(p, q, rtol=1e-4, atol=1e-6) and w.allclose(p.grad, q.grad, atol=1e-6)
    (s,) = sections(c)
    assert s.bytes and "section of" in w.compiler.report(c)


def test_arrays_share_the_buffer_when_their_time_has_passed():
    def f(x):
        for _ in range(20):
            x = w.tanh(x @ x)
        return x

    c = w.compile(f)
    x = w.randn(16, 16) * 0.1
    want = f(x)
    for _ in range(3):
        assert w.allclose(c(x), want, atol=1e-6)
    (s,) = sections(c)
    assert s.bytes <= 4 * 16 * 16 * 4


def test_arrays_that_do_not_suit_are_copied(monkeypatch):
    f = lambda x, m: (w.sin(x @ m) * x).sum(0)
    c = w.compile(f)
    x, m = w.randn(8, 8), w.randn(8, 8)
    for _ in range(2):
        c(x, m)
    (start,) = [k for k in c.calls.plans[0].program.kernels if type(k) is Start]
    given = [np.asfortranarray(v.numpy()) for v in (x, m)]
    out = np.empty(8, np.float32)
    start(start.table, *given, out)
    np.testing.assert_allclose(out, f(x, m).numpy(), rtol=1e-5, atol=1e-6)


def test_through_ctypes(monkeypatch):
    monkeypatch.setattr(calling, "launcher", lambda *a: None)
    monkeypatch.setattr("wengert.compiler.emit.KERNELS", {})
    step, _ = make(1)
    other, _ = make(1)
    c = w.compile(other)
    for _ in range(5):
        assert w.allclose(step(), c(), rtol=1e-5)
    assert sections(c)


def test_several_threads_call_one_function():
    f = lambda x: w.tanh(w.tanh(x @ x) @ x).sum()
    c = w.compile(f)
    xs = [w.randn(12, 12) for _ in range(4)]
    want = [f(x).item() for x in xs]
    c(xs[0])
    wrong = []

    def run(i):
        for _ in range(200):
            if abs(c(xs[i]).item() - want[i]) > 1e-4 * abs(want[i]) + 1e-5:
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


def test_old_values_are_read_before_they_are_written_over():
    p, q = w.ones(6, 6), w.full((6, 6), 2.0)

    def step(x):
        a = p @ q
        p.mul_(0.5).add_(a, alpha=0.01)
        b = p @ q + a
        q.copy_(b.t() * 0.1)
        return a.sum(), (p + x).sum(0), q[1]

    c = w.compile(step)
    a, b = np.ones((6, 6)), np.full((6, 6), 2.0)
    for i in range(4):
        x = np.full((6, 6), float(i))
        got = c(w.tensor(x, dtype=w.float32))
        s = a @ b
        a = a * 0.5 + 0.01 * s
        r = (a @ b + s).T * 0.1
        b = r
        for g, want in zip(got, (s.sum(), (a + x).sum(0), b[1])):
            np.testing.assert_allclose(g.numpy(), want, rtol=1e-5)
        np.testing.assert_allclose(p.numpy(), a, rtol=1e-5)
        np.testing.assert_allclose(q.numpy(), b, rtol=1e-5)
