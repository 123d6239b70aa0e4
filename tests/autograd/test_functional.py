"""torch.autograd.functional, gradcheck and checkpoints, against PyTorch and against themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as w

rng = np.random.default_rng(0)
A, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
C = A + 1j * rng.normal(size=(2, 3))


def plain(x):
    if hasattr(x, "tolist"):
        return x.tolist()
    return [plain(y) for y in x] if isinstance(x, (tuple, list)) else x


def flat(x):
    if isinstance(x, list):
        return [z for y in x for z in flat(y)]
    return [x]


def same(f, torch):
    """Both libraries give the same numbers, or errors of the same type."""
    torch.set_num_threads(1)
    found = []
    for m in (torch, w):
        m.manual_seed(0)
        try:
            found.append(plain(f(m)))
        except Exception as e:
            found.append(type(e))
    if isinstance(found[0], type):
        assert found[0] is found[1], found
    else:
        np.testing.assert_allclose(flat(found[0]), flat(found[1]), rtol=1e-5, atol=1e-6)


def pair(m):
    return m.arange(3.0) + 1, m.arange(3.0) * 2 - 1


VECTORS = [
    lambda m, F: F(lambda x, y: (x * y.exp(), x.sin()), pair(m), (m.ones(3), m.ones(3) * 2)),
    lambda m, F: F(lambda x: x * x, pair(m)[0], m.ones(3)),
    lambda m, F: F(lambda x: x * x, pair(m)[0]),
    lambda m, F: F(lambda x: x * x, pair(m)[0], m.ones(2)),
    lambda m, F: F(lambda x: x.detach(), pair(m)[0], m.ones(3), strict=True),
    lambda m, F: F(lambda x: x.detach(), pair(m)[0], m.ones(3)),
    lambda m, F: F(lambda x: 3, pair(m)[0], m.ones(3)),
    lambda m, F: F(lambda x: x, 3, m.ones(3)),
]
SCALARS = [
    lambda m, F: F(lambda x, y: (x * y).sum() + (y**2).sum(), pair(m), (m.ones(3), m.ones(3))),
    lambda m, F: F(lambda x: (x**3).sum(), pair(m)[0], m.ones(3)),
    lambda m, F: F(lambda x: x, pair(m)[0], m.ones(3)),
    lambda m, F: F(lambda x: x.sum(), pair(m)[0], m.ones(3)),
    lambda m, F: F(lambda x: x.sum(), pair(m)[0], m.ones(3), strict=True),
]


@pytest.mark.parametrize("name", ["vjp", "jvp"])
@pytest.mark.parametrize("call", VECTORS)
def test_products(name, call, torch):
    same(lambda m: call(m, getattr(m.autograd.functional, name)), torch)


@pytest.mark.parametrize("name", ["vhp", "hvp"])
@pytest.mark.parametrize("call", SCALARS)
def test_hessian_products(name, call, torch):
    same(lambda m: call(m, getattr(m.autograd.functional, name)), torch)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"vectorize": True},
        {"vectorize": True, "strategy": "forward-mode"},
        {"create_graph": True},
        {"strict": True},
        {"strategy": "forward-mode"},
        {"strategy": "x"},
        {"strict": True, "vectorize": True},
    ],
)
def test_jacobian(options, torch):
    J = lambda m: m.autograd.functional.jacobian
    same(lambda m: J(m)(lambda x, y: (x.outer(y), x * y), pair(m), **options), torch)
    same(lambda m: J(m)(lambda x, y: (x.outer(y), x.sin()), pair(m), **options), torch)
    same(lambda m: J(m)(lambda x: x.exp(), pair(m)[0], **options), torch)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"vectorize": True},
        {"vectorize": True, "outer_jacobian_strategy": "forward-mode"},
        {"create_graph": True},
        {"outer_jacobian_strategy": "forward-mode"},
    ],
)
def test_hessian(options, torch):
    H = lambda m: m.autograd.functional.hessian
    same(lambda m: H(m)(lambda x, y: (x * y).sum() + (y**2).sum(), pair(m), **options), torch)
    same(lambda m: H(m)(lambda x: (x**3).sum(), pair(m)[0], **options), torch)


def test_jacobian_differentiates_again():
    x = w.arange(3.0, requires_grad=True)
    J = w.autograd.functional.jacobian(lambda x: x**3, x, create_graph=True)
    (g,) = w.autograd.grad(J.sum(), x)
    assert g.tolist() == [0, 6, 12]


# ------------------------------------------------------------------------------- gradcheck


MODES = [
    {},
    {"check_forward_ad": True},
    {"check_batched_grad": True},
    {"check_forward_ad": True, "check_batched_forward_grad": True},
    {"fast_mode": True},
    {"check_grad_dtypes": True},
]


@pytest.mark.parametrize("mode", MODES)
def test_gradcheck(mode):
    a, b, c = (w.tensor(x, requires_grad=True) for x in (A, B, C))
    assert w.autograd.gradcheck(lambda a, b: ((a @ b).tanh(), a.exp()), (a, b), **mode)
    assert w.autograd.gradcheck(lambda c: c * c.abs() + c.exp(), c, **mode)


@pytest.mark.parametrize("mode", [{}, {"check_fwd_over_rev": True}, {"check_batched_grad": True}])
def test_gradgradcheck(mode):
    a, b, c = (w.tensor(x, requires_grad=True) for x in (A, B, C))
    assert w.autograd.gradgradcheck(lambda a, b: (a @ b).tanh(), (a, b), **mode)
    assert w.autograd.gradgradcheck(lambda c: c * c.abs() + c.exp(), c, **mode)


def test_gradcheck_finds_mistakes():
    class Wrong(w.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    a = w.tensor(A, requires_grad=True)
    with pytest.raises(w.autograd.GradcheckError, match="Jacobian mismatch for output 0"):
        w.autograd.gradcheck(Wrong.apply, a)
    assert not w.autograd.gradcheck(Wrong.apply, a, raise_exception=False)
    with pytest.raises(ValueError, match="at least one input"):
        w.autograd.gradcheck(w.sin, w.tensor(A))


# ------------------------------------------------------------------------------ checkpoint


def checkpointed(reentrant, form):
    """Whether gradients and random numbers are those without a checkpoint."""
    cp = w.utils.checkpoint
    layers = [w.nn.Linear(4, 8), w.nn.Tanh(), w.nn.Dropout(0.5), w.nn.Linear(8, 8), w.nn.GELU()]
    net = w.nn.Sequential(*layers, w.nn.Linear(8, 1))
    x = w.randn(5, 4, requires_grad=True)

    def run(x, form):
        if form == "plain":
            return net(x)
        if form == "sequential":
            return cp.checkpoint_sequential(net, 3, x, use_reentrant=reentrant)
        if form == "nested":
            inner = lambda x: net[2:](cp.checkpoint(net[:2], x, use_reentrant=reentrant))
            return cp.checkpoint(inner, x, use_reentrant=reentrant)
        return cp.checkpoint(net, x, use_reentrant=reentrant)

    results = []
    for each in ("plain", form):
        w.manual_seed(5)
        net.zero_grad()
        x.grad = None
        run(x, each).sum().backward()
        results.append([x.grad, *[p.grad for p in net.parameters()], w.rand(2)])
    return all(w.allclose(a, b) for a, b in zip(*results))


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("form", ["one", "sequential", "nested"])
def test_checkpoint(reentrant, form, keep_rng):
    assert checkpointed(reentrant, form)


def test_checkpoint_saves_little_and_differentiates_twice():
    runs = []

    def f(x):
        runs.append(1)
        return (x.exp() * x.sin()).tanh()

    x = w.tensor([0.5, -1.0], requires_grad=True)
    results = []
    for call in (f, lambda x: w.utils.checkpoint.checkpoint(f, x, use_reentrant=False)):
        (g,) = w.autograd.grad(call(x).sum(), x, create_graph=True)
        results += [g, *w.autograd.grad(g.sum(), x)]
    assert w.allclose(results[0], results[2]) and w.allclose(results[1], results[3])
    assert len(runs) >= 3


def test_checkpoint_notices_other_work():
    runs = []

    def f(x):
        runs.append(1)
        return x.exp().sin() if len(runs) == 1 else x[:2].exp().cos()

    x = w.ones(4, requires_grad=True)
    y = w.utils.checkpoint.checkpoint(f, x, use_reentrant=False).sum()
    with pytest.raises(w.utils.checkpoint.CheckpointError, match="did not save the same tensors"):
        y.backward()
    z = w.utils.checkpoint.checkpoint(w.exp, x, use_reentrant=True).sum()
    with pytest.raises(RuntimeError, match="incompatible with .grad"):
        w.autograd.grad(z, x)


# ------------------------------------------------------------------------------ properties


UNARY = [w.sin, w.tanh, w.exp, w.sigmoid, lambda x: x * x, lambda x: -x, w.nn.functional.softplus]
BINARY = [w.add, w.mul, w.sub, lambda a, b: a / (b * b + 1)]
steps = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8
)


def program(plan):
    """A function of two vectors: each step combines earlier results."""

    def f(a, b):
        values = [a, b]
        for op, i, j in plan:
            x, y = values[i % len(values)], values[j % len(values)]
            values.append(
                w.tanh(UNARY[op](x)) if op < len(UNARY) else BINARY[op - len(UNARY)](x, y)
            )
        return values[-1].sum()

    return f


@given(steps)
def test_reverse_is_forward_is_differences(plan):
    f = program([(op % (len(UNARY) + len(BINARY)), i, j) for op, i, j in plan])
    a = w.tensor(A[0], requires_grad=True)
    b = w.tensor(A[1], requires_grad=True)
    va, vb = w.tensor(B[:, 0].copy()), w.tensor(B[:, 1].copy())
    out = f(a, b)
    if out.requires_grad:
        gs = w.autograd.grad(out, (a, b), materialize_grads=True)
        reverse = (gs[0] * va).sum() + (gs[1] * vb).sum()
    else:
        reverse = w.tensor(0.0, dtype=w.float64)
    forward = w.func.jvp(f, (a.detach(), b.detach()), (va, vb))[1]
    e = 1e-6
    with w.no_grad():
        difference = (f(a + e * va, b + e * vb) - f(a - e * va, b - e * vb)) / (2 * e)
    assert w.allclose(reverse, forward, rtol=1e-10, atol=1e-10)
    assert w.allclose(reverse, difference, rtol=1e-5, atol=1e-6)


@given(steps)
def test_hooks_fire_once_in_order(plan):
    plan = [(op % (len(UNARY) + len(BINARY)), i, j) for op, i, j in plan]
    a, b = w.tensor(A[0], requires_grad=True), w.tensor(A[1], requires_grad=True)
    values, fired = [a, b], []
    for op, i, j in plan:
        x, y = values[i % len(values)], values[j % len(values)]
        v = UNARY[op](x) if op < len(UNARY) else BINARY[op - len(UNARY)](x, y)
        n = len(values)
        v.register_hook(lambda g, n=n: fired.append((n, 1)))
        v.register_hook(lambda g, n=n: fired.append((n, 2)))
        values.append(v)
    values[-1].sum().backward()
    assert len(set(fired)) == len(fired)
    assert fired == sorted(fired, key=lambda p: (-p[0], p[1]))
    assert fired[0] == (len(values) - 1, 1)
