"""Loops as one node: `scan` within a captured function.

The body is captured once, on the first slice, with its backward pass; each becomes a section, and
machine code runs them for all slices. Carries are kept row by row, so that the backward pass, which
computes the rest of a round again, finds them. Where a body cannot be a section (large arrays,
draws, integers, a look at a value), None is given, and the caller takes round after round.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.lookup import NS
from ..arrays.random_fill import default_streams
from ..autodiff import grad_api
from ..autodiff.function import Function
from ..base.modes import enable_grad, no_grad, state
from ..base.pytree import tree_flatten
from ..engine.implementations import implementation
from ..engine.interp import run_op
from ..engine.op import OPS, Op
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor, wrap
from ..kernels import compiler
from ..kernels.matmul import library
from .capture import Capture, Redo, Symbol, tensors_of
from .emit import TYPES, load
from .graph import Node, Value
from .group import behind, grouped
from .program import word_of
from .section import Layouts, Section, as_section, dense
from .section_text import Text
from .surroundings import Surroundings

FEWEST = 16  # rounds that are worth a loop
PRODUCTS = ("matmul", "bmm", "batched_matmul", "linear", "contiguous")
STILL, ROW, NEXT = "still", "row", "next"


def scanned(
    c: Capture, f: Any, init: Sequence[Any], shape: Any, xs: Sequence[Any], spec: Any
) -> tuple[list[Any], list[Any], Any] | None:
    """What `Capture.scan` is."""
    every = [*init, *xs]
    known = all(isinstance(t, Tensor) and type(t._a) is Symbol and t._a.capture is c for t in every)
    if not known or state.level != c.level or len(xs[0]) < FEWEST:
        return None
    flags = [t.requires_grad for t in init]
    while True:  # what the rounds hand on requires grad if it does after one of them
        b = captured(f, init, shape, xs, spec, flags)
        if b is None:
            return None
        grown = [a or g for a, g in zip(flags, b.recorded)]
        if grown == flags:
            break
        flags = grown
    if not b.finish():
        return None
    free, b.tensors = b.tensors, []
    out = Scan.apply(b, *init, *xs, *free)
    m = len(init)
    return list(out[:m]), list(out[m:]), b.structure


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
            self.found[id(t)] = t, self.leaf(a.content, t.requires_grad)
        return self.found[id(t)][1]

    def run(self, op: Op, operands: Any, static: Any, proceed: Callable[..., Any]) -> Any:
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

    def finish(self) -> bool:
        """Make machine code of it; whether that can be."""
        m, k = len(self.carries), len(self.carries) + len(self.slices)
        self.nodes = laid_out(self.nodes)
        rows = [*[(v, STILL) for v in self.free]]
        rows += [(v, ROW) for v in (*self.carries, *self.slices)]
        ends = [*[(v, NEXT) for v in self.new], *[(v, ROW) for v in self.ys]]
        self.forward = Loop.made(self.nodes, rows, ends)
        if self.forward is None or not any(self.recorded):
            return self.forward is not None
        rows += [(v, STILL if i < m else ROW) for i, v in enumerate(self.seeds)]
        rows += [(v, STILL) for v in self.sums]
        ends = [
            (v, ROW if m <= i < k else STILL) for i, v in enumerate(self.grads) if v is not None
        ]
        self.backward = Loop.made(self.nodes, rows, ends, True)
        return self.backward is not None


def captured(
    f: Any, init: Any, shape: Any, xs: Any, spec: Any, flags: Sequence[bool]
) -> Body | None:
    """One round of f with arrays like init's and the first slices of xs. flags: whether the carries
    require grad.
    """
    inner = Capture(Surroundings(), False)
    streams = [(s, s.state()) for s in default_streams().values()]
    stand = Stand(inner)
    b = Body()
    try:
        with inner, stand:
            carries = [stand.leaf(np.array(t._a.content), r) for t, r in zip(init, flags)]
            slices = [stand.leaf(np.array(t._a.content[0]), t.requires_grad) for t in xs]
            out = f(shape.unflatten(carries), spec.unflatten(slices))
            if not isinstance(out, (tuple, list)) or len(out) != 2:
                return None
            new, found = tree_flatten(out[0])
            ys, b.structure = tree_flatten(out[1])
            if found != shape or not all(isinstance(t, Tensor) for t in (*new, *ys)):
                return None
            new, ys = [[stand.of(t) for t in each] for each in (new, ys)]
            b.new, b.ys = [_values(each) for each in (new, ys)]
            b.tensors = [t for t, _ in stand.found.values()]
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
    carries = slices = leaves = out = new = ys = found = stand = None  # type: ignore[assignment]
    if inner.symbols:
        gc.collect()
    if inner.symbols:  # somebody has kept a tensor
        for t, a in tensors_of(inner.symbols):
            t._a = a.content
        return None
    m = len(init)
    b.carries, b.slices, b.free = values[:m], values[m : m + len(xs)], values[m + len(xs) :]
    same = all(v.shape == u.shape and v.dtype == u.dtype for v, u in zip(b.carries, b.new))
    if inner.stopped is not None or not same or any(n.draws for n in inner.graph.nodes):
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
    one array (STILL), row i of one (ROW), or row i + 1 (NEXT). turned: the last round first.
    """

    def __init__(self, s: Section, target: Any, rows: Any, ends: Any, turned: bool) -> None:
        self.lie, self.ends, self.turned = rows, ends, turned
        super().__init__(s, target, {})

    def arguments(self) -> list[tuple[str, str]]:
        """All that goes in, scratch for what is made, what comes out, and how many rounds."""
        found = [(f"in{i}", TYPES[v.kind] + "*") for i, (v, _) in enumerate(self.lie)]
        found += [(f"made{i}", TYPES[v.kind] + "*") for i, v in enumerate(self.made)]
        found += [(f"out{i}", TYPES[v.kind] + "*") for i, (v, _) in enumerate(self.ends)]
        return [*found, ("n", "i64")]

    def place(self, arrays: Any) -> None:
        *arrays, self.n = arrays
        a, b = len(self.lie), len(self.lie) + len(self.made)
        self.given, self.outs = arrays[:a], arrays[b:]
        self.pointers = {v.number: p for v, p in zip(self.made, arrays[a:b])}

    def write(self) -> None:
        k = self.k

        def round_(t: Any) -> None:
            i = self.n - 1 - t if self.turned else t
            at = {STILL: lambda v: 0, ROW: lambda v: i * v.size, NEXT: lambda v: (i + 1) * v.size}
            for (v, how), p in zip(self.lie, self.given):
                self.pointers[v.number] = p.at(at[how](v)) if how != STILL else p
            super(LoopText, self).write()
            for (v, how), p in zip(self.ends, self.outs):
                p = p.at(at[how](v)) if how != STILL else p
                p.copy(self.at(v), v.size)

        k.loop(0, self.n, 1, round_)


class Loop:
    """Machine code for rounds: run(arrays that go in, arrays that come out, n)."""

    def __init__(self, text: LoopText, target: Any) -> None:
        reads = 1 + len(text.lie)
        kinds = [(k, "out" if i >= reads else "") for i, (_, k) in enumerate(text.entries)]
        self.kernel = load("loop", text.text, kinds, target)
        buffer = np.empty(text.s.bytes + 64, np.uint8)
        self.scratch = [np.empty(v.shape, v.dtype) for v in text.made]
        first = buffer.__array_interface__["data"][0]
        addresses = [first + -first % 64]
        addresses += [a.__array_interface__["data"][0] for a in text.arrays]
        self.table = np.array(addresses, np.int64)
        self.kept = [buffer, *text.arrays]
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
        live = _live(nodes, results)
        layouts = Layouts({})
        found = as_section(grouped(live, results), results, layouts, word_of, library)
        if found is None:
            return None
        own = {v.number for v in found.outputs} | {v.number for v, _ in rows}
        for v in results:
            if v.constant:
                found.fixed[v.number] = np.ascontiguousarray(v.array)
            elif v.number not in own or not dense(layouts.of(v)):
                return None
        return Loop(LoopText(found, target, rows, ends, turned), target)


def _live(nodes: Sequence[Node], results: Sequence[Value]) -> list[Node]:
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


def _plain(arrays: Sequence[Any]) -> list[Any]:
    return [np.require(a, requirements=["C", "A"]) for a in arrays]


def forward(xp: Any, *arrays: Any, body: Body) -> tuple[Any, ...]:
    """(the last carries, the ys, all carries) of init, slices, and what is from elsewhere."""
    m, k = len(body.carries), len(body.carries) + len(body.slices)
    given = _plain(arrays)
    n = len(given[m])
    stacks = [np.empty((n + 1, *v.shape), v.dtype) for v in body.carries]
    for s, a in zip(stacks, given):
        s[0] = a
    ys = [np.empty((n, *v.shape), v.dtype) for v in body.ys]
    body.forward.run([*given[k:], *stacks, *given[m:k]], [*stacks, *ys], n)
    return tuple([np.array(s[n]) for s in stacks] + ys + stacks)


def backward(xp: Any, *arrays: Any, body: Body) -> tuple[Any, ...]:
    """The gradients of init, slices, and what is from elsewhere. arrays: all carries, the slices,
    what is from elsewhere, and the cotangents of the last carries and the ys.
    """
    m, k = len(body.carries), len(body.carries) + len(body.slices)
    f = k + len(body.free)
    given = _plain(arrays)
    n = len(given[m])
    cotangents = [np.array(a) for a in given[f : f + m]]
    slices = [np.empty((n, *v.shape), v.dtype) for v in body.slices]
    sums = [np.zeros(v.shape, v.dtype) for v in body.sums]
    rows = [*given[k:f], *given[:k], *cotangents, *given[f + m :], *sums]
    body.backward.run(rows, [*cotangents, *slices, *sums], n)
    rest = iter(sums)
    free = [
        np.zeros(v.shape, v.dtype) if g is None else next(rest)
        for v, g in zip(body.free, body.grads[k:])
    ]
    return (*cotangents, *slices, *free)


def unrolled(body: Body, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The last carries and the ys as eager mode computes them, round after round."""
    from ..api.functions import stack

    m, k = len(body.carries), len(body.carries) + len(body.slices)
    carries, ys = list(tensors[:m]), [[] for _ in body.ys]  # type: ignore[var-annotated]
    nodes = _live(body.nodes, [*body.new, *body.ys])
    for i in range(len(tensors[m])):
        now = dict(zip([v.number for v in body.carries], carries))
        now |= {v.number: t[i] for v, t in zip(body.slices, tensors[m:])}
        now |= {v.number: t for v, t in zip(body.free, tensors[k:])}

        def of(x: Any) -> Any:
            if type(x) is not Value:
                return x
            return wrap(x.array) if x.constant else now[x.number]  # noqa: B023

        for n in nodes:
            out = run_op(n.op, [of(x) for x in n.operands], n.static)
            now.update(zip([v.number for v in n.outputs], out if n.many else (out,)))
        carries = [of(v) for v in body.new]
        for each, v in zip(ys, body.ys):
            each.append(of(v))
    return [*carries, *map(stack, ys)]


def _op(f: Callable[..., Any]) -> Op:
    """An op of graphs alone: no program calls it."""
    op = Op(
        f, "composite", name=f"scan_{f.__name__}", primitive=False, types="any",
        outputs=("out", "rest"), hidden=(), integer=(), view=False, node=None, optional=(),
        inputs=None, numbers=(), by_memory=False, real=False, inexact=False, doc=None,
    )  # fmt: skip
    setattr(NS[np.ndarray], op.name, implementation(NS[np.ndarray], op))
    return op


FORWARD, BACKWARD = _op(forward), _op(backward)


class Scan(Function):
    """All rounds of a body, as a step of the graph that is being recorded."""

    @staticmethod
    def forward(ctx: Any, body: Body, *tensors: Any) -> Any:
        m = len(body.carries)
        found = [wrap(a) for a in run_op(FORWARD, [t._a for t in tensors], {"body": body})]
        stop = m + len(body.ys)
        ctx.body = body
        ctx.save_for_backward(*found[stop:], *tensors[m:], *tensors[:m])
        ctx.mark_non_differentiable(*[t for t, r in zip(found, body.recorded) if not r])
        return tuple(found[:stop])

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        body = ctx.body
        m, k = len(body.carries), len(body.carries) + len(body.slices)
        f = k + len(body.free)
        saved = ctx.saved_tensors
        if state.grad:  # derivatives of derivatives: of the rounds one by one
            with enable_grad():
                ends = [*saved[f:], *saved[m:f]]
                outs = unrolled(body, ends)
                pairs = [(t, g) for t, g in zip(outs, gs) if t.requires_grad]
                wanted = [t for t in ends if t.requires_grad]
                found = grad_api.grad(
                    [t for t, _ in pairs], wanted, [g for _, g in pairs], create_graph=True,
                    allow_unused=True,
                )  # fmt: skip
            each = iter(found)
            return (None, *[next(each) if t.requires_grad else None for t in ends])
        arrays = [t._a for t in (*saved[:f], *gs)]
        found = run_op(BACKWARD, arrays, {"body": body})
        return (None, *[wrap(a) if has else None for a, has in zip(found, body.given)])


Capture.scan = scanned
