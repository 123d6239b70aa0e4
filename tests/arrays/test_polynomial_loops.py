"""Orthogonal polynomials in machine code against NumPy's way to the same."""

import numpy as np
import pytest

from wengert.arrays import orthogonal_polynomials as general
from wengert.arrays import polynomial_loops as loops
from wengert.arrays.numpy_direct import library
from wengert.kernels import compiler


@pytest.mark.skipif(compiler.target() is None, reason="no compiler")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", loops.WORDS)
def test_as_numpys(name, dtype):
    rng = np.random.default_rng(0)
    x = (1.2 * rng.standard_normal(300)).astype(dtype)
    n = rng.uniform(-2, 14, 300).astype(dtype)
    x[:6] = [1, -1, 0, np.inf, np.nan, 0.5]
    n[-4:] = [np.nan, 700, 60, -0.5]

    def slow(x, n):
        return getattr(general, name)(library, x, n)

    word = loops.polynomial(name)(slow)
    near = dict(rtol=1e-4, atol=1e-4) if dtype is np.float32 else dict(rtol=1e-9, atol=1e-9)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(word(x, n), slow(x, n), **near)
        got = word(x[:, None], n[None, 6:9])
        np.testing.assert_allclose(got, slow(x[:, None], n[None, 6:9]), **near)
    assert word(x, n).dtype == dtype


def test_other_dtypes_go_the_general_way():
    seen = []
    word = loops.polynomial("legendre_polynomial_p")(lambda x, n: seen.append(n))
    word(np.ones(2, np.float32), np.ones(2))
    word(np.ones(2, np.float32), 3)
    assert len(seen) == 2
