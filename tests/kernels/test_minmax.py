"""Largest and smallest along dimensions, with their places, against NumPy's."""

import numpy as np
import pytest

from wengert.kernels import compiler, minmax

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
SHAPES = [(1,), (15,), (33,), (200,), (5, 16), (17, 3), (4, 33, 70), (3, 65, 1), (2, 1, 40)]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(minmax, "LEAST", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["plain", "equal", "nan", "infinite", "signed zeros"])
def test_agrees_with_numpy(shape, dtype, kind):
    r = np.random.default_rng(0)
    x = r.standard_normal(shape).astype(dtype)
    if kind == "equal":
        x = r.integers(0, 3, shape).astype(dtype)
    elif kind == "nan":
        x[r.random(shape) < 0.2] = np.nan
    elif kind == "infinite":
        x = np.where(r.random(shape) < 0.5, -np.inf, np.inf).astype(dtype)
    elif kind == "signed zeros":
        x = np.where(r.random(shape) < 0.5, -0.0, 0.0).astype(dtype)
    for a in (x, np.full_like(x, np.inf), np.full_like(x, -np.inf), np.asfortranarray(x)):
        for dim in range(-len(shape), len(shape)):
            for largest, value, place in ((True, np.max, np.argmax), (False, np.min, np.argmin)):
                out, where = minmax.extreme(a, dim, largest)
                np.testing.assert_array_equal(where, place(a, dim))
                np.testing.assert_array_equal(out, value(a, dim))


def test_same_bits_for_any_number_of_threads(each_count):
    x = np.random.default_rng(0).standard_normal((300, 70, 41)).astype("f")
    seen = []
    for _ in each_count():
        seen.append([a.tobytes() for d in range(3) for a in minmax.extreme(x, d, True)])
    assert seen[0] == seen[1] == seen[2]


def test_leaves_the_rest_to_others():
    assert minmax.extreme(np.ones(9, "i4"), 0, True) is None
    assert minmax.extreme(np.ones(9, "f"), 1, True) is None
    assert minmax.extreme(np.ones((0, 9), "f"), 0, True) is None
