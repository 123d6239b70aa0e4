"""Variances of the rows of NumPy arrays, and their roots, in double precision: the mean of a row
first, then the squares of what is left. None where the kernel does not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value
from .sweep import sums

Array = Any
LEAST = 256  # elements
CHUNK = 1 << 14  # elements of a chunk, about


@job("x: T*, out: out T*, n: i64, less: double, count: i64, share: i64")
def row_variances(k: Job, word: str, root: bool) -> None:
    """A chunk is `share` rows of n. less: what the squares are divided by."""
    x, out, n, less, count, share = k.table()
    lanes = k.lanes("double")

    def row(i: Value) -> None:
        source = x.at(i * n)
        first = source.load(0).to("double").wide(lanes)  # less it, equal numbers are 0

        def number(j: Value, mask: Value | None) -> Value:
            return source.load(j, lanes, mask).to("double") - first

        (total,) = sums(k, n, "double", lanes, 1, number)
        centre = (total.sum() / n.to("double")).wide(lanes)

        def square(j: Value, mask: Value | None) -> Value:
            away = number(j, mask) - centre
            return away * away

        (total,) = sums(k, n, "double", lanes, 1, square)
        r = total.sum() / less
        out.store((r.sqrt() if root else r).to(word), i)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, count), 1, row)


def rows(x: Array, less: float, root: bool) -> Array | None:
    """The squares of the distances from each row's mean (x: count, n), over `less`; or the roots
    of that.
    """
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or compiler.target() is None:
        return None
    count, n = x.shape
    share = max(1, CHUNK // n)
    out = np.empty(count, x.dtype)
    x = np.ascontiguousarray(x)
    row_variances(word, root)(-(-count // share), x, out, n, float(less), count, share)
    return out
