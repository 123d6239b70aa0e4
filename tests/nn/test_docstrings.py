"""The examples in the docstrings of nn run and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import wengert
from wengert import nn

MODULES = [m.name for m in pkgutil.walk_packages(nn.__path__, "wengert.nn.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    names = {"torch": wengert, "nn": nn, "F": nn.functional}
    wengert.manual_seed(0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs=names):
        runner.run(test)
    assert runner.failures == 0
