"""L D L^T of many small matrices, against LAPACK one by one."""

import numpy as np
import pytest

from wengert.arrays import factors
from wengert.kernels import compiler, small_symmetric

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 5, 32])
def test_agrees_with_lapack(n, dtype):
    if small_symmetric.library() is None:
        pytest.skip("the BLAS library has no LAPACK that can be called")
    r = np.random.default_rng(n)
    x = r.standard_normal((5, 40, n, n)).astype(dtype)
    x = x + x.swapaxes(-1, -2)
    x[0, 0], x[1, 1, 0], x[2, 2, 0, 0] = 0, 0, np.nan
    x = np.asfortranarray(x)
    ld, pivots, info = small_symmetric.ldl(x)
    assert ld.flags.c_contiguous and pivots.dtype == info.dtype == np.int32
    for i in np.ndindex(5, 40):
        want = factors._sytrf(x[i], False)
        np.testing.assert_allclose(ld[i], want[0], 1e-3, 1e-4, equal_nan=True)
        if i != (2, 2):
            assert pivots[i].tolist() == want[1].tolist() and info[i] == want[2]
