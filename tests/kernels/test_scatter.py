"""Adding along a dimension, against NumPy."""

import numpy as np
import pytest

from wengert.arrays import shapes
from wengert.kernels import compiler, scatter

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_agrees_with_numpy(dtype, dim):
    r = np.random.default_rng(0)
    shape = [40, 30, 50]
    x = r.standard_normal(shape).astype(dtype)
    size, shape[dim] = shape[dim], 7
    index, source = r.integers(0, size, shape), r.standard_normal(shape).astype(dtype)
    want = shapes.scatter_add(np, x, index, source, dim)
    np.testing.assert_allclose(scatter.add(x, index, source, dim), want, 1e-5, 1e-6)
    turned = np.asfortranarray(x), np.asfortranarray(index), np.asfortranarray(source)
    np.testing.assert_allclose(scatter.add(*turned, dim), want, 1e-5, 1e-6)


@pytest.mark.parametrize("wrong", [-1, 9, 1 << 40, -(1 << 62)])
def test_wrong_indices_write_nothing_outside(wrong):
    index = np.zeros((300, 4, 5), np.int64)
    index[-1, 2, 3] = wrong
    assert scatter.add(np.zeros((300, 9, 5)), index, np.ones((300, 4, 5)), 1) is None
