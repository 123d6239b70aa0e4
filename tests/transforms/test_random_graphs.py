"""Random programs over two dozen operations with broadcasting, views and in-place changes: what
must hold of any of them.

A program is a list of numbers: each step picks an operation and its operands among the values so
far, so that every list is a valid program. The same text runs on PyTorch where it is installed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import wengert as W
from wengert.autodiff.traced import Program, Traced, replay
from wengert.engine.tensor import wrap
from wengert.func import grad, jvp, vmap

SHAPES = [(), (3,), (2, 3), (2, 1), (1, 3), (2, 2, 3)]

UNARY: list[Callable[[Any, Any], Any]] = [
    lambda T, x: T.sin(x),
    lambda T, x: T.exp(T.tanh(x)),
    lambda T, x: T.nn.functional.softplus(x),
    lambda T, x: T.nn.functional.gelu(x),
    lambda T, x: T.sigmoid(x) * 2,
    lambda T, x: (x * x + 1).sqrt(),
    lambda T, x: T.log1p(x * x),
    lambda T, x: 1 / (1 + x**2),
    lambda T, x: T.softmax(x, -1) if x.ndim else -x,
    lambda T, x: T.cumsum(x, 0) if x.ndim else x.cos(),
    lambda T, x: x.mean(-1, keepdim=True) if x.ndim else x.atan(),
    lambda T, x: x.sum(0) if x.ndim else x.erf(),
    lambda T, x: x.logsumexp(-1) if x.ndim else x.exp2().atan(),
    lambda T, x: x.reshape(-1),
    lambda T, x: x.transpose(0, -1) if x.ndim else x.view(1),
    lambda T, x: x[..., :1] if x.ndim else x[None],
    lambda T, x: x.flip(0) if x.ndim else x.expand(2, 3),
    lambda T, x: T.cat([x, x * 0.5]) if 0 < x.ndim < 3 and x.shape[0] < 4 else x.sum(),
    lambda T, x: x @ x.transpose(-1, -2) if x.ndim > 1 else x.clone(),
    lambda T, x: x[T.tensor([0, 0])] if x.ndim and x.numel() < 20 else x * 3,
]
BINARY: list[Callable[[Any, Any, Any], Any]] = [
    lambda T, x, y: x + y,
    lambda T, x, y: x - y,
    lambda T, x, y: x * y,
    lambda T, x, y: x / (1 + y * y),
    lambda T, x, y: T.logaddexp(x, y),
    lambda T, x, y: T.atan2(x, 1 + y * y),
    lambda T, x, y: T.where(T.tensor(True), x, y) * y,
    lambda T, x, y: T.lerp(x + 0 * y, y + 0 * x, 0.3),
]


def shrink_to(y: Any, shape: tuple[int, ...]) -> Any:
    """A value that can be written into a tensor of a shape: y itself or its mean."""
    try:
        fits = np.broadcast_shapes(tuple(y.shape), shape) == shape
    except ValueError:
        fits = False
    return y if fits else y.mean()


def multiplied(T: Any, x: Any, y: Any) -> Any:
    x = x * 0.7
    return x.mul_(shrink_to(y, tuple(x.shape)).tanh())


def added_to_a_view(T: Any, x: Any, y: Any) -> Any:
    x = x * 0.7
    view = x[..., 0] if x.ndim else x.view(1)
    view.add_(shrink_to(y, tuple(view.shape)).tanh())
    return x


def view_of_changed(T: Any, x: Any, y: Any) -> Any:
    x = x * 0.7
    view = x.reshape(-1)[:2]
    if x.ndim:
        x[0] = shrink_to(y, tuple(x.shape)[1:]).tanh()
    return view * 2


def view_of_view(T: Any, x: Any, y: Any) -> Any:
    x = x + 0.3
    view = (x.transpose(0, -1) if x.ndim else x)[None]
    view.mul_(0.5).sub_(shrink_to(y, ()).tanh() if not x.ndim else y.mean().tanh())
    return x


IN_PLACE = [multiplied, added_to_a_view, view_of_changed, view_of_view]
STEPS = st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
GRAPHS = st.tuples(
    st.lists(STEPS, min_size=2, max_size=9),
    st.lists(st.integers(0, len(SHAPES) - 1), min_size=2, max_size=3),
    st.integers(0, 10_000),
)
bounded = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failing program is short enough as it is
)


def run(T: Any, steps: Any, leaves: Any, in_place: bool = True, limit: int = 60) -> list[Any]:
    """All values of a program, leaves first. limit: elements of one value."""
    values = list(leaves)
    for kind, i, j in steps:
        x, y = values[-1 - i % min(3, len(values))], values[j % len(values)]
        n, m = len(UNARY), len(BINARY)
        k = kind % (n + m + (len(IN_PLACE) if in_place else 0))
        if k < n:
            out = UNARY[k](T, x)
        elif k < n + m:
            try:
                np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
            except ValueError:
                y = y.mean()
            out = BINARY[k - n](T, x, y)
        else:
            out = IN_PLACE[k - n - m](T, x, y)
        values.append(out if out.numel() <= limit else out.mean(0))
    return values


def scalar(T: Any, steps: Any, in_place: bool = True) -> Callable[..., Any]:
    """The last values of a program, weighted, as one number."""

    def f(*leaves: Any) -> Any:
        total = 0
        for k, v in enumerate(run(T, steps, leaves, in_place)[-3:]):
            w = np.cos(np.arange(v.numel()) + k).reshape(tuple(v.shape))
            total = total + (v.tanh() * T.tensor(w)).sum()
        return total

    return f


def points(shapes: list[int], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Values of the leaves, and a direction for each."""
    rng = np.random.default_rng(seed)
    xs = [np.asarray(rng.uniform(-1.2, 1.2, SHAPES[s])) for s in shapes]
    return xs, [np.asarray(rng.standard_normal(x.shape)) for x in xs]


def tensors(T: Any, arrays: list[np.ndarray], leaf: bool = False) -> list[Any]:
    ts = [T.tensor(a) for a in arrays]
    return [t.requires_grad_() for t in ts] if leaf else ts


def numbers(ts: Any) -> list[np.ndarray]:
    return [np.array(t.detach().numpy()) for t in ts]


def dot(xs: Any, ys: Any) -> float:
    return float(sum((np.asarray(x) * y).sum() for x, y in zip(xs, ys)))


def gradient(T: Any, f: Any, xs: list[np.ndarray]) -> list[np.ndarray]:
    leaves = tensors(T, xs, leaf=True)
    return numbers(T.autograd.grad(f(*leaves), leaves, materialize_grads=True))


def same(a: Any, b: Any, tolerance: float) -> None:
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@bounded
@given(GRAPHS)
def test_reverse_is_forward_is_differences(graph: Any) -> None:
    steps, shapes, seed = graph
    f = scalar(W, steps)
    xs, ds = points(shapes, seed)
    reverse = gradient(W, f, xs)
    _, forward = jvp(f, tuple(tensors(W, xs)), tuple(tensors(W, ds)))
    assert dot(reverse, ds) == pytest.approx(float(forward), rel=1e-9, abs=1e-10)

    def at(h: float) -> float:
        return float(f(*tensors(W, [x + h * d for x, d in zip(xs, ds)])))

    h = 1e-5
    numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert float(forward) == pytest.approx(numeric, rel=1e-6, abs=1e-7)
    same(reverse, numbers(grad(f, tuple(range(len(xs))))(*tensors(W, xs))), 1e-12)


@bounded
@given(GRAPHS)
def test_second_derivatives_agree_in_every_mode(graph: Any) -> None:
    steps, shapes, seed = graph
    f = scalar(W, steps)
    xs, ds = points(shapes, seed)
    n, directions = tuple(range(len(xs))), tuple(tensors(W, ds))

    def along(v: Any) -> Any:
        return functools.reduce(
            lambda a, b: a + b, [(g * d).sum() for g, d in zip(grad(f, n)(*v), directions)]
        )

    twice = numbers(grad(lambda *v: along(v), n)(*tensors(W, xs)))
    mixed = numbers(jvp(grad(f, n), tuple(tensors(W, xs)), directions)[1])
    other = numbers(grad(lambda *v: jvp(f, v, directions)[1], n)(*tensors(W, xs)))
    _, forward = jvp(lambda *v: jvp(f, v, directions)[1], tuple(tensors(W, xs)), directions)
    same(twice, mixed, 1e-8)
    same(twice, other, 1e-8)
    assert dot(twice, ds) == pytest.approx(float(forward), rel=1e-8, abs=1e-8)


@bounded
@given(GRAPHS)
def test_a_batch_is_a_loop(graph: Any) -> None:
    steps, shapes, seed = graph
    f = scalar(W, steps)
    xs, _ = points(shapes, seed)
    ys, _ = points(shapes, seed + 1)
    n = tuple(range(len(xs)))
    both = tensors(W, [np.stack(p) for p in zip(xs, ys)])
    got = numbers(vmap(grad(f, n))(*both))
    want = [np.stack(p) for p in zip(gradient(W, f, xs), gradient(W, f, ys))]
    same(got, want, 1e-10)


@bounded
@given(GRAPHS)
def test_as_pytorch(graph: Any) -> None:
    torch = pytest.importorskip("torch")
    steps, shapes, seed = graph
    xs, _ = points(shapes, seed)
    with np.errstate(all="ignore"):
        ours = run(W, steps, tensors(W, xs))
        theirs = run(torch, steps, tensors(torch, xs))
    same(numbers(ours), numbers(theirs), 1e-10)
    same(gradient(W, scalar(W, steps), xs), gradient(torch, scalar(torch, steps), xs), 1e-9)


@bounded
@given(GRAPHS)
def test_a_trace_replays_equal(graph: Any) -> None:
    """Forward and backward pass together, replayed on other numbers."""
    steps, shapes, seed = graph
    f = scalar(W, steps)
    xs, _ = points(shapes, seed)
    ys, _ = points(shapes, seed + 1)
    program = Program()
    inputs = [Traced(1, program, x.copy()) for x in xs]
    leaves = [wrap(t).requires_grad_() for t in inputs]
    out = f(*leaves)
    gs = W.autograd.grad(out, leaves, materialize_grads=True)
    live = [g for g in (out, *gs) if isinstance(g._a, Traced)]
    slots = [g._a.slot for g in live]
    for given_, f_given in ((xs, xs), (ys, ys)):
        again = replay(program, {t.slot: y.copy() for t, y in zip(inputs, given_)}, slots)
        value = np.asarray(float(f(*tensors(W, f_given))))
        want = [value, *gradient(W, f, f_given)]
        want = [w for w, g in zip(want, (out, *gs)) if isinstance(g._a, Traced)]
        same([np.asarray(a) for a in again], want, 1e-12)


@bounded
@given(GRAPHS)
def test_hooks_run_once_each_in_reverse_order_of_creation(graph: Any) -> None:
    steps, shapes, seed = graph
    xs, _ = points(shapes, seed)
    leaves = tensors(W, xs, leaf=True)
    values = run(W, steps, leaves, in_place=False)
    unique = list({id(v): v for v in values[len(leaves) :]}.values())
    fired: list[int] = []
    for k, v in enumerate(unique):
        v.register_hook(functools.partial(lambda k, g: fired.append(k), k))
    total = functools.reduce(lambda a, b: a + b, [v.sum() for v in unique])
    total.backward()
    assert fired == list(reversed(range(len(unique))))


@bounded
@given(GRAPHS)
def test_gradients_are_linear_in_the_cotangent_and_add_up(graph: Any) -> None:
    steps, shapes, seed = graph
    xs, _ = points(shapes, seed)
    leaves = tensors(W, xs, leaf=True)
    out = run(W, steps, leaves)[-1]
    if not out.requires_grad:
        return
    rng = np.random.default_rng(seed)
    a, b = (W.tensor(np.asarray(rng.standard_normal(tuple(out.shape)))) for _ in range(2))

    def pull(c: Any) -> list[np.ndarray]:
        return numbers(W.autograd.grad(out, leaves, c, retain_graph=True, materialize_grads=True))

    want = [2 * p - 3 * q for p, q in zip(pull(a), pull(b))]
    same(pull(2 * a - 3 * b), want, 1e-9)
    once = pull(a)
    out.backward(a, retain_graph=True)
    out.backward(a)
    for leaf, g in zip(leaves, once):
        twice = np.zeros(g.shape) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_array_equal(twice, 2 * g)
