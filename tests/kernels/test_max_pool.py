"""Max pooling's kernels against NumPy's taps; positions that are in no plane."""

import numpy as np
import pytest

from wengert.arrays import pool
from wengert.kernels import compiler, max_pool

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
    monkeypatch.setattr(max_pool, "LEAST", 1)


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
        monkeypatch.setattr(pool.kernels, name, lambda *args: None)
    right = pool.max_pool(np, x, *rest)
    np.testing.assert_array_equal(found[0], right[0])
    np.testing.assert_array_equal(found[1], right[1])
    np.testing.assert_allclose(back, pool.pool_scatter(np, g, found[1], spatial), rtol=1e-6)


def test_the_kernels_are_used():
    x = np.random.default_rng(0).standard_normal((4, 8, 8)).astype("f")
    assert max_pool.windows(x, (2, 2), (2, 2), (0, 0), (1, 1), (4, 4)) is not None


@pytest.mark.parametrize("bad", [-1, 64, 1 << 40, -(1 << 62)])
def test_positions_are_checked(bad):
    where = np.zeros((3, 10), np.int64)
    where[1, 3] = bad
    with pytest.raises(IndexError, match="not in a plane of 64"):
        max_pool.put(np.ones((3, 10), "f"), where, 64)


def test_same_bits_for_any_number_of_threads(each_count):
    x = np.random.default_rng(0).standard_normal((70, 30, 30)).astype("f")
    seen = []
    for _ in each_count():
        y, where = max_pool.windows(x, (3, 3), (2, 2), (1, 1), (1, 1), (15, 15))
        flat = where.reshape(70, -1)
        seen.append((y, where, max_pool.put(y.reshape(70, -1), flat, 900)))
    for other in seen[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(seen[0], other))
