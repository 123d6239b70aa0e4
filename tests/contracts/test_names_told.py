"""Inner names never show: not as `__name__`, not in help, not in the error of a wrong call."""

from __future__ import annotations

import inspect
import pydoc
import re
import warnings
from importlib import import_module

import pytest

import wengert

SPACES = [
    "", "nn.functional", "linalg", "fft", "special", "nn.utils", "nn.utils.rnn", "autograd",
    "func", "utils.data", "signal.windows", "sparse", "masked", "Tensor",
]  # fmt: skip
PREFIXED = ("linalg", "fft", "special")  # PyTorch's errors say linalg_inv() too


def public(space):
    """(name, callable) of a namespace, or of Tensor."""
    owner = wengert.Tensor if space == "Tensor" else import_module(f"wengert.{space}".rstrip("."))
    for name in dir(owner):
        f = getattr(owner, name, None)
        ours = (getattr(f, "__module__", None) or "").startswith(("wengert", "torch"))
        if name[0] != "_" and inspect.isroutine(f) and ours:
            yield name, f


@pytest.mark.parametrize("space", SPACES)
def test_names(space):
    wrong, count = [], 0
    for name, f in public(space):
        count += 1
        if f.__name__ != name:
            wrong.append((name, f.__name__))
        first = pydoc.plain(pydoc.render_doc(f)).split("\n")[2:4]
        if not any(name in line for line in first):
            wrong.append((name, first))
        said = f"{space}_{name}" if space in PREFIXED else name
        args = (wengert.ones(2),) if space == "Tensor" else ()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                f(*args, no_such_argument=1)
            wrong.append((name, "takes any argument"))
        except TypeError as e:
            if not re.search(rf"\b({name}_?|{said})\(\)", str(e)):
                wrong.append((name, str(e)))
    assert count > 3
    assert wrong == []


def test_a_typo_gets_a_suggestion():
    """Python makes suggestions for classes of fewer than 750 names."""
    assert len(dir(wengert.ones(2))) < 750
    for owner, name, meant in [
        (wengert, "sofmax", "softmax"), (wengert.nn, "Liner", "Linear"),
        (wengert.optim, "Adaam", "Adam"), (wengert.nn.functional, "reul", "relu"),
    ]:  # fmt: skip
        with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
            getattr(owner, name)
    with pytest.raises(TypeError, match="unexpected keyword argument 'dims': did you mean 'dim'"):
        wengert.cat([wengert.ones(2)], dims=0)
