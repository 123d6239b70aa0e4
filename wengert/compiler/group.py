"""Groups: elementwise nodes that become one kernel, one pass over memory.

Nodes in order: a node joins the groups that its operands come from, if nobody else has read these
meanwhile; the group then runs where its last node stands. All nodes of a group have one shape.
Operands are arrays of that shape, single numbers, or numbers for each row or each column.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..arrays.cuda_launcher import launchable
from .graph import Node, Value, frozen
from .words import FEW, FILLS, MASKS, SINGLE, WORDS

SMALL = 16384  # elements, up to which calls cost more than what they compute
LEAST = 4  # lanes of a vector
NARROW = 64  # elements of a row, or of all, for which a kernel has no loop over several vectors
MOST = 64  # nodes of a group: the time to compile a kernel grows with them
FULL, ONE, ROW, COLUMN = "full", "one", "row", "column"
FLOATS = ("float32", "float64")
# of single integers
COUNTS = ("copy", "add", "sub", "mul", "neg", "eq", "ne", "lt", "le", "gt", "ge")


class Group:
    """Nodes that are one kernel. columns: the length of a row, 0 where there are no rows."""

    draws = False

    def __init__(self, shape: tuple[int, ...], word: str, home: Any = None) -> None:
        self.shape, self.word, self.columns = shape, word, 0
        self.home = home  # the namespace of the device that it runs on; None: this machine
        self.nodes: list[Node] = []
        self.closed = False  # whether somebody else reads what it computes
        self.operands: list[tuple[Value, str]] = []
        self.outputs: tuple[Value, ...] = ()

    def values(self) -> Iterator[Value]:
        """The operands."""
        return (v for v, _ in self.operands)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def pays(self) -> bool:
        """Whether a kernel of its own is better than the nodes' words."""
        return len(self.nodes) > 1

    def finish(self, needed: set[int]) -> None:
        """Find what goes in and out. needed: the values that somebody else reads."""
        own = {v.number for n in self.nodes for v in n.outputs}
        found: dict[int, tuple[Value, str]] = {}
        for n in self.nodes:
            for v in n.values():
                v = behind(v)
                if v.number not in own and not number(v):
                    found.setdefault(v.number, (v, kind(v, self.shape)[0]))
        self.operands = list(found.values())
        outs = [v for n in self.nodes for v in n.outputs]
        self.outputs = tuple([v for v in outs if v.number in needed])

    def key(self) -> Any:
        """Equal for groups whose kernels are the same; None where that cannot be said."""
        local: dict[int, Any] = {v.number: ("x", i) for i, (v, _) in enumerate(self.operands)}
        parts: list[Any] = []

        def operand(x: Any) -> Any:
            if type(x) is not Value:
                return frozen(x)
            x = behind(x)
            return local.get(x.number) or ("c", x.kind, frozen(x.array.item()))

        try:
            for i, n in enumerate(self.nodes):
                parts.append((n.op.name, *map(operand, n.operands), frozen(n.static)))
                local[n.outputs[0].number] = ("n", i, n.outputs[0].kind)
        except TypeError:
            return None
        given = tuple([(v.kind, how) for v, how in self.operands])
        outs = tuple([local[v.number] for v in self.outputs])
        how = self.word, self.columns > 0, bool(self.shape), self.width
        return how, given, outs, tuple(parts)

    @property
    def width(self) -> int:
        """Lanes enough for a row, or for all, where elements are so few that they go one vector
        after the other; else 0.
        """
        n = self.columns or self.size
        return 0 if n > NARROW or self.home is not None else max(LEAST, 1 << (n - 1).bit_length())

    def __repr__(self) -> str:
        return f"Group of {len(self.nodes)}: {', '.join(n.op.name for n in self.nodes)}"


def behind(v: Value) -> Value:
    """The single number that v repeats, or v."""
    while v.node is not None and v.node.op.name == "expand" and v.node.operands[0].size == 1:
        v = v.node.operands[0]
    return v


def number(v: Value) -> bool:
    """Whether a value can be written into the text of a kernel."""
    return v.constant and v.size == 1 and v.kind in (*FLOATS, "bool", "int64")


def kind(v: Value, shape: tuple[int, ...]) -> tuple[str, int]:
    """(how an operand lies beside a shape, the length of rows or 0); ("", 0) for what is no way."""
    if v.shape == shape:
        return FULL, 0
    if v.size == 1:
        return ONE, 0
    own = v.shape
    while own and own[0] == 1:
        own = own[1:]
    if own and len(own) < len(shape) and own == shape[len(shape) - len(own) :]:
        return COLUMN, v.size
    own = v.shape
    if len(own) == len(shape):
        k = len(own)
        while k and own[k - 1] == 1:
            k -= 1
        if own[:k] == shape[:k]:
            columns = 1
            for s in shape[k:]:
                columns *= s
            return ROW, columns
    return "", 0


def fusable(n: Node) -> tuple[str, int] | None:
    """(the type it computes in, the length of rows), if a node can be part of a group."""
    name = n.op.name
    if n.many or name not in WORDS and name not in SINGLE and name not in FEW and name != "astype":
        return None
    out = n.outputs[0]
    if not out.size or not out.shape and (name in SINGLE or name in FEW):
        return None
    if n.home is not None and not on_device(n):
        return None
    if name == "pow" and (type(n.operands[1]) is Value or n.operands[1] not in (0.5, 1, 2, 3)):
        return None
    if any(x is None for x in n.operands) or not any(True for _ in n.values()):
        return None
    if name == "lerp_number" and type(n.static.get("weight")) not in (int, float):
        return None
    if any(behind(v).kind == "int64" for v in n.values()):
        return counting(n) if n.home is None else None
    columns = 0
    floats = {out.kind} if out.kind != "bool" else set()
    for v in n.values():
        v = behind(v)
        how, c = kind(v, out.shape)
        if not how or c and columns and c != columns:
            return None
        columns = columns or c
        if v.kind in FLOATS:
            floats.add(v.kind)
        elif v.kind != "bool":
            return None
    masks = [v.kind == "bool" for v in n.values()]
    if name in MASKS:
        if not all(masks) or any(type(x) is not Value for x in n.operands):
            return None
    elif name == "where":
        if not masks[0] or any(masks[1:]) or type(n.operands[0]) is not Value:
            return None
        if out.kind == "bool" or sum(True for _ in n.values()) < 2:
            return None
    elif name in FILLS:
        if masks != [False, True]:
            return None
    elif name == "astype":
        if out.kind == "bool" or not masks[0] and len(floats) > 1:
            return None
    elif any(masks) and name != "copy":
        return None
    if len(floats) > 1 or any(f not in FLOATS for f in floats):
        return None
    word = floats.pop() if floats else ""
    known = name in WORDS or name == "astype" or name in SINGLE and word == "float32"
    return (word, columns) if known or name in FEW and out.size <= SMALL else None


def on_device(n: Node) -> bool:
    """Whether a node can be part of a kernel: its operands are on its device, or numbers here."""
    home = n.home
    return launchable(home) and all(
        [v.home is home or v.constant or v.kind in FLOATS and not v.shape for v in n.values()]
    )


def counting(n: Node) -> tuple[str, int] | None:
    """The same for a node on single integers: what loops count with."""
    out = n.outputs[0]
    if out.shape or any(v.shape for v in n.values()):
        return None
    if n.op.name == "astype":
        return (out.kind, 0) if out.kind in FLOATS else None
    whole = all(v.kind == "int64" for v in n.values()) and out.kind in ("int64", "bool")
    numbers = [type(x) is int for x in n.operands if type(x) is not Value]
    return ("int64", 0) if n.op.name in COUNTS and whole and all(numbers) else None


def rounds(nodes: Sequence[Node]) -> bool:
    """Whether nodes are as many whole rounds of a loop as a group can hold: the groups of a long
    loop are then equal, and one kernel.
    """
    n = len(nodes)
    if n < MOST // 2:
        return False
    ops = [m.op.name for m in nodes]
    p = next((p for p in range(1, n // 2 + 1) if ops[-p:] == ops[-2 * p : -p]), 0)
    return p > 0 and n % p == 0 and n + p > MOST


def grouped(
    nodes: Sequence[Node], results: Sequence[Value], apart: Collection[int] = ()
) -> list[Any]:
    """The nodes in order, those that are one kernel as a Group, which may be of a single node.
    apart: the ids of nodes that are none.
    """
    of: dict[int, Group] = {}  # value -> group that computes it
    members: dict[int, Group] = {}  # id of a node -> its group

    def close(n: Node, but: Sequence[Group] = ()) -> None:
        for v in n.values():
            for u in (v, behind(v)):
                g = of.get(u.number)
                if g is not None and all(g is not b for b in but):
                    g.closed = True

    for n in nodes:
        found = None if id(n) in apart else fusable(n)
        if found is None:
            close(n)
            continue
        word, columns = found
        shape, home = n.outputs[0].shape, n.home
        joined: list[Group] = []
        for v in n.values():
            g = of.get(v.number)
            if g is None or g.closed or g.shape != shape or any(g is j for j in joined):
                continue
            if g.home is not home:
                continue
            if sum(len(j.nodes) for j in (*joined, g)) >= MOST:
                continue
            if word and g.word and word != g.word:
                continue
            if columns and g.columns and columns != g.columns:
                continue
            joined.append(g)
            word, columns = word or g.word, columns or g.columns
        close(n, joined)
        if joined:
            group = joined[0]
            for other in joined[1:]:
                group.nodes += other.nodes
                for m in other.nodes:
                    members[id(m)] = of[m.outputs[0].number] = group
        else:
            group = Group(shape, word, n.home)
        group.nodes.append(n)
        group.word, group.columns = word or group.word, columns or group.columns
        members[id(n)] = of[n.outputs[0].number] = group
        group.closed = group.closed or rounds(group.nodes)
    place = {id(n): i for i, n in enumerate(nodes)}
    last: dict[int, Node] = {}
    for n in nodes:
        g = members.get(id(n))
        if g is not None:
            last[id(g)] = n
    needed = {v.number for v in results}
    for n in nodes:
        own = members.get(id(n))
        for v in n.values():
            for u in (v, behind(v)):
                g = of.get(u.number)
                if g is not None and (g is not own or not g.pays()):
                    needed.add(u.number)
    items: list[Any] = []
    for n in nodes:
        g = members.get(id(n))
        if g is None or not g.word:
            items.append(n)
        elif last[id(g)] is n:
            g.nodes.sort(key=lambda m: place[id(m)])
            g.finish(needed)
            items.append(g)
    return items
