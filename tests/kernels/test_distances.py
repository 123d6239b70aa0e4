"""Distances of pairs of small matrices, against their definition."""

import numpy as np
import pytest

import wengert as T
from wengert.kernels import compiler, distances

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("pairs", "n", "m", "columns"), [((700,), 5, 6, 2), ((3, 50), 7, 4, 8), ((), 20, 30, 1)]
)
def test_agrees_with_the_definition(dtype, pairs, n, m, columns):
    r = np.random.default_rng(0)
    x = r.standard_normal((*pairs, n, columns)).astype(dtype)
    y = r.standard_normal((*pairs, m, columns)).astype(dtype)
    g = r.standard_normal((*pairs, n, m)).astype(dtype)
    y[..., 0, :] = x[..., 0, :]  # no distance, no slope
    y[..., 1, 0], x[..., 1, 0] = np.inf, np.nan
    d = x[..., :, None, :] - y[..., None, :, :]
    np.testing.assert_allclose(distances.between(x, y, 1.0), np.abs(d).sum(-1), 1e-5, 1e-6)
    differing = np.where(np.isnan(d), np.nan, d != 0).sum(-1)
    np.testing.assert_array_equal(distances.between(x, y, 0.0), differing)
    assert distances.between(x, y, 1.5) is None
    want = np.sqrt((d * d).sum(-1))
    out = distances.between(x, y, 2.0)
    np.testing.assert_allclose(out, want, 1e-5, 1e-6)
    with np.errstate(all="ignore"):
        slope = np.where(want == 0, 0, g / want)[..., None] * d
    gx, gy = distances.euclidean_backward(g, x, y, out, (True, True))
    np.testing.assert_allclose(gx, slope.sum(-2), 1e-3, 1e-4)
    np.testing.assert_allclose(gy, -slope.sum(-3), 1e-3, 1e-4)
    assert distances.euclidean_backward(g, x, y, out, (False, True))[0] is None


def test_batches_are_done_at_once_and_again():
    """cdist of batches is what it is of each, to the second derivative."""
    T.manual_seed(0)
    x, y = T.randn(9, 5, 3, dtype=T.float64), T.randn(9, 6, 3, dtype=T.float64)
    x.requires_grad_()
    y.requires_grad_()
    for p in (2.0, 1.0, 3.0, float("inf")):
        both = T.cdist(x, y, p), T.stack([T.cdist(a, b, p) for a, b in zip(x, y)])
        grads = [T.autograd.grad((d**2).sum(), (x, y), create_graph=True) for d in both]
        seconds = [T.autograd.grad(sum((g**2).sum() for g in gs), (x, y)) for gs in grads]
        assert T.allclose(both[0], both[1])
        for one, other in zip([*grads[0], *seconds[0]], [*grads[1], *seconds[1]]):
            assert T.allclose(one, other)
