"""Images and volumes read at the points of a grid, and the gradients of both.

A lane has a point. Its coordinates are rounded step by step as they are where each step is an
operation of its own, for which neighbours are read depends on them; what lies outside reads as
zero. Each function gives None where the kernels do not apply.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Pointer, Value, fma

Array = Any
BLOCK = 1 << 10  # points of an image that one chunk has, at most; a multiple of the lanes
CHUNK = 1 << 14  # elements that a chunk reads, about
MOST = 1 << 31  # elements, whose places are numbers of 32 bits
CUBIC = -0.75  # the parameter of Keys's kernel
TABLE = "images: i64, channels: i64, count: i64, share: i64, d: i64, h: i64, w: i64, shift: T"


class Tap(NamedTuple):
    """What is read along a dimension: offsets, whether they are inside, weights, and how these
    change with the coordinate.
    """

    at: Value
    inside: Value
    weight: Value | None
    slope: Value | None


@contextmanager
def _step_by_step(k: Job) -> Iterator[None]:
    """No product is rounded together with the sum that it goes into."""
    kept = dict(k.module.flags)
    k.module.flags.clear()
    try:
        yield
    finally:
        k.module.flags.update(kept)


def _brought(c: Value, n: Value, shift: Value, padding: str) -> tuple[Value, Value]:
    """A coordinate brought into an image of n, and the derivative of that."""
    last = n - 1.0
    slope = c.constant(1)
    if padding == "reflection":
        low, span = -shift, last + shift * 2.0
        c = c - low
        turned = c < 0
        c, slope = turned.choose(-c, c), turned.choose(-1.0, slope)
        flips = (c / span).call("floor")
        inside = c - flips * span
        odd = (flips * 0.5).call("floor") * 2.0
        even = flips.equals(odd)
        c = even.choose(inside + low, (span + low) - inside)
        slope = even.choose(slope, -slope)
    above, below = c > 0, c < last.wide(c.lanes)
    return below.choose(above.choose(c, 0.0), last), (above & below).choose(slope, 0.0)


def _cubic(t: Value) -> tuple[list[Value], list[Value]]:
    """Keys's kernel at distances 1 + t, t, 1 - t, 2 - t, and its derivatives by t."""
    a = CUBIC

    def near(d: Value) -> Value:
        return ((d * (a + 2) - (a + 3)) * d) * d + 1.0

    def far(d: Value) -> Value:
        return ((d * a - 5 * a) * d + 8 * a) * d - 4 * a

    def near_slope(d: Value) -> Value:
        return (d * (3 * (a + 2)) - 2 * (a + 3)) * d

    def far_slope(d: Value) -> Value:
        return (d * (3 * a) - 10 * a) * d + 8 * a

    return (
        [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)],
        [far_slope(t + 1.0), near_slope(t), -near_slope(1.0 - t), -far_slope(2.0 - t)],
    )


def _taps(
    c: Value, n: Value, pitch: Value, shift: Value, mode: str, padding: str, word: str
) -> list[Tap]:
    """What is read along a dimension, given grid's numbers: from -1 to 1.

    n: the size, pitch: from one place to the next in the image.
    """
    size, step = n.to(word), pitch.cast("trunc", "i32")
    scale = (size - 1.0) * 0.5 + shift
    c = (c + 1.0) * scale - shift
    slope = scale.wide(c.lanes)

    def place(low: Value) -> tuple[Value, Value]:
        inside = (low >= 0) & (low <= size - 1.0)
        return inside.choose(low, 0.0).cast("fptosi", "i32") * step, inside

    if mode != "bicubic" and padding != "zeros":
        c, own = _brought(c, size, shift, padding)
        slope = slope * own
    if mode == "nearest":
        return [Tap(*place(c.call("nearbyint")), None, None)]
    low = c.call("floor")
    t = c - low
    if mode == "bilinear":
        minus = -slope
        return [Tap(*place(low), 1.0 - t, minus), Tap(*place(low + 1.0), t, slope)]
    taps = []
    for i, (weight, change) in enumerate(zip(*_cubic(t))):
        at = low + (i - 1.0)
        if padding != "zeros":
            at, _ = _brought(at, size, shift, padding)
        taps.append(Tap(*place(at), weight, change * slope))
    return taps


class Point(NamedTuple):
    """An element that is read: where, whether it is inside, and its tap along each dimension."""

    at: Value
    inside: Value
    taps: tuple[Tap, ...]

    def weight(self, without: int = -1) -> Value | None:
        """The product of the weights, but for a dimension, of which it is the slope."""
        factors = [t.slope if i == without else t.weight for i, t in enumerate(self.taps)]
        if factors[0] is None:
            return None
        out = factors[0]
        for f in factors[1:]:
            out = out * f
        return out


def _points(
    k: Job, grid: Pointer, p: Value, mask: Value | None, sizes: list[Value], shift: Value,
    word: str, mode: str, padding: str,
) -> list[Point]:  # fmt: skip
    """What the points from the p-th of an image on read."""
    lanes, rank = k.lanes(word), len(sizes)
    where = k.count_up("i32", lanes, rank)
    if mask is not None:
        where = mask.choose(where, 0)
    along: list[list[Tap]] = []
    pitch = k.index(1)
    with _step_by_step(k):
        for i, n in enumerate(reversed(sizes)):
            c = grid.at(p * rank + i).gather(where)
            along.insert(0, _taps(c, n, pitch, shift, mode, padding, word))
            pitch = pitch * n
    out = []
    for taps in itertools.product(*along):
        at, inside = taps[0].at, taps[0].inside
        for t in taps[1:]:
            at, inside = at + t.at, inside & t.inside
        out.append(Point(at, inside, taps))
    return out


@job(f"x: T*, grid: T*, out: out T*, {TABLE}")
def read(k: Job, word: str, rank: int, mode: str, padding: str) -> None:
    """A chunk is `share` blocks of points of an image."""
    x, grid, out, images, channels, count, share, d, h, w, shift = k.table()
    lanes, sizes = k.lanes(word), [d, h, w][3 - rank :]
    blocks = (count + (BLOCK - 1)) // BLOCK
    size = h * w if rank == 2 else d * h * w

    def block(i: Value) -> None:
        n, first = i // blocks, (i % blocks) * BLOCK
        points = grid.at(n * count * rank)
        last = k.least(first + BLOCK, count)

        def some(p: Value, mask: Value | None) -> None:
            read = _points(k, points, p, mask, sizes, shift, word, mode, padding)
            weights = [r.weight() for r in read]

            def channel(c: Value) -> None:
                plane = n * channels + c
                source = x.at(plane * size)
                total: Value | None = None
                for r, weight in zip(read, weights):
                    v = r.inside.choose(source.gather(r.at), 0.0)
                    if weight is None:
                        total = v
                    else:
                        total = v * weight if total is None else fma(v, weight, total)
                out.store(total, plane * count + p, mask)

            k.loop(0, channels, 1, channel)

        full = last - (last - first) % lanes
        k.loop(first, full, lanes, lambda p: some(p, None))
        k.when(last > full, lambda: some(full, k.mask(last - full, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, images * blocks), 1, block)


@job(f"g: T*, x: T*, grid: T*, gx: out T*, gp: out T*, {TABLE}")
def add(k: Job, word: str, rank: int, mode: str, padding: str, image: bool, points: bool) -> None:
    """Gradients of x, if image, and of grid, if points; a chunk is `share` images."""
    g, x, grid, gx, gp, images, channels, count, share, d, h, w, shift = k.table()
    lanes, sizes = k.lanes(word), [d, h, w][3 - rank :]
    size = h * w if rank == 2 else d * h * w
    reads = {"nearest": 1, "bilinear": 2, "bicubic": 4}[mode] ** rank
    places = k.stack("i32", reads * lanes)
    parts = k.stack(word, reads * lanes)

    def one(n: Value) -> None:
        coordinates = grid.at(n * count * rank)
        theirs = gp.at(n * count * rank)

        def some(p: Value, mask: Value | None) -> None:
            found = _points(k, coordinates, p, mask, sizes, shift, word, mode, padding)
            if image:
                for i, r in enumerate(found):
                    places.store(r.at, i * lanes)

            def channel(c: Value, *sums: Value) -> list[Value]:
                plane = n * channels + c
                got = g.load(plane * count + p, lanes, mask)
                source, to = x.at(plane * size), gx.at(plane * size)
                new = list(sums)
                for i, r in enumerate(found):
                    if image:
                        weight = r.weight()
                        part = got if weight is None else got * weight
                        parts.store(r.inside.choose(part, 0.0), i * lanes)
                    if points:
                        v = got * r.inside.choose(source.gather(r.at), 0.0)
                        for axis in range(rank):
                            new[axis] = fma(v, r.weight(axis), new[axis])
                if image:

                    def put(lane: Value) -> None:
                        for i in range(reads):
                            at = places.load(lane + i * lanes).cast("zext", "i64")
                            to.store(to.load(at) + parts.load(lane + i * lanes), at)

                    k.loop(0, k.index(lanes) if mask is None else count - p, 1, put)
                return new

            if not points:
                k.loop(0, channels, 1, lambda c: channel(c) and None)
                return
            sums = k.loop(0, channels, 1, channel, [k.zero(word, lanes)] * rank)
            inside = k.constant(1, "i1", lanes) if mask is None else mask
            for axis, v in enumerate(sums):
                where = k.count_up("i32", lanes, rank)
                theirs.at(p * rank + (rank - 1 - axis)).scatter(v, where, inside)

        full = count - count % lanes
        k.loop(0, full, lanes, lambda p: some(p, None))
        k.when(count > full, lambda: some(full, k.mask(count - full, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, images), 1, one)


class Facts(NamedTuple):
    """Of arrays that kernels take: the type; the numbers of the table."""

    word: str
    sizes: tuple[int, ...]  # images, channels, points
    planes: tuple[int, ...]  # d, h, w
    work: int  # elements that are read for an image

    @classmethod
    def of(cls, x: Array, grid: Array, mode: str) -> Facts | None:
        word = WORDS.get(x.dtype)
        if word is None or grid.dtype != x.dtype or compiler.target() is None:
            return None
        images, channels = x.shape[:2]
        count = math.prod(grid.shape[1:-1])
        size = math.prod(x.shape[2:])
        if not (images and channels and count and size):
            return None
        if max(size, count * (x.ndim - 2)) >= MOST or max(x.shape[2:]) >= 1 << 24:
            return None
        reads = {"nearest": 1, "bilinear": 2, "bicubic": 4}[mode] ** (x.ndim - 2)
        planes = (1, *x.shape[2:])[-3:]
        return cls(word, (images, channels, count), planes, channels * count * reads)


def sample(x: Array, grid: Array, mode: str, padding: str, corners: bool) -> Array | None:
    """x (N, C, *spatial) at the points of grid (N, *out, rank): (N, C, *out)."""
    facts = Facts.of(x, grid, mode)
    if facts is None:
        return None
    images, _, count = facts.sizes
    out = np.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    blocks = -(-count // BLOCK)
    share = max(1, CHUNK * blocks // facts.work)
    read(facts.word, x.ndim - 2, mode, padding)(
        -(-images * blocks // share), np.ascontiguousarray(x), np.ascontiguousarray(grid), out,
        *facts.sizes, share, *facts.planes, 0.0 if corners else 0.5,
    )  # fmt: skip
    return out


def sample_backward(
    g: Array, x: Array, grid: Array, mode: str, padding: str, corners: bool, needs: Any
) -> tuple[Array | None, Array | None] | None:
    """Gradients of x and of grid, those that needs says."""
    facts = Facts.of(x, grid, mode)
    if facts is None or g.dtype != x.dtype:
        return None
    image, points = bool(needs[0]), bool(needs[1]) and mode != "nearest"
    gx = np.zeros(x.shape if image else 1, x.dtype)
    gp = np.zeros(grid.shape, x.dtype) if needs[1] else np.empty(1, x.dtype)
    share = max(1, CHUNK // facts.work)
    if image or points:
        add(facts.word, x.ndim - 2, mode, padding, image, points)(
            -(-facts.sizes[0] // share), np.ascontiguousarray(g), np.ascontiguousarray(x),
            np.ascontiguousarray(grid), gx, gp, *facts.sizes, share, *facts.planes,
            0.0 if corners else 0.5,
        )  # fmt: skip
    return gx if image else None, gp if needs[1] else None
