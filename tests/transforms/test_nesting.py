"""Three transforms deep: vmap around, between and inside of every pair of the others gives what a
loop over the examples gives, also through ops with joint rules, hidden outputs and no jvp rule.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import wengert as W
from wengert.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap
from wengert.nn import functional as F

RNG = np.random.default_rng(1)
XS = W.from_numpy(RNG.uniform(0.3, 0.9, (2, 3)))
Y = W.from_numpy(RNG.uniform(0.3, 0.9, (3,)))
M = W.from_numpy(RNG.uniform(0.3, 0.9, (3, 3)))
K = W.from_numpy(RNG.uniform(-1, 1, (2, 1, 2)))


def recorded(x: Any) -> Any:
    """With a weight that is recorded outside of all transforms."""
    return (x * WEIGHT).sin().sum() * x.sum()


WEIGHT = Y.clone().requires_grad_()

FUNCTIONS = {
    "plain": lambda x: (x.sin() * x.sum()).sum(),
    "softmax": lambda x: (x.softmax(0) * Y).sum() ** 2,
    "mse": lambda x: F.mse_loss(x * x, Y) ** 2,
    "cross entropy": lambda x: F.cross_entropy((x @ M).tanh(), W.tensor(1)) ** 2,
    "layer norm": lambda x: (F.layer_norm(x, (3,), Y, Y) * Y).sum() ** 2,
    "convolution": lambda x: F.conv1d((x * x).reshape(1, 1, 3), K).pow(2).sum(),
    "product": lambda x: (M @ x).prod() + x.cumprod(0).sum(),
    "selected": lambda x: x.sort()[0][1] * x.max() * x[W.tensor([0, 0, 2])].prod(),
    "recorded": recorded,
}

ONES = {
    "grad": lambda f: grad(f),
    "vjp": lambda f: lambda x: vjp(f, x)[1](W.ones((), dtype=W.float64))[0],
    "jvp": lambda f: lambda x: jvp(f, (x,), (Y,))[1] * x,
    "linearize": lambda f: lambda x: linearize(f, x)[1](Y) * x,
    "jacrev": lambda f: jacrev(f),
    "jacfwd": lambda f: jacfwd(f),
}
PAIRS = list(itertools.product(ONES, repeat=2))


def close(a: Any, b: Any) -> None:
    assert a.shape == b.shape
    assert W.allclose(a, b, rtol=1e-9, atol=1e-10), (a, b)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pairs_agree_and_map(name):
    f = FUNCTIONS[name]
    for inner, outer in PAIRS:
        g = ONES[outer](lambda x, inner=inner: (ONES[inner](f)(x) * Y).sum())
        got, loop = vmap(g)(XS), W.stack([g(x) for x in XS])
        close(got, loop)
        if "jvp" not in (inner, outer) and "linearize" not in (inner, outer):
            close(got, W.stack([hessian(f)(x) @ Y for x in XS]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_mapped_inside(name):
    f = FUNCTIONS[name]
    for inner, outer in PAIRS:
        one = ONES[inner](f)
        g = ONES[outer](lambda z, one=one: (vmap(one)(XS * z) ** 2).sum())
        h = ONES[outer](lambda z, one=one: sum((one(x * z) ** 2).sum() for x in XS))
        close(g(Y), h(Y))


def test_recorded_weights_get_their_gradient():
    for transform in (grad, jacfwd, hessian):
        (got,) = W.autograd.grad(vmap(transform(recorded))(XS).sum(), WEIGHT)
        (loop,) = W.autograd.grad(sum(transform(recorded)(x).sum() for x in XS), WEIGHT)
        close(got, loop)
