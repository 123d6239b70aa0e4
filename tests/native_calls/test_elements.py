"""Words over elements in machine code give what their implementations give, to the bit."""

import contextlib
import itertools

import numpy as np
import pytest

from wengert import native_calls
from wengert.engine.op import OPS
from wengert.engine.tensor import wrap
from wengert.native_calls.code import MISS
from wengert.native_calls.plans import plan
from wengert.native_calls.structures import PLAN

STRANGE = [
    0.5, -0.25, 0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 3.0, 7.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40,
    1e30, -1e30, 1e-20, 100.0, -100.0, 0.999, 1.001, 5.5, -7.5,
]  # fmt: skip
OPTIONS = {  # beside the defaults
    "elu": [(0.5, 1.0, 1.0), (1.6, 1.05, 1.0), (-1, 2, 3)],
    "leaky_relu": [(0.2,), (-0.5,), (-0.0,)],
    "threshold": [(0.1, 20.0), (0, -0.0)], "hardtanh": [(-2, 2), (0.0, 6.0)], "gelu": [("tanh",)],
    "clamp_scalar": [(0, 1), (None, 0.5), (-1, None)], "softplus": [(2.0, 20.0), (1, 3)],
    "hardshrink": [(0.0,), (np.inf,)], "softshrink": [(0.0,), (1,)], "celu": [(2.0,), (-0.5,)],
    "polygamma": [(1,), (2,), (9,)], "mvlgamma": [(3,), (5,)], "logit": [(0.1,)],
    "round_decimals": [(2,), (-1,)], "masked_fill": [(3.0,), (-0.0,), (0.0,), (np.nan,), (2,)],
    "addcmul": [(0.5,), (2,), (0,)], "addcdiv": [(0.5,), (2,), (0,)],
    "lerp_number": [(0.3,), (0.0,), (1,)], "replace_special": [(0.0, 1.0, -1.0), (-0.0, 1.0, 2.0)],
}  # fmt: skip
SHAPES = [
    [(3, 4)], [(3, 1), (4,), (2, 1, 4)], [(), (5,), ()], [(1,), (), (1, 1)], [(0, 3), (3,), (1, 1)],
    [()], [(2, 3), (1, 3), (2, 1)], [(600, 40)],
]  # fmt: skip
SLOW = {"zeta", "igamma", "igammac"}


def recorded():
    """The ops that have a record, or find one."""
    found = []
    for name, op in sorted(OPS.items()):
        made = plan(op) if op.kind == "elementwise" else None
        words = dict(zip(PLAN, np.frombuffer(made, np.int64))) if made else {}
        if words.get("record") or words.get("records"):
            found.append(name)
    return found


def operands(n):
    """Lists of n arrays, in many layouts and dtypes."""
    many = np.array(STRANGE, "f")
    if n == 1:
        yield [many]
    else:
        fewer = many[:: (1, 1, 1, 2, 3)[n]]
        yield [np.array(x, "f") for x in zip(*itertools.product(fewer, repeat=n))]
    rng = np.random.default_rng(0)
    for shapes in SHAPES:
        yield [rng.choice(many, s).astype("f") for s in (shapes * n)[:n]]
    for d in ("d", "e", "l", "?", "F", "i"):
        yield [rng.choice(many[:10], (3, 4)).astype(d) for _ in range(n)]
    yield [rng.choice(many, (3, 4)).astype("f").T for _ in range(n)]
    yield [rng.choice(many, (8,)).astype("f")[::-2] for _ in range(n)]
    if n > 1:
        for kinds in ("f?", "?f", "fd", "lf", "?ff", "f?f", "ffd"):
            yield [rng.choice(many[:10], (3, 4)).astype(k) for k in (kinds * 2)[:n]]


def facts(a):
    """All that can be told of an array but the signs of nan."""
    values = np.where(a == a, a, a.dtype.type(np.nan)) if a.dtype.kind == "f" else a
    return a.dtype, a.shape, a.strides, a.flags.writeable, values.tobytes()


@pytest.mark.filterwarnings("ignore")
def test_powers_of_numbers_are_the_implementations():
    op = OPS["pow"]
    core, _ = native_calls.State.code.core(op)
    run, served = op.impl.bare[np.ndarray], 0
    numbers = [2, 2.0, 3, -1, 0, 0.5, -0.5, 1, np.nan, np.inf, -2, 1 << 30, 1.5, True]
    for (x,) in operands(1):
        for y in [*numbers, *[np.array(n, x.dtype) for n in (2, 0.5, 3, -1.5)]]:
            try:
                got = core(wrap(x), wrap(y) if isinstance(y, np.ndarray) else y)
            except (ValueError, TypeError, LookupError, RuntimeError):
                continue
            if got is not MISS:
                served += 1
                # one over a square root is so for numbers alone
                y = y if isinstance(y, np.ndarray) or y == -0.5 else np.asarray(y, x.dtype)
                assert facts(got._a) == facts(np.asarray(run(x, y))), (x, y)
    assert served > 50


def made(op, options):
    """Have the loops made that are made only when they pay."""
    size = 1 << (8 if op.name in SLOW else 19)
    kinds = {"where": "?ff", "masked_fill": "f?"}.get(op.name, "fff")
    op.impl.bare[np.ndarray](*[np.ones(size, k) for k in kinds[: len(op.inputs)]], *options)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", recorded())
def test_words_over_elements_give_the_implementations_numbers(name):
    op = OPS[name]
    core, _ = native_calls.State.code.core(op)
    run, served = op.impl.bare[np.ndarray], 0
    for options in [tuple(op.static.values()), *OPTIONS.get(name, [])]:
        with contextlib.suppress(Exception):  # of those that take no floats
            made(op, options)
        for given in operands(len(op.inputs)):
            try:
                got = core(*[wrap(a) for a in given], *options)
            except (ValueError, TypeError, LookupError, NotImplementedError, RuntimeError):
                continue
            if got is not MISS:
                served += 1
                want = np.asarray(run(*given, *options))
                assert facts(got._a) == facts(want), (options, [(a.dtype, a.shape) for a in given])
    assert served
