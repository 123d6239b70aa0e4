"""Loops as one node: `scan` within a captured function.

The body is captured once, on the first slice, with its backward pass; each becomes a section, and
machine code runs them for all slices. Carries are kept row by row, so that the backward pass, which
computes the rest of a round again, finds them. Where a body cannot be a section (large arrays,
draws, integers, a look at a value), None is given, and the caller takes round after round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autodiff.function import Function
from ..base.modes import state
from ..base.pytree import tree_flatten
from ..engine.interp import run_op
from ..engine.tensor import Tensor, wrap
from .capture import Capture, Symbol
from .rounds import Body, loop_op, plain, pulled, settled

FEWEST = 16  # rounds that are worth a loop


def within(c: Capture, tensors: Sequence[Any]) -> bool:
    """Whether a capture knows these tensors, and nobody differentiates or maps on the way."""
    if state.level != c.level:
        return False
    return all(
        isinstance(t, Tensor) and type(t._a) is Symbol and t._a.capture is c for t in tensors
    )


def scanned(
    c: Capture, f: Any, init: Sequence[Any], shape: Any, xs: Sequence[Any], spec: Any
) -> tuple[list[Any], list[Any], Any] | None:
    """What `Capture.scan` is."""
    if not within(c, [*init, *xs]) or len(xs[0]) < FEWEST:
        return None

    def call(carries: list[Tensor], slices: list[Tensor]) -> Any:
        out = f(shape.unflatten(carries), spec.unflatten(slices))
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            return None
        new, found = tree_flatten(out[0])
        return None if found != shape else (new, *tree_flatten(out[1]))

    b = settled(call, init, xs)
    if b is None or not b.finish():
        return None
    free, b.tensors = b.tensors, []
    out = Scan.apply(b, *init, *xs, *free)
    m = len(init)
    return list(out[:m]), list(out[m:]), b.structure


def forward(xp: Any, *arrays: Any, body: Body) -> tuple[Any, ...]:
    """(the last carries, the ys, all carries) of init, slices, and what is from elsewhere."""
    m, k = len(body.carries), len(body.carries) + len(body.slices)
    given = plain(arrays)
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
    given = plain(arrays)
    n = len(given[0]) - 1 if m else len(given[m])
    cotangents = [np.array(a, v.dtype) for a, v in zip(given[f:], body.carries)]
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
    for i in range(len(tensors[m])):
        carries, now = body.run([*carries, *[t[i] for t in tensors[m:k]], *tensors[k:]])
        for each, y in zip(ys, now):
            each.append(y)
    return [*carries, *map(stack, ys)]


FORWARD, BACKWARD = loop_op(forward), loop_op(backward)


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
            ends = [*saved[f:], *saved[m:f]]
            return (None, *pulled(lambda own: unrolled(body, own), ends, gs))
        arrays = [t._a for t in (*saved[:f], *gs)]
        found = run_op(BACKWARD, arrays, {"body": body})
        return (None, *[wrap(a) if has else None for a, has in zip(found, body.given)])


Capture.scan = scanned
