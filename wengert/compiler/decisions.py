"""`while_loop` and `cond` within a captured function, each as one node, with its backward pass.

The body of a loop and its condition are captured once, and machine code runs them until the
condition does not hold; how many rounds that are is found anew at each call. Carries are kept where
a backward pass will need them, in blocks, since nobody knows how many there will be. Each branch of
a cond is a program; which one runs is decided when it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autodiff.function import Function
from ..base import dtypes
from ..base.modes import state
from ..base.pytree import tree_flatten
from ..engine.interp import run_op
from ..engine.tensor import Tensor, wrap
from .capture import Capture
from .program import Program
from .rounds import (
    UNTIL,
    Body,
    Steps,
    captured,
    elsewhere,
    live,
    loop_op,
    plain,
    pulled,
    settled,
)  # fmt: skip
from .scan_loop import BACKWARD, within

FIRST = 64  # rounds of the first block
BYTES = 1 << 22  # of the largest block


def repeated(
    c: Capture, condition: Any, f: Any, init: Sequence[Any], shape: Any
) -> list[Any] | None:
    """What `Capture.repeat` is."""
    if not init or not within(c, init):
        return None

    def call(carries: list[Tensor], _: list[Tensor]) -> Any:
        now = shape.unflatten(carries)
        go, out = condition(*now), f(*now)
        out = tuple(out) if isinstance(out, (tuple, list)) else (out,)
        new, found = tree_flatten(out)
        if found != shape or not isinstance(go, Tensor) or go.numel() != 1:
            return None
        go = go.reshape(()) if go.dim() else go
        return new, [go if go.dtype is dtypes.bool else go != 0], None

    b = settled(call, init, [])
    if b is None:
        return None
    b.seeds = b.seeds[: len(init)]  # a condition has no gradient
    b.finish(UNTIL, Steps.made)
    free, b.tensors = b.tensors, []
    return list(While.apply(b, *init, *free))


def until(xp: Any, *arrays: Any, body: Body) -> tuple[Any, ...]:
    """(the last carries, all carries) of the first ones and of what is from elsewhere. Without a
    backward pass the last carries are all that is kept.
    """
    m = len(body.carries)
    given = plain(arrays)
    row = sum(v.size * v.dtype.itemsize for v in body.carries) or 1
    rounds, most, count = FIRST, max(FIRST, BYTES // row), np.zeros((), np.int64)
    now, blocks = given[:m], []
    while True:
        stacks = [np.empty((rounds + 1, *v.shape), v.dtype) for v in body.carries]
        for s, a in zip(stacks, now):
            s[0] = a
        body.forward.run([*given[m:], *stacks], [*stacks, count], rounds)
        n = int(count)
        now = [s[n] for s in stacks]
        if any(body.recorded):
            blocks.append([s[:n] for s in stacks])
        if n < rounds:
            break
        rounds = min(2 * rounds, most)
    last = [np.array(a) for a in now]
    blocks.append([a[None] for a in last])
    return (*last, *map(np.concatenate, zip(*blocks)))


def chosen(xp: Any, where: Any, *arrays: Any, bodies: tuple[Body, Body]) -> tuple[Any, ...]:
    """What one of two branches gives. arrays: operands, and what each branch has from elsewhere."""
    return tuple([np.array(a) for a in _branch(where, arrays, bodies, False)])


def chosen_backward(xp: Any, where: Any, *arrays: Any, bodies: tuple[Body, Body]) -> Any:
    """The gradients of a branch's operands, and of what each has from elsewhere. arrays: these, and
    then the cotangents.
    """
    body, k = bodies[not where], len(bodies[0].carries)
    found = [np.array(a) for a in _branch(where, arrays, bodies, True)]
    other = [np.zeros(v.shape, v.dtype) for v in bodies[bool(where)].free]
    own = iter(found[k:])
    free = [
        np.zeros(v.shape, v.dtype) if g is None else next(own)
        for v, g in zip(body.free, body.grads[k:])
    ]
    return (*found[:k], *((*free, *other) if where else (*other, *free)))


def _branch(where: Any, arrays: Any, bodies: tuple[Body, Body], back: bool) -> Any:
    body = bodies[not where]
    k, n = len(body.carries), len(bodies[0].free)
    stop = k + n + len(bodies[1].free)
    free = arrays[k : k + n] if where else arrays[k + n : stop]
    if not back:
        return body.forward.run(*arrays[:k], *free)
    seeds = [np.asarray(a, v.dtype) for a, v in zip(arrays[stop:], body.seeds)]
    if body.backward is None:  # nothing of this branch is recorded
        return [np.zeros(v.shape, v.dtype) for v in body.carries]
    sums = [np.zeros(v.shape, v.dtype) for v in body.sums]
    return body.backward.run(*arrays[:k], *free, *seeds, *sums)


WHILE, CHOSEN, CHOSEN_BACKWARD = loop_op(until), loop_op(chosen), loop_op(chosen_backward)


class While(Function):
    """All rounds of a loop, as a step of the graph that is being recorded."""

    @staticmethod
    def forward(ctx: Any, body: Body, *tensors: Any) -> Any:
        m = len(body.carries)
        found = [wrap(a) for a in run_op(WHILE, [t._a for t in tensors], {"body": body})]
        ctx.body = body
        ctx.save_for_backward(*found[m:], *tensors[m:], *tensors[:m])
        flags = body.recorded[:m]
        ctx.mark_non_differentiable(*[t for t, r in zip(found, flags) if not r])
        return tuple(found[:m])

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        body = ctx.body
        m, saved = len(body.carries), ctx.saved_tensors
        f = m + len(body.free)
        if state.grad:  # derivatives of derivatives: of the rounds one by one

            def rounds(own: list[Tensor]) -> list[Tensor]:
                carries = own[:m]
                for _ in range(len(saved[0]) - 1):
                    carries = body.run([*carries, *own[m:]])[0]
                return carries

            return (None, *pulled(rounds, [*saved[f:], *saved[m:f]], gs))
        found = run_op(BACKWARD, [t._a for t in (*saved[:f], *gs)], {"body": body})
        return (None, *[wrap(a) if has else None for a, has in zip(found, body.given)])


# ---------------------------------------------------------------- branches


def branched(c: Capture, where: Any, branches: Sequence[Any], operands: Any) -> Any:
    """What `Capture.branch` is: what the branch gives that `where` says, or None."""
    given, shape = tree_flatten(operands)
    if not within(c, [where, *given]) or elsewhere([where, *given]):
        return None
    bodies = []
    for f in branches:

        def call(carries: list[Tensor], _: list[Tensor], f: Any = f) -> Any:
            return [], *tree_flatten(f(*shape.unflatten(carries)))

        b = captured(call, given, [], [], [t.requires_grad for t in given])
        if b is None:
            return None
        bodies.append(b)
    yes, no = bodies
    same = [(v.shape, v.dtype) for v in yes.ys] == [(v.shape, v.dtype) for v in no.ys]
    if not same or yes.structure != no.structure:
        return None
    for b in bodies:
        b.forward = Program("branch", live(b.nodes, b.ys), [*b.carries, *b.free], b.ys, {})
        if any(b.recorded):
            ends = [v for v in b.grads if v is not None]
            given_back = [*b.carries, *b.free, *b.seeds, *b.sums]
            b.backward = Program("branch backward", live(b.nodes, ends), given_back, ends, {})
    free = [t for b in bodies for t in b.tensors]
    for b in bodies:
        b.tensors = []
    return yes.structure.unflatten(list(Branch.apply((yes, no), where, *given, *free)))


class Branch(Function):
    """One of two branches, as a step of the graph that is being recorded."""

    @staticmethod
    def forward(ctx: Any, bodies: Any, where: Any, *tensors: Any) -> Any:
        arrays = [where._a, *[t._a for t in tensors]]
        found = [wrap(a) for a in run_op(CHOSEN, arrays, {"bodies": bodies})]
        ctx.bodies = bodies
        ctx.save_for_backward(where, *tensors)
        flags = [any(r) for r in zip(*[b.recorded for b in bodies])]
        ctx.mark_non_differentiable(*[t for t, r in zip(found, flags) if not r])
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        where, *tensors = ctx.saved_tensors
        yes, no = ctx.bodies
        k, n = len(yes.carries), len(yes.free)
        if state.grad:
            body = yes if where else no
            first = k if where else k + n
            free = tensors[first : first + len(body.free)]
            found = pulled(lambda own: body.run(own)[1], [*tensors[:k], *free], gs)
            rest = [None] * len((no if where else yes).free)
            free = [*found[k:], *rest] if where else [*rest, *found[k:]]
            return (None, None, *found[:k], *free)
        arrays = [where._a, *[t._a for t in (*tensors, *gs)]]
        found = run_op(CHOSEN_BACKWARD, arrays, {"bodies": ctx.bodies})
        pairs = [g[:k] for g in (yes.given, no.given) if g]
        given = [any(g) for g in zip(*pairs)]
        given += [x for b in (yes, no) for x in (b.given[k:] or [False] * len(b.free))]
        return (None, None, *[wrap(a) if has else None for a, has in zip(found, given)])


Capture.repeat, Capture.branch = repeated, branched
