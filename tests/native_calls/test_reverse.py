"""The reverse pass in machine code gives the gradients of Python's, to the bit."""

import gc
import sys

import numpy as np
import pytest

import wengert as torch
from wengert import native_calls
from wengert.arrays.lookup import NS
from wengert.engine import native
from wengert.engine.op import OPS
from wengert.native_calls.rules import TEMPORARY, writes_to_result
from wengert.nn import functional as F

from . import calls

PROGRAMS = [
    "(x * y).sum()", "(x * x * 2.5 + y).sum()", "(x / y - y / x).mean()", "(x + b).sum()",
    "(b * x - b).sum()", "(1 - x).tanh().sum()", "(x ** 2).sum()", "((x * y).exp() / 3).sum()",
    "(x.log() + y.sqrt() * x.sin()).sum()", "F.linear(x, y, b).relu().sum()", "x @ y @ b @ b",
    "(x @ y).sigmoid().sum()",
    "F.mse_loss(x, y)", "F.cross_entropy(x, target)", "x.max(1).values.sum()", "x.t().mul(y).sum()",
    "x.sum(0).prod()", "torch.cat([x, y]).mean()", "x[1:, ::2].exp().sum()", "x[0].sum() + x[0, 1]",
    "x.double().sum()", "(x.double() * y.double()).sum()", "F.softmax(x, -1).pow(3).sum()",
    "s * (x * s).sum()", "x.expand(3, 5, 5).sum()", "torch.where(x > y, x, y).sum()", "-(-x).sum()",
    "(x * 2).view(25)[3]", "F.layer_norm(x, (5,)).pow(2).mean()", "(x.t() * y + x.t()).sum()",
    "(c * d).sum()", "e.sum()", "(x * z).sum()", "x.clamp(0.2, 0.8).sum()", "x.std() * y.var()",
    "F.gelu(x).sum()", "torch.stack([x, y, x]).sum(0).mean()", "(x.reciprocal() - x.rsqrt()).sum()",
    "x.sum().view(1, 1)",
]  # fmt: skip


def run(text, twice=False):
    """The gradients of a program, and whether machine code ran the pass."""
    names = {**calls.operands(True), "F": F, "target": torch.tensor([0, 1, 2, 3, 4])}
    ran = [None]
    inner = native.backward

    def seen(*args):
        ran[0] = inner(*args) is None
        return None if ran[0] else "not plain"

    native.backward = seen if inner is not None else None
    try:
        for _ in range(1 + twice):
            eval(text, names).backward()
    finally:
        native.backward = inner
    leaves = [names[k] for k in "xybcdes"]
    grads = [t.grad for t in leaves]
    told = [None if g is None else (g._a.dtype, g._a.shape, g._a.strides, g._a.tobytes(),
            g._a.flags.writeable, g._n) for g in grads]  # fmt: skip
    for a in grads:
        for b in grads:
            assert a is b or a is None or b is None or not np.shares_memory(a._a, b._a)
    return told, ran[0]


def test_gradients_are_those_of_the_text():
    every = [(text, twice) for text in PROGRAMS for twice in (False, True)]
    native_calls.serve()
    first, again = [[run(*x) for x in every] for _ in range(2)]
    native_calls.stop()
    for x, (one, _), (two, ran) in zip(every, first, again):
        other, there = run(*x)
        assert one == other and two == other and there is None, x
        assert ran or x[0] not in PROGRAMS[:13], x


def grads_of(text, wanted, seed=0):
    """What grad() gives for some tensors of a program, among them results on the way."""
    names = {**calls.operands(True, seed), "F": F, "target": torch.tensor([0, 1, 2, 3, 4])}
    names["x"] = names["middle"] = names["x"] * 1.0  # no leaf
    outputs = eval(text, names)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    g = [torch.tensor(np.random.default_rng(seed).random(o.shape, "float32")) for o in outputs]
    g = [t.double() if o.dtype is torch.float64 else t for t, o in zip(g, outputs)]
    inputs = [names[k] for k in wanted]
    got = torch.autograd.grad(outputs, inputs, g, retain_graph=True, allow_unused=True)
    told = [None if t is None else (t._a.dtype, t._a.shape, t._a.strides, t._a.tobytes(),
            t._a.flags.writeable, t._n, any(t._a is c._a for c in g)) for t in got]  # fmt: skip
    return type(got), told


GRADS = [
    *PROGRAMS[:-1], "(x * y, (x * y).sum(1))", "x.sort(1).values", "(x.exp(), x.exp(), x)",
    "x.view(25)", "x.max(1).values", "x.expand(2, 5, 5)", "torch.var_mean(x, 0)", "x + b", "x",
]  # fmt: skip


def test_grad_gives_what_the_text_gives():
    wanted = ["xy", "x", "b", ["middle", "b", "y"], "sxcd", "xx"]
    every = [(text, w) for text in GRADS for w in wanted]
    native_calls.serve()
    served = [[grads_of(*x) for x in every] for _ in range(2)]
    native_calls.stop()
    for x, one, two in zip(every, *served):
        assert one == two == grads_of(*x), x


def test_grad_runs_in_machine_code_and_leaves_mistakes_to_python():
    x, z = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    y = (x * x).sum()
    asked, inner = [], native.grad

    def seen(*args):
        asked.append(inner(*args))
        return asked[-1]

    native.grad = seen
    try:
        assert torch.autograd.grad(y, [x], retain_graph=True)[0].tolist() == [2, 2, 2]
        assert torch.autograd.grad([y], [x], retain_graph=True)[0].tolist() == [2, 2, 2]
        assert torch.autograd.grad(y, x, retain_graph=True)[0].tolist() == [2, 2, 2]
        assert [type(a) for a in asked[-3:]] == [tuple] * 3
        assert torch.autograd.grad(y, z, retain_graph=True, allow_unused=True) == (None,)
        with pytest.raises(RuntimeError, match=r"not have been used in the graph: inputs\[1\]"):
            torch.autograd.grad([y], [x, z], retain_graph=True)
        zeros = torch.autograd.grad([y], [x, z], retain_graph=True, materialize_grads=True)[1]
        assert zeros.tolist() == [0, 0, 0] and type(asked[-1]) is list
        with pytest.raises(RuntimeError, match="does not require grad"):
            torch.autograd.grad([y], [torch.ones(3)])
        with pytest.raises(RuntimeError, match="Mismatch in shape"):
            torch.autograd.grad([y], [x], [torch.ones(2)])
        torch.autograd.grad([y], [x])
        with pytest.raises(RuntimeError, match="a second time"):
            torch.autograd.grad([y], [x])
        g = torch.autograd.grad((x**3).sum(), x, create_graph=True)[0]
        assert torch.autograd.grad(g.sum(), x)[0].tolist() == [6, 6, 6]
    finally:
        native.grad = inner
    assert x.grad is None and z.grad is None


def test_it_runs_what_it_is_for():
    for text in PROGRAMS[:13]:
        run(text)
        assert run(text)[1], text


def test_graphs_are_freed_and_kept():
    x = torch.ones(3, requires_grad=True)
    for _ in range(2):
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        with pytest.raises(RuntimeError, match="a second time"):
            y.backward()
    assert x.grad.tolist() == [8, 8, 8]


def test_what_is_watched_is_left_to_python():
    x = torch.ones(3, requires_grad=True)
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward()
    x.register_hook(lambda g: g * 10)
    (x * 3).sum().backward()
    assert seen == [[1, 1, 1]] and x.grad.tolist() == [32, 32, 32]
    z = x * 2
    z.retain_grad()
    z.sum().backward()
    assert z.grad.tolist() == [1, 1, 1]


def test_changes_in_place_are_noticed():
    x = torch.ones(3, requires_grad=True)
    for _ in range(2):
        y = x.exp()
        z = (y * y).sum()
        y.detach().add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.backward()
    base = torch.zeros(4)
    base[:2] = x[:2] * 3
    (base * base).sum().backward()
    assert x.grad.tolist() == [18, 18, 0]


def test_errors_and_mistakes_are_pythons():
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(()).backward()

    class Failing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        (Failing.apply(x) * 2).sum().backward()


def test_long_graphs_neither_recurse_nor_leak():
    x = torch.ones(3, requires_grad=True)
    y = x
    for _ in range(60000):
        y = y * x
    y.sum().backward()
    del y
    gc.collect()
    assert x.grad.tolist() == [60001.0] * 3


def test_second_derivatives_are_pythons():
    x = torch.tensor([2.0], requires_grad=True)
    (x**2 * x).sum().backward(create_graph=True)
    x.grad.sum().backward()
    assert x.grad.tolist() == [24]


LONG = [
    "x * y", "x / y - y / x", "(1 - x) * 2.5 + x * s", "(-x * y).exp()", "x.log() + y.sqrt() * x",
    "x * y + x * x + x / 3", "x.tanh() * y.sigmoid()", "x.view(-1) * y.view(-1)",
]  # fmt: skip


def test_steps_write_into_the_result_until_a_later_one_needs_what_is_there():
    t = TEMPORARY
    assert writes_to_result([(None, 1, 2)]) == [True]
    assert writes_to_result([(None, 1, 1), (None, t, -1), (None, t + 1, 0)]) == [True] * 3
    assert writes_to_result([(None, 1, 1), (None, 2, 2), (None, t, t + 1)]) == [True, False, True]


@pytest.mark.parametrize("size", [(3, 4), (129, 128), (5, 5000, 3), (2, 530_000)])
def test_passes_from_many_elements_have_the_bits_of_the_text(size):
    made = np.random.default_rng(5)
    arrays = [(made.random(size) + 0.5).astype("float32") for _ in range(3)]
    before = torch.get_num_threads()

    def gradients(text):
        x, y = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays[:2]]
        s = torch.tensor(1.5, requires_grad=True)
        out = eval(text, {"x": x, "y": y, "s": s})
        given = torch.from_numpy(arrays[2].copy()).view(out.shape)
        for _ in range(2):
            out.backward(given, retain_graph=True)
        assert np.array_equal(given._a.ravel(), arrays[2].ravel())  # nothing was added to it
        for t in (x, y, s):
            assert t.grad is None or not np.shares_memory(t.grad._a, given._a)
        return [None if t.grad is None else t.grad._a.tobytes() for t in (x, y, s)]

    try:
        for text in LONG:
            native_calls.stop()
            wanted = gradients(text)
            native_calls.serve()
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                gradients(text)
                assert gradients(text) == wanted, text
    finally:
        native_calls.serve()
        torch.set_num_threads(before)


def test_gradients_given_that_do_not_fit_are_refused_as_by_the_text():
    x = torch.ones(3, requires_grad=True)
    (x * 2).backward(torch.ones(3))
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(torch.ones(4))
    with pytest.raises(RuntimeError, match="implicitly created"):
        (x * 2).backward()
    with pytest.raises(TypeError):
        (x * 2).backward(1.0)
    (x * 2).backward(torch.ones(3, dtype=torch.float64))
    (x * 2).backward(torch.ones(1).expand(3))
    assert x.grad.tolist() == [6, 6, 6]


def test_a_given_gradient_does_not_become_that_of_a_leaf():
    x, g = torch.ones(3, requires_grad=True), torch.ones(3)
    (x + 0).backward(g)
    x.grad.add_(1)
    assert g.tolist() == [1, 1, 1]


def test_parts_are_added_to_the_gradient_that_waits(monkeypatch):
    x = torch.arange(40.0).reshape(4, 10).requires_grad_()

    def gradient(switch):
        switch()
        for _ in range(3):
            x.grad = None
            a, b, c = x.split((2, 5, 3), 1)
            y = (a * 2).sum() + (b * b).sum() + c.exp().sum() + (x[1] * x[2:, 3:4]).sum()
            (y + x.unbind(0)[2].sum()).backward()
        return x.grad._a.tobytes()

    wanted = gradient(native_calls.stop)
    assert gradient(native_calls.serve) == wanted
    made = []
    words = NS[np.ndarray]
    inner = words.put_basic
    monkeypatch.setattr(words, "put_basic", lambda *args: made.append(1) or inner(*args))
    gradient(native_calls.serve)
    assert len(made) == 3  # one array of zeros in each pass


PRODUCTS = [
    "(x @ y).pow(2).sum()", "(x.t() @ y.t()).pow(2).sum()", "torch.mm(x, y).pow(3).sum()",
    "F.linear(x, y, b).pow(2).sum()", "F.linear(x, y).pow(2).sum()", "(x @ b).pow(2).sum()",
    "F.linear(x[:1], y, b).pow(2).sum()", "F.linear(x[0], y, b).pow(2).sum()",
    "F.linear(x[:0], y, b).sum()", "F.linear(x.view(5, 1, 5), y, b).pow(2).sum()",
    "torch.addmm(b, x, y).pow(2).sum()", "F.linear(x, y[:1], b[:1]).pow(2).sum()",
    "F.linear(x[:, ::2], y[:, 1:4], b).pow(2).sum()", "(x.double() @ y.double()).sum()",
    "F.linear(x * 1e30, y * 1e30, b).sum()", "F.linear(x * float('nan'), y, b).sum()",
    "F.linear(x.repeat(80, 1), y, b).pow(2).sum()", "(x + b.repeat(2)[::2]).pow(2).sum()",
    "F.linear(x.repeat(9, 40), y.repeat(50, 40), b.repeat(50)).pow(2).sum()",
    "F.linear(x.repeat(90, 40), y.repeat(50, 40), b.repeat(50)).pow(2).sum()",
    "F.linear(x.expand(5, 5), y, b[:1].expand(5)).sum(0).pow(2).sum()", "(x * b).pow(2).sum()",
    "(F.linear(x, y, b) + b[:1]).pow(2).sum()", "(x.repeat(60, 1) + b).pow(2).sum()",
]  # fmt: skip

PLACES = [
    "x[0].pow(2).sum()", "x[-1, 1:3].exp().sum()", "x[..., 2].tanh().sum()", "x[None, 1].sum()",
    "x[1:1].sum()", "x[::2, 1::2].pow(2).sum()", "x[:, None, ::3].pow(2).sum()", "x[4, 4].exp()",
    "x[0].sum() + (x[0] * y[1]).sum() + x.sum()", "(x[:2] * -0.0).sum()", "x[2][1:][::2].sum()",
    "x.view(25)[3].exp()", "x.view(1, 25).pow(2).sum()", "x.reshape(5, 5, 1).pow(2).sum()",
    "x.t().reshape(25).pow(2).sum()", "x[:0].view(5, 0).sum()", "x.view(25)[:1].view(()).exp()",
    "(s * x).sum()", "(s * x.view(25)).exp().sum()", "(s + s * x[0]).sum()", "s.view(1)[0].exp()",
    "(x + x.sum()).sum()", "(x.sum() + x).pow(2).sum()", "(x.pow(2) + x.mean()).sum()",
    "(s.expand(5, 5) + x).sum()", "(x.t() + x.sum()).sum()", "(e + e.sum()).sum()",
    "(x[0] + x[0].sum() + x.view(25)[:5]).pow(2).sum()", "(x.double()[0] + x.sum()).sum()",
    "(x.repeat(300, 20) + x.sum()).sum()", "x.repeat(300, 20)[1:, 5].sum()", "(x[0] * s).sum()",
    "(x.repeat(60, 1) * s).sum()", "x[float('nan') == 1].sum()", "x[True].sum()", "x[0, ..., 0]",
]  # fmt: skip


@pytest.mark.parametrize("texts", [PRODUCTS, PLACES], ids=["products", "places"])
def test_products_and_places_are_those_of_the_text(texts):
    native_calls.serve()
    first, again = [[run(text, True)[0] for text in texts] for _ in range(2)]
    native_calls.stop()
    others = [run(text, True)[0] for text in texts]
    for text, one, two, other in zip(texts, first, again, others):
        assert one == other and two == other, text


def test_leaves_with_hooks_do_not_keep_passes_from_machine_code():
    native_calls.serve()
    ran, order = [], []
    inner = native.backward
    if inner is None:
        pytest.skip("without machine code")
    x, w, b = (torch.randn(n, requires_grad=True) for n in ((4, 3), (5, 3), (5,)))
    for name, p in (("w", w), ("b", b)):
        p.register_post_accumulate_grad_hook(
            lambda p, name=name: order.append((name, p.grad is not None))
        )
    w.register_post_accumulate_grad_hook(
        lambda p: torch.autograd.Variable._execution_engine.queue_callback(
            lambda: order.append(("end", x.grad is not None))
        )
    )
    loss = (F.linear(x, w, b).relu() * 2).sum()
    want = torch.autograd.grad(loss, (x, w, b), retain_graph=True)
    native.backward = lambda *args: ran.append((args[3:], inner(*args))) or ran[-1][1]
    try:
        loss.backward()
    finally:
        native.backward = inner
    assert ran[-1] == ((True,), None)
    assert sorted(order[:2]) == [("b", True), ("w", True)] and order[2:] == [("end", True)]
    for p, g in zip((x, w, b), want):
        assert torch.equal(p.grad, g)


def test_an_error_of_a_hook_ends_the_pass():
    native_calls.serve()
    w = torch.randn(3, requires_grad=True)

    def hook(p):
        raise KeyError("mine")

    w.register_post_accumulate_grad_hook(hook)
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            (w * w).sum().backward()


def test_rules_are_called_for_the_gradients_that_are_not_there_yet():
    """The first rule of where() is one word, the second is not: calling it must not do both."""
    rules = {r.__code__: name for name, r in OPS["where"].rules.items()}
    x, y = (torch.randn(3, 4, requires_grad=True) for _ in range(2))
    condition = torch.randn(3, 4) > 0
    out = torch.where(condition, x, y)
    seen = []

    def watch(frame, event, arg):
        if event == "call" and frame.f_code in rules:
            seen.append(rules[frame.f_code])

    native.backward(out, True, torch.ones(3, 4), False)  # learns the op
    x.grad = y.grad = None
    sys.setprofile(watch)
    try:
        done = native.backward(out, True, torch.ones(3, 4), False)
    finally:
        sys.setprofile(None)
    assert done is None and seen == ["y"]
    assert torch.equal(x.grad, condition.float()) and torch.equal(y.grad, (~condition).float())


@pytest.mark.parametrize("wanted", ["xy", "x", "y"])
def test_each_of_two_gradients_is_asked_for_alone(wanted):
    x, y = (torch.randn(3, 4, requires_grad=name in wanted) for name in "xy")
    condition = torch.randn(3, 4) > 0
    torch.where(condition, x, y).sum().backward()
    assert x.grad is None if "x" not in wanted else torch.equal(x.grad, condition.float())
    assert y.grad is None if "y" not in wanted else torch.equal(y.grad, (~condition).float())


def test_sparse_gradients_are_given_as_they_are() -> None:
    table = torch.ones(3, 2, requires_grad=True)
    for _ in range(100):  # until passes are machine code
        out = torch.nn.functional.embedding(torch.tensor([0, 2, 0]), table, sparse=True)
        (g,) = torch.autograd.grad([out], [table], [torch.ones(3, 2)])
        assert g.is_sparse
        assert g.to_dense().tolist() == [[2, 2], [0, 0], [1, 1]]
