"""Every op in every nesting of two transforms, against differences and loops.

The samples are those of samples.py. The function is a scalar: the op's floating outputs, each
weighted with random numbers. With w a direction in the space of the inputs,

    grad(grad)   the gradient of <grad f, w>        all three are the Hessian times w: the central
    jvp(grad)    the tangent of grad f along w      difference of grad f along w
    grad(jvp)    the gradient of f's tangent along w
    jvp(jvp)     the tangent of the tangent         that, times w
    vmap(grad)   gradients of a batch               a loop over the batch
    grad(vmap)   the gradient of a batch's sum      a loop over the batch
    vmap(jvp)    tangents of a batch                the gradients of the loop, times w
    jvp(vmap)    the tangent of a batch             the gradients of the loop, times w

The same over PyTorch's own list of operators and samples: tools/nestings.py.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from ops.samples import SMOOTH, case, close, seeded

import wengert
from wengert.engine.tensor import Tensor, wrap
from wengert.func import grad, jvp, vmap

STEP = 1e-5
# differences: what is decomposed is so badly conditioned at random that they lose digits
LOOSE = {"pinv": 1e-3, "lstsq": 1e-3, "eig": 1e-3}


def variants() -> dict[str, Any]:
    """Label -> (op, inputs, static, which inputs move): the samples, elementwise ops of two
    inputs with shapes that broadcast, and reductions of everything, of vectors and of one number.
    """
    rng = np.random.default_rng(8)
    found = {}
    for name in SMOOTH:
        op, ins, static, chosen, _ = case(name)
        found[name] = (op, ins, static, chosen)
        numbers = [a for a in ins if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        if len(numbers) < len(ins) or name in ODD:
            continue
        low, high = min(a.min() for a in numbers), max(a.max() for a in numbers)
        if op.kind == "elementwise" and len(ins) == 2 and ins[0].shape == ins[1].shape:
            for shapes in (((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((2,), ()), ((), ())):
                given = [np.asarray(rng.uniform(low, high, s)) for s in shapes]
                found[f"{name} {shapes[0]} {shapes[1]}"] = (op, given, static, chosen)
        if op.kind == "elementwise" and len(ins) == 1:
            found[f"{name} ()"] = (op, [np.asarray(rng.uniform(low, high))], static, chosen)
        if set(static) == {"dim", "keepdim"} and len(ins) == 1:
            for shape, dim, keepdim in REDUCED:
                if dim is None and op.static["dim"] is not None:
                    continue
                given = [np.asarray(rng.uniform(low, high, shape))]
                more = {**static, "dim": dim, "keepdim": keepdim}
                found[f"{name} {shape} {dim} {keepdim}"] = (op, given, more, chosen)
    return found


REDUCED = [((2, 3), None, False), ((2, 3), None, True), ((3,), 0, False), ((2, 2, 2), -2, True)]
ODD = {"overwrite", "prelu"}  # have one shape for both inputs; their public functions see to it
CASES = variants()


@functools.cache
def sample(name: str) -> tuple[Any, tuple[int, ...], list[np.ndarray], list[np.ndarray]]:
    """(scalar function, its arguments' numbers, points, directions) of a case."""
    op, ins, static, chosen = CASES[name]
    xs = [ins[i] for i in chosen]

    def scalar(*moving: Tensor) -> Tensor:
        full = [wrap(a) if isinstance(a, np.ndarray) else a for a in ins]
        for i, x in zip(chosen, moving):
            full[i] = x
        out = op.entry(*full, **static)
        many = out if isinstance(out, tuple) else (out,)
        parts: list[Tensor] = []
        for o, n in zip(many, op.outputs or ("out",)):
            if o.dtype.is_complex:  # of a complex vector only the size is unique
                parts += [o.abs()] if op.name == "eig" else [o.real, o.imag]
            elif o.dtype.is_floating_point and n not in op.integer:
                parts.append(o)
        return add([(o * wrap(w)).sum() for o, w in zip(parts, seeded(parts, 1))])

    return scalar, tuple(range(len(xs))), xs, seeded(xs, 2)


def add(terms: list[Tensor]) -> Tensor:
    return functools.reduce(lambda a, b: a + b, terms)


def tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    return [wengert.from_numpy(np.array(a)) for a in arrays]


def arrays(results: Any) -> list[np.ndarray]:
    return [np.array(r.detach().numpy()) for r in results]


@functools.cache
def hessian_times_direction(name: str) -> list[np.ndarray]:
    f, n, xs, ds = sample(name)

    def at(k: int) -> list[np.ndarray]:
        return arrays(grad(f, n)(*tensors([x + k * STEP * d for x, d in zip(xs, ds)])))

    far = [b - a for a, b in zip(at(-2), at(2))]
    return [(8 * (b - a) - c) / (12 * STEP) for a, b, c in zip(at(-1), at(1), far)]


def along(grads: Any, ds: list[Tensor]) -> Tensor:
    return add([(g * d).sum() for g, d in zip(grads, ds)])


def agree(name: str, got: Any, want: list[np.ndarray], tolerance: float) -> None:
    assert len(got) == len(want)
    for g, w in zip(arrays(got), want):
        close(g, w, LOOSE.get(name, tolerance))


@pytest.mark.parametrize("name", CASES)
def test_grad_of_grad(name: str) -> None:
    f, n, xs, ds = sample(name)
    directions = tensors(ds)
    got = grad(lambda *v: along(grad(f, n)(*v), directions), n)(*tensors(xs))
    agree(name, got, hessian_times_direction(name), 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_jvp_of_grad(name: str) -> None:
    f, n, xs, ds = sample(name)
    got = jvp(grad(f, n), tuple(tensors(xs)), tuple(tensors(ds)))[1]
    agree(name, got, hessian_times_direction(name), 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_grad_of_jvp(name: str) -> None:
    f, n, xs, ds = sample(name)
    directions = tuple(tensors(ds))
    got = grad(tangent(f, directions), n)(*tensors(xs))
    agree(name, got, hessian_times_direction(name), 1e-5)


def tangent(f: Any, directions: tuple[Tensor, ...]) -> Any:
    """The derivative of f along fixed directions by forward mode, as a function."""
    return lambda *v: jvp(f, v, directions)[1]


@pytest.mark.parametrize("name", CASES)
def test_jvp_of_jvp(name: str) -> None:
    f, _, xs, ds = sample(name)
    directions = tuple(tensors(ds))
    got = jvp(tangent(f, directions), tuple(tensors(xs)), directions)[1]
    want = sum(float((h * d).sum()) for h, d in zip(hessian_times_direction(name), ds))
    agree(name, [got], [np.asarray(want)], 1e-5)


def batch(xs: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs twice, the second time a little moved: (both in one array, the second)."""
    second = [x * 0.97 + 0.01 for x in xs]
    return [np.stack([a, b]) for a, b in zip(xs, second)], second


@functools.cache
def looped(name: str) -> list[np.ndarray]:
    f, n, xs, _ = sample(name)
    _, second = batch(xs)
    return [
        np.stack([a, b])
        for a, b in zip(arrays(grad(f, n)(*tensors(xs))), arrays(grad(f, n)(*tensors(second))))
    ]


@pytest.mark.parametrize("name", CASES)
def test_vmap_of_grad(name: str) -> None:
    f, n, xs, _ = sample(name)
    agree(name, vmap(grad(f, n))(*tensors(batch(xs)[0])), looped(name), 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_grad_of_vmap(name: str) -> None:
    f, n, xs, _ = sample(name)
    got = grad(lambda *v: vmap(f)(*v).sum(), n)(*tensors(batch(xs)[0]))
    agree(name, got, looped(name), 1e-9)


def looped_tangents(name: str) -> np.ndarray:
    ds = sample(name)[3]
    return np.asarray(
        [sum(float((g[i] * d).sum()) for g, d in zip(looped(name), ds)) for i in (0, 1)]
    )


@pytest.mark.parametrize("name", CASES)
def test_vmap_of_jvp(name: str) -> None:
    f, _, xs, ds = sample(name)
    got = vmap(tangent(f, tuple(tensors(ds))))(*tensors(batch(xs)[0]))
    agree(name, [got], [looped_tangents(name)], 1e-8)


@pytest.mark.parametrize("name", CASES)
def test_jvp_of_vmap(name: str) -> None:
    f, _, xs, ds = sample(name)
    both = tuple(tensors([np.stack([d, d]) for d in ds]))
    got = jvp(vmap(f), tuple(tensors(batch(xs)[0])), both)[1]
    agree(name, [got], [looped_tangents(name)], 1e-8)
