"""Control flow as functions: cond, while_loop, scan, map; run as Python runs it, but in a compiled
function, where a loop, or a choice, is one node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api import functions as T
from ..base.modes import state
from ..base.pytree import tree_flatten, tree_leaves, tree_map
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = ["associative_scan", "cond", "foreach_map", "map", "scan", "while_loop"]


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()
) -> Any:
    """true_fn(*operands) if pred, else false_fn(*operands).

    pred: bool, or a tensor of one element; operands: a tuple or list of tensors. RuntimeError for
    others, and for branches that cannot be called.

    Tensors have any shape. Raises TypeError where operands is empty, too short or too long.

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
    if state.capture is not None and isinstance(pred, Tensor):
        found = state.capture.branch(pred, (true_fn, false_fn), operands)
        if found is not None:
            return found
    return (true_fn if bool(pred) else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any
) -> Any:
    """carried = body_fn(*carried) as long as cond_fn(*carried); returns what is carried in the end.

    carried_inputs: the values before the first run. RuntimeError where body_fn gives another number
    of values.

    Values have any shape, which body_fn keeps. Raises TypeError where carried_inputs is of the
    wrong type, empty, too short or too long.

    >>> torch.while_loop(lambda i: i < 3, lambda i: (i + 1,), (torch.tensor(0),))
    (tensor(3),)
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    carried = tuple(carried_inputs)
    if state.capture is not None:
        leaves, shape = tree_flatten(carried)
        last = state.capture.repeat(cond_fn, body_fn, leaves, shape)
        if last is not None:
            return shape.unflatten(last)
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


@clear_errors
def scan(
    combine_fn: Callable[..., Any], init: Any, xs: Any, *, dim: int = 0, reverse: bool = False
) -> tuple[Any, Any]:
    """carry, y = combine_fn(carry, x) for each x along dim of xs, from init on.

    combine_fn: of a carry and a slice of xs. init: the first carry, of tensors in any structure.
    xs: tensors of one size along dim, in any structure. reverse: from the last slice to the first.
    Returns the last carry, and the ys stacked in the order of xs, along dimension 0. RuntimeError
    for carries of another structure, and for sizes that differ. Under torch.compile combine_fn may
    be called once for all slices: it has to do the same for each, and nothing beside.

    Tensors of xs have any shape with dim. Raises IndexError where xs has a shape that does not fit.

    >>> torch.compiler.scan(lambda c, x: (c + x, c), torch.tensor(0), torch.arange(4))
    (tensor(6), tensor([0, 0, 1, 3]))
    """
    leaves, spec, n = _slices("scan", combine_fn, xs, dim)
    carried, shape = tree_flatten(init)
    if state.capture is not None:
        found = _as_one(combine_fn, carried, shape, leaves, spec, dim, reverse)
        if found is not None:
            return found
    ys: list[Any] = []
    order = range(n - 1, -1, -1) if reverse else range(n)
    for i in order:
        x = spec.unflatten([t.select(dim, i) for t in leaves])
        out = combine_fn(shape.unflatten(carried), x)
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise RuntimeError("scan: combine_fn has to return a pair: the new carry, and y")
        carried, found = tree_flatten(out[0])
        if found != shape:
            raise RuntimeError(
                f"scan: combine_fn returned a carry of structure {found}, but init has {shape}"
            )
        ys.append(out[1])
    if reverse:
        ys.reverse()
    stacked = tree_map(lambda *each: T.stack(each), ys[0], *ys[1:])
    return shape.unflatten(carried), stacked


def _as_one(f: Any, init: Any, shape: Any, leaves: Any, spec: Any, dim: int, reverse: bool) -> Any:
    """A scan within a compiled function, where its rounds can be one step; else None."""

    slices = [t.movedim(dim, 0) for t in leaves]
    slices = [t.flip(0) for t in slices] if reverse else slices
    found = state.capture.scan(f, init, shape, slices, spec)
    if found is None:
        return None
    last, ys, structure = found
    ys = [t.flip(0) for t in ys] if reverse else ys
    return shape.unflatten(last), structure.unflatten(ys)


@clear_errors
def associative_scan(
    combine_fn: Callable[..., Any], xs: Any, dim: int, reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:  # fmt: skip
    """y[i] = combine_fn(y[i - 1], x[i]) along dim of xs, y[0] being x[0].

    combine_fn: associative, of two slices. xs: tensors of one size along dim, in any structure.
    reverse: from the last slice to the first. combine_mode: "pointwise" or "generic"; accepted.
    Slices are combined in pairs, in as many rounds as the size has binary digits. RuntimeError for
    sizes that differ, ValueError for another mode.

    Tensors of xs have any shape with dim. Raises TypeError where dim is of the wrong type or a
    tensor of several numbers; IndexError where xs has a shape that does not fit or dim does not
    fit.

    >>> torch.compiler.associative_scan(lambda x, y: x * y, torch.arange(1, 5), 0)
    tensor([ 1,  2,  6, 24])
    """
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(
            f"associative_scan: combine_mode must be 'pointwise' or 'generic', not {combine_mode!r}"
        )
    leaves, spec, n = _slices("associative_scan", combine_fn, xs, dim)
    if reverse:
        leaves = [t.flip(dim) for t in leaves]
    step = 1
    while step < n:  # each y holds the last `step` slices, and then twice as many
        before = spec.unflatten([t.narrow(dim, 0, n - step) for t in leaves])
        after = spec.unflatten([t.narrow(dim, step, n - step) for t in leaves])
        joined = tree_leaves(combine_fn(before, after))
        heads = [t.narrow(dim, 0, step) for t in leaves]
        leaves = [T.cat([a, b], dim) for a, b in zip(heads, joined)]
        step *= 2
    if reverse:
        leaves = [t.flip(dim) for t in leaves]
    return spec.unflatten(leaves)


def _slices(name: str, f: Any, xs: Any, dim: int) -> tuple[list[Tensor], Any, int]:
    """The tensors of xs, their structure, and their size along dim."""
    if not callable(f):
        raise RuntimeError(f"{name}: combine_fn must be a callable, but got {f}")
    leaves, spec = tree_flatten(xs)
    if not leaves or not all(isinstance(t, Tensor) for t in leaves):
        raise RuntimeError(f"{name}: all leaves of xs must be tensors, and there must be one")
    sizes = {t.shape[dim] for t in leaves}
    if len(sizes) != 1 or 0 in sizes:
        raise RuntimeError(
            f"{name}: the tensors of xs must have one size, above 0, in dim {dim}, not"
            f" {sorted(sizes)}"
        )
    return leaves, spec, sizes.pop()


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
