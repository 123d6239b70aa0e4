"""Calls in machine code do what the Python texts do, to the bit."""

import contextlib
import linecache
import sys
import warnings

import numpy as np

import wengert as torch
from wengert import native_calls
from wengert.base import source
from wengert.engine.node import Node, Slot
from wengert.engine.views import View
from wengert.native_calls.structures import LARGEST
from wengert.nn import functional

from . import calls


def outcome(call, names):
    """What a call gives, or how it is refused."""
    names["np"] = np
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # as wengert itself asks
        try:
            result = eval(call, names)
        except Exception as e:
            return type(e), str(e)
    return result, [str(w.message) for w in caught]


def facts(result):
    """All that can be told of a result."""
    if isinstance(result, tuple):
        return [type(result), *[facts(r) for r in result]]
    if isinstance(result, np.ndarray):
        return [result.dtype, result.shape, result.strides, result.tobytes()]
    if not isinstance(result, torch.Tensor):
        return result
    a = result._a
    if result.is_sparse:
        return [type(result), result.to_dense().tolist(), result.requires_grad]
    about = [
        type(result),
        a.dtype,
        a.shape,
        a.strides,
        a.flags.writeable,
        a.tobytes(),
        vars(result),
        extras_facts(result),
    ]
    if isinstance(result._n, Node):
        about += node_facts(result._n)
    return about


def extras_facts(t):
    """What is known of who shares the memory of a tensor."""
    x = t._x
    if x is None:
        return None
    views = x.views and [r()._a.shape for r in x.views if r() is not None]
    about = [type(x), views, vars(x)]
    if isinstance(x, View):
        about += [x.op, x.static, type(x.up), x.base._a.tobytes(), extras_facts(x.base), x.quiet]
    return about


def node_facts(n):
    saved = [facts(s) for s in n.saved]
    whole = [n.index, *node_facts(n.parents[0])] if type(n) is Slot else []
    return [type(n), len(n.parents), [type(p) for p in n.parents], saved, n.shape, n.dtype, n.hooks,
            n.more, n.code, n.lasti, whole]  # fmt: skip


def told(call, recorded, seed):
    """Facts about a call, and about its operands afterwards."""
    names = calls.operands(recorded, seed)
    result = outcome(compile(call, "<call>", "eval"), names)
    about = result if isinstance(result[0], type) else [facts(result[0]), result[1]]
    operands = [t for t in names.values() if isinstance(t, torch.Tensor)]
    return [*about, [(t._version, t._a.tobytes(), extras_facts(t)) for t in operands]]


def differing(texts, seeds):
    """The calls that machine code does not do as Python does; all in turn, since changing takes
    a while.
    """
    every = [(c, recorded, s) for c in texts for recorded in (True, False) for s in range(seeds)]
    found = []
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        found.append([told(*x) for x in every])
    return [(x, one, other) for x, one, other in zip(every, *found) if one != other]


def test_results_and_nodes_are_those_of_the_text():
    assert not differing(calls.FAMILIES, 3)


def left_by(f):
    """The last line of each generated text that f goes through."""
    found = []

    def local(frame, event, arg):
        if event == "return":
            found.append(linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip())
        return local

    def entered(frame, event, arg):
        file = frame.f_code.co_filename
        asks = file.startswith("<wengert sig") and any(
            "core" in x for x in linecache.getlines(file)
        )
        return local if asks else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        f()
    finally:
        sys.settrace(before)
    return found


def test_no_family_takes_the_long_way_unnoticed():
    long = []
    for call in calls.FAMILIES:
        for recorded in (True, False):
            f = eval(f"lambda: {call}", calls.operands(recorded))
            f(), f()
            if any("got" not in line for line in left_by(f)) and call not in calls.IN_PYTHON:
                long.append((call, recorded, left_by(f)))
    assert not {c for c, *_ in long}


ODD = [
    "x.take_along_dim(jj[:1], 1)",
    "x * None", "x * 'a'", "x + (1, 2, 3, 4, 5)", "x * c", "x[:, :4] * y", "x.exp(1)", "x.sum(7)",
    "x.mean(2)", "x @ b.view(1, 5)", "i / i", "i * 2.5", "x * True", "x * 1j", "x * 2**70",
    "x * -(2**62)", "i + 2**62", "x - torch", "x > None", "x == None", "x != 'a'", "x.mul(other=3)",
    "torch.mul(input=x, other=y)", "torch.mul(x)", "x ** -1", "x ** 2**70", "x ** y", "x ** i",
    "i ** i", "x ** b", "x.abs() ** c", "2.5 ** y", "x ** e", "i ** -i", "x ** torch.tensor(2.0)",
    "x ** torch.tensor(2)", "(x > 0) * y",
    "(x > 0) - (y > 0)", "x * z.half()", "x * z.double()", "z.bool() + z.bool()",
    "x * torch.tensor(2)", "x / 0", "i.exp()", "-(x > 0)", "x * z.numpy()", "z.numpy() * z",
    "x.sum(1.5)", "x.sum(True)", "x.sum(dim=None)", "x.sum((0, 1))", "functional.linear(x, b)",
    "functional.linear(x, c)", "x + float('nan')", "x.expand(3, 5, 5) * y", "x[::2, ::-1] + 1",
    "x.t() - x", "z.to_sparse() * 2", "x.half() * 2.0", "s + s", "s * 2", "e.sum()", "e.mean()",
    "torch.maximum(x, 1.0)", "torch.where(x, x, y)", "torch.exp(x, out=z)", "2 ** x", "2 / x",
    "x[5]", "x[-6]", "s[0]", "x[True]", "x.view(7)", "x.view(-1, -1)", "x.view(-1, 7)",
    "x.t().view(25)", "x.transpose(0, 2)", "x.permute(0, 0)", "x.unsqueeze(3)", "c.t()",
    "b.expand(5, 4)", "b.expand(-1)", "x.expand(5)", "x.view(25.0)", "e.view(-1)", "x[2**70]",
    "x.half()[1]", "x.to_sparse().t()", "z.add_(1)", "z.mul_(y)", "z.mul_(n[0]).add_(2)",
    "z.add_(x[:, :4])", "z.t().mul_(2)", "z[0].add_(1)", "z[0].add_(z[1])", "z.add_(z.t())",
    "z.add_(z)", "z[1:].add_(z[:-1])", "x.add_(1)", "x[0].mul_(2)", "b.add_(z)", "z.add_(c)",
    "i.add_(1.5)", "i.div_(2)", "z.add_('a')", "b.detach().mul_(3)", "x.data.mul_(3)",
    "z.expand(2, 5, 5).mul_(2)", "s.detach().add_(2)", "z.view(25)[3].add_(y[0, 0])",
    "(z > 0).mul_(1)", "z.half().mul_(2)", "i.add_(i[0])", "z.pow_(2)", "z.add_(1, alpha=2)",
    "i.mul_(2**62)", "x @ y[:3]", "x @ c", "b @ b", "x @ i", "functional.linear(x, y, b[:3])",
    "functional.linear(x, y, i[0])", "e @ x", "e.t() @ e", "functional.linear(e, y, b)", "i.sum()",
    "e.double().mean()", "i.mean()", "x.sum(dtype=torch.float64)", "functional.linear(x, y, z)",
    "functional.linear(b, y, b)", "(x * float('inf')).sum()", "(x / 0 - x / 0).mean()", "x.max(2)",
    "x.max(-3)", "s.max(0)", "e.max(0)", "i.max(1)", "x.max(True)", "x.max(1, 1)", "x.topk(6)",
    "x.topk(-1)", "x.sort(2)", "torch.cat([x, b])", "torch.cat([])", "torch.cat([x, 1])",
    "torch.cat([x, i])", "torch.cat(x)", "torch.cat([x, y.double()])", "torch.cat([x, y], 2)",
    "torch.cat([x, y], -3)", "torch.cat([s])", "torch.cat([x.half(), y.half()])",
    "torch.cat([b[:0], x])", "torch.cat([x, y], 1.0)", "torch.stack([x, b])",
    "torch.stack([x, y], 3)", "torch.stack([x, x.to_sparse()])", "torch.stack([x, None])",
    "torch.stack((x[::2], y[::2]), -1)", "torch.cat((x, y), out=z)", "x.sum([0, 0])", "x.sum(())",
    "x.sum([])", "x.sum((0, 2))", "x.sum(2**70)", "x.sum((0, True))", "x.flip(2)", "x.flip((0, 0))",
    "x.any(5)", "s.sum(0)", "s.sum(1)", "s.sum(-1)", "x.prod(0.5)", "z.clamp_(1, 0)",
    "z.clamp_(min=float('nan'))", "z.addcmul_(n, c)", "z.addcmul_(z, z[0])",
    "z[1:].addcmul_(z[:-1], z[1:])", "z.add_(y, alpha=2)", "x.add_(z, alpha=0.5)", "z.relu_()",
    "z.expand(2, 5, 5).clamp_(0, 1)", "b.detach().clamp_(0, 1)", "z.addcmul_(n, 2)", "i.clamp_(0)",
    "(z > 0).all(0)", "i.any()", "i.prod()", "(z > 0).sum(0)", "(z > 0).cumsum(0)", "i.argmax()",
    "x[5:, 7]", "x[k + 3]", "x[k, k + 3]", "x[k, kk]", "x[k, 0]", "x[[0, 1]]", "x[z > 0.5]",
    "x[1.0]", "x[::-1]", "x[::0]", "x[..., ...]", "x[0, 0, 0]", "x[(k,)]", "x[x]",
    "x[:, k]", "x[2**70:]", "x[:2.0]", "s[k]", "x[k.int()]", "x.t()[k]", "x[torch.tensor(1)]",
    "c[k, k - k, k - k]", "x[k[:0]]", "x[()]", "x[(0,)]", "x[np.int64(1)]", "x.to_sparse()[0]",
    "z.__setitem__(0, 1.0)", "z.__setitem__((0, 1), 2)", "z.__setitem__(slice(1, 3), 0.5)",
    "z.__setitem__((..., 0), -1)", "z.__setitem__(k, 0.0)", "z.__setitem__(7, 0.0)",
    "x.__setitem__(0, 1.0)", "z.__setitem__(0, y[0])", "i.__setitem__(0, 7)",
    "z.t().__setitem__(0, 2)", "i.__setitem__(0, 7.5)", "z.__setitem__(0, 2**70)",
    "z.__setitem__(0, 1j)", "s.__setitem__((), 1)", "b.detach().__setitem__(0, 2.0)",
    "z.expand(2, 5, 5).__setitem__(0, 1.0)", "z.__delitem__(0)", "(z > 0).__setitem__(0, True)",
    "z.__setitem__(0, True)", "z.__setitem__(None, 3.0)", "x.zero_()", "x[0].fill_(1)",
    "b.detach().fill_(2)", "z.fill_(float('nan'))", "z.fill_(1e300)", "z.fill_(2**70)",
    "i.fill_(1.5)", "i.fill_(2)", "z.fill_(s)", "z.fill_(b)", "z.fill_(1j)", "z.copy_(i[0, 0])",
    "z.copy_(b)", "z.copy_(c)", "z.copy_(z)", "z.copy_(z.t())", "z.copy_(x)", "z[1:].copy_(z[:-1])",
    "z.copy_(3)", "z.copy_(z.double())", "z.half().fill_(3)", "z.t().zero_()",
    "z.expand(2, 5, 5).zero_()", "x.detach().copy_(z)", "x.copy_(z)", "torch.zeros(-1)",
    "torch.zeros(2, -3)", "torch.zeros(2.0)", "torch.zeros('a')", "torch.ones(2, dtype=float)",
    "torch.zeros(2**40, 0)", "torch.zeros(())", "torch.zeros([])",
    "torch.zeros(2, device='meta').shape", "torch.zeros(2, requires_grad=True)",
    "torch.full((2,), True)", "torch.full((2,), 1e300)", "torch.full((2,), 3, dtype=torch.int64)",
    "torch.arange(5, 2)", "torch.arange(2**70)", "torch.arange(3.0)",
    "torch.zeros_like(x, dtype=torch.int64)", "torch.zeros_like(3)", "x.new_zeros()",
    "x.new_zeros(2, 'a')", "torch.zeros_like(x.t())", "x.half().new_ones(2)", "x.shape", "x.dtype",
    "x.device", "x.ndim", "s.shape", "x.half().dtype", "x.to_sparse().shape",
    "torch.zeros(2, device='meta').device", "torch.zeros(True)", "torch.ones(2, True)",
    "x.gather(1, kk)", "x.gather(1, kk + 9)", "x.gather(1, k)", "x.gather(2, kk)",
    "x.gather(0, kk.int())", "x.gather(0, kk[:0])", "x.index_select(0, kk)", "x.index_select(0, k)",
    "x.index_select(1, k + 9)", "x.index_select(0, k[:0])", "s.index_select(0, k[:1].abs())",
    "torch.where(x > b, x, y)", "torch.where(x > 0, x, y.double())", "torch.where(x > 0, x, 1.0)",
    "x.masked_fill(x > 0.5, 1e300)", "x.masked_fill(x > 0.5, float('inf'))", "x.masked_fill(z, 1)",
    "x.masked_fill(b > 0.5, 0.0)", "x.masked_fill(x > 0.5, s)", "i.masked_fill(i > 0, 2.5)",
    "functional.embedding(k, x)", "functional.embedding(k + 9, x)", "torch.bmm(c, c)",
    "functional.embedding(kk.abs(), x, padding_idx=0)", "(x / 0 - x / 0).max(0)", "x.mv(b[:3])",
    "torch.tensor([1.0, float('nan'), 3.0]).max(0)", "torch.tensor([0.0, -0.0]).max()",
    "torch.tensor([[0.0, -0.0], [-0.0, 0.0]]).amax(1)", "torch.tensor([-0.0, 0.0]).argmin()",
    "torch.tensor([[-0.0, 0.0], [0.0, -0.0]]).amin(0)", "torch.tensor([-0.0, -0.0]).cumsum(0)",
    "torch.tensor([1.0, float('nan'), 3.0]).amax(0)", "torch.tensor([float('nan'), 1.0]).argmin()",
    "x.add(b, alpha=2)", "x.addcmul(y, y)", "x.addcmul(b, y, value=2)",
    "x.addcmul(y, b, value=2.0)", "e.amax(0)", "e.amax(1)", "e.sum(1)", "e.mean(0)", "e.any()",
    "e.all(0)", "e.argmax()", "s.max()", "e.max()", "x.half().max(0)", "x.norm(2, 0)", "x.std(7)",
    "x.var((0, 1))", "i.var()",
]  # fmt: skip


def test_odd_calls_and_mistakes_are_those_of_the_text():
    assert not differing(ODD, 1)


def test_shapes_strides_and_numbers_at_random():
    """Operands of all kinds of shapes and orders in memory, beside each other."""
    r = np.random.default_rng(0)
    shapes = [(), (1,), (3,), (2, 3), (1, 3), (2, 1), (0, 3), (4, 2, 3), (1, 1, 3), (2, 1, 1, 1)]
    ways = [
        lambda t: t, lambda t: t, lambda t: t.transpose(0, -1) if t.ndim else t,
        lambda t: t[..., ::2] if t.ndim else t, lambda t: t.expand(2, *t.shape),
    ]  # fmt: skip
    words = ["a + b", "a * b", "a / b", "a - b", "a > b", "torch.minimum(a, b)", "a.exp()", "-a"]
    cases = []
    for _ in range(1500):
        kinds = r.choice(["float32", "float64", "int64"], 2, p=[0.6, 0.3, 0.1])
        made = []
        for kind in kinds:
            t = torch.tensor(r.integers(-4, 5, shapes[r.integers(len(shapes))]).astype(kind))
            t = ways[r.integers(len(ways))](t)
            made.append(t.requires_grad_() if kind != "int64" and r.random() < 0.5 else t)
        names = {"torch": torch, "a": made[0], "b": made[1]}
        if r.random() < 0.2:
            names["b"] = [2, 0.5, -3, True, 1e30, 2**40][r.integers(6)]
        cases.append((compile(words[r.integers(len(words))], "<call>", "eval"), names))
    found = []
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        results = [outcome(*case) for case in cases]
        found.append([r if type(r[0]) is type else [facts(r[0]), r[1]] for r in results])
    for one, other, case in zip(*found, cases):
        assert one == other, case


STEPS = [  # on a tensor t, and another of the same program
    "t.t()", "t[0]", "t[-1]", "t.view(-1)", "t.reshape(-1)", "t.unsqueeze(0)", "t.transpose(0, -1)",
    "t * 2", "t + u", "t.exp()", "t.add_(1)", "t.mul_(u)", "t.sub_(0.5)", "t.detach()", "t.sum(0)",
    "t.mul_(t)", "t.add_(u[0])", "t.expand(2, *t.shape)", "t.tanh_()", "-t",
    "t.permute(-1, *range(t.ndim - 1))", "t.data", "t[0].add_(1)", "t.clone()",
    "t.flatten().mul_(2)", "t.zero_()", "t.max(0).values",
]  # fmt: skip


def run_program(steps, switch):
    """What a program gives, step by step, and the gradients at its end."""
    x = torch.arange(6.0).view(2, 3).clone().requires_grad_()
    made, told = [x, torch.ones(2, 3), x * 1.5], []
    for text, i, j, off in steps:
        names = {"t": made[i % len(made)], "u": made[j % len(made)]}
        with torch.no_grad() if off and switch else contextlib.nullcontext():
            result, said = outcome(text, names)
        if isinstance(result, type):
            told.append((result, said.partition("saved at")[0]))
            continue
        made.append(result)
        told.append([result._a.tolist(), result._a.strides, result._version, result.requires_grad,
                     result.is_leaf, type(result._n)])  # fmt: skip
    total = sum([t.double().sum() for t in made])
    try:
        total.backward()
    except RuntimeError as e:
        told.append(str(e).partition(" It was")[0])
    told.append([[t._a.tolist(), t._version, type(t._n)] for t in made])
    told.append(x._n.grad is not None and x._n.grad.tolist())
    return told


def test_programs_of_views_and_writes_at_random():
    """Who shares memory with whom, and what a write does to histories, is the same either way."""
    r = np.random.default_rng(0)
    programs = []
    for k in range(600):
        steps = [(STEPS[r.integers(len(STEPS))], *map(int, r.integers(9, size=2)), r.random() < 0.3)
                 for _ in range(r.integers(2, 9))]  # fmt: skip
        programs.append((steps, k % 2))
    native_calls.serve()
    one = [run_program(*p) for p in programs]
    native_calls.stop()
    for program, told in zip(programs, one):
        assert told == run_program(*program), program


def test_sums_means_and_products_have_the_bits_of_the_text():
    r = np.random.default_rng(0)
    made = []
    for n in [*range(1, 40), *range(120, 140), 255, 256, 257, 300]:
        for d in ("float32", "float64"):
            x = r.standard_normal((n, 7)) * 10.0 ** r.integers(-3, 4)
            made.append([torch.tensor(a.astype(d)) for a in (x[:, 0], x, x[:5], x[0, :5])])
    words = [
        lambda v, m, w, b: v.sum(), lambda v, m, w, b: v.mean(), lambda v, m, w, b: m.sum(),
        lambda v, m, w, b: m.t().mean(), lambda v, m, w, b: m @ w.t(),
        lambda v, m, w, b: m.t() @ m, lambda v, m, w, b: functional.linear(m, w, b[: len(w)]),
    ]  # fmt: skip
    found = []
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        found.append([facts(f(*x)) for x in made for f in words])
    assert found[0] == found[1]


def test_nodes_know_the_users_line():
    x = torch.ones(3, requires_grad=True)

    def user():
        return x * 2, x.exp(), torch.add(x, x), x.sum(), [y * x for y in (x,)][0]

    for t in user():
        assert source.line(t._n.code, t._n.lasti)[2] in ("user", "<listcomp>")
        assert "x.exp()" in t._n.where()


def test_large_arrays_are_shared_by_threads_with_the_same_bits():
    made = np.random.default_rng(3)
    sizes = LARGEST, LARGEST + 1, 5 * LARGEST - 7
    texts = ["x * y", "x - 2.5", "1 - x", "x / y", "x ** 2", "-x", "x.exp()", "x < y", "x + c"]
    texts += ["x.clone().add_(y)", "x.clone().mul_(3)", "x.clone().exp_()", "x[::2] * y[::2]"]
    before = torch.get_num_threads()
    try:
        for size in sizes:
            for dtype in ("float32", "float64"):
                x, y = [torch.from_numpy(made.random((size, 1)).astype(dtype)) for _ in range(2)]
                names = {"x": x, "y": y, "c": torch.ones(1, dtype=x.dtype)}
                native_calls.stop()
                wanted = [eval(text, names)._a for text in texts]
                native_calls.serve()
                for threads in (1, 2, 3):
                    torch.set_num_threads(threads)
                    for text, a in zip(texts, wanted):
                        b = eval(text, names)._a
                        assert a.dtype is b.dtype and np.array_equal(a, b), (size, dtype, text)
    finally:
        native_calls.serve()
        torch.set_num_threads(before)


def test_a_process_without_it_says_so(monkeypatch):
    monkeypatch.setenv("WENGERT_NATIVE", "0")
    assert native_calls.refusal() == "off: WENGERT_NATIVE is 0"
    monkeypatch.setenv("WENGERT_NATIVE", "1")
    assert native_calls.refusal() == ""
    monkeypatch.setattr(native_calls, "SYSTEMS", ())
    assert "not tried on linux, x86_64" in native_calls.refusal()
    monkeypatch.setattr(native_calls, "TRIED", ())
    assert "not tried on CPython" in native_calls.refusal()
