"""Checks and bookkeeping of dimensions shared by op files."""

from __future__ import annotations

import math
from typing import Any


def wrap_dim(dim: Any, ndim: int, op: str = "") -> int:
    """dim in [0, ndim); IndexError as PyTorch's."""
    try:
        dim = dim.__index__()
    except AttributeError:
        raise TypeError(f"{op}(): argument 'dim' must be int, not {type(dim).__name__}") from None
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
            + (f" in {op}()" if op else "")
        )
    return dim % n


def wrap_dims(dims: Any, ndim: int, op: str = "") -> tuple[int, ...]:
    """Each of dims (an int, or a sequence) in [0, ndim), without repetition."""
    if isinstance(dims, int):
        dims = (dims,)
    n, found = ndim or 1, []
    for d in dims:
        found.append(d % n if type(d) is int and -n <= d < n else wrap_dim(d, ndim, op))
    out = tuple(found)
    if len(set(out)) != len(out):
        d = next(d for d in out if out.count(d) > 1)
        raise RuntimeError(
            f"dim {d} appears multiple times in the list of dims" + (f" of {op}()" if op else "")
        )
    return out


def restore(xp: Any, g: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """A reduction's gradient with the reduced dimensions back as ones."""
    if keepdim or not shape:
        return g
    return xp.reshape(g, kept_shape(shape, dim))


def kept_shape(shape: tuple[int, ...], dim: Any) -> tuple[int, ...]:
    """shape after a reduction over dim with keepdim."""
    if dim is None:
        return (1,) * len(shape)
    dims = {d % len(shape) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
    return tuple([1 if i in dims else s for i, s in enumerate(shape)])


def count(shape: tuple[int, ...], dim: Any) -> int:
    """How many elements a reduction over dim joins."""
    if dim is None:
        return math.prod(shape)
    if not shape:
        return 1
    nd = len(shape)
    if isinstance(dim, (tuple, list)):
        return math.prod([shape[d] for d in {d % nd for d in dim}])
    return shape[dim % nd]


def sizes_of(args: tuple[Any, ...], name: str) -> tuple[int, ...]:
    """The shape given as f(2, 3) or f((2, 3)) or f([2, 3])."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    try:
        return tuple([a.__index__() if type(a) is not int else a for a in args])
    except (AttributeError, TypeError):
        bad = next((type(a).__name__ for a in args if not isinstance(a, int)), "something else")
        raise TypeError(f"{name}(): sizes must be ints, got {bad}") from None
