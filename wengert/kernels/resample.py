"""Weighted sums of a few positions along a dimension: resampling, and the way back.

Positions and weights come in tables (taps, positions of the result), the same for every line.
`along` gives None where the kernels do not apply.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value, fma
from .sweep import TOGETHER

Array = Any
LEAST = 1 << 13  # elements of the result
CHUNK = 1 << 14  # of a chunk, about
UNROLLED = 4  # taps


class Taps(NamedTuple):
    """Where along a dimension of n each position of the result reads, and with what weights.

    sizes: how many of its taps are real, where that is not all of them. near: numbers of lanes for
    which what a vector reads with a tap ascends and lies within two vectors.
    """

    n: int
    positions: Array  # (taps, out), int32
    weights: Array  # (taps, out), float64
    sizes: Array | None  # (out,), int32
    near: tuple[int, ...] = ()


def taps(n: int, positions: Array, weights: Array | None) -> Taps:
    """What a plan says (see arrays/interpolate.py)."""
    if weights is None:
        weights = np.ones(positions.shape)
    places = np.ascontiguousarray(positions, np.int32)
    return Taps(n, places, np.ascontiguousarray(weights), None, _near(n, places))


def _near(n: int, positions: Array) -> tuple[int, ...]:
    """See Taps."""
    found = []
    for lanes in (8, 16):
        starts = np.arange(0, positions.shape[1], lanes)
        if n < 2 * lanes or not len(starts):
            continue
        low, high = (f.reduceat(positions, starts, 1) for f in (np.minimum, np.maximum))
        first = positions[:, starts]
        reach = high - np.minimum(first, n - 2 * lanes)
        if (low == first).all() and (reach < 2 * lanes).all():
            found.append(lanes)
    return tuple(found)


def adjoint(n: int, positions: Array, weights: Array | None) -> Taps:
    """The taps of the way back from the plan's result to the n positions that it reads."""
    given, out = taps(n, positions, weights), positions.shape[1]
    read = given.positions.T.reshape(-1)
    order = np.argsort(read, kind="stable")
    sizes = np.bincount(read, minlength=n)
    starts = np.cumsum(sizes) - sizes
    most = max(1, int(sizes.max(initial=0)))
    number = np.arange(most)[:, None]
    at = order[np.minimum(starts + number, len(order) - 1)]
    own = np.where(number < sizes, given.weights.T.reshape(-1)[at], 0.0)
    places = (at // len(positions)).astype(np.int32)
    uneven = bool((sizes != most).any())
    real = sizes.astype(np.int32) if uneven else None
    return Taps(out, places, own, real, _near(out, places))


@job(
    "x: T*, out: out T*, positions: i32*, weights: T*, sizes: i32*, n: i64, count: i64, "
    "inner: i64, items: i64, share: i64"
)
def columns(k: Job, word: str, uneven: bool) -> None:
    """out[o][p][i] = sum of weights[t][p] * x[o][positions[t][p]][i] over t below sizes[p]; a chunk
    is `share` of the (o, p). uneven: whether sizes differ; else sizes[0] is that of all.
    """
    x, out, positions, weights, sizes, n, count, inner, items, share = k.table()
    lanes = k.lanes(word)

    def item(at: Value) -> None:
        o, p = at // count, at % count
        source, to = x.at(o * n * inner), out.at(at * inner)
        size = sizes.load(p if uneven else k.index(0)).cast("sext", "i64")

        def some(i: Value, vectors: int, mask: Value | None) -> None:
            def parts(t: Value) -> tuple[Value, list[Value]]:
                place = positions.load(t * count + p).cast("sext", "i64")
                row = source.at(place * inner + i)
                return weights.load(t * count + p), [
                    row.load(v * lanes, lanes, mask) for v in range(vectors)
                ]

            def add(t: Value, *now: Value) -> list[Value]:
                w, read = parts(t)
                return [fma(v, w.wide(lanes), a) for v, a in zip(read, now)]

            if uneven:
                start = [k.zero(word, lanes)] * vectors
            else:
                w, read = parts(k.index(0))
                start = [v * w for v in read]
            found = k.loop(0 if uneven else 1, size, 1, add, start)
            for v, total in enumerate(found):
                to.store(total, i + v * lanes if v else i, mask)

        wide = TOGETHER * lanes
        most, full = inner // wide * wide, inner // lanes * lanes
        k.loop(0, most, wide, lambda i: some(i, TOGETHER, None))
        k.loop(most, full, lanes, lambda i: some(i, 1, None))
        k.loop(full, inner, lanes, lambda i: some(i, 1, k.mask(inner - i, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


@job(
    "x: T*, out: out T*, positions: i32*, weights: T*, sizes: i32*, n: i64, count: i64, most: i64, "
    "rows: i64, share: i64"
)
def rows(k: Job, word: str, uneven: bool, fixed: int, close: bool) -> None:
    """columns() with one column; a chunk is `share` rows. fixed: the taps, if they are few. close:
    whether what a vector reads with a tap lies within two vectors.
    """
    x, out, positions, weights, sizes, n, count, most, all_rows, share = k.table()
    lanes = k.lanes(word)

    def row(r: Value) -> None:
        source, to = x.at(r * n), out.at(r * count)

        def some(p: Value, mask: Value | None) -> None:
            real = sizes.load(p, lanes, mask) if uneven else None

            def part(t: Any) -> tuple[Value, Value]:
                at = t * count + p if isinstance(t, Value) or t else p
                place = positions.load(at, lanes, mask)
                if close:
                    first = place.lane(0).least((n - 2 * lanes).cast("trunc", "i32"))
                    near = source.at(first.cast("sext", "i64"))
                    v = near.load(0, lanes).pick(near.load(lanes, lanes), place - first)
                else:
                    v = source.gather(place)
                if real is not None:
                    now = t.cast("trunc", "i32").wide(lanes) if isinstance(t, Value) else t
                    v = (real > now).choose(v, 0.0)
                return weights.load(at, lanes, mask), v

            def add(t: Any, total: Value) -> Value:
                w, v = part(t)
                return fma(v, w, total)

            if uneven:
                total, first = k.zero(word, lanes), 0
            else:
                w, v = part(0)
                total, first = v * w, 1
            if fixed:
                for t in range(first, fixed):
                    total = add(k.index(t), total)
            else:
                (total,) = k.loop(first, most, 1, add, [total])
            to.store(total, p, mask)

        full = count // lanes * lanes
        k.loop(0, full, lanes, lambda p: some(p, None))
        k.loop(full, count, lanes, lambda p: some(p, k.mask(count - p, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, all_rows), 1, row)


def along(x: Array, axis: int, t: Taps) -> Array | None:
    """The sums along one axis of x."""
    word = WORDS.get(x.dtype)
    most, count = t.positions.shape
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    if word is None or not outer * count * inner >= LEAST or x.size >= 1 << 31:
        return None
    host = compiler.target()
    if host is None:
        return None
    out = np.empty((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype)
    x, uneven = np.ascontiguousarray(x), t.sizes is not None
    sizes = t.sizes if uneven else np.array([most], np.int32)
    given = x, out, t.positions, t.weights.astype(x.dtype), sizes, t.n, count
    if inner == 1:
        share = max(1, CHUNK // count)
        fixed = most if most <= UNROLLED else 0
        near = host.bytes == 64 and host.lanes(word) in t.near
        rows(word, uneven, fixed, near)(-(-outer // share), *given, most, outer, share)
        return out
    share, items = max(1, CHUNK // inner), outer * count
    columns(word, uneven)(-(-items // share), *given, inner, items, share)
    return out
