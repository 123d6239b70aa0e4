"""One call on both libraries, of real or complex tensors: values, derivatives in both modes, vmap
against a loop.

A call is f(T, *tensors), written once; T is wengert or torch. Results are one tensor or a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert

TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-8, "complex128": 1e-8}


def outputs(y: Any) -> list[Any]:
    return [y] if hasattr(y, "dtype") else [t for t in y if hasattr(t, "dtype")]


def read(t: Any) -> np.ndarray:
    t = t.detach()
    t = t.resolve_conj() if hasattr(t, "resolve_conj") else t
    return (t.float() if str(t.dtype).endswith("float16") else t).numpy(force=True)


def close(ours: Any, theirs: Any, what: str) -> None:
    if ours is None or theirs is None:
        some = theirs if ours is None else ours
        assert some is None or not read(some).any(), f"{what}: {ours} and {theirs}"
        return
    assert str(ours.dtype) == str(theirs.dtype), f"{what}: {ours.dtype}, not {theirs.dtype}"
    a, b = read(ours), read(theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, not {b.shape}"
    tol = TOLERANCE.get(b.dtype.name, 0)
    np.testing.assert_allclose(
        a, b, rtol=tol, atol=tol * max(1.0, np.abs(b).max(initial=0)), err_msg=what
    )


def noise(rng: Any, shape: Any, dtype: Any) -> np.ndarray:
    name = str(dtype).split(".")[1]
    a = rng.standard_normal(tuple(shape))
    return (a + 1j * rng.standard_normal(tuple(shape)) if name.startswith("complex") else a).astype(
        name
    )


def leaves_of(T: Any, arrays: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
    tensors = [T.tensor(a) for a in arrays]
    return tensors, [t.requires_grad_() for t in tensors if t.is_floating_point() or t.is_complex()]


def derivatives(
    T: Any, f: Callable[..., Any], arrays: list[np.ndarray], second: bool
) -> list[list[Any]]:
    rng = np.random.default_rng(1)
    tensors, leaves = leaves_of(T, arrays)
    ys = outputs(f(T, *tensors))
    live = [y for y in ys if y.requires_grad]
    results = [ys]
    if not live:
        return results
    seeds = [T.tensor(noise(rng, y.shape, y.dtype)).requires_grad_() for y in live]
    first = T.autograd.grad(live, leaves, seeds, create_graph=second, allow_unused=True)
    results.append(list(first))
    again = [g for g in first if g is not None and g.requires_grad]
    if second and again:
        more = [T.tensor(noise(rng, g.shape, g.dtype)) for g in again]
        results.append(list(T.autograd.grad(again, [*leaves, *seeds], more, allow_unused=True)))
    return results


def tangents(T: Any, f: Callable[..., Any], arrays: list[np.ndarray]) -> list[Any]:
    rng = np.random.default_rng(2)
    tensors = [T.tensor(a) for a in arrays]
    directions = [T.tensor(noise(rng, t.shape, t.dtype)) for t in tensors]
    return outputs(
        T.func.jvp(lambda *xs: tuple(outputs(f(T, *xs))), tuple(tensors), tuple(directions))[1]
    )


def same(
    torch: Any,
    f: Callable[..., Any],
    *arrays: np.ndarray,
    second: bool = True,
    jvp: bool = True,
    batch: bool = True,
) -> None:
    """f agrees with PyTorch in values and derivatives, and with itself under vmap."""
    with np.errstate(all="ignore"):
        ours, theirs = (derivatives(T, f, list(arrays), second) for T in (wengert, torch))
        for order, (a, b) in enumerate(zip(ours, theirs)):
            assert len(a) == len(b)
            for i, (x, y) in enumerate(zip(a, b)):
                close(x, y, f"derivative {order} number {i}")
        assert len(ours) == len(theirs)
        assert [t.requires_grad for t in ours[0]] == [t.requires_grad for t in theirs[0]]
        if jvp and len(ours) > 1:
            for i, (x, y) in enumerate(
                zip(tangents(wengert, f, list(arrays)), tangents(torch, f, list(arrays)))
            ):
                close(x, y, f"tangent {i}")
        if batch:
            vmapped(f, list(arrays))


def vmapped(f: Callable[..., Any], arrays: list[np.ndarray]) -> None:
    """vmap over all arguments and over the first alone, against a loop."""
    for which in {len(arrays), 1}:
        pairs = [
            (a, a * a.dtype.type(1.25) if a.dtype.kind in "fc" else a) if i < which else (a, a)
            for i, a in enumerate(arrays)
        ]
        dims = tuple([0 if i < which else None for i in range(len(arrays))])
        stacked = [wengert.tensor(np.stack(p) if i < which else p[0]) for i, p in enumerate(pairs)]
        got = wengert.func.vmap(lambda *xs: tuple(outputs(f(wengert, *xs))), dims)(*stacked)
        loop = [outputs(f(wengert, *[wengert.tensor(p[k]) for p in pairs])) for k in (0, 1)]
        for i, (g, parts) in enumerate(zip(got, zip(*loop))):
            close(g, wengert.stack(list(parts)), f"vmap output {i} with {which} batched")


def refused(torch: Any, f: Callable[..., Any]) -> None:
    """Both raise, ours PyTorch's type or a subclass of it."""
    kinds = []
    for T in (wengert, torch):
        try:
            f(T)
        except Exception as e:
            kinds.append(e)
        else:
            kinds.append(None)
    ours, theirs = kinds
    assert theirs is not None, "PyTorch does not refuse"
    assert ours is not None, f"not refused; PyTorch raises {theirs!r}"
    kind = type(theirs) if type(theirs).__name__ != "_LinAlgError" else wengert.linalg.LinAlgError
    assert isinstance(ours, kind), f"{ours!r}, not {theirs!r}"
    assert not isinstance(ours, NotImplementedError) or isinstance(theirs, NotImplementedError), (
        repr(ours)
    )
