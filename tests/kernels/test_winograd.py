"""Minimal filtering against convolution in double precision, and the code the compiler makes."""

import re

import numpy as np
import pytest

from wengert.arrays import conv as columns
from wengert.arrays.windows import Geometry
from wengert.kernels import compiler, conv, winograd

from .assembly import TARGETS, innermost_loops, products, stack_accesses

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(winograd, "LEAST", 0)
    monkeypatch.setattr(winograd, "CHANNELS", 1)
    monkeypatch.setattr(conv, "LEAST", 0)
    for cached in (winograd.plan, conv._forward, conv._backward):
        cached.cache_clear()
    yield
    for cached in (winograd.plan, conv._forward, conv._backward):
        cached.cache_clear()


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f")


def passes(x, w, b, padding):
    """All three passes, which must apply, and what they give in double precision."""
    how = Geometry((1, 1), padding, (1, 1), 1)
    low, out = conv._places(x.shape, how)
    g = numbers(len(x), len(w), *out, seed=3)
    back = tuple(2 - a for a, _ in padding)
    found = [
        winograd.forward(x, w, b, low, out, False),
        winograd.forward(g, w, None, back, x.shape[2:], True),
        winograd.weights(x, g, len(w), low, out),
    ]
    xd, wd, gd = (a.astype("d") for a in (x, w, g))
    bd = None if b is None else b.astype("d")
    right = [
        columns.conv(np, xd, wd, bd, how),
        columns.conv_input(np, gd, wd, x.shape, how),
        columns.conv_weight(np, xd, gd, w.shape, how),
    ]
    return found, right


CASES = [
    (1, 16, 4, 4, 16, ((1, 1), (1, 1))),
    (2, 16, 5, 7, 32, ((0, 0), (0, 0))),
    (3, 32, 9, 33, 48, ((1, 1), (1, 1))),
    (2, 64, 6, 8, 80, ((2, 2), (2, 1))),
    (5, 16, 3, 3, 16, ((1, 0), (0, 1))),
    (2, 16, 3, 70, 64, ((0, 2), (1, 1))),
    (40, 16, 4, 4, 16, ((1, 1), (1, 1))),
    (2, 144, 6, 6, 160, ((1, 1), (1, 1))),
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n, c, h, w, o, padding", CASES)
def test_all_passes(n, c, h, w, o, padding, bias):
    x, weight = numbers(n, c, h, w), numbers(o, c, 3, 3, seed=1)
    found, right = passes(x, weight, numbers(o, seed=2) if bias else None, padding)
    for a, b in zip(found, right):
        assert a is not None and a.dtype == np.float32 and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6 * abs(b).max())


def test_small_whole_numbers_are_exact():
    r = np.random.default_rng(0)
    x, w = (r.integers(-4, 5, s).astype("f") for s in ((2, 16, 7, 8), (32, 16, 3, 3)))
    how = Geometry((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    y = winograd.forward(x, w, None, (1, 1), (7, 8), False)
    np.testing.assert_array_equal(y, columns.conv(np, x.astype("d"), w.astype("d"), None, how))


def test_arrays_as_they_come():
    x = numbers(2, 9, 8, 16).transpose(0, 3, 1, 2)
    w = numbers(3, 3, 16, 32, seed=1).transpose(3, 2, 0, 1)
    for a, b in zip(*passes(x, w, None, ((1, 1), (1, 1)))):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6 * abs(b).max())


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 3e38])
def test_what_is_not_finite_is_left_to_direct_convolution(bad):
    x, w = numbers(2, 16, 8, 8), numbers(16, 16, 3, 3, seed=1)
    x[1, 3, 4, 5] = bad
    w[:] = np.where(w == 0, 1, w) * 10
    how = Geometry((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    with np.errstate(all="ignore"):
        y = conv.conv(x, w, None, how)
        right = columns.conv(np, x.astype("d"), w.astype("d"), None, how).astype("f")
        np.testing.assert_allclose(y, right, rtol=1e-4, atol=1e-3)
        g = numbers(2, 16, 8, 8, seed=2)
        gw = conv.conv_weight(x, g, w.shape, how)
        right = columns.conv_weight(np, x.astype("d"), g.astype("d"), w.shape, how).astype("f")
        if bad != 3e38:
            np.testing.assert_array_equal(np.isfinite(gw), np.isfinite(right))


def test_same_bits_for_any_number_of_threads(each_count):
    x, w, seen = numbers(6, 16, 9, 9), numbers(32, 16, 3, 3), []
    for _ in each_count():
        seen.append([a.tobytes() for a in passes(x, w, None, ((1, 1), (1, 1)))[0]])
    assert seen[0] == seen[1] == seen[2]


def test_leaves_the_rest_to_others():
    x, w = numbers(2, 16, 8, 8), numbers(16, 16, 3, 3)
    assert winograd.forward(x, w, None, (3, 1), (8, 8), False) is None
    assert winograd.forward(x, w, None, (-1, 1), (5, 8), False) is None
    assert winograd.forward(x[:, :15], w[:, :15], None, (1, 1), (8, 8), False) is None
    assert winograd.forward(x.astype("d"), w.astype("d"), None, (1, 1), (8, 8), False) is None
    for stride, dilation, groups in (((2, 1), (1, 1), 1), ((1, 1), (1, 2), 1), ((1, 1), (1, 1), 2)):
        assert not conv._minimal(w.shape, Geometry(stride, ((1, 1), (1, 1)), dilation, groups))


@pytest.mark.parametrize("outputs", [16, 32, 64])
@pytest.mark.parametrize("target", TARGETS)
def test_sums_stay_in_registers(target, outputs):
    t = TARGETS[target]
    b = winograd.blocks(t, outputs)
    texts = [
        winograd.correlate.text(t, "float", 64, b, 48, True),
        winograd.correlate_weights.text(t, "float", 64, outputs, b, 48),
        winograd.filters.text(t, "float", 64, b.vectors * t.lanes("float")),
        winograd.finish.text(t, "float", 64, b.vectors * t.lanes("float")),
    ]
    texts = [compiler.assembly(t, text) for text in texts]
    for text in texts[:2]:
        (part,) = re.findall(r"^(?:multiply|accumulate):.*?^\.Lfunc_end", text, re.S | re.M)
        loops = [loop for loop in innermost_loops(part) if products(loop) >= 4]
        assert loops
        for loop in loops:
            assert len(stack_accesses(loop)) * 16 <= products(loop), loop
