"""Pooling on CUDA that launches kernels of ours, over a stand-in for CuPy (`cupy_stand.py`)."""

import warnings
from functools import partial

import numpy as np
import pytest
from cupy_stand import Array, Stand

from wengert.arrays import cuda_kernels, cuda_launcher, cuda_pools, pool
from wengert.kernels import compiler, gpu_pools

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="no compiler for this machine")
# (shape, kernel, stride, padding, dilation, ceil)
CASES = [
    ((2, 3, 8, 10), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 9, 7), (3, 2), (2, 1), (1, 1), (1, 1), False),
    ((2, 3, 9, 7), (3, 3), (2, 3), (1, 1), (1, 1), True),
    ((3, 11, 12), (2, 3), (1, 2), (1, 0), (2, 3), True),
    ((2, 1, 5, 6), (5, 6), (5, 6), (0, 0), (1, 1), False),
    ((4, 3, 13), (3,), (2,), (1,), (1,), True),
    ((3, 13), (3,), (1,), (1,), (3,), False),
    ((2, 2, 5, 6, 7), (2, 3, 2), (2, 1, 2), (1, 1, 0), (1, 2, 1), True),
    ((3, 4, 5, 4), (2, 2, 3), (2, 2, 1), (0, 1, 1), (1, 1, 1), False),
]
WAYS = [(True, None), (False, None), (True, 5)]


def made(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).view(Array)


def general_positions(x, options):
    return pool.max_pool(np, x, *options)[1].view(Array)


def wrapped(name):
    lib, general = Stand(), partial(getattr(pool, name), np)
    return lib, general, cuda_kernels.wrap(name, general, lib)


def same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pools_are_launches(case):
    shape, *options = case
    size, stride, padding, dilation, ceil = options
    x = made(shape)
    x[..., :4] = np.round(x[..., :4])  # some equals
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lib, general, word = wrapped("max_pool")
        for _ in range(2):
            for got, want in zip(word(x, *options), general(x, *options), strict=True):
                assert got.dtype == want.dtype and got.shape == want.shape
                np.testing.assert_array_equal(got, want)
        assert lib.launches == ["max_pool"] * 2
        x.reshape(-1)[::5] = np.nan
        x.reshape(-1)[1::7] = -np.inf
        for got, want in zip(word(x, *options), general(x, *options), strict=True):
            np.testing.assert_array_equal(got, want)
        windows = size, stride, padding, dilation
        lib, general, word = wrapped("pool_scatter")
        for _ in range(2):
            where = pool.max_pool(np, made(shape), *options)[1].view(Array)
            args = made(where.shape, 1), where, shape[-len(size) :]
            same(word(*args, windows), general(*args))
        assert lib.launches == ["max_pool_input"] * 2
        same(word(*args), general(*args))  # of which nobody says in which windows they are
        assert len(lib.launches) == 2
        x = made(shape)
        for way in WAYS:
            lib, general, word = wrapped("avg_pool")
            want = general(x, size, stride, padding, ceil, *way)
            same(word(x, size, stride, padding, ceil, *way), want)
            assert lib.launches == ["avg_pool"]
            lib, general, word = wrapped("avg_pool_input")
            args = (made(want.shape, 1), shape[-len(size) :], size, stride, padding, ceil, *way)
            same(word(*args), general(*args))
            assert lib.launches == ["avg_pool_input"]


def test_nothing_but_minus_infinity():
    """The first of equals is there, even if nothing is greater than -inf."""
    x = np.full((1, 4, 4), -np.inf, np.float32).view(Array)
    _, general, word = wrapped("max_pool")
    options = (3, 3), (2, 2), (1, 1), (1, 1), False
    for got, want in zip(word(x, *options), general(x, *options), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_kernels_cannot_read():
    lib, general, word = wrapped("max_pool")
    options = (2, 2), (2, 2), (0, 0), (1, 1), False
    for x in (made((2, 6, 6)).astype(np.float64), made((2, 6, 12))[..., ::2], made((0, 6, 6))):
        for got, want in zip(word(x, *options), general(x, *options), strict=True):
            np.testing.assert_array_equal(got, want)
    assert not lib.launches
    lib, general, word = wrapped("pool_scatter")
    x = made((2, 6, 6))
    where = general_positions(x, options)
    windows = options[:4]
    for g, at in (
        (made((2, 3, 3)).astype(np.float64), where), (made((2, 3, 6))[..., ::2], where),
        (made((2, 3, 3)), where.astype(np.int32)),
    ):  # fmt: skip
        np.testing.assert_array_equal(word(g, at, (6, 6), windows), general(g, at, (6, 6)))
    assert not lib.launches


@pytest.mark.parametrize("name", cuda_pools.WORDS)
def test_pools_that_differ_are_given_up(name):
    lib, general, word = wrapped(name)
    lib.spoil = True
    rest = [(2, 2), (2, 2), (0, 0)]
    rest += [(1, 1), False] if name == "max_pool" else [False, True, None]
    kernel = {"pool_scatter": "max_pool_input"}.get(name, name)
    where = general_positions(made((2, 6, 6)), ((2, 2), (2, 2), (0, 0), (1, 1), False))
    scattered = made((2, 3, 3)), where, (6, 6), ((2, 2), (2, 2), (0, 0), (1, 1))
    args = (
        scattered
        if name == "pool_scatter"
        else (made((2, 3, 3)), (6, 6), *rest)
        if name == "avg_pool_input"
        else (made((2, 6, 6)), *rest)
    )
    with pytest.warns(RuntimeWarning, match=f"kernel {kernel} differs from the general way"):
        found = word(*args)
    for got, want in zip(np.atleast_1d(found), np.atleast_1d(general(*args)), strict=True):
        np.testing.assert_array_equal(got, want)
    word(*args)
    assert lib.launches == [kernel]


def test_positions_are_compared_exactly():
    """Far from 0 the next position is near, as numbers go."""
    lib = Stand()
    launcher = cuda_launcher.Launcher(gpu_pools.POOLS["max_pool"], lib)
    at = np.array([500_000])
    with pytest.warns(RuntimeWarning, match="kernel max_pool differs"):
        assert launcher.checked(0, at + 1, lambda: at) is at
