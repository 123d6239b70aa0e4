"""Numbers added along a dimension at places that an index says: gradients of gathers, of running
extremes. A lane has the places of one line along the dimension, which are its own.

Indices are checked by the kernel. `add` gives None where it does not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
LEAST = 1 << 10  # elements
CHUNK = 1 << 14  # elements of a chunk, about


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
