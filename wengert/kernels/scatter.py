"""Numbers added along a dimension at places that an index says: gradients of gathers, of running
extremes. A lane has the places of one line along the dimension, which are its own; long rows are
taken one after the other.

Indices are checked by the kernels. `add` and `within` give None where they do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .gather import AHEAD, TOGETHER
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
LEAST = 1 << 10  # elements
CHUNK = 1 << 14  # elements of a chunk, about
LONG = 64  # numbers of a row, at least, that is taken by itself
MOST = 1 << 12  # elements of a row of the result, which a thread keeps beside it


@job(
    "index: i64*, source: T*, out: out T*, bad: out i64*, n: i64, size: i64, inner: i64, "
    "count: i64, share: i64"
)
def add_along(k: Job, word: str) -> None:
    """out[o][index[o][j][i]][i] += source[o][j][i] for j below n; a chunk is `share` steps of some
    lines each, which are (o, i). bad: 1 if an index is not below `size`.
    """
    index, source, out, bad, n, size, inner, count, share = k.table()
    lanes = k.lanes(word)
    short = inner.cast("trunc", "i32")
    each = 1.0 / inner.to("double")

    def some(step: Value) -> None:
        first = step * lanes
        at = (k.count_up("i32", lanes) + first.cast("trunc", "i32")).least(
            (count - 1).cast("trunc", "i32")
        )
        mask = k.mask(count - first, lanes)
        outer = ((at.to("double") + 0.5) * each).cast("fptosi", "i32")
        column = at - outer * short
        start = outer * (n * inner).cast("trunc", "i32") + column
        base = outer * (size * inner).cast("trunc", "i32") + column

        def one(j: Value, place: Value, wrong: Value) -> list[Value]:
            i = index.gather(place)
            outside = (i < 0) | (i >= size)
            to = base + outside.choose(i.constant(0), i).cast("trunc", "i32") * short
            good = mask & ~outside
            out.scatter(out.gather(to) + source.gather(place), to, good)
            return [place + short, wrong | outside]

        none = k.constant(0, "i1", lanes)
        _, wrong = k.loop(0, n, 1, one, [start, none])
        k.when(wrong.any(), lambda: bad.store(k.index(1)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, (count + (lanes - 1)) // lanes), 1, some)


@job(
    "x: T*, index: i64*, source: T*, out: out T*, bad: out i64*, n: i64, size: i64, rows: i64, "
    "share: i64"
)
def add_within(k: Job, word: str) -> None:
    """out[r] = x[r], of `size` elements, with source[r][j] added at index[r][j] for j below n, in
    double precision. A chunk is `share` rows. bad: 1 if an index is not below `size`.
    """
    x, index, source, out, bad, n, size, rows, share = k.table()
    sums = k.stack("double", MOST)
    lanes = k.lanes(word)
    half = lanes // 2

    def row(r: Value) -> None:
        start, own = r * n, r * size

        def begin(i: Value) -> None:
            for j, v in enumerate(x.load(own + i, lanes).doubles()):
                sums.store(v, i + j * half)

        def end(i: Value) -> None:
            low, high = (sums.load(i + j * half, half).to(word) for j in range(2))
            out.store(low.shuffle(high, range(lanes)), own + i)

        def some(j: Value, wrong: Value) -> Value:
            index.at(start + j + AHEAD).prefetch(False)
            source.at(start + j + 2 * AHEAD).prefetch(False)
            for u in range(TOGETHER):
                wrong = one(j + u if u else j, wrong)
            return wrong

        def one(j: Value, wrong: Value) -> Value:
            i = index.load(start + j)
            outside = (i < 0) | (i >= size)
            place = outside.choose(k.index(0), i)
            sums.store(sums.load(place) + source.load(start + j).to("double"), place)
            return wrong | outside

        whole, full = size // lanes * lanes, n // TOGETHER * TOGETHER
        k.loop(0, whole, lanes, begin)
        k.loop(whole, size, 1, lambda i: sums.store(x.load(own + i).to("double"), i))
        found = k.loop(0, full, TOGETHER, some, [k.constant(0, "i1")])
        (wrong,) = k.loop(full, n, 1, one, found)
        k.loop(0, whole, lanes, end)
        k.loop(whole, size, 1, lambda i: out.store(sums.load(i).to(word), own + i))
        k.when(wrong, lambda: bad.store(k.index(1)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, rows), 1, row)


def within(x: Array, index: Array, source: Array) -> Array | None:
    """add() along the last dimension of long rows, in double precision."""
    word, shape = WORDS.get(x.dtype), index.shape
    if word is None or source.dtype != x.dtype or index.dtype != np.int64 or not x.ndim:
        return None
    n, size = shape[-1], x.shape[-1]
    if source.shape != shape or shape[:-1] != x.shape[:-1] or n < LONG or not 0 < size <= MOST:
        return None
    if index.size < LEAST or compiler.target() is None:
        return None
    out, bad, rows = np.empty(x.shape, x.dtype), np.zeros(1, np.int64), index.size // n
    share = max(1, CHUNK // n)
    add_within(word)(
        -(-rows // share), np.ascontiguousarray(x), np.ascontiguousarray(index),
        np.ascontiguousarray(source), out, bad, n, size, rows, share,
    )  # fmt: skip
    return None if bad[0] else out


def add(x: Array, index: Array, source: Array, dim: int) -> Array | None:
    """A copy of x with source added where index says, along a dimension in which alone they may
    differ; None also where an index is wrong.
    """
    word = WORDS.get(x.dtype)
    if word is None or source.dtype != x.dtype or index.dtype != np.int64 or not x.ndim:
        return None
    dim %= x.ndim
    shape = index.shape
    if (
        source.shape != shape
        or shape[:dim] != x.shape[:dim]
        or shape[dim + 1 :] != x.shape[dim + 1 :]
    ):
        return None
    n, size, inner = shape[dim], x.shape[dim], math.prod(shape[dim + 1 :])
    if not LEAST <= index.size < 1 << 31 or not 0 < x.size < 1 << 31:
        return None
    host = compiler.target()
    count = index.size // n
    if host is None or count < host.lanes(word):
        return None
    out, bad = np.array(x, order="C"), np.zeros(1, np.int64)
    lanes = host.lanes(word)
    share = max(1, CHUNK // (n * lanes))
    steps = -(-count // lanes)
    add_along(word)(
        -(-steps // share), np.ascontiguousarray(index), np.ascontiguousarray(source), out, bad,
        n, size, inner, count, share,
    )  # fmt: skip
    return None if bad[0] else out
