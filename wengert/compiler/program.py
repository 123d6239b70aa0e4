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

from ..arrays.layout import order_of
from ..arrays.lookup import NS
from ..base import generated
from ..engine.implementations import implementation
from ..engine.interp import run_op
from ..engine.overlap import owner
from ..kernels import compiler
from ..kernels.matmul import library
from ..ops.random.fill import LIKE
from . import launched, storage
from .emit import Launch, compiled
from .graph import Node, Value
from .group import Group, grouped
from .section import Section, sections
from .section_rows import in_range
from .section_text import started
from .shapes import Needs, Open

Text = list[str]


def word_of(node: Node) -> Callable[..., Any]:
    """What computes a node on arrays: f(*operands, *static) or, with any number of operands,
    f(*operands, **static).
    """
    op = node.op
    ns = node.home
    if any(v.kind == "bfloat16" for v in node.values()) and not (op.draws and ns is not None):
        if op.variadic:
            return lambda *ins, **static: run_op(op, ins, static)
        n, names = len(op.inputs), tuple(node.static)
        return lambda *args: run_op(op, args[:n], dict(zip(names, args[n:])))
    f = implementation(NS[np.ndarray if ns is None else ns.array_type], op)
    if op.name in ORDERS and type(node.operands[0]) is Value:
        order = node.operands[0].order

        def draw(x: Any, *rest: Any) -> Any:
            there = x if order_of(x) == order else storage.lying(ns, x.shape, x.dtype, order)
            return f(there, *rest)

        return draw
    return f


ORDERS = frozenset(op.name for op in LIKE.values())  # draw in the order of their operand's memory


class Writer:
    """The text of a program while it is written, and the objects that the text names."""

    def __init__(self, fixed: dict[int, Any], needs: Needs | None = None) -> None:
        self.needs = needs  # what is taken from records of shapes
        self.fixed = dict(fixed)  # value number -> array that stays where it is
        self.lines: Text = []
        self.used: set[int] = set()  # numbers of the values that somebody reads
        self.names: dict[str, Any] = {"asarray": np.asarray, "empty": np.empty}

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

    def beside(self, node: Node, x: Any) -> str:
        """The text of an operand: a number of this machine goes to a device as one of Python."""
        text = self.operand(x)
        here = node.home is not None and type(x) is Value and x.home is None and not x.shape
        return f"{text}.item()" if here else text

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
        if base is None or self.needs is not None and self.needs.open.changing(node):
            return False
        out = word_of(node)(*[base, *node.operands[1:]], *node.static.values())
        if type(out) is not type(base) or owner(out) is not owner(base):
            return False
        self.fixed[node.outputs[0].number] = out
        return True

    def node(self, node: Node) -> None:
        """The line of a node."""
        given = [self.beside(node, x) for x in node.operands]
        named = {k: self.operand(x) for k, x in node.static.items()}
        if self.needs is not None:
            for how, i, name in self.needs.open.settings(node):
                text = self.needs.thing(how, i, name)
                if how == "operand":
                    given[name] = text
                else:
                    named[name] = text
        given += [f"{k}={x}" if node.op.variadic else x for k, x in named.items()]
        f = f"f{len(self.names)}"
        self.names[f] = word_of(node)
        call = f"{f}({', '.join(given)})"
        asarray = "asarray"
        if node.outputs[0].home is not None:
            asarray = self.named(node.outputs[0].home.asarray)
        outs = [f"v{v.number}" for v in node.outputs]
        if node.many:
            self.lines.append(f"  {', '.join(outs)}, = {call}")
            for v in node.outputs:
                if not v.shape and v.number in self.used:
                    self.lines.append(f"  v{v.number} = {asarray}(v{v.number})")
        else:
            call = call if node.outputs[0].shape else f"{asarray}({call})"
            self.lines.append(f"  {outs[0]} = {call}")

    def launch(
        self, item: Any, call: Launch | launched.Launch | launched.Launches, targets: dict[int, Any]
    ) -> None:
        """The lines of a kernel: arrays for its results, and the call."""
        for v, classes, ignore in getattr(item, "checks", ()):
            self.names["in_range"] = in_range
            self.lines.append(f"  in_range({self.operand(v)}, {classes}, {ignore})")
        home = getattr(item, "home", None)
        empty = "empty" if home is None else self.named(home.empty)
        given = [self.operand(v) for v in item.values()]
        table = getattr(call, "table", None)
        if table is not None:
            given.insert(0, self.named(table))
        new = []
        for v in item.outputs:
            array = targets.get(v.number)
            if array is not None:
                self.fixed[v.number] = array
                self.fix(v.number, array)
                if table is not None:
                    continue  # known by address
            else:
                shape, dtype = self.named(v.shape), self.named(v.dtype)
                if self.needs is not None and v.number in self.needs.open.values:
                    shape = self.needs.shape(v)
                self.lines.append(f"  v{v.number} = {empty}({shape}, {dtype})")
            new.append(self.operand(v))
        arrays = ", ".join([*given, *new])
        slow = self.named(call)
        if self.needs is not None and self.needs.open.changing(item):
            self.lines.append(f"  {slow}.sized({self.needs.sizes(item)}, {arrays})")
            return
        if call.quick is None:
            self.lines.append(f"  {slow}({arrays})")
            return
        quick = self.named(call.quick)
        sizes = "".join(f", {n}" for n in call.sizes)
        self.lines.append(f"  if {quick}(1, 1, 1, {arrays}{sizes}) is not None: {slow}({arrays})")

    def forget(self, values: Sequence[int]) -> None:
        """Let arrays go."""
        if values:
            self.lines.append("  " + " = ".join(f"v{n}" for n in values) + " = None")


class Program:
    """run(*inputs) gives the arrays of `results`. The first `popped` inputs come as one list, which
    is emptied, so that nobody else keeps them. open_: what is different for other shapes; run takes
    a record of that first, see `needs`.
    """

    def __init__(
        self,
        title: str,
        nodes: Sequence[Node],
        inputs: Sequence[Value],
        results: Sequence[Value],
        fixed: dict[int, Any],
        effects: Sequence[tuple[Value, Value]] = (),
        popped: int | None = None,
        open_: Open | None = None,
    ) -> None:
        self.needs = None if open_ is None else Needs(open_)
        w = Writer(fixed, self.needs)
        self.in_place: set[int] = set()  # new values that are written where the old ones are
        self.nodes = nodes
        self.kernels: list[Any] = []
        given = [f"v{v.number}" for v in inputs if v.number not in fixed]
        first = ["s"] * (open_ is not None) + ["kept"] * (popped is not None)
        w.lines.append(f"def run({', '.join(first + given[popped:])}):")
        if popped:
            w.lines += [f"  {', '.join(given[:popped])}, = kept", "  kept.clear()"]
        if self.needs is not None:
            used = {v.number for n in nodes for v in n.values()} | {v.number for v in results}
            for k in sorted(self.needs.open.arrays.keys() & used):
                w.lines.append(f"  v{k} = {self.needs.array(k)}")
        items, targets = planned(nodes, results, w, effects)
        self.items = items
        last: dict[int, int] = {}
        for i, node in enumerate(items):
            for v in node.values():
                last[v.number] = i
            for v in node.outputs:
                last.setdefault(v.number, i)
        kept = {v.number for v in results}
        w.used = kept.union(*[[v.number for v in node.values()] for node in items])
        made: set[int] = {v.number for v in inputs}
        self.ends: list[int] = []  # for each item, the line after its own
        for i, node in enumerate(items):
            call = kernel_of(node, targets)
            if call is not None:
                self.kernels.append(call)
                self.in_place.update(v.number for v in node.outputs if v.number in targets)
                w.launch(node, call, targets)
            else:
                w.node(node)
            self.ends.append(len(w.lines))
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
        self.title, self.lines, self.names = title, w.lines, w.names
        self.text = "\n".join(w.lines)
        self.run: Callable[..., list[Any]] = generated.functions(title, w.lines, w.names)["run"]

    def timed(self, clock: Callable[[], float]) -> tuple[Callable[..., list[Any]], list[float]]:
        """The program as it is, but that it notes what a clock says before it and after each item;
        and the list of that.
        """
        times: list[float] = []
        lines = list(self.lines)
        start = 1 + (lines[1].endswith("= kept") and 2)
        for end in (*self.ends[::-1], start):
            lines.insert(end, "  note(clock())")
        names = {**self.names, "note": times.append, "clock": clock}
        return generated.functions(f"{self.title} timed", lines, names)["run"], times


def planned(
    nodes: Sequence[Node],
    results: Sequence[Value],
    w: Writer,
    effects: Sequence[tuple[Value, Value]],
) -> tuple[list[Any], dict[int, Any]]:
    """Groups, sections and nodes in order; and the new values that are written over old ones."""
    some = [n for n in nodes if not w.view(n)]
    if compiler.target() is None:
        return some, {}
    here = all(n.home is None for n in some)
    open_ = None if w.needs is None else w.needs.open
    items = grouped(some, results, () if open_ is None else open_.apart)
    targets = overwriting(items, results, w.fixed, effects)
    changing = None if open_ is None else open_.changing
    if not here:
        items = launched.together(items, w.fixed, targets, changing or (lambda item: False))
    else:
        items = sections(items, results, w.fixed, targets, word_of, library, changing)
    items = [n for x in items for n in (x.nodes if alone(x) else (x,))]
    used = {v.number for v in results}
    needed = []
    for x in reversed(items):
        if x.draws or any(v.number in used for v in x.outputs):
            needed.append(x)
            used.update(v.number for v in x.values())
    return needed[::-1], targets


def alone(item: Any) -> bool:
    """Whether an item is a group that its nodes' words do as well."""
    return type(item) is Group and not item.pays()


def kernel_of(
    item: Any, targets: dict[int, Any]
) -> Launch | launched.Launch | launched.Launches | None:
    """The kernel of an item; None for a node."""
    if type(item) is Group:
        return compiled(item) if item.home is None else launched.Launch(item, word_of)
    if type(item) is launched.Alike:
        return launched.Launches(item, word_of)
    if type(item) is Section:
        return started(item, targets)
    return None


def overwriting(
    items: Sequence[Any],
    results: Sequence[Value],
    fixed: dict[int, Any],
    effects: Sequence[tuple[Value, Value]],
) -> dict[int, Any]:
    """New values that kernels can write into the memory of the old ones: value number -> array.

    Nobody may read the old value later, nor in another place of the same kernel. And nothing that
    comes after may fail, since a program that fails must have changed nothing.
    """
    count: dict[int, int] = {}
    for v in results:
        count[v.number] = count.get(v.number, 0) + 1
    safe = len(items)  # from here on nothing fails
    while safe and (type(items[safe - 1]) is Group or harmless(items[safe - 1])):
        safe -= 1

    def root(v: Value) -> int:
        while v.node is not None and v.node.operands and type(v.node.operands[0]) is Value:
            fresh = v.node.op.kind in ("bilinear", "reduction", "elementwise", "composite")
            if fresh and not v.node.op.view:
                break
            v = v.node.operands[0]
        return v.number

    readers: dict[int, list[tuple[int, Any, Value]]] = {}
    made: dict[int, tuple[int, Any]] = {}
    for i, item in enumerate(items):
        for v in item.values():
            readers.setdefault(root(v), []).append((i, item, v))
        for v in item.outputs:
            made[v.number] = i, item
    kept = {root(v) for v in results if v.node is not None}
    found: dict[int, Any] = {}
    for old, new in effects:
        array = fixed.get(old.number)
        if array is None or new.number not in made or count[new.number] > 1:
            continue
        at, item = made[new.number]
        flags = array.flags
        dense = getattr(flags, "carray", flags.c_contiguous)
        if type(item) is not Group or at < safe or not dense:
            continue
        later = [r for r in readers.get(old.number, []) if r[0] >= at]
        aligned = all(r[1] is item and r[2] is old and old.shape == item.shape for r in later)
        if aligned and old.number not in kept and new.shape == old.shape:
            found[new.number] = array
    return found


def harmless(node: Node) -> bool:
    """Whether a node cannot fail on arrays of the shapes that it was captured with."""
    return (
        node.op.kind == "elementwise" or node.op.view is True or node.op.name in ("copy", "astype")
    )
