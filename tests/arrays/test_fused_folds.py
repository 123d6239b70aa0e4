"""The gradient of products by division: lines with zeros, nan and infinities among others."""

import numpy as np
import pytest

import wengert as T
from wengert.kernels import folds


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dim", [None, 0, 1, 2])
@pytest.mark.parametrize("keepdim", [False, True])
def test_gradients_of_products(dtype, dim, keepdim, monkeypatch):
    r = np.random.default_rng(0)
    seen = []
    x = r.standard_normal((40, 6, 7)).astype(dtype)
    places = x.reshape(-1)
    for step, odd in ((31, 0.0), (67, -0.0), (41, np.nan), (59, np.inf), (101, 1e-30)):
        places[step // 3 :: step] = odd
    if dim is None:
        x = np.where(x == 0, 1, x)[:1].repeat(5, 0)
        x[0, 0, 0] = 0
    for least in (1, 1 << 40):
        monkeypatch.setattr(folds, "LEAST", least)
        a = T.tensor(x).requires_grad_()
        out = a.prod() if dim is None else a.prod(dim, keepdim)
        g = T.linspace(-1, 2, out.numel(), dtype=a.dtype).reshape(out.shape)
        (grad,) = T.autograd.grad(out, a, g)
        seen.append(grad.numpy())
    np.testing.assert_allclose(*seen, 1e-4, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "dim"), [((900, 3), -1), ((3, 900), 0), ((30, 3, 40), 1)])
def test_cross_products(shape, dim, dtype):
    r = np.random.default_rng(0)
    x, y = (r.standard_normal(shape).astype(dtype) for _ in range(2))
    x.reshape(-1)[::41] = np.inf
    with np.errstate(invalid="ignore"):
        want = np.cross(x, y, axis=dim)
    got = T.linalg.cross(T.tensor(x), T.tensor(y), dim=dim)
    np.testing.assert_array_equal(got.numpy(), want)
    turned = [T.from_numpy(np.asfortranarray(a)) for a in (x, y)]
    np.testing.assert_array_equal(T.linalg.cross(*turned, dim=dim).numpy(), want)
