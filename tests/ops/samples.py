"""Samples of ops, harvested: the calls of `calls.py` run on traced arrays, and each step that the
trace wrote down is a sample of its op. Elementwise ops and reductions that no call reaches get
random arrays.

Made once in a process, for all test files that go through ops.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from ops.calls import CALLS

import wengert
from wengert.autodiff.traced import Program, Ref, Traced
from wengert.base.modes import Level
from wengert.engine.op import OPS
from wengert.engine.tensor import Tensor, wrap

STEPPED = {"multilabel_margin_backward"}  # jumps where margins change sign, also near the samples
DOMAIN = {"acosh": (1.2, 2.0), "zeta": (1.2, 2.0)}


def arrays(*shape: int, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    return np.asarray(RNG.uniform(low, high, shape))


RNG = np.random.default_rng(0)


def floats(ins: list[Any]) -> bool:
    """Whether one of the inputs is an array that may have a gradient."""
    return any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in ins)


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
            if op.name not in STEPPED and not (op.name in found and floats(found[op.name][1])):
                found[op.name] = op, plain, static
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


def seeded(xs: list[Any], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(np.shape(x))) for x in xs]


SMOOTH = [
    n
    for n, (op, ins, _) in SAMPLES.items()
    if op.differentiable and differentiable(op, ins) and op.kind != "composite"
]
