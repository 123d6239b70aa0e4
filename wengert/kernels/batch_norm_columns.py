"""Batch norm of matrices (N, C): channels are columns, which lie beside each other in vectors.

Rows are summed by blocks, in the array's precision, and blocks in double. Statistics are taken
about the first row, so that squares lose nothing. The tables are those of `batch_norm.py`, which
calls this where a channel has one position in each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .jobs import Job, job
from .lanes import Pointer, Value
from .sweep import sweep

Array = Any
BLOCK = 64  # rows whose sums are not in double
VECTORS = 2  # of a block's columns that are summed together


def _block(
    k: Job, word: str, n: Value, c: Value, parts: Pointer, terms: Callable[..., Any]
) -> None:
    """parts[chunk]: both sums over a block's rows of what terms(row, column, mask, fixed) gives;
    terms(None, column, mask, ()) gives what is fixed for the columns.
    """
    lanes = k.lanes(word)
    first = k.chunk * BLOCK
    last, to = k.least(first + BLOCK, n), parts.at(k.chunk * 2 * c)

    def columns(j: Value, vectors: int, masked: bool) -> None:
        places = [(j + v * lanes, k.mask(c - j, lanes) if masked else None) for v in range(vectors)]
        fixed = [terms(None, at, mask, ()) for at, mask in places]

        def row(i: Value, *now: Value) -> list[Value]:
            new = []
            for (at, mask), mine, s, q in zip(places, fixed, now[::2], now[1::2]):
                a, b = terms(i * c, at, mask, mine)
                new += [s + a, q + b]
            return new

        found = k.loop(first, last, 1, row, [k.zero(word, lanes)] * (2 * vectors))
        for (at, mask), s, q in zip(places, found[::2], found[1::2]):
            to.store(s, at, mask)
            to.store(q, at + c, mask)

    step = VECTORS * lanes
    most, full = c // step * step, c // lanes * lanes
    k.loop(0, most, step, lambda j: columns(j, VECTORS, False))
    k.loop(most, full, lanes, lambda j: columns(j, 1, False))
    k.loop(full, c, lanes, lambda j: columns(j, 1, True))


def _centre(x: Pointer, at: Value, lanes: int, mask: Value | None) -> Value:
    centre = x.load(at, lanes, mask)
    return (centre - centre).equals(0.0).choose(centre, 0.0)  # not about inf


@job("x: T*, parts: out T*, n: i64, c: i64")
def moments(k: Job, word: str) -> None:
    """parts[chunk]: sums and sums of squares of a block, about the first row."""
    x, parts, n, c = k.table()
    lanes = k.lanes(word)

    def terms(row: Any, at: Value, mask: Value | None, fixed: Any) -> Any:
        if row is None:
            return _centre(x, at, lanes, mask)
        d = x.load(row + at, lanes, mask) - fixed
        return d, d * d

    _block(k, word, n, c, parts, terms)


def _totals(
    k: Job, word: str, parts: Pointer, blocks: Value, c: Value, j: Value
) -> Sequence[Value]:
    """Both sums of column j over the blocks, in double."""

    def one(b: Value, s: Value, q: Value) -> list[Value]:
        here = parts.at(b * 2 * c + j)
        return [s + here.load().to("double"), q + here.load(c).to("double")]

    zero = k.zero("double")
    return k.loop(0, blocks, 1, one, [zero, zero])


@job("parts: T*, x: T*, weight: T*, out: out T*, n: i64, c: i64, blocks: i64, eps: double")
def finish(k: Job, word: str) -> None:
    """out: mean, variance, 1 / deviation and that times the weight."""
    parts, x, weight, out, n, c, blocks, eps = k.table()
    size = n.to("double")

    def column(j: Value) -> None:
        total, squares = _totals(k, word, parts, blocks, c, j)
        first = x.load(j)
        centre = (first - first).equals(0.0).choose(first, 0.0)
        mean = total / size
        var = (squares / size - mean * mean).most(0.0)
        rstd = (1.0 / (var + eps).sqrt()).to(word)
        mean = (mean + centre.to("double")).to(word)
        for i, v in enumerate((mean, var.to(word), rstd, rstd * weight.load(j))):
            out.store(v, j + c * i)

    k.loop(0, c, 1, column)


@job("g: T*, x: T*, mean: T*, parts: out T*, n: i64, c: i64")
def products(k: Job, word: str) -> None:
    """parts[chunk]: sums of g, and of g * (x - mean)."""
    g, x, mean, parts, n, c = k.table()
    lanes = k.lanes(word)

    def terms(row: Any, at: Value, mask: Value | None, fixed: Any) -> Any:
        if row is None:
            return mean.load(at, lanes, mask)
        gi = g.load(row + at, lanes, mask)
        return gi, gi * (x.load(row + at, lanes, mask) - fixed)

    _block(k, word, n, c, parts, terms)


@job("parts: T*, out: out T*, c: i64, blocks: i64")
def join(k: Job, word: str) -> None:
    """out: both sums over the blocks."""
    parts, out, c, blocks = k.table()

    def column(j: Value) -> None:
        for i, v in enumerate(_totals(k, word, parts, blocks, c, j)):
            out.store(v.to(word), j + c * i)

    k.loop(0, c, 1, column)


def _rows(k: Job, word: str, n: Value, c: Value, share: Value, body: Any) -> None:
    """body(start of a row, column, mask) for each of a chunk's `share` rows."""

    def row(i: Value) -> None:
        sweep(k, c, k.lanes(word), lambda j, mask, u: body(i * c, j, mask))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, n), 1, row)


@job("x: T*, mean: T*, scale: T*, bias: T*, y: out T*, n: i64, c: i64, share: i64")
def normalize(k: Job, word: str) -> None:
    """y = (x - mean) * scale + bias; a chunk is `share` rows."""
    x, mean, scale, bias, y, n, c, share = k.table()
    lanes = k.lanes(word)

    def body(row: Value, j: Value, mask: Value | None) -> None:
        m, s, b = (a.load(j, lanes, mask) for a in (mean, scale, bias))
        y.store((x.load(row + j, lanes, mask) - m).fma(s, b), row + j, mask)

    _rows(k, word, n, c, share, body)


@job("g: T*, x: T*, mean: T*, a: T*, b: T*, c0: T*, out: out T*, n: i64, c: i64, share: i64")
def combine(k: Job, word: str) -> None:
    """out = a * g + b * (x - mean) + c0; a chunk is `share` rows."""
    g, x, mean, a, b, c0, out, n, c, share = k.table()
    lanes = k.lanes(word)

    def body(row: Value, j: Value, mask: Value | None) -> None:
        m, av, bv, cv = (v.load(j, lanes, mask) for v in (mean, a, b, c0))
        d = x.load(row + j, lanes, mask) - m
        out.store(g.load(row + j, lanes, mask).fma(av, d.fma(bv, cv)), row + j, mask)

    _rows(k, word, n, c, share, body)


def statistics(word: str, x: Array, weight: Array, n: int, c: int, eps: float) -> Array:
    """Mean, variance, 1 / deviation and that times the weight, of each column."""
    blocks = -(-n // BLOCK)
    parts, out = np.empty((blocks, 2, c), x.dtype), np.empty((4, c), x.dtype)
    moments(word)(blocks, x, parts, n, c)
    finish(word)(1, parts, x, weight, out, n, c, blocks, eps)
    return out


def sums(word: str, g: Array, x: Array, mean: Array, n: int, c: int) -> Array:
    """The sums of g, and of g * (x - mean), of each column."""
    blocks = -(-n // BLOCK)
    parts, out = np.empty((blocks, 2, c), x.dtype), np.empty((2, c), x.dtype)
    products(word)(blocks, g, x, mean, parts, n, c)
    join(word)(1, parts, out, c, blocks)
    return out
