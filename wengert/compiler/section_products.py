"""Products of small matrices within sections, one or a stack of them, wherever their elements lie:
calling a library for each would cost more than its few multiplications.

Here: what a section has to know of a node, and the text.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels.lanes import Function, Value
from .emit import narrow
from .graph import Node
from .graph import Value as GraphValue

FEW = 1 << 13  # multiply-adds of a single product, up to which the library is left aside
MOST = 1 << 20  # of all products of a stack
NARROW = 8  # columns below which rows are taken as lanes
TOGETHER = 4  # rows, so that what is loaded of the other matrix serves all of them


def stacked(node: Node, layouts: Any) -> dict[str, Any] | None:
    """What a section has to know of a product, if it is one for here."""
    x, y = node.operands
    (out,) = node.outputs
    if type(x) is not GraphValue or type(y) is not GraphValue:
        return None
    if x.kind not in ("float32", "float64") or x.kind != y.kind or x.kind != out.kind:
        return None
    left, right = layouts.of(x), layouts.of(y)
    if left.ndim == 2 and right.ndim == 1:
        right, shape = right[:, None], (*out.shape, 1)
    elif left.ndim == 1 and right.ndim == 2:
        left, shape = left[None], (1, *out.shape)
    elif left.ndim > 1 and right.ndim > 1:
        shape = out.shape
    else:
        return None
    *batch, m, n = shape
    depth = x.shape[-1]
    if not depth or m * n * depth > FEW or out.size * depth > MOST:
        return None
    a = _strides(left, batch)
    b = _strides(right, batch)
    if a is None or b is None:
        return None
    return dict(kind="stack", a=x, b=y, sa=a, sb=b, sizes=(math.prod(batch), m, n, depth))


def _strides(a: Any, batch: list[int]) -> tuple[int, ...] | None:
    """Steps in elements over matrices, rows and columns; None where there are no such."""
    if a.size == 0 or any(s % a.itemsize for s in a.strides):
        return None
    full = np.broadcast_to(a, (*batch, *a.shape[-2:]))
    flat = full.reshape(-1, *a.shape[-2:])
    if not np.may_share_memory(flat, a):
        return None
    return tuple([s // a.itemsize for s in flat.strides])


def write(text: Any, p: Any, word: str) -> None:
    """The text of a piece."""
    count, m, n, depth = p.facts["sizes"]
    (ba, ra, ca), (bb, rb, cb) = p.facts["sa"], p.facts["sb"]
    so = [m * n, n, 1]
    given = [text.at(p.facts["a"]), text.at(p.facts["b"])]
    if n < NARROW and m > n:  # the transposed product
        given.reverse()
        m, n = n, m
        (ba, ra, ca), (bb, rb, cb) = (bb, cb, rb), (ba, ca, ra)
        so = [so[0], so[2], so[1]]
    names = ("count", "m", "n", "depth", "ba", "ra", "ca", "bb", "rb", "cb", "bo", "ro", "co")
    arrays = [(k, f"{word}*") for k in ("a", "b", "out")]
    f = text.function([*arrays, *[(k, "i64") for k in names]])
    _product(f, word, narrow(f.lanes(word), n), cb == 1, so[2] == 1)
    text.call(f, *given, text.out(p), count, m, n, depth, ba, ra, ca, bb, rb, cb, *so)


def _product(f: Function, word: str, lanes: int, near: bool, dense: bool) -> None:
    """near, dense: whether the columns of the second matrix, and of the result, are neighbours."""
    a, b, out, count, m, n, depth, ba, ra, ca, bb, rb, cb, bo, ro, co = f.args.values()

    def matrix(i: Value) -> None:
        left, right, result = a.at(i * ba), b.at(i * bb), out.at(i * bo)

        def columns(j: Value) -> None:
            mask = f.mask(n - j, lanes)
            place = f.count_up("i64", lanes) + j
            inside = place.least(n - 1)

            def rows(r: Value) -> None:
                each = [f.least(r + u, m - 1) for u in range(TOGETHER)]
                starts = [left.at(e * ra) for e in each]

                def add(k: Value, *now: Value) -> list[Value]:
                    row = right.at(k * rb)
                    v = row.load(j, lanes, mask) if near else row.gather(inside * cb)
                    return [s.load(k * ca).wide(lanes).fma(v, t) for s, t in zip(starts, now)]

                zero = f.zero(word, lanes)
                found = f.loop(0, depth, 1, add, [zero] * TOGETHER)
                for e, v in zip(each, found):
                    to = result.at(e * ro)
                    if dense:
                        to.store(v, j, mask)
                    else:
                        to.scatter(v, inside * co, mask)

            f.loop(0, m, TOGETHER, rows)

        f.loop(0, n, lanes, columns)

    f.loop(0, count, 1, matrix)
