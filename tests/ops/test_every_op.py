"""Every op through every interpreter: values, first and second derivatives, forward mode, vmap,
tracing, another device. The samples are those of `samples.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.samples import SAMPLES, SMOOTH, case, close, floating, run, seeded

import wengert
from wengert.arrays import sim
from wengert.arrays.strict_array import Wrapped
from wengert.autodiff.traced import Program, Traced, replay
from wengert.engine.op import OPS
from wengert.engine.tensor import Tensor, wrap
from wengert.func import jvp, vmap

STEP = 1e-6
# ops that between them take each way through the engine: `pytest -m smoke`
BASIC = {"add", "mul", "exp", "matmul", "sum", "amax", "where", "getitem", "cat", "conv"}
BASIC |= {"softmax", "layer_norm", "cumsum", "gather", "embedding", "inv"}


def marked(names: Any) -> list[Any]:
    """Names as parameters, with the basic ones marked."""
    return [pytest.param(n, marks=[pytest.mark.smoke] * (n in BASIC)) for n in names]


def numpy(t: Tensor) -> np.ndarray:
    return t.detach().numpy()


def directional(f: Any, xs: list[np.ndarray], ds: list[np.ndarray]) -> list[np.ndarray]:
    up = f([x + STEP * d for x, d in zip(xs, ds)])
    down = f([x - STEP * d for x, d in zip(xs, ds)])
    return [(u - v) / (2 * STEP) for u, v in zip(up, down)]


def test_there_are_samples_for_nearly_every_op() -> None:
    missing = sorted(n for n in OPS if n not in SAMPLES)
    assert len(SAMPLES) > 150
    assert set(SMOOTH) >= BASIC, missing


@pytest.mark.parametrize("name", marked(SMOOTH))
def test_first_derivative(name: str) -> None:
    op, ins, static, chosen, xs = case(name)
    leaves = [wengert.from_numpy(x.copy()).requires_grad_() for x in xs]
    outs = run(op, ins, static, chosen, leaves)
    cots = seeded(outs, 1)
    gs = wengert.autograd.grad(outs, leaves, [wrap(c) for c in cots], allow_unused=True)
    ds = seeded(xs, 2)
    numeric = directional(
        lambda v: [numpy(o) for o in run(op, ins, static, chosen, [wrap(x) for x in v])], xs, ds
    )
    want = sum(float((n * c).sum()) for n, c in zip(numeric, cots))
    got = sum(float((numpy(g) * d).sum()) for g, d in zip(gs, ds) if g is not None)
    close(got, want, 1e-5)


@pytest.mark.parametrize("name", marked(SMOOTH))
def test_second_derivative(name: str) -> None:
    op, ins, static, chosen, xs = case(name)

    def gradient(v: list[Any], create: bool) -> tuple[list[Tensor], list[Tensor]]:
        leaves = [wengert.from_numpy(x.copy()).requires_grad_() for x in v]
        outs = run(op, ins, static, chosen, leaves)
        cots = [wrap(c) for c in seeded(outs, 1)]
        gs = wengert.autograd.grad(outs, leaves, cots, allow_unused=True, create_graph=create)
        return leaves, [g if g is not None else wrap(np.zeros(x.shape)) for g, x in zip(gs, v)]

    leaves, gs = gradient(xs, True)
    weights, ds = seeded(xs, 2), seeded(xs, 3)
    numeric = directional(lambda v: [numpy(g) for g in gradient(v, False)[1]], xs, ds)
    want = sum(float((n * w).sum()) for n, w in zip(numeric, weights))
    live = [(g, w) for g, w in zip(gs, weights) if g.requires_grad]
    got = 0.0
    if live:
        seconds = wengert.autograd.grad(
            [g for g, _ in live], leaves, [wrap(w) for _, w in live], allow_unused=True
        )
        got = sum(float((numpy(s) * d).sum()) for s, d in zip(seconds, ds) if s is not None)
    close(got, want, 2e-4)


@pytest.mark.parametrize("name", marked(SMOOTH))
def test_forward_mode(name: str) -> None:
    op, ins, static, chosen, xs = case(name)
    ds = seeded(xs, 2)
    if not run(op, ins, static, chosen, [wrap(x) for x in xs]):
        return  # results without a tangent here: complex ones
    _, tangents = jvp(
        lambda *v: tuple(run(op, ins, static, chosen, list(v))),
        tuple(wrap(x) for x in xs),
        tuple(wrap(d) for d in ds),
    )
    numeric = directional(
        lambda v: [numpy(o) for o in run(op, ins, static, chosen, [wrap(x) for x in v])], xs, ds
    )
    for t, n in zip(tangents, numeric):
        close(numpy(t), n, 1e-5)


@pytest.mark.parametrize("name", marked(SMOOTH))
def test_vmap(name: str) -> None:
    op, ins, static, chosen, xs = case(name)
    batch = [np.stack([x, x * 0.9 + 0.05]) for x in xs]
    got = vmap(lambda *v: tuple(run(op, ins, static, chosen, list(v))))(*[wrap(b) for b in batch])
    for i in range(2):
        want = run(op, ins, static, chosen, [wrap(b[i].copy()) for b in batch])
        for g, w in zip(got, want):
            close(numpy(g)[i], numpy(w), 1e-9)


@pytest.mark.parametrize("name", marked(sorted(SAMPLES)))
def test_trace_replays_equal(name: str) -> None:
    op, ins, static, chosen, xs = case(name)
    if not xs:
        chosen = [i for i, a in enumerate(ins) if isinstance(a, np.ndarray)][:1]
        xs = [ins[i] for i in chosen]
    program = Program()
    traced = [Traced(1, program, x) for x in xs]
    outs = run(op, ins, static, chosen, [wrap(t) for t in traced])
    want = run(op, ins, static, chosen, [wrap(x) for x in xs])
    live = [(o, w) for o, w in zip(outs, want) if isinstance(o._a, Traced)]
    again = replay(program, {t.slot: x for t, x in zip(traced, xs)}, [o._a.slot for o, _ in live])
    for (_, w), a in zip(live, again):
        close(a, numpy(w), 1e-12)


@pytest.mark.parametrize("name", marked(SMOOTH))
def test_on_another_device(name: str) -> None:
    """On arrays that refuse to mix with NumPy's, forward and backward give what the CPU gives."""
    op, ins, static, chosen, xs = case(name)
    ns = sim.NAMESPACES[1]
    moved = [ns.from_host(a) if isinstance(a, np.ndarray) else a for a in ins]
    leaves = [wrap(ns.from_host(x)).requires_grad_() for x in xs]
    full = [wrap(a) if isinstance(a, Wrapped) else a for a in moved]
    for i, x in zip(chosen, leaves):
        full[i] = x
    outs = floating(op, op.entry(*full, **static))
    want = run(op, ins, static, chosen, [wrap(x) for x in xs])
    for o, w in zip(outs, want):
        assert str(o.device) == "sim:1"
        close(ns.to_host(o.detach()._a), numpy(w), 1e-12)
    cots = seeded(want, 1)
    gs = wengert.autograd.grad(
        outs, leaves, [wrap(ns.from_host(c)) for c in cots], allow_unused=True
    )
    cpu = [wengert.from_numpy(x.copy()).requires_grad_() for x in xs]
    ref = wengert.autograd.grad(
        run(op, ins, static, chosen, cpu), cpu, [wrap(c) for c in cots], allow_unused=True
    )
    for g, w in zip(gs, ref):
        assert (g is None) == (w is None)
        if g is not None:
            close(ns.to_host(g._a), numpy(w), 1e-12)
