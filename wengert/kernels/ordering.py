"""Orders along a dimension: many short rows with one in each lane, long rows digit by digit.

Numbers become whole keys that order as they do: both zeros are one, nan is the largest of all.
Orders are stable, also descending ones. Short rows: each number counts those before it, and goes to
that place. Long rows: radix sort from the lowest digit. Each function gives None where the kernels
do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler, threads
from .jobs import Job, job
from .lanes import Pointer, Value

Array = Any
WORDS = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.int32): "i32",
    np.dtype(np.int64): "i64",
}
KEYS = {"float": "i32", "double": "i64", "i32": "i32", "i64": "i64"}
SHORT = 64  # numbers of a row that is in one lane
LEAST = 512  # numbers altogether
LONG = 2048  # numbers of a row that is ordered by digits
DIGIT = 11  # bits
CHUNK = 1 << 13  # numbers of a chunk of short rows, about


def key(v: Value, descending: bool) -> Value:
    """A whole number, with a sign, that orders as v."""
    word = KEYS[v.word]
    bits = 31 if word == "i32" else 63
    if v.real:
        b = (v + 0.0).bits()
        rest = b.constant((1 << bits) - 1)
        b = v.isnan().choose(rest, b ^ ((b >> bits) & rest))
    else:
        b = v
    return ~b if descending else b


@job(
    "x: T*, values: out T*, places: out i64*, scratch: out K*, n: i64, inner: i64, first: i64, "
    "last: i64, size: i64, count: i64, share: i64"
)
def short_rows(k: Job, word: str, keys: str, descending: bool, all: bool) -> None:
    """What comes at places first to last - 1 of each row of x[outer][n][inner]; if all is set the
    numbers too. A chunk is `share` steps of a row in each lane.
    """
    x, values, places, scratch, n, inner, first, last, size, count, share = k.table()
    lanes = k.lanes(word)
    own = scratch.at(k.thread * size)
    few = last - first

    def some(step: Value) -> None:
        start = step * lanes
        which = (k.count_up("i64", lanes) + start).least(count - 1)
        mask = k.mask(count - start, lanes)
        outer = k.stack("i64", lanes)
        outer.store(which)

        def place(length: Value) -> Value:
            """Where a row starts among rows of a length."""
            spot = k.stack("i64", lanes)

            def one(i: Value) -> None:
                r = outer.load(i)
                q = r // inner
                spot.store(q * (length * inner) + (r - q * inner), i)

            k.loop(0, lanes, 1, one)
            return spot.load(0, lanes)

        source, target = place(n), place(few)

        def fetch(j: Value) -> None:
            own.store(key(x.gather(source + j * inner), descending), j * lanes)

        k.loop(0, n, 1, fetch)
        none = k.zero(keys, lanes)

        def settle(i: Value) -> None:
            mine = own.load(i * lanes, lanes)

            def before(j: Value, rank: Value) -> Value:
                return rank - (own.load(j * lanes, lanes) <= mine).cast("sext", keys)

            def behind(j: Value, rank: Value) -> Value:
                return rank - (own.load(j * lanes, lanes) < mine).cast("sext", keys)

            (rank,) = k.loop(0, i, 1, before, [none])
            (rank,) = k.loop(i + 1, n, 1, behind, [rank])
            rank = rank if keys == "i64" else rank.cast("sext", "i64")
            wanted = mask & (rank >= first) & (rank < last)
            there = target + (rank - first) * inner
            places.scatter(i.wide(lanes), there, wanted)
            if all:
                values.scatter(x.gather(source + i * inner), there, wanted)

        k.loop(0, n, 1, settle)

    steps = (count + (lanes - 1)) // lanes
    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, steps), 1, some)


@job("x: T*, places: out i64*, keys: out K*, index: out i32*, counts: out i32*, n: i64")
def long_rows(k: Job, word: str, keys: str, descending: bool) -> None:
    """A chunk is a row. keys, index: room for two rows of a thread; counts: for all digits."""
    x, places, store, index, counts, n = k.table()
    bits = 32 if keys == "i32" else 64
    passes = -(-bits // DIGIT)
    radix = 1 << DIGIT
    x, places = x.at(k.chunk * n), places.at(k.chunk * n)
    store, index = store.at(k.thread * (n * 2)), index.at(k.thread * (n * 2))
    counts = counts.at(k.thread * (passes * radix))
    sign = 1 << (bits - 1)

    def digit(v: Value, p: int) -> Value:
        d = v.do("lshr", p * DIGIT) & (radix - 1) if p else v & (radix - 1)
        return d if keys == "i64" else d.cast("zext", "i64")

    counts.fill_zero(passes * radix)

    def count(i: Value) -> None:
        v = key(x.load(i), descending) ^ (sign - (1 << bits))
        store.store(v, i)
        for p in range(passes):
            d = digit(v, p) + p * radix
            counts.store(counts.load(d) + 1, d)

    k.loop(0, n, 1, count)
    for p in range(passes):

        def add(d: Value, total: Value, p: int = p) -> Value:
            here = counts.load(d + p * radix)
            counts.store(total, d + p * radix)
            return total + here

        k.loop(0, radix, 1, add, [k.zero("i32")])

    def move(p: int, v: Value, i: Value) -> Value:
        d = digit(v, p) + p * radix
        at = counts.load(d)
        counts.store(at + 1, d)
        return at.cast("sext", "i64")

    for p in range(passes):
        source, there = store.at(n * (p % 2)), store.at(n * ((p + 1) % 2))
        old, new = index.at(n * (p % 2)), index.at(n * ((p + 1) % 2))

        def one(
            i: Value,
            p: int = p,
            source: Pointer = source,
            there: Pointer = there,
            old: Pointer = old,
            new: Pointer = new,
        ) -> None:
            v = source.load(i)
            at = move(p, v, i)
            what = old.load(i) if p else i.cast("trunc", "i32")
            if p == passes - 1:
                places.store(what.cast("sext", "i64"), at)
                return
            there.store(v, at)
            new.store(what, at)

        k.loop(0, n, 1, one)


@job("x: T*, places: out i64*, scratch: out K*, n: i64, inner: i64, size: i64, count: i64")
def frequent(k: Job, word: str, keys: str) -> None:
    """The last place of the most frequent number of each row of x[outer][n][inner], the smallest
    of several. A chunk is one row in each lane.
    """
    x, places, scratch, n, inner, size, count = k.table()
    lanes = k.lanes(word)
    own = scratch.at(k.thread * size)
    start = k.chunk * lanes
    which = (k.count_up("i64", lanes) + start).least(count - 1)
    outer, spot = k.stack("i64", lanes), k.stack("i64", lanes)
    outer.store(which)

    def one(i: Value) -> None:
        r = outer.load(i)
        q = r // inner
        spot.store(q * (n * inner) + (r - q * inner), i)

    k.loop(0, lanes, 1, one)
    source = spot.load(0, lanes)
    k.loop(0, n, 1, lambda j: own.store(key(x.gather(source + j * inner), False), j * lanes))
    none = k.zero(keys, lanes)

    def look(i: Value, most: Value, best: Value, at: Value) -> list[Value]:
        mine = own.load(i * lanes, lanes)

        def equal(j: Value, c: Value) -> Value:
            return c - own.load(j * lanes, lanes).equals(mine).cast("sext", keys)

        (c,) = k.loop(0, n, 1, equal, [none])
        wins = (c > most) | (c.equals(most) & (mine <= best))
        here = i if keys == "i64" else i.cast("trunc", "i32")
        return [wins.choose(c, most), wins.choose(mine, best), wins.choose(here.wide(lanes), at)]

    _, _, at = k.loop(0, n, 1, look, [none, none, none])
    places.store(
        at if keys == "i64" else at.cast("sext", "i64"), start, k.mask(count - start, lanes)
    )


def plan(x: Array, dim: int) -> tuple[Any, ...] | None:
    """(word, keys, dim, row, inner, rows, lanes) where short rows are many."""
    if x.size < LEAST or not -x.ndim <= dim < x.ndim:
        return None
    word, host = WORDS.get(x.dtype), compiler.target()
    if word is None or host is None:
        return None
    dim %= x.ndim
    n = x.shape[dim]
    lanes = host.lanes(word)
    if n > SHORT or x.size // n < lanes or x.size >= 1 << 31:
        return None
    return word, KEYS[word], dim, n, math.prod(x.shape[dim + 1 :]), x.size // n, lanes


def ranked(
    x: Array, dim: int, first: int, last: int, descending: bool = False, values: bool = False
) -> tuple[Array, Array] | None:
    """What comes at places first to last - 1 of the order of short rows, and where it was; what,
    if values is set.
    """
    p = plan(x, dim)
    if p is None or first >= last:
        return None
    word, keys, dim, n, inner, count, lanes = p
    shape = (*x.shape[:dim], last - first, *x.shape[dim + 1 :])
    places = np.empty(shape, np.int64)
    out = np.empty(shape if values else 0, x.dtype)
    size = n * lanes
    scratch = np.empty(threads.count() * size, np.int32 if keys == "i32" else np.int64)
    share = max(1, CHUNK // size)
    chunks = -(-count // (lanes * share))
    short_rows(word, keys, descending, values)(
        chunks,
        np.ascontiguousarray(x),
        out,
        places,
        scratch,
        n,
        inner,
        first,
        last,
        size,
        count,
        share,
        most=threads.count(),
    )
    return out, places


def argsort(x: Array, dim: int, descending: bool = False) -> Array | None:
    """The stable order of numbers along a dimension; nan counts as the largest."""
    if x.size < LEAST or not x.ndim:
        return None
    found = ranked(x, dim, 0, x.shape[dim], descending)
    if found is not None:
        return found[1]
    word = WORDS.get(x.dtype)
    if word is None or compiler.target() is None or not x.ndim:
        return None
    if dim % x.ndim != x.ndim - 1 or not LONG <= x.shape[-1] < 1 << 30:
        return None
    keys, n = KEYS[word], x.shape[-1]
    places = np.empty(x.shape, np.int64)
    most = min(threads.count(), x.size // n)
    room = np.empty(2 * n * most, np.int32 if keys == "i32" else np.int64)
    index = np.empty(2 * n * most, np.int32)
    counts = np.empty((6 << DIGIT) * most, np.int32)
    run = long_rows(word, keys, descending)
    run(x.size // n, np.ascontiguousarray(x), places, room, index, counts, n, most=most)
    return places


def mode(x: Array, dim: int) -> Array | None:
    """The last place of the most frequent number, the smallest of several; of rows without nan."""
    p = plan(x, dim)
    if p is None or x.dtype.kind == "f" and np.isnan(x).any():
        return None
    word, keys, dim, n, inner, count, lanes = p
    places = np.empty(x.shape[:dim] + x.shape[dim + 1 :], np.int64)
    size = n * lanes
    scratch = np.empty(threads.count() * size, np.int32 if keys == "i32" else np.int64)
    run = frequent(word, keys)
    most, chunks = threads.count(), -(-count // lanes)
    run(chunks, np.ascontiguousarray(x), places, scratch, n, inner, size, count, most=most)
    return places
