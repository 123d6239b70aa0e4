"""Reading along a dimension at places of an index, against NumPy."""

import numpy as np
import pytest

import wengert as torch
from wengert.kernels import compiler, gather, scatter

needs_kernels = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@needs_kernels
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint32"])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_agrees_with_numpy(dtype, dim):
    r = np.random.default_rng(0)
    shape = [40, 30, 50]
    x = (100 * r.standard_normal(shape)).astype(dtype)
    size, shape[dim] = shape[dim], 37
    index = r.integers(0, size, shape)
    want = np.take_along_axis(x, index, dim)
    assert (gather.along(x, index, dim) == want).all()
    assert (gather.along(np.asfortranarray(x), np.asfortranarray(index), dim) == want).all()


@needs_kernels
@pytest.mark.parametrize("wrong", [-1, 9, 1 << 40, -(1 << 62), (1 << 63) - 1, -(1 << 63)])
@pytest.mark.parametrize("dim", [0, 1])
def test_a_wrong_index_is_an_error_of_the_call(wrong, dim):
    index = np.zeros((300, 300), np.int64)
    index[-1, 2] = wrong
    shape = [300, 300]
    shape[dim] = 9
    with pytest.raises(IndexError):
        gather.along(np.zeros(shape), index, dim)
    with pytest.raises(RuntimeError, match=f"index {wrong} is out of bounds for dimension {dim}"):
        torch.gather(torch.zeros(shape), dim, torch.from_numpy(index))
    for dtype in (torch.int8, torch.bool):  # which the kernel does not take
        with pytest.raises(RuntimeError, match="out of bounds"):
            torch.gather(torch.zeros(shape, dtype=dtype), dim, torch.from_numpy(index))


@needs_kernels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_rows_are_added_in_double_precision(dtype):
    r = np.random.default_rng(0)
    index, source = r.integers(0, 5, (3, 40_000)), r.standard_normal((3, 40_000)).astype(dtype)
    want = np.ones((3, 5))
    for i in range(3):
        np.add.at(want[i], index[i], source[i].astype(np.float64))
    got = scatter.within(np.ones((3, 5), dtype), index, source)
    np.testing.assert_allclose(got, want, 3e-7 if dtype == "float32" else 1e-12)
    index[1, 7] = 5
    assert scatter.within(np.ones((3, 5), dtype), index, source) is None
