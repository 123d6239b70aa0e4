"""Largest or smallest numbers along a dimension, with the place of the first of equals.

nan is more extreme than any number. `extreme` gives None where the kernels do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler, folds
from .jobs import WORDS, Job, job
from .lanes import Value
from .sweep import under_masks

Array = Any
LEAST = 1 << 10  # elements
CHUNK = 1 << 14  # elements of a chunk, at least
VECTORS = 4  # of a row together, or of columns side by side

Place = tuple[Value, Value]  # numbers, and where they were


def _beats(v: Value, best: Value, largest: bool) -> Value:
    """Where v, which comes later, is more extreme."""
    beyond = v.compare("ugt" if largest else "ult", "", best)
    return beyond & best.compare("ord", "", best)


def _better(a: Place, b: Place, largest: bool) -> Place:
    """The more extreme of two numbers; of equals the one that came first."""
    (x, i), (y, j) = a, b
    beyond = y > x if largest else y < x
    same = x.equals(y) | (x.isnan() & y.isnan())
    wins = beyond | (y.isnan() & ~x.isnan()) | (same & (j < i))
    return wins.choose(y, x), wins.choose(j, i)


@job("x: T*, out: out T*, where: out i64*, rows: i64, n: i64, share: i64")
def of_rows(k: Job, word: str, largest: bool) -> None:
    """A chunk is `share` rows."""
    x, out, where, rows, n, share = k.table()
    lanes = k.lanes(word)
    least = k.constant(-math.inf if largest else math.inf, word, lanes)
    lane = k.count_up("i32", lanes)

    def row(r: Value) -> None:
        source = x.at(r * n)

        def look(i: Value, mask: Value | None, now: Place) -> Place:
            v = source.load(i, lanes, mask)
            at = lane + i.cast("trunc", "i32")
            wins = _beats(v, now[0], largest)
            if mask is not None:
                wins = wins & mask
            return wins.choose(v, now[0]), wins.choose(at, now[1])

        def together(i: Value, *now: Value) -> list[Value]:
            new: list[Value] = []
            for v in range(VECTORS):
                new += look(i + v * lanes, None, (now[2 * v], now[2 * v + 1]))
            return new

        # lanes that never win say where their first number is, which is then the least as well
        step = VECTORS * lanes
        state: list[Value] = []
        for v in range(VECTORS):
            state += [least, lane + v * lanes]
        whole, full = n // step * step, n // lanes * lanes
        state = k.loop(0, whole, step, together, state)
        first = k.loop(whole, full, lanes, lambda i, *c: look(i, None, (c[0], c[1])), state[:2])
        first = k.loop(
            full, n, lanes, lambda i, *c: look(i, k.mask(n - i, lanes), (c[0], c[1])), first
        )
        best: Place = (first[0], first[1])
        for v in range(1, VECTORS):
            best = _better(best, (state[2 * v], state[2 * v + 1]), largest)
        count = lanes
        while count > 1:
            values, places = best[0].halves(), best[1].halves()
            best = _better((values[0], places[0]), (values[1], places[1]), largest)
            count //= 2
        out.store(best[0].lane(0), r)
        where.store(best[1].lane(0).cast("sext", "i64"), r)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, rows), 1, row)


@job("x: T*, out: out T*, where: out i64*, n: i64, inner: i64, blocks: i64, items: i64, share: i64")
def of_columns(k: Job, word: str, largest: bool) -> None:
    """A chunk is `share` blocks of columns of x[outer][n][column]."""
    x, out, where, n, inner, blocks, items, share = k.table()
    lanes = k.lanes(word)
    width = VECTORS * lanes

    def item(i: Value) -> None:
        first = (i % blocks) * width
        source = x.at((i // blocks) * n * inner + first)
        at = (i // blocks) * inner + first

        def run(masks: list[Value | None]) -> None:
            def row(j: Value, *now: Value) -> list[Value]:
                here = j.cast("trunc", "i32").wide(lanes)
                new: list[Value] = []
                for v, mask in enumerate(masks):
                    x = source.load(j * inner + v * lanes, lanes, mask)
                    wins = _beats(x, now[2 * v], largest)
                    new += [wins.choose(x, now[2 * v]), wins.choose(here, now[2 * v + 1])]
                return new

            begin: list[Value] = []
            for v, mask in enumerate(masks):
                begin += [source.load(v * lanes, lanes, mask), k.zero("i32", lanes)]
            found = k.loop(1, n, 1, row, begin)
            for v, mask in enumerate(masks):
                out.store(found[2 * v], at + v * lanes, mask)
                where.store(found[2 * v + 1].cast("sext", "i64"), at + v * lanes, mask)

        under_masks(k, inner - first, lanes, VECTORS, run)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


def extreme(x: Array, dim: int, largest: bool, keepdim: bool = False) -> tuple[Array, Array] | None:
    """The numbers and their places along a dimension, which is gone then, or of size 1."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or not -x.ndim <= dim < x.ndim:
        return None
    host = compiler.target()
    dim %= x.ndim
    n = x.shape[dim]
    if host is None or n >= 1 << 31:
        return None
    if folds.suits(x, dim):
        found = folds.along(x, dim, "max" if largest else "min")
        if found is not None:
            shape = x.shape[:dim] + (1,) * keepdim + x.shape[dim + 1 :]
            return found[0].reshape(shape), found[1].reshape(shape)
    outer, inner = math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
    kept = x.shape[:dim] + (1,) * keepdim + x.shape[dim + 1 :]
    x = np.ascontiguousarray(x)
    out, where = np.empty(kept, x.dtype), np.empty(kept, np.int64)
    if inner == 1:
        share = max(1, CHUNK // n)
        of_rows(word, largest)(-(-outer // share), x, out, where, outer, n, share)
        return out, where
    wide = VECTORS * host.lanes(word)
    blocks = -(-inner // wide)
    items = outer * blocks
    share = max(1, CHUNK // (n * min(inner, wide)))
    of_columns(word, largest)(-(-items // share), x, out, where, n, inner, blocks, items, share)
    return out, where
