"""Factors of many small matrices against LAPACK's."""

import numpy as np
import pytest

from wengert.kernels import compiler, small_factors

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


def numbers(*shape, dtype="f4", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(8, 1, 1), (13, 5, 5), (50, 7, 3), (21, 3, 7), (2, 9, 24, 4)])
def test_qr(shape, dtype):
    x = numbers(*shape, dtype=dtype)
    x[1] = 0
    x[..., 2:, -1] *= 1e-3
    q, r = small_factors.qr(x)
    right_q, right_r = np.linalg.qr(x)
    tolerance = 2e-5 if dtype == "f4" else 1e-12
    assert q.dtype == r.dtype == x.dtype
    full = np.ones(len(x), bool)
    full[1] = False  # any basis will do
    np.testing.assert_allclose(q[full], right_q[full], rtol=0, atol=20 * tolerance)
    np.testing.assert_allclose(r, right_r, rtol=tolerance, atol=tolerance * 10)
    np.testing.assert_allclose(q @ r, x, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(r, np.triu(r))


def test_qr_of_huge_and_tiny_numbers():
    x = numbers(9, 4, 3)
    for scale in (1e-30, 1e30):
        q, r = small_factors.qr((x * scale).astype("f4"))
        np.testing.assert_allclose(q, np.linalg.qr(x)[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(r / scale, np.linalg.qr(x)[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(8, 1, 1), (13, 5, 5), (3, 7, 8, 8)])
def test_cholesky(shape, dtype):
    x = numbers(*shape, dtype=dtype)
    x = x @ x.swapaxes(-1, -2) + np.eye(shape[-1], dtype=dtype)
    upper = x + np.triu(np.ones_like(x), 1)  # is not read
    out = small_factors.cholesky(upper)
    tolerance = 1e-5 if dtype == "f4" else 1e-13
    np.testing.assert_allclose(out, np.linalg.cholesky(x), rtol=tolerance, atol=tolerance)
    flipped = small_factors.cholesky(np.ascontiguousarray(upper.swapaxes(-1, -2)), True)
    np.testing.assert_array_equal(flipped, out.swapaxes(-1, -2))
    x[1, ..., 0, 0] = -1
    assert small_factors.cholesky(x) is None
    x[1, ..., 0, 0] = np.nan
    assert small_factors.cholesky(x) is None


def test_leaves_the_rest_to_others():
    assert small_factors.qr(numbers(5, 5)) is None
    assert small_factors.qr(numbers(20, 5, 3), True) is None
    assert small_factors.qr(numbers(3, 5, 5)) is None
    assert small_factors.cholesky(numbers(20, 5, 4)) is None
    assert small_factors.cholesky(numbers(20, 30, 30)) is None
    assert small_factors.qr(numbers(20, 3, 3).astype("c8")) is None
