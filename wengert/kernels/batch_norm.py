"""Batch norm of NumPy arrays in two passes each way: sums of the channels, then all elements.

Statistics are taken about the mean of the channel's first plane, so that squares lose nothing;
planes are summed in the array's precision and added up in double. Sizes are arguments: one kernel
serves all shapes of planes; matrices (N, C) have their own in `batch_norm_columns.py`. Functions
give None where the kernels do not apply.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from . import batch_norm_columns as columns
from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Pointer, Value
from .sweep import sums, sweep

Array = Any
LEAST = 8  # elements
CHUNK = 16384  # elements that a thread takes at a time


def _channel(k: Job, word: str, n: Value, apart: Value, p: Value, count: int, body: Any) -> Any:
    """Sums over the planes of a channel of the `count` vectors that body(start, i, mask) gives."""
    lanes = k.lanes(word)
    zero = k.zero("double", lanes // 2)

    def plane(i: Value, *now: Value) -> list[Value]:
        start = i * apart
        found = sums(k, p, word, lanes, count, lambda j, mask: body(start, j, mask))
        halves = [v.doubles() for v in found]
        return [a + (low + high) for a, (low, high) in zip(now, halves)]

    return [v.sum() for v in k.loop(0, n, 1, plane, [zero] * count)]


@job("x: T*, weight: T*, out: out T*, n: i64, c: i64, p: i64, eps: double")
def statistics(k: Job, word: str) -> None:
    """A chunk is a channel. out: mean, variance, 1 / deviation and that times the weight."""
    x, weight, out, n, c, p, eps = k.table()
    lanes = k.lanes(word)
    x = x.at(k.chunk * p)
    (first,) = sums(k, p, word, lanes, 1, lambda i, mask: x.load(i, lanes, mask))
    centre = first.sum() / p.to(word)
    centre = (centre - centre).equals(0.0).choose(centre, 0.0)  # not about inf

    def moments(start: Value, i: Value, mask: Value | None) -> tuple[Value, Value]:
        d = x.at(start).load(i, lanes, mask) - centre
        return d, d * d

    total, squares = _channel(k, word, n, c * p, p, 2, moments)
    size = (n * p).to("double")
    mean = total / size
    var = (squares / size - mean * mean).most(0.0)
    rstd = (1.0 / (var + eps).sqrt()).to(word)
    mean = (mean + centre.to("double")).to(word)
    for j, v in enumerate((mean, var.to(word), rstd, rstd * weight.load(k.chunk))):
        out.store(v, k.chunk + c * j)


def _planes(k: Job, word: str, c: Value, p: Value, n: Value, share: Value, body: Any) -> None:
    """body(start, channel) gives (i, mask) -> None, for each of a chunk's `share` planes."""

    def plane(i: Value) -> None:
        each = body(i * p, i % c)
        sweep(k, p, k.lanes(word), lambda j, mask, u: each(j, mask))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, n * c), 1, plane)


def _spread(a: Pointer, i: Value, lanes: int) -> Value:
    return a.load(i).wide(lanes)


@job("x: T*, mean: T*, scale: T*, bias: T*, y: out T*, n: i64, c: i64, p: i64, share: i64")
def normalize(k: Job, word: str) -> None:
    """y = (x - mean) * scale + bias; a chunk is `share` planes."""
    x, mean, scale, bias, y, n, c, p, share = k.table()
    lanes = k.lanes(word)

    def body(start: Value, channel: Value) -> Any:
        xs, ys = x.at(start), y.at(start)
        m, s, b = (_spread(a, channel, lanes) for a in (mean, scale, bias))

        def each(i: Value, mask: Value | None) -> None:
            ys.store((xs.load(i, lanes, mask) - m).fma(s, b), i, mask)

        return each

    _planes(k, word, c, p, n, share, body)


@job("g: T*, x: T*, mean: T*, out: out T*, n: i64, c: i64, p: i64")
def channel_sums(k: Job, word: str) -> None:
    """A chunk is a channel. out: the sums of g, and of g * (x - mean)."""
    g, x, mean, out, n, c, p = k.table()
    lanes = k.lanes(word)
    g, x = g.at(k.chunk * p), x.at(k.chunk * p)
    m = _spread(mean, k.chunk, lanes)

    def both(start: Value, i: Value, mask: Value | None) -> tuple[Value, Value]:
        gi = g.at(start).load(i, lanes, mask)
        return gi, gi * (x.at(start).load(i, lanes, mask) - m)

    for j, v in enumerate(_channel(k, word, n, c * p, p, 2, both)):
        out.store(v.to(word), k.chunk + c * j)


@job(
    "g: T*, x: T*, mean: T*, a: T*, b: T*, c0: T*, out: out T*, n: i64, c: i64, p: i64, share: i64"
)
def combine(k: Job, word: str) -> None:
    """out = a * g + b * (x - mean) + c0; a chunk is `share` planes."""
    g, x, mean, a, b, c0, out, n, c, p, share = k.table()
    lanes = k.lanes(word)

    def body(start: Value, channel: Value) -> Any:
        gs, xs, to = g.at(start), x.at(start), out.at(start)
        m, av, bv, cv = (_spread(v, channel, lanes) for v in (mean, a, b, c0))

        def each(i: Value, mask: Value | None) -> None:
            d = xs.load(i, lanes, mask) - m
            to.store(gs.load(i, lanes, mask).fma(av, d.fma(bv, cv)), i, mask)

        return each

    _planes(k, word, c, p, n, share, body)


# ------------------------------------------------------------------------- calls


@lru_cache(maxsize=256)
def _facts(shape: tuple[int, ...], dtype: Any) -> tuple[str, int, int, int, int] | None:
    """The kernels' word, images, channels, positions, and planes (of a matrix: rows) of a chunk;
    None where they do not apply.
    """
    word = WORDS.get(dtype)
    size = math.prod(shape)
    if word is None or size < LEAST or compiler.target() is None:
        return None
    n, c = shape[:2]
    p = size // (n * c)
    return word, n, c, p, max(1, CHUNK // (p if p > 1 else c))


@lru_cache(maxsize=256)
def _same(c: int, dtype: Any, value: int) -> Array:
    """The same number for each channel; nobody writes to it."""
    return np.full(c, value, dtype)


def batch_norm(x: Array, weight: Array, bias: Array, eps: float) -> tuple[Array, ...] | None:
    """(normalised x, mean, variance, 1 / deviation) with the statistics of the batch."""
    d = x.dtype
    facts = _facts(x.shape, d)
    if facts is None:
        return None
    word, n, c, p, share = facts
    w = _same(c, d, 1) if weight is None else _like(weight, x)
    b = _same(c, d, 0) if bias is None else _like(bias, x)
    if w is None or b is None:
        return None
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if p == 1:
        mean, var, rstd, scale = columns.statistics(word, x, w, n, c, eps)
    else:
        out = np.empty((4, c), d)
        statistics(word)(c, x, w, out, n, c, p, eps)
        mean, var, rstd, scale = out
    return _normalized(facts, x, mean, scale, b), mean, var, rstd


def _normalized(facts: Any, x: Array, mean: Array, scale: Array, bias: Array) -> Array:
    word, n, c, p, share = facts
    y = np.empty(x.shape, x.dtype)
    if p == 1:
        columns.normalize(word)(-(-n // share), x, mean, scale, bias, y, n, c, share)
    else:
        normalize(word)(-(-n * c // share), x, mean, scale, bias, y, n, c, p, share)
    return y


def normalized(x: Array, mean: Array, scale: Array, bias: Array) -> Array | None:
    """(x - mean) * scale + bias, with numbers for each channel."""
    facts = _facts(x.shape, x.dtype)
    if facts is None:
        return None
    b = _same(facts[2], x.dtype, 0) if bias is None else _like(bias, x)
    mean, scale = _like(mean, x), _like(scale, x)
    if b is None or mean is None or scale is None:
        return None
    return _normalized(facts, np.ascontiguousarray(x), mean, scale, b)


def batch_norm_backward(
    g: Array, x: Array, weight: Array, mean: Array, rstd: Array, training: bool, needs: Any
) -> tuple[Array, ...] | None:
    """Gradients of x, weight and bias."""
    facts = _facts(x.shape, x.dtype)
    if facts is None:
        return None
    word, n, c, p, share = facts
    m, r = _like(mean, x), _like(rstd, x)
    w = r if weight is None else _like(weight, x)
    if m is None or r is None or w is None or g.shape != x.shape or g.dtype != x.dtype:
        return None
    g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    sums: Any = None
    if p == 1 and (training or needs[1] or needs[2]):
        sums = columns.sums(word, g, x, m, n, c)
    elif training or needs[1] or needs[2]:
        sums = np.empty((2, c), x.dtype)
        channel_sums(word)(c, g, x, m, sums, n, c, p)
    gx = None
    if needs[0]:
        a = r if weight is None else r * w
        if training:
            a0 = a * x.dtype.type(-1 / (n * p))
            b, c0 = a0 * r * r * sums[1], a0 * sums[0]
        else:
            b = c0 = np.zeros(c, x.dtype)
        gx = np.empty_like(x)
        if p == 1:
            columns.combine(word)(-(-n // share), g, x, m, a, b, c0, gx, n, c, share)
        else:
            combine(word)(-(-n * c // share), g, x, m, a, b, c0, gx, n, c, p, share)
    gw = sums[1] * r if needs[1] else None
    return gx, gw, sums[0] if needs[2] else None


def _like(a: Array, x: Array) -> Array | None:
    """Numbers for each channel, as the kernels want them."""
    if a.dtype != x.dtype or a.shape != x.shape[1:2]:
        return None
    return a if a.flags.c_contiguous else np.ascontiguousarray(a)
