"""torch.testing against PyTorch's: the same verdicts, texts and sample tensors."""

import numpy
import pytest

import wengert
import wengert.testing

NAN, INF = float("nan"), float("inf")
PAIRS = {
    "vectors": lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.5])),
    "matrices": lambda t: (t.ones(2, 2), t.tensor([[1.0, 1.0], [1.0, 1.5]])),
    "shapes": lambda t: (t.ones(2), t.ones(3)),
    "dtypes": lambda t: (t.ones(2), t.ones(2, dtype=t.float64)),
    "whole": lambda t: (t.tensor([1, 2]), t.tensor([1, 3])),
    "bytes": lambda t: (t.tensor([1, 2], dtype=t.uint8), t.tensor([3, 250], dtype=t.uint8)),
    "bools": lambda t: (t.tensor([True, False]), t.tensor([True, True])),
    "halves": lambda t: (t.tensor([1.0, 2.0]).half(), t.tensor([1.0, 2.1]).half()),
    "complex": lambda t: (t.tensor([1 + 1j]), t.tensor([1 + 2j])),
    "0-d": lambda t: (t.tensor(1.0), t.tensor(2.0)),
    "floats": lambda t: (1.0, 2.0),
    "ints": lambda t: (1, 2),
    "int and float": lambda t: (1, 1.0),
    "python bools": lambda t: (True, False),
    "complex numbers": lambda t: (1 + 1j, 1 + 2j),
    "none": lambda t: (None, 1),
    "lists": lambda t: ([1.0, 2.0], [1.0, 3.0]),
    "lengths": lambda t: ([1.0, 2.0], [1.0]),
    "keys": lambda t: ({"a": 1.0}, {"b": 1.0}),
    "nested": lambda t: ({"a": [t.ones(1)]}, {"a": [t.zeros(1)]}),
    "strings": lambda t: ("a", "a"),
    "arrays": lambda t: (numpy.ones(1), numpy.zeros(1)),
    "tensor and number": lambda t: (t.ones(1), 1.0),
    "nan": lambda t: (t.tensor([NAN]), t.tensor([NAN])),
    "inf": lambda t: (t.tensor([INF, 1.0]), t.tensor([INF, 1.0])),
    "inf and one": lambda t: (t.tensor([INF]), t.tensor([1.0])),
    "sparse": lambda t: (t.ones(1).to_sparse(), (2 * t.ones(1)).to_sparse()),
    "layouts": lambda t: (t.ones(1).to_sparse(), t.ones(1)),
    "close": lambda t: (t.ones(3), t.ones(3) + 1e-7),
    "empty": lambda t: (t.ones(0), t.ones(0)),
}
OPTIONS = [
    {}, {"rtol": 0, "atol": 0}, {"rtol": 0.3, "atol": 0.3}, {"equal_nan": True},
    {"check_dtype": False}, {"check_layout": False}, {"msg": "own words"},
    {"msg": lambda told: "so: " + told},
]  # fmt: skip


def verdict(library, make, options):
    try:
        library.testing.assert_close(*make(library), **options)
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize("name", PAIRS)
def test_verdicts_and_texts(torch, name):
    for options in OPTIONS:
        ours, theirs = (verdict(t, PAIRS[name], options) for t in (wengert, torch))
        assert ours == theirs, options


def test_allclose_takes_numbers_for_tensors():
    with pytest.warns(FutureWarning):
        wengert.testing.assert_allclose(1.0, wengert.tensor(1.0))
    with pytest.warns(FutureWarning), pytest.raises(AssertionError, match="Scalars are not close"):
        wengert.testing.assert_allclose(1.0, wengert.tensor(1.1))


DTYPES = ["float32", "float64", "int64", "uint8", "bool", "complex64", "float16", "int8"]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize(
    "options",
    [{}, {"low": 0, "high": 2}, {"noncontiguous": True}, {"exclude_zero": True}, {"low": -300}],
)
def test_samples(torch, keep_rng, name, options):
    made = []
    for t in (wengert, torch):
        t.manual_seed(3)
        dtype = getattr(t, name)
        x = t.testing.make_tensor(3, 2, dtype=dtype, device="cpu", **options)
        made.append((x.tolist(), tuple(x.stride()), str(x.dtype)))
    assert made[0] == made[1]


def test_refused_samples():
    make = wengert.testing.make_tensor
    with pytest.raises(ValueError, match="low"):
        make(2, dtype=wengert.float32, device="cpu", low=1, high=0)
    with pytest.raises(ValueError, match="requires_grad"):
        make(2, dtype=wengert.int64, device="cpu", requires_grad=True)
    assert make(2, dtype=wengert.float32, device="cpu", requires_grad=True).requires_grad
