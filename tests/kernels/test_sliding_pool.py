"""Kernels of sliding windows against NumPy's taps; positions that are in no plane."""

import numpy as np
import pytest

from wengert.arrays import pool, small_pools
from wengert.kernels import compiler, sliding_pool, window_pool

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
CASES = [  # spatial, kernel, stride, padding, dilation, ceil
    ((33,), (3,), (2,), (1,), (1,), False),
    ((8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((15, 34), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((17, 18), (3, 2), (1, 1), (1, 0), (1, 1), False),
    ((20, 21), (3, 3), (2, 3), (1, 1), (2, 2), True),
    ((9, 70), (2, 3), (4, 4), (0, 1), (1, 1), True),
    ((5, 6, 19), (2, 3, 2), (2, 1, 2), (1, 1, 0), (1, 1, 1), False),
    ((7, 7), (7, 7), (1, 1), (3, 3), (1, 1), False),
    ((3, 3), (3, 3), (3, 3), (0, 0), (1, 1), False),
]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(sliding_pool, "LEAST", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["plain", "equal", "low", "nan"])
def test_agrees_with_numpy(case, dtype, kind, monkeypatch):
    spatial, *rest = case
    r = np.random.default_rng(0)
    x = r.standard_normal((2, 3, *spatial)).astype(dtype)
    if kind == "equal":
        x = r.integers(0, 3, x.shape).astype(dtype)
    elif kind == "low":
        x[...] = -np.inf
    elif kind == "nan":
        x[r.random(x.shape) < 0.1] = np.nan
    found = pool.max_pool(np, x, *rest)
    g = r.standard_normal(found[0].shape).astype(dtype)
    back = pool.pool_scatter(np, g, found[1], spatial)
    for name in ("windows", "put"):
        monkeypatch.setattr(sliding_pool, name, lambda *args: None)
    right = pool.max_pool(np, x, *rest)
    np.testing.assert_array_equal(found[0], right[0])
    np.testing.assert_array_equal(found[1], right[1])
    np.testing.assert_allclose(back, pool.pool_scatter(np, g, found[1], spatial), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [c for c in CASES if max(c[4]) == 1])
@pytest.mark.parametrize("include, divisor", [(True, None), (False, None), (True, 7)])
def test_means_and_their_way_back(case, include, divisor, dtype, monkeypatch):
    spatial, kernel, stride, padding, _, ceil = case
    monkeypatch.setattr(pool, "TINY", 0)
    monkeypatch.setattr(window_pool, "LEAST", 1 << 40)
    monkeypatch.setattr(small_pools, "sliding", lambda *args: None)
    pool._small.cache_clear()
    r = np.random.default_rng(0)
    x = r.standard_normal((2, 3, *spatial)).astype(dtype)
    rest = (kernel, stride, padding, ceil, include, divisor)
    found = pool.avg_pool(np, x, *rest)
    g = r.standard_normal(found.shape).astype(dtype)
    back = pool.avg_pool_input(np, g, spatial, *rest)
    for name in ("windows", "shared"):
        monkeypatch.setattr(sliding_pool, name, lambda *args: None)
    near = dict(rtol=1e-5, atol=1e-6) if dtype == "float32" else dict(rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found, pool.avg_pool(np, x, *rest), **near)
    np.testing.assert_allclose(back, pool.avg_pool_input(np, g, spatial, *rest), **near)
    pool._small.cache_clear()


def test_the_kernels_are_used():
    x = np.random.default_rng(0).standard_normal((4, 8, 8)).astype("f")
    where = (2, 2), (2, 2), (0, 0)
    assert sliding_pool.windows(x, *where, (1, 1), (4, 4)) is not None
    assert sliding_pool.windows(x, *where, (1, 1), (4, 4), 4) is not None
    assert sliding_pool.shared(x, (16, 16), *where, 4) is not None


@pytest.mark.parametrize("bad", [-1, 64, 1 << 40, -(1 << 62)])
def test_positions_are_checked(bad):
    where = np.zeros((3, 10), np.int64)
    where[1, 3] = bad
    with pytest.raises(IndexError, match="not in a plane of 64"):
        sliding_pool.put(np.ones((3, 10), "f"), where, 64)


def test_same_bits_for_any_number_of_threads(each_count):
    x = np.random.default_rng(0).standard_normal((70, 30, 30)).astype("f")
    seen = []
    for _ in each_count():
        y, where = sliding_pool.windows(x, (3, 3), (2, 2), (1, 1), (1, 1), (15, 15))
        flat = where.reshape(70, -1)
        put = sliding_pool.put(y.reshape(70, -1), flat, 900)
        geometry = (3, 3), (2, 2), (1, 1)
        mean, _ = sliding_pool.windows(x, *geometry, (1, 1), (15, 15), 9)
        seen.append((y, where, put, mean, sliding_pool.shared(mean, (30, 30), *geometry, 9)))
    for other in seen[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(seen[0], other))
