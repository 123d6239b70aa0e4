"""Modes: what takes part in operations of its thread, and what it leaves alone."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import wengert as w
from wengert import native_calls
from wengert.engine import op_modes
from wengert.engine.op import OPS
from wengert.engine.op_modes import Mode
from wengert.nn import functional as F


class Doubling(Mode):
    """The operands of one op, doubled."""

    def __init__(self, name, factor=2):
        self.name, self.factor, self.seen = name, factor, []

    def wants(self, op):
        return op.name == self.name

    def run(self, op, operands, static, proceed):
        self.seen.append(op.name)
        return proceed(tuple([x * self.factor for x in operands]), static)


class Listing(Mode):
    """What runs, and what is recorded."""

    def __init__(self):
        self.ran, self.nodes = [], []

    def implementation(self, op, f):
        def listed(*args, **kwargs):
            self.ran.append(op.name)
            return f(*args, **kwargs)

        return listed

    def recorded(self, node):
        self.nodes.append(node.name())


def test_operands_are_changed_before_they_are_recorded():
    x = w.tensor([1.0, 2.0], requires_grad=True)
    with Doubling("exp") as mode:
        y = x.exp()
    y.sum().backward()
    assert mode.seen == ["exp"]
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp([2.0, 4.0]), rtol=1e-6)
    assert not op_modes.ACTIVE and x.exp()[0].item() == pytest.approx(np.e)


def test_an_op_is_not_given_to_its_own_mode_again():
    class Twice(Mode):
        def run(self, op, operands, static, proceed):
            return op.entry(op.entry(*operands, **static), **static)

    with Twice():
        assert w.tensor(1.0).exp().item() == pytest.approx(np.exp(np.e))


def test_the_innermost_mode_comes_first():
    class Add(Mode):
        def wants(self, op):
            return op.name == "exp"

        def run(self, op, operands, static, proceed):
            return proceed((operands[0] + 1,), static)

    with Doubling("exp"), Add():
        assert w.tensor(1.0).exp().item() == pytest.approx(np.exp(4), rel=1e-6)
    with Add(), Doubling("exp"):
        assert w.tensor(1.0).exp().item() == pytest.approx(np.exp(3), rel=1e-6)


def test_lists_and_composites_are_seen():
    x = w.ones(2)
    with Doubling("cat"):
        assert w.cat([x, x]).tolist() == [2.0] * 4
        assert w.stack([x, x]).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_implementations_and_nodes():
    x = w.ones(2, 2, requires_grad=True)
    with Listing() as seen:
        F.relu(x @ x).sum()
        w.ones(3).exp()
    assert seen.ran == ["matmul", "relu", "sum_all", "exp"]
    assert seen.nodes == ["MmBackward0", "ReluBackward0", "SumBackward0"]


def test_out_and_in_place_forms_go_through_modes():
    out, x = w.empty(2), w.ones(2)
    with Doubling("exp"):
        w.exp(x, out=out)
        x.exp_()
    assert out.tolist() == x.tolist() == [pytest.approx(np.exp(2), rel=1e-6)] * 2


def test_modes_are_of_their_thread():
    inside, done, found = threading.Event(), threading.Event(), []

    def other():
        with Doubling("exp"):
            inside.set()
            done.wait(5)
            found.append(w.tensor(0.5).exp().item())

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(5)
    assert w.tensor(1.0).exp().item() == pytest.approx(np.e)
    done.set()
    thread.join()
    assert found == [pytest.approx(np.e)]
    assert w.tensor(1.0).exp().item() == pytest.approx(np.e)


def test_a_mode_of_every_thread():
    class Everywhere(Listing):
        every_thread = True
        recorded = None

    with Everywhere() as seen:
        thread = threading.Thread(target=lambda: w.ones(2).exp())
        thread.start()
        thread.join()
        w.ones(2).sin()
    w.ones(2).cos()
    assert seen.ran == ["exp", "sin"]


def test_ops_that_no_mode_wants_stay_in_their_tables():
    if not native_calls.refusal():  # machine code fills no tables: once more in a process without
        this = f"{__file__}::test_ops_that_no_mode_wants_stay_in_their_tables"
        run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", this]
        texts = {**os.environ, "WENGERT_NATIVE": "0"}
        told = subprocess.run(run, env=texts, capture_output=True, text=True)
        assert told.returncode == 0, told.stdout
        return
    x = w.ones(2)
    x.sin(), x.exp()
    with Doubling("exp"):
        x.sin(), x.exp()
        assert type(x._a) in OPS["sin"].impl and type(x._a) not in OPS["exp"].impl
    x.exp()
    assert type(x._a) in OPS["exp"].impl


def test_left_by_an_error():
    class Failing(Mode):
        def run(self, op, operands, static, proceed):
            raise ZeroDivisionError

    outer = Doubling("exp")
    with outer:
        with pytest.raises(ZeroDivisionError), Failing():
            w.ones(2).exp()
        assert op_modes.HERE.modes == (outer,)
        assert w.tensor(0.5).exp().item() == pytest.approx(np.e)
    assert not op_modes.ACTIVE


def test_modes_under_transforms():
    x = w.ones(3, 2)
    with Doubling("exp"):
        out = w.func.vmap(w.exp)(x)
    np.testing.assert_allclose(out.numpy(), np.exp(2) * np.ones((3, 2)), rtol=1e-6)


def test_profiler_hooks_and_anomaly_mode_together():
    x = w.ones(2, requires_grad=True)
    kept = []
    with (
        w.autograd.profiler.profile() as prof,
        w.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t),
        w.autograd.set_detect_anomaly(True),
        Doubling("exp"),
    ):
        y = x.exp().sum()
        y.backward()
        with pytest.raises(RuntimeError, match="nan"):
            (x * -1).log()
    assert len(kept) == 1 and x.grad[0].item() == pytest.approx(2 * np.exp(2), rel=1e-6)
    assert "aten::exp" in {e.name for e in prof.function_events}
    assert not op_modes.ACTIVE


class Whole(Mode):
    """The calls of functions that are seen as one."""

    def __init__(self):
        self.seen = []

    def call(self, name, args, kwargs, proceed):
        self.seen.append((name, len(args), sorted(kwargs)))
        return proceed(args, kwargs)


def test_functions_seen_as_one_are_shown_what_was_given():
    x, y = w.eye(3), w.empty(0)
    with Whole() as mode:
        w.linalg.solve(x, B=w.ones(3, 1))
        w.linalg.qr(x, mode="r")
        w.linalg.inv(A=x, out=y)
    assert mode.seen == [("solve", 2, []), ("qr", 2, []), ("inv", 1, ["out"])]
    assert w.equal(y, x)
