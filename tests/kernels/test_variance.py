"""Variances against NumPy's in double precision."""

import numpy as np
import pytest

import wengert as torch
from wengert.kernels import compiler, variance

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.mark.parametrize("dtype, near", [("f4", 1e-6), ("f8", 1e-12)])
@pytest.mark.parametrize("shape", [(64, 64), (1, 4096), (37, 7), (300, 1), (3, 70_001)])
def test_rows(shape, dtype, near):
    x = (np.random.default_rng(0).standard_normal(shape) + 1000).astype(dtype)
    want = ((x - x.mean(1, "f8", keepdims=True)) ** 2).sum(1, "f8") / 2.5
    np.testing.assert_allclose(variance.rows(x, 2.5, False), want, near, 1e-25)
    np.testing.assert_allclose(variance.rows(x, 2.5, True), np.sqrt(want), near, 1e-12)
    assert variance.rows(x[:1, :5], 1.0, False) is None


def test_squares_may_be_larger_than_numbers_of_the_dtype():
    x = torch.full((20, 20), 1e25)
    x[:, ::2] = -1e25
    assert torch.allclose(x.std(1), torch.tensor(1e25) * (20 / 19) ** 0.5)
    assert torch.equal(torch.full((20, 20), 3e38).var(0), torch.zeros(20))
    x[0, 0] = float("inf")
    assert x.var(1)[0].isnan() and x.std().isnan()
