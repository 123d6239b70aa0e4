"""L-BFGS and its line search on functions with known minima."""

import math

import numpy as np
import pytest

import wengert
import wengert.optim
from wengert.optim.linesearch import ARMIJO, CURVATURE, Point, cubic_minimum, strong_wolfe


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def minimize(library, options, steps):
    x = library.tensor([-1.2, 1.0], dtype=library.float64, requires_grad=True)
    optimizer = library.optim.LBFGS([x], **options)
    path, calls = [], []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    for _ in range(steps):
        path.append(optimizer.step(closure).item())
    return x.tolist(), path, len(calls), optimizer.state[x]


@pytest.mark.parametrize(
    "options",
    [
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 3},
        {"line_search_fn": "strong_wolfe", "max_eval": 4},
        {"lr": 1e-3, "max_iter": 5},
    ],
)
def test_rosenbrock(options, torch):
    ours, theirs = minimize(wengert, options, 6), minimize(torch, options, 6)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-12)
    assert ours[2] == theirs[2]
    for key in ("func_evals", "n_iter"):
        assert ours[3][key] == theirs[3][key]


def test_finds_the_minimum():
    options = {"line_search_fn": "strong_wolfe", "max_iter": 50, "tolerance_change": 1e-20}
    x, path, _, _ = minimize(wengert, options, 3)
    np.testing.assert_allclose(x, [1, 1], rtol=1e-6)
    assert path[-1] < 1e-10


def test_parameters_without_gradient_and_unknown_searches():
    p, q = (wengert.ones(2, requires_grad=True) for _ in range(2))
    optimizer = wengert.optim.LBFGS([p, q])

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert q.tolist() == [1, 1]
    np.testing.assert_allclose(p.tolist(), [0, 0], atol=1e-6)
    optimizer.param_groups[0]["line_search_fn"] = "armijo"
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer.step(closure)


def test_a_flat_start_changes_nothing():
    p = wengert.zeros(2, requires_grad=True)
    optimizer = wengert.optim.LBFGS([p])
    p.grad = wengert.zeros(2)
    assert optimizer.step(lambda: wengert.tensor(0.0)) == 0
    assert optimizer.state[p] == {"func_evals": 1, "n_iter": 0}


@pytest.mark.parametrize(
    "f", [lambda t: (t - 3) ** 2, lambda t: t**4 - 4 * t, lambda t: math.cosh(t - 9)]
)
@pytest.mark.parametrize("t", [1e-3, 1.0, 30.0])
def test_strong_wolfe_conditions_hold(f, t):
    def evaluate(t):
        return f(t), (f(t + 1e-6) - f(t - 1e-6)) / 2e-6

    start = Point(0.0, *evaluate(0.0), evaluate(0.0)[1])
    point, used = strong_wolfe(evaluate, lambda g: g, t, start, 1.0, 25)
    assert point.f <= start.f + ARMIJO * point.t * start.slope
    assert abs(point.slope) <= CURVATURE * abs(start.slope)
    assert used <= 26


def test_cubic_minimum():
    a, b = Point(0.0, 4.0, None, -4.0), Point(5.0, 9.0, None, 6.0)  # of (t - 2)**2
    assert cubic_minimum(a, b, 0, 5) == pytest.approx(2)
    assert cubic_minimum(b, a, 0, 5) == pytest.approx(2)
    assert cubic_minimum(a, b, 3, 5) == 3
    assert cubic_minimum(a, a, 0, 1) == 0.5
    rising = Point(1.0, 1.0, None, 1.0)
    assert cubic_minimum(Point(0.0, 0.0, None, 1.0), rising, 0, 1) in (0, 1, 0.5)
