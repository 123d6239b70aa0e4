"""A part of PyTorch's own list of operators, on its own samples, through tools/nestings.py.

The tool takes the whole list, through a bridge that turns any of PyTorch's objects into another
library's; here are operators that take tensors, numbers and lists only.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as W

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which PyTorch's list of operators imports

TOOLS = Path(__file__).parents[2] / "tools"
NAMES = """
    sin exp tanh sigmoid log1p sqrt erfc atan acosh nn.functional.softplus nn.functional.mish
    hypot logaddexp clamp maximum lerp addcdiv pow sum mean amin var_mean std logsumexp
    norm cumsum cummax logcumsumexp trapezoid reshape permute expand cat diagonal flip roll
    repeat unbind index_select scatter_add masked_fill __getitem__ index_put sort matmul addmm
    baddbmm outer kron tensordot trace nn.functional.conv1d nn.functional.linear
    nn.functional.avg_pool1d nn.functional.mse_loss nn.functional.huber_loss softmax log_softmax
    linalg.inv linalg.det linalg.solve linalg.slogdet
"""


class Bridge:
    """From PyTorch to wengert: tensors by value, functions by name."""

    m = W

    def __init__(self, op: Any) -> None:
        self.op = op

    def fn(self, f: Any) -> Any:
        if f is not self.op.op:
            return f  # what wraps a call, the same for both
        if self.op.name.startswith("__"):
            return getattr(W.Tensor, self.op.name)
        g: Any = W
        for part in self.op.name.split("."):
            g = getattr(g, part) if hasattr(g, part) else getattr(W.Tensor, part)
        return g

    def conv(self, x: Any, memo: dict[int, Any], grad: bool) -> Any:
        if id(x) in memo:
            return memo[id(x)]
        if isinstance(x, torch.Tensor):
            return W.from_numpy(np.array(x.detach().numpy()))
        if isinstance(x, (list, tuple)):
            return type(x)([self.conv(v, memo, grad) for v in x])
        if isinstance(x, dict):
            return {k: self.conv(v, memo, grad) for k, v in x.items()}
        return x

    def floats(self, x: Any) -> list[Any]:
        if isinstance(x, W.Tensor):
            return [x] if x.is_floating_point() or x.is_complex() else []
        return [t for y in x for t in self.floats(y)] if isinstance(x, (list, tuple)) else []


def plain(x: Any) -> bool:
    """Whether x is made of tensors, numbers, text, slices and lists of them."""
    if isinstance(x, (list, tuple)):
        return type(x) in (list, tuple) and all(map(plain, x))
    if isinstance(x, dict):
        return all(map(plain, x.values()))
    return isinstance(x, (torch.Tensor, int, float, complex, str, slice, type(None), type(...)))


def examples(op: Any, count: int) -> list[Any]:
    """Small samples with something to differentiate, evenly spread."""
    found = []
    for s in op.sample_inputs("cpu", torch.float64, requires_grad=True):
        parts = [s.input, *s.args, *s.kwargs.values()]
        flat = [t for p in parts for t in (p if isinstance(p, (list, tuple)) else [p])]
        ts = list({id(t): t for t in flat if isinstance(t, torch.Tensor)}.values())
        live = [t for t in ts if t.requires_grad]
        if live and plain([s.input, s.args, s.kwargs]) and 0 < sum(t.numel() for t in ts) <= 80:
            found.append((s, live))
    return found[:: max(1, len(found) // count)][:count]


def test_second_derivatives_in_every_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings.simplefilter("ignore")
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    tool = importlib.import_module("nestings")
    op_db = importlib.import_module("operator_samples").op_db

    torch.set_num_threads(1)
    bad, held = [], 0
    for op in op_db:
        if op.name not in NAMES.split() or op.variant_test_name:
            continue
        for sample, leaves in examples(op, 2):
            ours = tool.Sample(Bridge(op), op, sample, leaves)
            theirs = tool.Sample(tool.Itself(), op, sample, leaves)
            for column in tool.COLUMNS:
                try:
                    why = tool.judge(column, ours, theirs)
                except tool.Excluded:
                    continue
                held += not why
                if why:
                    bad.append(f"{op.name} {column}: {why}")
    assert not bad, "\n".join(bad)
    assert held > 300
