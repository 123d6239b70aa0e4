"""A bounded slice of tools/compiled_comparison.py: compiled equals eager for operators of PyTorch's
own database among neighbours, at sizes with tails, and for random programs; and what it has found.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import wengert as w

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"
NAMES = ["clamp_max", "where", "softmax", "nn.functional.layer_norm", "cumsum"]


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    return importlib.import_module("compiled_comparison")


@pytest.mark.parametrize("name", NAMES)
def test_operators(comparison: Any, torch: Any, keep_rng: Any, name: str) -> None:
    for needed in ("expecttest", "torch.testing._internal.common_methods_invocations"):
        pytest.importorskip(needed)
    tally = comparison.Tally()
    with comparison.everything_compiled():
        comparison.examine(name, ["float32"], 1, tally)
    assert not tally.bad and tally.compiled > 1


def test_programs(comparison: Any) -> None:
    tally = comparison.Tally()
    with comparison.everything_compiled():
        for seed in (1, 2, 8, 11):
            comparison.program(seed, tally)
    assert not tally.bad and tally.compiled >= 4


@pytest.mark.parametrize("mask", [True, False])
def test_masks_and_numbers_that_are_constant(mask: bool) -> None:
    def f(x: Any, y: Any) -> Any:
        k = w.tensor(mask)
        some = w.where(k, x, y) * y, (x * 2).masked_fill(k, 3.0) + 1, w.where(k, 1.0, x * 2) * 3
        return *some, (x > 0) & k, ((x > 0) ^ k).float() + k

    x, y = w.randn(3, 17), w.randn(3, 17)
    c = w.compile(f)
    for _ in range(3):
        for a, b in zip(f(x, y), c(x, y)):
            assert a.dtype is b.dtype and w.allclose(a.float(), b.float(), atol=1e-6)
    assert c.calls.counts["compiled"] == 2


def test_how_memory_lies_is_what_it_is_in_eager_mode() -> None:
    def f(x: Any) -> Any:
        y = x.expand(3, 4)
        z = x.clone().t() if x.dim() > 1 else x[::2]
        told = [t.is_contiguous() for t in (x, y, z)], [t.stride() for t in (x, y, z)]
        x = x.clone()
        x.copy_(x[0].clone())
        return y + 1, str((told, x.is_contiguous(), x.stride()))

    c = w.compile(f)
    for x in (w.randn(4), w.randn(3, 4)):
        assert c(x)[1] == f(x)[1]


def test_trainings(comparison: Any) -> None:
    training = importlib.import_module("compiled_trainings").training
    tally = comparison.Tally()
    with comparison.everything_compiled():
        for seed in (3, 24, 101):
            training(seed, tally)
    assert not tally.bad and tally.compiled >= 4


def test_draws_follow_memory_as_in_eager_mode() -> None:
    """Dropout hides the same elements of what lies otherwise, and results lie as they would."""
    F = w.nn.functional
    ways = [
        lambda x: x, lambda x: (x + 1).relu() * 2, lambda x: w.cat([x, x]), lambda x: x.cumsum(1),
        lambda x: x.sum(2, keepdim=True), lambda x: x.masked_fill(x > 0, 1.0),
        lambda x: w.zeros_like(x) + x, lambda x: w.ones(5, 4, 8) * x,
    ]  # fmt: skip
    x = w.randn(4, 5, 8).transpose(0, 1)
    for way in ways:

        def f(x: Any, way: Any = way) -> Any:
            y = way(x)
            drawn = w.rand_like(y), w.zeros_like(y).bernoulli_(0.5), F.dropout1d(y, 0.5)
            return *drawn, F.dropout(y, 0.5) * 2, (y * 2).normal_(), y + 0

        w.manual_seed(0)
        want = f(x)
        c = w.compile(f)
        for _ in range(2):
            w.manual_seed(0)
            for a, b in zip(want, c(x)):
                assert w.allclose(a, b, atol=1e-6) and a.stride() == b.stride()
        assert c.calls.counts["compiled"] == 1
