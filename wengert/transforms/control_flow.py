"""Control flow as functions: cond, while_loop, map; run as Python runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api import functions as T
from ..base.pytree import tree_flatten, tree_leaves, tree_map
from ..engine.tensor import Tensor

__all__ = ["cond", "foreach_map", "map", "while_loop"]


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()
) -> Any:
    """true_fn(*operands) if pred, else false_fn(*operands).

    pred: bool, or a tensor of one element; operands: a tuple or list of tensors.

    >>> torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(1),))
    tensor([2.])
    """
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not isinstance(pred, (bool, int, float, Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists "
            f"of tensor leaves, but got {operands}."
        )
    return (true_fn if bool(pred) else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any
) -> Any:
    """carried = body_fn(*carried) as long as cond_fn(*carried); returns what is carried in the end.

    >>> torch.while_loop(lambda i: i < 3, lambda i: (i + 1,), (torch.tensor(0),))
    (tensor(3),)
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    carried = tuple(carried_inputs)
    while bool(cond_fn(*carried)):
        out = body_fn(*carried)
        out = tuple(out) if isinstance(out, (tuple, list)) else (out,)
        if len(tree_leaves(out)) != len(tree_leaves(carried)):
            raise RuntimeError(
                "Expected body_fn_output and carried_inputs to have same number of outputs but got "
                f"{len(tree_leaves(out))} and {len(tree_leaves(carried))}"
            )
        carried = out
    return carried


def map(  # noqa: A001
    f: Callable[..., Any], xs: Any, *args: Any
) -> Any:
    """f(x, *args) for each x along the first dimension of the tensors of xs, stacked."""
    leaves, spec = tree_flatten(xs)
    rows = [f(spec.unflatten([t[i] for t in leaves]), *args) for i in range(leaves[0].shape[0])]
    return tree_map(lambda *each: T.stack(each), rows[0], *rows[1:])


def foreach_map(op: Callable[..., Any], *operands: Any, **kwargs: Any) -> tuple[Any, ...]:
    """op of each row of lists; what is no list is the same in every row."""
    n = max(len(x) for x in operands if isinstance(x, (list, tuple)))
    columns = [x if isinstance(x, (list, tuple)) else [x] * n for x in operands]
    return tuple([op(*row, **kwargs) for row in zip(*columns)])
