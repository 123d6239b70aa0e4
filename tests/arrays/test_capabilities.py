"""Words that do not ask a device about its numbers, which would wait for it: on arrays that refuse
to answer they give what they give over NumPy.
"""

import numpy as np
import pytest

from wengert.arrays import activation, attention, ctc, elementwise, pool, special
from wengert.arrays.capabilities import ON_HOST, some


class Busy(np.ndarray):
    """An array whose numbers cannot be asked for."""

    def _refused(self, *args, **kwargs):
        raise AssertionError("a word waits for the device")

    any = all = item = tolist = __int__ = __float__ = __bool__ = _refused


class Device:
    """NumPy's functions, under another name."""

    ndarray = Busy

    def __getattr__(self, name):
        return getattr(np, name)


lib = Device()
INF, NAN = np.inf, np.nan
x = np.array([[1.0, NAN, -2.0, 40.0], [0.0, -0.0, INF, -3.0], [2.0, 5.0, 2.0, 1.0]])
clean = np.array([[1.0, -2.0, 0.5, 30.0], [0.25, -1.0, 3.0, 2.0], [9.0, 8.0, 7.0, 6.0]])
g = np.arange(12.0).reshape(3, 4) - 5
masked = np.where(np.arange(16).reshape(4, 4) % 5 == 0, -INF, 0.0)
masked[2] = -INF
CASES = {
    "softplus": lambda lib, v: activation.softplus(lib, v(x), 1.5, 3.0),
    "softplus, none": lambda lib, v: activation.softplus(lib, v(clean), 1.0, 2.0),
    "softplus_backward": lambda lib, v: activation.softplus_backward(lib, v(g), v(x), 1.5, 3.0),
    "softplus_backward, none": lambda lib, v: activation.softplus_backward(
        lib, v(g), v(clean - 50)),
    "prelu": lambda lib, v: activation.prelu(lib, v(x), v(np.array([INF]))),
    "prelu, none": lambda lib, v: activation.prelu(lib, v(clean), v(np.array([0.25]))),
    "prelu_backward": lambda lib, v: activation.prelu_backward(
        lib, v(g), v(x), v(np.array([NAN]))),
    "prelu_backward, none": lambda lib, v: activation.prelu_backward(
        lib, v(g), v(clean), v(np.array([0.25]))),
    "probabilities": lambda lib, v: attention.probabilities(
        lib, v(clean.repeat(2, 0)[:4]), v(clean.repeat(2, 0)[:4]), v(masked), False),
    "pow": lambda lib, v: elementwise.pow(lib, v(clean * 1j), v(np.zeros((3, 4)))),
    "max_pool": lambda lib, v: pool.max_pool(
        lib, v(x[None, None]), (2, 2), (1, 1), (1, 1), (1, 1), False),
    "max_pool, none": lambda lib, v: pool.max_pool(
        lib, v(clean[None, None]), (2, 3), (1, 2), (0, 1), (1, 1), True),
    "max_pool of planes": lambda lib, v: pool.max_pool(
        lib, v(np.stack([x, clean])[:, None]), (3, 4), (3, 4), (0, 0), (1, 1), False),
    "polygamma": lambda lib, v: special.polygamma(lib, v(clean + 0.1), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_words_do_not_wait(name):
    case = CASES[name]
    with np.errstate(all="ignore"):
        want = case(np, np.copy)
        got = case(lib, lambda a: np.copy(a).view(Busy))
    pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
    for a, b in pairs:
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-14)


def test_losses_of_alignments():
    rng = np.random.default_rng(0)
    logs = np.log(rng.dirichlet(np.ones(5), (6, 3)))
    targets, lengths = np.array([[1, 2], [3, 3], [4, 1]]), np.array([2, 2, 0])
    steps = np.array([6, 2, 0])
    want = ctc.ctc_loss(np, logs, targets, steps, lengths, 0)
    got = ctc.ctc_loss(lib, logs, targets, steps, lengths, 0)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b)
    assert np.isinf(want[0]).any() or (want[0] == 0).any()


def test_the_question():
    none = np.zeros(3, bool)
    assert some(lib, none.view(Busy)) and not some(np, none) and some(np, ~none)
    assert lib not in ON_HOST
