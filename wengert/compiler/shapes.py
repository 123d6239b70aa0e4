"""One plan for arguments of many shapes.

What a function does may depend on a size in any way: each shape that is new is captured. But
mostly the graphs differ in numbers alone: in shapes, in settings of nodes, in constants. So a
captured call is taken apart (`Form`) into its structure, with everything that a plan relies on, and
the `things` that may be different. Calls of equal structure share a program, which takes what is
different from a `Record`: nothing is compiled for their shapes, and nothing about them is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

import numpy as np

from ..base.devices import device
from . import storage
from .emit import counted
from .graph import SIMPLE, Node, Value
from .group import COLUMN, FLOATS, FULL, ONE, ROW, Group
from .settle import OBJECT, VIEW, Settled

Position = tuple[Any, ...]
MOST = 512  # shapes that a plan knows at a time
BYTES = 1 << 28  # of constants that it keeps for them
JOINED = ("add", "sub", "mul", "div")


class Fixed:
    """Something that has to be the same in calls that share a plan."""

    __slots__ = ("of",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, of: Any) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and same(self.of, other.of)


def same(a: Any, b: Any) -> bool:
    """Whether two settings, numbers or arrays are equal to the bit, or one object."""
    if a is b:
        return True
    t = type(a)
    if t is not type(b):
        return False
    if storage.is_array(a):
        return a.shape == b.shape and a.dtype == b.dtype and storage.bits(a) == storage.bits(b)
    if t is float or t is complex or t is itemgetter:
        return repr(a) == repr(b)  # 0.0 is not -0.0
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if t is dict:
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if t is slice:
        return same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return isinstance(a, (*SIMPLE, np.dtype, device, set, frozenset)) and bool(a == b)


class Form:
    """A captured call. structure: what has to be equal; things: what may be different, by where it
    stands; numbering: the numbers of values -> their place in that; uses: the numbers of constants
    -> where they are used. guards: of the call; sources: where its inputs come from; at: the
    entries of arguments -> which they are.
    """

    def __init__(self, s: Settled, guards: Any, sources: Iterable[Any], at: dict[int, int]) -> None:
        self.things: dict[Position, Any] = {("argument", i): v for i, v in guards.shapes.items()}
        self.numbering: dict[int, int] = {}
        self.uses: dict[int, list[Position]] = {}
        self.at = at
        inputs = [
            (self._new(v), how, what if how == "argument" else Fixed(self._origin(how, what)))
            for v, how, what in sources
        ]
        seeds = [self._new(v) for v in s.seeds]
        nodes = [self._node(i, n) for i, n in enumerate(s.graph.nodes)]
        outputs = [
            (o.kind, self._value(o.value, "output", k), o.twin, o.recorded, self._entry(o))
            for k, o in enumerate(s.outputs)
        ]
        for k, o in enumerate(s.outputs):
            if o.kind == OBJECT or o.kind == VIEW:
                self.things["output", k] = o.of if o.kind == OBJECT else o.chain
        ends = [
            (self._whose(x), self._value(v, "end", k))
            for k, (x, v) in enumerate((*s.effects, *s.gradients, *s.pulled))
        ]
        counts = len(s.effects), len(s.gradients), s.forward, s.freed, s.nested
        self.structure = [guards.fixed(Fixed), inputs, seeds, nodes, outputs, ends, counts]
        self.spec = s.structure

    def _origin(self, how: str, what: Any) -> Any:
        return (what.group, what.key, what.index) if how == "number" else what

    def _new(self, v: Value) -> tuple[int, str]:
        k = self.numbering[v.number] = len(self.numbering)
        self.things["shape", k] = v.shape
        return k, v.kind

    def _value(self, v: Value | None, *at: Any) -> Any:
        if v is None:
            return None
        if v.constant:  # equal ones are one value if they are small: each use is for itself
            use = ("array", *at)
            self.things[use] = v.array
            self.uses.setdefault(v.number, []).append(use)
            return v.kind
        return self.numbering[v.number]

    def _node(self, i: int, n: Node) -> Any:
        given = []
        for j, x in enumerate(n.operands):
            if type(x) is Value:
                given.append(self._value(x, i, j))
            else:
                given.append(type(x))
                self.things["operand", i, j] = x
        for name, x in n.static.items():
            self.things["static", i, name] = x
        return n.op.name, given, list(n.static), [self._new(v) for v in n.outputs], n.many

    def _whose(self, x: Any) -> Any:
        """The tensor of an entry: an argument, or one from elsewhere."""
        at = self.at.get(id(x))
        return Fixed(x.tensor) if at is None else at

    def _entry(self, o: Any) -> Any:
        return type(o.of) if o.kind == OBJECT or o.of is None else self._whose(o.of)

    def differs(self, other: Form) -> set[Position] | None:
        """Where the things of two calls are different; None where their structure is."""
        if self.spec != other.spec or self.structure != other.structure:
            return None
        if self.things.keys() != other.things.keys():
            return None
        found = {at for at, x in self.things.items() if not same(x, other.things[at])}
        for at in found:
            a, b = self.things[at], other.things[at]
            if at[0] == "array" and (a.ndim != b.ndim or a.dtype != b.dtype):
                return None
            if at[0] in ("shape", "argument") and len(a) != len(b):
                return None
        return found


def common(form: Form, others: Iterable[Form], before: int) -> set[Position] | None:
    """What a plan made of a call leaves open, so that it is one for the `others` that are like it,
    of which there must be `before`; None for a plan of its own.
    """
    alike = [(f, d) for f in others if (d := form.differs(f)) is not None]
    if len(alike) < max(1, before):
        return None
    slots: set[Position] = set().union(*[d for _, d in alike])
    for at in slots:  # a size of 0 or 1 is no example of others
        own = small(form.things[at]) if at[0] == "shape" else []
        if own and any(small(f.things[at]) != own for f, _ in alike):
            return None
    return slots if any(at[0] == "argument" for at in slots) else None


def small(shape: tuple[int, ...]) -> list[int]:
    """The dimensions that have no size to speak of."""
    return [i for i, n in enumerate(shape) if n < 2]


class Record:
    """What the programs of a plan take for arguments of some shapes. shapes: of results that are
    recorded; outputs: results that are no tensors, and how views are taken, by their place. bytes:
    of the constants.
    """

    __slots__ = ("backward", "bytes", "forward", "outputs", "shapes")

    def __init__(self, forward: Any, backward: Any, shapes: Any, form: Form) -> None:
        self.forward, self.backward, self.shapes = forward, backward, shapes
        self.outputs = {at[1]: x for at, x in form.things.items() if at[0] == "output"}
        self.bytes = sum(x.nbytes for x in (*forward, *backward) if storage.is_array(x))


class Open:
    """What a plan leaves open. form: of the call it is made from, with the nodes of its graph;
    slots: where things are different.
    """

    def __init__(self, form: Form, graph: Any, slots: set[Position]) -> None:
        self.form, self.slots, self.all_slots = form, slots, slots
        self.place = {id(n): i for i, n in enumerate(graph.nodes)}
        number = {k: n for n, k in form.numbering.items()}
        self.values = {number[at[1]] for at in slots if at[0] == "shape"}  # of changing shape
        # constants that change, and where a record has them; as arrays of a dtype if that is given
        self.arrays: dict[int, tuple[list[Position], Any]] = {
            n: (uses, None) for n, uses in form.uses.items() if not slots.isdisjoint(uses)
        }
        self.values |= self.arrays.keys()
        self.arguments = sorted(at[1] for at in slots if at[0] == "argument")
        self._numbers(graph)
        self.apart = {id(n) for n in graph.nodes if self.settings(n)}
        for n in graph.nodes:
            for v in n.values():
                if v.number in self.arrays:
                    v.array = None
        for v in graph.results():
            if v.number in self.arrays:
                v.array = None

    def _numbers(self, graph: Any) -> None:
        """Numbers that change and that kernels can be given are inputs."""
        for n in graph.nodes:
            found = self.settings(n)
            out = n.outputs[0]
            if len(found) != 1 or n.op.name not in JOINED or out.kind not in FLOATS:
                continue
            ((how, _, j),) = found
            others = [v.kind for v in n.values()]
            if how != "operand" or others != [out.kind] or type(n.operands[j]) not in (int, float):
                continue
            v = graph.value((), out.dtype)
            self.arrays[v.number] = [*found], out.dtype
            n.operands = tuple([v if k == j else x for k, x in enumerate(n.operands)])
            self.slots = self.slots - found

    def settings(self, n: Node) -> set[Position]:
        """The settings of a node that change."""
        i = self.place[id(n)]
        every = [("operand", i, j) for j in range(len(n.operands))]
        return self.slots.intersection([*every, *[("static", i, name) for name in n.static]])

    def changing(self, item: Any) -> bool:
        """Whether a node or group is another for other shapes."""
        if type(item) is not Group and id(item) in self.apart:
            return True
        return any(v.number in self.values for v in (*item.values(), *item.outputs))

    def shape(self, form: Form, v: Value) -> Any:
        """The shape of a value in another call."""
        uses = self.form.uses.get(v.number)
        if uses is not None:
            return form.things[uses[0]].shape
        k = self.form.numbering.get(v.number)
        return () if k is None else form.things["shape", k]

    def key(self, form: Form) -> Any:
        """What the record of a call is found by."""
        return tuple([form.things["argument", i] for i in self.arguments])


class Needs:
    """What a program takes from records, in order."""

    def __init__(self, open_: Open) -> None:
        self.open = open_
        self.entries: list[Callable[[Form], Any]] = []

    def _entry(self, read: Callable[[Form], Any]) -> str:
        self.entries.append(read)
        return f"s[{len(self.entries) - 1}]"

    def thing(self, *at: Any) -> str:
        """The text for a thing."""
        return self._entry(lambda form: form.things[at])

    def shape(self, v: Value) -> str:
        """The text for the shape of a value."""
        return self.thing("shape", self.open.form.numbering[v.number])

    def array(self, number: int) -> str:
        """The text for a constant that changes."""
        uses, dtype = self.open.arrays[number]

        def read(form: Form) -> Any:
            first, *others = [form.things[at] for at in uses]
            if not all(same(first, x) for x in others):
                return None
            return first if dtype is None else np.array(first, dtype)

        return self._entry(read)

    def sizes(self, group: Group) -> str:
        """The text for what a group's kernel is given."""
        return self._entry(lambda form: fitted(group, lambda v: self.open.shape(form, v)))

    def record(self, form: Form) -> tuple[Any, ...] | None:
        """What the program takes for a call; None if it is no program for it."""
        found = tuple([read(form) for read in self.entries])
        return None if any(x is None for x in found) else found


def fitted(g: Group, shape: Callable[[Value], Any]) -> tuple[int, int, int] | None:
    """(rows and columns, or elements and 0, and chunks) of a group's kernel where values have other
    shapes; None where its operands lie in another way then.
    """
    own = shape(g.nodes[0].outputs[0])
    if any(shape(v) != own for n in g.nodes for v in n.outputs):
        return None
    found = set()
    for v, how in g.operands:
        now = shape(v)
        if how == FULL:
            fine = now == own
        elif how == ONE:
            fine = math.prod(now) == 1
        elif how == COLUMN:
            m = len(v.shape)
            while v.shape[len(v.shape) - m] == 1:
                m -= 1
            head, tail = now[: len(now) - m], now[len(now) - m :]
            fine = math.prod(head) == 1 and tail == own[len(own) - m :]
            found.add(math.prod(tail))
        else:
            assert how == ROW
            k = len(v.shape)
            while k and v.shape[k - 1] == 1:
                k -= 1
            fine = now[:k] == own[:k] and math.prod(now[k:]) == 1
            found.add(math.prod(own[k:]))
        if not fine:
            return None
    n = math.prod(own)
    if not n or len(found) > 1 or bool(found) != bool(g.columns):
        return None
    return counted(n, found.pop() if found else 0)
