"""Recurrent layers: packed sequences, states, second derivatives, interpreters, the kernels."""

import numpy as np
import pytest

import wengert
from wengert.arrays import recurrent as recurrence

SETTINGS = [
    ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("LSTM", {"bias": False}), ("GRU", {}),
    ("GRU", {"bias": False}), ("RNN", {}), ("RNN", {"nonlinearity": "relu"}),
]  # fmt: skip
IDS = [c + "".join(map(str, k)) for c, k in SETTINGS]


def run(lib, cls, packed, second, batch=4, **kwargs):
    """Outputs, states and gradients (of gradients, with second) of two layers both ways."""
    lib.manual_seed(3)
    m = getattr(lib.nn, cls)(3, 4, num_layers=2, bidirectional=True, **kwargs).double()
    rng = np.random.default_rng(0)

    def made(*shape):
        return lib.from_numpy(rng.standard_normal(shape)).requires_grad_()

    x = made(5, batch, 3)
    states = [made(4, batch, kwargs.get("proj_size", 4)), made(4, batch, 4)]
    states = states if cls == "LSTM" else states[:1]
    given = x
    if packed:
        lengths = lib.tensor([3, 5, 1, 4])
        given = lib.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, last = m(given, tuple(states) if cls == "LSTM" else states[0])
    if packed:
        y, _ = lib.nn.utils.rnn.pad_packed_sequence(y)
    last = last if isinstance(last, tuple) else (last,)
    loss = (y**2).sum() + sum((k * k * k).sum() for k in last)
    ins = [x, *states, *m.parameters()]
    grads = lib.autograd.grad(loss, ins, create_graph=second)
    out = [y, *last, *grads]
    if second:
        out += lib.autograd.grad(sum((g**2).sum() for g in grads), ins)
    return [o.detach().numpy() for o in out]


@pytest.mark.parametrize("cls,kwargs", SETTINGS, ids=IDS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_as_pytorch(torch, cls, kwargs, packed, second):
    torch.set_num_threads(1)
    got = run(wengert, cls, packed, second, **kwargs)
    want = run(torch, cls, packed, second, **kwargs)
    assert len(got) == len(want)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("cls,kwargs", SETTINGS, ids=IDS)
def test_wide_batches_take_another_path_to_the_same_numbers(cls, kwargs):
    """Projections of 8 and more sequences are one batched product."""
    torch = pytest.importorskip("torch")
    got, want = (run(lib, cls, False, False, batch=9, **kwargs) for lib in (wengert, torch))
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("cls", ["LSTM", "GRU", "RNN"])
def test_gradients_against_differences(cls):
    wengert.manual_seed(0)
    m = getattr(wengert.nn, cls)(2, 3).double()
    x = wengert.randn(4, 2, 2, dtype=wengert.float64, requires_grad=True)

    def loss(x):
        return (m(x)[0] ** 2).sum()

    g = wengert.autograd.grad(loss(x), x)[0]
    step = 1e-6
    for place in [(0, 0, 0), (3, 1, 1), (2, 0, 1)]:
        d = wengert.zeros_like(x)
        d[place] = step
        with wengert.no_grad():
            slope = (loss(x + d) - loss(x - d)) / (2 * step)
        assert abs(float(slope) - float(g[place])) < 1e-7


@pytest.mark.parametrize("cls", ["LSTM", "GRU", "RNN"])
def test_forward_mode_and_vmap(cls):
    func = pytest.importorskip("wengert.func")
    wengert.manual_seed(0)
    m = getattr(wengert.nn, cls)(2, 3).double()
    x = wengert.randn(4, 2, 2, dtype=wengert.float64)
    t = wengert.randn(4, 2, 2, dtype=wengert.float64)

    def f(x):
        return (m(x)[0] ** 2).sum()

    value, slope = func.jvp(f, (x,), (t,))
    want = (func.grad(f)(x) * t).sum()
    assert abs(float(slope) - float(want)) < 1e-10
    both = wengert.stack([x, t])
    each = func.vmap(f)(both)
    assert wengert.allclose(each, wengert.stack([f(x), f(t)]))


def test_a_frozen_input_and_half_precision():
    m = wengert.nn.LSTM(2, 3)
    out, (h, c) = m(wengert.ones(4, 2, 2))
    out.sum().backward()
    assert m.weight_hh_l0.grad.shape == (12, 3)
    low = wengert.nn.LSTM(2, 3).bfloat16()(wengert.ones(4, 2, 2, dtype=wengert.bfloat16))[0]
    assert low.dtype == wengert.bfloat16


def test_sums_of_steps_equal_one_call():
    wengert.manual_seed(0)
    m, cell = wengert.nn.LSTM(2, 3), wengert.nn.LSTMCell(2, 3)
    for name, p in cell.named_parameters():
        p.data.copy_(getattr(m, name + "_l0"))
    x = wengert.randn(5, 4, 2)
    out, _ = m(x)
    state = None
    for t in range(5):
        state = cell(x[t], state)
        assert wengert.allclose(state[0], out[t], atol=1e-6)


def test_weights_as_computed_attributes():
    """A weight that a parametrization computes is used as it is."""
    m = wengert.nn.utils.parametrizations.weight_norm(wengert.nn.GRU(2, 3), "weight_hh_l0")
    m(wengert.ones(4, 2, 2))[0].sum().backward()
    assert m.parametrizations.weight_hh_l0.original0.grad is not None


def test_no_graph_keeps_no_buffers():
    m = wengert.nn.LSTM(2, 3)
    with wengert.no_grad():
        out, _ = m(wengert.ones(4, 2, 2))
    assert out.grad_fn is None


WRONG = [
    (lambda m: m(wengert.ones(5, 2, 9)), RuntimeError),
    (lambda m: m(wengert.ones(5)), ValueError),
    (lambda m: m(wengert.ones(5, 2, 3, dtype=wengert.float64)), ValueError),
    (lambda m: m(wengert.ones(5, 2, 3), (wengert.ones(1, 2, 9),) * 2), RuntimeError),
    (lambda m: m(wengert.ones(5, 2, 3), (wengert.ones(2, 4),) * 2), RuntimeError),
    (lambda m: m(wengert.ones(5, 3), (wengert.ones(1, 2, 4),) * 2), RuntimeError),
    (lambda m: m(wengert.ones(0, 2, 3)), RuntimeError),
    (lambda m: wengert.nn.LSTM(3, 4, proj_size=4), ValueError),
    (lambda m: wengert.nn.GRU(3, 4, proj_size=2), ValueError),
    (lambda m: wengert.nn.RNN(3, 4, nonlinearity="sin"), ValueError),
    (lambda m: wengert.nn.LSTM(0, 4), ValueError),
    (lambda m: wengert.nn.LSTM(3.0, 4), TypeError),
    (lambda m: wengert.nn.LSTM(3, 4, dropout=2), ValueError),
    (lambda m: wengert.nn.LSTMCell(3, 4)(wengert.ones(2, 5)), RuntimeError),
    (lambda m: wengert.nn.GRUCell(3, 4)(wengert.ones(2, 3), wengert.ones(5, 4)), RuntimeError),
]


@pytest.mark.parametrize("f,kind", WRONG)
def test_bad_input(f, kind):
    with pytest.raises(kind):
        f(wengert.nn.LSTM(3, 4))


def test_kernels_agree_with_the_steps():
    """arrays/recurrence.py against a loop in plain NumPy, packed and backwards."""
    rng = np.random.default_rng(0)
    sizes, width, hidden = (3, 3, 2, 1), 2, 4
    x = rng.standard_normal((sum(sizes), width))
    h0, c0 = rng.standard_normal((2, 3, hidden))
    w_ih, w_hh = rng.standard_normal((16, width)), rng.standard_normal((16, hidden))
    out, h, c, *_ = recurrence.lstm_layer(np, x, h0, c0, w_ih, w_hh, None, None, sizes, True)
    h_now, c_now, want = h0.copy(), c0.copy(), np.empty_like(out)
    starts = np.cumsum((0, *sizes))
    for t in reversed(range(4)):
        n, rows = sizes[t], slice(starts[t], starts[t + 1])
        i, f, g, o = np.split(x[rows] @ w_ih.T + h_now[:n] @ w_hh.T, 4, 1)
        i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
        c_now[:n] = f * c_now[:n] + i * np.tanh(g)
        want[rows] = h_now[:n] = o * np.tanh(c_now[:n])
    np.testing.assert_allclose(out, want, atol=1e-12)
    np.testing.assert_allclose(h, h_now, atol=1e-12)
    np.testing.assert_allclose(c, c_now, atol=1e-12)


# ------------------------------------------------------------------- packing


def packing(lib):
    rnn = lib.nn.utils.rnn
    seqs = [lib.arange(1.0, n + 1) for n in (2, 4, 1)]
    padded = rnn.pad_sequence(seqs, batch_first=True)
    left = rnn.pad_sequence(seqs, padding_value=-1.0, padding_side="left")
    packed = rnn.pack_padded_sequence(padded, [2, 4, 1], batch_first=True, enforce_sorted=False)
    back, lengths = rnn.pad_packed_sequence(packed, batch_first=True, total_length=6)
    again = rnn.pack_sequence(seqs, enforce_sorted=False)
    out = [padded, left, *packed, back, lengths, again.data, again.batch_sizes]
    out += rnn.unpack_sequence(again) + rnn.unpad_sequence(padded, lib.tensor([2, 4, 1]), True)
    out += [packed.to(lib.float64).data, rnn.invert_permutation(lib.tensor([2, 0, 1]))]
    return [(str(t.dtype), t.tolist()) for t in out]


def test_packing_as_pytorch(torch):
    assert packing(wengert) == packing(torch)


def test_packing_is_differentiable():
    rnn = wengert.nn.utils.rnn
    x = wengert.ones(3, 2, requires_grad=True)
    back, _ = rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 1]))
    (back * 2).sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 0.0], [2.0, 0.0]]


@pytest.mark.parametrize(
    "lengths,text",
    [([1, 3], "decreasing"), ([3, 0], "greater than 0"), ([3], "batch_size"), ([4, 1], "longest")],
)
def test_bad_lengths(lengths, text):
    with pytest.raises(RuntimeError, match=text):
        wengert.nn.utils.rnn.pack_padded_sequence(wengert.ones(3, 2), lengths)


def test_weights_can_be_given_as_a_list():
    layer = wengert.nn.GRU(2, 3)
    twice = [2 * w for w in layer._flat_weights]
    x = wengert.ones(4, 1, 2)
    once = layer(x)[0]
    layer._flat_weights = layer._flat_weights
    assert len(list(layer.parameters())) == 4 and wengert.equal(layer(x)[0], once)
    layer._flat_weights = twice  # no parameters any more, as what makes weights anew wants it
    assert not list(layer.parameters()) and not wengert.equal(layer(x)[0], once)
    assert layer._flat_weights[0] is twice[0]
