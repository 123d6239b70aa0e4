"""Errors that no line of the library raised: Python or NumPy met arguments nobody had looked at.
They are of PyTorch's type, and say which function and which argument.
"""

import pytest

import wengert
from wengert import audio, nn
from wengert.engine.error_context import accidental, meant
from wengert.nn.utils import prune

W = wengert
SEQUENCE, STATE = W.zeros(4, 1, 2), W.zeros(1, 1, 3)
WEIGHTS = [W.zeros(9, 2), W.zeros(9, 3)]
PLAIN = (False, 1, 0.0, False, False, False)
DECLARED = [
    (RuntimeError, "gru", lambda: W.gru(SEQUENCE[0], STATE, WEIGHTS, *PLAIN)),
    (RuntimeError, "gru", lambda: W.gru(SEQUENCE, STATE, WEIGHTS, False, 0, *PLAIN[2:])),
    (RuntimeError, "spdiags", lambda: W.sparse.spdiags(W.ones(1, 2), W.tensor([0]), (2,))),
    (NotImplementedError, "lobpcg", lambda: W.lobpcg(W.eye(9).long(), 1)),
    (TypeError, "argument 'input' must be Tensor", lambda: W.masked.sum(object())),
    (TypeError, "interpolate", lambda: nn.functional.interpolate(STATE, scale_factor="a")),
]
PLAIN_FUNCTIONS = [
    (
        "argument 'waveform' must be Tensor",
        lambda: audio.functional.lfilter(3, W.ones(2), W.ones(2)),
    ),
    ("argument 'tensor' must be Tensor", lambda: nn.init.ones_(object())),
    ("argument 'module'", lambda: prune.is_pruned(3)),
    ("argument 'data' must be Tensor", lambda: nn.Parameter(object())),
    ("argument 'input' must be Tensor", lambda: nn.Sigmoid()(object())),
    ("argument 'input' must be Tensor", lambda: nn.LSTM(2, 3)(object())),
]
# PyTorch's types, where another was raised
TYPES = [
    (RuntimeError, lambda: W.dropout(W.ones(2), 2.0, True)),
    (ValueError, lambda: nn.functional.dropout(W.ones(2), 2.0)),
    (RuntimeError, lambda: W.from_file("no such file", size=3)),
    (RuntimeError, lambda: W.constant_pad_nd(W.tensor(1), (1, 0))),
    (TypeError, lambda: W.finfo(object())),
    (TypeError, lambda: W.FloatStorage("a")),
    (TypeError, lambda: nn.functional.fold(W.ones(1, 8, 4), "a", 2)),
    (NotImplementedError, lambda: W.lu(W.eye(2).long())),
    (NotImplementedError, lambda: W.sparse.softmax(W.eye(2).to_sparse().long(), 1)),
]


@pytest.mark.parametrize("error, words, call", DECLARED)
def test_of_declared_functions(error, words, call):
    with pytest.raises(error, match=words) as raised:
        call()
    assert type(raised.value) is error


@pytest.mark.parametrize("words, call", PLAIN_FUNCTIONS)
def test_of_plain_functions_and_layers(words, call):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize("error, call", TYPES)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_types(error, call):
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) is error


@pytest.mark.filterwarnings("ignore")
def test_a_singular_matrix_is_factored():
    factors, pivots = W.lu(W.ones(3, 3))
    assert factors[2, 2] == 0 and pivots.tolist() == [1, 2, 3]


def test_what_a_program_raises_stays():
    class Layer(nn.Module):
        def forward(self, x):
            return x.nothing_of_the_kind

    for call in (
        lambda: Layer()(3),
        lambda: W.ones(2).apply_(lambda v: v.nothing_of_the_kind),
        lambda: W.vmap(lambda x: {}["key"])(W.ones(2)),
    ):
        with pytest.raises((AttributeError, KeyError)):
            call()


def test_what_the_library_raises_itself_stays():
    for error, call in (
        (AttributeError, lambda: nn.Linear(2, 2).nothing_of_the_kind),
        (IndexError, lambda: W.take(W.ones(3), W.tensor([7]))),
        (KeyError, lambda: nn.utils.spectral_norm(nn.ReLU())),
    ):
        with pytest.raises(error) as raised:
            call()
        assert type(raised.value) is error


def test_only_what_nobody_raised_is_accidental():
    try:
        raise ValueError("too many values to unpack")
    except ValueError as error:
        assert not accidental(error) and meant("f", error, {}) is None
