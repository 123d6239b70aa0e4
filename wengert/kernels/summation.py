"""Sums along dimensions of large arrays: short ones in the array's precision, those in double.

The cuts depend on the shape alone. `total` gives None where the kernels do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler, folds, threads
from .jobs import WORDS, Job, job
from .lanes import Pointer, Value
from .lanes import added_up as sums_of_rows
from .sweep import sums, sweep, under_masks
from .sweep import total as added_up

Array = Any
LEAST = 1 << 15  # elements
SHORT = 1024  # terms of a row, and
FEW = 16  # of a column, that are added up in the array's precision
SEGMENT = 1 << 16  # terms of a row, and
ROWS = 1 << 10  # of a column, that a thread takes at a time
SIDE = 8  # vectors of a row whose sums are carried beside each other; rows read beside each other
VECTORS = 4  # that hold a row of a few columns; or 8, or 16
COLUMNS, FEWEST = 1 << 10, 1 << 8  # of a wider row, that are added up at a time
ITEMS = 4  # items for each thread, at least, if there are columns enough
AHEAD = 64  # terms of a row that are fetched early
NARROW = 48  # terms of a row up to which a row in each lane, made of vectors along rows, is quicker
CHUNK = 1 << 14  # elements of a chunk, at least
FOLDED = 4096  # terms that one lane adds up


@job("x: T*, out: out K*, n: i64, segments: i64, items: i64, share: i64")
def row_sums(k: Job, word: str, result: str) -> None:
    """out[row][segment]: the sum of a segment of a row of n; a chunk is `share` of them."""
    x, out, n, segments, items, share = k.table()
    lanes = k.lanes(word)
    wide = SIDE * lanes
    zero = [k.zero(word, lanes)] * SIDE

    def item(i: Value) -> None:
        row, segment = i // segments, i % segments
        start = segment * SEGMENT
        stop = k.least(start + SEGMENT, n)
        source = x.at(row * n)

        def together(p: Pointer, count: Any) -> Value:
            """The sum of some times `wide` numbers."""

            def some(j: Value, *now: Value) -> list[Value]:
                return [a + p.load(j + u * lanes, lanes) for u, a in enumerate(now)]

            low, high = added_up(k.loop(0, count, wide, some, zero)).doubles()
            return low + high

        def short(j: Value, total: Value) -> Value:
            return total + together(source.at(j), SHORT)

        full = start + (stop - start) // SHORT * SHORT
        (found,) = k.loop(start, full, SHORT, short, [k.zero("double", lanes // 2)])

        def rest() -> list[Value]:
            p, count = source.at(full), stop - full
            (v,) = sums(k, count, word, lanes, 1, lambda i, mask: p.load(i, lanes, mask))
            low, high = v.doubles()
            return [found + (low + high)]

        (found,) = k.either(full < stop, rest, [found])
        out.store(found.sum().to(result), i)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


@job(
    "x: T*, out: out double*, n: i64, inner: i64, segments: i64, width: i64, items: i64, share: i64"
)
def column_sums(k: Job, word: str, vectors: int) -> None:
    """Add to out[outer][segment][column] what x[outer][n][column] holds, where so many vectors hold
    a row; a chunk is `share` segments.
    """
    x, out, n, inner, segments, _, items, share = k.table()
    lanes = k.lanes(word)

    def item(i: Value, masks: list[Value | None]) -> None:
        outer, start = i // segments, i % segments * ROWS
        stop = k.least(start + ROWS, n)
        source, to = x.at(outer * n * inner), out.at(i * inner)

        def few(r: Value) -> None:
            def row(j: Value, *now: Value) -> list[Value]:
                p = source.at(j * inner)
                return [a + p.load(v * lanes, lanes, masks[v]) for v, a in enumerate(now)]

            found = k.loop(r, k.least(r + FEW, stop), 1, row, [k.zero(word, lanes)] * vectors)
            for v, each in enumerate(found):
                add(to, v * lanes, each, masks[v])

        k.loop(start, stop, FEW, few)

    def items_under(masks: list[Value | None]) -> None:
        last = k.least((k.chunk + 1) * share, items)
        k.loop(k.chunk * share, last, 1, lambda i: item(i, masks))

    under_masks(k, inner, lanes, vectors, items_under)


@job(
    "x: T*, out: out double*, n: i64, inner: i64, segments: i64, width: i64, items: i64, share: i64"
)
def wide_column_sums(k: Job, word: str) -> None:
    """The same for wider rows, of which an item adds up `width` columns, SIDE rows at a time: these
    are read in order, and the sums of so many columns stay in the nearest cache.
    """
    x, out, n, inner, segments, width, items, share = k.table()
    parts = (inner + width - 1) // width
    lanes = k.lanes(word)

    def item(i: Value) -> None:
        first, rest = i % parts * width, i // parts
        outer, start = rest // segments, rest % segments * ROWS
        stop = k.least(start + ROWS, n)
        source, to = x.at(outer * n * inner + first), out.at(rest * inner + first)
        count = k.least(inner - first, width)

        def side(r: Value) -> None:
            rows = [source.at((r + u) * inner) for u in range(SIDE)]

            def some(c: Value, mask: Value | None, _: int) -> None:
                for p in rows:  # processors fetch early from fewer rows than these
                    p.at(c + AHEAD).prefetch(False)
                add(to, c, added_up([p.load(c, lanes, mask) for p in rows]), mask)

            sweep(k, count, lanes, some)

        full = start + (stop - start) // SIDE * SIDE
        k.loop(start, full, SIDE, side)

        def left() -> None:
            def some(c: Value, mask: Value | None, _: int) -> None:
                def row(r: Value, now: Value) -> Value:
                    return now + source.at(r * inner).load(c, lanes, mask)

                add(to, c, k.loop(full, stop, 1, row, [k.zero(word, lanes)])[0], mask)

            sweep(k, count, lanes, some)

        k.when(full < stop, left)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


def add(to: Pointer, at: Any, v: Value, mask: Value | None) -> None:
    """Add a vector to numbers in double precision."""
    half = v.lanes // 2
    for j, (h, m) in enumerate(zip(v.doubles(), (None, None) if mask is None else mask.halves())):
        to.store(to.load(at + j * half, half, m) + h, at + j * half, m)


@job("x: T*, out: out T*, n: i64, count: i64, share: i64")
def narrow_sums(k: Job, word: str, vectors: int) -> None:
    """out[row]: the sum of a row of n, which fill so many vectors; a chunk is `share` steps of as
    many rows as a vector has lanes.
    """
    x, out, n, count, share = k.table()
    lanes = k.lanes(word)
    mask = k.mask(n - (vectors - 1) * lanes, lanes)

    def some(step: Value) -> None:
        first = step * lanes

        def row(u: int) -> Value:
            p = x.at(k.least(first + u, count - 1) * n)
            parts = [p.load(v * lanes, lanes) for v in range(vectors - 1)]
            return added_up([*parts, p.load((vectors - 1) * lanes, lanes, mask)])

        out.store(sums_of_rows([row(u) for u in range(lanes)]), first, k.mask(count - first, lanes))

    start = k.chunk * share
    k.loop(start, k.least(start + share, (count + (lanes - 1)) // lanes), 1, some)


def total(x: Array, gone: list[int]) -> Array | None:
    """The sums over some dimensions that follow each other."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or not gone or not x.flags.c_contiguous:
        return None
    if gone[-1] - gone[0] != len(gone) - 1 or compiler.target() is None or not x.flags.aligned:
        return None
    shape = x.shape
    outer, inner = math.prod(shape[: gone[0]]), math.prod(shape[gone[-1] + 1 :])
    n = math.prod(shape[gone[0] : gone[-1] + 1])
    kept = shape[: gone[0]] + shape[gone[-1] + 1 :]
    block = x.reshape(outer, n, inner)
    host = compiler.target()
    if inner == 1 and host is not None and n <= NARROW:
        out, lanes = np.empty(kept, x.dtype), host.lanes(word)
        share = max(1, CHUNK // (n * lanes))
        steps = -(-outer // lanes)
        narrow_sums(word, -(-n // lanes))(-(-steps // share), x, out, n, outer, share)
        return out
    if n <= FOLDED and folds.suits(block, 1):
        folded = folds.along(block, 1, "sum")
        if folded is not None:
            return folded[0].reshape(kept)
    if inner == 1:
        segments = -(-n // SEGMENT)
        items = outer * segments
        share = max(1, CHUNK // min(n, SEGMENT))
        if segments == 1:
            out = np.empty(kept, x.dtype)
            row_sums(word, word)(-(-items // share), x, out, n, segments, items, share)
            return out
        out = np.empty((outer, segments), np.float64)
        row_sums(word, "double")(-(-items // share), x, out, n, segments, items, share)
        return np.add.reduce(out, 1).astype(x.dtype).reshape(kept)
    wide = VECTORS * host.lanes(word) if host is not None else 1
    together = max(1, min(wide // inner, n))
    rest = None
    if together > 1:  # narrow: some rows as one
        left = n % together
        if left:
            if outer > 1:
                return None
            rest = np.add.reduce(x.reshape(n, inner)[n - left :], 0, np.float64)
        n = (n - left) // together
    columns, segments = inner * together, -(-n // ROWS)
    most = 8 if host is None else host.registers // 2
    vectors = min(
        (v for v in (VECTORS, 8, 16) if v <= most and columns * VECTORS <= v * wide), default=0
    )
    if not vectors and n <= FEW:
        return None  # the library adds up row by row, which is as precise here
    out = np.zeros((outer, segments, columns), np.float64)
    source = x.reshape(-1)[: outer * n * columns]
    items, width = outer * segments, columns
    if not vectors:
        fair = items * columns // (ITEMS * threads.count())
        width = min(columns, max(FEWEST, min(COLUMNS, fair // FEWEST * FEWEST)))
        items *= -(-columns // width)
    share = max(1, CHUNK // (min(n, ROWS) * width))
    run = column_sums(word, vectors) if vectors else wide_column_sums(word)
    run(-(-items // share), source, out, n, columns, segments, width, items, share)
    found = np.add.reduce(out, 1) if segments > 1 else out[:, 0]
    if together > 1:
        found = np.add.reduce(found.reshape(outer, together, inner), 1)
    if rest is not None:
        found += rest
    return found.astype(x.dtype).reshape(kept)
