"""Direct convolution: against the columns of NumPy, and the code that the compiler makes of it."""

import numpy as np
import pytest

from wengert.arrays import conv as columns
from wengert.arrays.windows import Geometry
from wengert.kernels import compiler, conv
from wengert.kernels.compiler import Target
from wengert.kernels.conv_loops import correlate, correlate_weights

from .assembly import TARGETS, innermost_loops, products, stack_accesses

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


def geometry(stride, padding, dilation=None, groups=1):
    pairs = tuple((p, p) if isinstance(p, int) else p for p in padding)
    return Geometry(tuple(stride), pairs, tuple(dilation or (1,) * len(stride)), groups)


CASES = {
    "line": ((2, 3, 33), (5, 3, 3), geometry([1], [1])),
    "long filter": ((2, 2, 65), (17, 2, 31), geometry([2], [15])),
    "3x3": ((3, 5, 9, 17), (20, 5, 3, 3), geometry([1, 1], [1, 1])),
    "stride": ((2, 3, 15, 16), (33, 3, 3, 3), geometry([2, 2], [1, 1])),
    "odd strides": ((2, 6, 13, 16), (9, 2, 5, 4), geometry([2, 3], [2, 1], [1, 2], 3)),
    "uneven padding": ((2, 4, 7, 7), (8, 4, 3, 3), geometry([1, 2], [(0, 2), (2, 1)])),
    "cropping": ((2, 4, 9, 9), (8, 4, 3, 3), geometry([1, 1], [(-1, 0), (0, -2)])),
    "1x1": ((2, 40, 5, 7), (65, 40, 1, 1), geometry([1, 1], [0, 0])),
    "1x1 stride": ((2, 16, 6, 7), (64, 16, 1, 1), geometry([2, 2], [0, 0])),
    "depthwise": ((2, 6, 8, 8), (6, 1, 3, 3), geometry([1, 1], [1, 1], groups=6)),
    "7x7": ((1, 3, 20, 21), (16, 3, 7, 7), geometry([2, 2], [3, 3])),
    "many channels": ((1, 300, 5, 5), (64, 300, 3, 3), geometry([1, 1], [1, 1])),
    "space": ((2, 4, 5, 6, 7), (17, 4, 3, 3, 3), geometry([1, 2, 1], [1, 1, 1])),
    "one position": ((3, 16, 3, 3), (16, 16, 3, 3), geometry([1, 1], [0, 0])),
}


@pytest.fixture
def always(monkeypatch):
    """The kernels also for small arrays."""
    monkeypatch.setattr(conv, "LEAST", 0)
    for plan in (conv._forward, conv._backward):
        plan.cache_clear()


def close(a, b):
    assert a is not None and a.dtype == b.dtype and a.shape == b.shape
    tolerance = 1e-5 if a.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, abs(b).max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_columns(name, dtype, always, monkeypatch):
    x_shape, w_shape, how = CASES[name]
    r = np.random.default_rng(0)
    x, w, b = (r.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, w_shape[:1]))
    y = conv.conv(x, w, b, how)
    g = r.standard_normal(y.shape).astype(dtype)
    gx, gw = conv.conv_input(g, w, x.shape, how), conv.conv_weight(x, g, w.shape, how)
    for f in ("conv", "conv_input", "conv_weight"):
        monkeypatch.setattr(columns.kernels, f, lambda *args: None)
    close(y, columns.conv(np, x, w, b, how))
    close(gx, columns.conv_input(np, g, w, x.shape, how))
    close(gw, columns.conv_weight(np, x, g, w.shape, how))


def test_same_bits_for_any_number_of_threads(always, each_count):
    r = np.random.default_rng(0)
    x, w = r.standard_normal((5, 8, 12, 12), "f"), r.standard_normal((40, 8, 3, 3), "f")
    how, seen = geometry([1, 1], [1, 1]), []
    for _ in each_count():
        y = conv.conv(x, w, None, how)
        seen.append((y, conv.conv_input(y, w, x.shape, how), conv.conv_weight(x, y, w.shape, how)))
    for other in seen[1:]:
        for a, b in zip(seen[0], other):
            assert a.tobytes() == b.tobytes()


def test_takes_arrays_as_they_come(always):
    r = np.random.default_rng(0)
    x, w = r.standard_normal((2, 9, 10, 4), "f"), r.standard_normal((3, 3, 4, 8), "f")
    how = geometry([1, 1], [1, 1])
    xt, wt = x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1)
    same = conv.conv(np.ascontiguousarray(xt), np.ascontiguousarray(wt), None, how)
    assert (conv.conv(xt, wt, None, how) == same).all()
    assert (conv.conv(np.flip(xt, 0), wt, None, how) == np.flip(same, 0)).all()


def test_leaves_the_rest_to_others(always):
    x, w = np.ones((2, 3, 8, 8), "f"), np.ones((4, 3, 3, 3), "f")
    how = geometry([1, 1], [0, 0])
    assert conv.conv(x.astype("c8"), w.astype("c8"), None, how) is None
    assert conv.conv(x, w.astype("d"), None, how) is None
    assert conv.conv(x[:0], w, None, how) is None or conv.conv(x[:0], w, None, how).shape[0] == 0
    assert conv.conv_weight(x, np.ones((2, 4, 5, 5), "f"), w.shape, how) is None


LOOKED_AT = {
    "16 channels": ((64, 16, 32, 32), (16, 16, 3, 3), geometry([1, 1], [1, 1])),
    "32, stride": ((64, 16, 32, 32), (32, 16, 3, 3), geometry([2, 2], [1, 1])),
    "64 at 14": ((64, 64, 14, 14), (64, 64, 3, 3), geometry([1, 1], [1, 1])),
    "5x5": ((64, 6, 14, 14), (16, 6, 5, 5), geometry([1, 1], [0, 0])),
    "1x1": ((8, 64, 14, 14), (128, 64, 1, 1), geometry([1, 1], [0, 0])),
}


@pytest.mark.parametrize("name", LOOKED_AT)
@pytest.mark.parametrize("target", TARGETS)
def test_sums_stay_in_registers(target, name):
    """Spills decide everything, and no other test sees them."""
    x, w, how = LOOKED_AT[name]
    forward, out = conv._forward(x, w, how, True)
    backward = conv._backward(x, (x[0], w[0], *out), w, how)
    kernels = [(correlate, forward), (correlate, backward), (correlate_weights, forward)]
    for make, plan in kernels:
        text = compiler.assembly(TARGETS[target], make.text(TARGETS[target], "float", plan))
        loops = [loop for loop in innermost_loops(text) if products(loop) >= 6]
        assert loops
        for loop in loops:
            assert len(stack_accesses(loop)) * 16 <= products(loop), (make.name, loop)


@pytest.mark.skipif(not compiler.target() or not compiler.target().x86, reason="another processor")
@pytest.mark.parametrize("cpu, width", [("x86-64", 16), ("haswell", 32)])
@pytest.mark.parametrize("name", ["3x3", "odd strides", "7x7", "space"])
def test_on_lesser_processors(cpu, width, name, always, monkeypatch):
    if width > compiler.target().bytes:
        pytest.skip("this processor is older")
    monkeypatch.setattr(compiler, "_host", [Target.x86_64(cpu, width=width)])
    for make in (correlate, correlate_weights, conv.pack, conv.unpack):
        monkeypatch.setattr(make, "made", {})
    conv._blocks.cache_clear()
    try:
        test_agrees_with_columns(name, "float32", None, monkeypatch)
    finally:
        conv._blocks.cache_clear()
