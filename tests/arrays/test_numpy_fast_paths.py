"""The quick words for plain float arrays say what the general words say."""

import numpy as np
import pytest

from wengert.arrays import elementwise, lookup, moments, reductions, shapes, sorting, weighted
from wengert.arrays import numpy_fast_paths as floats

KINDS = (np.float32, np.float64)
rng = np.random.default_rng(0)


def matrices(dtype):
    """Matrices of several sizes and layouts, with and without values that are no numbers."""
    for rows, columns in ((1, 1), (4, 4), (3, 70), (70, 3), (40, 33)):
        x = rng.standard_normal((rows, columns)).astype(dtype)
        yield x
        yield np.asfortranarray(x)
        yield x[::-1, ::-1]
        odd = x.copy()
        odd.reshape(-1)[:: max(1, odd.size // 5)] = rng.choice([np.nan, np.inf, -np.inf, -0.0, 0.0])
        yield odd


def same(a, b, exact=True):
    assert a.dtype == b.dtype and a.shape == b.shape
    if exact:
        np.testing.assert_array_equal(a, b)
    else:
        rtol = 1e-5 if a.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * 10)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("word", ["sum", "mean", "amax", "amin", "logsumexp"])
def test_reductions(word, dtype):
    general, quick = getattr(reductions, word), floats.WORDS[word]
    for x in matrices(dtype):
        for dim in (0, 1, None, (0, 1)):
            for keepdim in (False, True):
                a, b = quick(x, dim, keepdim), general(np, x, dim, keepdim)
                same(np.asarray(a), np.asarray(b), word in ("amax", "amin"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", KINDS)
def test_scans_and_rearrangements(dtype):
    for x in matrices(dtype):
        same(floats.tril(x, 1), shapes.tril(np, x, 1))
        same(floats.triu(x, -1), shapes.triu(np, x, -1))
        for dim in (0, 1):
            same(floats.cumsum(x, dim), reductions.cumsum(np, x, dim))
            same(floats.flip(x, (dim,)), shapes.flip(np, x, (dim,)))
            for descending in (False, True):
                same(floats.argsort(x, dim, descending), reductions.argsort(np, x, dim, descending))
            y = x * 2
            same(floats.cat(x, y, dim=dim), shapes.cat(np, x, y, dim=dim))
            same(floats.stack(x, y, dim=dim), shapes.stack(np, x, y, dim=dim))
            if x.size <= floats.FEW:
                values, places = floats.sort_along(None)(x, dim)
                same(values, np.sort(x, dim, "stable"))
                same(places, x.argsort(dim, "stable"))
            for keepdim in (False, True):
                most = floats.along(floats.amax, floats.argmax)(None)
                values, places = most(x, dim, keepdim)
                same(values, reductions.amax(np, x, dim, keepdim))
                same(places, reductions.argmax(np, x, dim, keepdim))
            for k in range(min(4, x.shape[dim]) + 1):
                for largest in (True, False):
                    same(
                        floats.topk_indices(x, k, dim, largest),
                        sorting.topk_indices(np, x, k, dim, largest),
                    )


def test_sorting_is_stable_where_elements_are_equal():
    x = rng.integers(0, 5, (64, 64)).astype(np.float32)
    same(floats.argsort(x, 1), reductions.argsort(np, x, 1))
    x[:, 7] = np.nan
    same(floats.argsort(x, 1), reductions.argsort(np, x, 1))
    x = rng.standard_normal((64, 64)).astype(np.float32)
    same(floats.argsort(x, 1), reductions.argsort(np, x, 1))


@pytest.mark.parametrize("dtype", KINDS)
def test_places(dtype):
    for x in matrices(dtype):
        x = np.nan_to_num(x, posinf=3, neginf=-3)
        for dim in (0, 1):
            i = rng.integers(0, x.shape[dim], x.shape)
            same(floats.gather(x, i, dim), shapes.gather(np, x, i, dim))
            g = rng.standard_normal(x.shape).astype(dtype)
            a, b = floats.scatter_add(x, i, g, dim), shapes.scatter_add(np, x, i, g, dim)
            same(a, b, exact=False)
        rows = rng.integers(-x.shape[0], x.shape[0], 5)
        same(floats.take(x, rows, spec=("array",)), x[rows])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", KINDS)
def test_elements(dtype):
    for x in matrices(dtype):
        y = x[::-1] * 2
        same(weighted.lerp_number(x, y, 0.3), x + (y - x) * dtype(0.3), exact=False)
        same(weighted.addcmul(x, y, y), x + y * y, exact=False)
        same(weighted.addcmul(x, y, y[:1], 2), x + y * y[:1] * 2, exact=False)
        for limits in ((-1, 1), (0.5, -0.5), (None, 0), (-1, None)):
            same(floats.clamp(x, *limits), elementwise.clamp(np, x, *limits))
        for t in KINDS:
            same(floats.astype(x, np.dtype(t)), x.astype(t))


@pytest.mark.parametrize("dtype", KINDS)
def test_moments(dtype):
    for x in matrices(dtype):
        if not np.isfinite(x).all():
            continue
        n = moments.norm2(np.ascontiguousarray(x))
        same(np.asarray(n), np.asarray(np.sqrt((x * x).sum()), dtype), exact=False)
        for dim in (0, 1, None):
            v = moments.variance(x, dim, 1, False)
            size = x.size if dim is None else x.shape[dim]
            if size > 1:
                same(np.asarray(v), np.asarray(x.var(dim, ddof=1)), exact=False)
            else:
                assert np.isnan(v).all()
    assert moments.norm2(np.zeros((0, 2), dtype)) is None


def test_whole_numbers():
    x = np.concatenate([rng.integers(-100, 100, 300), [np.iinfo(np.int64).min, 2**63 - 1]])
    for part in (x[:5], x[-5:], x):
        for y in (7, -7, 1, -3, 64):
            y = np.asarray(y)
            same(floats.remainder(part, y), np.remainder(part, y))
            same(floats.floor_divide(part, y), np.floor_divide(part, y))
    for f in (floats.remainder, floats.floor_divide):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            f(x, np.asarray(0))


def test_truth():
    for bits in ([True], [False, False], [False, True], []):
        for x in (np.array(bits), np.array([bits, bits])[:, ::-1], np.array([bits] * 2).T):
            same(np.asarray(floats.any(x)), np.asarray(x.any()))
    assert floats.any(np.array(True)).item() is True


def test_one_hot_refuses_what_lies_outside():
    assert floats.one_hot(np.array([[1], [0]]), 2).tolist() == [[[0, 1]], [[1, 0]]]
    assert floats.one_hot(np.array([299]), 300).sum() == 1
    for bad in (-1, 2):
        with pytest.raises(IndexError):
            floats.one_hot(np.array([bad]), 2)


def test_without_the_compiler(monkeypatch):
    for u in (weighted.LERP, weighted.ADDCMUL):
        monkeypatch.setattr(u, "run", None)
        monkeypatch.setattr(u, "made", True)
    test_elements(np.float32)


@pytest.mark.parametrize("dtype", KINDS)
def test_large_arrays(dtype):
    x = rng.standard_normal((300, 701)).astype(dtype)
    i = rng.integers(0, 701, x.shape)
    same(floats.gather(x, i, 1), np.take_along_axis(x, i, 1))
    half = i[:, ::2]
    same(floats.gather(x, half, 1), np.take_along_axis(x, half, 1))
    want = x.astype(np.float64)
    np.add.at(want, (np.arange(300)[:, None], i), x)
    same(floats.scatter_add(x, i, x, 1), want.astype(dtype), exact=False)
    same(np.asarray(floats.sum_all(x)), np.asarray(x.sum(dtype=np.float64), dtype), exact=False)
    same(np.asarray(floats.mean_all(x)), np.asarray(x.mean(dtype=np.float64), dtype), exact=False)
    same(moments.norm2(x), np.asarray(np.linalg.norm(x.astype(np.float64)), dtype), exact=False)
    for y in (x.T, x[::2], x):
        same(floats.copy(y), y.copy())
        same(floats.contiguous(y), np.ascontiguousarray(y))
    rows = rng.integers(-9, 9, 300)
    want = np.zeros((9, 701))
    np.add.at(want, rows, x)
    got = floats.put_add(x, rows, shape=(9, 701), spec=("array",))
    same(got, want.astype(dtype), exact=False)
    got = floats.put_add(x[:5, :3], rows[:5], shape=(9, 3), spec=("array",))
    want = np.zeros((9, 3))
    np.add.at(want, rows[:5], x[:5, :3])
    same(got, want.astype(dtype), exact=False)
    x[3, 5] = np.inf
    assert floats.sum_all(x) == np.inf and moments.norm2(x) == np.inf
    x[200, 5] = -np.inf
    assert np.isnan(floats.sum_all(x)) and np.isnan(floats.mean_all(x))


def test_numbers_to_the_power_of_arrays_without_dimensions():
    """The word itself: programs of machine code that earlier calls have made go round it."""
    for dtype in (np.float32, np.float64):
        for y in (3.0, 2.0, np.inf):
            out = lookup.NS[np.ndarray].pow(2, np.asarray(y, dtype))
            assert out.dtype == dtype and out == 2.0**y
    x = np.float32(3)
    assert lookup.NS[np.ndarray].pow(x, np.asarray(2, "float32")) == 9
