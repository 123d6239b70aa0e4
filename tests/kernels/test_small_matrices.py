"""Many small matrices, against LAPACK."""

import numpy as np
import pytest

from wengert.kernels import compiler
from wengert.kernels import small_matrices as small

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


def matrices(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def tolerance(dtype):
    return dict(rtol=2e-2, atol=1e-3) if dtype == "float32" else dict(rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 24])
@pytest.mark.parametrize("batch", [(8,), (37,), (3, 7)])
def test_agrees_with_lapack(n, batch, dtype):
    x = matrices((*batch, n, n), dtype)
    near = tolerance(dtype)
    inverse, info = small.solve(x, None)
    assert not info.any()
    np.testing.assert_allclose(inverse @ x, np.broadcast_to(np.eye(n), x.shape), atol=near["rtol"])
    for columns in (1, 4):
        y = matrices((*batch, n, columns), dtype, 1)
        out, _ = small.solve(x, y)
        np.testing.assert_allclose(x @ out, y, atol=near["rtol"])
    np.testing.assert_allclose(small.determinants(x, False)[0], np.linalg.det(x), **near)
    sign, logarithm = small.determinants(x, True)
    want = np.linalg.slogdet(x)
    np.testing.assert_array_equal(sign, want[0])
    np.testing.assert_allclose(logarithm, want[1], **near)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 4)])
def test_factors(shape):
    linalg = pytest.importorskip("scipy.linalg")
    x = matrices((11, *shape), "float64")
    out, pivots, info = small.lu(x)
    assert not info.any()
    for a, lu, p in zip(x, out, pivots):
        want, order, _ = linalg.lapack.dgetrf(a)
        np.testing.assert_allclose(lu, want, atol=1e-12)
        np.testing.assert_array_equal(p, order + 1)


def test_singular_matrices():
    x = matrices((20, 4, 4), "float64")
    x[3, 2] = 0
    x[5, :, 1] = 0
    x[7] = 0
    _, info = small.solve(x, None)
    assert info[3] == 4 and info[5] == 2 and info[7] == 1 and np.count_nonzero(info) == 3
    assert small.determinants(x, False)[0][7] == 0
    sign, logarithm = small.determinants(x, True)
    assert sign[7] == 0 and logarithm[7] == -np.inf


def test_nan_stays_in_its_matrix():
    x = matrices((20, 4, 4), "float32")
    x[3, 1, 2] = np.nan
    assert np.isnan(small.determinants(x, False)[0]).nonzero()[0].tolist() == [3]
    assert np.isfinite(small.solve(x, None)[0][np.arange(20) != 3]).all()


def test_layouts_and_threads(each_count):
    x = matrices((900, 6, 6), "float32")
    seen = []
    for _ in each_count():
        seen.append(small.solve(x, None)[0].tobytes())
    assert seen[0] == seen[1] == seen[2]
    np.testing.assert_array_equal(
        small.solve(x.swapaxes(1, 2), None)[0], small.solve(x.swapaxes(1, 2).copy(), None)[0]
    )


def test_leaves_the_rest_to_others():
    for bad in (np.eye(3), np.ones((9, 40, 40)), np.ones((9, 3, 3), "c16"), np.ones((0, 3, 3))):
        assert small.solve(bad, None) is None and small.lu(bad) is None
    assert small.solve(np.ones((9, 2, 3)), None) is None
    assert small.solve(np.ones((9, 3, 3)), np.ones((9, 3, 1), "f")) is None
