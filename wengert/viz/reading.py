"""The engine's graph read into plain vertices: what each node is, needs, keeps, and comes from.

Nothing here decides how a graph looks; module structure is `grouping.py`'s.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..arrays.lookup import LIBRARY, RANK
from ..autodiff.saved_hooks import Packed
from ..base import source
from ..engine import views
from ..engine.backward import collect
from ..engine.node import LEAF, OUTPUT, WRITE, Slot
from ..engine.plan import public_name
from ..engine.tensor import Tensor
from .array_summary import dtype_text, held, shape_text, values
from .calling import title_of
from .formulas import rules_of
from .maths import FORWARD
from .naming import Names, node_of
from .recording import plain_operands, recorded_name


@dataclass
class Input:
    """An operand of a node: its name, and the vertex and output it is, or None for a constant."""

    name: str
    vertex: int | None
    index: int = 0


@dataclass(eq=False)
class Vertex:
    """One thing in the picture: an op, a leaf, an output of the graph, or a failure."""

    id: int
    kind: str  # op, leaf, input (an operand without a gradient), output, failure
    title: str
    full: str = ""
    shape: str = ""
    dtype: str = ""
    others: list[str] = field(default_factory=list)  # shapes of further outputs
    seq: float = 0
    family: str = ""  # the op's kind, which gives the colour
    name: str = ""  # the user's variable or parameter
    parameter: bool = False
    value: list[Any] | None = None
    dims: list[int] = field(default_factory=list)
    place: tuple[str, int, str, str] | None = None  # file, line, function, text
    saved: list[dict[str, Any]] = field(default_factory=list)
    freed: bool = False
    bytes: int = 0
    inputs: list[Input] = field(default_factory=list)
    rules: list[tuple[str, str, str]] = field(default_factory=list)
    formula: str = ""  # what it computes
    module: str = ""
    role: str = ""  # the module of which this op is all there is
    memory: dict[int, int] = field(default_factory=dict)  # what owns saved memory -> its bytes
    chips: list[int] = field(default_factory=list)  # leaves that are drawn within this vertex
    lines: list[str] = field(default_factory=list)  # further text of an output or a failure


class Reading:
    """The vertices below some roots, operands before their users.

    roots: nodes (slots allowed). names: what is called what.
    """

    def __init__(self, roots: Sequence[Any], names: Names) -> None:
        self.vertices: list[Vertex] = []
        self.number: dict[Any, int] = {}  # node -> vertex
        self.names = names
        nodes = [n for n in reversed(collect(roots)) if n.role != OUTPUT]
        nodes.sort(key=lambda n: n.seq)  # leaves, which have 0, come first
        self.leaves = leaf_memory(nodes, names)
        plain = shown_operands(nodes, names)
        given: dict[Any, int] = {}  # key of a plain operand -> vertex
        for n in nodes:
            found = plain.get(n, {})
            for p in found.values():
                if p.key not in given:
                    given[p.key] = len(self.vertices)
                    self.vertices.append(self._plain(p))
            self.number[n] = len(self.vertices)
            v = self._leaf(n) if n.role == LEAF else self._op(n)
            for i, p in found.items():
                v.inputs[i].vertex = given[p.key]
            self.vertices.append(v)

    def _new(self, n: Any, kind: str, title: str) -> Vertex:
        v = Vertex(len(self.vertices), kind, title, n.name(), seq=n.seq)
        called = self.names.of.get(n)
        if called is not None:
            v.name, v.parameter = called.name, called.parameter
            if not many(n) and readable(called.tensor):
                v.value = values(called.tensor._a)
                v.dims = list(called.tensor._a.shape)
        return v

    def _plain(self, p: Operand) -> Vertex:
        v = Vertex(len(self.vertices), "input", p.name or "input", name=p.name)
        v.shape, v.dtype = shape_text(p.shape), dtype_text(p.dtype)
        return v

    def _leaf(self, n: Any) -> Vertex:
        v = self._new(n, "leaf", "leaf")
        if not v.name:
            v.name = recorded_name(n)
            v.parameter = bool(v.name)
        v.shape, v.dtype = shape_text(n.shape), dtype_text(n.dtype)
        v.title = v.name or "leaf"
        return v

    def _op(self, n: Any) -> Vertex:
        v = self._new(n, "op", title_of(n))
        v.formula = FORWARD.get(n.op.name, "") if n.op is not None else ""
        if many(n):
            shapes = [shape_text(s) for s in n.shape if s is not None]
            v.shape, v.others = shapes[0] if shapes else "", shapes[1:]
            v.dtype = next((dtype_text(d) for d in n.dtype if d is not None), "")
        elif n.shape is not None:
            v.shape, v.dtype = shape_text(n.shape), dtype_text(n.dtype)
        own = "movement" if isinstance(n, views.CopySlices) else "custom"
        v.family = n.op.kind if n.op is not None else own
        file, line, function, text = source.line(n.code, n.lasti)
        v.place = (file, line, function, text) if line else None
        v.inputs = [self._input(name, p) for name, p in zip(argument_names(n), n.parents)]
        v.rules = rules_of(n.op) if n.op is not None else []
        v.freed = n.saved is None or getattr(n, "_freed", False)
        for name, x in kept(n):
            self._keep(v, name, x)
        return v

    def _input(self, name: str, p: Any) -> Input:
        if p is None:
            return Input(name, None)
        if type(p) is Slot:
            return Input(name, self.number[p.parents[0]], p.index)
        return Input(name, self.number[p])

    def _keep(self, v: Vertex, name: str, x: Any) -> None:
        """Note one saved value."""
        if isinstance(x, Packed):
            told = {"n": name, "s": shape_text(x.of[0]), "d": dtype_text(x.of[1]), "b": 0}
            v.saved.append({**told, "note": "packed by saved-tensor hooks"})
            return
        a = x._a if isinstance(x, Tensor) else x
        if not (hasattr(a, "dtype") and hasattr(a, "shape")):
            if a is not None:
                v.saved.append({"n": name, "text": repr(a)[:60]})
            return
        size = held(a)
        told = {"n": name, "s": shape_text(a.shape), "d": dtype_text(a.dtype), "b": size}
        key = id(views.owner(a))
        if key in self.leaves:
            told["b"], told["note"] = 0, "a leaf's own memory"
        else:
            v.memory[key] = max(size, v.memory.get(key, 0))
        few = values(a) if RANK.get(type(a), LIBRARY) == LIBRARY else None
        if few is not None:
            told["v"], told["dims"] = few, list(a.shape)
        v.saved.append(told)
        v.bytes = sum(v.memory.values())


class Operand(NamedTuple):
    """An operand that is not in the graph, because nobody wants its gradient."""

    key: Any
    shape: Any
    dtype: Any
    name: str


def shown_operands(nodes: Sequence[Any], names: Names) -> dict[Any, dict[int, Operand]]:
    """node -> place -> the operands without a gradient that are drawn.

    Those of recorded blocks are known, others where a node has saved them. Drawn are those that
    have a name or are used twice: no masks, no running averages.
    """
    every: dict[Any, dict[int, Operand]] = {}
    uses: dict[Any, int] = {}
    for n in nodes:
        notes, noted = plain_operands(n)
        found: dict[int, Operand] = {}
        if n.op is not None and n.role != LEAF:
            for i, plain in noted.items():
                own = notes.name_of(plain.key, names.plain)
                found[i] = Operand(plain.key, plain.shape, plain.dtype, own)
            saved = dict(zip(n.op.saved, n.saved)) if n.saved is not None and not noted else {}
            for i, (name, parent) in enumerate(zip(n.op.inputs, n.parents)):
                a: Any = saved.get(name)
                if parent is None and hasattr(a, "dtype") and a.ndim:
                    owner = views.owner(a)
                    own = next((k for k, t in names.plain if views.owner(t._a) is owner), "")
                    found[i] = Operand(("saved", id(owner)), a.shape, a.dtype, own)
        for p in found.values():
            uses[p.key] = uses.get(p.key, 0) + 1
        every[n] = found
    return {
        n: {i: p for i, p in found.items() if p.name or uses[p.key] > 1}
        for n, found in every.items()
    }


def leaf_memory(nodes: Sequence[Any], names: Names) -> set[int]:
    """The ids of what owns the memory of leaves: a graph that saves it takes nothing more."""
    found = {id(views.owner(k.tensor._a)) for n, k in names.of.items() if n.role == LEAF}
    for n in nodes:
        if n.op is not None and n.saved is not None:
            saved = dict(zip(n.op.saved, n.saved))
            for name, p in zip(n.op.inputs, n.parents):
                a = saved.get(name)
                if p is not None and p.role == LEAF and hasattr(a, "shape"):
                    found.add(id(views.owner(a)))
        for t in getattr(n, "_keep", ()):
            if isinstance(t, Tensor) and t._n is not None and t._n.role == LEAF:
                found.add(id(views.owner(t._a)))
    return found


def memory_of(vertices: Sequence[Vertex]) -> int:
    """The bytes that some vertices save, counting shared memory once."""
    every: dict[int, int] = {}
    for v in vertices:
        for key, size in v.memory.items():
            every[key] = max(size, every.get(key, 0))
    return sum(every.values())


def readable(t: Tensor) -> bool:
    """Whether a tensor's elements are a library's."""
    return RANK.get(type(t._a), LIBRARY) == LIBRARY


def many(n: Any) -> bool:
    """Whether a node has several outputs."""
    return n.many


def argument_names(n: Any) -> list[str]:
    """What the operands behind a node's parents are called."""
    if n.op is not None:
        counted: list[str] = []
        for i in range(len(n.parents)):
            name = n.op.plan.input_name(i)
            own = public_name(n.op, name)
            counted.append(
                f"{own}[{len(counted) - len(n.op.inputs)}]" if name == n.op.variadic else own
            )
        return counted
    if n.role == WRITE:
        return ["base", "new values"]
    try:
        given = list(inspect.signature(n.function.forward).parameters)
    except (TypeError, ValueError, AttributeError):
        given = []
    own_context = getattr(n.function, "setup_context", None)
    if given and own_context is not None and own_context.__qualname__.startswith("Function."):
        given = given[1:]
    given = given[: len(n.parents)]
    return [*given, *(f"argument {i}" for i in range(len(given), len(n.parents)))]


def kept(n: Any) -> list[tuple[str, Any]]:
    """(name, value) of what a node saved, tuples taken apart."""
    pairs: list[tuple[str, Any]] = []
    if n.op is not None and n.saved is not None:
        for name, x in zip(n.op.saved, n.saved):
            own = public_name(n.op, name)
            if type(x) is tuple and any(hasattr(y, "dtype") and hasattr(y, "shape") for y in x):
                pairs += [(f"{own}[{i}]", y) for i, y in enumerate(x)]
            else:
                pairs.append((own, x))
        return pairs
    for i, x in enumerate(getattr(n, "_keep", ())):
        pairs.append((f"saved[{i}]", getattr(x, "array", x) if not isinstance(x, Packed) else x))
    return pairs


def place_text(place: tuple[str, int, str, str] | None) -> str:
    """`file.py:12` of a recorded place."""
    return "" if place is None else f"{os.path.basename(place[0])}:{place[1]}"


def root_vertices(reading: Reading, outputs: Sequence[tuple[str, Tensor]]) -> None:
    """Add a vertex for each tensor that the graph was asked for."""
    last = math.inf  # after all modules have ended
    for name, t in outputs:
        n = node_of(t)
        v = Vertex(len(reading.vertices), "output", name or "output", seq=last)
        v.shape, v.dtype = shape_text(t._a.shape), dtype_text(t._a.dtype)
        index = t._n.index if type(t._n) is Slot else 0
        v.inputs = [Input("", reading.number[n], index)]
        if readable(t):
            v.value, v.dims = values(t._a), list(t._a.shape)
        reading.vertices.append(v)
