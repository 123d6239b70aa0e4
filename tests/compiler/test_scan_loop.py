"""scan as one node: compiled equals eager, with gradients; what cannot be one node is unrolled."""

import warnings

import pytest

import wengert as w
from wengert.base.pytree import tree_leaves
from wengert.kernels import compiler

F = w.nn.functional
scan = w.compiler.scan
native = pytest.mark.skipif(compiler.target() is None, reason="no compiler of kernels")


def names(f):
    """The ops of the compiled function's graph."""
    assert f.calls.plans, f.calls.given_up
    return [n.op.name for n in f.calls.plans[-1].graph.nodes]


def compare(f, *args, parameters=(), calls=3, tol=1e-5):
    """Compiled and as it stands, values and gradients; the compiled function."""

    def results(g):
        out = [t for t in tree_leaves(g(*args)) if isinstance(t, w.Tensor)]
        roots = [t for t in out if t.requires_grad]
        ends = [t for t in (*args, *parameters) if isinstance(t, w.Tensor) and t.requires_grad]
        grads = ()
        if roots and ends:
            loss = sum((t * t.detach().sin()).sum() for t in roots)
            grads = w.autograd.grad(loss, ends, allow_unused=True)
        return [t.requires_grad for t in out], [*[t.detach() for t in out], *grads]

    compiled = w.compile(f)
    w.manual_seed(5)
    flags, want = results(f)
    for _ in range(calls):
        w.manual_seed(5)
        now, got = results(compiled)
        assert now == flags and len(got) == len(want)
        for x, y in zip(got, want):
            assert (x is None) == (y is None)
            if x is not None:
                assert x.shape == y.shape and x.dtype is y.dtype
                assert w.allclose(x, y, atol=tol, rtol=tol, equal_nan=True)
    return compiled


def numbers(*shape, grad=True, scale=0.5):
    w.manual_seed(len(shape) + sum(shape))
    return (w.randn(*shape) * scale).requires_grad_(grad)


def one_node(f):
    assert names(f).count("scan_forward") == 1 and len(names(f)) < 60
    return f


K, W, B = numbers(1), numbers(5, 5), numbers(5)


def pendulum(c, x):
    q, p = c
    p = p - 0.1 * (K * w.sin(q) + 0.1 * p) + x
    q = q + 0.1 * p
    return (q, p), (q * p).sum()


def cell(h, x):
    h = w.tanh(x @ W + h @ W.t() + B)
    return h, h


def gated(c, x):
    h, m = c["h"], c["m"]
    z = w.sigmoid(F.linear(x, W, B))
    m = m * z + w.softmax(h, -1) * (1 - z)
    h = F.layer_norm(h + m, (5,))
    return {"h": h, "m": m}, (h.mean(), m)


@native
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [16, 17, 100])
def test_rounds_are_one_node(n, reverse):
    def f(q, p, xs):
        return scan(pendulum, (q, p), xs, reverse=reverse)

    args = numbers(4), numbers(4, grad=False), numbers(n, 4, scale=0.05)
    one_node(compare(f, *args, parameters=[K], tol=1e-4))
    with w.no_grad():
        one_node(compare(f, numbers(4), numbers(4), numbers(n, 4)))


@native
def test_products_rows_and_structures():
    def f(h, xs):
        return scan(cell, h, xs)

    for shape in [(5,), (1, 5), (3, 5), (20, 5)]:
        one_node(compare(f, numbers(*shape), numbers(18, *shape), parameters=[W, B]))

    def g(h, m, xs):
        return scan(gated, {"h": h, "m": m}, xs, dim=1)

    one_node(compare(g, numbers(3, 5), numbers(3, 5), numbers(3, 20, 5), parameters=[W, B]))


@native
def test_carries_that_pass_are_swapped_or_are_constant():
    def body(c, x):
        a, b, d = c
        return (b, a + x, w.ones(4)), (a, d, x, K)

    def f(a, b, xs):
        return scan(body, (a, b, b * 2), xs)

    one_node(compare(f, numbers(4), numbers(4), numbers(16, 4), parameters=[K]))
    one_node(compare(f, numbers(4, grad=False), numbers(4, grad=False), numbers(16, 4)))


@native
def test_what_requires_grad_is_what_does_in_eager_mode():
    def body(c, x):
        a, b = c
        return (a + x.detach(), b * K), (a.detach(), b)

    def f(a, b, xs):
        return scan(body, (a, b), xs)

    for flags in [(False, False, False), (True, False, True), (False, True, False)]:
        a, b, x = [numbers(*s, grad=g) for s, g in zip([(3,), (3,), (16, 3)], flags)]
        one_node(compare(f, a, b, x, parameters=[K]))


@native
def test_a_long_loop_in_a_step():
    def steps(compiled):
        k = w.tensor([1.5], requires_grad=True)
        opt = w.optim.SGD([k], lr=1e-3)
        start, xs = (numbers(4, grad=False), numbers(4, grad=False).cos()), w.zeros(1000, 1)

        def body(c, x):
            q, p = c
            p = p - 0.01 * (k * w.sin(q) + 0.1 * p)
            return (q + 0.01 * p, p), x

        def step():
            opt.zero_grad()
            (q, p), _ = scan(body, start, xs)
            loss = (q * q + p * p).sum()
            loss.backward()
            opt.step()
            return loss

        step = w.compile(step) if compiled else step
        found = [step().item() for _ in range(5)]
        return found, k.detach(), step

    want, k, _ = steps(False)
    got, same, step = steps(True)
    assert got == pytest.approx(want, rel=1e-5) and w.allclose(k, same, rtol=1e-5)
    assert step.calls.counts["compiled"] >= 3 and len(names(step)) < 40


def test_second_derivatives():
    xs, h = numbers(16, 5, scale=0.3), numbers(5, scale=0.3)

    def f(h, xs):
        return scan(cell, h, xs)[0]

    def second(g):
        (d,) = w.autograd.grad(g(h, xs).pow(2).sum(), xs, create_graph=True)
        return w.autograd.grad((d * d).sum(), [h, W])

    want, compiled = second(f), w.compile(f)
    for _ in range(3):
        for x, y in zip(second(compiled), want):
            assert w.allclose(x, y, atol=1e-5, rtol=1e-4)


def drawn(c, x):
    c = F.dropout(c, 0.5) + x
    return c, c


def counted(c, x):
    n, s = c
    return (n + 1, s + x), s * n


def doubles(c, x):
    c = c.double().sin() + x
    return c.float(), c


def sorted_(c, x):
    c = (c + x).sort()[0]
    return c, c


@native
def test_integers_that_count():
    one_node(compare(lambda c, xs: scan(counted, (w.tensor(0), c), xs), numbers(4), numbers(20, 4)))


@pytest.mark.parametrize("body", [drawn, doubles, sorted_])
def test_what_is_no_section_is_unrolled(body):
    def f(c, xs):
        return scan(body, c, xs)

    compiled = compare(f, numbers(4), numbers(20, 4))
    assert "scan_forward" not in names(compiled) and compiled.calls.counts["compiled"] == 2


def test_a_look_at_a_value_runs_as_it_stands():
    def body(c, x):
        return (c + x if c.sum() > 0 else c - x), c

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = compare(lambda c, xs: scan(body, c, xs), numbers(4), numbers(20, 4))
    assert "needs the value" in compiled.calls.given_up


def test_tensors_from_elsewhere_that_change_in_place_are_unrolled():
    total = w.zeros(4)

    def body(c, x):
        total.add_(x)
        return c + total, c

    def f(c, xs):
        total.zero_()
        return scan(body, c, xs)

    compare(f, numbers(4, grad=False), numbers(20, 4, grad=False))


@native
def test_the_number_of_rounds_may_change():
    f = w.compile(lambda h, xs: scan(cell, h, xs)[1])
    for n in (16, 20, 30, 40, 16, 20, 30, 40):
        h, xs = numbers(5), numbers(n, 5)
        got, want = f(h, xs), scan(cell, h, xs)[1]
        assert w.allclose(got, want, atol=1e-6)
        for x, y in zip(*[w.autograd.grad(t.sin().sum(), [h, xs, W]) for t in (got, want)]):
            assert w.allclose(x, y, atol=1e-5)
    assert f.calls.counts["captured"] == 4 and len(f.calls.plans) == 3
