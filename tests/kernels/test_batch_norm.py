"""Batch norm's kernels against NumPy in double precision."""

import numpy as np
import pytest

from wengert.arrays import normalization
from wengert.kernels import batch_norm, compiler
from wengert.kernels import batch_norm_columns as columns

from .assembly import STACK, TARGETS, innermost_loops

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
SHAPES = [
    (3, 2),
    (65, 33),
    (130, 16),
    (200, 79),
    (7, 300),
    (3, 2, 5, 7),
    (1, 3, 64),
    (4, 5, 2),
    (2, 1, 33),
    (5, 3, 16),
    (2, 70, 17),
    (3, 4, 15),
]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(batch_norm, "LEAST", 0)
    batch_norm._facts.cache_clear()  # which keeps what LEAST has decided
    yield
    batch_norm._facts.cache_clear()


def numbers(shape, dtype, shift=0.0):
    return (np.random.default_rng(0).standard_normal(shape) + shift).astype(dtype)


def close(a, b, dtype):
    tolerance = 3e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("affine", [True, False])
def test_agrees_with_numpy(shape, dtype, affine, monkeypatch):
    x, g = numbers(shape, dtype, 10), numbers(shape[::-1], dtype).reshape(shape)
    w, b = (numbers(shape[1], dtype, 1), numbers(shape[1], dtype)) if affine else (None, None)
    y, mean, var, rstd = batch_norm.batch_norm(x, w, b, 1e-5)
    gradients = batch_norm.batch_norm_backward(g, x, w, mean, rstd, True, (True, True, True))
    fixed = batch_norm.batch_norm_backward(g, x, w, mean, rstd, False, (True, True, True))
    plain = batch_norm.normalized(x, mean, rstd if w is None else rstd * w, b)
    for f in ("batch_norm", "normalized", "batch_norm_backward"):
        monkeypatch.setattr(normalization.kernels, f, lambda *args: None)
    wide = [None if a is None else a.astype("d") for a in (x, w, b, g)]
    x, w, b, g = wide
    right = normalization.batch_norm(np, x, w, b)
    for a, r in zip((y, mean, var, rstd), right):
        close(a, r, dtype)
    close(plain, right[0], dtype)
    for training, found in ((True, gradients), (False, fixed)):
        args = np, g, x, w, right[1], right[3], training
        for a, r in zip(found, normalization.batch_norm_backward(*args)):
            close(a, r, dtype)


def test_far_from_zero_nothing_is_lost():
    x = numbers((8, 3, 50, 40), "float32", 5000)
    _, mean, var, _ = batch_norm.batch_norm(x, None, None, 1e-5)
    np.testing.assert_allclose(var, x.astype("d").var((0, 2, 3)), rtol=2e-5)
    np.testing.assert_allclose(mean, x.astype("d").mean((0, 2, 3)), rtol=1e-7)


def test_infinities_and_nans_stay_in_their_channel():
    x = numbers((3, 4, 9, 9), "float32")
    x[0, 1, 0, 0], x[2, 2, 1, 1] = np.inf, np.nan
    y, mean, *_ = batch_norm.batch_norm(x, None, None, 1e-5)
    assert np.isfinite(y[:, [0, 3]]).all() and np.isnan(y[:, 2]).all()
    assert mean[1] == np.inf and np.isnan(mean[2])


def test_what_is_asked_for():
    x = numbers((2, 3, 40), "float32")
    _, mean, _, rstd = batch_norm.batch_norm(x, None, None, 1e-5)
    gx, gw, gb = batch_norm.batch_norm_backward(x, x, None, mean, rstd, True, (True, False, False))
    assert gx is not None and gw is None and gb is None
    gx, gw, gb = batch_norm.batch_norm_backward(x, x, None, mean, rstd, True, (False, True, True))
    assert gx is None and gw.shape == gb.shape == (3,)


def test_leaves_the_rest_to_others():
    x = numbers((2, 3, 40), "float32")
    assert batch_norm.batch_norm(x.astype("f2"), None, None, 1e-5) is None
    assert batch_norm.batch_norm(x, np.ones(3), None, 1e-5) is None


def test_columns_keep_their_digits_and_bits(each_count):
    x = numbers((1000, 70), "float32", 5000)
    x[3, 5], x[0, 9] = np.nan, np.inf
    seen = []
    for _ in each_count():
        y, mean, var, rstd = batch_norm.batch_norm(x, None, None, 1e-5)
        gradients = batch_norm.batch_norm_backward(x, x, None, mean, rstd, True, (True, True, True))
        seen.append(b"".join(a.tobytes() for a in (y, mean, var, rstd, *gradients)))
    assert len(set(seen)) == 1
    others = np.delete(np.arange(70), [5, 9])
    np.testing.assert_allclose(var[others], x.astype("d").var(0)[others], rtol=2e-5)
    assert np.isfinite(y[:, others]).all() and np.isnan(var[5]) and not np.isfinite(var[9])


@pytest.mark.parametrize("name", TARGETS)
def test_columns_stay_in_registers(name):
    target = TARGETS[name]
    for maker in (columns.moments, columns.products):
        loops = innermost_loops(compiler.assembly(target, maker.text(target, "float")))
        assert loops and not any(STACK.search(line) for loop in loops for line in loop)
