"""Kernels of groups: random chains against the same chains as they stand, with all tails."""

import numpy as np
import pytest

import wengert as w
from wengert.engine.tensor import wrap
from wengert.kernels import compiler, threads

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="without llvmlite")
ONE = [
    "neg", "abs", "exp", "tanh", "sigmoid", "relu", "erf", "square", "reciprocal",
]  # fmt: skip
TWO = ["add", "sub", "mul", "div", "maximum", "minimum"]


@pytest.fixture(autouse=True)
def seeded():
    w.manual_seed(0)


def kernels(f):
    return [k for p in f.calls.plans for k in p.program.kernels]


def check(f, *tensors, least=1, tol=5e-6):
    want = f(*tensors)
    c = w.compile(f)
    c(*tensors)
    got = c(*tensors)
    for a, b in zip(want, got):
        assert a.dtype is b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tol, atol=tol, equal_nan=True)
    assert c.calls.counts["compiled"] == 1 and len(kernels(c)) >= least
    again = c(*tensors)
    for a, b in zip(got, again):
        assert a.numpy().tobytes() == b.numpy().tobytes()  # bit for bit
    return c


def chain(rng):
    """A random program of elementwise functions of three tensors."""
    steps = []
    for i in range(rng.integers(3, 12)):
        if rng.random() < 0.5:
            steps.append((ONE[rng.integers(len(ONE))], int(rng.integers(3 + i))))
        else:
            two = TWO[rng.integers(len(TWO))]
            steps.append((two, int(rng.integers(3 + i)), int(rng.integers(3 + i))))
    kept = [int(k) for k in rng.integers(3, 3 + len(steps), 2)]

    def f(x, y, z):
        values = [x, y, z]
        for name, *at in steps:
            v = getattr(w, name)(*[values[i] for i in at])
            values.append(w.clamp(v, -3.0, 3.0))
        return [values[k] for k in kept] + [values[-1]]

    return f


@pytest.mark.parametrize("seed", range(25))
def test_random_chains(seed):
    rng = np.random.default_rng(seed)
    columns = [1, 2, 15, 16, 17, 33, 64, 257][seed % 8]
    rows = [1, 3, 40][seed % 3]
    forms = [(rows, columns), (columns,), (rows, 1), (1, columns), ()]
    shapes = [forms[0], forms[rng.integers(len(forms))], forms[rng.integers(len(forms))]]
    shapes = [shapes[i] for i in rng.permutation(3)]
    kind = [np.float32, np.float64][seed % 5 == 4]
    tensors = [wrap(rng.uniform(-1.5, 1.5, s).astype(kind)) for s in shapes]
    check(chain(rng), *tensors, least=0, tol=2e-5)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 33, 16384, 16385, 50_000])
def test_tails_and_chunks(n):
    x, y = w.randn(n), w.randn(n)
    check(lambda x, y: [(x * y + 1).tanh() * x, x - y], x, y)


@pytest.mark.parametrize("shape", [(5, 17), (3, 4, 16), (1000, 33), (2, 70_000)])
def test_rows_and_columns(shape):
    x = w.randn(shape)
    b, r = w.randn(shape[-1]), w.randn(*shape[:-1], 1)
    check(lambda x, b, r: [((x + b) * r).relu() * 2], x, b, r)


def test_masks_and_numbers():
    x, y = w.randn(6, 50), w.randn(6, 50)

    def f(x, y):
        m = (x > 0) & ~(y <= 0.5)
        z = w.where(m, x, y * 2)
        return [z, m, m.float() * z, z.clamp(min=-0.5), z.masked_fill(m, 1.0), (z / 3 - 1) ** 2]

    check(f, x, y)


def test_values_that_are_special():
    x = w.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-40, 3e38, -7.0] * 5)
    check(
        lambda x: [
            x.relu() + 0, w.maximum(x, -x), x.sigmoid() * 2, x.tanh() * 2, x.exp() * 2,
            w.nn.functional.gelu(x) * 1, w.nn.functional.silu(x) * 1, x.clamp(-1, 1) * 2,
        ],
        x,
    )  # fmt: skip


def test_operands_that_do_not_lie_in_order():
    x = w.randn(40, 30)
    check(lambda x: [(x.t() * 2).exp() + x[:30].t()[:, :30].sum() * x.t()], x)
    y = w.randn(1)
    check(lambda x, y: [(y.expand(40, 30) * x + 1) * 2], x, y)


def test_updates_are_written_in_place_and_old_values_are_read_before():
    p, q = w.zeros(100), w.ones(100)

    def step():
        old = p * 1
        p.add_(q).mul_(2)
        q.copy_(old + q * 2)
        return p * 1, q.flip(0)

    c = w.compile(step)
    a, b = np.zeros(100), np.ones(100)
    for _ in range(4):
        got = c()
        a, b = (a + b) * 2, a + b * 2
        assert np.allclose(p.numpy(), a) and np.allclose(q.numpy(), b)
        assert np.allclose(got[0].numpy(), a) and np.allclose(got[1].numpy(), b)
    assert kernels(c)


def test_without_a_compiler_and_with_one_thread(monkeypatch):
    x = w.randn(300, 200)
    f = lambda x: [(x * 2 + 1).tanh() * x]
    want = check(f, x)(x)[0].numpy()
    before = threads.count()
    w.set_num_threads(1)
    try:
        assert want.tobytes() == check(f, x)(x)[0].numpy().tobytes()
    finally:
        w.set_num_threads(before)
    monkeypatch.setattr(compiler, "_host", [None])
    c = w.compile(f)
    c(x)
    assert np.allclose(c(x)[0].numpy(), want, rtol=1e-6, atol=1e-6) and not kernels(c)


def test_the_report():
    f = w.compile(lambda x: (x * 2 + 1).tanh().sum())
    assert w.compiler.report(f) == "not called yet"
    for _ in range(3):
        f(w.ones(100, requires_grad=True))
    text = w.compiler.report(f)
    assert "1 plan; 1 call captured, 2 compiled" in text
    assert "kernel over [100]" in text and "mul add tanh" in text and "backward" in text
    m = w.compile(w.nn.Linear(2, 2))
    m(w.ones(1, 2))
    assert "1 plan" in w.compiler.report(m)
    with pytest.raises(TypeError, match="not returned by"):
        w.compiler.report(len)


def test_a_report_with_times_and_its_page(tmp_path):
    model = w.nn.Sequential(w.nn.Linear(8, 16), w.nn.Tanh(), w.nn.Linear(16, 1))
    opt = w.optim.SGD(model.parameters(), lr=0.1)

    @w.compile
    def step(x):
        opt.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        opt.step()
        return loss

    x = w.randn(32, 8)
    step(x), step(x), step(x)
    r = w.compiler.report(step, x)
    assert r.rows and all(
        row.seconds > 0 and (row.bytes > 0) == (row.kind != "view") for row in r.rows
    )
    assert any("test_groups.py" in row.line and "loss" in row.line for row in r.rows)
    assert " us" in r and "2 compiled" not in r.about
    before = [p.detach().clone() for p in model.parameters()]
    assert all(row.seconds is None for row in w.compiler.report(step).rows)
    assert all(w.equal(a, b) for a, b in zip(before, model.parameters()))  # nothing was run
    text = r.save(tmp_path / "report.html").read_text()
    assert text.count("<tr class=") == len(r.rows) and "µs" in text and "<script" not in text
    assert r._repr_html_() in text

    f = w.compile(lambda x: x * x.sum().item())
    f(x)
    assert any("as it stands" in note for note in w.compiler.report(f).notes)


def test_a_report_times_a_recorded_call_and_leaves_it_as_it_was():
    f = w.compile(lambda x: (x * 2 + 1).tanh().sum())
    x = w.ones(1000, requires_grad=True)
    r = w.compiler.report(f, x)
    forward = [row for row in r.rows if row.program == "forward"]
    assert forward and all(row.seconds is not None for row in forward)
    f(x).backward()
    assert np.allclose(x.grad.numpy(), 2 * (1 - np.tanh(3.0) ** 2), rtol=1e-4)
