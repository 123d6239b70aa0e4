"""Exponentials of many matrices, against those of one at a time."""

import numpy as np
import pytest

from wengert.arrays.matrix_exponentials import exponentials


@pytest.mark.parametrize("dtype, near", [("f", 2e-5), ("d", 1e-11)])
@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_agrees_with_scipy(dtype, near, n):
    linalg = pytest.importorskip("scipy.linalg")
    r = np.random.default_rng(0)
    x = r.standard_normal((4, 5, n, n)) * 10.0 ** r.uniform(-4, 0.7, (4, 5, 1, 1)) / n
    x[0, 0], x[1, 2] = 0, np.eye(n) * 20
    x = x.astype(dtype)
    got, want = exponentials(x), linalg.expm(x.astype("d"))
    size = np.linalg.norm(want, axis=(-2, -1))
    assert got.dtype == x.dtype
    assert (np.linalg.norm(got - want, axis=(-2, -1)) <= near * size).all()


def test_nan_stays_in_its_matrix():
    x = np.zeros((20, 3, 3), "f")
    x[4, 1, 1] = np.nan
    x[6, 0, 1] = np.inf
    with np.errstate(all="ignore"):
        out = exponentials(x)
    assert np.isnan(out[4]).any() and not np.isfinite(out[6]).all()
    keep = np.delete(out, [4, 6], 0)
    np.testing.assert_array_equal(keep, np.broadcast_to(np.eye(3), keep.shape))


def test_leaves_the_rest_to_others():
    assert exponentials(np.eye(3)) is None
    assert exponentials(np.ones((9, 3, 3), "c16")) is None
