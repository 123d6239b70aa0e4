"""Every op through every interpreter: values, first and second derivatives, forward mode, vmap,
tracing, another device.

Samples are harvested: the calls of `calls.py` run on traced arrays, and each step that the trace
wrote down is a sample of its op. Elementwise ops and reductions that no call reaches get random
arrays.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from ops.calls import CALLS

import wengert
from wengert.arrays import sim
from wengert.arrays.strict_array import Wrapped
from wengert.autodiff.traced import Program, Ref, Traced, replay
from wengert.base.modes import Level
from wengert.engine.op import OPS
from wengert.engine.tensor import Tensor, wrap
from wengert.func import jvp, vmap

STEP = 1e-6
STEPPED = {"multilabel_margin_backward"}  # jumps where margins change sign, also near the samples
DOMAIN = {"acosh": (1.2, 2.0), "zeta": (1.2, 2.0)}


def arrays(*shape: int, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    return np.asarray(RNG.uniform(low, high, shape))


RNG = np.random.default_rng(0)


def harvest() -> dict[str, tuple[Any, list[Any], dict[str, Any]]]:
    """op name -> (op, inputs, static)."""
    found: dict[str, Any] = {}
    for call in CALLS:
        program = Program()
        values: dict[int, Any] = {}

        leaves: list[Tensor] = []

        def make(
            *shape: int,
            program: Program = program,
            values: dict[int, Any] = values,
            leaves: list[Tensor] = leaves,
        ) -> Tensor:
            t = Traced(1, program, arrays(*shape))
            values[t.slot] = t.content
            leaves.append(wrap(t).requires_grad_())
            return leaves[-1]

        pull_back(call(make), leaves)
        for op, ins, static, outs in program.steps:
            plain = [values[a.slot] if type(a) is Ref else a for a in ins]
            results = replay_step(op, plain, static)
            values.update(zip(outs, results))
            if op.name not in STEPPED:
                found.setdefault(op.name, (op, plain, static))
    for name, op in OPS.items():
        if name in found or op.variadic:
            continue
        low, high = DOMAIN.get(name, (0.2, 0.8))
        if name.startswith(("bitwise", "gcd", "lcm")):
            found[name] = (op, [RNG.integers(1, 5, (2, 3)) for _ in op.inputs], {})
            continue
        if (
            op.kind == "elementwise"
            and not op.static
            and all(i not in op.optional for i in op.inputs)
        ):
            found[name] = (op, [arrays(2, 3, low=low, high=high) for _ in op.inputs], {})
        elif len(op.inputs) == 1 and set(op.static) in ({"dim", "keepdim"}, {"dim"}):
            found[name] = (op, [arrays(2, 3)], {**op.static, "dim": 1})
    return found


def pull_back(out: Any, leaves: list[Tensor]) -> None:
    """Run the rules of what was computed, so that the ops they use are written down too."""
    outs = [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, Tensor)]
    outs = [o for o in outs if o.requires_grad]
    if outs:
        ones = [wengert.ones_like(o.detach()) for o in outs]
        # as inside a transform; some ops have no rule, as in PyTorch
        with Level(), contextlib.suppress(NotImplementedError):
            wengert.autograd.grad(outs, leaves, ones, allow_unused=True)


def replay_step(op: Any, ins: list[Any], static: dict[str, Any]) -> tuple[Any, ...]:
    from wengert.engine.interp import run_op

    out = run_op(op, ins, static)
    return out if len(op.names) > 1 else (out,)


SAMPLES = harvest()


def differentiable(op: Any, ins: list[Any]) -> list[int]:
    return [i for i in with_rule(op, ins) if not refuses(op, ins, i)]


def refuses(op: Any, ins: list[Any], i: int) -> bool:
    """Whether the rule of an input says that it has no formula (as PyTorch's does)."""
    if op.joint or op.variadic:
        return False
    try:
        leaf = wrap(ins[i]).requires_grad_()
        full = [wrap(a) if isinstance(a, np.ndarray) else a for a in ins]
        full[i] = leaf
        outs = floating(op, op.entry(*full, **SAMPLES[op.name][2]))
        wengert.autograd.grad(outs, leaf, [wrap(np.ones(o.shape)) for o in outs], allow_unused=True)
    except NotImplementedError:
        return True
    return False


def with_rule(op: Any, ins: list[Any]) -> list[int]:
    k = len(op.inputs)
    return [
        i
        for i, a in enumerate(ins)
        if isinstance(a, np.ndarray)
        and a.dtype.kind == "f"
        and (op.joint or (op.inputs[i] if i < k else op.variadic) in op.rules)
    ]


def run(
    op: Any, ins: list[Any], static: dict[str, Any], chosen: list[int], xs: list[Any]
) -> list[Tensor]:
    """The floating outputs of op as Tensors, with the chosen inputs replaced by Tensors xs."""
    full = [wrap(a) if isinstance(a, np.ndarray) else a for a in ins]
    for i, x in zip(chosen, xs):
        full[i] = x
    return floating(op, op.entry(*full, **static))


def floating(op: Any, out: Any) -> list[Tensor]:
    """The outputs that have a gradient."""
    out = out if isinstance(out, tuple) else (out,)
    names = op.outputs or ("out",)
    return [o for n, o in zip(names, out) if n not in op.integer and o.dtype.is_floating_point]


def case(name: str) -> tuple[Any, list[Any], dict[str, Any], list[int], list[np.ndarray]]:
    op, ins, static = SAMPLES[name]
    chosen = differentiable(op, ins)
    return op, ins, static, chosen, [ins[i] for i in chosen]


def close(a: Any, b: Any, tol: float) -> None:
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape
    assert np.allclose(a, b, rtol=tol, atol=tol * max(1.0, float(np.abs(b).max(initial=0.0)))), (
        a,
        b,
    )


def numpy(t: Tensor) -> np.ndarray:
    return t.detach().numpy()


def directional(f: Any, xs: list[np.ndarray], ds: list[np.ndarray]) -> list[np.ndarray]:
    up = f([x + STEP * d for x, d in zip(xs, ds)])
    down = f([x - STEP * d for x, d in zip(xs, ds)])
    return [(u - v) / (2 * STEP) for u, v in zip(up, down)]


def seeded(xs: list[Any], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(np.shape(x))) for x in xs]


SMOOTH = [
    n
    for n, (op, ins, _) in SAMPLES.items()
    if op.differentiable and differentiable(op, ins) and op.kind != "composite"
]


def test_there_are_samples_for_nearly_every_op() -> None:
    missing = sorted(n for n in OPS if n not in SAMPLES)
    assert len(SAMPLES) > 150
    assert {"mul", "matmul", "sum", "conv", "getitem", "softmax"} - set(SAMPLES) <= set(), missing


@pytest.mark.parametrize("name", SMOOTH)
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


@pytest.mark.parametrize("name", SMOOTH)
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


@pytest.mark.parametrize("name", SMOOTH)
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


@pytest.mark.parametrize("name", SMOOTH)
def test_vmap(name: str) -> None:
    op, ins, static, chosen, xs = case(name)
    batch = [np.stack([x, x * 0.9 + 0.05]) for x in xs]
    got = vmap(lambda *v: tuple(run(op, ins, static, chosen, list(v))))(*[wrap(b) for b in batch])
    for i in range(2):
        want = run(op, ins, static, chosen, [wrap(b[i]) for b in batch])
        for g, w in zip(got, want):
            close(numpy(g)[i], numpy(w), 1e-9)


@pytest.mark.parametrize("name", sorted(SAMPLES))
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


@pytest.mark.parametrize("name", SMOOTH)
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
