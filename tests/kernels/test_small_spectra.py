"""Eigenvalues and singular values of many small matrices, against LAPACK's in double precision."""

import numpy as np
import pytest

from wengert.kernels import compiler, small_spectra, threads

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


def matrices(shape, dtype, kind, seed=0):
    r = np.random.default_rng(seed)
    x = r.standard_normal((37, *shape))
    if kind == "repeated":  # also zeros, ones, the identity: ranks below full, equal values
        x[:, -1] = x[:, 0]
        x[3], x[5], x[6] = 0, 1, np.eye(*shape)
    elif kind == "whole":
        x = np.round(x)
    elif kind == "huge":
        x *= 1e30
    elif kind == "columns":  # of very different sizes
        x *= 10.0 ** -r.integers(0, 30, shape[-1])
    return x.astype(dtype)


KINDS = ["plain", "repeated", "whole", "huge", "columns"]
NEAR = {"f4": 3e-6, "f8": 1e-14}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (23, 23), (7, 3), (3, 7), (1, 6)])
def test_singular_values(shape, kind, dtype):
    x = matrices(shape, dtype, kind)
    near = NEAR[dtype] * max(1, max(shape) / 4)
    want = np.linalg.svd(x.astype("f8"), compute_uv=False)
    size = want.max(-1)[:, None] + 1e-300
    k = min(shape)
    for full in (False, True):
        u, s, vh = small_spectra.svd(x, full)
        assert u.dtype == s.dtype == vh.dtype == x.dtype
        assert (np.diff(s) <= 0).all()
        assert np.abs((s - want) / size).max() < near
        again = (u[..., :k] * s[:, None]) @ vh[:, :k]
        assert (np.abs(again - x).max((1, 2)) / size[:, 0]).max() < near
        for q in (u, vh.swapaxes(-1, -2)):
            unit = q.swapaxes(-1, -2) @ q
            assert np.abs(unit - np.eye(q.shape[-1])).max() < near
        assert u.shape[-1] == (shape[0] if full else k)
        assert vh.shape[-2] == (shape[1] if full else k)
    np.testing.assert_allclose(small_spectra.svd(x, all=False)[1] / size, s / size, atol=near)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 5, 24])
@pytest.mark.parametrize("lower", [True, False])
def test_symmetric(n, kind, dtype, lower):
    x = matrices((n, n), dtype, kind)  # the other triangle is not read
    half = np.tril(x) if lower else np.triu(x)
    whole = (half + half.swapaxes(-1, -2) - half * np.eye(n)).astype("f8")
    want = np.linalg.eigvalsh(whole)
    size = np.abs(want).max(-1)[:, None] + 1e-300
    near = NEAR[dtype] * max(1, n / 4)
    values, v = small_spectra.eigh(x, lower)
    assert np.abs((values - want) / size).max() < near
    assert (np.abs(whole @ v - v * values[:, None]).max(-1) / size).max() < near
    assert np.abs(v.swapaxes(-1, -2) @ v - np.eye(n)).max() < near
    np.testing.assert_array_equal(small_spectra.eigh(x, lower, all=False)[0], values)


def test_a_matrix_does_not_depend_on_its_neighbours_nor_on_threads():
    x = matrices((6, 4), "f4", "plain")
    before = threads.count()
    try:
        threads.set_count(1)
        one = small_spectra.svd(x)
        some = small_spectra.svd(x[5:20])
        threads.set_count(2)
        two = small_spectra.svd(x)
    finally:
        threads.set_count(before)
    for a, b, c in zip(one, two, some):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a[5:20], c)


def test_leaves_the_rest_to_others():
    x = matrices((5, 5), "f4", "plain")
    assert small_spectra.svd(x[0]) is None
    assert small_spectra.svd(x[:3]) is None
    assert small_spectra.svd(x.astype("c8")) is None
    assert small_spectra.svd(matrices((30, 2), "f4", "plain")) is None
    assert small_spectra.eigh(x[:, :4]) is None
