"""A graph as a Python function over arrays: one line for each node, intermediate arrays let go
after their last use.

Every node is the word that eager mode would call, so that a program computes what eager mode does
and runs wherever that runs. Views of arrays that stay where they are (`fixed`) are taken once, when
the program is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.lookup import NS
from ..engine import generated, views
from ..engine.implementations import implementation
from ..engine.interp import run_op
from .graph import Node, Value

Text = list[str]


def word_of(node: Node) -> Callable[..., Any]:
    """What computes a node on arrays: f(*operands, *static) or, with any number of operands,
    f(*operands, **static).
    """
    op = node.op
    if any(v.dtype.name == "bfloat16" for v in node.values()):
        if op.variadic:
            return lambda *ins, **static: run_op(op, ins, static)
        n, names = len(op.inputs), tuple(node.static)
        return lambda *args: run_op(op, args[:n], dict(zip(names, args[n:])))
    return implementation(NS[np.ndarray], op)


class Writer:
    """The text of a program while it is written, and the objects that the text names."""

    def __init__(self, fixed: dict[int, Any]) -> None:
        self.fixed = dict(fixed)  # value number -> array that stays where it is
        self.lines: Text = []
        self.names: dict[str, Any] = {"asarray": np.asarray, "array": np.array}

    def named(self, x: Any) -> str:
        """A name for an object."""
        name = f"k{len(self.names)}"
        self.names[name] = x
        return name

    def operand(self, x: Any) -> str:
        """The text of an operand or a setting."""
        if type(x) is Value:
            if x.constant:
                return self.fix(x.number, x.array)
            if x.number in self.fixed:
                return self.fix(x.number, self.fixed[x.number])
            return f"v{x.number}"
        if x is None or type(x) in (bool, int) or type(x) is float and x == x and abs(x) < 1e300:
            return repr(x)
        return self.named(x)

    def fix(self, number: int, array: Any) -> str:
        """The name of an array that stays."""
        name = f"c{number}"
        self.names.setdefault(name, array)
        return name

    def view(self, node: Node) -> bool:
        """Take a view of an array that stays now; whether that could be done."""
        if not node.op.view or node.op.variadic:
            return False
        source = node.operands[0]
        if type(source) is not Value or any(type(x) is Value for x in node.operands[1:]):
            return False
        base = self.fixed.get(source.number, source.array)
        if base is None:
            return False
        out = word_of(node)(*[base, *node.operands[1:]], *node.static.values())
        if type(out) is not np.ndarray or views.owner(out) is not views.owner(base):
            return False
        self.fixed[node.outputs[0].number] = out
        return True

    def node(self, node: Node) -> None:
        """The line of a node."""
        given = [self.operand(x) for x in node.operands]
        if node.op.variadic:
            given += [f"{k}={self.operand(x)}" for k, x in node.static.items()]
        else:
            given += [self.operand(x) for x in node.static.values()]
        f = f"f{len(self.names)}"
        self.names[f] = word_of(node)
        call = f"{f}({', '.join(given)})"
        outs = [f"v{v.number}" for v in node.outputs]
        if node.many:
            self.lines.append(f"  {', '.join(outs)}, = {call}")
        else:
            call = call if node.outputs[0].shape else f"asarray({call})"
            self.lines.append(f"  {outs[0]} = {call}")

    def forget(self, values: Sequence[int]) -> None:
        """Let arrays go."""
        if values:
            self.lines.append("  " + " = ".join(f"v{n}" for n in values) + " = None")


class Program:
    """run(*inputs) gives the arrays of `results`."""

    def __init__(
        self,
        title: str,
        nodes: Sequence[Node],
        inputs: Sequence[Value],
        results: Sequence[Value],
        fixed: dict[int, Any],
    ) -> None:
        w = Writer(fixed)
        self.nodes = nodes
        given = [f"v{v.number}" for v in inputs if v.number not in fixed]
        w.lines.append(f"def run({', '.join(given)}):")
        last: dict[int, int] = {}
        for i, node in enumerate(nodes):
            for v in node.values():
                last[v.number] = i
            for v in node.outputs:
                last.setdefault(v.number, i)
        kept = {v.number for v in results}
        made: set[int] = {v.number for v in inputs}
        for i, node in enumerate(nodes):
            if w.view(node):
                continue
            w.node(node)
            made.update(v.number for v in node.outputs)
            gone = {v.number for v in (*node.values(), *node.outputs)}
            w.forget(
                sorted(
                    n
                    for n in gone
                    if last[n] == i and n not in kept and n in made and n not in w.fixed
                )
            )
        w.lines.append(f"  return [{', '.join(w.operand(v) for v in results)}]")
        self.text = "\n".join(w.lines)
        self.run: Callable[..., list[Any]] = generated.functions(title, w.lines, w.names)["run"]
