"""The examples in the docstrings of torch.optim run, with `torch` being wengert."""

import doctest
import importlib
import pkgutil

import pytest

import wengert
import wengert.optim

MODULES = [m.name for m in pkgutil.walk_packages(wengert.optim.__path__, "wengert.optim.")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name.endswith("sparse_adam") and not hasattr(wengert.Tensor, "to_sparse"):
        pytest.skip("the example makes a sparse tensor")
    result = doctest.testmod(importlib.import_module(name), extraglobs={"torch": wengert})
    assert result.failed == 0


def test_every_public_class_has_an_example():
    for name in wengert.optim.__all__:
        thing = getattr(wengert.optim, name)
        assert isinstance(thing, type(wengert)) or ">>>" in thing.__doc__, name
    for name in wengert.optim.lr_scheduler.__all__:
        assert ">>>" in getattr(wengert.optim.lr_scheduler, name).__doc__, name
