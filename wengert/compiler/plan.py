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

from ..arrays.random_fill import default_streams
from ..base.modes import enable_grad, state
from ..base.pytree import unflatten
from ..engine import grad_api, source, views
from ..engine.function import Function
from ..engine.node import FREED, tick
from ..engine.tensor import Tensor, wrap
from ..engine.views import CHANGES, last_change
from .graph import Value
from .guards import Guards
from .program import Program
from .settle import ALIAS, OBJECT, SAME, VIEW, Settled

F64 = np.dtype(np.float64)


class Failed(Exception):
    """A program has failed before it changed anything: the function itself says why."""


class Plan:
    """See the module. f: the function; leaves: the arguments of the captured call, flat."""

    def __init__(self, f: Callable[..., Any], s: Settled, leaves: list[Any]) -> None:
        self.f, self.title = f, getattr(f, "__name__", type(f).__name__)
        g = s.graph
        self.guards = Guards(s, leaves)
        self.graph = g
        self.lock = threading.RLock()
        self.structure, self.outputs = s.structure, s.outputs
        self.draws = any(n.draws for n in g.nodes)
        pulled = bool(s.seeds) and not s.freed
        nodes = g.nodes
        forward, backward = (nodes[: s.forward], nodes[s.forward :]) if s.forward else (nodes, [])
        self._sources(s, leaves)
        results = [*g.outputs, *[v for _, v in g.effects]]
        results += [v for _, v in s.gradients if v is not None]
        self.plain = len(results)
        self.saved: list[Value] = []
        self.backward: Program | None = None
        if pulled:
            self._backward(s, backward, results)
        self.kept = [*results, *self.saved]
        live = _live(forward, self.kept)
        given = [v for v, *_ in self.sources if v.number not in self.fixed]
        self.given = [(how, what) for v, how, what in self.sources if v.number not in self.fixed]
        self.program = Program(self.title, live, given, self.kept, self.fixed, g.effects)
        self._ends(s, leaves)

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
        self.saved = list(need.values())
        given = [*self.saved, *s.seeds]
        self.backward = Program(f"{self.title} backward", live, given, grads, self.fixed)
        self.pulled = [(self.at.get(id(x)), x.tensor, v is not None) for x, v in s.pulled]
        self.memory = [self.fixed[k] for k in self.fixed if any(
            v.number == k for n in live for v in n.values()
        )]  # fmt: skip

    def _ends(self, s: Settled, leaves: list[Any]) -> None:
        """What is done with results."""
        count, written = len(self.graph.outputs), len(s.effects)
        handed: set[int] = set()
        changing = {x.value.number for x, _ in s.effects}
        self.copied: list[int] = []  # results that are, or may become, somebody else's memory
        for k, v in enumerate(self.kept[: self.plain]):
            r = _root(v)
            given = r.node is None and not r.constant
            if count <= k < count + written:
                if given and r.number in changing:
                    self.copied.append(k)
                continue
            if given and k < count:
                continue  # shares memory with what was there before, as in eager mode
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
        self.changes: list[Any] = []

    # ---------------------------------------------------------------- running

    def states(self) -> list[tuple[Any, bytes]]:
        """The generators that numbers may be drawn from, with their states."""
        own = [n.static.get("stream") for n in self.graph.nodes if n.draws]
        found = {id(x): x for x in [*default_streams().values(), *own] if x is not None}
        return [(x, x.state()) for x in found.values()]

    def run(self, leaves: list[Any], args: Any, kwargs: Any) -> Any:
        """The call."""
        with self.lock:
            given = []
            for how, what in self.given:
                if how == "argument":
                    given.append(leaves[what]._a)
                elif how == "number":
                    given.append(np.array(what.read(), F64))
                else:
                    given.append(what.grad._a)
            states = self.states() if self.draws else ()
            try:
                found = self.program.run(*given)
            except Exception as e:
                for x, before in states:
                    x.set_state(before)
                raise Failed from e
            for k in self.copied:
                found[k] = np.array(found[k])
            self._commit(found, leaves)
        outs = found[: len(self.graph.outputs)]
        if self.backward is not None and state.grad:
            return self._recorded(found, outs, leaves, args, kwargs)
        return self._returned([wrap(np.asarray(a)) for a in outs], leaves)

    def _commit(self, found: list[Any], leaves: list[Any]) -> None:
        """Write what changes."""
        if self.effects:
            for k, at, array, leaf in self.effects:
                if array is None:
                    array = leaf.grad._a if leaf is not None else leaves[at]._a
                if found[k] is not array:
                    array[...] = found[k]
            self._announce(leaves)
        for leaf, at, k in self.gradients:
            if leaf is None:
                leaf = leaves[at]._n
            leaf.grad = None if k is None else wrap(np.asarray(found[k]))

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

    def _returned(self, tensors: list[Tensor], leaves: list[Any]) -> Any:
        """What the function returns, of its new tensors."""
        out: list[Any] = []
        new = iter(tensors)
        for o in self.outputs:
            if o.kind == OBJECT:
                out.append(o.of)
            elif o.kind == SAME:
                at = self.at.get(id(o.of))
                out.append(o.of.tensor if at is None else leaves[at])
            elif o.kind == ALIAS or o.kind == VIEW:
                at = self.at.get(id(o.of))
                t = o.of.tensor if at is None else leaves[at]
                out.append(t.detach() if o.kind == ALIAS else views.replayed(t, o.chain))
            elif o.twin is not None:
                first = out[o.twin]
                out.append(first if o.recorded and first._n is not None else wrap(first._a))
            else:
                t = next(new)
                if o.recorded and t._n is None and state.grad:
                    t = Used.apply(t.requires_grad_())
                out.append(t)
        return unflatten(out, self.structure)

    def _recorded(self, found: Any, outs: Any, leaves: Any, args: Any, kwargs: Any) -> Any:
        """The call as one node."""
        tensors = [t if at is None else leaves[at] for at, t, _ in self.pulled]
        kinds = [o.recorded for o in self.outputs if o.value is not None and o.twin is None]
        call = Call(self, found[len(self.kept) - len(self.saved) :], outs, kinds, args, kwargs)
        made = CompiledFunction.apply(call, *tensors)
        return self._returned(list(made), leaves)


class Call:
    """One call that was recorded: what its backward pass needs."""

    def __init__(
        self, plan: Plan, saved: Any, outs: Any, kinds: list[bool], args: Any, kwargs: Any
    ) -> None:
        self.plan, self.saved, self.outs, self.kinds = plan, saved, outs, kinds
        self.args, self.kwargs = args, kwargs
        self.tick = tick()
        self.states = plan.states() if plan.draws else []

    def check(self) -> None:
        """RuntimeError if what the backward pass reads was changed since."""
        for a in (*self.saved, *self.plan.memory):
            change = views.changed_since(a, self.tick) if type(a) is np.ndarray else None
            if change is not None:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: [{a.dtype} {list(a.shape)}], in the compiled "
                    f"{self.plan.title}\n  It was changed at "
                    f"{source.describe(change.code, change.lasti)}\nHint: change it after "
                    "backward(), or save a copy with .clone()."
                )


class CompiledFunction(Function):
    """The node of a compiled call."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Any) -> Any:
        ctx.call = call
        outs = tuple([wrap(np.asarray(a)) for a in call.outs])
        ctx.mark_non_differentiable(*[t for t, kind in zip(outs, call.kinds) if not kind])
        ctx.set_materialize_grads(False)
        ctx.shapes = [(a.shape, a.dtype) for a, kind in zip(call.outs, call.kinds) if kind]
        return outs

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        call = ctx.call
        if call is None:
            raise RuntimeError(FREED)
        plan = call.plan
        given = [g for g, kind in zip(gs, call.kinds) if kind]
        if state.grad:
            return (None, *again(call, given))
        call.check()
        seeds = [
            np.zeros(shape, dtype) if g is None else g._a
            for g, (shape, dtype) in zip(given, ctx.shapes)
        ]
        with plan.lock:
            found = iter(plan.backward.run(*call.saved, *seeds))
        return (None, *[wrap(np.asarray(next(found))) if has else None for *_, has in plan.pulled])


def again(call: Call, gs: list[Any]) -> list[Any]:
    """Gradients that are recorded themselves: by the function as it stands."""
    from ..base.pytree import flatten

    plan = call.plan
    leaves = [x for x in flatten((call.args, call.kwargs))[0]]
    now = [(x, x.state()) for x, _ in call.states]
    for x, before in call.states:
        x.set_state(before)
    try:
        with enable_grad():
            out = plan.f(*call.args, **call.kwargs)
    finally:
        for x, after in now:
            x.set_state(after)
    outs = [t for t in flatten(out)[0] if isinstance(t, Tensor) and t._n is not None]
    tensors = [t if at is None else leaves[at] for at, t, _ in plan.pulled]
    wanted = [g if g is not None else wrap(np.zeros(t.shape, t._a.dtype)) for g, t in zip(gs, outs)]
    return list(
        grad_api.grad(outs[: len(wanted)], tensors, wanted, create_graph=True, allow_unused=True)
    )


class Used(Function):
    """A result whose graph was used up within the compiled function."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return wrap(x._a)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        raise RuntimeError(FREED)


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
