"""Planes read at positions that each image has of its own, and the way back.

Positions beyond a plane read zeros and add nothing. Each function gives None where the kernels do
not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
LEAST = 1 << 12  # points
CHUNK = 1 << 13  # of a chunk, about


@job(
    "x: T*, where: i64*, out: out T*, images: i64, channels: i64, size: i64, count: i64, share: i64"
)
def read(k: Job, word: str) -> None:
    """A chunk is `share` images."""
    x, where, out, images, channels, size, count, share = k.table()
    lanes = k.lanes(word)

    def image(n: Value) -> None:
        def some(p: Value, mask: Value | None) -> None:
            at = where.load(n * count + p, lanes, mask)
            inside = (at < size) & (at >= 0)
            if mask is not None:
                inside = inside & mask
            safe = inside.choose(at, 0)

            def channel(c: Value) -> None:
                plane = n * channels + c
                v = x.at(plane * size).gather(safe)
                out.store(inside.choose(v, 0.0), plane * count + p, mask)

            k.loop(0, channels, 1, channel)

        full = count // lanes * lanes
        k.loop(0, full, lanes, lambda p: some(p, None))
        k.when(count > full, lambda: some(full, k.mask(count - full, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, images), 1, image)


@job(
    "g: T*, where: i64*, out: out T*, images: i64, channels: i64, size: i64, count: i64, share: i64"
)
def add(k: Job, word: str) -> None:
    """A chunk is `share` images; what comes first is added first."""
    g, where, out, images, channels, size, count, share = k.table()

    def image(n: Value) -> None:
        def point(p: Value) -> None:
            at = where.load(n * count + p)

            def channel(c: Value) -> None:
                plane = n * channels + c
                place = plane * size + at
                out.store(out.load(place) + g.load(plane * count + p), place)

            k.when((at < size) & (at >= 0), lambda: k.loop(0, channels, 1, channel))

        k.loop(0, count, 1, point)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, images), 1, image)


def _facts(x: Array, where: Array) -> tuple[str, int, int] | None:
    word = WORDS.get(x.dtype)
    if word is None or where.size < LEAST or where.dtype != np.int64 or not x.size:
        return None
    if compiler.target() is None:
        return None
    images, channels = x.shape[:2]
    share = max(1, CHUNK // (channels * (where.size // images)))
    return word, share, -(-images // share)


def read_points(x: Array, where: Array) -> Array | None:
    """x (N, C, size) at the positions where (N, points): (N, C, points)."""
    facts = _facts(x, where)
    if facts is None:
        return None
    word, share, chunks = facts
    images, channels, size = x.shape
    count = where.shape[1]
    out = np.empty((images, channels, count), x.dtype)
    x, where = np.ascontiguousarray(x), np.ascontiguousarray(where)
    read(word)(chunks, x, where, out, images, channels, size, count, share)
    return out


def add_points(g: Array, where: Array, size: int) -> Array | None:
    """Zeros (N, C, size) with g (N, C, points) added at the positions where (N, points)."""
    facts = _facts(g, where)
    if facts is None:
        return None
    word, share, chunks = facts
    images, channels, count = g.shape
    out = np.zeros((images, channels, size), g.dtype)
    g, where = np.ascontiguousarray(g), np.ascontiguousarray(where)
    add(word)(chunks, g, where, out, images, channels, size, count, share)
    return out
