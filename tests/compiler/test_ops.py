"""Every op: captured and compiled it gives what it gives as it stands, forward and backward."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from ops.calls import CALLS
from ops.samples import SAMPLES

import wengert as w
from wengert.base.pytree import tree_leaves
from wengert.engine.tensor import Tensor, wrap


def same(a: Any, b: Any) -> None:
    xs, ys = tree_leaves(a), tree_leaves(b)
    assert len(xs) == len(ys)
    for x, y in zip(xs, ys):
        if isinstance(x, Tensor):
            assert x.shape == y.shape and x.dtype is y.dtype
            np.testing.assert_allclose(
                x.detach().numpy(), y.detach().numpy(), rtol=1e-6, atol=1e-7, equal_nan=True
            )


def calls_of(op: Any, ins: Any, static: Any, kind: type) -> Any:
    given = [
        a.astype(kind) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a for a in ins
    ]
    places = [i for i, a in enumerate(given) if isinstance(a, np.ndarray)]

    def f(*tensors: Tensor) -> Any:
        full = list(given)
        for i, t in zip(places, tensors):
            full[i] = t
        return op.entry(*full, **static)

    return f, [wrap(given[i]) for i in places]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_values(name: str, kind: type) -> None:
    op, ins, static = SAMPLES[name]
    f, tensors = calls_of(op, ins, static, kind)
    try:
        w.manual_seed(0)
        want = [f(*tensors) for _ in range(2)]
    except Exception:  # not for this dtype
        return
    c = w.compile(f)
    w.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = [c(*tensors) for _ in range(2)]
    same(want, got)


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_gradients(number: int) -> None:
    call = CALLS[number]

    def run(compiled: bool) -> Any:
        rng = np.random.default_rng(number)
        leaves: list[Tensor] = []
        taken: list[int] = []

        def make(*shape: int) -> Tensor:
            if len(leaves) == len(taken):
                leaves.append(wrap(rng.uniform(0.2, 0.8, shape)).requires_grad_())
            taken.append(1)
            return leaves[len(taken) - 1]

        def f() -> Any:
            taken.clear()
            return [x for x in tree_leaves(call(make)) if isinstance(x, Tensor)]

        w.manual_seed(0)
        f()
        g = w.compile(f) if compiled else f
        found = []
        for seed in (1, 2):
            w.manual_seed(seed)
            outs = g()
            graded = [x for x in outs if x.requires_grad]
            grads = (
                w.autograd.grad(graded, leaves, [x.detach() for x in graded], allow_unused=True)
                if graded
                else []
            )
            found += [*outs, *[x for x in grads if x is not None]]
        return found

    try:
        want = run(False)
    except NotImplementedError:  # an op without a rule
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = run(True)
    same(want, got)
