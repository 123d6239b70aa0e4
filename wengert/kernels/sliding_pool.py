"""Sliding windows: maxima with their positions, means, and the ways back of both.

A plane is copied with its padding; windows beside each other lie on the lanes. Windows whose size
or step changes from place to place are in `window_pool.py`. Functions give None where the kernels
do not apply.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from itertools import product
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
    "x: T*, y: out T*, where: out i64*, divisors: T*, scratch: out T*, planes: i64, share: i64, "
    "room: i64, d: i64, h: i64, w: i64, od: i64, oh: i64, ow: i64, pd: i64, ph: i64, pw: i64, "
    "high: i64, wide: i64, sd: i64, sh: i64"
)
def pool(k: Job, word: str, kind: str, kernel: Ints, sw: int, dilation: Ints) -> None:
    """kind: "max", or "sum", over the divisor of each window. A chunk is `share` planes.

    scratch: `room` numbers for each thread, before all -inf or 0. high, wide: of a padded plane's
    slice.
    """
    (x, y, where, divisors, scratch, planes, share, room, d, h, w, od, oh, ow, pd, ph, pw, high,
     wide, sd, sh) = k.table()  # fmt: skip
    lanes = k.lanes(word)
    scratch = scratch.at(k.thread * room)
    kd, kh, kw = kernel
    dd, dh, dw = dilation

    def first(start: Value, step: int) -> Value:
        """Where a window that starts there meets the plane."""
        outside = (0 - start).most(0)
        return start + (outside + (step - 1)) / step * step

    def plane(n: Value) -> None:
        def row(z: Value, r: Value) -> None:
            to = scratch.at(((z + pd) * high + r + ph) * wide + pw)
            to.copy(x.at(((n * d + z) * h + r) * w), w)

        k.loop(0, d, 1, lambda z: k.loop(0, h, 1, lambda r: row(z, r)))

        def taps(corner: Pointer) -> Iterator[tuple[int, int, int, Value]]:
            for i, j, q in product(range(kd), range(kh), range(kw)):
                place = (k.index(i * dd) * high + j * dh) * wide + q * dw
                yield i, j, q, _strided(corner.at(place), lanes, sw)

        def windows(a: Value, b: Value, c: Value, mask: Value | None) -> None:
            corner = scratch.at((a * sd * high + b * sh) * wide + c * sw)
            inside = (a * oh + b) * ow + c
            out = n * (od * oh * ow) + inside
            if kind == "sum":
                total = functools.reduce(lambda u, v: u + v, [v for *_, v in taps(corner)])
                y.store(total / divisors.load(inside, lanes, mask, 1), out, mask)
                return
            top, left = a * sd - pd, b * sh - ph
            columns = k.count_up("i32", lanes, sw) + (c * sw - pw).cast("trunc", "i32")
            start = (first(top, dd) * h + first(left, dh)) * w
            at = first(columns, dw) + start.cast("trunc", "i32")
            best = k.constant(-math.inf, word, lanes)
            for i, j, q, v in taps(corner):
                line = ((top + i * dd) * h + (left + j * dh)) * w
                better = (v > best) | v.isnan()
                best = better.choose(v, best)
                at = better.choose(columns + line.cast("trunc", "i32") + q * dw, at)
            y.store(best, out, mask)
            where.store(at.cast("sext", "i64"), out, mask)

        def line(a: Value, b: Value) -> None:
            full = ow // lanes * lanes
            k.loop(0, full, lanes, lambda c: windows(a, b, c, None))
            k.loop(full, ow, lanes, lambda c: windows(a, b, c, k.mask(ow - c, lanes)))

        k.loop(0, od, 1, lambda a: k.loop(0, oh, 1, lambda b: line(a, b)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, planes), 1, plane)


@job(
    "g: T*, x: out T*, divisors: T*, scratch: out T*, planes: i64, share: i64, room: i64, d: i64, "
    "h: i64, w: i64, od: i64, oh: i64, ow: i64, pd: i64, ph: i64, pw: i64, sd: i64, sh: i64, "
    "pitch: i64"
)
def spread(k: Job, word: str, kernel: Ints, sw: int) -> None:
    """x: what each of g, over its divisor, gives to the places of its window. A chunk is `share`
    planes.

    scratch: `room` numbers for each thread, 0 before: the quotients in rows of `pitch`, and a row
    of x. Windows are added in order, as far as they reach a place.
    """
    (g, x, divisors, scratch, planes, share, room, d, h, w, od, oh, ow, pd, ph, pw, sd, sh,
     pitch) = k.table()  # fmt: skip
    lanes = k.lanes(word)
    kd, kh, kw = kernel
    reach = -(-kw // sw)  # windows of a row that a place lies in, at most
    more = kw - (reach - 1) * sw  # columns of each step that lie in so many, and the others in less
    shares = scratch.at(k.thread * room + lanes)
    row = shares.at(od * oh * pitch)

    def plane(n: Value) -> None:
        def quotients(i: Value) -> None:
            p, q, to = g.at((n * od * oh + i) * ow), divisors.at(i * ow), shares.at(i * pitch)

            def some(c: Value) -> None:
                mask = k.mask(ow - c, lanes)
                to.store(p.load(c, lanes, mask) / q.load(c, lanes, mask, 1), c, mask)

            k.loop(0, ow, lanes, some)

        k.loop(0, od * oh, 1, quotients)

        def reached(
            i: Value, pad: Value, size: int, step: Value, out: Value
        ) -> tuple[Value, Value]:
            """The first of the windows that a place lies in, and the one after the last."""
            return (i + pad - size + step).most(0) / step, k.least((i + pad) / step + 1, out)

        def line(z: Value, r: Value) -> None:
            low, high = reached(z, pd, kd, sd, od)
            top, bottom = reached(r, ph, kh, sh, oh)

            def some(t: Value) -> None:
                """The columns from t * sw on, padding counted."""

                def add(a: Value, b: Value, many: Value, few: Value) -> list[Value]:
                    p = shares.at((a * oh + b) * pitch)
                    for m in reversed(range(reach)):
                        v = p.at(t - m).load(0, lanes)
                        many = many + v
                        few = few + v if m < reach - 1 else few
                    return [many, few]

                def deep(a: Value, *now: Value) -> list[Value]:
                    return k.loop(top, bottom, 1, lambda b, *now: add(a, b, *now), now)

                many, few = k.loop(low, high, 1, deep, [k.zero(word, lanes)] * 2)
                for s in range(sw):
                    places = [divmod(s * lanes + q, sw) for q in range(lanes)]
                    chosen = [at if column < more else lanes + at for at, column in places]
                    row.store(many.shuffle(few, chosen), t * sw + s * lanes)

            k.loop(0, (w + pw + (sw - 1)) // sw, lanes, some)
            x.at(((n * d + z) * h + r) * w).copy(row.at(pw), w)

        k.loop(0, d, 1, lambda z: k.loop(0, h, 1, lambda r: line(z, r)))

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
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    out: Ints,
    divisors: Array | None = None,
) -> tuple[Array, Array] | None:
    """Maxima of the windows of planes x (n, *spatial), and their positions in the planes; or sums
    over divisors, numbers (*out) or one for all, and no positions.
    """
    word, kind = WORDS.get(x.dtype), "max" if divisors is None else "sum"
    if word is None or x.size < LEAST or compiler.target() is None:
        return None
    found = prepared(word, kind, x.shape[1:], kernel, stride, padding, dilation, out)
    if found is None:
        return None
    run, size, facts = found
    planes, busy = x.shape[0], threads.count()
    share = max(1, CHUNK // size)
    room = size + 64 * (STRIDE + 1)
    scratch = np.empty((busy, room), x.dtype)
    scratch.fill(-math.inf if kind == "max" else 0)
    y = np.empty((planes, *out), x.dtype)
    where = np.empty((planes, *out) if kind == "max" else 0, np.int64)
    x = x if x.flags.c_contiguous else np.ascontiguousarray(x)
    by = y if divisors is None else _filled(divisors, out, x.dtype)
    run(-(-planes // share), x, y, where, by, scratch, planes, share, room, *facts, most=busy)
    return y, where


def _filled(divisors: Any, out: Ints, dtype: Any) -> Array:
    """A divisor for each window."""
    return np.ascontiguousarray(np.broadcast_to(np.asarray(divisors, dtype), out))


@functools.lru_cache(512)
def prepared(
    word: str,
    kind: str,
    spatial: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    out: Ints,
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
    return pool(word, kind, kernel, steps[2], dilation), size, facts


def shared(
    g: Array, spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, divisors: Any
) -> Array | None:
    """Planes (n, *spatial): each of g (n, *out) over its divisor, at all places of its window."""
    word, host, out = WORDS.get(g.dtype), compiler.target(), g.shape[1:]
    if word is None or host is None or g.size < LEAST or not math.prod(spatial):
        return None
    if math.prod(kernel) > TAPS or stride[-1] > STRIDE:
        return None
    sizes, outs, kernel = _triple(spatial, 1), _triple(out, 1), _triple(kernel, 1)
    steps, pads = _triple(stride, 1), _triple(padding, 0)
    lanes = host.lanes(word)
    across = -(-(sizes[2] + pads[2]) // steps[2])  # windows that begin in a row
    groups = -(-across // lanes)
    pitch = max(outs[2], groups * lanes) + lanes  # windows before the first are none, too
    room = lanes + outs[0] * outs[1] * pitch + groups * lanes * steps[2]
    if room > PLANE or -(-kernel[2] // steps[2]) > lanes:
        return None
    planes, busy = g.shape[0], threads.count()
    share = max(1, CHUNK // (math.prod(sizes) + math.prod(outs)))
    x = np.empty((planes, *spatial), g.dtype)
    scratch = np.zeros((busy, room), g.dtype)
    g = g if g.flags.c_contiguous else np.ascontiguousarray(g)
    spread(word, kernel, steps[2])(
        -(-planes // share), g, x, _filled(divisors, out, g.dtype), scratch, planes, share, room,
        *sizes, *outs, *pads, steps[0], steps[1], pitch, most=busy,
    )  # fmt: skip
    return x


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
