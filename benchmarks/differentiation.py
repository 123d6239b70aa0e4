"""What derivatives cost: `python benchmarks/differentiation.py`, with PyTorch and JAX beside it
where they can be imported.

The Hessian of an MLP with 105 parameters, the Jacobian of a 64-wide one, 100 Hessian-vector
products, and a loop of 1,000 steps with backward: each as PyTorch's users write it, with
torch.func and with torch.autograd. wengert and PyTorch run the same program; JAX runs its own
form of it, not compiled (`eager`) and compiled (`jit`). See `rounds.py` for how times are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rounds

HESSIAN = (2, 8, 8, 1)  # 105 parameters
PRODUCTS = (2, 32, 32, 1)  # 1,185
JACOBIAN = (16, 64, 64, 16)
STEPS, DT = 1000, 0.01

Step = Callable[[], object]


def normal(*shape: int, seed: int = 0) -> Any:
    import numpy as np

    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def weights(sizes: tuple[int, ...]) -> Any:
    """The weights of an MLP in one vector: scaled normal, biases zero."""
    import numpy as np

    parts = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        parts += [normal(a * b, seed=10 + i) / np.float32(a**0.5), np.zeros(b, "float32")]
    return np.concatenate(parts)


def mlp(tanh: Any, sizes: tuple[int, ...], w: Any, x: Any) -> Any:
    """A tanh MLP with its weights in one vector, for any library."""
    i = 0
    for a, b in zip(sizes, sizes[1:]):
        x = x @ w[i : i + a * b].reshape(a, b) + w[i + a * b : i + a * b + b]
        i += a * b + b
        if i < w.shape[0]:
            x = tanh(x)
    return x


def loss_of(torch: Any, sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """(the loss as a function of the weights, the weights)."""
    x, y = torch.from_numpy(normal(32, 2)), torch.from_numpy(normal(32, 1, seed=1))

    def loss(w: Any) -> Any:
        return ((mlp(torch.tanh, sizes, w, x) - y) ** 2).mean()

    return loss, torch.from_numpy(weights(sizes))


def hessians(torch: Any) -> dict[str, Step]:
    """Second derivatives of the loss in 105 parameters."""
    loss, w = loss_of(torch, HESSIAN)
    by_hand = torch.autograd.functional.hessian
    f = torch.func.hessian(loss)
    twice = torch.func.jacrev(torch.func.jacrev(loss))

    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    named = {k: v.detach() for k, v in net.named_parameters()}
    x, y = torch.from_numpy(normal(32, 2)), torch.from_numpy(normal(32, 1, seed=1))

    def module_loss(p: Any) -> Any:
        return nn.functional.mse_loss(torch.func.functional_call(net, p, (x,)), y)

    g = torch.func.hessian(module_loss)
    return {
        "func.hessian": lambda: f(w),
        "jacrev of jacrev": lambda: twice(w),
        "func.hessian of a module": lambda: g(named),
        "autograd.functional": lambda: by_hand(loss, w),
        "autograd, vectorize=True": lambda: by_hand(loss, w, vectorize=True),
    }


def jacobians(torch: Any) -> dict[str, Step]:
    """First derivatives of 16 outputs in 16 inputs, of one example and of 64."""
    w, xs = torch.from_numpy(weights(JACOBIAN)), torch.from_numpy(normal(64, 16))
    func, x = torch.func, xs[0]

    def net(x: Any) -> Any:
        return mlp(torch.tanh, JACOBIAN, w, x)

    reverse, forward = func.jacrev(net), func.jacfwd(net)
    examples, examples_forward = func.vmap(reverse), func.vmap(forward)
    by_hand = torch.autograd.functional.jacobian
    many = torch.from_numpy(normal(1000))

    def coupled(x: Any) -> Any:
        return torch.sin(x) * torch.roll(x, 1)

    wide, wide_forward = func.jacrev(coupled), func.jacfwd(coupled)
    return {
        "vmap(jacrev), 64 examples": lambda: examples(xs),
        "vmap(jacfwd), 64 examples": lambda: examples_forward(xs),
        "jacrev": lambda: reverse(x),
        "jacfwd": lambda: forward(x),
        "autograd.functional": lambda: by_hand(net, x),
        "autograd, vectorize=True": lambda: by_hand(net, x, vectorize=True),
        "jacrev, 1,000 inputs": lambda: wide(many),
        "jacfwd, 1,000 inputs": lambda: wide_forward(many),
    }


def products(torch: Any) -> dict[str, Step]:
    """100 products of the Hessian in 1,185 parameters with vectors."""
    loss, w = loss_of(torch, PRODUCTS)
    func, grad = torch.func, torch.autograd.grad
    vectors = torch.from_numpy(normal(100, w.shape[0], seed=3))
    each = list(vectors)
    gradient = func.grad(loss)

    def hvp(v: Any) -> Any:
        return func.jvp(gradient, (w,), (v,))[1]

    many = func.vmap(hvp)

    def twice() -> None:
        for v in each:
            x = w.detach().requires_grad_()
            (g,) = grad(loss(x), x, create_graph=True)
            grad((g * v).sum(), x)

    def one_graph() -> None:
        x = w.detach().requires_grad_()
        (g,) = grad(loss(x), x, create_graph=True)
        for v in each:
            grad(g, x, v, retain_graph=True)

    def linear() -> None:
        _, push = func.linearize(gradient, w)
        for v in each:
            push(v)

    return {
        "jvp of grad": lambda: [hvp(v) for v in each],
        "100 gradients, to compare": lambda: [gradient(w) for _ in each],
        "grad twice": twice,
        "grad twice, one graph": one_graph,
        "linearize": linear,
        "vmap of jvp of grad": lambda: many(vectors),
        "autograd.functional.hvp": lambda: [
            torch.autograd.functional.hvp(loss, w, v) for v in each
        ],
    }


def loops(torch: Any) -> dict[str, Step]:
    """A damped pendulum: 1,000 symplectic Euler steps of 8 ops on 4 elements, and backward."""
    q0, p0 = torch.from_numpy(normal(4)), torch.from_numpy(normal(4, seed=1))
    k = torch.tensor([1.5], requires_grad=True)
    c = torch.tensor([0.1], requires_grad=True)

    def step() -> None:
        k.grad = c.grad = None
        q, p = q0, p0
        for _ in range(STEPS):
            p = p - DT * (k * torch.sin(q) + c * p)
            q = q + DT * p
        (q * q + p * p).sum().backward()

    return {"loop of 1,000 steps": step}


def in_jax() -> dict[str, dict[str, Step]]:
    """JAX's form of the first workload of each kind, not compiled and compiled."""
    import jax
    import jax.numpy as jnp

    def loss_in(sizes: tuple[int, ...]) -> Any:
        x, y = jnp.asarray(normal(32, 2)), jnp.asarray(normal(32, 1, seed=1))
        return lambda w: ((mlp(jnp.tanh, sizes, w, x) - y) ** 2).mean()

    def net(x: Any) -> Any:
        return mlp(jnp.tanh, JACOBIAN, jacobian_weights, x)

    jacobian_weights = jnp.asarray(weights(JACOBIAN))
    w, many = jnp.asarray(weights(HESSIAN)), jnp.asarray(normal(64, 16))
    v = jnp.asarray(weights(PRODUCTS))
    each = list(jnp.asarray(normal(100, len(v), seed=3)))
    gradient = jax.grad(loss_in(PRODUCTS))

    def pendulum(kc: Any, q: Any, p: Any) -> Any:
        def move(state: Any, _: Any) -> Any:
            q, p = state
            p = p - DT * (kc[0] * jnp.sin(q) + kc[1] * p)
            return (q + DT * p, p), None

        (q, p), _ = jax.lax.scan(move, (q, p), length=STEPS)
        return (q * q + p * p).sum()

    kc = [jnp.asarray([1.5], "float32"), jnp.asarray([0.1], "float32")]
    start = jnp.asarray(normal(4)), jnp.asarray(normal(4, seed=1))

    def steps(compile: Any) -> dict[str, Step]:
        hessian = compile(jax.hessian(loss_in(HESSIAN)))
        jacobian = compile(jax.vmap(jax.jacrev(net)))
        product = compile(lambda w, v: jax.jvp(gradient, (w,), (v,))[1])
        alone = compile(gradient)
        loop = compile(jax.grad(pendulum))
        ready = jax.block_until_ready
        return {
            "func.hessian": lambda: ready(hessian(w)),
            "vmap(jacrev), 64 examples": lambda: ready(jacobian(many)),
            "jvp of grad": lambda: ready([product(v, u) for u in each]),
            "100 gradients, to compare": lambda: ready([alone(v) for _ in each]),
            "loop of 1,000 steps": lambda: ready(loop(kc, *start)),
        }

    return {"jax eager": steps(lambda f: f), "jax jit": steps(jax.jit)}


def main() -> None:
    args = rounds.options(__doc__, "only")
    found = rounds.libraries(args)
    try:
        others = in_jax()
    except ImportError:
        print("JAX is not installed: without it\n")
        others = {}
    for kind in (hessians, jacobians, products, loops):
        if args.only and kind.__name__ not in args.only:
            continue
        print(kind.__name__)
        tables = {name: kind(torch) for name, torch in found.items()}
        for title in tables["wengert"]:
            steps = {name: table[title] for name, table in (*tables.items(), *others.items())
                     if title in table}  # fmt: skip
            rounds.show(f"  {title}", rounds.race(steps, args), 1e-3, "ms")


if __name__ == "__main__":
    main()
