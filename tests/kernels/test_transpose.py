"""Transposing copies against NumPy's."""

import numpy as np
import pytest

from wengert.kernels import compiler, transpose

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(transpose, "LEAST", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(2, 2), (15, 16), (17, 33), (64, 64), (3, 1000), (1000, 3), (130, 257), (300, 512)]
)
def test_agrees_with_numpy(shape, dtype):
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype(dtype)
    for a in (x[0].T, x.swapaxes(1, 2), x[:, :, ::1].swapaxes(1, 2)[::2]):
        out = transpose.transposed_copy(a)
        assert out is not None and out.flags.c_contiguous
        np.testing.assert_array_equal(out, a)
    wide = np.random.default_rng(0).standard_normal((shape[0], shape[1] + 5)).astype(dtype)
    np.testing.assert_array_equal(
        transpose.transposed_copy(wide[:, : shape[1]].T), wide[:, : shape[1]].T
    )


def test_leaves_the_rest_to_others():
    x = np.ones((8, 9), "f")
    assert transpose.transposed_copy(x) is None
    assert transpose.transposed_copy(x.T[::-1]) is None
    assert transpose.transposed_copy(x[:, ::-1].T) is None
    assert transpose.transposed_copy(x.astype("i4").T) is None
    assert transpose.transposed_copy(np.ones((2, 3, 4, 5), "f").swapaxes(2, 3)) is None
