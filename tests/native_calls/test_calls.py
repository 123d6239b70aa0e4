"""Calls in machine code do what the Python texts do, to the bit."""

import warnings

import numpy as np
import pytest

import wengert as torch
from wengert import native_calls
from wengert.base import source
from wengert.engine.node import Node

from . import calls


def outcome(call, names):
    """What a call gives, or how it is refused."""
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
        return [facts(r) for r in result]
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
    ]
    if isinstance(result._n, Node):
        about += node_facts(result._n)
    return about


def node_facts(n):
    saved = [facts(torch.tensor(s)) if isinstance(s, np.ndarray) else s for s in n.saved]
    return [type(n), len(n.parents), [type(p) for p in n.parents], saved, n.shape, n.dtype, n.hooks,
            n.more, n.code, n.lasti]  # fmt: skip


def both(call, recorded, seed=0):
    """Facts about a call in machine code, and as Python runs it."""
    found = []
    code = compile(call, "<call>", "eval")
    for turn in (native_calls.serve, native_calls.stop):
        turn()
        names = calls.operands(recorded, seed)
        result = outcome(code, names)
        found.append([facts(result[0]), result[1]] if not isinstance(result[0], type) else result)
    native_calls.serve()
    return found


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("call", calls.FAMILIES)
def test_results_and_nodes_are_those_of_the_text(call, recorded):
    for seed in range(3):
        one, other = both(call, recorded, seed)
        assert one == other


@pytest.mark.parametrize(
    "call",
    [
        "x * None", "x * 'a'", "x + (1, 2, 3, 4, 5)", "x * c", "x[:, :4] * y", "x.exp(1)",
        "x.sum(7)", "x.mean(2)", "x @ b.view(1, 5)", "i / i", "i * 2.5", "x * True", "x * 1j",
        "x * 2**70", "x * -(2**62)", "i + 2**62", "x - torch", "x > None", "x == None", "x != 'a'",
        "x.mul(other=3)", "torch.mul(input=x, other=y)", "torch.mul(x)", "x ** -1", "x ** 2**70",
        "(x > 0) * y", "(x > 0) - (y > 0)", "x * z.half()", "x * z.double()", "z.bool() + z.bool()",
        "x * torch.tensor(2)", "x / 0", "i.exp()", "-(x > 0)", "x * z.numpy()", "z.numpy() * z",
        "x.sum(1.5)", "x.sum(True)", "x.sum(dim=None)", "x.sum((0, 1))", "functional.linear(x, b)",
        "functional.linear(x, c)", "x + float('nan')", "x.expand(3, 5, 5) * y", "x[::2, ::-1] + 1",
        "x.t() - x", "z.to_sparse() * 2", "x.half() * 2.0", "s + s", "s * 2", "e.sum()", "e.mean()",
        "torch.maximum(x, 1.0)", "torch.where(x, x, y)", "torch.exp(x, out=z)", "2 ** x", "2 / x",
    ],
)  # fmt: skip
def test_odd_calls_and_mistakes_are_those_of_the_text(call):
    for recorded in (True, False):
        one, other = both(call, recorded)
        assert one == other


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


def test_nodes_know_the_users_line():
    x = torch.ones(3, requires_grad=True)

    def user():
        return x * 2, x.exp(), torch.add(x, x), x.sum(), [y * x for y in (x,)][0]

    for t in user():
        assert source.line(t._n.code, t._n.lasti)[2] in ("user", "<listcomp>")
        assert "x.exp()" in t._n.where()


def test_large_arrays_are_left_to_the_library():
    x = torch.ones(300, 300, requires_grad=True)
    assert (x * x)._a.sum() == 90000 and x.sum().item() == 90000


def test_a_process_without_it_says_so(monkeypatch):
    monkeypatch.setenv("WENGERT_NATIVE", "0")
    assert native_calls.refusal() == "off: WENGERT_NATIVE is 0"
    monkeypatch.setenv("WENGERT_NATIVE", "1")
    assert native_calls.refusal() == ""
    monkeypatch.setattr(native_calls, "SYSTEMS", ())
    assert "not tried on linux, x86_64" in native_calls.refusal()
    monkeypatch.setattr(native_calls, "TRIED", ())
    assert "not tried on CPython" in native_calls.refusal()
