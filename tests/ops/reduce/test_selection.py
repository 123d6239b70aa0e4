"""Where an op selects, what it left out has the gradient 0, whatever arrives there: infinite and
nan gradients too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as W
from wengert.nn import functional as F

INF, NAN = float("inf"), float("nan")
VALUES = [-INF, -5.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 5.0, 6.0, INF]
ARRIVING = [1.0, INF, -INF, NAN]

SELECTING: dict[str, Callable[[Any, Any, Any], Any]] = {
    "relu": lambda T, F, x: F.relu(x),
    "relu6": lambda T, F, x: F.relu6(x),
    "hardtanh": lambda T, F, x: F.hardtanh(x),
    "hardsigmoid": lambda T, F, x: F.hardsigmoid(x),
    "hardswish": lambda T, F, x: F.hardswish(x),
    "hardshrink": lambda T, F, x: F.hardshrink(x),
    "softshrink": lambda T, F, x: F.softshrink(x),
    "threshold": lambda T, F, x: F.threshold(x, 0.5, 2.0),
    "clamp": lambda T, F, x: T.clamp(x, -1, 1),
    "clamp below": lambda T, F, x: T.clamp(x, min=0),
    "clamp above": lambda T, F, x: T.clamp(x, max=0),
    "maximum": lambda T, F, x: T.maximum(x, T.full_like(x, 0.5)),
    "minimum": lambda T, F, x: T.minimum(x, T.full_like(x, 0.5)),
    "fmax": lambda T, F, x: T.fmax(x, T.full_like(x, 0.5)),
    "where": lambda T, F, x: T.where(x > 0, x, T.zeros_like(x)),
    "where not": lambda T, F, x: T.where(x > 0, T.zeros_like(x), x),
    "masked_fill": lambda T, F, x: x.masked_fill(x > 0, 0.0),
    "power 0": lambda T, F, x: x**0,
    "tril": lambda T, F, x: T.tril(x),
}


def gradient(T: Any, functional: Any, f: Any, dtype: str) -> np.ndarray:
    x, g = np.meshgrid(VALUES, ARRIVING)
    x, g = (T.tensor(a).to(getattr(T, dtype)) for a in (x, g))
    x.requires_grad_()
    f(T, functional, x).backward(g)
    return x.grad.double().numpy()


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", SELECTING)
def test_as_pytorch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = gradient(torch, torch.nn.functional, SELECTING[name], dtype)
    ours = gradient(W, F, SELECTING[name], dtype)
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)  # 1/6 is a float32 in PyTorch


@pytest.mark.parametrize("n", [1, 3, 1000, 100_000])
@pytest.mark.parametrize("dtype", [W.float64, W.float32, W.float16, W.bfloat16])
def test_nothing_arrives_where_relu_is_zero(n: int, dtype: Any) -> None:
    x = W.linspace(-1, 1, n).to(dtype).requires_grad_()
    F.relu(x).backward(W.full((n,), INF).to(dtype))
    assert W.equal(x.grad, W.where(x > 0, INF, 0.0).to(dtype))


def test_of_a_number_and_of_another_layout() -> None:
    x = W.tensor(-1.0, requires_grad=True)
    F.relu(x).backward(W.tensor(NAN))
    assert x.grad.item() == 0.0
    x = W.tensor([[-1.0, 2.0], [3.0, -4.0]], requires_grad=True)
    F.relu(x.t()).backward(W.tensor([[NAN, 1.0], [2.0, NAN]]))
    assert x.grad.tolist() == [[0.0, 2.0], [1.0, 0.0]]


@pytest.mark.parametrize("dim", [-1, 1])
def test_the_median_of_one_element_is_that_one(dim: int) -> None:
    values, places = W.tensor([[NAN], [2.0]]).nanmedian(dim)
    assert str(values) == "tensor([nan, 2.])" and places.tolist() == [0, 0]
