"""Group norm's kernels against NumPy in double precision."""

import numpy as np
import pytest

from wengert.arrays import normalization
from wengert.kernels import compiler, group_norm

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(group_norm, "LEAST", 0)
    monkeypatch.setattr(group_norm, "PLANE", 1)
    monkeypatch.setattr(group_norm, "PLAIN", 0)


def numbers(shape, dtype, shift=0.0):
    return (np.random.default_rng(0).standard_normal(shape) + shift).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape,groups", [((3, 4, 5, 7), 2), ((2, 6, 33), 1), ((1, 4, 70), 4)])
def test_agrees_with_numpy(shape, groups, affine, dtype):
    c, near = shape[1], 3e-5 if dtype == "float32" else 1e-10
    x, g = numbers(shape, dtype, 10), numbers(shape[::-1], dtype).reshape(shape)
    w, b = (numbers(c, dtype, 1), numbers(c, dtype)) if affine else (None, None)
    found = group_norm.group_norm(x, w, b, groups, 1e-5)
    wide = [None if a is None else a.astype("d") for a in (x, w, b, g)]
    right = normalization.group_norm(np, *wide[:3], groups, 1e-5)
    for a, r in zip(found, right):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, r, near, near)
    for needs in ((True, True, True), (False, True, False), (True, False, False)):
        gradients = group_norm.group_norm_backward(g, x, w, *found[-2:], groups, needs)
        slopes = normalization.group_norm_backward(
            np, wide[3], wide[0], wide[1], *right[1:], groups, 1e-5, needs
        )
        for a, r in zip(gradients, slopes):
            assert (a is None) == (r is None)
            if a is not None:
                assert a.dtype == dtype
                np.testing.assert_allclose(a, r, 10 * near, 10 * near)


def test_same_bits_for_any_number_of_threads(each_count):
    x, seen = numbers((4, 8, 300), "float32"), []
    for _ in each_count():
        y, mean, rstd = group_norm.group_norm(x, None, None, 4, 1e-5)
        slopes = group_norm.group_norm_backward(x, x, None, mean, rstd, 4, (True,) * 3)
        seen.append(b"".join(a.tobytes() for a in (y, mean, rstd, *slopes)))
    assert len(set(seen)) == 1


def test_leaves_the_rest_to_others(monkeypatch):
    x = numbers((2, 4, 8), "float32")
    assert group_norm.group_norm(x.astype("f2"), None, None, 2, 1e-5) is None
    assert group_norm.group_norm(x, np.ones(4), None, 2, 1e-5) is None
    monkeypatch.setattr(group_norm, "PLANE", 9)
    assert group_norm.group_norm(x, None, None, 2, 1e-5) is None
