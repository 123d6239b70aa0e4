"""Folds along dimensions, against NumPy."""

import numpy as np
import pytest

from wengert.arrays import scan as general
from wengert.kernels import compiler, folds

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
SHAPES = [(200, 5), (33, 7, 3), (3, 65, 9), (130, 1), (1, 700), (9, 3, 1, 41)]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(folds, "LEAST", 1)


def inputs(shape, dtype, kind):
    r = np.random.default_rng(0)
    x = r.uniform(0.8, 1.2, shape).astype(dtype)
    if kind == "equal":
        x = r.integers(1, 3, shape).astype(dtype)
    elif kind == "special":
        x[r.random(shape) < 0.1] = np.nan
        x[r.random(shape) < 0.1] = -np.inf
        x[r.random(shape) < 0.1] = 0
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["plain", "equal", "special"])
def test_agrees_with_numpy(shape, dtype, kind):
    x = inputs(shape, dtype, kind)
    rtol = 1e-4 if dtype == "float32" else 1e-12
    for a in (x, np.asfortranarray(x), x[::-1]):
        for dim in range(-len(shape), len(shape)):
            if folds.along(a, dim, "prod") is None:
                assert a.size // a.shape[dim] < 16
                continue
            with np.errstate(invalid="ignore"):
                np.testing.assert_allclose(folds.along(a, dim, "prod")[0], np.prod(a, dim), rtol)
                np.testing.assert_allclose(
                    folds.along(a, dim, "cumprod")[0], np.cumprod(a, dim), rtol
                )
                np.testing.assert_allclose(folds.along(a, dim, "cumsum")[0], a.cumsum(dim), rtol)
                back = folds.along(np.flip(a, dim), dim, "cumsum_back")[0]
                np.testing.assert_array_equal(np.flip(back, dim), folds.along(a, dim, "cumsum")[0])
            for name, place in (("max", np.argmax), ("min", np.argmin)):
                out, where = folds.along(a, dim, name)
                np.testing.assert_array_equal(where, place(a, dim))
                np.testing.assert_array_equal(out, getattr(np, name)(a, dim))
                want = getattr(general, f"cum{name}_raw")(np, a, dim)
                for p, q in zip(folds.along(a, dim, "cum" + name), want):
                    np.testing.assert_array_equal(p, q)


def test_same_bits_for_any_number_of_threads(each_count):
    x = inputs((3000, 7, 5), "f", "plain")
    seen = []
    for _ in each_count():
        seen.append([folds.along(x, d, "cumprod")[0].tobytes() for d in (0, 1, 2)])
    assert seen[0] == seen[1] == seen[2]


def test_leaves_the_rest_to_others():
    assert folds.along(np.ones((99, 9), "i4"), 0, "prod") is None
    assert folds.along(np.ones((99, 9), "f"), 2, "prod") is None
    assert folds.along(np.ones((0, 9), "f"), 0, "prod") is None
    assert folds.along(np.ones(99, "f"), 0, "prod") is None


def test_products_of_everything():
    from wengert.arrays import fused

    prod = fused.wrap("prod", lambda x, dim, keepdim: x.prod(dim, keepdims=keepdim))
    r = np.random.default_rng(0)
    for n in (5000, 70001):
        for dtype in ("f4", "f8"):
            x = (1 + r.standard_normal(n) * 1e-3).astype(dtype)
            want = np.prod(x.astype("g"))
            got = prod(x)
            assert got.shape == () and got.dtype == dtype
            assert abs(got / want - 1) < (1e-4 if dtype == "f4" else 1e-12)
            assert prod(x.reshape(1, n), None, True).shape == (1, 1)
            x[7] = np.nan
            assert np.isnan(prod(x))
