"""Points in cells, against NumPy."""

import numpy as np
import pytest

from wengert.arrays import histogram as words
from wengert.kernels import compiler, histogram

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bins", [(1,), (3, 4), (1, 64, 5), (2, 33, 1, 7)])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_numpy(dtype, bins, weighted, monkeypatch):
    r = np.random.default_rng(0)
    x = r.standard_normal((1500, len(bins))).astype(dtype)
    x[::5] = np.round(x[::5])  # on edges
    x[3::17], x[4::19], x[5::23] = np.nan, np.inf, -np.inf
    edges = [np.sort(np.round(r.standard_normal(n + 1), 1)).astype(dtype) for n in bins]
    if weighted:
        edges.append(r.random(len(x)).astype(dtype))
    quick = words.histogram_counts(np, x, *edges, weighted=weighted)
    monkeypatch.setattr(histogram, "LEAST", 1 << 40)
    slow = words.histogram_counts(np, x, *edges, weighted=weighted)
    assert quick.dtype == slow.dtype
    np.testing.assert_allclose(quick, slow, 1e-5)
    assert quick.sum() > 0
