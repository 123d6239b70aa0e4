"""vmap: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autodiff.batched import Batched, drop_batch, lift_batch
from ..base.modes import Level, place, state
from ..base.pytree import flatten, unflatten
from ..engine.tensor import Tensor
from ..ops.dims import wrap_dim
from .captured import Running


def broadcast_dims(dims: Any, tree: Any, what: str) -> list[Any]:
    """in_dims or out_dims (an int, None, or a tree that is a prefix of tree), one for each leaf."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(flatten(tree)[0])
    if isinstance(tree, dict):
        if not isinstance(dims, dict) or dims.keys() != tree.keys():
            raise ValueError(f"vmap: {what} has a structure that does not fit: {dims!r}")
        return [d for k in tree for d in broadcast_dims(dims[k], tree[k], what)]
    if (
        not isinstance(tree, (tuple, list))
        or not isinstance(dims, (tuple, list))
        or len(dims) != len(tree)
    ):
        raise ValueError(
            f"vmap: {what} is not compatible with the structure of the"
            f" {'inputs' if what == 'in_dims' else 'outputs'}: {dims!r}"
        )
    return [d for a, b in zip(dims, tree) for d in broadcast_dims(a, b, what)]


def out_places(out_dims: Any, out: Any) -> list[Any]:
    """Where the batch goes in each result."""
    if isinstance(out, Tensor) and not isinstance(out_dims, int):
        return [out_dims[0] if isinstance(out_dims, (tuple, list)) else out_dims]
    return broadcast_dims(out_dims, out, "out_dims")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """func over a batch dimension of its tensor arguments.

    in_dims: the dimension of each argument (None: not batched); out_dims: where the batch goes in
    the results. randomness: 'error', 'different' or 'same' for each example. chunk_size: how many
    examples at a time. ValueError where in_dims and out_dims do not fit what is given and returned.

    >>> vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
    tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got"
            f" {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("vmap: chunk_size should be None or greater than 0")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if not isinstance(in_dims, int) and not isinstance(in_dims, (tuple, list)):
            raise ValueError(
                f"vmap(in_dims={in_dims!r}): expected `in_dims` to be int or a (potentially nested)"
                f" tuple matching the structure of inputs, got: {type(in_dims)}."
            )
        if not args:
            raise ValueError(
                "vmap(...): got no inputs. Maybe you forgot to add inputs, or you are trying to"
                " vmap over a function with no inputs. The latter is unsupported."
            )
        leaves, structure = flatten(args)
        dims = broadcast_dims(
            in_dims if isinstance(in_dims, int) else tuple(in_dims), args, "in_dims"
        )
        size = batch_size(leaves, dims)
        if chunk_size is not None and chunk_size < size:
            return chunked(
                func, leaves, structure, dims, kwargs, out_dims, randomness, size, chunk_size
            )
        return run(func, leaves, structure, dims, kwargs, out_dims, randomness, size)

    return mapped


def batch_size(leaves: list[Any], dims: list[Any]) -> int:
    """The size of the mapped dimension, the same for all."""
    sizes = []
    for x, d in zip(leaves, dims):
        if d is None:
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap: Got in_dim={d} for an input but the input is of type {type(x)}. We cannot"
                " vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.ndim <= d < x.ndim:
            raise ValueError(
                f"vmap: Got in_dim={d} for some input, but that input is a Tensor of dimensionality"
                f" {x.ndim} so expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
            )
        sizes.append(x.shape[d])
    if not sizes:
        raise ValueError("vmap: at least one input must be mapped over (in_dims are all None)")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes"
            f" {sizes} for the mapped dimension"
        )
    return sizes[0]


def run(
    func: Any,
    leaves: list[Any],
    structure: Any,
    dims: list[Any],
    kwargs: Any,
    out_dims: Any,
    randomness: str,
    size: int,
) -> Any:
    previous = state.vmap
    rest = [x for x, d in zip(leaves, dims) if d is None]
    with Level(running=Running(func, rest, maps=True)) as level:
        place("vmap", (*previous, (level, size, randomness)))
        try:
            return push(func, leaves, structure, dims, kwargs, out_dims, size, level)
        finally:
            place("vmap", previous)


def push(
    func: Any,
    leaves: list[Any],
    structure: Any,
    dims: list[Any],
    kwargs: Any,
    out_dims: Any,
    size: int,
    level: int,
) -> Any:
    """Batch the inputs, run, unbatch the outputs."""
    batched = [
        x if d is None else lift_batch(x, level, wrap_dim(d, x.ndim)) for x, d in zip(leaves, dims)
    ]
    out = func(*unflatten(batched, structure), **kwargs)
    outs, out_structure = flatten(out)
    results = []
    for o, d in zip(outs, out_places(out_dims, out)):
        if d is not None and not isinstance(o, Tensor):
            raise ValueError(
                f"vmap({getattr(func, '__name__', func)}, ...): `{getattr(func, '__name__', func)}`"
                f" must only return Tensors, got type {type(o)}. Did you mean to set out_dims= to"
                " None for output?"
            )
        a = getattr(o, "_a", None) if d is None else None
        if isinstance(a, Batched) and a.level == level:
            name = getattr(func, "__name__", func)
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        results.append(o if d is None else drop_batch(o, level, size, wrap_dim(d, o.ndim + 1)))
    return unflatten(results, out_structure)


def chunked(
    func: Any,
    leaves: list[Any],
    structure: Any,
    dims: list[Any],
    kwargs: Any,
    out_dims: Any,
    randomness: str,
    size: int,
    chunk: int,
) -> Any:
    from ..api import functions as T

    parts = []
    for i in range(0, size, chunk):
        n = min(chunk, size - i)
        some = [x if d is None else T.narrow(x, d, i, n) for x, d in zip(leaves, dims)]
        parts.append(run(func, some, structure, dims, kwargs, out_dims, randomness, n))
    flat = [flatten(p)[0] for p in parts]
    _, out_structure = flatten(parts[0])
    each = zip(zip(*flat), out_places(out_dims, parts[0]))
    return unflatten([xs[0] if d is None else T.cat(list(xs), d) for xs, d in each], out_structure)
