"""Layer norm of NumPy arrays, a row at a time: forward, and all gradients in one pass.

The gradients of weight and bias are sums over the rows: each of a fixed number of parts has sums of
its own, which are added up in order. Functions give None where the kernels do not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value
from .sweep import sums, sweep

Array = Any
LEAST = 16384  # elements; smaller arrays are cheaper as ufuncs
LONGEST = 1 << 18  # elements of a row, whose sums are not in pairs
CHUNK = 16384  # elements that a thread takes at a time
PARTS = 16  # of the rows, for sums over them


@job(
    "x: T*, weight: T*, bias: T*, y: out T*, mean: out T*, rstd: out T*, rows: i64, n: i64, "
    "eps: double, share: i64"
)
def forward(k: Job, word: str) -> None:
    """y = (x - mean) * rstd * weight + bias; a chunk is `share` rows."""
    x, weight, bias, y, mean, rstd, rows, n, eps, share = k.table()
    lanes = k.lanes(word)
    size = n.to(word)

    def row(r: Value) -> None:
        xs, ys = x.at(r * n), y.at(r * n)
        centre = xs.load(0)  # far from zero, differences are exact and a mean is not
        centre = (centre - centre).equals(0.0).choose(centre, 0.0)
        (total,) = sums(k, n, word, lanes, 1, lambda i, mask: xs.load(i, lanes, mask) - centre)
        m = total.sum() / size

        def square(i: Value, mask: Value | None) -> Value:
            d = (xs.load(i, lanes, mask) - centre) - m
            return d * d

        (squares,) = sums(k, n, word, lanes, 1, square)
        var = squares.sum() / size
        s = 1.0 / (var + eps.to(word)).sqrt() + (var - var)  # nan where it overflowed, not 0

        def out(i: Value, mask: Value | None, u: int) -> None:
            v = ((xs.load(i, lanes, mask) - centre) - m) * s
            ys.store(v.fma(weight.load(i, lanes, mask), bias.load(i, lanes, mask)), i, mask)

        sweep(k, n, lanes, out)
        mean.store(m + centre, r)
        rstd.store(s, r)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, rows), 1, row)


@job(
    "g: T*, x: T*, weight: T*, mean: T*, rstd: T*, gx: out T*, parts: out T*, rows: i64, n: i64, "
    "share: i64"
)
def backward(k: Job, word: str) -> None:
    """The gradient of x, and sums of those of weight and bias; a chunk is `share` rows.

    parts [chunk][2][n] is of zeros before.
    """
    g, x, weight, mean, rstd, gx, parts, rows, n, share = k.table()
    lanes = k.lanes(word)
    size = n.to(word)
    gw = parts.at(k.chunk * n * 2)
    gb = gw.at(n)

    def row(r: Value) -> None:
        gs, xs, to = g.at(r * n), x.at(r * n), gx.at(r * n)
        m, s = mean.load(r), rstd.load(r)

        def both(i: Value, mask: Value | None) -> tuple[Value, Value]:
            gi = gs.load(i, lanes, mask)
            normal = (xs.load(i, lanes, mask) - m) * s
            gw.store(gi.fma(normal, gw.load(i, lanes, mask)), i, mask)
            gb.store(gb.load(i, lanes, mask) + gi, i, mask)
            h = gi * weight.load(i, lanes, mask)
            return h, h * normal

        total, dots = sums(k, n, word, lanes, 2, both)
        shift, slope = total.sum() * s / size, dots.sum() * s / size

        def out(i: Value, mask: Value | None, u: int) -> None:
            normal = (xs.load(i, lanes, mask) - m) * s
            h = gs.load(i, lanes, mask) * weight.load(i, lanes, mask)
            to.store(h * s - normal.fma(slope.wide(lanes), shift.wide(lanes)), i, mask)

        sweep(k, n, lanes, out)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, rows), 1, row)


def layer_norm(
    x: Array, weight: Array, bias: Array, n: int, eps: float
) -> tuple[Array, ...] | None:
    """(x normalised in rows of n, means, 1 / deviations)."""
    word = _word(x, weight, bias)
    if word is None or n > LONGEST:
        return None
    w, b = _numbers(weight, 1, n, x), _numbers(bias, 0, n, x)
    if w is None or b is None:
        return None
    rows = x.size // n
    x = np.ascontiguousarray(x)
    y, mean, rstd = np.empty_like(x), np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    share = max(1, CHUNK // n)
    forward(word)(-(-rows // share), x, w, b, y, mean, rstd, rows, n, eps, share)
    return y, mean, rstd


def layer_norm_backward(
    g: Array, x: Array, weight: Array, mean: Array, rstd: Array, n: int
) -> tuple[Array, Array, Array] | None:
    """Gradients of x, weight and bias, the last two as vectors."""
    word = _word(x, weight, g, mean, rstd)
    rows = x.size // max(n, 1)
    if word is None or n > LONGEST or g.shape != x.shape or mean.size != rows or rstd.size != rows:
        return None
    w = _numbers(weight, 1, n, x)
    if w is None:
        return None
    g, x, mean, rstd = (np.ascontiguousarray(a) for a in (g, x, mean, rstd))
    gx = np.empty_like(x)
    share = -(-rows // PARTS)
    chunks = -(-rows // share)
    parts = np.zeros((chunks, 2, n), x.dtype)
    backward(word)(chunks, g, x, w, mean, rstd, gx, parts, rows, n, share)
    gw, gb = np.add.reduce(parts, 0)
    return gx, gw, gb


def _word(x: Array, *others: Array) -> str | None:
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or compiler.target() is None:
        return None
    return None if any(a is not None and a.dtype != x.dtype for a in others) else word


def _numbers(a: Array, otherwise: float, n: int, x: Array) -> Array | None:
    """A vector of n, or None if it is not one."""
    if a is None:
        return np.full(n, otherwise, x.dtype)
    return np.ascontiguousarray(a).reshape(n) if a.size == n else None
