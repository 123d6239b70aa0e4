"""Compiled functions whose tensors are on a device: the numbers of eager mode there, chains of ops
as launches of kernels. Simulated devices, and a stand-in for CuPy that runs kernels' threads here
(`cupy_stand.py`).
"""

import re
import sys

import numpy as np
import pytest
from compiler import test_steps
from compiler.steps import compare
from cupy_stand import Array, Stand
from launching import run

import wengert as w
from wengert.arrays import bind, cuda, lookup
from wengert.compiler import group, launched, words
from wengert.kernels import compiler, gpu

nn, F, O = w.nn, w.nn.functional, w.optim
needs_compiler = pytest.mark.skipif(compiler.target() is None, reason="no compiler here")
PROGRAMS = [
    test_steps.accumulate, test_steps.never_cleared, test_steps.in_place, test_steps.data,
    test_steps.data_replaced, test_steps.averages, test_steps.convolution, test_steps.recurrent,
    test_steps.encoder, test_steps.attention_draws, test_steps.hessian,
    test_steps.product_with_hessian, test_steps.per_example, test_steps.second_derivative,
]  # fmt: skip
LAYERS = [(nn.ReLU, lambda: nn.Dropout(0.3)), (lambda: nn.LayerNorm(16), nn.GELU), (nn.RReLU,)]


@pytest.fixture
def simulated():
    w.set_default_device("sim:1")
    yield
    w.set_default_device("cpu")


@pytest.fixture
def stand(monkeypatch):
    """One CUDA device whose kernels' threads run here."""
    lib = Stand()
    monkeypatch.setattr(cuda, "library", lambda: lib)
    monkeypatch.setattr(cuda, "device_count", lambda: 1)
    monkeypatch.setattr(cuda, "_namespaces", {})
    lookup.NS.pop(Array, None)
    w.set_default_device("cuda")
    yield lib
    w.set_default_device("cpu")


@pytest.mark.parametrize("make", PROGRAMS)
def test_programs(simulated, make):
    counts = compare(make, tol=1e-5)
    assert counts["as it stands"] == 0 and counts["compiled"] >= 3


@pytest.mark.parametrize("name", test_steps.OPTIMIZERS)
def test_optimizers(simulated, name):
    assert compare(test_steps.trainer(test_steps.OPTIMIZERS[name]))["as it stands"] == 0


@pytest.mark.parametrize("layers", LAYERS)
def test_training(simulated, layers):
    """Also what is drawn: from the device's own generator, and what eager mode draws."""
    made = test_steps.trainer(test_steps.OPTIMIZERS["adam"], layers=layers, clip="norm")
    assert compare(made) == test_steps.BEST


def draws():
    g = w.Generator("sim").manual_seed(5)
    x = w.randn(20)

    def step():
        return (
            w.randn(4, 2) + w.rand(4, 2), w.randint(0, 9, (3,)), w.bernoulli(w.full((5,), 0.5)),
            F.dropout(x, 0.5), F.alpha_dropout(x, 0.3), w.rand(3, generator=g),
            w.multinomial(x.exp(), 2), w.normal(x, x.exp()), w.empty(3).uniform_(2, 3),
            w.rand_like(x), F.dropout2d(x.view(1, 4, 5, 1)),
        )  # fmt: skip

    return step


def test_draws(simulated):
    assert compare(draws)["compiled"] >= 3


def test_arguments_are_held_to_their_device():
    f = w.compile(lambda x: (x * 2 + 1).tanh())
    x = w.randn(30)
    for device in ("sim:0", "sim:1", "cpu", "sim:0", "sim:1"):
        y = f(x.to(device))
        assert str(y.device) == device
        np.testing.assert_allclose(y.cpu().numpy(), np.tanh(x.numpy() * 2 + 1), rtol=1e-6)
    assert len(f.calls.plans) == 3 and f.calls.counts["compiled"] == 2
    assert "the device of argument 0" in f.calls.misses
    assert "simulated devices take no kernels" in w.compiler.report(f)


def test_numbers_of_this_machine_beside_a_device():
    scale = w.tensor(3.0)
    f = w.compile(lambda x: (x * scale + 1) / scale)
    x = w.randn(4, device="sim:1")
    for _ in range(3):
        assert w.equal(f(x), (x * scale + 1) / scale)
        scale.mul_(2)
    assert f.calls.counts["compiled"] == 2


def test_shapes_change(simulated):
    f = w.compile(lambda x, y: F.softmax(x @ y, -1).sum(0) * 0.5 + 1)
    for n in range(2, 9):
        x, y = w.randn(n, 3), w.randn(3, 4)
        want = F.softmax(x @ y, -1).sum(0) * 0.5 + 1
        assert w.allclose(f(x, y), want)
    assert len(f.calls.plans) < 4


def test_loops_run_round_by_round(simulated):
    def f(x, xs):
        return w.compiler.scan(lambda c, x: (c * 0.5 + x, c), x, xs)

    x, xs = w.randn(3), w.randn(20, 3)
    g = w.compile(f)
    for _ in range(3):
        for a, b in zip(g(x, xs), f(x, xs)):
            assert w.allclose(a, b)
    assert g.calls.counts["compiled"] == 2


@pytest.mark.filterwarnings("ignore:torch.compile")
def test_a_decision_is_told(simulated):
    f = w.compile(lambda x: x * 2 if x.sum() > 0 else x)
    f(w.ones(3))
    assert "needs the value of a tensor" in f.calls.given_up and f.calls.counts["compiled"] == 0


# ---- kernels


def chain(x, b, r):
    return w.where((x * 2 + b).tanh() > r, x * x, 0.5 * b).sigmoid() * r


@needs_compiler
def test_a_chain_is_one_launch(stand):
    """Rows, columns, numbers, masks, and sizes that no block divides."""
    f = w.compile(chain)
    for n in (3, 700):
        x, b, r = w.randn(5, n), w.randn(n), w.randn(5, 1)
        want = chain(x, b, r)
        for _ in range(2):
            np.testing.assert_allclose(f(x, b, r)._a, want._a, rtol=1e-5, atol=1e-6)
        stand.launches.clear()
        got = f(x, b, r)
        assert [name[:6] for name in stand.launches] == ["chain_"]
        np.testing.assert_allclose(got._a, want._a, rtol=1e-5, atol=1e-6)


@needs_compiler
@pytest.mark.parametrize("name", ["sgd", "adam", "nesterov"])
def test_a_step_is_fewer_calls_than_eager_mode(stand, name, monkeypatch):
    """All parameters are one launch, as in an optimizer's own step; with what the library is called
    for besides it is less.
    """

    def launches(compiled):
        w.manual_seed(0)
        layers = (nn.GELU, lambda: nn.LayerNorm(16), lambda: Scaled(16))
        step = test_steps.trainer(test_steps.OPTIMIZERS[name], layers=layers)()
        step = w.compile(step) if compiled else step
        for _ in range(7):
            stand.launches.clear()
            called.clear()
            found = step()
        return len(stand.launches), len(called), found

    class Scaled(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.scale = nn.Parameter(w.ones(n))

        def forward(self, x):
            return (x * self.scale + 0.5).abs() * x

    called = []
    before = cuda.CUDANamespace.quicker

    def counted(self, word, body):
        f = before(self, word, body)
        views = ("empty", "transpose", "reshape", "permute", "expand", "getitem", "asarray")
        known = word in bind.words(np) and word not in views and callable(f)
        return (lambda *args, **kw: called.append(word) or f(*args, **kw)) if known else f

    monkeypatch.setattr(cuda.CUDANamespace, "quicker", counted)
    monkeypatch.setattr(cuda, "_namespaces", {})
    lookup.NS.pop(Array, None)
    w.ones(1)
    eager, eager_calls, want = launches(False)
    got, calls, found = launches(True)
    assert got + calls < eager + eager_calls, (got, calls, eager, eager_calls)
    for a, b in zip(found[1], want[1]):
        np.testing.assert_allclose(a.detach()._a, b.detach()._a, rtol=1e-4, atol=1e-5)


@needs_compiler
def test_groups_that_touch_each_other_are_apart(stand):
    """What the first reads the second writes: one after the other."""
    a, b = w.zeros(40), w.ones(40)

    def f():
        with w.no_grad():
            a.copy_(a * 2 + b)
            b.copy_(b * 2 + a)
        return a, b

    g = w.compile(f)
    for _ in range(5):
        g()
    x, y = np.zeros(40), np.ones(40)
    for _ in range(5):
        x = x * 2 + y
        y = y * 2 + x
    np.testing.assert_array_equal(a._a, x)
    np.testing.assert_array_equal(b._a, y)


@needs_compiler
def test_a_kernel_that_differs_is_not_believed(stand):
    f = w.compile(lambda x: (x * 3 + 0.25).abs() - 7)
    x = w.randn(50)
    f(x)
    stand.spoil = True
    with pytest.warns(RuntimeWarning, match="chain_[0-9a-f]+ differs from the general way"):
        y = f(x)
    stand.spoil = False
    for _ in range(2):
        np.testing.assert_array_equal(y._a, np.abs(x._a * 3 + np.float32(0.25)) - 7)
        y = f(x)
    assert re.search("chain_[0-9a-f]+ is not used", w.compiler.report(f))


WORDS = [(n, kind) for n in words.WORDS for kind in ("float32", "float64")]
WORDS += [(n, "float32") for n in words.SINGLE] + [(n, "float64") for n in words.FEW]
OPERANDS = {
    "where": "mxx",
    "keep": "xm",
    "masked_fill": "xm",
    "addcmul": "xxx",
    "clamp_scalar": "x",
}
STATIC = {
    "masked_fill": {"value": 0.5}, "clamp_scalar": {"low": -0.5, "high": 0.5},
    "lerp_number": {"weight": 0.25}, "pow": {}, "leaky_relu": {"slope": 0.1},
    "leaky_relu_backward": {"slope": 0.1}, "hardshrink": {"lambd": 0.5},
    "softshrink": {"lambd": 0.5}, "hardtanh": {"low": -1.0, "high": 1.0},
    "hardtanh_backward": {"low": -1.0, "high": 1.0}, "threshold": {"limit": 0.1, "value": 2.0},
    "threshold_backward": {"limit": 0.1}, "elu": {"alpha": 1.0, "scale": 1.0, "in": 1.0},
    "elu_backward": {"alpha": 1.0, "scale": 1.0, "in": 1.0},
}  # fmt: skip


@needs_compiler
def test_every_word_is_ptx():
    """Each word of groups as instructions of a GPU, which calls no function of another library."""
    from wengert.compiler.graph import Graph
    from wengert.engine.op import OPS

    home = type("Home", (), {"library": None, "name": "cuda:0"})()
    for name, kind in WORDS:
        g, dtype = Graph(), np.dtype(kind)
        logical = name in words.MASKS
        shape = OPERANDS.get(name) or "x" * (len(OPS[name].inputs))
        ins = [
            g.input((40,), np.dtype(bool) if logical or s == "m" else dtype, home) for s in shape
        ]
        if name == "pow":
            ins = [ins[0], 3]
        static = STATIC.get(name, {})
        out = Array((40,), dtype)
        node = g.add(OPS[name], tuple(ins), static, [out], None, None, False)
        v = node.outputs[0]
        v.home = home
        if logical or name in ("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite"):
            v.dtype, v.kind = np.dtype(bool), "bool"
        made = group.Group((40,), kind, home)
        made.nodes = [node]
        made.finish({v.number})
        text = gpu.ptx(launched.Code(made).kernel())
        assert ".visible .entry chain_" in text and ".extern" not in text, name


# ---- CUDA graphs


def graphed(program):
    outcome = run([sys.executable, "-m", "wengert", "run", "--simulate-cuda", "1", "-c", program])
    assert outcome.code == 0, outcome.output
    return outcome.output


GRAPHS = """
import warnings
import torch
from wengert.compiler import worth
warnings.simplefilter("ignore")
worth.CALL = worth.RECORDED = -1.0
torch.set_default_device("cuda")

def losses(capturable, steps=8, rates=None, **options):
    torch.manual_seed(0)
    m = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.Linear(16, 3))
    o = torch.optim.AdamW(m.parameters(), lr=0.01, capturable=capturable)
    y = torch.randint(3, (8,))

    def step(x):
        o.zero_grad()
        loss = torch.nn.functional.cross_entropy(m(x), y)
        loss.backward()
        o.step()
        return loss

    f = torch.compile(step, **options) if options else step
    found = []
    for i in range(steps):
        found.append(f(torch.randn(8, 6)))
        if i == 5 and not rates:
            o.param_groups[0]["lr"] = 0.3
        if rates:
            o.param_groups[0]["lr"] = 0.01 * rates(i)
    return [x.item() for x in found], f

for capturable in (False, True):
    want, _ = losses(capturable)
    got, f = losses(capturable, mode="reduce-overhead")
    assert got == want
    print(torch.compiler.report(f).splitlines()[-1])
for rates in (lambda i: 1 + i // 3, lambda i: 1 + i):
    want, _ = losses(True, 20, rates)
    got, f = losses(True, 20, rates, mode="reduce-overhead")
    assert got == want
    print(torch.compiler.report(f).splitlines()[-1])
f = torch.compile(lambda x: (x @ x).tanh() + 1, mode="max-autotune")
kept = [(x, f(x)) for x in torch.randn(5, 4, 4)]
assert all(torch.equal(y, (x @ x).tanh() + 1) for x, y in kept)
print(torch.compiler.report(f).splitlines()[-1])
for other in (lambda x: torch.nn.functional.dropout(x), lambda x: (x + 1).cpu() * 2):
    f = torch.compile(other, options={"triton.cudagraphs": True})
    for _ in range(5):
        f(torch.eye(3))
    print(torch.compiler.report(f).splitlines()[-1])
f = torch.compile(lambda x: x * 2 + 1)
f(torch.ones(3)), f(torch.ones(3))
print("CUDA graph" in torch.compiler.report(f))
"""


def test_steps_are_replayed_as_graphs():
    """Numbers of eager mode, also when an option of the optimizer changes on the way; results stay
    what they were; and one reason where there is no graph.
    """
    first, steps, often, always, plain, drawn, looked, unasked = graphed(GRAPHS).splitlines()
    assert first.strip().startswith("no CUDA graph: it reads tensors of the CPU")
    assert steps.strip() == "4 calls by CUDA graph" and plain.strip() == "2 calls by CUDA graph"
    assert often.strip() == "16 calls by CUDA graph"
    assert always.strip().startswith("no CUDA graph: numbers that it takes")
    assert drawn.strip().startswith("no CUDA graph: it draws random numbers")
    assert looked.strip().startswith("no CUDA graph: it cannot be recorded: CUDA error: operation")
    assert unasked == "False"
