"""Norms on CUDA that launch kernels of ours, over a stand-in for CuPy (`cupy_stand.py`)."""

import warnings
from functools import partial
from itertools import product

import numpy as np
import pytest
from cupy_stand import Array, Stand

from wengert.arrays import cuda_kernels, cuda_norms, normalization
from wengert.kernels import compiler

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="no compiler for this machine")
# (word, shape of x, shape of its weight, what it is called with besides arrays)
CASES = [
    ("layer_norm", (3, 77), (77,), (1, 1e-5)),
    ("layer_norm", (5, 3, 4, 33), (4, 33), (2, 1e-3)),
    ("layer_norm", (300, 130), (130,), (1, 1e-5)),  # more rows than a thread adds
    ("layer_norm", (2, 3), (3,), (1, 1e-5)),
    ("group_norm", (3, 6, 5, 7), (6,), (3, 1e-5)),
    ("group_norm", (2, 6, 40), (6,), (1, 1e-3)),
    ("group_norm", (4, 6), (6,), (2, 1e-5)),
    ("batch_norm", (3, 5, 40), (5,), (True, 1e-5)),
    ("batch_norm", (2, 4, 6, 35), (4,), (True, 1e-3)),
    ("batch_norm", (2, 4, 6, 35), (4,), (False, 1e-3)),
]
KERNELS = {
    "layer_norm": ({"layer_norm"}, {"layer_norm_backward", "column_sums"}),
    "group_norm": ({"group_norm"}, {"group_norm_backward", "plane_sums"}),
    "batch_norm": ({"plane_moments", "plane_scaled"}, {"plane_sums", "plane_back"}),
}


def made(shape, seed):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 3 + 1).astype(np.float32).view(Array)


def wrapped(name):
    lib = Stand()
    general = partial(getattr(normalization, name), lib)
    return lib, general, cuda_kernels.wrap(name, general, lib)


def close(found, want):
    for got, right in zip(found, want, strict=True):
        assert (got is None) == (right is None)
        if got is not None:
            assert got.dtype == right.dtype and got.shape == right.shape
            np.testing.assert_allclose(got, right, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_norms_are_launches(case):
    name, shape, small, (first, eps) = case
    lib, general, word = wrapped(name)
    x, w, b, g = made(shape, 0), made(small, 1), made(small, 2), made(shape, 3)
    running = (made(small, 4), abs(made(small, 5)) + 1) if name == "batch_norm" else ()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):  # the first is compared with CuPy's calls
            want = general(x, w, b, *running, first, eps)
            close(word(x, w, b, *running, first, eps), want)
        assert set(lib.launches) == KERNELS[name][0] - ({"plane_moments"} if not first else set())
        lib, general, word = wrapped(name + "_backward")
        mean, rstd = (a.view(Array) for a in (want[1], want[-1]))
        for needs in product((True, False), repeat=3):
            args = g, x, w, mean, rstd, first, eps, needs
            close(word(*args), general(*args))
    assert set(lib.launches) == KERNELS[name][1]


@pytest.mark.parametrize("name", ["layer_norm", "group_norm", "batch_norm"])
def test_what_kernels_cannot_read(name):
    shape, small = (4, 6, 40), (40,) if name == "layer_norm" else (6,)
    x, w, g = made(shape, 0), made(small, 1), made(shape, 2)
    lib, general, word = wrapped(name)
    double = [a.astype(np.float64) for a in (x, w, w)]
    every_other = made((4, 6, 80), 0)[..., ::2]
    for args in (double, (every_other, w, w), (x[:0], w, w)):
        if args[0].size or name == "group_norm":
            close(word(*args), general(*args))
    assert not lib.launches
    close(word(x, None, None), general(x, None, None))
    assert bool(lib.launches) == (name == "batch_norm")
    _, mean, *_, rstd = general(x, w, w)
    lib, general, word = wrapped(name + "_backward")
    for args in (
        [a.astype(np.float64) for a in (g, x, w, mean, rstd)],
        (g, every_other, w, mean, rstd),
        (every_other, x, w, mean, rstd),
    ):
        close(word(*args), general(*args))
    assert not lib.launches
    if name == "batch_norm":  # numbers, not planes
        x = made((7, 6), 0)
        word = wrapped(name)[-1]
        close(word(x, w, w), normalization.batch_norm(np, x, w, w))


@pytest.mark.parametrize("name", ["layer_norm", "group_norm", "batch_norm"])
def test_numbers_far_from_zero(name):
    """What the rounding of a mean leaves of it does not show in the results."""
    small = (400,) if name == "layer_norm" else (2,)
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((3, 2, 400)) + 3e4).astype(np.float32).view(Array)
    w, b = np.ones(small, np.float32).view(Array), np.zeros(small, np.float32).view(Array)
    lib, _, word = wrapped(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = word(x, w, b)[0]
    exact = getattr(normalization, name)(np, *(a.astype(np.float64) for a in (x, w, b)))[0]
    assert lib.launches
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)


def test_nothing_hides_an_overflow():
    """Where the squares of a row are out of reach, its results are nan, as on the CPU."""
    x, w = made((2, 40), 0), made((40,), 1)
    lib, general, word = wrapped("layer_norm")
    word(x, w, w)  # believed from here on
    x[1] *= np.float32(1e30)
    with np.errstate(all="ignore"):
        close(word(x, w, w)[:1], general(x, w, w)[:1])
    assert np.isnan(word(x, w, w)[0][1]).all() and len(lib.launches) == 3


@pytest.mark.parametrize("name", cuda_norms.WORDS)
def test_norms_that_differ_are_given_up(name):
    lib, general, word = wrapped(name)
    lib.spoil = True
    shape = (2, 3, 40)
    x, w = made(shape, 0), made((40,) if name.startswith(("layer", "rms")) else (3,), 1)
    with_mean = name.removesuffix("_backward") if "rms" not in name else "layer_norm"
    _, mean, *_, rstd = getattr(normalization, with_mean)(np, x, w, w)
    args = (x, w, w)
    if name.endswith("backward"):
        args = (made(shape, 3), x, w, mean.view(Array), rstd.view(Array))
    if name.startswith("rms"):
        args = (x, w)
        if name.endswith("backward"):
            args = (made(shape, 3), x, w, normalization.rms_norm(np, x, w)[1].view(Array))
    with pytest.warns(RuntimeWarning, match="differs from the general way"):
        close(word(*args), general(*args))
    launched = len(lib.launches)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(word(*args), general(*args))
    assert len(lib.launches) == launched


def test_what_did_not_run_is_not_believed():
    """A gradient that was not asked for at first is compared when it is."""
    lib, general, word = wrapped("group_norm_backward")
    x, w, g = made((2, 3, 40), 0), made((3,), 1), made((2, 3, 40), 2)
    _, mean, rstd = normalization.group_norm(np, x, w, w)
    args = g, x, w, mean.view(Array), rstd.view(Array), 1, 1e-5
    word(*args, (False, True, True))
    lib.spoil = True
    with pytest.warns(RuntimeWarning, match="kernel group_norm_backward differs"):
        close(word(*args, (True, False, False)), general(*args, (True, False, False)))


RMS = [((3, 77), (77,), 1), ((5, 3, 4, 33), (4, 33), 2), ((300, 130), (130,), 1)]


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("case", RMS, ids=str)
def test_rms_norms_are_launches(case, weighted):
    shape, small, dims = case
    lib, general, word = wrapped("rms_norm")
    x, g = made(shape, 0), made(shape, 1)
    w = made(small, 2) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            want = general(x, w, dims, 1e-3)
            close(word(x, w, dims, 1e-3), want)
        assert lib.launches == ["rms_norm"] * 2
        r = want[1].view(Array)
        lib, general, word = wrapped("rms_norm_backward")
        for needs in product((True, False), repeat=2):
            close(word(g, x, w, r, dims, 1e-3, needs), general(g, x, w, r, dims, 1e-3, needs))
        assert set(lib.launches) == {"rms_norm_backward", "column_sums"}
        double = [None if a is None else a.astype(np.float64) for a in (g, x, w, r)]
        close(word(*double, dims), general(*double, dims))
