"""Layers take their documented arguments by name: all of them, in PyTorch's order and defaults."""

import inspect

import pytest
from nn.cases import CASES

from wengert import nn

NAMES = sorted({name for name, *_ in CASES})


def documented(cls):
    """The parameters of a class that may be given by name."""
    found = inspect.signature(cls).parameters.values()
    spread = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in found if p.kind not in spread and p.name[0] != "_"]


@pytest.mark.parametrize("name", NAMES)
def test_the_names_are_pytorchs(torch, name):
    ours, theirs = documented(getattr(nn, name)), documented(getattr(torch.nn, name))
    assert [p.name for p in ours] == [p.name for p in theirs]
    plain = (int, float, str, bool, tuple, type(None))
    for mine, other in zip(ours, theirs):
        if isinstance(other.default, plain):
            assert mine.default == other.default, mine.name


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_taken_by_name(name):
    for case, args, kwargs, _ in CASES:
        if case != name:
            continue
        cls = getattr(nn, name)
        parameters = documented(cls)
        if len(args) > len(parameters) or "positive" in map(str, (*args, *kwargs.values())):
            continue  # *args: modules, sizes; a weight that the other test makes
        empty = inspect.Parameter.empty
        named = {p.name: p.default for p in parameters if p.default is not empty}
        named |= dict(zip([p.name for p in parameters], args)) | kwargs
        assert repr(cls(**named)) == repr(cls(*args, **kwargs))
