"""Words that do not ask a device about its numbers, which would wait for it: on arrays that refuse
to answer they give what they give over NumPy.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import wengert
from wengert.arrays import (
    activation,
    attention,
    ctc,
    elementwise,
    embedding,
    loss,
    normalization,
    padding,
    pool,
    shapes,
    sorting,
    special,
)  # fmt: skip
from wengert.arrays.capabilities import ON_HOST, some
from wengert.arrays.lookup import NS
from wengert.autodiff.grad_api import own
from wengert.engine import backward
from wengert.engine.backward import accumulate_grad
from wengert.engine.sharing import addable
from wengert.engine.tensor import wrap
from wengert.ops.nn.batch_norm import move


class Busy(np.ndarray):
    """An array whose numbers cannot be asked for."""

    def _refused(self, *args, **kwargs):
        raise AssertionError("a word waits for the device")

    def __getitem__(self, key):
        for k in key if isinstance(key, tuple) else (key,):
            assert not (isinstance(k, np.ndarray) and k.dtype == bool), "how many are true?"
        return super().__getitem__(key)

    def any(self, *dims):
        return super().any(*dims) if dims else self._refused()

    all = item = tolist = __int__ = __float__ = __bool__ = _refused


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
classes = np.array([3, 0, -100])
several = np.array([[1, 3, -1, 2], [-1, 0, 0, 0], [0, 1, 2, 3]])
logs = np.log(np.linspace(0.1, 0.9, 12).reshape(3, 4))
CASES = {
    "cross_entropy": lambda lib, v: loss.cross_entropy(lib, v(clean), v(classes))[0],
    "cross_entropy, weights": lambda lib, v: loss.cross_entropy(
        lib, v(clean), v(abs(classes) % 4), v(np.arange(4.0)), "none", 0, 0.25)[0],
    "cross_entropy_backward": lambda lib, v: loss.cross_entropy_backward(
        lib, v(np.array(2.0)), v(clean), v(classes), None,
        *[v(a) for a in loss.cross_entropy(np, clean, classes)[1:]]),
    "nll_loss": lambda lib, v: loss.nll_loss(lib, v(logs), v(classes)),
    "nll_loss_backward": lambda lib, v: loss.nll_loss_backward(
        lib, v(np.array(2.0)), v(logs), v(classes), None, v(np.array(2.0))),
    "bce_loss": lambda lib, v: loss.bce_loss(lib, v(np.exp(logs)), v(np.exp(logs) ** 2)),
    "multilabel_margin": lambda lib, v: loss.multilabel_margin(lib, v(clean), v(several)),
    "multilabel_margin_backward": lambda lib, v: loss.multilabel_margin_backward(
        lib, v(np.array(1.5)), v(clean), v(several)),
    "embedding": lambda lib, v: embedding.embedding(lib, v(clean), v(np.array([[2, 0], [1, 1]]))),
    "embedding_bag": lambda lib, v: embedding.embedding_bag(
        lib, v(clean), v(np.array([2, 0, 1])), v(np.array([0, 2])), mode="sum")[0],
    "embedding_bag of empty bags": lambda lib, v: embedding.embedding_bag(
        lib, v(clean), v(np.array([2, 0, 1])), v(np.array([0, 0, 2, 2, 3])), mode="mean")[:3],
    "layer_norm": lambda lib, v: normalization.layer_norm(
        lib, v(clean), v(np.arange(4.0)), v(np.ones(4)), 1, 1e-5)[0],
    "put_add": lambda lib, v: shapes.put_add(
        lib, v(clean), v(np.array([2, 0, 2])), shape=(4, 4), spec=("array",)),
    "edge_pad_backward": lambda lib, v: padding.edge_pad_backward(
        lib, v(np.arange(18.0).reshape(3, 6)), (3, 4), (1, 1), "reflect"),
    "max_unpool": lambda lib, v: pool.max_unpool(
        lib, v(clean[None, :2, :2]), v(np.array([[[0, 5], [7, 2]]])), (3, 3)),
    "median_index": lambda lib, v: sorting.median_index(lib, v(x), 1),
    "mode_index": lambda lib, v: sorting.mode_index(lib, v(clean.round()), 1),
    "batch_norm": lambda lib, v: normalization.batch_norm(
        lib, v(clean + 100), None, None, None, None, True)[0],
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
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12)


def test_indices_that_lead_nowhere_give_nan_on_a_device():
    """An error would have to wait for the device, and CuPy takes such indices modulo the size."""
    put = lambda a: np.copy(a).view(Busy)
    wrong = np.array([1, 4, -1])
    for got in (
        loss.cross_entropy(lib, put(clean), put(wrong), None, "none")[0],
        loss.nll_loss(lib, put(logs), put(wrong), None, "none")[0],
    ):
        assert np.isnan(np.asarray(got)).tolist() == [False, True, True]
    rows = np.asarray(embedding.embedding(lib, put(clean), put(np.array([2, 3, -1]))))
    assert np.isnan(rows).all(1).tolist() == [False, True, True]
    assert np.isnan(np.asarray(loss.multilabel_margin(lib, put(clean), put(several + 1)))).all()
    out = pool.max_unpool(lib, put(clean[None, :1, :2]), put(np.array([[[3, 9]]])), (3, 3))
    assert np.isnan(np.asarray(out)).sum() == 1


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


class Silent(np.ndarray):
    """Its flags are those that CuPy's arrays have."""

    @property
    def flags(self):
        names = ("c_contiguous", "f_contiguous", "fnc", "forc", "owndata")
        return SimpleNamespace(**{name: getattr(super(Silent, self).flags, name) for name in names})


def test_gradients_of_arrays_that_do_not_say_whether_they_may_be_written(monkeypatch):
    monkeypatch.setitem(NS, Silent, NS[np.ndarray])
    monkeypatch.setattr(
        backward, "PER_DEVICE", set()
    )  # there is no pass, whose device would change
    x = wengert.ones(3, requires_grad=True)
    for k in range(1, 4):
        accumulate_grad(x._n, np.full(3, 2.0, "f4").view(Silent), False)
        assert type(x.grad._a) is Silent and x.grad._a.tolist() == [2.0 * k] * 3
    g = np.ones(3, "f4").view(Silent)
    addable({x: g}, x, np.ones(3, "f4").view(Silent))
    assert own(g).tolist() == [1, 1, 1]
    running, new = (wrap(np.full(3, v, "f4").view(Silent)) for v in (2.0, 4.0))
    move(running, new, 0.5)
    assert running._a.tolist() == [3, 3, 3]
