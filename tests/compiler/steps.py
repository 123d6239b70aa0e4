"""Steps that are taken twice, as they stand and compiled, and compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import wengert as w
from wengert.base.pytree import tree_leaves


def taken(make: Callable[[], Any], n: int, compiled: bool) -> tuple[list[Any], Any]:
    """What n calls of make() return, with what belongs to the calls; the seeds are the same."""
    w.manual_seed(3)
    f = make()
    w.manual_seed(4)
    if compiled:
        f = w.compile(f)
    found = []
    for _ in range(n):
        leaves = tree_leaves(f())
        found.append([x.detach().clone() if isinstance(x, w.Tensor) else x for x in leaves])
    return found, getattr(f, "calls", None)


def compare(make: Callable[[], Any], n: int = 5, tol: float = 2e-6) -> Any:
    """Compare n calls of make() as it stands and compiled; the counts of the compiled one."""
    want, _ = taken(make, n, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got, calls = taken(make, n, True)
    for xs, ys in zip(want, got):
        assert len(xs) == len(ys)
        for x, y in zip(xs, ys):
            if isinstance(x, w.Tensor):
                assert x.dtype is y.dtype and x.shape == y.shape
                assert w.allclose(x.double(), y.double(), rtol=0, atol=tol, equal_nan=True), (x, y)
            else:
                assert x == y
    return calls.counts
