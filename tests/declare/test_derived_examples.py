"""Examples of methods and of other names are derived from those of the functions."""

import re

import pytest

import wengert
from wengert.declare.documentation import as_method


@pytest.mark.parametrize(
    "function, method",
    [
        (">>> torch.softmax(torch.zeros(2), 0)", ">>> torch.zeros(2).softmax(0)"),
        (">>> y = torch.add(x.T, 1, alpha=2)", ">>> y = x.T.add(1, alpha=2)"),
        (">>> torch.exp(x)", ">>> x.exp()"),
        (">>> torch.exp(x + 1).sum()", ">>> (x + 1).exp().sum()"),
        (">>> F.relu(x[0])", ">>> F.relu(x[0])"),
        (">>> torch.exp(2.0)", ">>> torch.exp(2.0)"),
        (">>> for a in torch.exp(x):", ">>> for a in torch.exp(x):"),
        (">>> torch.add(x, torch.add(x, 1))", ">>> x.add(torch.add(x, 1))"),
        (">>> x.exp()\ntensor([1.])", ">>> x.exp()\ntensor([1.])"),
        (">>> ('é', torch.exp(x))", ">>> ('é', x.exp())"),
    ],
)
def test_a_call_of_a_function_becomes_one_of_a_method(function, method):
    name = "add" if "add" in function else "softmax" if "softmax" in function else "exp"
    assert as_method(function, name) == method


def test_every_method_is_called_as_a_method_in_its_example():
    T = wengert.Tensor
    wrong = []
    for name in dir(T):
        f = getattr(T, name, None)
        if name[0] == "_" or not hasattr(f, "declared"):
            continue
        code = [x for x in f.__doc__.split("\n") if x.startswith((">>> ", "... "))]
        plain = re.sub(rf"(torch|F)(\.\w+)*\.{name}\(", "", "\n".join(code))
        if code and f".{name}(" not in plain:
            wrong.append(name)
    assert sorted(wrong) == ["conj", "orgqr", "subtract"]  # which show what they are


def test_another_name_is_called_by_that_name_in_its_example():
    assert ">>> torch.absolute(" in wengert.absolute.__doc__
    assert ".absolute()" in wengert.Tensor.absolute.__doc__
