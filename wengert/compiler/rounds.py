"""One round of a loop, or a branch: captured by itself, with its backward pass, and as machine code
that goes through all rounds.

The function is called once, while whatever it has from elsewhere is stood in for by inputs. What it
does becomes a section, and machine code runs that for all rounds; where it cannot be one (large
arrays, sorting), a program runs round after round (`Steps`). Not here: the loops themselves
(`scan_loop.py`, `decisions.py`).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays.lookup import NS
from ..arrays.random_fill import default_streams
from ..autodiff import grad_api
from ..base.modes import enable_grad, no_grad, state
from ..engine.implementations import implementation
from ..engine.interp import run_op
from ..engine.op import OPS, Op
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor, wrap
from ..kernels import compiler
from ..kernels.matmul import library
from . import storage
from .capture import Capture, Redo, Symbol, tensors_of
from .emit import TYPES, load
from .graph import Node, Value
from .group import behind, grouped
from .program import Program, word_of
from .section import Layouts, Section, as_section, dense
from .section_text import Text, addressed
from .surroundings import Surroundings

PRODUCTS = ("matmul", "bmm", "batched_matmul", "linear", "contiguous")
STILL, ROW, NEXT, UNTIL = "still", "row", "next", "until"


class Stand(Mode):
    """Puts leaves in the place of tensors that a body has from elsewhere."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.found: dict[int, tuple[Tensor, Tensor]] = {}

    def leaf(self, content: Any, grad: bool) -> Tensor:
        """A tensor of the body's own graph."""
        value = self.capture.graph.input(content.shape, content.dtype)
        new = wrap(Symbol(self.capture, value, content))
        return new.requires_grad_() if grad and state.grad else new

    def of(self, t: Tensor) -> Tensor:
        """What stands for a tensor."""
        a = t._a
        if type(a) is not Symbol or a.capture is self.capture:
            return t
        if id(t) not in self.found:
            if elsewhere((t,)):
                raise Redo("a loop's body reads a tensor of a device")
            self.found[id(t)] = t, self.leaf(a.content, t.requires_grad)
        return self.found[id(t)][1]

    def run(self, op: Op, operands: Any, static: Any, proceed: Callable[..., Any]) -> Any:
        if state.capture is not self.capture:  # a body within this one
            return proceed(operands, static)
        return proceed([self.of(x) if isinstance(x, Tensor) else x for x in operands], static)


class Body:
    """One round. carries, slices, free: values that go in; new, ys: that come out. With gradients,
    seeds: cotangents of new and ys.
    """

    def __init__(self) -> None:
        self.carries: list[Value] = []
        self.slices: list[Value] = []
        self.free: list[Value] = []
        self.tensors: list[Tensor] = []  # from elsewhere, as `free` has them
        self.new: list[Value] = []
        self.ys: list[Value] = []
        self.seeds: list[Value] = []
        self.sums: list[Value] = []  # the gradients of free tensors so far,
        self.grads: list[Value | None] = []  # of carries and slices; and of free ones, with those
        self.given: list[bool] = []  # which of them there are
        self.structure: Any = None
        self.recorded: list[bool] = []  # which of new and ys require grad
        self.nodes: list[Node] = []
        self.forward: Any = None
        self.backward: Any = None

    def finish(self, how: str = ROW, make: Any = None) -> bool:
        """Make machine code of it; whether that can be. how: what becomes of ys. make: what rounds
        are run by: Loop.made, or another where that gives None.
        """
        make = make or Loop.made
        m, k = len(self.carries), len(self.carries) + len(self.slices)
        self.nodes = laid_out(self.nodes)
        rows = [*[(v, STILL) for v in self.free]]
        rows += [(v, ROW) for v in (*self.carries, *self.slices)]
        ends = [*[(v, NEXT) for v in self.new], *[(v, how) for v in self.ys]]
        self.forward = make(self.nodes, rows, ends)
        if self.forward is None or not any(self.recorded):
            return self.forward is not None
        rows += [(v, STILL if i < m else ROW) for i, v in enumerate(self.seeds)]
        rows += [(v, STILL) for v in self.sums]
        ends = [
            (v, ROW if m <= i < k else STILL) for i, v in enumerate(self.grads) if v is not None
        ]
        self.backward = make(self.nodes, rows, ends, True)
        return self.backward is not None

    def run(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """(new, ys) of one round as eager mode computes it, of carries, slices and free tensors."""
        values = [*self.carries, *self.slices, *self.free]
        now: dict[int, Any] = dict(zip([v.number for v in values], tensors))

        def of(x: Any) -> Any:
            if type(x) is not Value:
                return x
            return wrap(x.array) if x.constant else now[x.number]

        for n in live(self.nodes, [*self.new, *self.ys]):
            out = run_op(n.op, [of(x) for x in n.operands], n.static)
            now.update(zip([v.number for v in n.outputs], out if n.many else (out,)))
        return [of(v) for v in self.new], [of(v) for v in self.ys]


def elsewhere(tensors: Iterable[Tensor]) -> bool:
    """Whether any of some tensors is on a device: loops are machine code of this one."""
    return any(storage.home(t._a.content) is not None for t in tensors)


Call = Callable[[list[Tensor], list[Tensor]], "tuple[list[Any], list[Any], Any] | None"]


def settled(call: Call, init: Sequence[Tensor], xs: Sequence[Tensor]) -> Body | None:
    """The body of a loop, in which what goes in requires grad if it does after one round."""
    if elsewhere((*init, *xs)):
        return None
    flags = [t.requires_grad for t in init]
    while True:
        b = captured(call, init, [t._a.content[0] for t in xs], xs, flags)
        if b is None or len(b.new) != len(init):
            return None
        if not all(v.shape == u.shape and v.dtype == u.dtype for v, u in zip(b.carries, b.new)):
            return None
        grown = [a or g for a, g in zip(flags, b.recorded)]
        if grown == flags:
            return b
        flags = grown


def captured(
    call: Call, init: Sequence[Tensor], first: Sequence[Any], xs: Sequence[Tensor],
    flags: Sequence[bool],
) -> Body | None:  # fmt: skip
    """One round: call(carries, slices) gives (new carries, ys, the structure of these), or None.
    init: tensors like the carries; flags: which of these require grad; first: arrays like the
    slices of xs.
    """
    inner, outer = Capture(Surroundings(), False), state.capture
    streams = [(s, s.state()) for s in default_streams().values()]
    stand = Stand(inner)
    inner.stand = stand.of
    b = Body()
    try:
        with inner, stand:
            carries = [stand.leaf(np.array(t._a.content), r) for t, r in zip(init, flags)]
            slices = [stand.leaf(np.array(a), t.requires_grad) for a, t in zip(first, xs)]
            out = call(carries, slices)
            if out is None:
                return None
            new, ys, b.structure = out
            if not all(isinstance(t, Tensor) for t in (*new, *ys)):
                return None
            new, ys = [[stand.of(t) for t in each] for each in (new, ys)]
            if not all(type(t._a) is Symbol for t in (*new, *ys)):
                return None
            b.new, b.ys = [_values(each) for each in (new, ys)]
            b.tensors = [outer.own(t) for t, _ in stand.found.values()]
            leaves = [*carries, *slices, *[t for _, t in stand.found.values()]]
            if any(t._a.value is not t._a.first for t in leaves):
                return None  # changed in place
            b.recorded = [t.requires_grad for t in (*new, *ys)]
            if any(b.recorded):
                _differentiated(b, inner, leaves, [*new, *ys], len(init) + len(xs))
            inner.check_draws()
    except Redo:
        return None
    finally:
        for s, before in streams:
            s.set_state(before)
    values = [t._a.first for t in leaves]
    inner.stand = None
    carries = slices = leaves = out = new = ys = stand = None  # type: ignore[assignment]
    if inner.symbols:
        gc.collect()
    if inner.symbols:  # somebody has kept a tensor
        for t, a in tensors_of(inner.symbols):
            t._a = a.content
        return None
    m = len(init)
    b.carries, b.slices, b.free = values[:m], values[m : m + len(xs)], values[m + len(xs) :]
    if inner.stopped is not None or any(n.draws for n in inner.graph.nodes):
        return None
    b.nodes = inner.graph.nodes
    return b


def _values(tensors: Sequence[Tensor]) -> list[Value]:
    return [t.detach().clone()._a.value for t in tensors]


def _differentiated(b: Body, c: Capture, leaves: Any, outs: Any, own: int) -> None:
    """Write down the backward pass of a round. own: how many leaves are carries and slices."""
    seeds = []
    for t in outs:
        v = c.graph.input(t._a.shape, t._a.dtype)
        b.seeds.append(v)
        seeds.append(wrap(Symbol(c, v, np.ones(t._a.shape, t._a.dtype))))
    pairs = [(t, g) for t, g in zip(outs, seeds) if t.requires_grad]
    ends = [t for t in leaves if t.requires_grad]
    found: list[Any] = [None] * len(ends)
    if pairs and ends:
        roots, wanted = [t for t, _ in pairs], [g for _, g in pairs]
        found = list(grad_api.grad(roots, ends, wanted, allow_unused=True))
    of = {id(t): g for t, g in zip(ends, found)}
    with no_grad():
        for i, t in enumerate(leaves):
            g = of.get(id(t))
            b.given.append(g is not None)
            if g is None:  # what a round hands back then is nothing
                b.grads.append(_values([t.detach().new_zeros(t.shape)])[0] if i < own else None)
            elif i < own:
                b.grads.append(_values([g])[0])
            else:
                v = c.graph.input(t._a.shape, t._a.dtype)
                b.sums.append(v)
                so_far = wrap(Symbol(c, v, np.zeros(t._a.shape, t._a.dtype)))
                b.grads.append(_values([so_far + g])[0])


class LoopText(Text):
    """A section within a loop. rows, ends: what goes in and comes out of a round, and how it lies:
    one array (STILL), row i of one (ROW), or row i + 1 (NEXT); where it does not hold, the loop has
    ended before this round, and the number of rounds is stored (UNTIL). turned: the last round
    first.
    """

    def __init__(self, s: Section, target: Any, rows: Any, ends: Any, turned: bool) -> None:
        self.lie, self.ends, self.turned = rows, ends, turned
        super().__init__(s, target, {})

    def arguments(self) -> list[tuple[str, str]]:
        """All that goes in, scratch for what is made, what comes out, and how many rounds."""
        found = [(f"in{i}", TYPES[v.kind] + "*") for i, (v, _) in enumerate(self.lie)]
        found += [(f"made{i}", TYPES[v.kind] + "*") for i, v in enumerate(self.made)]
        kinds = ["i64" if how == UNTIL else TYPES[v.kind] for v, how in self.ends]
        found += [(f"out{i}", kind + "*") for i, kind in enumerate(kinds)]
        return [*found, ("n", "i64")]

    def place(self, arrays: Any) -> None:
        *arrays, self.n = arrays
        a, b = len(self.lie), len(self.lie) + len(self.made)
        self.given, self.outs = arrays[:a], arrays[b:]
        self.pointers = {v.number: p for v, p in zip(self.made, arrays[a:b])}

    def write(self) -> None:
        k = self.k
        until = [(v, p) for (v, how), p in zip(self.ends, self.outs) if how == UNTIL]

        def round_(t: Any) -> None:
            i = self.n - 1 - t if self.turned else t
            at = {STILL: lambda v: 0, ROW: lambda v: i * v.size, NEXT: lambda v: (i + 1) * v.size}
            for (v, how), p in zip(self.lie, self.given):
                self.pointers[v.number] = p.at(at[how](v)) if how != STILL else p
            super(LoopText, self).write()
            for (v, how), p in zip(self.ends, self.outs):
                if how != UNTIL:
                    p = p.at(at[how](v)) if how != STILL else p
                    p.copy(self.at(v), v.size)

        def checked(t: Any) -> Any:
            round_(t)
            more = self.at(until[0][0]).load().differs(0)
            after = more.choose(t + 1, t)
            return more & (after < self.n), [after]

        if until:
            until[0][1].store(k.repeat(checked, [k.index(0)])[0])
        else:
            k.loop(0, self.n, 1, round_)


class Steps:
    """Rounds as calls of a program: run(arrays that go in, arrays that come out, n)."""

    def __init__(self, nodes: Sequence[Node], rows: Any, ends: Any, turned: bool = False) -> None:
        self.rows, self.ends, self.turned = rows, ends, turned
        results = [v for v, _ in ends]
        given = [v for v, _ in rows]
        self.program = Program("round", live(nodes, results), given, results, {})

    def run(self, given: Sequence[Any], out: Sequence[Any], n: int) -> None:
        """All rounds."""
        for i in range(n - 1, -1, -1) if self.turned else range(n):
            now = [a if how == STILL else a[i, ...] for (_, how), a in zip(self.rows, given)]
            found = [np.array(a) for a in self.program.run(*now)]
            for (_, how), a, place in zip(self.ends, found, out):
                if how == UNTIL and not a:
                    place[...] = i
                    return
                if how != UNTIL:
                    place[(i + (how == NEXT), ...) if how != STILL else ...] = a
        for (_, how), place in zip(self.ends, out):
            if how == UNTIL:
                place[...] = n

    @staticmethod
    def made(nodes: Sequence[Node], rows: Any, ends: Any, turned: bool = False) -> Loop | Steps:
        """Machine code for the whole loop if there can be, else a program for a round."""
        return Loop.made(nodes, rows, ends, turned) or Steps(nodes, rows, ends, turned)


class Loop:
    """Machine code for rounds: run(arrays that go in, arrays that come out, n)."""

    def __init__(self, text: LoopText, target: Any) -> None:
        reads = 1 + len(text.lie)
        kinds = [(k, "out" if i >= reads else "") for i, (_, k) in enumerate(text.entries)]
        self.kernel = load("loop", text.text, kinds, target)
        self.scratch = [np.empty(v.shape, v.dtype) for v in text.made]
        self.table, self.kept = addressed(text)
        self.ends = text.ends

    def run(self, given: Sequence[Any], out: Sequence[Any], n: int) -> None:
        """All rounds."""
        self.kernel(1, self.table, *given, *self.scratch, *out, n)

    @staticmethod
    def made(nodes: Sequence[Node], rows: Any, ends: Any, turned: bool = False) -> Loop | None:
        """The loop of some nodes; None where they are no section."""
        target = compiler.target()
        results = [v for v, _ in ends]
        if target is None or any(v.kind not in TYPES for v, _ in (*rows, *ends)):
            return None
        needed = live(nodes, results)
        layouts = Layouts({})
        found = as_section(grouped(needed, results), results, layouts, word_of, library)
        if found is None:
            return None
        own = {v.number for v in found.outputs} | {v.number for v, _ in rows}
        for v, how in ends:
            if v.constant and how == UNTIL:
                return None
            if v.constant:
                found.fixed[v.number] = np.ascontiguousarray(v.array)
            elif v.number not in own or not dense(layouts.of(v)):
                return None
        return Loop(LoopText(found, target, rows, ends, turned), target)


def live(nodes: Sequence[Node], results: Sequence[Value]) -> list[Node]:
    used = {v.number for v in results}
    kept = []
    for n in reversed(nodes):
        if any(v.number in used for v in n.outputs):
            kept.append(n)
            used.update(v.number for v in n.values())
    return kept[::-1]


def laid_out(nodes: Sequence[Node]) -> list[Node]:
    """Nodes of which those that read arrays element by element find them dense."""
    layouts = Layouts({})
    found: list[Node] = []
    known: dict[int, Value] = {}
    for n in nodes:
        if n.op.view and not any(True for v in [*n.values()][1:]) and type(n.operands[0]) is Value:
            layouts.view(n, word_of(n))
        elif n.op.name not in PRODUCTS:
            for v in n.values():
                if v.number in known or dense(layouts.of(v)) or behind(v) is not v:
                    continue
                copy = Node(OPS["contiguous"], (v,), {}, n.place)
                copy.many = False
                copy.outputs = (Value(-v.number, v.shape, v.dtype, copy, 0),)
                known[v.number] = copy.outputs[0]
                found.append(copy)
            n.operands = tuple(
                [known.get(x.number, x) if type(x) is Value else x for x in n.operands]
            )
        found.append(n)
    return found


def plain(arrays: Sequence[Any]) -> list[Any]:
    return [np.require(a, requirements=["C", "A"]) for a in arrays]


def loop_op(f: Callable[..., Any]) -> Op:
    """An op of graphs alone: no program calls it."""
    op = Op(
        f, "composite", name=f"scan_{f.__name__}", primitive=False, types="any",
        outputs=("out", "rest"), hidden=(), integer=(), view=False, node=None, optional=(),
        inputs=None, numbers=(), by_memory=False, real=False, inexact=False, rare=(), lacks=(),
        told={}, out="", doc=None, keeps_order=False, channels_last=(),
        entry=None,
    )  # fmt: skip
    setattr(NS[np.ndarray], op.name, implementation(NS[np.ndarray], op))
    return op


def pulled(
    run: Callable[[list[Tensor]], list[Tensor]], ends: Sequence[Tensor], gs: Sequence[Any]
) -> list[Any]:
    """The gradients of run(ends), weighted with gs, at ends, and recorded themselves; None for
    those that require none.
    """
    with enable_grad():
        # one of them may depend on another
        own = [t.view_as(t) if t.requires_grad else t for t in ends]
        pairs = [(t, g) for t, g in zip(run(own), gs) if t.requires_grad]
        wanted = [t for t in own if t.requires_grad]
        found = grad_api.grad(
            [t for t, _ in pairs], wanted, [g for _, g in pairs], create_graph=True,
            allow_unused=True,
        )  # fmt: skip
    each = iter(found)
    return [next(each) if t.requires_grad else None for t in ends]
