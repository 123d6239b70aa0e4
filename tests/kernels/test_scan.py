"""Sums so far, against NumPy's in double precision."""

import numpy as np
import pytest

from wengert.kernels import compiler, scan

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(scan, "LEAST", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(1,), (15,), (33,), (5, 16), (17, 3), (4, 33, 70), (2, 3, 4, 31)]
)
def test_agrees_with_numpy(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for dim in range(-len(shape), len(shape)):
        right = np.cumsum(x, dim, "f8")
        found = scan.cumsum(x, dim)
        assert found.dtype == dtype
        tolerance = 2e-6 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(scan.cumsum(np.asfortranarray(x), dim), found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (15,), (49,), (5, 16), (17, 3), (4, 133, 70), (9, 200)])
def test_sums_from_the_end_are_those_of_the_array_turned_round(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    x.flat[0], x.flat[-1] = -0.0, np.inf
    for special in (x, np.where(x > 1, np.nan, x), -np.zeros_like(x)):
        for dim in range(-len(shape), len(shape)):
            turned = scan.cumsum(np.flip(special, dim), dim)
            found = scan.cumsum(special, dim, True)
            assert np.flip(turned, dim).tobytes() == found.tobytes()  # nan and -0.0 too


def test_long_sums_stay_exact():
    assert scan.cumsum(np.ones(20_000_000, "f"), 0)[-1] == 20_000_000


def test_nans_go_on():
    x = np.ones((3, 40), "f")
    x[1, 20] = np.nan
    found = scan.cumsum(x, 1)
    assert np.isnan(found[1, 20:]).all() and np.isfinite(found[1, :16]).all()
    assert np.isfinite(found[[0, 2]]).all()
    assert np.isfinite(scan.cumsum(x, 0)[:, :20]).all()


def test_same_bits_for_any_number_of_threads(each_count):
    x = np.random.default_rng(0).standard_normal((300, 70, 41)).astype("f")
    seen = []
    for _ in each_count():
        seen.append(b"".join(scan.cumsum(x, d).tobytes() for d in range(3)))
    assert len(set(seen)) == 1


def test_leaves_the_rest_to_others():
    assert scan.cumsum(np.ones(9, "i4"), 0) is None
    assert scan.cumsum(np.ones(9, "f"), 1) is None
