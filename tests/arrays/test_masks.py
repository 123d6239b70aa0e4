"""Reading and writing where a mask is true, against NumPy."""

import numpy as np
import pytest

from wengert.arrays import masks


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "int8", "complex64", "bool"])
def test_masks_of_any_density(share, dtype):
    r = np.random.default_rng(0)
    x = (9 * r.standard_normal((90, 70))).astype(dtype)
    for mask in (r.random((90, 70)) < share, r.random(70) < share, r.random((90, 1)) < share):
        whole = np.broadcast_to(mask, x.shape)
        for a in (x, np.asfortranarray(x), x[::-1]):
            want = a[whole]
            assert (masks.masked_select(np, a, mask) == want).all()
            source = (9 * r.standard_normal(a.size)).astype(dtype)
            got, filled = masks.masked_scatter(np, a, mask, source), a.copy()
            filled[whole] = source[: want.size]
            assert (got == filled).all() and got.dtype == a.dtype
    with pytest.raises(ValueError, match="6300 elements are wanted, 5 given"):
        masks.masked_scatter(np, x, np.ones((90, 70), bool), source[:5])
