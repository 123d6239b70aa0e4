"""What transforms ask of what they are given: positions of arguments, tensors, outputs with aux."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.tensor import Tensor

__all__ = ["check_tensors", "differentiable", "of_picked", "positions", "split_aux"]


def positions(argnums: Any, count: int) -> tuple[int, ...]:
    """argnums, an int or a tuple of them, as positions among count arguments; RuntimeError for
    anything else, for positions that do not exist, and for one that is named twice.
    """
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if argnums == ():
        raise RuntimeError("argnums must be non-empty")
    found = []
    for n in argnums if isinstance(argnums, tuple) else (argnums,):
        if not isinstance(n, int):
            raise RuntimeError(f"argnum must be int, got: {type(n)}")
        if not -count <= n < count:
            raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
        found.append(n % count)
    if len(set(found)) < len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(found)


def check_tensors(values: list[Any]) -> None:
    """ValueError unless all the leaves of an argument are Tensors."""
    for x in values:
        if not isinstance(x, Tensor):
            raise ValueError(
                f"Thing passed to transform API must be Tensor, got {type(x)}: make a tensor of it"
                " with torch.tensor(...), or leave its argument out of argnums"
            )


def differentiable(outs: list[Any], what: str) -> None:
    """RuntimeError unless outs are Tensors, at least one."""
    if not outs:
        raise RuntimeError(
            f"{what}: Expected f to be a function that has non-empty output (got output = {outs})"
        )
    for o in outs:
        if not isinstance(o, Tensor):
            raise RuntimeError(
                f"{what}: Expected f(*primals) to return only tensors, got unsupported type"
                f" {type(o)}"
            )


def split_aux(out: Any, what: str) -> tuple[Any, Any]:
    """(output, aux) of a function with has_aux; RuntimeError if it returned anything else."""
    if not isinstance(out, tuple) or len(out) != 2:
        raise RuntimeError(
            f"{what}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return out


def of_picked(
    func: Callable[..., Any], nums: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[..., Any]:
    """func as a function of its arguments at the positions nums; the others are as given."""

    def inner(*picked: Any) -> Any:
        full = list(args)
        for n, x in zip(nums, picked):
            full[n] = x
        return func(*full, **kwargs)

    return inner
