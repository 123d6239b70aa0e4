"""The LSTM's kernels against NumPy's steps in double precision."""

import numpy as np
import pytest

from wengert.arrays import recurrent
from wengert.kernels import compiler, lstm

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(lstm, "LEAST", 1)


def case(steps, batch, inputs, units):
    r = np.random.default_rng(0)
    shapes = (steps * batch, inputs), (batch, units), (batch, units)
    shapes += (4 * units, inputs), (4 * units, units), (4 * units,)
    return [r.standard_normal(s).astype("f") * (1 if i < 3 else 0.3) for i, s in enumerate(shapes)]


def both(args, sizes, reverse, bias=True):
    x, h0, c0, w_ih, w_hh, b = args
    b = b if bias else None
    kept = lstm.lstm_layer(x, h0, c0, w_ih, w_hh, b, sizes, reverse)
    r = np.random.default_rng(1)
    g = [r.standard_normal(a.shape).astype("f") for a in kept[:3]]
    grads = lstm.lstm_layer_grad(*g, x, h0, w_ih, w_hh, kept[0], *kept[3:], sizes, reverse)
    return kept, g, grads


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps, batch, inputs, units", [
    (1, 1, 1, 1), (3, 2, 5, 15), (2, 13, 4, 16), (4, 7, 3, 17), (3, 6, 8, 65), (2, 9, 2, 130),
])  # fmt: skip
def test_agrees_with_numpy(steps, batch, inputs, units, reverse):
    args, sizes = case(steps, batch, inputs, units), (batch,) * steps
    kept, g, grads = both(args, sizes, reverse, units != 15)
    x, h0, c0, w_ih, w_hh, b = (a.astype("d") for a in args)
    b = b if units != 15 else None
    right = recurrent.lstm_layer(np, x, h0, c0, w_ih, w_hh, b, None, sizes, reverse)
    for a, q in zip(kept[:3], right):
        np.testing.assert_allclose(a, q, rtol=1e-4, atol=1e-5)
    gd = [a.astype("d") for a in g]
    args = *gd, x, h0, c0, w_ih, w_hh, right[0], *right[3:], b, None, sizes, reverse
    for a, q in zip(grads, recurrent.lstm_layer_grad(np, *args)):
        np.testing.assert_allclose(a, q, rtol=1e-4, atol=1e-4)


def test_same_bits_for_any_number_of_threads(each_count):
    args, seen = case(4, 13, 8, 70), []
    for _ in each_count():
        kept, _, grads = both(args, (13,) * 4, False)
        seen.append([*kept, *grads])
    for other in seen[1:]:
        for a, b in zip(seen[0], other):
            assert a.tobytes() == b.tobytes()


def test_large_values_saturate():
    args = case(2, 3, 4, 16)
    args[0] *= 1e4
    kept, _, grads = both(args, (3, 3), False)
    assert all(np.isfinite(a).all() for a in (*kept, *grads))


def test_leaves_the_rest_to_others():
    args = case(3, 4, 2, 8)
    assert lstm.lstm_layer(*args, (4, 3, 2), False) is None
    assert lstm.lstm_layer(*[a.astype("d") for a in args], (4,) * 3, False) is None
