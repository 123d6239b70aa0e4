"""Reading and adding at positions, against NumPy."""

import numpy as np
import pytest

from wengert.arrays import interpolate
from wengert.kernels import compiler, points

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [3, 16, 45])
def test_agrees_with_numpy(dtype, count, monkeypatch):
    r = np.random.default_rng(0)
    x = r.standard_normal((7, 3, 5, 6)).astype(dtype)
    where = r.integers(0, 33, (7, count))  # from 30 on: outside
    g = r.standard_normal((7, 3, count)).astype(dtype)
    both = []
    for least in (1, 1 << 40):
        monkeypatch.setattr(points, "LEAST", least)
        both.append(
            (interpolate.read_points(np, x, where), interpolate.add_points(np, g, where, (5, 6)))
        )
    np.testing.assert_array_equal(both[0][0], both[1][0])
    np.testing.assert_allclose(both[0][1], both[1][1], 1e-5, 1e-6)


def test_positions_outside_are_never_read(monkeypatch):
    monkeypatch.setattr(points, "LEAST", 1)
    x = np.ones((2, 1, 4), "f")
    where = np.array([[-1, 1 << 60, 4, 0], [-(1 << 60), 3, 5, -2]])
    assert points.read_points(x, where).tolist() == [[[0, 0, 0, 1]], [[0, 1, 0, 0]]]
    assert points.add_points(x, where, 4).tolist() == [[[1, 0, 0, 0]], [[0, 0, 0, 1]]]


def test_same_bits_for_any_number_of_threads(each_count):
    r = np.random.default_rng(0)
    g, where = r.standard_normal((400, 3, 99)).astype("f"), r.integers(0, 9, (400, 99))
    seen = []
    for _ in each_count():
        seen.append(points.add_points(g, where, 9).tobytes())
    assert seen[0] == seen[1] == seen[2]
