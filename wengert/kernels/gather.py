"""Elements read along a dimension at places that an index says.

Indices are checked by the kernel; a wrong one is an IndexError of whoever calls. `along` gives None
where the kernel does not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import Job, job
from .lanes import Value

Array = Any
LEAST = 1 << 15  # elements; fewer are moved as soon by the library
SHORT = 8  # elements that follow each other in a run, at least
CHUNK = 1 << 14  # elements of a chunk, about
TOGETHER = 8  # elements
AHEAD = 1024  # elements from where the next are fetched: processors wait at the end of a page
WORDS = {4: "float", 8: "double"}  # numbers of as many bytes, which are moved as they are


@job(
    "x: T*, index: i64*, out: out T*, bad: out i64*, n: i64, inner: i64, length: i64, "
    "together: i64, runs: i64, share: i64"
)
def read_along(k: Job, word: str, last: bool) -> None:
    """out[r][i] = x[r // together][index[r][i]][i] for i below length; x has (n, inner) there.

    last: whether inner is 1; the last i is left away then. A chunk is `share` of the runs r. bad: 1
    if an index is not below n.
    """
    x, index, out, bad, n, inner, length, together, runs, share = k.table()

    lanes = k.lanes("i64")
    vectors = last and k.module.target.bytes == 64

    def run(r: Value) -> None:
        source, start = x.at(r // together * (n * inner)), r * length
        here, to = index.at(start), out.at(start)

        def fetch(i: Value) -> None:
            here.at(i + AHEAD).prefetch(False)
            if last:
                source.at(i + 2 * AHEAD).prefetch(False)

        def one(i: Value, wrong: Value) -> Value:
            at = here.load(i)
            outside = at | (n - 1 - at)  # negative then
            place = at & ~(outside >> 63)
            to.store(source.load(place if last else place * inner + i), i)
            return wrong | outside

        def some(i: Value, wrong: Value) -> Value:
            fetch(i)
            for q in range(TOGETHER):
                wrong = one(i + q if q else i, wrong)
            return wrong

        def wide(i: Value, wrong: Value) -> Value:
            fetch(i)
            at = here.load(i, lanes)
            outside = at | (n.wide(lanes) - 1 - at)
            to.store(source.gather(at & ~(outside >> 63)), i)
            return wrong | outside

        step = lanes if vectors else TOGETHER
        full = length // step * step
        if vectors:
            (all_wrong,) = k.loop(0, full, step, wide, [k.zero("i64", lanes)])
            found = [all_wrong.joined(lambda a, b: a | b)]
        else:
            found = k.loop(0, full, step, some, [k.index(0)])
        (wrong,) = k.loop(full, length, 1, one, found)
        k.when(wrong < 0, lambda: bad.store(k.index(1)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, runs), 1, run)


def along(x: Array, index: Array, dim: int) -> Array | None:
    """out[i][j] = x[index[i][j]][j] for dim 0, where x and index differ in that dimension alone."""
    d, shape = x.dtype, index.shape
    word = WORDS.get(d.itemsize)
    if word is None or d.kind not in "fiu" or index.dtype != np.int64 or x.ndim != len(shape):
        return None
    dim %= len(shape)
    if shape[:dim] != x.shape[:dim] or shape[dim + 1 :] != x.shape[dim + 1 :]:
        return None
    n, inner = x.shape[dim], math.prod(shape[dim + 1 :])
    length, together = (shape[dim], 1) if inner == 1 else (inner, shape[dim])
    if length < SHORT or index.size < LEAST or not 0 < n * inner < 1 << 31:
        return None
    if compiler.target() is None:
        return None
    out, bad = np.empty(shape, d), np.zeros(1, np.int64)
    plain = np.dtype(f"f{d.itemsize}")
    runs = index.size // length
    share = max(1, CHUNK // length)
    read_along(word, inner == 1)(
        -(-runs // share), np.ascontiguousarray(x).view(plain), np.ascontiguousarray(index),
        out.view(plain), bad, n, inner, length, together, runs, share,
    )  # fmt: skip
    if bad[0]:
        raise IndexError
    return out
