"""Products of the columns of tall matrices with each other, added up in blocks in double precision.

BLAS, whose blocks are made for large results, takes ten times as long for these small ones.
`gram` gives None where the kernel does not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value, fma

Array = Any
TILE = 4  # columns by columns of which the sums stay in registers
MOST = 32  # columns
TOGETHER = 16  # vectors of rows that are summed in the elements' own precision
CHUNK = 1 << 12  # rows of a chunk


@job("x: T*, y: T*, out: out double*, rows: i64, n: i64, m: i64, wide: i64, share: i64")
def columns(k: Job, word: str) -> None:
    """out[chunk]: (wide, wide) products of the columns of x and y, the lower triangle of tiles.

    A chunk is `share` rows; wide: n + m, made a multiple of TILE.
    """
    x, y, out, rows, n, m, wide, share = k.table()
    lanes = k.lanes(word)
    height = TOGETHER * lanes
    block = k.stack(word, MOST * height)
    first = k.chunk * share
    last = k.least(first + share, rows)
    to = out.at(k.chunk * wide * wide)
    zero = k.zero(word, lanes)

    def fetch(source: Any, n: Value, base: Value, row: Value, left: Value) -> None:
        apart = n.cast("trunc", "i32")
        place = k.count_up("i32", lanes) * apart

        def column(c: Value) -> None:
            def some(v: Value) -> None:
                inside = k.mask((left - v * lanes).most(0), lanes)
                at = inside.choose(place, 0)
                near = k.least(v * lanes, left - 1)
                got = source.at((row + near) * n + c).gather(at)
                block.store(inside.choose(got, 0.0), (base + c) * height + v * lanes)

            k.loop(0, TOGETHER, 1, some)

        k.loop(0, n, 1, column)

    def rest(c: Value) -> None:
        k.loop(0, TOGETHER, 1, lambda v: block.store(zero, c * height + v * lanes))

    def rows_of(row: Value) -> None:
        left = last - row
        fetch(x, n, k.index(0), row, left)
        fetch(y, m, n, row, left)

        def tiles(i: Value) -> None:
            def tile(j: Value) -> None:
                def some(v: Value, *sums: Value) -> list[Value]:
                    a = [block.load((i + p) * height + v * lanes, lanes) for p in range(TILE)]
                    b = [block.load((j + q) * height + v * lanes, lanes) for q in range(TILE)]
                    return [
                        fma(a[p], b[q], sums[TILE * p + q])
                        for p in range(TILE) for q in range(TILE)
                    ]  # fmt: skip

                sums = k.loop(0, TOGETHER, 1, some, [zero] * TILE**2)
                for p in range(TILE):
                    for q in range(TILE):
                        place = (i + p) * wide + j + q
                        total = sums[TILE * p + q].sum().to("double")
                        to.store(to.load(place) + total, place)

            k.loop(0, i + 1, TILE, tile)

        k.loop(0, wide, TILE, tiles)

    k.loop(n + m, wide, 1, rest)
    k.loop(first, last, height, rows_of)


def gram(x: Array, y: Array | None = None) -> Array | None:
    """The products (n + m, n + m) of the columns of x (rows, n) and of y (rows, m)."""
    word = WORDS.get(x.dtype)
    y = x[:, :0] if y is None else y
    rows, n = x.shape
    m = y.shape[1]
    if word is None or y.dtype != x.dtype or not 0 < n + m <= MOST or not rows:
        return None
    if compiler.target() is None:
        return None
    wide = -(-(n + m) // TILE) * TILE
    chunks = -(-rows // CHUNK)
    out = np.zeros((chunks, wide, wide))
    columns(word)(
        chunks, np.ascontiguousarray(x), np.ascontiguousarray(y), out, rows, n, m, wide, CHUNK
    )
    total = np.tril(out.sum(0)[: n + m, : n + m])
    return total + np.tril(total, -1).T
