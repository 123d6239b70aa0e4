"""Third and fourth derivatives, in every mixture of forward and reverse mode, against power
series (series.py), which know nothing of derivative rules.

Every function is taken along a line, phi(t) = f(x + t d): its k-th derivative is a single number
that every mixture must give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as W
from wengert.func import grad, jvp
from wengert.nn import functional as F

from . import series as S

RNG = np.random.default_rng(3)


def numbers(*shape: int, low: float = 0.3, high: float = 0.9) -> np.ndarray:
    return np.asarray(RNG.uniform(low, high, shape))


A, B, C = numbers(3, 3), numbers(3, 3), numbers(3, 3)
K1, K2 = numbers(2, 1, 2, low=-1, high=1), numbers(2, 2, 3, low=-1, high=1)
LABELS = np.array([0, 2, 1])


def t(a: np.ndarray) -> Any:
    return W.from_numpy(a.copy())


def softplus(u: S.Series) -> S.Series:
    return S.log(1 + S.exp(u))


def normalized(u: S.Series) -> S.Series:
    centred = u - u.mean(-1)
    return centred / S.sqrt((centred * centred).mean(-1) + 1e-5)


def log_softmax(u: S.Series) -> S.Series:
    return u - S.log(S.exp(u).sum(-1))


def attention(x: Any) -> Any:
    return F.scaled_dot_product_attention(x @ t(A), x @ t(B), x @ t(C))


def attention_series(x: S.Series) -> S.Series:
    scores = (x @ A) @ (x @ B).T
    return S.softmax(scores * (1 / math.sqrt(3))) @ (x @ C)


def variance(u: S.Series) -> S.Series:
    centred = u - u.mean()
    return (centred * centred).sum() * (1 / (u.c[0].size - 1))


V, M = numbers(3), numbers(3, 3)
LONG = numbers(1, 7)

# name -> (the function, the same on series, the point); what is not a number yet is weighted with
# cosines and added up
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[S.Series], S.Series], np.ndarray]] = {
    "sin": (W.sin, S.sin, V),
    "cos": (W.cos, S.cos, V),
    "tan": (W.tan, lambda u: S.sin(u) / S.cos(u), V),
    "exp": (W.exp, S.exp, V),
    "exp2": (W.exp2, lambda u: S.exp(u * math.log(2)), V),
    "expm1": (W.expm1, lambda u: S.exp(u) - 1, V),
    "log": (W.log, S.log, V),
    "log1p": (W.log1p, lambda u: S.log(1 + u), V),
    "tanh": (W.tanh, S.tanh, V),
    "sinh": (W.sinh, lambda u: (S.exp(u) - S.exp(-u)) * 0.5, V),
    "cosh": (W.cosh, lambda u: (S.exp(u) + S.exp(-u)) * 0.5, V),
    "sigmoid": (W.sigmoid, S.sigmoid, V),
    "sqrt": (W.sqrt, S.sqrt, V),
    "rsqrt": (W.rsqrt, lambda u: 1 / S.sqrt(u), V),
    "reciprocal": (W.reciprocal, lambda u: 1 / u, V),
    "power 5": (lambda x: x**5, lambda u: u * u * u * u * u, V),
    "power 2.5": (lambda x: x**2.5, lambda u: S.power(u, 2.5), V),
    "power x": (lambda x: x**x, lambda u: S.exp(u * S.log(u)), V),
    "atan": (W.atan, S.arctan, V),
    "asin": (W.asin, S.arcsin, V),
    "acos": (W.acos, lambda u: math.pi / 2 - S.arcsin(u), V),
    "asinh": (W.asinh, S.arcsinh, V),
    "atanh": (W.atanh, S.arctanh, V),
    "erf": (W.erf, S.erf, V),
    "logit": (W.logit, lambda u: S.log(u / (1 - u)), V),
    "softplus": (F.softplus, softplus, V),
    "logsigmoid": (F.logsigmoid, lambda u: -softplus(-u), V),
    "silu": (F.silu, lambda u: u * S.sigmoid(u), V),
    "mish": (F.mish, lambda u: u * S.tanh(softplus(u)), V),
    "gelu": (F.gelu, lambda u: u * (1 + S.erf(u * math.sqrt(0.5))) * 0.5, V),
    "gelu tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda u: u * (1 + S.tanh((u + u * u * u * 0.044715) * math.sqrt(2 / math.pi))) * 0.5,
        V,
    ),
    "elu": (lambda x: F.elu(-x, 0.7), lambda u: (S.exp(-u) - 1) * 0.7, V),
    "softmax": (lambda x: W.softmax(x, -1), S.softmax, V),
    "log_softmax": (lambda x: W.log_softmax(x, -1), log_softmax, V),
    "logsumexp": (lambda x: W.logsumexp(x, 0), lambda u: S.log(S.exp(u).sum()), V),
    "cross_entropy": (
        lambda x: F.cross_entropy(x, W.from_numpy(LABELS.copy())),
        lambda u: -log_softmax(u)[np.arange(3), LABELS].mean(),
        M,
    ),
    "layer_norm": (lambda x: F.layer_norm(x, (3,)), normalized, M),
    "prod": (W.prod, S.prod, V),
    "cumprod": (lambda x: W.cumprod(x, 0)[-1], S.prod, V),
    "norm": (lambda x: x.norm(), lambda u: S.sqrt((u * u).sum()), V),
    "var": (W.var, variance, V),
    "std": (W.std, lambda u: S.sqrt(variance(u)), V),
    "atan2": (lambda x: W.atan2(x, x * x), lambda u: S.arctan(1 / u), V),
    "hypot": (lambda x: W.hypot(x, x * x), lambda u: S.sqrt(u * u + u * u * u * u), V),
    "logaddexp": (
        lambda x: W.logaddexp(x, x * x),
        lambda u: S.log(S.exp(u) + S.exp(u * u)),
        V,
    ),
    "matmul chain": (
        lambda x: x @ t(A) @ x @ t(B) @ x.T @ x,
        lambda u: u @ A @ u @ B @ u.T @ u,
        M,
    ),
    "einsum": (lambda x: W.einsum("ij,jk,kl,il->il", x, x, x, x), lambda u: (u @ u @ u) * u, M),
    "tanh of linear": (
        lambda x: F.linear(F.linear(x, t(A), t(V)).tanh(), t(B)).tanh(),
        lambda u: S.tanh(S.tanh(u @ A.T + V) @ B.T),
        M,
    ),
    "conv chain": (
        lambda x: F.conv1d(F.conv1d(x[None], t(K1)).tanh(), t(K2)) ** 2,
        lambda u: (lambda y: y * y)(S.correlate(S.tanh(S.correlate(u, u.lift(K1))), u.lift(K2))),
        LONG,
    ),
    "conv by itself": (
        lambda x: F.conv1d(x[None], F.conv1d(x[None], x[None, :, :3])[:, :, :2]),
        lambda u: S.correlate(u, S.correlate(u, u[None, :, :3])[None, :, :2]),
        LONG,
    ),
    "attention": (lambda x: attention(x[None]), attention_series, M),
    "inv": (W.linalg.inv, S.inverse, M + 2 * np.eye(3)),
    "solve": (lambda x: W.linalg.solve(x, t(A)), lambda u: S.inverse(u) @ A, M + 2 * np.eye(3)),
    "det": (W.linalg.det, S.determinant, M + np.eye(3)),
    "logdet": (W.logdet, lambda u: S.log(S.determinant(u)), M + np.eye(3)),
}


def weights(shape: Any) -> np.ndarray:
    return np.cos(np.arange(math.prod(shape), dtype=float)).reshape(shape)


def number(y: Any) -> Any:
    return (y * t(weights(tuple(y.shape)))).sum() if y.ndim else y


def forward(f: Callable[[Any], Any], d: Any) -> Callable[[Any], Any]:
    """The derivative of f along d by forward mode."""
    return lambda x: jvp(f, (x,), (d,))[1]


def reverse(f: Callable[[Any], Any], d: Any) -> Callable[[Any], Any]:
    """By reverse mode, in the functional form."""
    return lambda x: (grad(f)(x) * d).sum()


def recorded(f: Callable[[Any], Any], d: Any) -> Callable[[Any], Any]:
    """By reverse mode through a recorded backward pass."""

    def df(x: Any) -> Any:
        x = x if x.requires_grad else x.requires_grad_()
        y = f(x)
        if not y.requires_grad:  # a constant: the function was a polynomial
            return y * 0
        (g,) = W.autograd.grad(y, x, create_graph=True, materialize_grads=True)
        return (g * d).sum()

    return df


STEPS = {"f": forward, "r": reverse, "g": recorded}


def derivative(mixture: str, f: Callable[[Any], Any], d: Any) -> Callable[[Any], Any]:
    """One derivative of f along d for each letter, the first innermost."""
    for letter in mixture:
        f = STEPS[letter](f, d)
    return f


def check(name: str, mixture: str) -> None:
    f, on_series, x = FUNCTIONS[name]
    d = np.sin(1.0 + np.arange(x.size)).reshape(x.shape)
    k = len(mixture)
    phi = on_series(S.Series([x, d, *[np.zeros_like(x)] * (k - 1)]))
    c = phi.c[k]
    want = math.factorial(k) * float((c.reshape(-1) * weights((c.size,))).sum() if c.ndim else c)
    got = float(derivative(mixture, lambda x: number(f(x)), t(d))(t(x)))
    assert got == pytest.approx(want, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("mixture", ["fff", "rrr", "ggg", "frf", "rfr", "ffr", "rrf"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_third_derivative(name: str, mixture: str) -> None:
    check(name, mixture)


@pytest.mark.parametrize("mixture", ["ffff", "rrrr", "gggg", "frfr", "rffr"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_fourth_derivative(name: str, mixture: str) -> None:
    check(name, mixture)


def test_series_know_a_closed_form() -> None:
    """The reference itself: exp(sin t) has the derivatives 1, 1, 1, 0, -3 at 0."""
    y = S.exp(S.sin(S.Series([0.0, 1.0, 0.0, 0.0, 0.0])))
    assert [math.factorial(k) * float(c) for k, c in enumerate(y.c)] == pytest.approx(
        [1, 1, 1, 0, -3]
    )
