"""An error names the layer it came from, with the way to it; users' own errors stay as they are."""

import numpy as np
import pytest

import wengert
from wengert import nn


def encoder():
    model = nn.Sequential()
    model.encoder = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(5, 2))
    return model


def test_path_and_chain():
    model = encoder()
    with pytest.raises(RuntimeError) as e:
        model(wengert.ones(2, 8))
    lines = str(e.value).splitlines()
    assert lines[0] == (
        "model.encoder.2 (Linear(5 -> 2)) got input of shape (2, 4): its last dimension must be 5"
    )
    assert lines[1:4] == [
        "on the way:",
        "  model (Sequential) got input of shape (2, 8)",
        "  model.encoder (Sequential) got input of shape (2, 8)",
    ]
    assert lines[4].startswith("mat1 and mat2 shapes cannot be multiplied (2x4 and 5x2)")


def test_the_name_of_the_users_variable():
    classifier = encoder()
    with pytest.raises(RuntimeError, match=r"^classifier\.encoder\.2 \(Linear"):
        classifier(wengert.ones(2, 8))

    class Trainer:
        def __init__(self):
            self.network = encoder()

        def step(self):
            return self.network(wengert.ones(2, 8))

    with pytest.raises(RuntimeError, match=r"^model\.encoder\.2 \(Linear"):
        Trainer().step()


def test_a_layer_alone():
    with pytest.raises(RuntimeError, match=r"^Linear\(5 -> 2\) got input of shape \(3, 4\): its"):
        nn.Linear(5, 2)(wengert.ones(3, 4))


CASES = [
    (nn.Conv2d(3, 4, 3), (2, 1, 8, 8), RuntimeError, "dimension 1 (channels) must be 3"),
    (nn.Conv2d(3, 4, 3), (8, 8), RuntimeError, "it must have 4 dimensions"),
    (nn.LayerNorm(4), (2, 3), RuntimeError, "its last dimension must be 4"),
    (nn.GroupNorm(2, 4), (2, 3), RuntimeError, "dimension 1 (channels) must be 4"),
    (nn.LSTM(3, 4), (5, 2, 7), RuntimeError, "its last dimension must be 3"),
    (nn.GRUCell(3, 4), (2, 7), RuntimeError, "its last dimension must be 3"),
    (nn.BatchNorm2d(3), (2, 4, 5, 5), RuntimeError, "dimension 1 (channels) must be 3"),
    (nn.MaxPool2d(2), (2, 2), RuntimeError, "it must be (batch, channels, height, width)"),
    (nn.LSTM(3, 4), (5, 2, 3, 3), ValueError, "it must be (length, batch, 3), or without batch"),
    (nn.TransformerEncoderLayer(8, 2), (3, 2, 7), AssertionError, "must be 8, 8, 8"),
]


@pytest.mark.parametrize("layer,shape,kind,text", CASES, ids=[c[0]._get_name() for c in CASES])
def test_what_each_layer_wants(layer, shape, kind, text):
    with pytest.raises(kind) as e:
        layer(wengert.ones(shape))
    assert text in str(e.value).splitlines()[0]


def in_a_model(layer, *inputs, kind=RuntimeError):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = layer

        def forward(self, *inputs):
            return self.block(*inputs)

    model = Net()
    with pytest.raises(kind) as e:
        model(*inputs)
    return str(e.value).splitlines()


def test_attention():
    def said(*lengths, kind=RuntimeError):
        inputs = [wengert.ones(n, b, 8) for n, b in lengths]
        return in_a_model(nn.MultiheadAttention(8, 2), *inputs, kind=kind)

    assert said((3, 2), (4, 3), (4, 3)) == [
        (
            "model.block (MultiheadAttention(8)) got inputs of shape (3, 2, 8) and (4, 3, 8) and "
            "(4, 3, 8): dimension 1 (batch) must be the same for query, key and value"
        ),
        "on the way:",
        "  model (Net) got inputs of shape (3, 2, 8) and (4, 3, 8) and (4, 3, 8)",
        "shape '[4, 4, 4]' is invalid for input of size 96",
    ]
    lines = said((3, 2), (4, 2), (5, 2), kind=AssertionError)
    assert "dimension 0 (length) must be the same for key and value" in lines[0]


def test_losses():
    lines = in_a_model(
        nn.CrossEntropyLoss(), wengert.ones(3, 4), wengert.tensor([0, 1, 7]), kind=IndexError
    )
    assert lines[0].startswith(
        "model.block (CrossEntropyLoss) got inputs of shape (3, 4) and (3,): Target 7 is out of"
    )
    lines = in_a_model(nn.BCELoss(), wengert.ones(3), wengert.ones(3, 1), kind=ValueError)
    assert lines[0].startswith("model.block (BCELoss) got inputs of shape (3,) and (3, 1): Using")


@pytest.mark.parametrize("layer", [nn.Linear(3, 2), nn.Conv2d(1, 1, 1), nn.LayerNorm(3)])
def test_what_is_no_tensor(layer):
    lines = in_a_model(layer, np.ones((1, 1, 3, 3)), kind=TypeError)
    assert lines[0].startswith(f"model.block ({nn.blame.brief(layer)}) got no tensor: ")
    assert "must be Tensor, not ndarray" in lines[0]


def test_indices_outside_the_table():
    with pytest.raises(IndexError) as e:
        nn.Embedding(4, 2)(wengert.tensor([1, 9]))
    assert "its indices are from 1 to 9, but the table has rows 0 to 3" in str(e.value)


def test_dtype():
    with pytest.raises(RuntimeError, match=r"its dtype is torch.float64 but the weights are"):
        nn.Linear(2, 2)(wengert.ones(1, 2, dtype=wengert.float64))


def test_users_errors_are_left_alone():
    class Strict(nn.Module):
        def forward(self, x):
            raise ValueError("my own words")

    with pytest.raises(ValueError) as e:
        nn.Sequential(Strict())(wengert.ones(1))
    assert str(e.value) == "my own words"


def test_errors_of_other_kinds_pass():
    class Lookup(nn.Module):
        def forward(self, x):
            return {}["key"]

    with pytest.raises(KeyError, match="^'key'$"):
        nn.Sequential(Lookup())(wengert.ones(1))


def test_an_error_that_is_handled_stays_readable():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 1)

        def forward(self, x):
            try:
                return self.fc(x)
            except RuntimeError as e:
                return str(e).splitlines()[0]

    text = Careful()(wengert.ones(1, 2))
    assert text == "Linear(3 -> 1) got input of shape (1, 2): its last dimension must be 3"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([nn.ReLU()], r"give the modules one by one, as in nn\.Sequential\(\*layers\)"),
        (nn.ReLU, r"it is a class, make one: ReLU\(\.\.\.\)"),
        (wengert.relu, "wrap a function in a Module"),
        ("relu", "str is not a Module subclass$"),
    ],
)
def test_what_is_no_module_says_what_to_write(value, said):
    with pytest.raises(TypeError, match=said):
        nn.Sequential(nn.Linear(2, 2), value)


def test_a_typo_on_a_module_can_be_suggested():
    """Python looks for near names where the error says what was asked of which object."""
    model = nn.Linear(2, 2)
    with pytest.raises(AttributeError) as caught:
        model.paramters()
    assert caught.value.obj is model and caught.value.name == "paramters"
