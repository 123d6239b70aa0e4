"""Ops of two arrays that are repeated along dimensions in the middle, within sections; what lies
row by row, or is the same for all rows, goes into groups (`group.py`).

Here: what a section has to know of a node, and the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.lanes import Value
from ..kernels.sweep import sweep
from .graph import Node
from .graph import Value as GraphValue
from .words import WORDS

DIMS = 3  # that are left when those that lie alike are one


def spread(node: Node, layouts: Any, library: Any) -> dict[str, Any] | None:
    """What a section has to know of a node, if it is one for here."""
    given = node.operands
    (out,) = node.outputs
    if any(type(x) is not GraphValue for x in given) or len(out.shape) < DIMS or node.static:
        return None
    if out.kind not in ("float32", "float64") or any(x.kind != out.kind for x in given):
        return None
    steps = []
    shape = _merged(out.shape, [x.shape for x in given])
    if shape is None:
        return None
    for x in given:
        a = np.broadcast_to(layouts.of(x), out.shape)
        flat = a.reshape(shape)
        by = flat.strides
        if not np.may_share_memory(flat, a) or by[2] not in (0, a.itemsize) or shape[2] == 1:
            return None
        steps.append(tuple([s // a.itemsize for s in by]))
    return dict(kind="spread", x=given[0], y=given[1], steps=steps, shape=shape)


def _merged(shape: tuple[int, ...], each: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    """A shape of three dimensions, of those neighbours that all arrays have or lack alike."""
    full = [(1,) * (len(shape) - len(s)) + s for s in each]
    found: list[int] = []
    before: Any = None
    for i, n in enumerate(shape):
        here = tuple(s[i] == n for s in full)
        if here == before:
            found[-1] *= n
        else:
            found.append(n)
        before = here
    if len(found) > DIMS:
        return None
    return (1,) * (DIMS - len(found)) + tuple(found)


def write(text: Any, p: Any, word: str) -> None:
    """The text of a piece."""
    steps, shape = p.facts["steps"], p.facts["shape"]
    arrays = [(k, f"{word}*") for k in ("x", "y", "out")]
    sizes = [(f"n{i}", "i64") for i in range(DIMS)]
    by = [(f"{k}{i}", "i64") for k in "xy" for i in range(2)]
    f = text.function([*arrays, *sizes, *by])
    x, y, out, n0, n1, n2, x0, x1, y0, y1 = f.args.values()
    lanes = f.lanes(word)
    single = [s[2] == 0 for s in steps]
    op: Callable[..., Value] = WORDS[p.node.op.name]

    def row(i: Value, j: Value) -> None:
        starts = [x.at(i * x0 + j * x1), y.at(i * y0 + j * y1)]
        ones = [s.load().wide(lanes) if one else None for s, one in zip(starts, single)]
        to = out.at((i * n1 + j) * n2)

        def some(k: Value, mask: Value | None, u: int) -> None:
            given = [s.load(k, lanes, mask) if v is None else v for s, v in zip(starts, ones)]
            to.store(op(*given), k, mask)

        sweep(f, n2, lanes, some)

    def rows(i: Value) -> None:
        f.loop(0, n1, 1, lambda j: row(i, j))

    f.loop(0, n0, 1, rows)
    given = [text.at(p.facts["x"]), text.at(p.facts["y"])]
    text.call(f, *given, text.out(p), *shape, *steps[0][:2], *steps[1][:2])


def lay(node: Node, layouts: Any, library: Any) -> dict[str, Any] | None:
    """What a section has to know of an array that is laid out anew, element by element."""
    x = node.operands[0]
    if type(x) is not GraphValue or len(node.operands) > 1:
        return None
    a = layouts.of(x)
    if a.ndim > DIMS or any(s % a.itemsize for s in a.strides):
        return None
    more = DIMS - a.ndim
    steps = [0] * more + [s // a.itemsize for s in a.strides]
    return dict(kind="lay", x=x, steps=steps, shape=[1] * more + [*a.shape])


def write_laid(text: Any, p: Any, word: str) -> None:
    """The text of such a piece."""
    sizes = [(f"{k}{i}", "i64") for k in "ns" for i in range(DIMS)]
    f = text.function([("x", f"{word}*"), ("out", f"{word}*"), *sizes])
    x, out, n0, n1, n2, s0, s1, s2 = f.args.values()

    def element(i: Value, j: Value, k: Value) -> None:
        out.store(x.load(i * s0 + j * s1 + k * s2), (i * n1 + j) * n2 + k)

    def row(i: Value, j: Value) -> None:
        f.loop(0, n2, 1, lambda k: element(i, j, k))

    f.loop(0, n0, 1, lambda i: f.loop(0, n1, 1, lambda j: row(i, j)))
    text.call(f, text.at(p.facts["x"]), text.out(p), *p.facts["shape"], *p.facts["steps"])


SPREAD = dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum"), spread)
