"""Weighted sums of positions along a dimension, against loops over all positions."""

import numpy as np
import pytest

from wengert.arrays.interpolate import plan
from wengert.kernels import compiler, resample

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


def matrix(n: int, positions, weights) -> np.ndarray:
    """What a plan does, as a matrix (out, n)."""
    taps, out = positions.shape
    m = np.zeros((out, n))
    weights = np.ones(positions.shape) if weights is None else weights
    for t in range(taps):
        np.add.at(m, (np.arange(out), positions[t]), weights[t])
    return m


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sizes", [(7, 20), (40, 9), (16, 32), (5, 1), (1, 9), (90, 2), (50, 101)])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic", "lanczos"])
def test_agrees_with_the_matrix_and_its_transpose(mode, sizes, axis, dtype):
    n, out = sizes
    antialias = mode == "lanczos"
    p = plan(n, out, mode, False, None, antialias)
    shape = [33, 27, 30]
    for taps, m, size in (
        (resample.taps(n, *p), matrix(n, *p), n),
        (resample.adjoint(n, *p), matrix(n, *p).T, out),
    ):
        shape[axis] = size
        x = np.random.default_rng(0).standard_normal((9, *shape)).astype(dtype)
        got = resample.along(x, axis + 1, taps)
        want = np.moveaxis(np.tensordot(m, x.astype("f8"), (1, axis + 1)), 0, axis + 1)
        if got is None:
            assert want.size < resample.LEAST
            continue
        rtol, atol = (1e-4, 1e-5) if dtype == "float32" else (1e-10, 1e-12)
        np.testing.assert_allclose(got, want, rtol, atol)
        turned = np.asfortranarray(x)
        assert (resample.along(turned, axis + 1, taps) == got).all()


def test_what_a_position_does_not_read_does_not_reach_it():
    p = plan(64, 128, "linear", False, None, False)
    x = np.ones((500, 64), "f4")
    x[:, 3], x[:, 40] = np.nan, np.inf
    got = resample.along(x, 1, resample.taps(64, *p))
    assert np.isfinite(got[:, :5]).all() and np.isfinite(got[:, 9:78]).all()
    g = np.ones((500, 128), "f4")
    g[:, 5] = np.inf
    back = resample.along(g, 1, resample.adjoint(64, *p))
    assert np.isfinite(back[:, :2]).all() and np.isfinite(back[:, 4:]).all()
