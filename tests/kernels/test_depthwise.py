"""Convolution of each channel by itself, against products of matrices."""

import numpy as np
import pytest

from wengert.arrays import conv as general
from wengert.arrays.conv import Geometry
from wengert.kernels import compiler, depthwise

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
# spatial, kernel, stride, padding, dilation, channels, many
CASES = [
    ((9, 20), (3, 3), (1, 1), (1, 1), (1, 1), 4, 1),
    ((11, 37), (3, 3), (2, 2), (1, 1), (1, 1), 3, 2),
    ((9, 35), (5, 4), (3, 3), (2, 0), (1, 2), 3, 1),
    ((7, 8), (7, 7), (1, 2), (3, 3), (1, 1), 2, 3),
    ((12, 5), (1, 1), (2, 1), (0, 3), (1, 1), 5, 1),
    ((50,), (5,), (2,), (4,), (2,), 6, 2),
]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(depthwise, "LEAST", 1)


def setting(case, dtype):
    spatial, kernel, stride, padding, dilation, channels, many = case
    r = np.random.default_rng(0)
    geometry = Geometry(stride, tuple((p, p) for p in padding), dilation, channels)
    x = r.standard_normal((3, channels, *spatial)).astype(dtype)
    w = r.standard_normal((channels * many, 1, *kernel)).astype(dtype)
    return x, w, r.standard_normal(len(w)).astype(dtype), geometry


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_products(case, dtype, monkeypatch):
    x, w, bias, geometry = setting(case, dtype)
    near = dict(rtol=1e-3, atol=1e-4) if dtype == "float32" else dict(rtol=1e-9, atol=1e-10)
    out, plain = depthwise.forward(x, w, bias, geometry), depthwise.forward(x, w, None, geometry)
    g = np.random.default_rng(1).standard_normal(out.shape).astype(dtype)
    slopes = depthwise.backward(g, w, x.shape, geometry), depthwise.weights(x, g, w.shape, geometry)
    monkeypatch.setattr(general.kernels, "_word", lambda *arrays: None)
    np.testing.assert_allclose(out, general.conv(np, x, w, bias, geometry), **near)
    np.testing.assert_allclose(plain, general.conv(np, x, w, None, geometry), **near)
    np.testing.assert_allclose(slopes[0], general.conv_input(np, g, w, x.shape, geometry), **near)
    np.testing.assert_allclose(slopes[1], general.conv_weight(np, x, g, w.shape, geometry), **near)


def test_same_bits_for_any_number_of_threads(each_count):
    x, w, bias, geometry = setting(CASES[0], "float32")
    x = np.concatenate([x] * 40)
    seen = []
    for _ in each_count():
        y = depthwise.forward(x, w, bias, geometry)
        back = depthwise.backward(y, w, x.shape, geometry)
        slope = depthwise.weights(x, y, w.shape, geometry)
        seen.append([a.tobytes() for a in (y, back, slope)])
    assert seen[0] == seen[1] == seen[2]


def test_leaves_the_rest_to_others():
    x, w, _, geometry = setting(CASES[0], "float32")
    assert depthwise.forward(x, w.astype("d"), None, geometry) is None
    one = geometry._replace(groups=1)
    assert depthwise.forward(x[:, :1], w, None, one) is None
