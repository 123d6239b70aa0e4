"""Distances between the rows of two matrices, of many pairs of small matrices at once, from the
differences of the rows: Euclidean ones, sums of differences and how many there are; and the
gradients.

Each function gives None where the kernels do not apply.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value, fma

Array = Any
LEAST = 1 << 9  # distances
MOST = 1 << 12  # of one pair
COLUMNS = 8  # that rows have, at most
CHUNK = 1 << 14  # differences of a chunk, about
NORMS = (0, 1, 2)


@job("x: T*, y: T*, first: i32*, second: i32*, out: out T*, pairs: i64, n: i64, m: i64, share: i64")
def apart(k: Job, word: str, columns: int, p: int) -> None:
    """A chunk is `share` pairs. first, second: where rows of a distance begin. p: which norm."""
    x, y, first, second, out, pairs, n, m, share = k.table()
    lanes, count = k.lanes(word), n * m

    def pair(b: Value) -> None:
        left, right, to = x.at(b * n * columns), y.at(b * m * columns), out.at(b * count)

        def some(at: Value, mask: Value | None) -> None:
            i, j = first.load(at, lanes, mask), second.load(at, lanes, mask)
            total = k.zero(word, lanes)
            for c in range(columns):
                d = left.at(c).gather(i) - right.at(c).gather(j)
                if p == 2:
                    total = fma(d, d, total)
                elif p == 1:
                    total = total + d.abs()
                else:  # what is not known does not count as different
                    total = total + (d.equals(0) | d.isnan()).choose(d, 1.0)
            to.store(total.sqrt() if p == 2 else total, at, mask)

        full = count // lanes * lanes
        k.loop(0, full, lanes, lambda at: some(at, None))
        k.when(count > full, lambda: some(full, k.mask(count - full, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, pairs), 1, pair)


@job(
    "x: T*, y: T*, g: T*, distance: T*, out: out T*, count: i64, n: i64, m: i64, own: i64, "
    "other: i64, share: i64"
)
def slopes(k: Job, word: str, columns: int) -> None:
    """out: what the rows of x, n in each pair, get from the m rows of y; a lane has a row.

    own, other: how far apart the distances of neighbouring rows are, of x and of y. A chunk is
    `share` steps.
    """
    x, y, g, distance, out, count, n, m, own, other, share = k.table()
    lanes = k.lanes(word)

    def short(v: Value) -> Value:
        return v.cast("trunc", "i32")

    def some(step: Value) -> None:
        start = step * lanes
        row = (k.count_up("i32", lanes) + short(start)).least(short(count - 1))
        pair = ((row.to("double") + 0.5) * (1.0 / n.to("double"))).cast("fptosi", "i32")
        here = row * columns
        mine = [x.at(c).gather(here) for c in range(columns)]
        place = pair * short(n * m) + (row - pair * short(n)) * short(own)
        theirs = pair * short(m * columns)

        def one(j: Value, place: Value, theirs: Value, *sums: Value) -> list[Value]:
            r = distance.gather(place)
            w = r.equals(0).choose(0.0, g.gather(place) / r)
            new = [fma(mine[c] - y.at(c).gather(theirs), w, s) for c, s in enumerate(sums)]
            return [place + short(other), theirs + columns, *new]

        found = k.loop(0, m, 1, one, [place, theirs, *[k.zero(word, lanes)] * columns])
        mask = k.mask(count - start, lanes)
        for c, v in enumerate(found[2:]):
            out.at(c).scatter(v, here, mask)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, (count + (lanes - 1)) // lanes), 1, some)


@functools.lru_cache(maxsize=16)
def _tables(n: int, m: int, columns: int) -> tuple[Array, Array]:
    i, j = np.divmod(np.arange(n * m, dtype=np.int32), np.int32(m))
    return i * np.int32(columns), j * np.int32(columns)


def _word(x: Array, y: Array) -> str | None:
    word = WORDS.get(x.dtype)
    if word is None or y.dtype != x.dtype or x.ndim != y.ndim or x.shape[:-2] != y.shape[:-2]:
        return None
    n, m, columns = x.shape[-2], y.shape[-2], x.shape[-1]
    if y.shape[-1] != columns or not 0 < columns <= COLUMNS or not 0 < n * m <= MOST:
        return None
    pairs = math.prod(x.shape[:-2])
    if pairs * n * m < LEAST or max(x.size, y.size, pairs * n * m) >= 1 << 31:
        return None
    return word if compiler.target() is not None else None


def between(x: Array, y: Array, p: float) -> Array | None:
    """Distances (..., n, m) of the rows of x (..., n, columns) to those of y (..., m, columns)."""
    word = _word(x, y)
    if word is None or p not in NORMS:
        return None
    n, m, columns = x.shape[-2], y.shape[-2], x.shape[-1]
    pairs = math.prod(x.shape[:-2])
    out = np.empty((*x.shape[:-1], m), x.dtype)
    share = max(1, CHUNK // (n * m * columns))
    apart(word, columns, int(p))(
        -(-pairs // share), np.ascontiguousarray(x), np.ascontiguousarray(y),
        *_tables(n, m, columns), out, pairs, n, m, share,
    )  # fmt: skip
    return out


def euclidean_backward(
    g: Array, x: Array, y: Array, out: Array, needs: Any
) -> tuple[Array | None, Array | None] | None:
    """Gradients of x and y, those that needs says."""
    word = _word(x, y)
    host = compiler.target()
    if word is None or host is None or g.dtype != x.dtype or out.dtype != x.dtype:
        return None
    n, m, columns = x.shape[-2], y.shape[-2], x.shape[-1]
    x, y, g, out = (np.ascontiguousarray(a) for a in (x, y, g, out))
    lanes = host.lanes(word)
    found: list[Array | None] = []
    for wanted, (a, b, *facts) in zip(needs, ((x, y, n, m, m, 1), (y, x, m, n, 1, m))):
        if not wanted:
            found.append(None)
            continue
        slope = np.empty(a.shape, a.dtype)
        count, steps = a.size // columns, -(-a.size // columns // lanes)
        share = max(1, CHUNK // (lanes * facts[1] * columns))
        slopes(word, columns)(-(-steps // share), a, b, g, out, slope, count, *facts, share)
        found.append(slope)
    return found[0], found[1]
