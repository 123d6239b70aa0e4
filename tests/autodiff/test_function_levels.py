"""User-defined Functions inside of function transforms, one in another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import wengert as W
from wengert import func

X = [1.0, 2.0, 3.0]
TRANSFORMS = {
    "grad": lambda f: func.grad(lambda x: f(x).sum()),
    "jvp": lambda f: lambda x: func.jvp(f, (x,), (W.ones_like(x),))[1],
    "vmap": func.vmap,
    "jacrev": func.jacrev,
    "jacfwd": func.jacfwd,
    "vjp": lambda f: lambda x: _pulled(*func.vjp(f, x)),
}


def _pulled(out, back):
    return back(W.ones_like(out))[0]


class Cube(W.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return 3 * t * x * x


def transformed(f, names):
    x = W.tensor(X)
    for name in names:
        f = TRANSFORMS[name](f)
        x = W.stack([x, x + 0.5]) if name == "vmap" else x
    return f(x)


ONE_TO_THREE = [c for n in (1, 2) for c in itertools.product(TRANSFORMS, repeat=n)]
ONE_TO_THREE += list(itertools.product(TRANSFORMS, repeat=3))[::11]


@pytest.mark.parametrize("names", ONE_TO_THREE, ids="-".join)
def test_rules_are_those_of_the_formula_at_every_level(names):
    want, got = transformed(lambda x: x**3, names), transformed(Cube.apply, names)
    assert got.tolist() == pytest.approx(want.tolist()) if got.ndim == 1 else W.allclose(got, want)
    assert not got.requires_grad


class Rounded(W.autograd.Function):
    """Its backward is not the derivative of its forward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, k):
        return W.round(x * k)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.k = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * ctx.k * (1 + out), None


def test_the_function_s_own_backward_is_taken_under_vmap():
    def f(x):
        return Rounded.apply(x, 2.5)

    x = W.tensor([X, [1.5, 2.5, 3.5]])
    once = [[7.5, 15.0, 22.5], [12.5, 17.5, 25.0]]  # PyTorch's
    assert func.grad(lambda y: func.vmap(f)(y).sum())(x).tolist() == once
    assert func.vmap(func.grad(lambda y: f(y).sum()))(x).tolist() == once
    leaf = x.clone().requires_grad_()
    func.vmap(f)(leaf).sum().backward()
    assert leaf.grad.tolist() == once


class Sine(W.autograd.Function):
    """Computed by NumPy, which knows no batches."""

    @staticmethod
    def forward(x):
        return W.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.cos()

    @staticmethod
    def vmap(info, in_dims, x):
        assert info.batch_size == x.shape[in_dims[0]]
        return Sine.apply(x), in_dims[0]


def test_own_rule_for_batches():
    x = W.tensor([X, X])
    assert W.equal(func.vmap(Sine.apply)(x), W.sin(x))
    assert W.allclose(func.vmap(func.grad(lambda y: Sine.apply(y).sum()))(x), x.cos())
    assert W.allclose(func.grad(lambda y: func.vmap(Sine.apply)(y).sum())(x), x.cos())


def test_captured_weights_get_their_gradient():
    w = W.tensor([2.0, 3.0, 4.0], requires_grad=True)
    x = W.tensor([X, X])
    func.vmap(lambda row: Cube.apply(row * w))(x).sum().backward()
    want = func.grad(lambda v: ((x * v) ** 3).sum())(w.detach())
    assert W.allclose(w.grad, want)


def test_what_is_refused_is_what_pytorch_refuses():
    class Old(W.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    for f in (func.vmap(Old.apply), func.grad(lambda x: Old.apply(x).sum())):
        with pytest.raises(RuntimeError, match="setup_context"):
            f(W.ones(2))

    class Unmapped(Cube):
        generate_vmap_rule = False

    with pytest.raises(RuntimeError, match="vmap support"):
        func.vmap(Unmapped.apply)(W.ones(2))

    class Twice(Sine):
        generate_vmap_rule = True

    with pytest.raises(RuntimeError, match="both"):
        func.vmap(Twice.apply)(W.ones(2))
