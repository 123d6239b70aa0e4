"""Each word of kernels against the op that it stands for: tails, special values, both types; and
every op has its place.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from ops.samples import SAMPLES

import wengert as w
from wengert.compiler.section import KINDS
from wengert.compiler.words import FEW, FILLS, MASKS, SINGLE, WORDS
from wengert.engine.op import OPS
from wengert.engine.tensor import wrap
from wengert.kernels import compiler

NAMES = sorted({*WORDS, *SINGLE, *FEW} - {"copy"})
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 100.0, -100.0, 1e-20, np.inf, -np.inf, np.nan]
STATIC = {
    "clamp_scalar": {"low": -0.5, "high": 0.7},
    "masked_fill": {"value": -2.5},
    "addcmul": {"value": 0.3},
    "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 1.3, "scale": 0.7, "input_scale": 0.9},
    "softplus": {"beta": 2.0, "threshold": 5.0},
    "lerp_number": {"weight": 0.75},
}
LIBRARY = Path(__file__).parent / "library_calls.json"


def operands(name, shape, dtype, special):
    op = OPS[name]
    rng = np.random.default_rng(len(name))
    made = []
    for i in range(len(op.inputs)):
        a = rng.uniform(-3, 3, shape).astype(dtype)
        if special:
            a.reshape(-1)[: len(SPECIAL)] = np.roll(SPECIAL, i * 3)[: a.size]
        if name in MASKS or name == "where" and i == 0 or name in FILLS and i == 1:
            a = a > 0
        made.append(a)
    return op, made


@pytest.mark.skipif(compiler.target() is None, reason="without llvmlite")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_words(name, dtype):
    if name == "pow":
        pytest.skip("takes numbers")
    for shape, special in [((1,), False), ((15,), True), ((33,), True), ((5, 70), True)]:
        op, arrays = operands(name, shape, dtype, special)
        static = STATIC.get(name, {})

        def f(*xs, op=op, static=static):
            y = op.entry(*xs, **static)
            z = op.entry(*[x if x.dtype is w.bool else x + 0.25 for x in xs], **static)
            return y, z, w.logical_not(y) if y.dtype is w.bool else y * 2

        given = [wrap(a) for a in arrays]
        want = f(*given)
        c = w.compile(f)
        c(*given)
        got = c(*given)
        assert c.calls.counts["compiled"] == 1
        tol = 2e-6 if dtype is np.float32 else 1e-12
        for a, b in zip(want, got):
            assert a.dtype is b.dtype
            np.testing.assert_allclose(
                b.numpy(), a.numpy(), rtol=tol, atol=tol / 4, equal_nan=True, err_msg=str(shape)
            )


def test_every_op_has_a_place():
    """A body in simpler words, a word over lanes, a way in a section, a view; or it is called."""
    known = {*WORDS, *SINGLE, *FEW, *KINDS, "astype"}
    called = {
        name
        for name, op in OPS.items()
        if op.primitive and name not in known and op.view is not True and "stream" not in op.static
    }
    listed = set(json.loads(LIBRARY.read_text()))
    assert called <= listed, f"give them a body or a word, or list them: {called - listed}"
    assert listed <= called, f"these are not library calls any more: {listed - called}"
    assert known - {"astype"} <= OPS.keys() | {"copy"}
    assert len(SAMPLES) > 300
