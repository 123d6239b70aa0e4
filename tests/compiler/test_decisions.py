"""while_loop, cond and associative_scan in compiled functions: as in eager mode, with gradients."""

import warnings

import pytest
from compiler.test_scan_loop import compare, names, native, numbers

import wengert as w
from wengert.compiler.rounds import Loop, Steps

F = w.nn.functional
cond, while_loop = w.cond, w.while_loop
associative_scan = w.compiler.associative_scan
K, W, B = numbers(1), numbers(5, 5), numbers(5)


def runners(f):
    """What the loops of a compiled function are run by."""
    bodies = [n.static["body"] for n in f.calls.plans[-1].graph.nodes if "body" in n.static]
    return [type(r) for b in bodies for r in (b.forward, b.backward) if r is not None]


def loop(f):
    """A compiled function that is one loop."""
    assert names(f).count("scan_until") == 1 and len(names(f)) < 40
    return f


def pendulum(n, dt=0.01):
    def body(i, q, p):
        p = p - dt * (K * w.sin(q) + 0.1 * p)
        return i + 1, q + dt * p, p

    return lambda q, p: while_loop(lambda i, q, p: i < n, body, (w.tensor(0), q, p))


@native
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000])
def test_rounds_are_one_loop_of_machine_code(n):
    f = loop(compare(pendulum(n), numbers(4), numbers(4, grad=False), parameters=[K], tol=1e-4))
    assert set(runners(f)) == {Loop}
    with w.no_grad():
        f = loop(compare(pendulum(n), numbers(4), numbers(4), tol=1e-4))
    assert set(runners(f)) == {Loop}


def test_no_round_at_all():
    f = w.compile(pendulum(0))
    for _ in range(3):
        q, p = numbers(4), numbers(4)
        i, *got = f(q, p)
        assert i == 0 and w.equal(got[0], q) and w.equal(got[1], p)
        a, b, c = w.autograd.grad(got[0].sin().sum() - got[1].sum(), [q, p, K], allow_unused=True)
        assert w.allclose(a, q.cos()) and w.equal(b, -w.ones(4)) and (c is None or c == 0)


@native
def test_how_many_rounds_there_are_is_found_at_each_call():
    def f(x, limit):
        return while_loop(lambda x: (x * x).sum() < limit, lambda x: (x * 1.1 + 0.01,), (x,))[0]

    g = w.compile(f)
    for limit in (0.5, 30.0, 1e4, 0.1, 1e12, 7.0):
        x = numbers(5)
        limit = w.tensor(limit)
        got, want = g(x, limit), f(x, limit)
        assert w.allclose(got, want, rtol=1e-4)
        a, b = [w.autograd.grad((t * t).sum(), x)[0] for t in (got, want)]
        assert w.allclose(a, b, rtol=1e-3)
    assert g.calls.counts["captured"] == 1 and len(g.calls.plans) == 1


@native
def test_products_rows_and_counts():
    def f(h):
        def body(i, t, h):
            h = F.layer_norm(w.tanh(F.linear(h, W, B)) + w.softmax(h, -1), (5,))
            return i - 2, t + i.to(w.float32) * 0.5, h

        def go(i, t, h):
            return w.logical_and(i * 3 > -20, h.sum() < 100)

        return while_loop(go, body, (w.tensor(9), w.tensor(0.0), h))

    for shape in [(1, 5), (3, 5), (20, 5)]:
        f_ = loop(compare(f, numbers(*shape), parameters=[W, B], tol=1e-4))
        assert set(runners(f_)) == {Loop}


def test_bodies_that_are_no_machine_code():
    def f(x, y):
        def body(i, x, y):
            return i + 1, (x + y.flip(0)).sort(0)[0].tanh(), y * 0.9 + x.cumsum(0) * 0.01

        return while_loop(lambda i, x, y: i < 7, body, (w.tensor(0), x, y))

    for shape in [(5,), (300, 200)]:
        g = loop(compare(f, numbers(*shape), numbers(*shape)))
        assert set(runners(g)) == {Steps}


def test_a_condition_that_looks_runs_as_it_stands():
    def f(x):
        return while_loop(lambda x: bool(x.sum() < 3), lambda x: (x + 1,), (x,))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g = compare(f, numbers(4))
    assert "needs the value" in g.calls.given_up


def test_second_derivatives_of_loops():
    def second(g):
        x = numbers(4, scale=0.3)
        (d,) = w.autograd.grad(sum(t.pow(2).sum() for t in g(x, x * 2)[1:]), x, create_graph=True)
        return w.autograd.grad((d * d).sum(), [x, K])

    f = pendulum(20, 0.1)
    g = w.compile(f)
    want = second(f)
    for _ in range(3):
        for a, b in zip(second(g), want):
            assert w.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_loop_in_a_training_step():
    def trained(how):
        k = w.tensor([1.5], requires_grad=True)
        opt = w.optim.Adam([k], lr=1e-2)
        start = numbers(4, grad=False), numbers(4, grad=False).cos()

        def body(i, q, p):
            p = p - 0.01 * (k * w.sin(q) + 0.1 * p)
            return i + 1, q + 0.01 * p, p

        def step():
            opt.zero_grad()
            _, q, p = while_loop(lambda i, q, p: i < 1000, body, (w.tensor(0), *start))
            loss = (q * q + p * p).sum()
            loss.backward()
            opt.step()
            return loss

        step = how(step)
        return [step().item() for _ in range(5)], step

    want, _ = trained(lambda f: f)
    got, step = trained(w.compile)
    assert got == pytest.approx(want, rel=1e-5)
    assert step.calls.counts["compiled"] >= 3


# ---- cond


def branches(x, y):
    return cond(
        x.sum() > 0,
        lambda x, y: {"a": (x * K).tanh(), "b": [x + y, y]},
        lambda x, y: {"a": x @ W + B, "b": [y * 2, x.sort(-1)[0]]},
        (x, y),
    )


def test_which_branch_runs_is_decided_at_each_call():
    f = w.compile(branches)
    for sign in (1, -1, 1, -1, -1):
        x, y = numbers(3, 5).detach().abs() * sign, numbers(3, 5)
        x.requires_grad_()
        got, want = f(x, y), branches(x, y)
        assert got.keys() == want.keys()
        ours, theirs = [[t["a"], *t["b"]] for t in (got, want)]
        for a, b in zip(ours, theirs):
            assert w.allclose(a, b, atol=1e-6)
        a, b = [
            w.autograd.grad(sum(t.sin().sum() for t in g), [x, y, K, W, B], allow_unused=True)
            for g in (ours, theirs)
        ]
        for s, t in zip(a, b):
            assert w.allclose(s, w.zeros_like(s) if t is None else t, atol=1e-5)
    assert f.calls.counts == {"compiled": 4, "captured": 1, "as it stands": 0}
    assert names(f).count("scan_chosen") == 1


def test_branches_without_gradients_and_with_some():
    def f(x, y):
        return cond(x.sum() > 0, lambda x, y: x.detach() + 1, lambda x, y: x * y, (x, y))

    g = w.compile(f)
    for sign in (1, -1, 1, -1):
        x = (numbers(4).detach().abs() * sign).requires_grad_()
        y = numbers(4)
        got = g(x, y)
        assert w.allclose(got, f(x, y)) and got.requires_grad
        a, b = w.autograd.grad(got.sum(), [x, y], allow_unused=True)
        assert w.allclose(a, y if sign < 0 else w.zeros(4))
        assert w.allclose(b, x if sign < 0 else w.zeros(4))


def test_second_derivatives_of_branches():
    def second(g, sign):
        x = (numbers(5, scale=0.3).detach().abs() * sign).requires_grad_()
        (d,) = w.autograd.grad(g(x).pow(2).sum(), x, create_graph=True)
        return w.autograd.grad((d * d).sum(), [x, W], allow_unused=True)

    def f(x):
        return cond(x.sum() > 0, lambda x: (x @ W).tanh(), lambda x: (x @ W).exp(), (x,))

    g = w.compile(f)
    for sign in (1, -1, 1, -1):
        for a, b in zip(second(g, sign), second(f, sign)):
            assert w.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_branches_that_differ_in_kind_run_as_they_stand():
    def f(x):
        return cond(x.sum() > 0, lambda x: x[:2], lambda x: x, (x,))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g = compare(f, numbers(4))
    assert "needs the value" in g.calls.given_up


def test_branches_that_draw_run_as_they_stand():
    def f(x):
        return cond(x.sum() > 0, lambda x: F.dropout(x, 0.5), lambda x: x + w.rand(4), (x,))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(f, numbers(4))


def test_a_choice_within_a_loop():
    def f(x):
        def body(i, x):
            x = cond(x.sum() > 1, lambda x: x * 0.5, lambda x: x * K + 1, (x,))
            return i + 1, x

        return while_loop(lambda i, x: i < 9, body, (w.tensor(0), x))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop(compare(f, numbers(4), parameters=[K]))


def test_second_derivatives_where_one_operand_depends_on_another():
    def second(g):
        x = numbers(5, scale=0.3)
        y = g(x, x.sin())
        (d,) = w.autograd.grad(y.pow(2).sum(), x, create_graph=True)
        return d, *w.autograd.grad((d * d).sum(), [x, W])

    def plain(x, y):
        return (x @ W * y).tanh()

    def scanned(x, y):
        return w.compiler.scan(lambda c, t: ((c * t + x @ W).tanh(), c), y, x.expand(17, 5))[0]

    for f in (plain, scanned):
        g = w.compile(f)
        for _ in range(3):
            for a, b in zip(second(g), second(f)):
                assert w.allclose(a, b, rtol=1e-4, atol=1e-5)


# ---- associative_scan


@native
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 15, 33, 1000])
def test_associative_scan_is_kernels(n, reverse):
    def f(a, b):
        def both(x, y):
            return x[0] * y[0], y[0] * x[1] + y[1]

        return associative_scan(both, (a, b), 0, reverse=reverse, combine_mode="generic")

    a, b = numbers(n, 4, scale=0.3), numbers(n, 4)
    f = compare(f, a, b, tol=1e-4)
    assert f.calls.counts["compiled"] == 2
