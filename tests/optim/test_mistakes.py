"""Hints about what is allowed and hardly ever meant: once each, at the user's line, and off."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import wengert as T
import wengert.nn.functional as F
from wengert import nn
from wengert.base import hints


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(hints, "told", set())
    monkeypatch.setattr(hints, "ON", True)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 2)
        self.layers = [nn.Linear(2, 2), nn.Linear(2, 2)]
        self.same = (self.out,)

    def forward(self, x):
        return self.out(x)


def given(f):
    """The hints that a function causes."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        f()
    assert all(w.filename == __file__ for w in found if w.category is T.HintWarning)
    return [str(w.message) for w in found if w.category is T.HintWarning]


def test_layers_in_a_plain_list():
    said = given(lambda: T.optim.SGD(Listed().parameters(), lr=0.1))
    assert len(said) == 1
    assert "Listed.layers is a plain list that holds 2" in said[0]
    assert given(lambda: T.optim.SGD(Listed().parameters(), lr=0.1)) == []  # once
    hints.told.clear()
    groups = [{"params": Listed().named_parameters()}]
    assert len(given(lambda: T.optim.Adam(groups, lr=0.1))) == 1


def test_an_empty_list_of_parameters_says_why():
    model = Listed()
    del model.out, model.same
    with pytest.raises(ValueError, match="empty parameter list: Listed.layers is a plain list"):
        T.optim.SGD(model.parameters(), lr=0.1)


def steps(clear, backwards=1):
    model = nn.Linear(2, 1)
    optimizer = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def run():
        for _ in range(4):
            clear(optimizer, model)
            for _ in range(backwards):
                model(T.ones(1, 2)).sum().backward()
            optimizer.step()

    return run


def test_forgotten_zero_grad():
    said = given(steps(lambda optimizer, model: None))
    assert len(said) == 1
    assert "Call optimizer.zero_grad()" in said[0]


@pytest.mark.parametrize("backwards", [1, 2])
@pytest.mark.parametrize(
    "clear",
    [
        lambda optimizer, model: optimizer.zero_grad(),
        lambda optimizer, model: optimizer.zero_grad(set_to_none=False),
        lambda optimizer, model: model.zero_grad(),
        lambda optimizer, model: [setattr(p, "grad", None) for p in model.parameters()],
        lambda optimizer, model: [p.grad.zero_() for p in model.parameters() if p.grad is not None],
    ],
)
def test_cleared_gradients_are_nobodys_mistake(clear, backwards):
    assert given(steps(clear, backwards)) == []


def test_softmax_before_cross_entropy():
    scores, y = T.randn(3, 4, requires_grad=True), T.tensor([0, 1, 2])
    assert given(lambda: F.cross_entropy(scores, y)) == []
    said = given(lambda: nn.CrossEntropyLoss()(scores.softmax(1), y))
    assert "takes a softmax itself" in said[0]
    assert given(lambda: F.cross_entropy(scores.softmax(1), y)) == []


def test_errors_that_know_the_mistake():
    out = nn.LSTM(3, 4)(T.randn(5, 1, 3))
    for f in (nn.Linear(4, 2), T.relu, T.sum):
        with pytest.raises(TypeError, match="output, state = lstm"):
            f(out)
    with pytest.raises(TypeError, match=r"model.parameters\(\)"):
        T.optim.SGD(nn.Linear(2, 2), lr=0.1)


def test_switches():
    program = (
        "import wengert as T; import wengert.nn.functional as F\n"
        "F.cross_entropy(T.zeros(1, 2, requires_grad=True).softmax(1), T.tensor([0]))"
    )
    run = lambda *flags, **env: subprocess.run(
        [sys.executable, *flags, "-c", program], capture_output=True, text=True,
        env={**__import__("os").environ, **env},
    ).stderr  # fmt: skip
    assert "HintWarning" in run()
    assert run("-O") == ""
    assert run(WENGERT_HINTS="0") == ""
