"""Optimizers as functions of lists: the steps of the optimizers, with the caller's own state."""

import importlib
import inspect

import pytest

import wengert as torch
from wengert.optim import _functional

ADAM = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}
CASES = [
    ("adam", {**ADAM, "amsgrad": True, "maximize": True}),
    ("adam", {**ADAM, "amsgrad": False, "maximize": False}),
    ("adamw", {**ADAM, "amsgrad": True, "maximize": False}),
    ("adadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.1, "maximize": False}),
    (
        "adagrad",
        {"lr": 0.1, "weight_decay": 0.1, "lr_decay": 0.1, "eps": 1e-10, "maximize": False},
    ),
    ("adamax", ADAM),
    ("asgd", {"lambd": 1e-4, "lr": 0.01, "t0": 2.0, "alpha": 0.75, "weight_decay": 0.1}),
    ("nadam", {**ADAM, "momentum_decay": 0.004}),
    ("radam", ADAM),
    (
        "rmsprop",
        {
            "lr": 0.01, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.9,
            "centered": True,
        },
    ),
    ("rprop", {"step_size_min": 1e-6, "step_size_max": 50, "etaminus": 0.5, "etaplus": 1.2}),
    (
        "sgd",
        {
            "weight_decay": 0.1, "momentum": 0.9, "lr": 0.01, "dampening": 0, "nesterov": True,
            "maximize": False,
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("name, options", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_steps_are_those_of_the_optimizer(name, options):
    kind, lists, _, _ = _functional.FORMS[name]
    given = dict(options)
    for pair, (first, second) in _functional.PAIRS.items():
        if first in given:
            given[pair] = given.pop(first), given.pop(second)
    torch.manual_seed(0)
    theirs = [torch.randn(3, 2), torch.randn(4)]
    ours = [p.clone().requires_grad_() for p in theirs]
    optimizer = kind(ours, **given)
    state = {}
    for _ in range(4):
        grads = [torch.randn_like(p) for p in theirs]
        for p, g in zip(ours, grads):
            p.grad = g.clone()
        if not state:  # what it begins with, before the first step counts
            begun = [optimizer.start(p, **start(optimizer)) for p in ours]
            for pair in lists.split():
                n, s = pair.split(":")
                state[n] = [tensor(b.get(s)) for b in begun if s in b]
        optimizer.step()
        function = getattr(importlib.import_module(f"wengert.optim.{name}"), name)
        function(theirs, grads, *state.values(), **options)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a.detach(), b)
    for pair in lists.split():
        n, s = pair.split(":")
        for p, kept in zip(ours, state[n]):
            torch.testing.assert_close(optimizer.state[p][s], kept)


def start(optimizer):
    names = inspect.signature(optimizer.start).parameters
    return {n: optimizer.param_groups[0][n] for n in names if n != "p"}


def tensor(value):
    return torch.tensor(value) if isinstance(value, float) else value


def test_arguments_are_pytorchs():
    reference = pytest.importorskip("torch")
    assert reference is not None
    for name in _functional.FORMS:
        theirs = getattr(importlib.import_module(f"torch.optim.{name}"), name)
        asked = inspect.signature(theirs).parameters.values()
        own = inspect.signature(getattr(_functional, name)).parameters.values()
        assert [(p.name, p.kind, p.default) for p in own] == [
            (p.name, p.kind, p.default) for p in asked
        ]
    with pytest.raises(TypeError, match=r"sgd\(\): missing a required argument"):
        _functional.sgd([], [])
    with pytest.raises(RuntimeError, match="grad_scale"):
        _functional.sgd([], [], [], grad_scale=torch.ones(1), **dict(CASES[-1][1]))
    with pytest.raises(AttributeError, match="no attribute 'adam'"):
        importlib.import_module("wengert.optim.sgd").adam
