"""What is said where a name is missing, and that PyTorch's names are known."""

import sys

import pytest

import wengert as w
from wengert.base import absent


def told(f):
    with pytest.raises(AttributeError) as error:
        f()
    return str(error.value)


def test_names_that_pytorch_has():
    assert "int8" in told(lambda: w.quantize_per_tensor)
    assert "not in wengert yet" in told(lambda: w.nn.functional.scaled_grouped_mm)
    assert "einops" in told(lambda: w.ones(1).names)


def test_names_that_are_nearly_right():
    assert "'sigmoid'" in told(lambda: w.sigmod)
    assert "'Conv3d'" in told(lambda: w.nn.Conv4d)
    assert "did you mean" not in told(lambda: w.nn.Dense)


def test_python_tells_what_is_nearly_a_method(capsys):
    """Tensor has no __getattr__, so that reading its attributes is quick: the hint is Python's."""
    with pytest.raises(AttributeError) as e:
        w.ones(1).resise_
    sys.__excepthook__(e.type, e.value, e.tb)
    assert "'resize_'" in capsys.readouterr().err


def test_asking_is_no_error():
    assert not hasattr(w, "quantize_per_tensor") and not hasattr(w.ones(1), "names")
    assert getattr(w.ones(1), "_foo", None) is None


def test_the_names_are_those_of_pytorch(torch):
    if not torch.__version__.startswith("2.13"):
        pytest.skip("another release")
    known = absent.catalogue()
    for module, owner in (("torch.nn", torch.nn), ("torch.optim", torch.optim)):
        assert {n for n, kind in known[module].items() if kind == "class"} <= set(dir(owner))
    assert "relu" in known["torch.Tensor"] and known["torch"]["Tensor"] == "class"


def test_advice_is_for_whole_paths():
    assert "transforms" in absent.advice("torchaudio.models")
    assert absent.advice("torch.nn.Linear") is None
    assert str(absent.unsupported("torchtext.nn")).startswith("No module named 'torchtext.nn'")
