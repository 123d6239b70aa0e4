"""Sums along dimensions of large arrays: short ones in the array's precision, those in double.

The cuts depend on the shape alone. `total` gives None where the kernels do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler, folds
from .jobs import WORDS, Job, job
from .lanes import Pointer, Value
from .sweep import sums
from .sweep import total as added_up

Array = Any
LEAST = 1 << 15  # elements
SHORT = 1024  # terms of a row, and
FEW = 32  # of a column, that are added up in the array's precision
SEGMENT = 1 << 16  # terms of a row, and
ROWS = 1 << 10  # of a column, that a thread takes at a time
SIDE = 8  # vectors of a row whose sums are carried beside each other
VECTORS = 4  # of columns side by side
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
    "x: T*, out: out double*, n: i64, inner: i64, segments: i64, blocks: i64, items: i64, "
    "share: i64"
)
def column_sums(k: Job, word: str) -> None:
    """out[outer][segment][column] of x[outer][n][column]; a chunk is `share` blocks of columns."""
    x, out, n, inner, segments, blocks, items, share = k.table()
    lanes = k.lanes(word)
    width = VECTORS * lanes

    def item(i: Value) -> None:
        block, rest = i % blocks, i // blocks
        outer, segment = rest // segments, rest % segments
        first = block * width
        source = x.at(outer * n * inner + first)
        to = out.at(rest * inner + first)
        start = segment * ROWS
        stop = k.least(start + ROWS, n)
        left = inner - first

        def run(masks: list[Value | None]) -> None:
            def few(r: Value, *totals: Value) -> list[Value]:
                def row(j: Value, *now: Value) -> list[Value]:
                    p = source.at(j * inner)
                    return [a + p.load(v * lanes, lanes, masks[v]) for v, a in enumerate(now)]

                zeros = [k.zero(word, lanes)] * VECTORS
                found = k.loop(r, k.least(r + FEW, stop), 1, row, zeros)
                halves = [h for v in found for h in v.doubles()]
                return [a + b for a, b in zip(totals, halves)]

            zeros = [k.zero("double", lanes // 2)] * (2 * VECTORS)
            totals = k.loop(start, stop, FEW, few, zeros)
            for j, v in enumerate(totals):
                mask = masks[j // 2]
                half = None if mask is None else mask.halves()[j % 2]
                to.store(v, j * (lanes // 2), half)

        k.when(
            left >= width,
            lambda: run([None] * VECTORS),
            lambda: run([k.mask((left - v * lanes).most(0), lanes) for v in range(VECTORS)]),
        )

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


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
    host = compiler.target()
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
    columns = inner * together
    segments, blocks = -(-n // ROWS), -(-columns // wide)
    items = outer * segments * blocks
    out = np.empty((outer, segments, columns), np.float64)
    share = max(1, CHUNK // (min(n, ROWS) * min(columns, wide)))
    source = x.reshape(-1)[: outer * n * columns]
    column_sums(word)(-(-items // share), source, out, n, columns, segments, blocks, items, share)
    found = np.add.reduce(out, 1)
    if together > 1:
        found = np.add.reduce(found.reshape(outer, together, inner), 1)
    if rest is not None:
        found += rest
    return found.astype(x.dtype).reshape(kept)
