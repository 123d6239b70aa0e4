"""The methods of ufuncs that CuPy lacks, made from functions that it has: here of NumPy's."""

import numpy as np
import pytest
import scipy.special

from wengert.arrays import bind, special
from wengert.arrays.cupy_library import WHOLE, CuPyLibrary


class Bare:
    """A ufunc as CuPy's are: called, and nothing else."""

    def __init__(self, ufunc):
        self.ufunc = ufunc

    def __call__(self, *args, **kwargs):
        return self.ufunc(*args, **kwargs)


class LikeCuPy:
    """NumPy's functions; the ufuncs of WHOLE have no methods."""

    def __getattr__(self, name):
        found = getattr(np, name)
        return Bare(found) if name in WHOLE else found


lib = CuPyLibrary(LikeCuPy())


def sample(name, *shape):
    rng = np.random.default_rng(0)
    if name.startswith("logical"):
        return rng.integers(0, 2, shape).astype(bool)
    if name == "bitwise_xor":
        return rng.integers(0, 1 << 60, shape).astype(np.uint64)
    x = rng.standard_normal(shape)
    if name in ("maximum", "minimum") and x.size > 3:
        x.reshape(-1)[3] = np.nan
    return x


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (4, 1, 6)])
def test_reductions_and_scans(name, shape):
    x, mine, theirs = sample(name, *shape), getattr(lib, name), getattr(np, name)
    for axis in [*range(len(shape)), -1, None, tuple(range(len(shape)))]:
        for keepdims in (False, True):
            got = mine.reduce(x, axis, None, None, keepdims)
            want = theirs.reduce(x, axis, None, None, keepdims)
            assert got.shape == want.shape and got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-14)
    for axis in range(len(shape)):
        np.testing.assert_allclose(mine.accumulate(x, axis), theirs.accumulate(x, axis), rtol=1e-14)
    starts = np.array([0, 1, 4][: min(len(x), 2) + (len(x) > 4)])
    starts = starts[starts < len(x)]
    np.testing.assert_allclose(
        mine.reduceat(x, starts, 0), theirs.reduceat(x, starts, 0), rtol=1e-14
    )
    np.testing.assert_array_equal(mine(x, x), theirs(x, x))


def test_nothing_to_reduce():
    empty = np.zeros((2, 0))
    assert lib.maximum.reduce(empty, 1, None, None, True, initial=-1.0).tolist() == [[-1.0]] * 2
    assert lib.maximum.reduce(np.ones((2, 1)), 1, initial=3.0).tolist() == [3.0, 3.0]


def test_the_vocabulary_over_it():
    """Words that need the missing methods give what they give over NumPy."""
    words, plain = bind.words(lib), bind.words(np)
    x = sample("maximum", 4, 5)
    for word in ("amax", "amin", "any", "all", "logsumexp", "softmax", "log_softmax"):
        if word in words:
            f, g = words[word], plain[word]
            args = (x, 1) if word not in ("any", "all") else (x > 0, 1)
            np.testing.assert_allclose(f(*args), g(*args), rtol=1e-12)


class Host(LikeCuPy):
    """With the way to the CPU."""

    ndarray = np.ndarray

    def asnumpy(self, a):
        return a.copy()


def test_what_goes_through_the_cpu():
    on_device = CuPyLibrary(Host())
    x, index = np.ones(4), np.array([1, 1, 3])
    on_device.multiply_at(x, (index,), np.array([2.0, 3.0, 5.0]))
    assert x.tolist() == [1, 6, 1, 5]
    points = np.array([-1.0, 0.0, 2.0])
    for which, word in enumerate((special.airy_ai, special.airy_ai_prime)):
        np.testing.assert_allclose(word(on_device, points), scipy.special.airy(points)[which])


@pytest.mark.parametrize("word", bind.ITEMS)
def test_views_of_single_elements_are_words_of_any_library(word):
    words = bind.words(CuPyLibrary(Host()))
    assert words[word](np.arange(3), (1, ...)).shape == ()
