"""`explain(x)`: what an operation is, or how a tensor came to be. Finds out what is meant; the
telling is in `explain_ops.py` and `explain_tensors.py`.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any, TextIO

from ..autodiff.function import Function
from ..autodiff.function_node import BackwardCFunction
from ..base import frames
from ..declare.registry import FUNCTIONS, METHODS, Declared
from ..engine.node import Node
from ..engine.op import OPS, Op
from ..engine.tensor import Tensor
from .explain_ops import about_custom, about_function, about_op
from .explain_tensors import about_tensor

__all__ = ["explain"]


def explain(x: Any, output: Tensor | None = None, *, file: TextIO | None = None) -> None:
    """Print what an operation does and where that stands, or how a tensor came to be.

    Args:
        x: an operation: a function (torch.tanh, F.conv2d, torch.Tensor.add), its name
            ("logsumexp", "F.relu"), a node (y.grad_fn), or a user's Function class; or a tensor.
        output: with a tensor: what was differentiated, to hear whether x is reached from it.
        file: where to print; default: standard output.

    For an operation: its kind, what it saves, the formulas of its gradients, how forward mode and
    vmap treat it, where it is tested, and the source of forward and rules. For a tensor: the chain
    of operations that made it, newest first, with shapes and lines, and why `.grad` is None.

    Tensors have any shape. Raises TypeError for other things, ValueError for names that no
    operation has.

    >>> explain("tanh")
    tanh: an elementwise operation (wengert/ops/math/unary.py)
    ...
    """
    text = text_of(x, output, sys._getframe(1))
    (file or sys.stdout).write(text + "\n")


def text_of(x: Any, output: Any, caller: Any) -> str:
    """The explanation of whatever x is."""
    if isinstance(x, Tensor):
        return about_tensor(x, output, frames.outside(caller))
    if output is not None:
        raise TypeError(f"explain: output= goes with a tensor, not with {type(x).__name__}")
    if isinstance(x, type) and issubclass(x, Function):
        return about_custom(x)
    if isinstance(x, BackwardCFunction):
        return about_custom(x.function)
    if isinstance(x, Node):
        if x.op is None:
            return f"{x.name()}: {inspect.getdoc(type(x)) or ''}"
        return about_op(x.op)
    if isinstance(x, str):
        x = named(x)
    if isinstance(x, Declared):
        x = x.body
    op = op_of(x)
    if op is not None:
        return about_op(op)
    if inspect.isfunction(x):
        return about_function(x, inspect.unwrap(x))
    raise TypeError(
        f"explain: expected a tensor, a function of torch, or its name, but got "
        f"{type(x).__name__}: for a module, explain the functions in its forward"
    )


def op_of(x: Any) -> Op | None:
    """The op behind a public function, if it is one's own entry."""
    found = x if isinstance(x, Op) else getattr(x, "op", None)
    return found if isinstance(found, Op) else None


def named(name: str) -> Any:
    """An operation by its name, with or without torch's path before it."""
    path, _, last = name.rpartition(".")
    path = path.removeprefix("torch").removeprefix("wengert").removeprefix(".")
    space = {"F": "nn.functional", "functional": "nn.functional"}.get(path, path)
    if space == "Tensor":
        places: list[Any] = [METHODS]
    elif path:
        places = [FUNCTIONS.get(space, {})]
    else:
        places = [FUNCTIONS[""], FUNCTIONS.get("nn.functional", {}), METHODS, OPS]
        places += [table for key, table in FUNCTIONS.items() if key]
    for place in places:
        if last in place:
            return place[last]
        if last.rstrip("_") in place:
            return place[last.rstrip("_")]
    import difflib

    every = {n for place in (*FUNCTIONS.values(), METHODS, OPS) for n in place}
    near = difflib.get_close_matches(last, every, 3)
    hint = f"; near are {', '.join(near)}" if near else ""
    raise ValueError(f"explain: there is no operation called {name!r}{hint}")
