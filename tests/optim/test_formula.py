"""Recorded updates: what is recorded, how buffers are shared, and that every executor agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert
import wengert.optim
from wengert.optim import native
from wengert.optim.chunks import Batch
from wengert.optim.formula import record


def evaluate(update, columns, names, executor):
    """The columns after update, by one executor."""
    columns = [c.copy() for c in columns]
    state = {}
    formula, scalars = record(update, names, state)
    if executor == "tensors":
        tensors = [wengert.from_numpy(c) for c in columns]
        for c, value in formula.run_tensors(tensors, scalars).items():
            columns[c] = value.numpy()
        return columns
    batch = Batch(np, [tuple(None if i == 1 else c for i, c in enumerate(columns))])
    batch.warm = 1 if executor == "native" else 1 << 62
    batch.run(formula, [columns[1]], scalars)
    return columns


def columns(n=101):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(n) for _ in range(4)]


def swap(p, g, state):
    old = p.clone()
    p.copy_(state["a"])
    state["a"].copy_(state["b"])
    state["b"].copy_(old)


def share(p, g, state):
    p.add_(g)
    state["a"].copy_(p)
    state["b"].copy_(p)


def masks(p, g, state):
    positive, negative = g.gt(0), g.lt(0.5)
    p.masked_fill_(positive, 3.0)
    state["a"].masked_fill_(negative, -1.0).add_(p)
    state["b"] = (2.0 - state["b"]).masked_fill(p.eq(3.0), 0.0)


def everything(p, g, state):
    a, b = state["a"], state["b"]
    p.addcmul_(a, b, value=0.5).addcdiv_(g, b.abs().add(1.0), value=-0.1)
    a.lerp_(g, 0.9).clamp_(-0.5, 0.5)
    b.mul_(2.0).sub_(p, alpha=3.0).div_(1.5).neg_()
    state["b"] = 1.0 / (b.square().sqrt() + 1.0) - g.sign().minimum(0.3) * 2


@pytest.mark.parametrize("update", [swap, share, masks, everything])
def test_executors_agree(update):
    start = columns()
    plain = evaluate(update, start, ["a", "b"], "arrays")
    for executor in ("tensors", "native"):
        if executor == "native":
            pytest.importorskip("llvmlite")
        for x, y in zip(plain, evaluate(update, start, ["a", "b"], executor)):
            np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(plain[1], start[1])  # gradients are not touched
    if update is swap:
        for x, y in zip(plain, [start[2], start[1], start[3], start[0]]):
            np.testing.assert_array_equal(x, y)


OPS = st.tuples(
    st.sampled_from(["add_", "sub_", "mul_", "maximum", "minimum", "lerp_", "copy_", "new"]),
    st.integers(0, 3),
    st.integers(0, 3),
)


PLAIN = {
    "add_": lambda x, y: x + y,
    "sub_": lambda x, y: x - y,
    "mul_": lambda x, y: x * y,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "lerp_": lambda x, y: x + (y - x) * 0.25,
    "copy_": lambda x, y: y.copy(),
    "new": lambda x, y: x * 0.5 + y,
}


@given(st.lists(OPS, max_size=12))
def test_buffers_never_mix_values(program):
    """Any sequence of updates against the same on copied arrays."""

    def update(p, g, state):
        vectors = [p, g.clone(), state["a"], state["b"]]
        for op, i, j in program:
            x, y = vectors[i], vectors[j]
            if op in ("maximum", "minimum"):
                x.copy_(getattr(x, op)(y))
            elif op == "new":
                vectors[i] = x.mul(0.5).add(y) if i == 1 else x.copy_(x.mul(0.5).add(y))
            elif op == "lerp_":
                x.lerp_(y, 0.25)
            else:
                getattr(x, op)(y)

    start = columns(7)
    arrays = [c.copy() for c in start]
    for op, i, j in program:
        arrays[i] = PLAIN[op](arrays[i], arrays[j])
    ours = evaluate(update, start, ["a", "b"], "arrays")
    for c in (0, 2, 3):
        np.testing.assert_array_equal(ours[c], arrays[c])


def test_few_buffers():
    """Adam needs one scratch buffer beside its own arrays."""
    optimizer = wengert.optim.Adam([wengert.zeros(3)])
    group = optimizer.param_groups[0]
    state = {"step": 1.0}
    update = optimizer._bind(group, lambda x: x)
    formula, _ = record(update, ["exp_avg", "exp_avg_sq"], state)
    assert formula.scratch == (False,)
    assert set(formula.outputs) == {0, 2, 3}


def test_formulas_are_shared_between_steps():
    optimizer = wengert.optim.Adam([wengert.zeros(3)])
    update = optimizer._bind(optimizer.param_groups[0], lambda x: x)
    first, scalars = record(update, ["exp_avg", "exp_avg_sq"], {"step": 1.0})
    second, others = record(update, ["exp_avg", "exp_avg_sq"], {"step": 2.0})
    assert first is second
    assert scalars != others


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_machine_code_keeps_special_values(dtype):
    pytest.importorskip("llvmlite")

    def update(p, g, state):
        state["a"] = p.maximum(g)
        state["b"] = g.sign()
        p.copy_(g.minimum(p).abs().sqrt())

    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.0, 1e-40], dtype)
    p, g = (x.reshape(-1).copy() for x in np.meshgrid(special, special))
    start = [p, g, np.zeros_like(p), np.zeros_like(p)]
    plain = evaluate(update, start, ["a", "b"], "arrays")
    for x, y in zip(plain, evaluate(update, start, ["a", "b"], "native")):
        np.testing.assert_array_equal(x, y)


def test_without_llvmlite_there_is_no_kernel(monkeypatch):
    monkeypatch.setattr(native.compiler, "target", lambda: None)
    formula, _ = record(everything, ["a", "b"], {})
    monkeypatch.setattr(formula, "native", {})
    assert native.kernel(formula, "float64") is None
    assert native.kernel(formula, "float16") is None


def test_what_updates_cannot_use():
    class Wrong(wengert.optim.Optimizer):
        def update(self, p, g, state, *, how):
            how(p, g)

    p = wengert.zeros(3, requires_grad=True)
    p.grad = wengert.ones(3)
    for how, error in (
        (lambda p, g: p.norm(), AttributeError),
        (lambda p, g: p.mul_(2) if g > 0 else None, TypeError),
        (lambda p, g: g**3, TypeError),
    ):
        with pytest.raises(error, match="set `elementwise = False`"):
            Wrong([p], {"how": how}).step()
    assert p.tolist() == [0, 0, 0]


def test_powers_and_operators():
    def update(p, g, state):
        state["a"] = (g**2 + 1) ** 0.5
        state["b"] = (g - p) * 2 / (1 + g.square())
        p.masked_fill_(g > p, 0.0).masked_fill_(g < -1.0, 1.0)

    p, g, a, b = columns()
    ours = evaluate(update, [p, g, a, b], ["a", "b"], "arrays")
    np.testing.assert_array_equal(ours[2], (g * g + 1) ** 0.5)
    np.testing.assert_array_equal(ours[3], (g - p) * 2 / (1 + g * g))
    np.testing.assert_array_equal(ours[0], np.where(g < -1, 1, np.where(g > p, 0, p)))
