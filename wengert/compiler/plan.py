"""A plan: what a captured call is done by the next time.

A plan runs the graph's program on the arrays that are there now, writes the new values of what
changes, sets gradients, and gives back what the function returned. Where a result requires grad,
the call is one node of the graph that is being recorded, and its backward a second program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.layout import order_of
from ..arrays.random_fill import default_streams
from ..base import source
from ..base.modes import state
from ..base.pytree import unflatten
from ..engine import views
from ..engine.node import tick
from ..engine.tensor import Tensor, wrap
from ..engine.views import CHANGES, last_change
from ..kernels import compiler
from . import storage
from .graph import Value
from .guards import Guards
from .program import Program
from .recompute import again
from .recorded import Call, Used, record
from .settle import ALIAS, GRADIENT, OBJECT, SAME, VIEW, Settled
from .shapes import BYTES, MOST, Form, Open, Position, Record
from .simplify import simplify

F64 = np.dtype(np.float64)


class Failed(Exception):
    """A program has failed before it changed anything: the function itself says why."""


class Plan:
    """See the module. f: the function; leaves: the arguments of the captured call, flat. What it is
    run by is made by `make`.
    """

    def __init__(self, f: Callable[..., Any], s: Settled, leaves: list[Any]) -> None:
        self.f, self.title = f, getattr(f, "__name__", type(f).__name__)
        g = s.graph
        ends = [v for _, v in (*s.gradients, *s.pulled) if v is not None]
        simplify(g, {v.number for v in (*g.results(), *ends)})
        self.guards = Guards(s, leaves)
        self.graph = g
        self.lock = threading.RLock()
        self.structure, self.outputs = s.structure, s.outputs
        self.draws = any(n.draws for n in g.nodes)
        self._sources(s, leaves)
        self.form = Form(s, self.guards, self.sources, self.at)
        self.open: Open | None = None  # with what it is a plan for arguments of many shapes,
        self.records: dict[Any, Record] = {}  # of which these are known
        self.replay: Any = None  # the program as a CUDA graph
        self.uses = 0  # calls of shapes that were known

    def make(self, s: Settled, slots: set[Position] | None = None) -> None:
        """Write the programs. slots: what is different for other shapes of arguments."""
        g = self.graph
        if slots is not None:
            self.open = Open(self.form, g, slots)
            self.guards.allow(self.open.arguments, self.records)
        pulled = bool(s.seeds) and not s.freed
        nodes = g.nodes
        forward, backward = (nodes[: s.forward], nodes[s.forward :]) if s.forward else (nodes, [])
        results = [*g.outputs, *[v for _, v in g.effects]]
        results += [v for _, v in s.gradients if v is not None]
        self.plain = len(results)
        self.saved: list[Value] = []
        self.seeds: list[Value] = []
        self.backward: Program | None = None
        if pulled:
            self._backward(s, backward, results)
        self.kept = [*results, *self.saved]
        live = _live(forward, self.kept)
        given = [v for v, *_ in self.sources if v.number not in self.fixed]
        self.given = [(how, what) for v, how, what in self.sources if v.number not in self.fixed]
        self.program = Program(
            self.title, live, given, self.kept, self.fixed, g.effects, open_=self.open
        )
        self._ends(s)

    def replayed(self) -> None:
        """Have the program replayed as a CUDA graph, where that can be."""
        from .replay import Replay

        first = len(self.graph.outputs)
        written = range(first, first + len(self.graph.effects))
        self.replay = Replay(self.program, self.fixed, written)

    def take(self, form: Form) -> bool:
        """Whether this is the plan for a captured call; its shapes are known from now on."""
        if self.open is None:
            return False
        differs = self.form.differs(form)
        if differs is None or not differs <= self.open.all_slots:
            return False
        forward = self._needs(self.program, form)
        backward = () if self.backward is None else self._needs(self.backward, form)
        if forward is None or backward is None:
            return False
        if len(self.records) >= MOST or sum(r.bytes for r in self.records.values()) > BYTES:
            self.records.clear()
        shapes = [self.open.shape(form, v) for v in self.seeds]
        self.records[self.open.key(form)] = Record(forward, backward, shapes, form)
        return True

    def _needs(self, program: Program, form: Form) -> Any:
        return () if program.needs is None else program.needs.record(form)

    # ---------------------------------------------------------------- making

    def _sources(self, s: Settled, leaves: list[Any]) -> None:
        """Where each input comes from: (value, how, what)."""
        c = s.capture
        arguments: dict[int, int] = {}
        for i, x in enumerate(leaves):
            if isinstance(x, Tensor):
                arguments.setdefault(id(x), i)
        self.fixed: dict[int, Any] = {}
        self.sources: list[tuple[Value, str, Any]] = []
        self.at: dict[int, int] = {}  # id of an entry -> number of the argument
        used = s.graph.used() | {v.number for _, v in s.effects}
        used |= {v.number for _, v in s.pulled if v is not None}
        seen = set()
        for x in c.lifted:
            if id(x.tensor) in arguments and not x.places:
                self.at[id(x)] = arguments[id(x.tensor)]
            v = x.value
            if v.number not in used or v.number in seen:
                continue
            seen.add(v.number)
            if id(x) in self.at:
                self.sources.append((v, "argument", self.at[id(x)]))
            elif id(x) in s.grads_of:
                self.sources.append((v, "gradient", s.grads_of[id(x)].leaf))
            else:
                self.sources.append((v, "fixed", x.array))
                self.fixed[v.number] = x.array
        for n in c.numbers:
            if n.value.number in used:
                self.sources.append((n.value, "number", n))

    def _backward(self, s: Settled, nodes: list[Any], results: list[Value]) -> None:
        """The program of the backward pass, and what it needs of the forward pass."""
        grads = [v for _, v in s.pulled if v is not None]
        live = _live(nodes, grads)
        seeds = {v.number for v in s.seeds}
        made = {v.number for n in live for v in n.outputs}
        need: dict[int, Value] = {}
        for v in [*[v for n in live for v in n.values()], *grads]:
            if not v.constant and v.number not in made | seeds and v.number not in self.fixed:
                need.setdefault(v.number, v)
        read = {v.number for n in live for v in n.values()}
        extra: list[Any] = []
        self.saved = list(need.values())
        if compiler.target() is not None:
            self.saved, extra = again(self.saved, read & self.fixed.keys(), live)
        live = [*extra, *live]
        given = [*self.saved, *s.seeds]
        self.seeds = s.seeds
        title = f"{self.title} backward"
        self.backward = Program(
            title, live, given, grads, self.fixed, popped=len(self.saved), open_=self.open
        )
        self.pulled = [(self.at.get(id(x)), x.tensor, v is not None) for x, v in s.pulled]
        self.dense = all(has for *_, has in self.pulled)
        fixed = all(at is None for at, *_ in self.pulled)
        self.ends = [t for _, t, _ in self.pulled] if fixed else []
        self.memory = [a for k, a in self.fixed.items() if k in read]

    def _ends(self, s: Settled) -> None:
        """What is done with results."""
        count, written = len(self.graph.outputs), len(s.effects)
        handed: set[int] = set()
        changing = {x.value.number for x, _ in s.effects}
        arrays = () if self.open is None else self.open.arrays
        self.copied: list[int] = []  # results that are, or may become, somebody else's memory
        self.moved: list[tuple[int, list[int]]] = []  # results in another order than C's
        for k, v in enumerate(self.kept[: self.plain]):
            r = _root(v)
            given = r.node is None and not r.constant and r.number not in arrays
            if count <= k < count + written:
                if given and r.number in changing:
                    self.copied.append(k)
                continue
            if given and k < count:
                continue  # shares memory with what was there before, as in eager mode
            if v.order is not None:
                self.moved.append((k, v.order))
            if r.node is None or r.number in handed:
                self.copied.append(k)
            handed.add(r.number)
        self.effects: list[tuple[int, Any, Any, Any]] = []
        k = count
        for x, _ in s.effects:
            leaf = s.grads_of[id(x)].leaf if id(x) in s.grads_of else None
            at = self.at.get(id(x))
            array = x.array if leaf is None and at is None else None
            self.effects.append((k, at, array, leaf))
            k += 1
        self.gradients: list[tuple[Any, Any, Any]] = []
        for x, new in s.gradients:
            at = self.at.get(id(x))
            self.gradients.append(
                (None if at is not None else x.leaf, at, None if new is None else k)
            )
            k += 0 if new is None else 1
        fresh = [o for o in self.outputs if o.value is not None and o.twin is None]
        self.recorded_at = [i for i, o in enumerate(fresh) if o.recorded]
        self.all_recorded = len(self.recorded_at) == len(fresh)
        # whether one new tensor is all that is returned, with this call's node or none
        self.alone = self.structure.type is None and len(fresh) == len(self.outputs) == 1
        self.alone = self.alone and (self.backward is not None or not self.recorded_at)

    # ---------------------------------------------------------------- running

    def states(self) -> list[tuple[Any, bytes]]:
        """The generators that numbers may be drawn from, with their states."""
        own = [n.static.get("stream") for n in self.graph.nodes if n.draws]
        found = {id(x): x for x in [*default_streams().values(), *own] if x is not None}
        return [(x, x.state()) for x in found.values()]

    def run(self, leaves: list[Any], args: Any, kwargs: Any) -> Any:
        """The call."""
        known = None
        with self.lock:
            given: list[Any] = []
            if self.open is not None:
                self.uses += 1
                shapes = tuple([leaves[i]._a.shape for i in self.open.arguments])
                known = self.records.get(shapes)
                if known is None:  # another thread has made room meanwhile
                    raise Failed
                given.append(known.forward)
            for how, what in self.given:
                if how == "argument":
                    given.append(leaves[what]._a)
                elif how == "number":
                    given.append(np.array(what.read(), F64))
                else:
                    given.append(what.grad._a)
            states = self.states() if self.draws else ()
            try:
                found = (self.replay or self.program.run)(*given)
            except Exception as e:
                for x, before in states:
                    x.set_state(before)
                raise Failed from e
            for k in self.copied:
                found[k] = storage.copy(found[k])
            for k, order in self.moved:
                if order_of(found[k]) != order:
                    a = found[k]
                    found[k] = storage.lying(storage.home(a), a.shape, a.dtype, order)
                    storage.write(found[k], a)
            self._commit(found, leaves)
        outs = found[: len(self.graph.outputs)]
        tensors = [wrap(a) for a in outs]
        if self.backward is not None and state.grad:
            call = Call(self, found[len(self.kept) - len(self.saved) :], args, kwargs, known)
            some = tensors if self.all_recorded else [tensors[i] for i in self.recorded_at]
            ends = self.ends or [t if at is None else leaves[at] for at, t, _ in self.pulled]
            record(self, call, ends, some)
        return tensors[0] if self.alone else self._returned(tensors, leaves, known)

    def _commit(self, found: list[Any], leaves: list[Any]) -> None:
        """Write what changes."""
        if self.effects:
            for k, at, array, leaf in self.effects:
                if array is None:
                    array = leaf.grad._a if leaf is not None else leaves[at]._a
                if found[k] is not array:
                    storage.write(array, found[k])
            self._announce(leaves)
        for leaf, at, k in self.gradients:
            if leaf is None:
                leaf = leaves[at]._n
            leaf.grad = None if k is None else wrap(found[k])

    def _announce(self, leaves: list[Any]) -> None:
        """What `views.mutated` does for each array, with one look at the time and place."""
        now = last_change[0] = tick()
        code, lasti = source.here(2)
        for _, at, array, leaf in self.effects:
            if array is None:
                views.mutated(leaf.grad if leaf is not None else leaves[at])
                continue
            change = CHANGES.get(id(array) if array.base is None else id(views.owner(array)))
            if change is None:
                views.mutated(wrap(array))
                continue
            change.count += 1
            change.tick, change.code, change.lasti = now, code, lasti

    def _returned(self, tensors: list[Tensor], leaves: list[Any], known: Record | None) -> Any:
        """What the function returns, of its new tensors."""
        out: list[Any] = []
        new = iter(tensors)
        for k, o in enumerate(self.outputs):
            if o.kind == OBJECT:
                out.append(o.of if known is None else known.outputs[k])
            elif o.kind == SAME:
                at = self.at.get(id(o.of))
                out.append(o.of.tensor if at is None else leaves[at])
            elif o.kind == ALIAS or o.kind == VIEW:
                at = self.at.get(id(o.of))
                t = o.of.tensor if at is None else leaves[at]
                chain = o.chain if known is None else known.outputs.get(k, ())
                out.append(t.detach() if o.kind == ALIAS else views.replayed(t, chain))
            elif o.kind == GRADIENT:
                at = self.at.get(id(o.of))
                out.append((o.of.leaf if at is None else leaves[at]._n).grad)
            elif o.twin is not None:
                first = out[o.twin]
                out.append(first if o.recorded and first._n is not None else wrap(first._a))
            else:
                t = next(new)
                if o.recorded and t._n is None and state.grad:
                    t = Used.apply(t.requires_grad_())
                out.append(t)
        return unflatten(out, self.structure)

    def spread(self, found: list[Any]) -> tuple[Any, ...]:
        """The gradients of everything that was pulled; None where there is none."""
        if self.dense:
            return tuple(found)
        each = iter(found)
        return tuple([next(each) if has else None for *_, has in self.pulled])


def _live(nodes: list[Any], results: list[Value]) -> list[Any]:
    """The nodes that results need, and those that draw."""
    used = {v.number for v in results}
    kept = []
    for node in reversed(nodes):
        if node.draws or any(v.number in used for v in node.outputs):
            kept.append(node)
            used.update(v.number for v in node.values())
    return kept[::-1]


FRESH = ("bilinear", "reduction")


def _root(v: Value) -> Value:
    """The value in whose memory a value may lie."""
    while v.node is not None:
        op = v.node.op
        fresh = op.kind in FRESH or (op.kind == "elementwise" and op.name != "overwrite")
        if fresh and not op.view or op.name in ("copy", "sum", "mean", "cat", "stack"):
            return v
        first = v.node.operands[0] if v.node.operands else None
        if type(first) is not Value:
            return v
        if not op.view and op.name not in ("astype", "contiguous", "overwrite"):
            return v
        v = first
    return v
