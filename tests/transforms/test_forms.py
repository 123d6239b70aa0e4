"""Every form in which the transforms can be called, beside PyTorch: arguments, trees, auxiliary
results, dimensions, chunks, modules. Values of derivatives as such are in test_func.py and
test_high_order.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as W
import wengert.func

Case = Callable[[Any, Any], Any]
CASES: dict[str, Case] = {}
REFUSED: dict[str, tuple[type, Case]] = {}


def case(f: Case) -> Case:
    CASES[f.__name__] = f
    return f


def refused(error: type) -> Callable[[Case], Case]:
    def register(f: Case) -> Case:
        REFUSED[f.__name__] = error, f
        return f

    return register


def x3(T: Any) -> Any:
    return T.tensor([0.3, 0.5, 0.9], dtype=T.float64)


def m23(T: Any) -> Any:
    return T.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=T.float64)


# ---- what to differentiate with respect to


@case
def grad_of_several_arguments(T, F):
    f = lambda x, y, z: (x * y.sum() + z["k"]).sum()
    z = {"k": x3(T), "other": x3(T)}
    return F.grad(f, argnums=(0, 2))(x3(T), x3(T) * 2, z), F.grad(f, argnums=-2)(x3(T), x3(T), z)


@case
def grad_and_value_with_aux(T, F):
    f = lambda x: ((x**2).sum(), {"seen": x * 2, "more": (x,)})
    return F.grad_and_value(f, has_aux=True)(x3(T)), F.grad(f, has_aux=True)(x3(T))


@case
def vjp_of_trees(T, F):
    f = lambda x, y: {"a": x * y, "b": [y.sum(), x.sin()]}
    out, pull = F.vjp(f, x3(T), m23(T)[0])
    return out, pull({"a": x3(T), "b": [T.tensor(2.0, dtype=T.float64), x3(T)]})


@case
def vjp_with_aux_and_two_pulls(T, F):
    out, pull, aux = F.vjp(lambda x: (x.exp(), x * 3), x3(T), has_aux=True)
    return out, aux, pull(x3(T)), pull(x3(T) * 2)


@case
def jvp_of_trees(T, F):
    f = lambda p, y: (p["w"] * y, p["b"][0] + y)
    p = {"w": x3(T), "b": (x3(T) * 2,)}
    t = {"w": x3(T) * 3, "b": (x3(T) * 4,)}
    return F.jvp(f, (p, x3(T)), (t, x3(T) * 5))


@case
def jvp_with_aux(T, F):
    return F.jvp(lambda x: (x.sin(), x * 2), (x3(T),), (x3(T),), has_aux=True)


@case
def jacobians_of_several_arguments(T, F):
    f = lambda x, y: (T.outer(x, y), (x * y[:1]).sum())
    args = x3(T), m23(T)[1]
    return [J(f, argnums=n)(*args) for J in (F.jacrev, F.jacfwd) for n in (0, 1, (0, 1), (1,))]


@case
def jacobians_of_trees(T, F):
    f = lambda p: {"y": p["w"] @ x3(T) + p["b"], "s": (p["w"].sum(), p["b"] ** 2)}
    p = {"w": m23(T), "b": m23(T)[:, 0]}
    return F.jacrev(f)(p), F.jacfwd(f)(p)


@case
def jacobians_with_aux(T, F):
    f = lambda x: (x.exp(), x * 2)
    return F.jacrev(f, has_aux=True)(x3(T)), F.jacfwd(f, has_aux=True)(x3(T))


@case
def jacobian_in_chunks(T, F):
    f = lambda x: (x.sin() * x.sum(), x[:2].cos())
    return [F.jacrev(f, chunk_size=n)(x3(T)) for n in (1, 2, 3, 100)]


@case
def jacobian_without_dependence(T, F):
    f = lambda x, y: (y * 2, x.sum() * y)
    return F.jacrev(f)(x3(T), m23(T)), F.jacfwd(f)(x3(T), m23(T))


@case
def hessian_of_trees(T, F):
    f = lambda p: (p["w"].prod() * p["b"].sin()).sum()
    return F.hessian(f)({"w": x3(T), "b": m23(T)[0]})


@case
def hessian_of_two_arguments(T, F):
    return F.hessian(lambda x, y: (x * y * y).sum(), argnums=(0, 1))(x3(T), x3(T) * 2)


@case
def linearized(T, F):
    value, push = F.linearize(lambda x, y: (x * y.sin(), y.sum()), x3(T), x3(T) * 2)
    return value, push(x3(T), x3(T)), push(x3(T) * 2, x3(T) * 0)


# ---- vmap


@case
def vmap_over_other_dimensions(T, F):
    x = T.arange(24, dtype=T.float64).reshape(2, 3, 4)
    f = lambda a, b: (a * b, a.sum())
    return [
        F.vmap(f, in_dims=(1, None), out_dims=(-1, 0))(x, m23(T)[0, 0]),
        F.vmap(f, in_dims=(-1, 0), out_dims=1 - 1)(x, x[0, 0]),
        F.vmap(f, (2, 2), (1, 0))(x, x),
    ]


@case
def vmap_of_trees(T, F):
    f = lambda p, x: {"y": p["w"] * x, "z": (x, p["b"] + x)}
    p = {"w": m23(T), "b": x3(T)[0]}
    return F.vmap(f, in_dims=({"w": 0, "b": None}, 0))(p, m23(T))


@case
def vmap_of_vmap(T, F):
    f = lambda x, y: x * y + x.sum()
    outer = F.vmap(F.vmap(f, (None, 0)), (0, None))
    return outer(m23(T), m23(T)), F.vmap(F.vmap(lambda a: a * 2), 1, 1)(m23(T))


@case
def vmap_in_chunks(T, F):
    x = T.arange(10, dtype=T.float64).reshape(5, 2)
    return [
        F.vmap(lambda a, b: (a * b, a.sum()), (0, None), (1, 0), chunk_size=n)(x, x[0])
        for n in (1, 2, 5, 7)
    ]


@case
def vmap_of_what_does_not_depend(T, F):
    return F.vmap(lambda x: (T.ones(2), x))(m23(T))


@case
def vmap_makes_tensors(T, F):
    return F.vmap(lambda x: T.zeros(3) + T.full_like(x, 2.0) + x.new_ones(3) + x)(m23(T))


@case
def vmap_writes_in_place(T, F):
    def f(x):
        y = T.zeros_like(x)
        y[0] = x.sum()
        y.add_(x)
        return y

    return F.vmap(f)(m23(T))


@case
def vmap_with_the_same_random_numbers(T, F):
    y = F.vmap(lambda x: x * 0 + T.rand(3, dtype=T.float64), randomness="same")(m23(T))
    z = F.vmap(lambda x: x * 0 + T.rand(3, dtype=T.float64), randomness="different")(m23(T))
    return (y[0] == y[1]).all(), (z[0] == z[1]).any()


@case
def vmap_of_gradients_with_unmapped_weights(T, F):
    loss = lambda w, x: (w * x).sum() ** 2
    return F.vmap(F.grad(loss), (None, 0))(x3(T), m23(T)), F.vmap(
        F.grad_and_value(loss, argnums=(0, 1)), (None, 0)
    )(x3(T), m23(T))


# ---- nestings


@case
def every_pair(T, F):
    f = lambda x: (x.sin() * x.cumsum(0)).sum() * x.prod()
    v = x3(T) * 2
    one = {
        "grad": lambda f: F.grad(f),
        "vjp": lambda f: lambda x: F.vjp(f, x)[1](T.ones_like(f(x)))[0].sum(),
        "jvp": lambda f: lambda x: F.jvp(f, (x,), (v,))[1],
        "jacrev": lambda f: lambda x: F.jacrev(f)(x),
        "jacfwd": lambda f: lambda x: F.jacfwd(f)(x),
        "hessian": lambda f: lambda x: F.hessian(f)(x),
    }
    total = lambda g: lambda x: g(x).sum()
    return [b(total(a(f)))(x3(T)) for a in one.values() for b in one.values()]


@case
def mapped_pairs(T, F):
    f = lambda x: (x.tanh() * x.flip(0)).sum()
    return [
        F.vmap(F.hessian(f))(m23(T)),
        F.vmap(lambda x: F.jvp(F.grad(f), (x,), (x,)))(m23(T)),
        F.jacrev(lambda x: F.vmap(F.grad(f))(x))(m23(T)),
        F.jacfwd(lambda x: F.vmap(f)(x))(m23(T)),
        F.grad(lambda x: F.vmap(F.jacfwd(f))(x).pow(2).sum())(m23(T)),
        F.vmap(F.vmap(F.grad(lambda a: a**3)))(m23(T)),
    ]


@case
def closures_over_outer_variables(T, F):
    def outer(w):
        inner = F.vmap(lambda x: F.grad(lambda y: (y * w * x).sum() ** 2)(w * x))
        return inner(m23(T)).sum()

    return F.grad(outer)(x3(T)), F.jvp(outer, (x3(T),), (x3(T),))


@case
def values_decide_inside(T, F):
    def f(x):
        return (x**2).sum() if x.sum() > 0 and float(x[0]) < 1 else x.sum()

    return F.grad(f)(x3(T)), F.hessian(f)(x3(T)), F.jvp(F.grad(f), (x3(T),), (x3(T),))


@case
def leaf_made_inside(T, F):
    def f(x):
        w = T.tensor([2.0, 3.0, 4.0], dtype=T.float64, requires_grad=True)
        return T.autograd.grad((x * x * w * w).sum(), w)[0]

    return [t.detach() for t in F.jvp(f, (x3(T),), (x3(T),))]


@case
def recorded_inputs(T, F):
    w = x3(T).requires_grad_()
    F.grad(lambda x: (x * x * w).sum())(w).sum().backward()
    _, t = F.jvp(lambda x: x * x * w, (x3(T),), (x3(T),))
    return w.grad, T.autograd.grad(t.sum(), w)


# ---- modules


@case
def module_called_with_other_parameters(T, F):
    net = T.nn.Linear(3, 2).double()
    p = {"weight": m23(T), "bias": m23(T)[:, 0]}
    loss = lambda p: F.functional_call(net, p, (x3(T),)).pow(2).sum()
    return F.functional_call(net, p, (x3(T),)), F.grad(loss)(p), F.hessian(loss)(p)


@case
def ensemble(T, F):
    nets = [T.nn.Linear(3, 2).double() for _ in range(2)]
    for i, net in enumerate(nets):
        with T.no_grad():
            net.weight.copy_(m23(T) + i)
            net.bias.fill_(i)
    params, buffers = F.stack_module_state(nets)
    call = lambda p, b, x: F.functional_call(nets[0], (p, b), (x,))
    together = F.vmap(call, (0, 0, None))(params, buffers, x3(T))
    per_example = F.vmap(F.grad(lambda p, x: F.functional_call(nets[0], p, (x,)).sum()), (None, 0))(
        {k: v.detach() for k, v in nets[0].named_parameters()}, m23(T)
    )
    return together, per_example


@case
def functionalized(T, F):
    def f(x):
        y = x.clone()
        y[0].add_(1)
        y.mul_(x)
        return y.sum()

    return F.functionalize(f)(x3(T)), F.grad(F.functionalize(f))(x3(T))


# ---- dual numbers by hand


@case
def dual_level(T, F):
    fw = T.autograd.forward_ad
    z = x3(T).requires_grad_()
    with fw.dual_level():
        d = fw.make_dual(x3(T) * 2, x3(T))
        out = fw.unpack_dual((d * d * z).sin())
        gradient = fw.unpack_dual(T.autograd.grad((d * d * z * z).sum(), z)[0])
        p = fw.make_dual(z, x3(T))
        of_itself = fw.unpack_dual(T.autograd.grad((p**3).sum(), z)[0])
        none = fw.unpack_dual(z).tangent is None
    found = [x.detach() for pair in (out, gradient, of_itself) for x in pair]
    return found, none


def test_unpacking_gives_the_very_tangent():
    fw = W.autograd.forward_ad
    x, t = W.randn(3, 3), W.randn(3, 3)
    with fw.dual_level():
        d = fw.make_dual(x, t)
        assert fw.unpack_dual(d).tangent is t
        assert fw.unpack_dual(fw.make_dual(x, t.T)).tangent is not t
        assert fw.unpack_dual(d * 2).tangent.equal(t * 2)
        d.mul_(2)
        assert fw.unpack_dual(d).tangent.equal(t * 2)


@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name, torch):
    import torch.func

    compare(CASES[name](W, wengert.func), CASES[name](torch, torch.func), name)


def compare(ours: Any, theirs: Any, where: str) -> None:
    """Trees of the same structure, shapes, dtypes and numbers."""
    if hasattr(theirs, "detach"):
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        assert a.dtype == b.dtype and a.shape == b.shape, (where, a, b)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=where)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for k in theirs:
            compare(ours[k], theirs[k], f"{where}[{k!r}]")
    elif isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)) and len(ours) == len(theirs), (where, ours, theirs)
        assert isinstance(ours, list) == isinstance(theirs, list), where
        for i, (a, b) in enumerate(zip(ours, theirs)):
            compare(a, b, f"{where}[{i}]")
    else:
        assert ours == theirs, where


# ---- what is refused


@refused(RuntimeError)
def grad_of_a_vector(T, F):
    F.grad(lambda x: x * 2)(x3(T))


@refused(RuntimeError)
def grad_of_a_number(T, F):
    F.grad(lambda x: 3.0)(x3(T))


@refused(RuntimeError)
def grad_at_integers(T, F):
    F.grad(lambda x: x.sum())(T.arange(3))


@refused(RuntimeError)
def grad_without_aux(T, F):
    F.grad(lambda x: x.sum(), has_aux=True)(x3(T))


@refused(RuntimeError)
def grad_of_an_argument_too_far(T, F):
    F.grad(lambda x: x.sum(), argnums=2)(x3(T))


@refused(RuntimeError)
def jvp_of_no_tuple(T, F):
    F.jvp(lambda x: x, x3(T), x3(T))


@refused(RuntimeError)
def jvp_with_other_shapes(T, F):
    F.jvp(lambda x: x, (x3(T),), (m23(T),))


@refused(RuntimeError)
def jvp_with_fewer_tangents(T, F):
    F.jvp(lambda x, y: x, (x3(T), x3(T)), (x3(T),))


@refused(RuntimeError)
def linearize_and_other_tangents(T, F):
    F.linearize(lambda x: x.sin(), x3(T))[1](m23(T))


@refused(ValueError)
def linearize_at_integers(T, F):
    F.linearize(lambda x: x * 2, T.arange(3))


@refused(ValueError)
def vmap_without_inputs(T, F):
    F.vmap(lambda: 1)()


@refused(ValueError)
def vmap_over_different_sizes(T, F):
    F.vmap(lambda a, b: a)(m23(T), x3(T))


@refused(ValueError)
def vmap_over_a_missing_dimension(T, F):
    F.vmap(lambda a: a, in_dims=2)(m23(T))


@refused(ValueError)
def vmap_over_nothing(T, F):
    F.vmap(lambda a: a, in_dims=None)(m23(T))


@refused(ValueError)
def vmap_over_no_tensor(T, F):
    F.vmap(lambda a: a)(3)


@refused(ValueError)
def vmap_with_other_in_dims(T, F):
    F.vmap(lambda a, b: a, in_dims=(0,))(m23(T), m23(T))


@refused(ValueError)
def vmap_with_other_out_dims(T, F):
    F.vmap(lambda a: (a, a), out_dims=(0, 0, 0))(m23(T))


@refused(ValueError)
def vmap_that_returns_a_number(T, F):
    F.vmap(lambda a: 3)(m23(T))


@refused(ValueError)
def vmap_in_chunks_of_nothing(T, F):
    F.vmap(lambda a: a, chunk_size=0)(m23(T))


@refused(RuntimeError)
def vmap_draws(T, F):
    F.vmap(lambda a: a + T.rand(3))(m23(T))


@refused(RuntimeError)
def vmap_with_another_randomness(T, F):
    F.vmap(lambda a: a, randomness="some")(m23(T))


@refused(RuntimeError)
def vmap_decides(T, F):
    F.vmap(lambda a: a if a.sum() > 0 else -a)(m23(T))


@refused(RuntimeError)
def vmap_reads(T, F):
    F.vmap(lambda a: a * a.sum().item())(m23(T))


@refused(RuntimeError)
def functionalize_something_else(T, F):
    F.functionalize(lambda x: x, remove="views")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_pytorch(name, torch):
    import torch.func

    error, f = REFUSED[name]
    with pytest.raises(error) as theirs:
        f(torch, torch.func)
    with pytest.raises(error) as ours:
        f(W, wengert.func)
    assert type(ours.value) is type(theirs.value)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    error, f = REFUSED[name]
    with pytest.raises(error):
        f(W, wengert.func)
