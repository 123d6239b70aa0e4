"""Runs one call on wengert and on PyTorch, and compares values and derivatives.

A call is f(F, T, *tensors), written once: F is nn.functional and T the module, of either library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert
import wengert.nn.functional as WF

TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}


def to(library: Any, a: np.ndarray, dtype: str | None) -> Any:
    """An array as a tensor; floating ones in a dtype."""
    t = library.tensor(a.copy())
    return t.to(getattr(library, dtype)) if dtype and a.dtype.kind == "f" else t


def read(t: Any) -> np.ndarray:
    t = t.detach()
    return (t.double() if t.is_floating_point() else t).numpy(force=True)


def close(ours: Any, theirs: Any, dtype: str, what: str, tolerance: float = 0.0) -> None:
    assert (ours is None) == (theirs is None), what
    if ours is None:
        return
    assert str(ours.dtype) == str(theirs.dtype), f"{what}: {ours.dtype}, not {theirs.dtype}"
    a, b = read(ours), read(theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, not {b.shape}"
    tol = max(TOLERANCE[dtype], tolerance)
    scale = (
        max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0))) if b.dtype.kind == "f" else 1.0
    )
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol * scale, err_msg=what)


def outputs(y: Any) -> list[Any]:
    return [t for t in (y if isinstance(y, tuple) else (y,)) if t is not None]


def agree(
    torch: Any,
    f: Callable[..., Any],
    arrays: list[np.ndarray],
    dtype: str = "float64",
    second: bool = True,
    gradient: bool = True,
    tolerance: float = 0.0,
) -> None:
    """Compare f on both libraries: values and, for floating arrays, derivatives.

    second: second derivatives too.
    """
    pairs = []
    for library, functional, grad in (
        (wengert, WF, wengert.autograd.grad),
        (torch, torch.nn.functional, torch.autograd.grad),
    ):
        tensors = [to(library, a, dtype) for a in arrays]
        leaves = [t.requires_grad_() for t in tensors if gradient and t.is_floating_point()]
        library.manual_seed(0)
        ys = outputs(f(functional, library, *tensors))
        results = [ys]
        live = [y for y in ys if y.requires_grad]
        if live and leaves:
            rng = np.random.default_rng(1)
            cotangents = [
                to(
                    library, rng.standard_normal(tuple(y.shape)), str(y.dtype).split(".")[1]
                ).requires_grad_()
                for y in live
            ]
            first = grad(live, leaves, cotangents, create_graph=second, allow_unused=True)
            results.append(list(first))
            again = [g for g in first if g is not None and g.requires_grad]
            if second and again:
                seeds = [to(library, rng.standard_normal(tuple(g.shape)), dtype) for g in again]
                results.append(
                    list(
                        grad(
                            again,
                            [*leaves, *cotangents],
                            seeds,
                            allow_unused=True,
                            materialize_grads=True,
                        )
                    )
                )
        pairs.append(results)
    for order, (ours, theirs) in enumerate(zip(*pairs)):
        assert len(ours) == len(theirs)
        for i, (a, b) in enumerate(zip(ours, theirs)):
            close(a, b, dtype, f"derivative {order}, number {i}", tolerance)


def raises_alike(torch: Any, f: Callable[..., Any], arrays: list[np.ndarray] = ()) -> None:
    """Both libraries refuse, ours with PyTorch's exception type (or a subclass)."""
    kinds = []
    for library, functional in ((wengert, WF), (torch, torch.nn.functional)):
        try:
            f(functional, library, *[to(library, a, None) for a in arrays])
        except Exception as e:
            kinds.append(type(e))
        else:
            kinds.append(None)
    ours, theirs = kinds
    assert theirs is not None, "PyTorch does not refuse"
    assert ours is not None, f"not refused; PyTorch raises {theirs.__name__}"
    assert issubclass(ours, theirs), f"{ours.__name__}, not {theirs.__name__}"
