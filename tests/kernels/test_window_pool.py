"""Sums and maxima of windows, against NumPy's passes."""

import numpy as np
import pytest

from wengert.arrays import pool, small_pools
from wengert.kernels import compiler, sliding_pool, window_pool

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
# spatial, kernel, stride, padding, ceil
CASES = [
    ((11,), (3,), (2,), (1,), False),
    ((8, 9), (2, 3), (2, 1), (0, 1), False),
    ((9, 9), (3, 3), (2, 2), (1, 0), True),
    ((5, 6, 7), (2, 2, 3), (1, 2, 3), (0, 1, 1), False),
    ((4, 4), (4, 4), (4, 4), (0, 0), False),
]


@pytest.fixture
def both(monkeypatch):
    """Call something with the kernels, and without."""

    def run(f, *args):
        monkeypatch.setattr(window_pool, "LEAST", 1)
        for name in ("sliding", "covering"):
            monkeypatch.setattr(small_pools, name, lambda *args: None)
        monkeypatch.setattr(small_pools, "MOST", 0)
        pool._small.cache_clear()
        quick = f(np, *args)
        monkeypatch.setattr(window_pool, "LEAST", 1 << 40)
        monkeypatch.setattr(sliding_pool, "LEAST", 1 << 40)
        return quick, f(np, *args)

    yield run
    pool._small.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("case", CASES)
def test_averages_and_their_way_back(case, dtype, both):
    spatial, kernel, stride, padding, ceil = case
    x = np.random.default_rng(0).standard_normal((3, 5, *spatial)).astype(dtype)
    near = dict(rtol=1e-2, atol=1e-3) if dtype == "float16" else dict(rtol=1e-4, atol=1e-5)
    for include, divisor in ((True, None), (False, None), (True, 7)):
        rest = (kernel, stride, padding, ceil, include, divisor)
        a, b = both(pool.avg_pool, x, *rest)
        np.testing.assert_allclose(a, b, **near)
        a, b = both(pool.avg_pool_input, b, spatial, *rest)
        np.testing.assert_allclose(a, b, **near)


@pytest.mark.parametrize("nan", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_maxima(case, nan, both):
    spatial, kernel, stride, padding, ceil = case
    x = np.random.default_rng(0).integers(0, 9, (4, 7, *spatial)).astype("f")
    if nan:
        x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    a, b = both(pool.max_pool, x, kernel, stride, padding, (1,) * len(kernel), ceil)
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("spatial, out", [((7,), (3,)), ((5, 8), (4, 3)), ((4, 5, 6), (3, 3, 4))])
def test_adaptive(spatial, out, both):
    x = np.random.default_rng(0).standard_normal((3, 50, *spatial)).astype("f")
    a, b = both(pool.adaptive_avg_pool, x, out)
    np.testing.assert_allclose(a, b, 1e-4, 1e-5)
    a, b = both(pool.adaptive_avg_pool_input, b, spatial)
    np.testing.assert_allclose(a, b, 1e-4, 1e-5)
    a, b = both(pool.adaptive_max_pool, x, out)
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])


def test_same_bits_for_any_number_of_threads(each_count):
    x = np.random.default_rng(0).standard_normal((900, 9, 9)).astype("f")
    bounds = [(np.array([0, 2, 4]), np.array([3, 3, 5]))] * 2
    seen = []
    for _ in each_count():
        seen.append(window_pool.windows(x, bounds, "sum")[0].tobytes())
    assert seen[0] == seen[1] == seen[2]
