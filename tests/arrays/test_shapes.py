"""Triangles of tall matrices, most of whose rows are kept or not as they are."""

import numpy as np
import pytest

from wengert.arrays import shapes


@pytest.mark.parametrize("shape", [(500, 5), (5, 500), (70, 1), (64, 0), (0, 5), (3, 300, 4)])
@pytest.mark.parametrize("diagonal", [-600, -300, -3, -1, 0, 1, 2, 5, 9, 700])
def test_triangles(shape, diagonal):
    x = np.random.default_rng(0).standard_normal(shape)
    x.reshape(-1)[::5] = np.nan
    for ours, theirs in ((shapes.triu, np.triu), (shapes.tril, np.tril)):
        for a in (x, x[::-1], x.swapaxes(-1, -2), np.nan_to_num(x).astype(np.int8), x > 0):
            got = ours(np, a, diagonal)
            np.testing.assert_array_equal(got, theirs(a, diagonal))
            assert got.flags.c_contiguous and not np.shares_memory(got, a)
