"""Rows of a table by index, and the gradient of the table: each of its rows is written once.

Indices are checked by the kernels; a wrong one is an IndexError of whoever calls, who is told by
None where the kernels do not apply. For the gradient, the indices of a row are chained first, in
their order, so that a row's sum is made in registers and does not depend on threads; a table larger
than the cache is written past it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import SIZES, Value
from .sweep import TOGETHER, sweep

Array = Any
I64 = np.dtype(np.int64)
LEAST = 1 << 15  # numbers that are moved; fewer are moved as soon by the library
ADDED = 1 << 13  # numbers that are added; fewer are added as soon by the library
CHUNK = 1 << 14  # numbers of a chunk, about
AHEAD, LATER = 4, 24  # rows that are fetched early, of some and of all
LONG = 1 << 12  # bytes of a row from which on the system's memcpy is quicker
PAST = 1 << 24  # bytes of a result that no cache keeps


@job(
    "table: T*, index: i64*, out: out T*, bad: out i64*, n: i64, rows: i64, width: i64, share: i64"
)
def read(k: Job, word: str, long: bool) -> None:
    """out[i] = table[index[i]]; a chunk is `share` of them. bad: 1 if an index is none of a row.
    long: whether a row has LONG bytes and is copied by memcpy.
    """
    table, index, out, bad, n, rows, width, share = k.table()
    lanes, first = k.lanes(word), k.chunk * share
    last = k.least(first + share, n)
    line = 64 // SIZES[word]

    def one(i: Value) -> None:
        r = index.load(i)
        if not long:
            later = table.at(index.load(k.least(i + AHEAD, n - 1)) * width)
            k.loop(0, width, line, lambda j: later.at(j).prefetch(False))
        wrong = (r < 0) | (r >= rows)
        k.when(wrong, lambda: bad.store(k.index(1)))
        source, to = table.at(wrong.choose(k.index(0), r) * width), out.at(i * width)
        if long:
            to.copy(source, width)
        else:
            sweep(k, width, lanes, lambda j, m, u: to.store(source.load(j, lanes, m), j, m))

    k.loop(first, last, 1, one)


@job("index: i64*, first: out i64*, following: out i64*, bad: out i64*, n: i64, rows: i64")
def chain(k: Job) -> None:
    """first[row]: the first place of a row's index, or -1; following[i]: the one after place i."""
    index, first, following, bad, n, rows = k.table()
    lanes = k.lanes("i64")
    none = k.constant(-1, "i64", lanes)
    sweep(k, rows, lanes, lambda j, m, u: first.store(none, j, m))

    def one(i: Value) -> None:
        at = n - 1 - i
        r = index.load(at)
        wrong = (r < 0) | (r >= rows)

        def enter() -> None:
            following.store(first.load(r), at)
            first.store(at, r)

        k.when(wrong, lambda: bad.store(k.index(1)), enter)

    k.loop(0, n, 1, one)


@job("g: T*, first: i64*, following: i64*, out: out T*, rows: i64, width: i64, share: i64")
def add(k: Job, word: str, past: bool) -> None:
    """out[row] = the sum of the rows of g that are chained to it; a chunk is `share` rows."""
    g, first, following, out, rows, width, share = k.table()
    lanes, start = k.lanes(word), k.chunk * share
    zero = k.zero(word, lanes)
    line = 64 // SIZES[word]

    def fetch(place: Value, j: Value) -> None:
        g.at(place * width + j).prefetch(False)

    def one(row: Value) -> None:
        later = first.load(k.least(row + LATER, rows - 1))
        k.loop(0, (later < 0).choose(k.index(0), width), line, lambda j: fetch(later, j))
        head, to = first.load(row), out.at(row * width)

        def put(v: Value, j: Any, mask: Value | None) -> None:
            if past and mask is None:
                to.store_past(v, j)
            else:
                to.store(v, j, mask)

        def nothing() -> None:
            sweep(k, width, lanes, lambda j, m, u: put(zero, j, m))

        def some() -> None:
            step = TOGETHER * lanes
            most, full = width // step * step, width // lanes * lanes

            def block(vectors: int, masked: bool, j: Value) -> None:
                mask = k.mask(width - j, lanes) if masked else None

                def place(at: Value, *sums: Value) -> tuple[Value, list[Value]]:
                    row, after = g.at(at * width + j), following.load(at)
                    parts = [row.load(v * lanes, lanes, mask) for v in range(vectors)]
                    return after >= 0, [after, *(s + p for s, p in zip(sums, parts))]

                _, *found = k.repeat(place, [head, *[zero] * vectors])
                for v, x in enumerate(found):
                    put(x, j + v * lanes, mask)

            k.loop(0, most, step, lambda j: block(TOGETHER, False, j))
            k.loop(most, full, lanes, lambda j: block(1, False, j))
            k.loop(full, width, lanes, lambda j: block(1, True, j))

        k.when(head < 0, nothing, some)

    k.loop(start, k.least(start + share, rows), 1, one)


def rows_of(table: Array, index: Array) -> Array | None:
    """table[index] for a matrix; IndexError for an index that is none of a row."""
    word = WORDS.get(table.dtype)
    size = index.size * table.shape[1] if table.ndim == 2 else 0
    if word is None or size < LEAST or index.dtype is not I64 or compiler.target() is None:
        return None
    if not (table.flags.c_contiguous and index.flags.c_contiguous):
        return None
    rows, width = table.shape
    out = np.empty((*index.shape, width), table.dtype)
    bad = np.zeros(1, I64)
    share = max(1, CHUNK // width)
    run = read(word, width * table.itemsize >= LONG)
    run(-(-index.size // share), table, index, out, bad, index.size, rows, width, share)
    if bad[0]:
        raise IndexError
    return out


def added_rows(g: Array, index: Array, rows: int) -> Array | None:
    """Zeros (rows, width) with the rows of g (n, width) added at index (n,)."""
    word = WORDS.get(g.dtype)
    if word is None or g.size <= ADDED or index.dtype is not I64 or compiler.target() is None:
        return None
    if rows > g.size:
        return None
    g, index = np.ascontiguousarray(g), np.ascontiguousarray(index)  # of a sum, g is one number
    n, width = g.shape
    first, following, bad = np.empty(rows, I64), np.empty(n, I64), np.zeros(1, I64)
    chain()(1, index, first, following, bad, n, rows)
    if bad[0]:
        raise IndexError
    out = np.empty((rows, width), g.dtype)
    past = out.nbytes >= PAST and out.ctypes.data % 16 == 0 and width * g.itemsize % 16 == 0
    share = max(1, CHUNK // width)
    add(word, past)(-(-rows // share), g, first, following, out, rows, width, share)
    return out
