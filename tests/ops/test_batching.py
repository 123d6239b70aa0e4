"""Ops with a batching rule of their own: vmap of values and gradients is a stack over examples, and
no op falls back to one example at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as W
from wengert.autodiff import batched
from wengert.func import grad, hessian, vmap
from wengert.nn import functional as F

RNG = np.random.default_rng(0)
REDUCTIONS = ("none", "mean", "sum")


@pytest.fixture(autouse=True)
def no_loops(monkeypatch):
    def looped(op, *args):
        raise AssertionError(f"{op.name} ran one example at a time")

    monkeypatch.setattr(batched, "looped", looped)


def normal(*shape: int) -> Any:
    return W.from_numpy(RNG.standard_normal(shape))


def places(n: int, *shape: int) -> Any:
    return W.from_numpy(RNG.integers(0, n, shape))


def check(f: Any, *args: Any, in_dims: Any = 0, orders: tuple[Any, ...] = (grad, hessian)) -> None:
    """f (any result), and the derivatives of the sum of its squares, against stacked examples."""
    dims = in_dims if isinstance(in_dims, tuple) else (in_dims,) * len(args)
    total = lambda *a: first(f(*a)).pow(2).sum()
    for g in (f, *[order(total) for order in orders]):
        rows = [
            g(*[a if d is None else a.select(d, i) for a, d in zip(args, dims)])
            for i in range(len(args[0]))
        ]
        got = vmap(g, dims)(*args)
        if isinstance(got, tuple):
            for a, b in zip(got, zip(*rows)):
                same(a, b)
        else:
            same(got, rows)


def first(r: Any) -> Any:
    return r[0] if isinstance(r, tuple) else r


def same(a: Any, rows: Any) -> None:
    b = W.stack(list(rows))
    assert a.shape == b.shape and a.dtype == b.dtype
    assert W.allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_losses_of_classes(loss, reduction):
    f, w = getattr(F, loss), W.tensor([0.2, 0.5, 0.7], dtype=W.float64)
    x, t = normal(3, 4, 3), places(3, 3, 4)
    t[0, 0] = -100
    check(lambda x, t: f(x, t, reduction=reduction), x, t)
    check(lambda x, t: f(x, t, weight=w, reduction=reduction), x, t)
    check(lambda x, t: f(x, t, reduction=reduction), normal(3, 2, 3, 2), places(3, 3, 2, 2))
    check(lambda x, t: f(x, t, reduction=reduction), normal(3, 4), places(4, 3))
    check(lambda x: f(x, t[1], w, reduction=reduction), x)
    check(lambda t, x: f(x, t, w, reduction=reduction), t, x[0], in_dims=(0, None), orders=())


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "loss",
    [
        "mse_loss",
        "huber_loss",
        "smooth_l1_loss",
        "soft_margin_loss",
        "binary_cross_entropy_with_logits",
        "l1_loss",
        "kl_div",
    ],
)
def test_losses_of_elements(loss, reduction):
    f = getattr(F, loss)
    check(lambda x, y: f(x, y, reduction=reduction), normal(3, 2, 2), normal(3, 2, 2).abs())
    check(lambda x, y: f(x, y, reduction=reduction), normal(3), normal(3).abs())
    y = normal(2, 2).abs()
    check(lambda x: f(x, y, reduction=reduction), normal(3, 2, 2))


def test_weighted_binary_losses():
    p, y, w = normal(3, 2, 3).sigmoid(), normal(3, 2, 3).sigmoid(), normal(2, 3).abs()
    check(lambda x, y: F.binary_cross_entropy(x, y, weight=w), p, y)
    check(lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=w[0]), p, y)
    check(lambda x, y, w: F.binary_cross_entropy(x, y, weight=w), p, y, normal(3, 2, 3).abs())


@pytest.mark.parametrize("dim", [0, -1])
def test_reading_and_writing_at_places(dim):
    x, i = normal(3, 3, 2), places(2, 3, 3, 2)
    check(lambda x, i: x.gather(dim, i), x, i)
    check(lambda x: x.gather(dim, i[0]), x)
    check(lambda x, i: x.scatter_add(dim, i, x * x), x, i)
    check(lambda x: x.index_select(dim, W.tensor([0, 1, 0])), x)


def test_index_arrays():
    x, i, j = normal(3, 4, 3, 2), W.tensor([0, 2, 0]), W.tensor([[1], [2]])
    check(lambda x: x[i], x)
    check(lambda x: x[:, i], x)
    check(lambda x: x[i, j], x)
    check(lambda x: x[:, i[:, None], j[:, 0] % 2], x, orders=(grad,))
    check(lambda i: x[0][i], places(4, 3, 2), orders=())


@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize(
    "name", ["sort", "cummax", "cummin", "max", "min", "median", "mode", "cumprod", "logcumsumexp"]
)
def test_along_a_dimension(name, dim):
    orders = (grad,) if name.startswith(("cum", "log")) else (grad, hessian)
    check(lambda x: getattr(x, name)(dim), normal(3, 3, 2), orders=orders)


@pytest.mark.parametrize("dim", [0, -1])
def test_selected_along_a_dimension(dim):
    check(lambda x: x.topk(2, dim), normal(3, 3, 2))
    check(lambda x: x.kthvalue(2, dim), normal(3, 3, 2))
    check(lambda x: x.argsort(dim), normal(3, 3, 2), orders=())
    check(lambda x: F.glu(x, dim), normal(3, 4, 2))


def test_extremes_of_everything():
    check(lambda x: x.max(), normal(3, 3, 2))
    check(lambda x: x.min(), normal(3, 3, 2))


@pytest.mark.parametrize("a", [(3,), (2, 3), (4, 2, 3)])
@pytest.mark.parametrize("b", [(3,), (3, 1), (3, 2), (4, 3, 2)])
def test_products(a, b):
    check(lambda x, y: x @ y, normal(2, *a), normal(2, *b), orders=(grad,))
    y = normal(*b)
    check(lambda x: x @ y, normal(2, *a), orders=(grad,))
    x = normal(*a)
    check(lambda y: x @ y, normal(2, *b), orders=(grad,))


def test_numbers_are_reduced_at_once() -> None:
    """Each example is one number: nothing is added up, whatever dim says."""
    x = W.tensor([3.0, -4.0, 5.0])
    for f in (
        W.sum, W.mean, W.amax, W.prod, W.any, W.argmax, W.nansum,
        lambda a: a.sum(-1, True), lambda a: a.logsumexp(0), lambda a: a.var(correction=0),
        lambda a: a.max(0)[0], lambda a: a.sum((), True), lambda a: a.all(0),
    ):  # fmt: skip
        got, want = vmap(f)(x), W.stack([f(a) for a in x])
        assert got.dtype is want.dtype and got.tolist() == want.tolist()
