"""Convolutions by tables give what the general ways give, and leave alone what is not small."""

import numpy as np
import pytest

from wengert.arrays import conv, small_conv
from wengert.arrays.numpy_direct import library
from wengert.arrays.windows import Geometry

CASES = [
    ((1, 3, 8, 8), (4, 3, 3, 3), Geometry((1, 1), ((0, 0), (0, 0)), (1, 1), 1)),
    ((2, 4, 7, 6), (6, 2, 3, 2), Geometry((2, 1), ((1, 1), (0, 2)), (1, 2), 2)),
    ((3, 4, 9), (8, 1, 3), Geometry((3,), ((2, 1),), (2,), 4)),
    ((2, 2, 4, 5, 3), (3, 2, 2, 1, 3), Geometry((1, 2, 1), ((1, 0), (0, 0), (1, 1)), (1,) * 3, 1)),
    ((1, 2, 5), (2, 2, 2), Geometry((4,), ((0, 0),), (1,), 1)),
]


@pytest.fixture
def general(monkeypatch):
    """The three forms without tables."""
    monkeypatch.setattr(small_conv, "table", lambda *args: None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x_shape, w_shape, geometry", CASES)
def test_as_the_general_ways(x_shape, w_shape, geometry, dtype, general):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape))
    bias = rng.standard_normal(len(w)).astype(dtype)
    small = small_conv.Table(x_shape, w_shape, geometry)
    near = dict(rtol=1e-5, atol=1e-5) if dtype is np.float32 else dict(rtol=1e-12, atol=1e-12)
    calls = [("conv", x, w, bias, geometry), ("conv", x, w, None, geometry)]
    g = rng.standard_normal((len(x), len(w), *small.out)).astype(dtype)
    calls += [("conv_input", g, w, x_shape, geometry), ("conv_weight", x, g, w_shape, geometry)]
    for name, *args in calls:
        expected = getattr(conv, name)(library, *args)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(small_conv, "table", lambda *args: small)
            got = getattr(small_conv, name)(*args)
        assert got.dtype == dtype and got.shape == expected.shape
        np.testing.assert_allclose(got, expected, **near)


@pytest.mark.parametrize("x_shape, w_shape, geometry", CASES)
def test_columns(x_shape, w_shape, geometry, general):
    geometry = geometry._replace(groups=1)
    small = small_conv.Table(x_shape, (1, x_shape[1], *w_shape[2:]), geometry)
    x = np.random.default_rng(0).standard_normal(x_shape)
    expected = conv.im2col(library, x, w_shape[2:], geometry)
    back = conv.col2im(library, expected, x_shape, w_shape[2:], geometry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_conv, "table", lambda *args: small)
        assert np.array_equal(small_conv.im2col(x, w_shape[2:], geometry), expected)
        assert np.array_equal(small_conv.col2im(expected, x_shape, w_shape[2:], geometry), back)


def test_what_it_leaves_to_others():
    geometry = CASES[0][2]
    x, w = np.ones((1, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32)
    assert small_conv.conv(x, w, None, geometry) is not None
    assert small_conv.conv(x.astype(np.float16), w, None, geometry) is None
    assert small_conv.conv(np.ones((1, 3, 64, 64), np.float32), w, None, geometry) is None
    assert small_conv.conv(x[:0], w, None, geometry) is None
    g = np.ones((1, 4, 6, 6), np.float32)
    w[0, 0, 0, 0] = np.inf
    assert small_conv.conv_input(g, w, x.shape, geometry) is None
    assert np.isfinite(conv.conv_input(library, g, w, x.shape, geometry)).sum() == 192 - 36
