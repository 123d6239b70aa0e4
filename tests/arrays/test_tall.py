"""Decompositions of tall matrices, against LAPACK's."""

import numpy as np
import pytest

import wengert as T
from wengert.arrays import linalg, spectra, tall
from wengert.kernels import compiler

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
SHAPES = [(9000, 1), (3000, 3), (4000, 7), (2000, 32)]


def matrix(m, n, condition, dtype, seed=0):
    r = np.random.default_rng(seed)
    x = np.linalg.qr(r.standard_normal((m, n)))[0]
    turned = np.linalg.qr(r.standard_normal((n, n)))[0]
    return (x * np.logspace(0, -np.log10(condition), n) @ turned * 7).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("condition", [1.5, 90, 900])
def test_agrees_with_lapack(shape, condition, dtype):
    x = matrix(*shape, condition, dtype)
    eps = np.finfo(dtype).eps
    q, r = tall.qr(x)
    _, want = np.linalg.qr(x.astype("float64"))
    assert np.abs(q.T.astype("float64") @ q - np.eye(shape[1])).max() < 30 * eps
    assert np.abs(q @ r - x).max() < 30 * eps
    assert np.abs(r - want).max() < 300 * eps  # the signs are LAPACK's
    assert np.array_equal(r, np.triu(r))
    exact = np.linalg.svd(x.astype("float64"), compute_uv=False)
    u, s, vh = tall.svd(x)
    assert np.abs(u * s @ vh - x).max() < 60 * eps
    for values in (s, tall.svdvals(x)):
        assert np.abs(values - exact).max() < 60 * eps
        assert values.dtype == x.dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape, condition", [((400, 3), 2), ((300, 12), 50), ((1100, 1), 1)])
def test_the_further_columns_of_a_square_u_are_lapacks(shape, condition, dtype):
    x = matrix(*shape, condition, dtype)
    eps, n = np.finfo(dtype).eps, shape[1]
    u, s, vh = tall.svd(x, True)
    want = np.linalg.svd(x)[0]
    assert u.shape == want.shape and u.dtype == x.dtype
    assert np.abs(u[:, n:] - want[:, n:]).max() < 100 * condition * eps
    assert np.abs(u.T.astype("float64") @ u - np.eye(len(u))).max() < 30 * eps
    assert np.abs(u[:, :n] * s @ vh - x).max() < 60 * eps
    assert np.array_equal(spectra.svd(np, x, True)[0], u)


def test_what_is_not_exact_this_way_is_left_to_lapack():
    for x in (
        matrix(3000, 4, 1e5, "float32"),  # of a large condition
        matrix(3000, 4, 1e9, "float64"),
        np.zeros((3000, 4)),
        np.eye(3000, 4),  # reflections leave its columns as they are, signs and all
        matrix(3000, 4, 2, "float32") * np.float32(1e-20),  # squares underflow
        matrix(3000, 4, 2, "float32") * np.float32(1e25),  # overflow
        np.where(np.arange(3000)[:, None] == 7, np.nan, matrix(3000, 4, 2, "float64")),
    ):
        assert tall.qr(x) is None


@pytest.mark.parametrize("scale", [1e-30, 1e-19, 1.0, 1e18, 1e30])
def test_any_scale(scale):
    x = matrix(3000, 4, 2, "float32") * np.float32(scale)
    q, r = T.linalg.qr(T.from_numpy(x))
    assert T.allclose(q.T @ q, T.eye(4), atol=1e-5)
    assert np.allclose((q @ r).numpy() / scale, x / np.float32(scale), atol=1e-5)


def test_functions_of_tall_matrices():
    x = T.from_numpy(matrix(4000, 5, 3, "float64")).requires_grad_()
    y = T.from_numpy(np.random.default_rng(1).standard_normal((4000, 2)))
    inverse = T.linalg.pinv(x)
    assert T.allclose(inverse @ x, T.eye(5, dtype=T.float64)) and inverse.is_contiguous()
    for driver in ("gelsy", "gels", "gelsd", "gelss"):
        got = T.linalg.lstsq(x.detach(), y, driver=driver)
        assert T.allclose(got.solution, inverse.detach() @ y)
        assert driver == "gels" or int(got.rank) == 5
        if driver in ("gelsd", "gelss"):
            assert T.allclose(got.singular_values, T.linalg.svdvals(x.detach()))
    # the sum of the squared distances of the columns' span to y
    q, _ = T.linalg.qr(x)
    ((y - q @ (q.T @ y)) ** 2).sum().backward()
    e = T.zeros_like(x).index_fill_(0, T.tensor([17]), 1e-6)

    def rest(x):
        q, _ = np.linalg.qr(x.detach().numpy())
        return float(((y.numpy() - q @ (q.T @ y.numpy())) ** 2).sum())

    assert abs((rest(x + e) - rest(x - e)) / 2e-6 - float(x.grad[17].sum())) < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("condition", [2, 30, 300])
def test_least_squares(condition, dtype):
    x = matrix(4000, 5, condition, dtype)
    y = np.random.default_rng(1).standard_normal((4000, 3)).astype(dtype)
    eps = np.finfo(dtype).eps
    solution, s = tall.lstsq(x, y, eps)
    want, *_, values = np.linalg.lstsq(x.astype("float64"), y.astype("float64"))
    assert np.abs(solution - want).max() < 20 * eps * condition * (1 + np.abs(want).max())
    assert np.abs(s - values).max() < 60 * eps
    assert tall.lstsq(x, y, 1 / condition) is None  # of a rank that may be less


def test_same_bits_for_any_number_of_threads(each_count):
    x, seen = matrix(20000, 6, 30, "float32"), []

    for _ in each_count():
        seen.append(tall.qr(x)[1].tobytes())
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_matrices_of_lower_rank_are_decomposed_too(rank, dtype):
    r = np.random.default_rng(0)
    x = (r.standard_normal((9000, rank)) @ r.standard_normal((rank, 5))).astype(dtype)
    close = {"atol": 1e-4 if dtype == "float32" else 1e-9}
    q, upper = linalg.qr(np, x)
    np.testing.assert_allclose(q.T @ q, np.eye(5), **close)
    np.testing.assert_allclose(q @ upper, x, **close)
    assert linalg.qr(np, x, "r")[0].size == 0
    np.testing.assert_allclose(np.abs(linalg.qr(np, x, "r")[1]), np.abs(upper), **close)
    u, s, vh = spectra.svd(np, x)
    np.testing.assert_allclose(u.T @ u, np.eye(5), **close)
    np.testing.assert_allclose((u * s) @ vh, x, **close)
    want = np.linalg.svd(x.astype("f8"), compute_uv=False)
    np.testing.assert_allclose(spectra.svdvals(np, x), want, atol=300 * close["atol"])
