"""torch.func: each transform and their nestings, against each other, loops and PyTorch."""

import itertools

import pytest

import wengert as W
from wengert.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap

X = W.tensor([0.3, 0.5, 0.9], dtype=W.float64)


def f(x):
    return (x.sin() * x.cumsum(0) + x**3).sum()


def g(x):
    return x * x.sum() + x.exp()


def hess_by_hand(fn, x):
    rows = []
    x = x.clone().requires_grad_()
    (first,) = W.autograd.grad(fn(x), x, create_graph=True)
    for i in range(len(x)):
        rows.append(W.autograd.grad(first[i], x, retain_graph=True)[0])
    return W.stack(rows)


def near(a, b, tol=1e-10):
    assert W.allclose(a, b, rtol=tol, atol=tol), (a, b)


def test_grad_and_value():
    d, v = grad_and_value(f)(X)
    near(v, f(X))
    x = X.clone().requires_grad_()
    f(x).backward()
    near(d, x.grad)
    d, aux = grad(lambda x: (f(x), x * 2), has_aux=True)(X)
    near(aux, X * 2)
    a, b = grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(X, X * 2)
    near(a, X * 2)
    near(b, X)


@pytest.mark.parametrize("outer, inner", list(itertools.product([jacfwd, jacrev], repeat=2)))
def test_second_derivatives_by_every_route(outer, inner):
    near(outer(inner(f))(X), hess_by_hand(f, X))


def test_third_derivative_by_every_route():
    want = jacrev(jacrev(jacrev(f)))(X)
    for a, b, c in itertools.product([jacfwd, jacrev], repeat=3):
        near(a(b(c(f)))(X), want)


def test_jacobians_agree():
    near(jacrev(g)(X), jacfwd(g)(X))
    near(hessian(f)(X), hess_by_hand(f, X))


def test_jvp_and_vjp_are_transposes():
    v, u = W.tensor([1.0, -2.0, 0.5], dtype=W.float64), W.tensor([0.2, 0.1, 1.0], dtype=W.float64)
    _, t = jvp(g, (X,), (v,))
    _, pull = vjp(g, X)
    near((t * u).sum(), (pull(u)[0] * v).sum())


def test_vmap_of_grad_is_per_example():
    xs = W.stack([X, X * 2])
    got = vmap(grad(f))(xs)
    near(got, W.stack([grad(f)(x) for x in xs]))
    near(vmap(jacrev(g))(xs), W.stack([jacrev(g)(x) for x in xs]))
    near(vmap(hessian(f))(xs), W.stack([hessian(f)(x) for x in xs]))


def test_grad_of_vmap():
    xs = W.stack([X, X * 2])
    got = grad(lambda x: vmap(lambda row: f(row * x))(xs).sum())(X)
    near(got, grad(lambda x: sum(f(row * x) for row in xs))(X))


def test_unmapped_parameters_keep_their_history():
    w = W.ones(3, dtype=W.float64, requires_grad=True)
    per_example = vmap(grad(lambda x: (x * x * w).sum()))(W.stack([X, X]))
    per_example.sum().backward()
    near(w.grad, 4 * X)


def test_per_example_gradient_of_an_unmapped_argument():
    xs = W.stack([X, X * 2])
    got = vmap(lambda x: grad(lambda w: (w * w * x).sum())(X))(xs)
    near(got, W.stack([2 * X * x for x in xs]))


def test_jvp_through_grad_and_grad_through_jvp():
    v = W.tensor([1.0, 0.0, 2.0], dtype=W.float64)
    hv = hess_by_hand(f, X) @ v
    near(jvp(grad(f), (X,), (v,))[1], hv)
    near(grad(lambda x: jvp(f, (x,), (v,))[1])(X), hv)
    near(grad(lambda x: (grad(f)(x) * v).sum())(X), hv)


def test_perturbations_are_not_confused():
    # d/dx (x * d/dy (x + y)) = 1: the inner derivative must not see the outer's tangent
    def h(x):
        return x * jvp(lambda y: x + y, (W.tensor(1.0),), (W.tensor(1.0),))[1]

    assert jvp(h, (W.tensor(1.0),), (W.tensor(1.0),))[1].item() == 1.0
    assert grad(lambda x: x * grad(lambda y: x + y)(W.tensor(1.0)))(W.tensor(1.0)).item() == 1.0


def test_vmap_dims_chunks_and_errors():
    a = W.arange(6.0).view(2, 3)
    near(vmap(lambda x: x * 2, in_dims=1, out_dims=1)(a), a * 2, 1e-6)
    near(vmap(lambda x, y: x + y, in_dims=(0, None))(a, a[0]), a + a[0], 1e-6)
    near(vmap(lambda x: x.sum(), chunk_size=1)(a), a.sum(1), 1e-6)
    with pytest.raises(ValueError, match="same size in the mapped dimension"):
        vmap(lambda x, y: x + y)(a, W.ones(3, 3))
    with pytest.raises(RuntimeError, match="value of an array inside a function transform"):
        vmap(lambda x: x if x.sum() > 0 else -x)(a)


def test_same_as_pytorch(torch):
    t = torch.tensor(X.tolist(), dtype=torch.float64)

    def both(make):
        near(W.tensor(make(torch, torch.func)(t).tolist(), dtype=W.float64), make(W, W.func)(X))

    both(lambda T, F: F.hessian(lambda x: (T.tanh(x) * x.prod()).sum()))
    both(lambda T, F: F.vmap(F.grad(lambda x: (x**3).log1p().sum() + x * 0.5)))
    both(lambda T, F: F.jacrev(lambda x: T.softmax(x, 0) @ T.diag(x)))


def test_nonzero_knows_the_value_under_derivatives():
    def f(x):
        return (x[x.nonzero()[:, 0]] ** 3).sum()

    x = W.tensor([0.0, 2.0])
    second = W.func.grad(lambda x: W.func.grad(f)(x).sum())(x)
    assert second.tolist() == [0.0, 12.0]
    _, t = W.func.jvp(W.func.grad(f), (x,), (W.ones(2),))
    assert t.tolist() == [0.0, 12.0]


def test_memory_of_examples_is_read_where_each_lies():
    x = W.arange(18.0).reshape(3, 2, 3)
    corner = lambda e: e.as_strided((2, 2), (3, 1))
    assert vmap(corner)(x).tolist() == x[:, :, :2].tolist()
    assert vmap(corner, 2)(x.permute(1, 2, 0)).tolist() == x[:, :, :2].tolist()
    assert vmap(grad(lambda e: corner(e).sum()))(x)[2].tolist() == [[1, 1, 0], [1, 1, 0]]
    part = W.arange(12.0)[2:8].view(3, 2)
    assert vmap(lambda e: e.as_strided((2,), (1,)))(part).tolist() == part.tolist()
    inner = vmap(vmap(lambda e: e.as_strided((2,), (1,))))(x)
    assert inner.tolist() == x[:, :, :2].tolist()


def test_products_of_examples_in_einstein_notation():
    x = W.arange(12.0).reshape(2, 2, 3)
    got = vmap(lambda a, b: W.einsum("ij,kj->ik", a, b))(x, x)
    assert got.tolist() == (x @ x.mT).tolist()


def test_vjp_refuses_outputs_without_derivatives():
    for f in (lambda x: x.long(), lambda x: x > 0, lambda x: (x, x.argsort())):
        with pytest.raises(RuntimeError, match="floating"):
            vjp(f, W.ones(2))
