"""Orders against NumPy's stable sort: nan last, both zeros equal."""

import ml_dtypes
import numpy as np
import pytest

from wengert.kernels import compiler, ordering, threads

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
SHAPES = [(300, 5), (40, 7, 3), (9, 32, 11), (70, 9, 2, 2), (600, 2), (2048,), (3, 5000), (1, 600)]
ODD = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45]


def numbers(shape, dtype, seed=0):
    r = np.random.default_rng(seed)
    x = np.round(r.standard_normal(shape) * 3, seed % 2)
    if dtype[0] == "f":
        odd = r.random(shape) < 0.3
        x[odd] = r.choice(ODD, odd.sum())
    x = x.astype(dtype)
    if dtype[0] == "i":
        x.flat[0], x.flat[1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    return x


def order(x, dim, descending):
    if not descending:
        return np.argsort(x, dim, kind="stable")
    back = np.argsort(np.flip(x, dim), dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(back, dim)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("descending", [False, True])
def test_argsort(shape, dtype, descending):
    found = 0
    for seed in range(2):
        x = numbers(shape, dtype, seed)
        for y in (x, x.swapaxes(0, -1)):
            for dim in range(x.ndim):
                for count in (1, 2):
                    before = threads.count()
                    threads.set_count(count)
                    try:
                        got = ordering.argsort(y, dim, descending)
                    finally:
                        threads.set_count(before)
                    if got is not None:
                        found += 1
                        np.testing.assert_array_equal(got, order(y, dim, descending))
    assert found


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_parts_of_an_order(dtype):
    x = numbers((50, 9, 4), dtype)
    for first, last in ((0, 3), (4, 5), (8, 9)):
        for descending in (False, True):
            values, places = ordering.ranked(x, 1, first, last, descending, True)
            want = order(x, 1, descending)[:, first:last]
            np.testing.assert_array_equal(places, want)
            np.testing.assert_array_equal(values, np.take_along_axis(x, want, 1))
            np.testing.assert_array_equal(
                np.signbit(values * 1.0), np.signbit(np.take_along_axis(x, want, 1) * 1.0)
            )


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
def test_most_frequent(dtype):
    x = np.random.default_rng(0).integers(-2, 3, (100, 7, 3)).astype(dtype)
    got = ordering.mode(x, 1)
    for i in range(100):
        for j in range(3):
            row = x[i, :, j].tolist()
            best = max(sorted(set(row)), key=row.count)
            assert row[got[i, j]] == best and best not in row[got[i, j] + 1 :]
    if dtype[0] == "f":
        x[0, 0, 0] = np.nan
        assert ordering.mode(x, 1) is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("shape", [(300, 5), (40, 7, 3), (3, 2), (17,), (4, 4), (33, 70)])
@pytest.mark.parametrize("descending", [False, True])
def test_the_first_few(shape, dtype, descending):
    """With how many of them are equal to the next one, of which PyTorch chooses another."""
    x = numbers(shape, dtype)
    for dim in range(x.ndim):
        few_rows = x.size // shape[dim] < 16 and x.size > ordering.LEAST  # for the lanes
        if few_rows or shape[dim] > ordering.MEDIUM:  # dim is not the last, or rows are short
            assert ordering.first(x, dim, 1, 1, descending) is None
            continue
        for asked in range(1, min(shape[dim], ordering.FEW) + 1):
            few = min(asked + 1, shape[dim], ordering.FEW)
            values, places, equal = ordering.first(x, dim, few, asked, descending)
            want = order(x, dim, descending).take(range(few), dim)
            np.testing.assert_array_equal(places, want.take(range(asked), dim))
            found = np.take_along_axis(x, want, dim)
            np.testing.assert_array_equal(values, found.take(range(asked), dim))
            rows = np.moveaxis(found, dim, -1)
            a, b = rows[..., :-1], rows[..., 1:]
            same = ((a == b) | (a != a) & (b != b)).sum(-1)
            np.testing.assert_array_equal(equal.reshape(same.shape), same)
    assert ordering.first(x, 0, ordering.FEW + 1, 1, descending) is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("shape", [(5, 600), (3, 2, 129), (1000,)])
@pytest.mark.parametrize("descending", [False, True])
def test_the_first_few_of_long_rows(shape, dtype, descending):
    for x in (numbers(shape, dtype), np.sort(numbers(shape, dtype, 1))):
        want = order(x, x.ndim - 1, descending)
        found = np.take_along_axis(x, want, -1)
        for few, asked in ((1, 1), (4, 3), (17, 17), (32, 20)):
            values, places, equal = ordering.first(x, -1, few, asked, descending)
            np.testing.assert_array_equal(places, want[..., :asked])
            np.testing.assert_array_equal(values, found[..., :asked])
            a, b = found[..., : few - 1], found[..., 1:few]
            same = ((a == b) | (a != a) & (b != b)).sum(-1)
            np.testing.assert_array_equal(equal.reshape(same.shape), same)
    x = numbers((64, ordering.MEDIUM + 1), dtype)
    assert ordering.first(x, 0, 2, 1, True) is not None  # short ones
    assert ordering.first(x, 1, ordering.SOME + 1, 1, True) is None
    assert ordering.first(x[None].swapaxes(1, 2), 1, 2, 1, True) is None  # not the last dimension


@pytest.mark.parametrize("dtype, low", [("f2", 13), (ml_dtypes.bfloat16, 16)])
@pytest.mark.parametrize("shape", [(7, 200), (2, 5000)])
def test_numbers_whose_last_bits_are_the_same(dtype, low, shape):
    for descending in (False, True):
        x = numbers(shape, "f4").astype(dtype).astype("f4")
        got = ordering.argsort(x, 1, descending, low)
        np.testing.assert_array_equal(got, order(x, 1, descending))
