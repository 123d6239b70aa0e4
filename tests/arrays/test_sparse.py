"""Products of sparse matrices by scipy's loop, which gives the bits that scipy's matrices do."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from wengert.arrays import sparse


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n, m, k, count", [(5, 5, 3, 9), (4, 6, 0, 5), (60, 80, 33, 900)])
def test_elements_in_order(dtype, n, m, k, count):
    r = np.random.default_rng(0)
    places = np.sort(r.choice(n * m, count, False))
    rows, cols = places // m, places % m
    x, y = (r.normal(size=s).astype(dtype) for s in (count, (m, k)))
    if dtype[0] == "c":
        x *= 1 + 2j
    want = csr_matrix((x, (rows, cols)), shape=(n, m)) @ y
    got = sparse._product_in_order(x, y, rows, cols, n)
    assert got.dtype == want.dtype and got.tobytes() == want.tobytes()
    assert (
        sparse._product_in_order(x, np.asfortranarray(y), rows, cols, n).tobytes() == got.tobytes()
    )


@pytest.mark.parametrize("rows, cols", [([1, 0], [0, 0]), ([0, 0], [1, 1]), ([0, 3], [0, 0])])
def test_others_are_left_to_scipy(rows, cols):
    x, y = np.ones(2, np.float32), np.ones((2, 3), np.float32)
    assert sparse._product_in_order(x, y, np.array(rows), np.array(cols), 3) is None
