"""How a tensor came to be: the chain of its operations, and why its `.grad` is None."""

from __future__ import annotations

import gc
import textwrap
from types import FrameType
from typing import Any

from ..base import dtypes
from ..base.modes import state
from ..base.source import line
from ..engine.backward import collect
from ..engine.node import LEAF, AccumulateGrad, Node, Slot
from ..engine.tensor import Tensor
from ..nn.module import Module
from .explain_ops import short

MOST = 40  # operations that are shown
DEEPEST = 12  # steps of indentation
WIDEST = 60  # characters of a line of the program
HEAD = "how it came to be, newest first (inputs follow; several are one step further in):"


def about_tensor(x: Tensor, output: Any, frame: FrameType | None) -> str:
    """Everything about a tensor."""
    names = Names(frame)
    lines = [headline(x, names)]
    n = x._n
    if n is not None and type(n) is not AccumulateGrad:
        lines += ["", HEAD, "", *chain(n, names)]
    elif n is None and x._x is not None and x._x.base is not None:
        base = x._x.base
        steps = " then ".join(op.name for op, _ in x._x.replay)
        lines += ["", f"It is a view ({steps}) of {described(base._a.shape, base._a.dtype)}."]
    if output is not None:
        lines += ["", *wrapped(reached(x, output, names))]
    lines += ["", *wrapped([gradient(x)])]
    return "\n".join(lines)


def wrapped(sentences: list[str]) -> list[str]:
    return [part for s in sentences for part in textwrap.wrap(s, 96, break_long_words=False)]


def described(shape: Any, dtype: Any) -> str:
    return f"{dtypes.as_dtype(dtype).name} {list(shape)}"


def headline(x: Tensor, names: Names) -> str:
    """Name, dtype, shape, and place in the graph."""
    name = names.of(x._n) or names.of_tensor(x)
    told = f"{name}: " if name else ""
    told += f"a {type(x).__name__.lower()} of {described(x._a.shape, x._a.dtype)} on {x.device}"
    if x._n is None:
        return f"{told}, outside of the graph: it does not require grad"
    if type(x._n) is AccumulateGrad:
        return f"{told}, a leaf that requires grad"
    node = node_of(x._n)
    return f"{told}, the result of {node.name()}"


def node_of(n: Any) -> Any:
    """The node behind a place in the graph."""
    return n.parents[0] if type(n) is Slot else n


# ---- the chain


def chain(root: Any, names: Names) -> list[str]:
    """The operations behind a place in the graph, as an indented list with numbers.

    A node with one input goes on at the same indentation; several inputs go one step in.
    """
    count = sum(type(n) is not Slot for n in collect([root]))
    number: dict[Any, int] = {}
    rows: list[tuple[str, str, str]] = []
    todo: list[tuple[Any, int]] = [(root, 0)]
    while todo:
        place, depth = todo.pop()
        n = node_of(place)
        indent = "  " * min(depth, DEEPEST)
        if n in number:
            rows.append((f"{indent}see {number[n]}", "", ""))
            continue
        if len(number) == MOST:
            continue
        number[n] = len(number) + 1
        parents = [p for p in n.parents if p is not None]
        head = f"{indent}{number[n]:>2}  {title(place, n, names)}"
        rows.append((head, shape_of(place, n), where(n, names)))
        inner = depth if len(parents) == 1 else depth + 1
        todo += [(p, inner) for p in reversed(parents)]
    left = count - len(number)
    widths = [max(len(r[i]) for r in rows) for i in (0, 1)]
    lines = [
        f"  {head:<{min(widths[0], 60)}}  {facts:<{widths[1]}}  {place}".rstrip()
        for head, facts, place in rows
    ]
    if left > 0:
        lines.append(f"  ... and {left} more")
    return lines


def title(place: Any, n: Any, names: Names) -> str:
    """What a line of the chain calls a node."""
    name = names.of(place)
    if type(n) is AccumulateGrad:
        return f"leaf {name}" if name else "leaf"
    told = f"{n.name()}, result {place.index}" if type(place) is Slot else str(n.name())
    return f"{name} = {told}" if name else told


def shape_of(place: Any, n: Any) -> str:
    """Shape and dtype of the tensor at a place in the graph."""
    if place.many:
        return ", ".join(described(s, d) for s, d in zip(n.shape, n.dtype) if s is not None)
    return described(place.shape, place.dtype) if place.shape is not None else ""


def where(n: Any, names: Names) -> str:
    """The line of the program that made a node."""
    if type(n) is AccumulateGrad:
        return f".grad: {'None' if n.grad is None else 'there'}"
    if n.code is None:
        return ""
    file, number, _, text = line(n.code, n.lasti)
    text = text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."
    return f"{short(file)}:{number}" + (f"  {text}" if text else "")


# ---- the gradient


def reached(x: Tensor, output: Any, names: Names) -> list[str]:
    """Whether the gradient of output reaches x."""
    if not isinstance(output, Tensor):
        raise TypeError(f"explain: output must be a tensor, not {type(output).__name__}")
    if output._n is None:
        return ["The output does not require grad: nothing was recorded for it."]
    if x._n is None:
        return ["The output cannot reach x in the graph: x does not require grad."]
    nodes = collect([output._n])
    if x._n in nodes:
        return ["The output depends on it: backward() from there reaches it."]
    leaves = [names.of(n) or described(n.shape, n.dtype) for n in nodes if n.role == LEAF]
    return [
        "The output does not depend on it as recorded: backward() from there gives it no gradient.",
        f"The leaves that it reaches: {', '.join(leaves[:8]) or 'none'}"
        + (f" and {len(leaves) - 8} more" if len(leaves) > 8 else "")
        + ". Was the tensor replaced by a copy, detached, or used under no_grad on the way?",
    ]


def gradient(x: Tensor) -> str:
    """What .grad is, or why it is None."""
    n = x._n
    kept = x._x.box.grad if x._x is not None and x._x.box is not None else None
    g = n.grad if type(n) is AccumulateGrad else kept
    if g is not None:
        return f".grad is there: {described(g._a.shape, g._a.dtype)}.{added(n, g)}"
    if n is None:
        return ".grad is None: " + unrecorded(x)
    if type(n) is AccumulateGrad:
        return ".grad is None: " + leaf(n)
    if x._x is not None and x._x.box is not None:
        return (
            ".grad is None: it will be kept (retain_grad), but no backward pass has reached it "
            "since."
        )
    return (
        ".grad is None: it is no leaf, and only leaves keep their gradients. Call .retain_grad() "
        "before backward(), or ask torch.autograd.grad for it."
    )


def added(n: Any, g: Tensor) -> str:
    """What to say where several passes were added into one gradient."""
    known, passes = n.passes if type(n) is AccumulateGrad else (0, 1)
    if known != id(g) or passes < 2:
        return ""
    return (
        f" It is the sum of {passes} backward passes: nobody cleared it in between. Unless the sum "
        "is meant, call optimizer.zero_grad(), or set .grad = None, before each backward()."
    )


def unrecorded(x: Tensor) -> str:
    """Why a tensor does not require grad, as far as can be known."""
    d = dtypes.as_dtype(x._a.dtype)
    if not d.is_inexact:
        return (
            f"its dtype is {d.name}; only floating-point and complex tensors have gradients. "
            "Convert with .float() before requires_grad_()."
        )
    extra = x._x
    if extra is not None and extra.inference:
        return "it was made in inference mode, where nothing is recorded."
    if extra is not None and type(extra.box) is AccumulateGrad:
        return "requires_grad was turned off for it; turn it on again with requires_grad_()."
    base = None if extra is None else extra.base
    if base is not None and base._n is not None:
        return (
            "it does not require grad, though the tensor that it shares memory with does: it was "
            "detached, or taken under no_grad()."
        )
    if extra is not None and extra.untracked:
        return "it was taken with .data, which leaves the graph."
    now = " Recording is off here (no_grad)." if not state.grad else ""
    return (
        "it does not require grad. It was made without requires_grad=True, computed from tensors "
        "that do not require grad, computed under no_grad(), or detached; which of these, is not "
        f"noted.{now}"
    )


def leaf(n: Any) -> str:
    """Why a leaf has no gradient yet, from the operations that use it and are still there."""
    users = [
        u for u in gc.get_objects() if issubclass(type(u), Node) and any(p is n for p in u.parents)
    ]
    if not users:
        return (
            "no operation that is still there uses it. Either it took no part in what was "
            "differentiated (or only under no_grad, or as a copy), or backward() has not run, or "
            ".grad was cleared since (optimizer.zero_grad())."
        )
    users.sort(key=lambda u: u.seq)
    u = users[0]
    file, number, _, text = line(u.code, u.lasti)
    told = f"{u.name()} at {short(file)}:{number}" + (f" ({text})" if text else "")
    more = f" and {len(users) - 1} more use it" if len(users) > 1 else " uses it"
    if any(u.saved is None for u in users):
        return (
            f"a backward pass has gone through {told}, so .grad was cleared since "
            "(optimizer.zero_grad()), or the pass was torch.autograd.grad or had inputs=."
        )
    return f"{told}{more}, but no backward pass has come through, or .grad was cleared after it."


# ---- names


class Names:
    """What the tensors of a caller's frame are called."""

    def __init__(self, frame: FrameType | None) -> None:
        self.nodes: dict[Any, str] = {}
        self.tensors: dict[int, str] = {}
        if frame is None:
            return
        variables = {**frame.f_globals, **frame.f_locals}
        for name, value in variables.items():
            if name.startswith("_"):
                continue
            if isinstance(value, Tensor):
                self.tensors.setdefault(id(value), name)
                if value._n is not None:
                    self.nodes.setdefault(value._n, name)
            elif isinstance(value, Module):
                for inner, p in value.named_parameters():
                    if p._n is not None:
                        self.nodes.setdefault(p._n, f"{name}.{inner}")

    def of(self, n: Any) -> str | None:
        """The name of the tensor at a place in the graph."""
        return None if n is None else self.nodes.get(n)

    def of_tensor(self, x: Tensor) -> str | None:
        """The name of a tensor."""
        return self.tensors.get(id(x))
