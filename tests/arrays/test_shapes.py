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


@pytest.mark.parametrize("widths", [(2, 3), (5, 9, 1), (3, 0, 4)])
def test_short_rows_beside_each_other(widths):
    r = np.random.default_rng(0)
    arrays = [r.standard_normal((3, 2000, n)) for n in widths]
    arrays[1] = np.asfortranarray(arrays[1])
    for some in (arrays, [a[:, ::-2] for a in arrays], [arrays[0], arrays[1].astype("f")]):
        got, want = shapes.beside(np, some), np.concatenate(some, -1)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype
    with pytest.raises(ValueError, match="must match"):
        shapes.beside(np, [arrays[0], arrays[1][:2]])
