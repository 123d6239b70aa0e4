"""What transforms must not cost: memory that grows with use, work that is done again, passes that
could be one.
"""

from __future__ import annotations

import gc
import tracemalloc

import pytest

import wengert as W
from wengert.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

pytestmark = pytest.mark.usefixtures("quick_collector")
X = W.tensor([0.3, 0.5, 0.9])


def f(x):
    return (W.tanh(x) ** 3 * x.sum()).sum()


PUSH = linearize(grad(f), X)[1]
W_ = W.ones(3, 3, requires_grad=True)


def step():
    """A plain pass, the gradient dropped."""
    h = W.tanh(X @ W_) + X.sum()
    h.add_(1)
    (h[1:] ** 2).mean().backward()
    W_.grad = None


CALLS = {
    "backward": step,
    "grad": lambda: grad(f)(X),
    "vjp": lambda: vjp(f, X)[1](W.ones(())),
    "jvp": lambda: jvp(lambda x: x.softmax(0), (X,), (X,)),
    "jacrev": lambda: jacrev(W.sin)(X),
    "jacfwd": lambda: jacfwd(W.sin)(X),
    "hessian": lambda: hessian(f)(X),
    "vmap": lambda: vmap(vmap(W.sin))(W.ones(2, 3)),
    "grad of grad": lambda: grad(lambda x: grad(f)(x).sum())(X),
    "linearize": lambda: linearize(f, X)[1](X),
    "what linearize gave": lambda: PUSH(X),
    "functional": lambda: W.autograd.functional.hessian(f, X),
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_left_for_the_collector(name):
    call = CALLS[name]
    call(), call()
    left = []
    gc.disable()
    try:
        for _ in range(3):  # other tests may still leave something the first time
            gc.collect()
            for _ in range(20):
                call()
            left.append(gc.collect())
    finally:
        gc.enable()
    assert min(left) < 20  # not per call: what is made at first use may leave something


@pytest.mark.parametrize("name", ["backward", "hessian", "what linearize gave"])
def test_memory_stays_the_same(name):
    call = CALLS[name]
    sizes = []
    for n in (20, 20, 300, 300):  # the last again: other threads may have made something
        tracemalloc.start()
        for _ in range(n):
            call()
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert min(sizes[2:]) < sizes[1] + 20_000  # not per call: 300 calls leave what 20 leave


def test_linearize_runs_the_function_once():
    runs = []

    def counted(x):
        runs.append(1)
        return f(x)

    value, push = linearize(grad(counted), X)
    for _ in range(3):
        assert W.allclose(push(X), jvp(grad(f), (X,), (X,))[1])
    assert len(runs) == 1
    assert W.allclose(value, grad(f)(X))


def test_linearize_is_linear_and_can_be_transformed():
    push = linearize(grad(f), X)[1]
    rows = vmap(push)(W.eye(3))
    assert W.allclose(rows, hessian(f)(X), atol=1e-6)
    assert W.allclose(jacrev(push)(X), rows, atol=1e-6)
    assert W.allclose(jvp(push, (X,), (X * 2,))[1], push(X * 2))
    # also in the point itself, where that is differentiated outside
    at = grad(lambda x: linearize(W.sin, x)[1](X).sum())(X)
    assert W.allclose(at, -W.sin(X) * X)


def test_linearize_notices_changes():
    w = W.ones(3)
    push = linearize(lambda x: x * w, X)[1]
    push(X)
    w.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        push(X)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian_of_many_inputs_runs_the_function_once(jacobian):
    runs = []

    def many(x):
        runs.append(1)
        return x.sin() * x.roll(1)

    x = W.linspace(0, 1, 1000, dtype=W.float64)
    J = jacobian(many)(x)
    assert len(runs) == 1 and J.shape == (1000, 1000)
    by_hand = W.diag(x.cos() * x.roll(1)) + W.diag(x.sin()).roll(-1, 1)
    assert W.allclose(J, by_hand)


def test_jacobian_of_a_tree_runs_the_function_once():
    runs = []

    def tree(p):
        runs.append(1)
        return p["a"] * p["b"].sum(), p["b"].sin()

    p = {"a": X, "b": X * 2}
    jacfwd(tree)(p)
    jacrev(tree)(p)
    assert len(runs) == 2


def test_gradient_of_a_batch_is_not_a_loop(monkeypatch):
    """A dense net through vmap of grad, jacrev and hessian: no op falls back to one at a time."""
    from wengert.autodiff import batched

    def looped(op, *args):
        raise AssertionError(f"{op.name} ran one example at a time")

    monkeypatch.setattr(batched, "looped", looped)
    net = W.nn.Sequential(W.nn.Linear(3, 4), W.nn.Tanh(), W.nn.Linear(4, 2))
    p = {k: v.detach() for k, v in net.named_parameters()}
    call = W.func.functional_call

    def loss(p, x):
        return W.nn.functional.mse_loss(call(net, p, (x,)), x[..., :2])

    xs = W.ones(5, 3)
    vmap(grad(loss), (None, 0))(p, xs)
    vmap(jacrev(lambda x: call(net, p, (x,))))(xs)
    vmap(jacfwd(lambda x: call(net, p, (x,))))(xs)
    hessian(lambda p: loss(p, xs))(p)
