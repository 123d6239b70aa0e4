"""Maxima of windows with their positions, and what is added at such positions.

A plane is copied with its padding of minus infinity; windows beside each other lie on the lanes.
Functions give None where the kernels do not apply.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from . import compiler, threads
from .jobs import WORDS, Job, Kernel, job
from .lanes import Pointer, Value

Array = Any
Ints = tuple[int, ...]
LEAST = 1 << 10  # elements
CHUNK = 16384  # elements of a chunk, about
TAPS, STRIDE = 49, 4  # at most: windows are written out in the code
PLANE = 1 << 20  # numbers of a padded plane, at most


def _strided(p: Pointer, lanes: int, stride: int) -> Value:
    """Every stride-th of the numbers from p on; reads `stride` whole vectors."""
    if stride == 1:
        return p.load(0, lanes)
    v = p.load(0, lanes)
    out = v.shuffle(v, [min(q * stride, lanes - 1) for q in range(lanes)])
    for s in range(1, stride):
        w = p.load(s * lanes, lanes)
        index = []
        for q in range(lanes):
            at = q * stride - s * lanes
            index.append(lanes + at if 0 <= at < lanes else q)
        out = out.shuffle(w, index)
    return out


@job(
    "x: T*, y: out T*, where: out i64*, scratch: out T*, planes: i64, share: i64, room: i64, "
    "d: i64, h: i64, w: i64, od: i64, oh: i64, ow: i64, pd: i64, ph: i64, pw: i64, "
    "high: i64, wide: i64, sd: i64, sh: i64"
)
def max_pool(k: Job, word: str, kernel: Ints, sw: int, dilation: Ints) -> None:
    """A chunk is `share` planes. scratch: `room` numbers for each thread, -inf before.

    high, wide: of a padded plane's slice.
    """
    (x, y, where, scratch, planes, share, room, d, h, w, od, oh, ow, pd, ph, pw, high, wide, sd,
     sh) = k.table()  # fmt: skip
    lanes = k.lanes(word)
    scratch = scratch.at(k.thread * room)
    kd, kh, kw = kernel
    dd, dh, dw = dilation

    def first(start: Value, step: int) -> Value:
        """Where a window that starts there meets the plane."""
        outside = (0 - start).most(0)
        return start + (outside + (step - 1)) / step * step

    def plane(n: Value) -> None:
        def depth(z: Value) -> None:
            def row(r: Value) -> None:
                to = scratch.at(((z + pd) * high + r + ph) * wide + pw)
                to.copy(x.at(((n * d + z) * h + r) * w), w)

            k.loop(0, h, 1, row)

        k.loop(0, d, 1, depth)

        def windows(a: Value, b: Value, c: Value, mask: Value | None) -> None:
            corner = scratch.at((a * sd * high + b * sh) * wide + c * sw)
            top, left = a * sd - pd, b * sh - ph
            columns = k.count_up("i32", lanes, sw) + (c * sw - pw).cast("trunc", "i32")
            row = (first(top, dd) * h + first(left, dh)) * w
            at = first(columns, dw) + row.cast("trunc", "i32")
            best = k.constant(-math.inf, word, lanes)
            for i in range(kd):
                for j in range(kh):
                    line = ((top + i * dd) * h + (left + j * dh)) * w
                    here = columns + line.cast("trunc", "i32")
                    for q in range(kw):
                        place = (k.index(i * dd) * high + j * dh) * wide + q * dw
                        v = _strided(corner.at(place), lanes, sw)
                        better = (v > best) | v.isnan()
                        best = better.choose(v, best)
                        at = better.choose(here + q * dw, at)
            out = ((n * od + a) * oh + b) * ow + c
            y.store(best, out, mask)
            where.store(at.cast("sext", "i64"), out, mask)

        def line(a: Value, b: Value) -> None:
            full = ow // lanes * lanes
            k.loop(0, full, lanes, lambda c: windows(a, b, c, None))
            k.loop(full, ow, lanes, lambda c: windows(a, b, c, k.mask(ow - c, lanes)))

        k.loop(0, od, 1, lambda a: k.loop(0, oh, 1, lambda b: line(a, b)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, planes), 1, plane)


@job("g: T*, where: i64*, x: out T*, wrong: out i64*, planes: i64, n: i64, size: i64, share: i64")
def scatter(k: Job, word: str) -> None:
    """x[plane][where] += g; a chunk is `share` planes. wrong: a position beside the plane, if any.

    x is of zeros before.
    """
    g, where, x, wrong, planes, n, size, share = k.table()

    def plane(p: Value) -> None:
        gp, wp, xp = g.at(p * n), where.at(p * n), x.at(p * size)

        def one(i: Value) -> None:
            at = wp.load(i)
            inside = at.compare("", "ult", size)
            k.when(
                inside,
                lambda: xp.store(xp.load(at) + gp.load(i), at),
                lambda: wrong.store(k.index(1)),
            )

        k.loop(0, n, 1, one)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, planes), 1, plane)


def _triple(values: Any, fill: int) -> tuple[int, int, int]:
    a, b, c = (fill,) * (3 - len(values)) + tuple(values)
    return a, b, c


def windows(
    x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> tuple[Array, Array] | None:
    """Maxima of the windows of planes x (n, *spatial), and their positions in the planes."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or compiler.target() is None:
        return None
    found = prepared(word, x.shape[1:], kernel, stride, padding, dilation, out)
    if found is None:
        return None
    run, size, facts = found
    planes, busy = x.shape[0], threads.count()
    share = max(1, CHUNK // size)
    room = size + 64 * (STRIDE + 1)
    scratch = np.empty((busy, room), x.dtype)
    scratch.fill(-math.inf)
    y = np.empty((planes, *out), x.dtype)
    where = np.empty((planes, *out), np.int64)
    x = x if x.flags.c_contiguous else np.ascontiguousarray(x)
    run(-(-planes // share), x, y, where, scratch, planes, share, room, *facts, most=busy)
    return y, where


@functools.lru_cache(512)
def prepared(
    word: str, spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> tuple[Kernel, int, Ints] | None:
    """The kernel for windows of planes of one size, the numbers of a padded plane, and what the
    kernel is told of both; None where it does not apply.
    """
    if math.prod(out) == 0 or math.prod(kernel) > TAPS or stride[-1] > STRIDE:
        return None
    sizes, outs = _triple(spatial, 1), _triple(out, 1)
    kernel, dilation = _triple(kernel, 1), _triple(dilation, 1)
    steps, pads = _triple(stride, 1), _triple(padding, 0)
    need = [
        max(n + 2 * p, (o - 1) * s + (k - 1) * d + 1)
        for n, p, o, s, k, d in zip(sizes, pads, outs, steps, kernel, dilation)
    ]
    size = math.prod(need)
    if size > PLANE or math.prod(sizes) >= 1 << 30:
        return None
    facts = (*sizes, *outs, *pads, need[1], need[2], steps[0], steps[1])
    return max_pool(word, kernel, steps[2], dilation), size, facts


def put(g: Array, where: Array, size: int) -> Array | None:
    """Planes of `size` numbers: zeros, plus g (planes, n) at the positions `where` of each."""
    word = WORDS.get(g.dtype)
    if word is None or g.size < LEAST or compiler.target() is None or where.dtype != np.int64:
        return None
    planes, n = g.shape
    x = np.zeros((planes, size), g.dtype)
    wrong = np.zeros(1, np.int64)
    share = max(1, CHUNK // (n + size))
    g, where = np.ascontiguousarray(g), np.ascontiguousarray(where)
    scatter(word)(-(-planes // share), g, where, x, wrong, planes, n, size, share)
    if wrong[0]:
        raise IndexError(f"a position is not in a plane of {size} elements")
    return x
