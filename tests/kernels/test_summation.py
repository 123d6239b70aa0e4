"""Sums of large arrays: against exact ones, along any dimensions, of awkward lengths."""

import math

import numpy as np
import pytest

from wengert.kernels import compiler, summation

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
SHAPES = [
    (33, 1100),
    (1,), (17,), (70_001,), (3, 4097), (4097, 3), (1000, 33), (33, 1000), (7, 130, 65),
    (2, 3, 4, 5), (5, 1100, 16), (64, 64), (129, 1), (1, 129), (3, 1025, 2),
    (1000, 16), (77, 48), (70, 49), (41, 2), (3, 40, 1000), (5, 1100, 70),
    (1030, 700), (23, 1500), (3, 19, 2500),
]  # fmt: skip


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(summation, "LEAST", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_exact_sums(shape, dtype):
    x = (np.random.default_rng(0).random(shape) + 0.5).astype(dtype)
    for first in range(len(shape)):
        for last in range(first, len(shape)):
            gone = list(range(first, last + 1))
            found = summation.total(x, gone)
            right = x.astype("f8").sum(tuple(gone))
            if found is None:  # narrow, with rows left over; or few wide rows
                assert len(shape) == 3 or shape[0] <= summation.FEW
                continue
            assert found.dtype == dtype and found.shape == right.shape
            tolerance = 3e-7 if dtype == "float32" else 1e-14
            np.testing.assert_allclose(found, right, rtol=tolerance)


def test_many_ones_are_counted():
    x = np.ones((3_000_001, 2), "f")
    assert summation.total(x, [0]).tolist() == [3_000_001.0] * 2
    assert float(summation.total(x, [0, 1])) == 6_000_002.0
    tenths = summation.total(np.full((2, 1 << 20), 0.1, "f"), [1])
    np.testing.assert_allclose(tenths, np.float32(0.1).astype("f8") * (1 << 20), rtol=3e-7)


def test_infinities_and_nans():
    x = np.zeros((100, 20), "f")
    x[3, 4], x[5, 6], x[7, 8], x[9, 8] = np.inf, np.nan, np.inf, -np.inf
    found = summation.total(x, [0])
    assert found[4] == math.inf and np.isnan(found[[6, 8]]).all() and (found[[0, 1, 19]] == 0).all()


def test_same_bits_for_any_number_of_threads(each_count):
    x = np.random.default_rng(0).standard_normal((300, 70, 41)).astype("f")
    wide = np.random.default_rng(1).standard_normal((1100, 1200)).astype("f")
    seen = []
    for _ in each_count():
        seen.append(summation.total(wide, [0]).tobytes())
        seen[-1] += b"".join(summation.total(x, g).tobytes() for g in ([0], [1], [2], [0, 1, 2]))
    assert len(set(seen)) == 1


def test_leaves_the_rest_to_others():
    x = np.ones((4, 8, 3), "f")
    assert summation.total(x, [0, 2]) is None
    assert summation.total(x.T, [0]) is None
    assert summation.total(x.astype("i4"), [0]) is None
    assert summation.total(x, []) is None
