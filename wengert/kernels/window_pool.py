"""Sums and maxima of windows that tables describe: average and adaptive pools, one to three
dimensions.

A window begins at a place of its own along each dimension and has a size of its own there, so that
padding, adaptive pools and the way back of an average are the same kernel. A lane has a window.
Each function gives None where the kernel does not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
Bounds = tuple[Any, Any]  # where the windows along a dimension begin, and their sizes
LEAST = 1 << 10  # elements
CHUNK = 1 << 13  # of the elements in the windows of a chunk, about
VECTORS = 2  # side by side
TABLES = ", ".join(f"begin{d}: i32*, size{d}: i32*" for d in range(3))


@job(
    f"x: T*, out: out T*, where: out i64*, divisors: T*, {TABLES}, count: i64, share: i64, "
    "h: i64, w: i64, plane: i64, d_out: i64, h_out: i64, w_out: i64, d_most: i64, h_most: i64, "
    "w_most: i64"
)
def pool(k: Job, word: str, kind: str) -> None:
    """A chunk is `share` groups of windows; kind: "sum", over divisors, or "max"."""
    x, out, where, divisors, *rest = k.table()
    tables, (count, share, h, w, plane, d_out, h_out, w_out, *most) = rest[:6], rest[6:]
    lanes = VECTORS * k.lanes(word)

    def short(v: Value) -> Value:
        return v.cast("trunc", "i32")

    def divided(v: Value, by: Value) -> tuple[Value, Value]:
        """Quotient and rest."""
        q = ((v.to("double") + 0.5) * (1.0 / by.to("double"))).cast("fptosi", "i32")
        return q, v - q * short(by)

    def group(g: Value) -> None:
        first = g * lanes
        at = (k.count_up("i32", lanes) + short(first)).least(short(count - 1))
        which, place = divided(at, d_out * h_out * w_out)
        i, left = divided(place, h_out * w_out)
        j, l = divided(left, w_out)
        begins, sizes = [], []
        for n, axis in enumerate((i, j, l)):
            begins.append(tables[2 * n].gather(axis))
            sizes.append(tables[2 * n + 1].gather(axis))
        corner = (begins[0] * short(h) + begins[1]) * short(w) + begins[2]
        base = which * short(plane)

        def each(v: Value, inside: Value, offset: Value, now: list[Value]) -> list[Value]:
            if kind == "sum":
                return [now[0] + inside.choose(v, 0.0)]
            wins = ((v > now[0]) | v.isnan()) & inside
            return [wins.choose(v, now[0]), wins.choose(offset, now[1])]

        def deep(a: Value, *now: Value) -> list[Value]:
            in_a = short(a).wide(lanes) < sizes[0]

            def high(b: Value, *now: Value) -> list[Value]:
                in_b = in_a & (short(b).wide(lanes) < sizes[1])
                row = corner + short((a * h + b) * w)

                def across(c: Value, *now: Value) -> list[Value]:
                    inside = in_b & (short(c).wide(lanes) < sizes[2])
                    offset = inside.choose(row + short(c), corner)
                    return each(x.gather(base + offset), inside, offset, list(now))

                return k.loop(0, most[2], 1, across, now)

            return k.loop(0, most[1], 1, high, now)

        mask = k.mask(count - first, lanes)
        if kind == "sum":
            (total,) = k.loop(0, most[0], 1, deep, [k.zero(word, lanes)])
            out.store(total / divisors.gather(place), first, mask)
            return
        begin = [k.constant(-math.inf, word, lanes), corner]
        best, offset = k.loop(0, most[0], 1, deep, begin)
        out.store(best, first, mask)
        where.store(offset.cast("sext", "i64"), first, mask)

    k.loop(
        k.chunk * share, k.least((k.chunk + 1) * share, (count + (lanes - 1)) // lanes), 1, group
    )


def windows(
    x: Array, bounds: list[Bounds], kind: str, divisors: Array | None = None
) -> tuple[Array, Array] | None:
    """The sums of windows of planes x (n, *spatial), over divisors (*out) if given; or "max":
    their maxima (the first of equals, the last nan), and where these are in their planes.
    """
    word = WORDS.get(x.dtype)
    host = compiler.target()
    outs = [len(begin) for begin, _ in bounds]
    count = len(x) * math.prod(outs)
    if word is None or host is None or not LEAST <= x.size < 1 << 31 or not 0 < count < 1 << 31:
        return None
    if any([not sizes.all() for _, sizes in bounds]) and kind == "max":
        return None
    three = [(np.zeros(1, np.int32), np.ones(1, np.int32))] * (3 - len(bounds)) + [
        (np.asarray(b, np.int32), np.asarray(s, np.int32)) for b, s in bounds
    ]
    spatial = (1, 1, *x.shape[1:])[-3:]
    most = [max(1, int(sizes.max())) for _, sizes in three]
    out = np.empty((len(x), *outs), x.dtype)
    where = np.empty(out.shape if kind == "max" else 0, np.int64)
    if divisors is None:
        divisors = np.ones(outs, x.dtype)
    divisors = np.ascontiguousarray(np.broadcast_to(divisors, outs), x.dtype)
    lanes = VECTORS * host.lanes(word)
    share = max(1, CHUNK // (lanes * math.prod(most)))
    groups = -(-count // lanes)
    pool(word, kind)(
        -(-groups // share), np.ascontiguousarray(x), out, where, divisors,
        *[np.ascontiguousarray(t) for pair in three for t in pair], count, share, *spatial[1:],
        math.prod(spatial), *[len(begin) for begin, _ in three], *most,
    )  # fmt: skip
    return out, where


def turned(bounds: Bounds, n: int) -> Bounds:
    """For each of n places, which windows it lies in: the first of them, and how many."""
    begin, sizes = (np.asarray(a, np.int64) for a in bounds)
    place = np.arange(n)
    first = np.searchsorted(begin + sizes, place, "right")
    return first, np.maximum(np.searchsorted(begin, place, "right") - first, 0)
