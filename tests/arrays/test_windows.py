"""The kernels of convolution, pooling and resampling against their definitions as loops."""

import itertools
import math

import numpy as np
import pytest

from wengert.arrays import conv as convolve
from wengert.arrays import interpolate as resampling
from wengert.arrays import pool as pooling
from wengert.arrays import windows
from wengert.arrays.windows import Geometry
from wengert.kernels import threads

RNG = np.random.default_rng(0)


def randn(*shape):
    return RNG.standard_normal(shape)


def padded(x, geometry, fill=0.0):
    """x with its padding; a negative one crops."""
    widths = [(0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in geometry.padding)]
    x = np.pad(x, widths, constant_values=fill)
    crop = [
        slice(max(-a, 0), x.shape[2 + i] - max(-b, 0)) for i, (a, b) in enumerate(geometry.padding)
    ]
    return x[(slice(None), slice(None), *crop)]


def reference(x, w, geometry):
    """Convolution by its definition."""
    stride, _, dilation, groups = geometry
    xp, kernel = padded(x, geometry), w.shape[2:]
    sizes = [
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(xp.shape[2:], kernel, stride, dilation)
    ]
    out = np.zeros((len(x), len(w), *sizes))
    og, cg = len(w) // groups, w.shape[1]
    for at in itertools.product(*map(range, sizes)):
        window = tuple(
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, s, d, k in zip(at, stride, dilation, kernel)
        )
        patch = xp[(slice(None), slice(None), *window)]
        for o in range(len(w)):
            g = o // og
            part = patch[:, g * cg : (g + 1) * cg] * w[o]
            out[(slice(None), o, *at)] = part.reshape(len(x), -1).sum(1)
    return out


CASES = {
    "plain": ((2, 3, 7, 6), (4, 3, 3, 2), Geometry((1, 1), ((0, 0), (0, 0)), (1, 1))),
    "padded": ((2, 3, 5, 5), (4, 3, 3, 3), Geometry((1, 1), ((1, 1), (1, 1)), (1, 1))),
    "uneven padding": ((1, 2, 5, 6), (2, 2, 2, 4), Geometry((1, 1), ((0, 1), (1, 2)), (1, 1))),
    "strided": ((3, 2, 9, 8), (4, 2, 3, 3), Geometry((2, 3), ((1, 1), (0, 0)), (1, 1))),
    "dilated": ((2, 2, 9, 9), (3, 2, 3, 2), Geometry((1, 1), ((2, 2), (0, 0)), (2, 3))),
    "strided and dilated": (
        (2, 2, 13, 12),
        (3, 2, 3, 4),
        Geometry((3, 2), ((2, 2), (3, 3)), (2, 3)),
    ),
    "grouped": ((2, 6, 5, 5), (4, 3, 3, 3), Geometry((1, 2), ((1, 1), (1, 1)), (1, 1), 2)),
    "depthwise": ((2, 3, 6, 6), (6, 1, 3, 3), Geometry((1, 1), ((1, 1), (1, 1)), (1, 1), 3)),
    "pointwise": ((3, 4, 5, 4), (2, 4, 1, 1), Geometry((1, 1), ((0, 0), (0, 0)), (1, 1))),
    "pointwise strided": ((3, 4, 5, 4), (2, 4, 1, 1), Geometry((2, 2), ((0, 0), (0, 0)), (1, 1))),
    "cropped": ((2, 2, 8, 7), (2, 2, 3, 3), Geometry((1, 1), ((-1, 0), (0, -2)), (1, 1))),
    "many channels": ((2, 40, 6, 6), (2, 40, 3, 3), Geometry((1, 1), ((1, 1), (1, 1)), (1, 1))),
    "1d": ((2, 3, 11), (4, 3, 4), Geometry((2,), ((3, 3),), (2,))),
    "3d": (
        (2, 2, 5, 4, 6),
        (3, 2, 2, 3, 2),
        Geometry((1, 2, 1), ((1, 1), (0, 0), (1, 1)), (2, 1, 1)),
    ),
}


@pytest.mark.parametrize("pieces", ["whole", "single images"])
@pytest.mark.parametrize("case", CASES)
def test_convolution_is_its_definition(case, pieces, monkeypatch):
    if pieces == "single images":
        monkeypatch.setattr(convolve, "CACHE", 1)
        monkeypatch.setattr(convolve, "SMALL", 1)
        monkeypatch.setattr(convolve, "plan", convolve.Columns)  # not those made before
    x_shape, w_shape, geometry = CASES[case]
    x, w, b = randn(*x_shape), randn(*w_shape), randn(w_shape[0])
    want = reference(x, w, geometry)
    np.testing.assert_allclose(convolve.conv(np, x, w, None, geometry), want, atol=1e-12)
    column = b.reshape(-1, *(1,) * (x.ndim - 2))
    np.testing.assert_allclose(convolve.conv(np, x, w, b, geometry), want + column, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_the_three_convolutions_are_each_others_adjoints(case):
    x_shape, w_shape, geometry = CASES[case]
    x, w = randn(*x_shape), randn(*w_shape)
    y = convolve.conv(np, x, w, None, geometry)
    g = randn(*y.shape)
    form = np.vdot(y, g)
    dx = convolve.conv_input(np, g, w, x_shape, geometry)
    dw = convolve.conv_weight(np, x, g, w_shape, geometry)
    assert dx.shape == x_shape and dw.shape == w_shape
    assert math.isclose(np.vdot(dx, x), form, rel_tol=1e-9)
    assert math.isclose(np.vdot(dw, w), form, rel_tol=1e-9)


@pytest.mark.parametrize("shared", [1, 2])
def test_threads_do_not_change_results(shared, monkeypatch):
    x, w = randn(5, 3, 9, 9), randn(4, 3, 3, 3)
    geometry = Geometry((1, 1), ((1, 1), (1, 1)), (1, 1))
    before = threads.count()
    try:
        threads.set_count(shared)
        y = convolve.conv(np, x, w, None, geometry)
        dw = [convolve.conv_weight(np, x, y, w.shape, geometry) for _ in range(3)]
        pooled, where = pooling.max_pool(np, x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    finally:
        threads.set_count(before)
    np.testing.assert_allclose(y, reference(x, w, geometry), atol=1e-12)
    assert all((d == dw[0]).all() for d in dw)  # the order of the sums does not depend on timing
    np.testing.assert_array_equal(pooled, x[:, :, :8, :8].reshape(5, 3, 4, 2, 4, 2).max((3, 5)))
    np.testing.assert_array_equal(pooling.pool_gather(np, x, where, 2), pooled)


def test_convolution_keeps_dtypes():
    geometry = Geometry((1,), ((1, 1),), (1,))
    for dtype in ("float16", "float32", "float64", "complex64", "complex128", "int64"):
        x, w = (10 * randn(2, 3, 8)).astype(dtype), (10 * randn(4, 3, 3)).astype(dtype)
        y = convolve.conv(np, x, w, None, geometry)
        assert y.dtype == dtype
        if dtype == "int64":
            np.testing.assert_array_equal(y, reference(x, w, geometry))


def test_columns_and_back():
    geometry = Geometry((2, 1), ((1, 1), (0, 0)), (1, 2))
    x = randn(2, 3, 6, 7)
    cols = convolve.im2col(np, x, (3, 2), geometry)
    w = randn(4, 3, 3, 2)
    want = reference(x, w, geometry)
    np.testing.assert_allclose((w.reshape(4, -1) @ cols).reshape(want.shape), want, atol=1e-12)
    g = randn(*cols.shape)
    back = convolve.col2im(np, g, x.shape, (3, 2), geometry)
    assert math.isclose(np.vdot(back, x), np.vdot(g, cols), rel_tol=1e-9)


def test_slices_are_a_view_and_back():
    x = randn(3, 8, 2)
    y = windows.unfold(np, x, 1, 3, 2)
    assert y.shape == (3, 3, 2, 3)
    for i in range(3):
        np.testing.assert_array_equal(y[:, i], x[:, 2 * i : 2 * i + 3].swapaxes(1, 2))
    y[...] = 0
    assert (x[:, :7] == 0).all() and (x[:, 7] != 0).all()
    g = randn(*y.shape)
    x = randn(3, 8, 2)
    form = np.vdot(windows.unfold(np, x, 1, 3, 2), g)
    assert math.isclose(np.vdot(windows.unfold_input(np, g, x.shape, 1, 2), x), form, rel_tol=1e-9)


@pytest.mark.parametrize("base", ["plain", "transposed", "slice", "bfloat16"])
def test_slices_of_any_layout(base):
    x = randn(6, 4)
    if base == "transposed":
        x = randn(4, 6).T
    elif base == "slice":
        x = randn(12, 9)[::2, 1:9:2]
    elif base == "bfloat16":
        import ml_dtypes

        x = randn(6, 4).astype(ml_dtypes.bfloat16)
    y = windows.unfold(np, x, 0, 2, 1)
    owner = x if x.base is None else x.base
    assert y.base is owner
    np.testing.assert_array_equal(y[3].astype(float), x[3:5].T.astype(float))


# ------------------------------------------------------------------------------------- pooling


def naive_max_pool(x, kernel, stride, padding, dilation, ceil):
    """Max pooling of (planes, h, w) with positions, one window at a time in PyTorch's order."""
    sizes = [
        pooling.pooled_size(*facts, ceil)
        for facts in zip(x.shape[1:], kernel, stride, padding, dilation)
    ]
    out, where = np.zeros((len(x), *sizes)), np.zeros((len(x), *sizes), int)
    for p, i, j in itertools.product(range(len(x)), *map(range, sizes)):
        best, at = -math.inf, None
        for a, b in itertools.product(*map(range, kernel)):
            r = i * stride[0] - padding[0] + a * dilation[0]
            c = j * stride[1] - padding[1] + b * dilation[1]
            if 0 <= r < x.shape[1] and 0 <= c < x.shape[2]:
                v = x[p, r, c]
                if at is None or v > best or math.isnan(v):
                    best, at = v, r * x.shape[2] + c
        out[p, i, j], where[p, i, j] = best, at
    return out, where


@pytest.mark.parametrize("values", ["distinct", "ties", "nan", "minus infinity"])
@pytest.mark.parametrize(
    "arguments",
    [
        ((2, 2), (2, 2), (0, 0), (1, 1), False),
        ((2, 2), (2, 2), (0, 0), (1, 1), True),
        ((3, 3), (2, 2), (1, 1), (1, 1), False),
        ((3, 2), (1, 3), (1, 1), (2, 2), True),
        ((7, 6), (7, 6), (0, 0), (1, 1), False),
        ((5, 5), (1, 1), (2, 2), (1, 2), False),
    ],
)
def test_max_pool_is_its_definition(arguments, values):
    x = randn(3, 7, 6)
    if values == "ties":
        x = np.round(x)
    elif values == "nan":
        x[RNG.random(x.shape) < 0.2] = np.nan
    elif values == "minus infinity":
        x[RNG.random(x.shape) < 0.8] = -np.inf
    out, where = pooling.max_pool(np, x, *arguments)
    want, positions = naive_max_pool(x, *arguments)
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(where, positions)


def test_scatter_is_the_adjoint_of_gather():
    x = randn(2, 3, 7, 6)
    out, where = pooling.max_pool(np, x, (3, 3), (1, 1), (1, 1), (1, 1), False)
    g = randn(*out.shape)
    back = pooling.pool_scatter(np, g, where, (7, 6))
    assert math.isclose(np.vdot(back, x), np.vdot(g, out), rel_tol=1e-9)


def test_unpool_puts_maxima_back():
    x = np.arange(16.0).reshape(1, 4, 4)
    out, where = pooling.max_pool(np, x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    back = pooling.max_unpool(np, out, where, (4, 4))
    np.testing.assert_array_equal(back, np.where(np.isin(x, out), x, 0))
    with pytest.raises(RuntimeError, match="invalid max index: 16"):
        pooling.max_unpool(np, out, where + 1, (4, 4))


@pytest.mark.parametrize("include_pad", [True, False])
@pytest.mark.parametrize("divisor", [None, 3])
@pytest.mark.parametrize("ceil", [True, False])
def test_avg_pool_is_its_definition(include_pad, divisor, ceil):
    x = randn(2, 7, 6)
    arguments = ((3, 2), (2, 2), (1, 1), ceil, include_pad, divisor)
    out = pooling.avg_pool(np, x, *arguments)
    for p, i, j in itertools.product(*map(range, out.shape)):
        r, c = 2 * i - 1, 2 * j - 1
        ends = min(r + 3, 8), min(c + 2, 7)
        part = x[p, max(r, 0) : ends[0], max(c, 0) : ends[1]]
        n = divisor or ((ends[0] - r) * (ends[1] - c) if include_pad else part.size)
        assert math.isclose(out[p, i, j], part.sum() / n, rel_tol=1e-9)
    g = randn(*out.shape)
    back = pooling.avg_pool_input(np, g, (7, 6), *arguments)
    assert math.isclose(np.vdot(back, x), np.vdot(g, out), rel_tol=1e-9)


@pytest.mark.parametrize("out", [(1, 1), (7, 6), (3, 4), (2, 3), (10, 2)])
def test_adaptive_pools(out):
    x = randn(2, 7, 6)
    mean = pooling.adaptive_avg_pool(np, x, out)
    best, where = pooling.adaptive_max_pool(np, x, out)
    rows, columns = (pooling.adaptive_bounds(n, o) for n, o in zip((7, 6), out))
    for (i, (a, b)), (j, (c, d)) in itertools.product(enumerate(rows), enumerate(columns)):
        part = x[:, a:b, c:d].reshape(2, -1)
        np.testing.assert_allclose(mean[:, i, j], part.mean(1))
        np.testing.assert_array_equal(best[:, i, j], part.max(1))
    np.testing.assert_array_equal(pooling.pool_gather(np, x, where, 2), best)
    g = randn(*mean.shape)
    back = pooling.adaptive_avg_pool_input(np, g, (7, 6))
    assert math.isclose(np.vdot(back, x), np.vdot(g, mean), rel_tol=1e-9)


# ------------------------------------------------------------------------------------- resampling

MODES = ["nearest", "nearest-exact", "linear", "cubic"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("out", [3, 7, 15])
def test_resampling_keeps_constants(mode, out):
    x = np.full((2, 7), 2.5)
    y = resampling.resample(np, x, (out,), mode, False, (None,), False)
    np.testing.assert_allclose(y, 2.5)


ANTIALIASED = [("linear", True), ("cubic", True), ("lanczos", True)]


@pytest.mark.parametrize(("mode", "antialias"), [*((m, False) for m in MODES), *ANTIALIASED])
def test_resampling_and_its_adjoint(mode, antialias):
    x = randn(2, 5, 9)
    y = resampling.resample(np, x, (8, 4), mode, False, (None, 0.5), antialias)
    g = randn(*y.shape)
    back = resampling.resample_input(np, g, (5, 9), mode, False, (None, 0.5), antialias)
    assert math.isclose(np.vdot(back, x), np.vdot(g, y), rel_tol=1e-9)


def test_linear_resampling_is_interpolation():
    x = randn(1, 6)
    y = resampling.resample(np, x, (11,), "linear", True, (None,), False)
    np.testing.assert_allclose(y[0], np.interp(np.linspace(0, 5, 11), np.arange(6), x[0]))


def test_infinity_stays_with_its_neighbours():
    x = np.zeros((1, 9))
    x[0, 4] = np.inf
    y = resampling.resample(np, x, (18,), "linear", False, (None,), False)
    assert np.isfinite(y[0, :7]).all() and np.isfinite(y[0, 11:]).all()


def test_points_are_read_and_written_back():
    x = randn(2, 3, 4, 5)
    where = RNG.integers(0, 20, (2, 6))
    y = resampling.read_points(np, x, where)
    np.testing.assert_array_equal(y, np.take_along_axis(x.reshape(2, 3, 20), where[:, None], 2))
    g = randn(*y.shape)
    back = resampling.add_points(np, g, where, (4, 5))
    assert math.isclose(np.vdot(back, x), np.vdot(g, y), rel_tol=1e-9)


def test_a_window_may_be_a_whole_volume():
    """No table of its taps is made, of which there are as many as elements."""
    x = randn(1, 2, 60, 50, 40)
    best, where = pooling.adaptive_max_pool(np, x, (1, 1, 1))
    assert np.array_equal(best.reshape(2), x.reshape(2, -1).max(1))
    assert np.array_equal(where.reshape(2), x.reshape(2, -1).argmax(1))
    t = pooling.pool_taps(x.shape[2:], x.shape[2:], x.shape[2:], (0,) * 3, (1,) * 3, False)
    assert t.out == (1, 1, 1) and "taps" not in vars(t) and "phases" not in vars(t)
