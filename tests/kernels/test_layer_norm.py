"""Layer norm's kernels against NumPy in double precision."""

import numpy as np
import pytest

from wengert.arrays import normalization
from wengert.kernels import compiler, layer_norm

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(layer_norm, "LEAST", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    "rows, n", [(1, 1), (3, 15), (5, 16), (40, 17), (7, 33), (33, 64), (2, 1000)]
)
def test_agrees_with_numpy(rows, n, affine, dtype):
    r = np.random.default_rng(0)
    x, g = (
        (r.standard_normal((rows, n)) + 5).astype(dtype),
        r.standard_normal((rows, n)).astype(dtype),
    )
    w, b = (r.standard_normal(n).astype(dtype) for _ in "wb") if affine else (None, None)
    y, mean, rstd = layer_norm.layer_norm(x, w, b, n, 1e-5)
    found = layer_norm.layer_norm_backward(g, x, w, mean, rstd, n)
    x, g, w, b = (None if a is None else a.astype("d") for a in (x, g, w, b))
    right = normalization.layer_norm(np, x, w, b)
    gradients = normalization.layer_norm_backward(np, g, x, w, right[1], right[2])
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    for a, q in zip((y, mean, rstd, *found), (*right, *gradients)):
        scale = max(1, abs(q).max())
        if n > 1 or a is mean or a is y:  # the deviation of one number is eps alone
            np.testing.assert_allclose(a / scale, q / scale, rtol=tolerance, atol=tolerance)


def test_same_bits_for_any_number_of_threads(each_count):
    r = np.random.default_rng(0)
    x, g, seen = r.standard_normal((501, 70), "f"), r.standard_normal((501, 70), "f"), []
    for _ in each_count():
        y, mean, rstd = layer_norm.layer_norm(x, None, None, 70, 1e-5)
        seen.append([y, mean, rstd, *layer_norm.layer_norm_backward(g, x, None, mean, rstd, 70)])
    for other in seen[1:]:
        for a, b in zip(seen[0], other):
            assert a.tobytes() == b.tobytes()


def test_leaves_the_rest_to_others():
    x = np.ones((4, 8), "f")
    assert layer_norm.layer_norm(x.astype("f2"), None, None, 8, 1e-5) is None
    assert layer_norm.layer_norm(x, np.ones(8), None, 8, 1e-5) is None
    assert layer_norm.layer_norm(x, np.ones(7, "f"), None, 8, 1e-5) is None
    assert layer_norm.layer_norm_backward(x[:2], x, None, x[:, 0], x[:, 0], 8) is None
