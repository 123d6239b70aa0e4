"""How many points fall into each cell between edges.

`counts` gives None where the kernel does not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
LEAST = 1 << 10  # coordinates


@job(
    "x: T*, weight: double*, edges: T*, begins: i64*, sizes: i64*, counts: out double*, n: i64, "
    "d: i64, most: i64, cells: i64"
)
def count(k: Job, word: str, weighted: bool) -> None:
    """counts[cell] += weight, or 1; one cell more is for points outside.

    edges: of all dimensions, one after the other, `begins` and `sizes` of them. most: the largest
    power of two not above any of the sizes.
    """
    x, weight, edges, begins, sizes, counts, n, d, most, cells = k.table()
    lanes = k.lanes(word)
    places = k.stack("i32", lanes)

    def some(p: Value, mask: Value | None) -> None:
        at = k.count_up("i32", lanes) * d.cast("trunc", "i32")
        if mask is not None:
            at = mask.choose(at, 0)

        def dimension(i: Value, flat: Value, inside: Value) -> list[Value]:
            v = x.at(p * d + i).gather(at)
            size = sizes.load(i).cast("trunc", "i32")
            mine = edges.at(begins.load(i))
            last = mine.load(sizes.load(i) - 1)

            def narrow(step: Value, below: Value) -> tuple[Value, list[Value]]:
                further = below + step
                known = further <= size
                edge = mine.gather(known.choose(further, 1) - 1)
                below = (known & (edge <= v)).choose(further, below)
                return step > 1, [step >> 1, below]

            start = [most.cast("trunc", "i32"), k.zero("i32", lanes)]
            _, below = k.repeat(lambda s, b: narrow(s, b), start)
            place = v.equals(last).choose(size - 2, below - 1)
            good = (place >= 0) & (place < size - 1)
            return [flat * (size - 1) + good.choose(place, 0), inside & good]

        def narrowed(i: Value, *now: Value) -> tuple[Value, list[Value]]:
            flat, inside = dimension(i, *now)
            return (i + 1 < d) & inside.any(), [i + 1, flat, inside]

        inside = k.constant(1, "i1", lanes) if mask is None else mask
        _, flat, inside = k.repeat(narrowed, [k.index(0), k.zero("i32", lanes), inside])

        def one(j: Value) -> None:
            cell = places.load(j).cast("sext", "i64")
            much = weight.load(p + j) if weighted else k.constant(1.0, "double")
            counts.store(counts.load(cell) + much, cell)

        def enter() -> None:
            places.store(inside.choose(flat, cells.cast("trunc", "i32")))
            k.loop(0, k.index(lanes) if mask is None else n - p, 1, one)

        k.when(inside.any(), enter)

    full = n // lanes * lanes
    k.loop(0, full, lanes, lambda p: some(p, None))
    k.when(n > full, lambda: some(full, k.mask(n - full, lanes)))


def cells(x: Array, weight: Array | None, edges: tuple[Array, ...]) -> Array | None:
    """The weight, or number, of points x (n, d) in each cell, in double precision."""
    word = WORDS.get(x.dtype)
    sizes = [len(e) for e in edges]
    total = math.prod([m - 1 for m in sizes])
    if word is None or x.size < LEAST or max(sizes) >= 1 << 30 or total >= 1 << 30:
        return None
    if any(e.dtype != x.dtype for e in edges) or compiler.target() is None or x.shape[1] >= 1 << 20:
        return None
    n, d = x.shape
    out = np.zeros(total + 1)
    begins = np.cumsum([0, *sizes[:-1]])
    weights = np.zeros(1) if weight is None else np.ascontiguousarray(weight, np.float64)
    count(word, weight is not None)(
        1, np.ascontiguousarray(x), weights, np.concatenate(edges), begins,
        np.array(sizes, np.int64), out, n, d, 1 << (max(sizes).bit_length() - 1), total,
    )  # fmt: skip
    return out[:-1].reshape([m - 1 for m in sizes])
