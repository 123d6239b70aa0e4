"""Convolution with 3x3 filters at stride 1 by Winograd's minimal filtering, F(2x2, 3x3).

Two by two results come from four by four numbers of the source with 16 products of matrices (source
channels by result channels, over tiles) instead of 36: every pass, forward and the two adjoints,
has 4/9 of the multiplications. Channels lie on the lanes, as in `conv_loops.py`: rows of the source
are transposed in registers, transformed, multiplied and transposed back.

Sums of four numbers take part in each product, so that a result's error is that of the largest
number in its tile's 4x4 window, one beyond its own 3x3. Where a result is not finite, the functions
give None: direct convolution then keeps what is infinite where it belongs.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import compiler, threads
from .compiler import Target
from .jobs import Job, job
from .lanes import Function, Pointer, Value
from .panels import tile

Array = Any
LEAST = 1 << 21  # multiply-adds; with fewer, transforms cost more than they save
CHANNELS = 16  # at least, of source and result
TILES = 48  # of a block, about: transformed they stay in the second cache
MANY, DEEP = 256, 72  # channels from which sums leave the caches between blocks, and tiles then
PARTS = 16  # of the blocks, for sums over them
PART = 256  # tiles of a part at least, with more than four parts
SUMS = 16 << 20  # bytes of partial sums
LINE = 16  # numbers between transforms, which would be powers of two apart
F32 = np.dtype(np.float32)


class Blocks(NamedTuple):
    """Vectors of a panel of result channels, and tiles (channels, for weights) beside them."""

    vectors: int
    tiles: int
    channels: int


def blocks(target: Target, outputs: int) -> Blocks:
    """What fits into the registers."""
    vectors = outputs // target.lanes("float")
    if target.registers == 32:
        return Blocks(1, 24, 16) if vectors == 1 else Blocks(2, 12, 8) if vectors == 2 else (
            Blocks(4, 6, 4)
        )  # fmt: skip
    return Blocks(1, 8, 8) if vectors == 1 else Blocks(2, 4, 4)


def apart(channels: int) -> int:
    """Numbers from a tile's channels to the next's: no power of two, where those are many."""
    return channels if channels < 64 else channels + LINE


# ------------------------------------------------------------------------- transforms


def _of_source(a: Sequence[Value]) -> list[Value]:
    return [a[0] - a[2], a[1] + a[2], a[2] - a[1], a[1] - a[3]]


def _of_gradient(a: Sequence[Value]) -> list[Value]:
    return [a[0], a[0] + a[1], a[0] - a[1], -a[1]]


def _of_filter(a: Sequence[Value]) -> list[Value]:
    ends, middle = (a[0] + a[2]) * 0.5, a[1] * 0.5
    return [a[0], ends + middle, ends - middle, a[2]]


def _to_result(a: Sequence[Value]) -> list[Value]:
    return [a[0] + a[1] + a[2], a[1] - a[2] - a[3]]


def _to_filter(a: Sequence[Value]) -> list[Value]:
    both = (a[1] + a[2]) * 0.5
    return [a[0] + both, (a[1] - a[2]) * 0.5, both + a[3]]


def _twice(of: Any, a: Sequence[Sequence[Value]]) -> list[list[Value]]:
    """A transform of both dimensions: columns first."""
    half = list(zip(*[of(column) for column in zip(*a)]))
    return [of(row) for row in half]


# ------------------------------------------------------------------------- functions of the kernels


def _take_row(f: Function, channels: int) -> None:
    """to[position][channel] = x[channel][position] of a row; zeros up to whole vectors."""
    x, plane, count, to = f.args.values()
    lanes, turned = f.lanes("float"), f.module.turned("float")
    some = f.stack("float", lanes * lanes)

    def last(c: Value, p: Value) -> None:
        mask = f.mask(count - p, lanes)

        def row(q: Value) -> None:
            some.store(x.load((c + q) * plane + p, lanes, mask), q * lanes)

        f.loop(0, lanes, 1, row)
        f.call(turned, some, lanes, to.at(p * channels + c), channels)

    def square(c: Value, p: Value) -> None:
        f.call(turned, x.at(c * plane + p), plane, to.at(p * channels + c), channels)

    def each(c: Value) -> None:
        whole = count // lanes * lanes
        f.loop(0, whole, lanes, lambda p: square(c, p))
        f.loop(whole, count, lanes, lambda p: last(c, p))

    f.loop(0, channels, lanes, each)


def _give_row(f: Function, width: int) -> None:
    """y[channel][position] = x[position][channel] of a row, for some channels."""
    x, y, plane, count, channels = f.args.values()
    lanes, turned = f.lanes("float"), f.module.turned("float")
    some = f.stack("float", lanes * lanes)

    def last(c: Value, p: Value) -> None:
        mask = f.mask(count - p, lanes)
        f.call(turned, x.at(p * width + c), width, some, lanes)

        def row(q: Value) -> None:
            y.store(some.load(q * lanes, lanes), (c + q) * plane + p, mask)

        f.loop(0, lanes, 1, row)

    def square(c: Value, p: Value) -> None:
        f.call(turned, x.at(p * width + c), width, y.at(c * plane + p), plane)

    def each(c: Value) -> None:
        whole = count // lanes * lanes
        f.loop(0, whole, lanes, lambda p: square(c, p))
        f.loop(whole, count, lanes, lambda p: last(c, p))

    f.loop(0, channels, lanes, each)


def _transform(f: Function, of: Any, rows: int, channels: int, room: int) -> None:
    """to[transform][tile][channel] of a row of tiles, from `rows` rows [position][channel]."""
    *lines, to, count = f.args.values()
    lanes = f.lanes("float")

    def one(t: Value) -> None:
        def some(c: Value) -> None:
            at = t * (2 * channels) + c
            a = [[line.load(at + i * channels, lanes) for i in range(rows)] for line in lines]
            place = to.at(t * apart(channels) + c)
            for i, row in enumerate(_twice(of, a)):
                for j, v in enumerate(row):
                    place.store(v, (4 * i + j) * (room * apart(channels) + LINE))

        f.loop(0, channels, lanes, some)

    f.loop(0, count, 1, one)


def _results(f: Function, width: int, room: int, bias: bool) -> None:
    """Two rows [position][channel] of results; wrong: nan if one is not finite."""
    m, biases, first, second, wrong, count = f.args.values()
    lanes = f.lanes("float")

    def one(t: Value, *now: Value) -> list[Value]:
        (bad,) = now
        for v in range(0, width, lanes):
            place = m.at(t * width + v)
            step = room * width + LINE
            a = [[place.load((4 * i + j) * step, lanes) for j in range(4)] for i in range(4)]
            for row, to in zip(_twice(_to_result, a), (first, second)):
                for i, y in enumerate(row):
                    y = y + biases.load(v, lanes) if bias else y
                    bad = bad + (y - y)
                    to.store(y, t * (2 * width) + (i * width + v))
        return [bad]

    (bad,) = f.loop(0, count, 1, one, [wrong.load(0, lanes)])
    wrong.store(bad)


def _multiply(f: Function, b: Blocks, channels: int) -> None:
    """to[tile][output] = v[tile][channel] @ u[channel][output], by whole tiles of registers."""
    v, u, to, count = f.args.values()
    lanes = f.lanes("float")
    width = b.vectors * lanes

    def some(t: Value) -> None:
        rows = [v.at(t * apart(channels)).at(r * apart(channels)) for r in range(b.tiles)]
        acc = [f.zero("float", lanes)] * (b.tiles * b.vectors)
        acc = tile(f, rows, u, width, channels, acc, [None] * b.vectors)
        place = to.at(t * width)
        for i, x in enumerate(acc):
            place.store(x, i * lanes)

    f.loop(0, count, b.tiles, some)


def _accumulate(f: Function, b: Blocks, channels: int, outputs: int) -> None:
    """to[channel][output] += v[tile][channel] turned @ d[tile][output]."""
    v, d, to, count = f.args.values()
    lanes = f.lanes("float")
    width = b.vectors * lanes

    def some(c: Value) -> None:
        place = to.at(c * width)
        acc = [place.load(i * lanes, lanes) for i in range(b.channels * b.vectors)]
        rows = [v.at(c).at(r) for r in range(b.channels)]
        masks = [None] * b.vectors
        acc = tile(f, rows, d, apart(outputs), count, acc, masks, apart(channels))
        for i, x in enumerate(acc):
            place.store(x, i * lanes)

    f.loop(0, channels, b.channels, some)


# ------------------------------------------------------------------------- kernels


@job("w: T*, u: out T*, si: i64, sq: i64, first: i64, step: i64, outputs: i64, panels: i64")
def filters(k: Job, word: str, channels: int, width: int) -> None:
    """u[transform][panel][channel][width] of w; a chunk is a channel of a panel.

    si and sq: from a channel of the source, and of the result, to the next; taps begin at `first`
    and are `step` apart. What lies beyond the outputs is 0.
    """
    w, u, si, sq, first, step, outputs, panels = k.table()
    lanes = k.lanes(word)
    panel, c = k.chunk // channels, k.chunk % channels
    for v in range(0, width, lanes):
        at = panel * width + v
        u_at = u.at(k.chunk * width + v)

        def some(at: Value = at, u_at: Pointer = u_at) -> None:
            index = k.count_up("i64", lanes) * sq
            base = w.at(c * si + at * sq + first)
            a = [[base.at(step * (3 * i + j)).gather(index) for j in range(3)] for i in range(3)]
            for i, row in enumerate(_twice(_of_filter, a)):
                for j, x in enumerate(row):
                    u_at.store(x, panels * ((4 * i + j) * channels * width))

        def none(u_at: Pointer = u_at) -> None:
            for i in range(16):
                u_at.store(k.zero(word, lanes), panels * (i * channels * width))

        k.when(at < outputs, some, none)


SIZES = (
    "h: i64, w: i64, out_h: i64, out_w: i64, low_h: i64, low_w: i64, tiles_h: i64, tiles_w: i64, "
    "total: i64, rows: i64, slot: i64"
)


class _Source:
    """The rows of the source that a row of tiles sees: four slots, of which two are new."""

    def __init__(self, k: Job, channels: int, room: int) -> None:
        self.k, self.channels = k, channels
        take = [("x", "float*"), ("plane", "i64"), ("count", "i64"), ("to", "float*")]
        _take_row(k.module.function("take", take), channels)
        lines = [(f"r{i}", "float*") for i in range(4)]
        f = k.module.function("source", [*lines, ("to", "float*"), ("count", "i64")])
        _transform(f, _of_source, 4, channels, room)

    def transform(
        self, x: Pointer, n: Value, ty: Value, again: Value, ring: Pointer, to: Pointer,
        h: Value, w: Value, low_h: Value, low_w: Value, tiles_w: Value, slot: Value,
    ) -> None:  # fmt: skip
        """A row of tiles of image n; again: whether the one before was the last."""
        k, channels = self.k, self.channels
        base = x.at(n * (h * w) * channels)

        def row(j: Value) -> None:
            y = ty * 2 + j
            to = ring.at(y % 4 * slot)
            inside = (y >= low_h) & (y < low_h + h)
            source = y - low_h
            k.when(
                inside,
                lambda: k.call("take", base.at(source * w), h * w, w, to.at(low_w * channels)),
                lambda: to.fill_zero(slot),
            )

        k.loop(again.choose(k.index(2), k.index(0)), 4, 1, row)
        lines = [ring.at((ty * 2 + j) % 4 * slot) for j in range(4)]
        k.call("source", *lines, to, tiles_w)


@job(
    "x: T*, u: T*, bias: T*, y: out T*, wrong: out T*, scratch: out T*, outputs: i64, each: i64, "
    + SIZES
)
def correlate(k: Job, word: str, channels: int, b: Blocks, room: int, bias: bool) -> None:
    """A chunk is a block of `rows` rows of tiles; wrong [chunk] is nan if a result is not finite.

    each: numbers of a thread's scratch; slot: numbers of a row of the source.
    """
    (x, u, biases, y, wrong, scratch, outputs, each, h, w, out_h, out_w, low_h, low_w, tiles_h,
     tiles_w, total, rows, slot) = k.table()  # fmt: skip
    lanes = k.lanes(word)
    width = b.vectors * lanes
    source = _Source(k, channels, room)
    give = [("x", "float*"), ("y", "float*"), ("plane", "i64"), ("count", "i64")]
    _give_row(k.module.function("give", [*give, ("channels", "i64")]), width)
    results = [(n, "float*") for n in ("m", "bias", "first", "second", "wrong")]
    _results(k.module.function("results", [*results, ("count", "i64")]), width, room, bias)
    params = [(n, "float*") for n in ("v", "u", "to")]
    _multiply(k.module.function("multiply", [*params, ("count", "i64")]), b, channels)

    ring = scratch.at(k.thread * each)
    v = ring.at(slot * 4)
    m = v.at(16 * (room * apart(channels) + LINE))
    lines = m.at(16 * (room * width + LINE))
    flag = lines.at((tiles_w * 2 + lanes) * (2 * width))
    first = k.chunk * rows
    count = k.least(total - first, rows)
    ring.fill_zero(slot * 4)
    flag.fill_zero(lanes)

    def take(r: Value) -> None:
        n, ty = (first + r) // tiles_h, (first + r) % tiles_h
        again = (r > 0) & (ty > 0)
        to = v.at(r * tiles_w * apart(channels))
        source.transform(x, n, ty, again, ring, to, h, w, low_h, low_w, tiles_w, slot)

    k.loop(0, count, 1, take)
    tiles = count * tiles_w
    panels = (outputs + (width - 1)) // width

    def panel(p: Value) -> None:
        def transform(i: Value) -> None:
            here = v.at(i * (room * apart(channels) + LINE))
            weights = u.at((i * panels + p) * (channels * width))
            k.call("multiply", here, weights, m.at(i * (room * width + LINE)), tiles)

        k.loop(0, 16, 1, transform)
        have = k.least(outputs - p * width, width)

        def row(r: Value) -> None:
            n, ty = (first + r) // tiles_h, (first + r) % tiles_h
            second = lines.at((tiles_w * 2 + lanes) * width)
            k.call(
                "results", m.at(r * tiles_w * width), biases.at(p * width), lines, second, flag,
                tiles_w,
            )  # fmt: skip
            to = y.at((n * outputs + p * width) * (out_h * out_w) + ty * 2 * out_w)
            k.call("give", lines, to, out_h * out_w, out_w, have)
            more = ty * 2 + 1 < out_h
            k.when(more, lambda: k.call("give", second, to.at(out_w), out_h * out_w, out_w, have))

        k.loop(0, count, 1, row)

    k.loop(0, panels, 1, panel)
    wrong.store(flag.load(0, lanes).sum(), k.chunk)


@job("x: T*, g: T*, sums: out T*, scratch: out T*, parts: i64, each: i64, g_slot: i64, " + SIZES)
def correlate_weights(k: Job, word: str, channels: int, outputs: int, b: Blocks, room: int) -> None:
    """A chunk is a part of the blocks of rows of tiles.

    sums [part][transform][panel][channel][width] is of zeros before.
    """
    (x, g, sums, scratch, parts, each, g_slot, h, w, out_h, out_w, low_h, low_w, tiles_h, tiles_w,
     total, rows, slot) = k.table()  # fmt: skip
    lanes = k.lanes(word)
    width = b.vectors * lanes
    panels = -(-outputs // width)
    source = _Source(k, channels, room)
    take = [("x", "float*"), ("plane", "i64"), ("count", "i64"), ("to", "float*")]
    _take_row(k.module.function("take_g", take), outputs)
    f = k.module.function(
        "gradient", [("r0", "float*"), ("r1", "float*"), ("to", "float*"), ("count", "i64")]
    )
    _transform(f, _of_gradient, 2, outputs, room)
    params = [(n, "float*") for n in ("v", "d", "to")]
    _accumulate(k.module.function("accumulate", [*params, ("count", "i64")]), b, channels, outputs)

    ring = scratch.at(k.thread * each)
    v = ring.at(slot * 4)
    d = v.at(16 * (room * apart(channels) + LINE))
    pair = d.at(16 * (room * apart(outputs) + LINE) + width)
    ring.fill_zero(slot * 4)
    pair.fill_zero(g_slot * 2)
    out = sums.at(k.chunk * (16 * panels * channels * width))
    blocks_ = (total + (rows - 1)) // rows

    def block(index: Value) -> None:
        first = index * rows
        count = k.least(total - first, rows)

        def take(r: Value) -> None:
            n, ty = (first + r) // tiles_h, (first + r) % tiles_h
            again = (r > 0) & (ty > 0)
            at = r * tiles_w
            to = v.at(at * apart(channels))
            source.transform(x, n, ty, again, ring, to, h, w, low_h, low_w, tiles_w, slot)
            base = g.at(n * outputs * (out_h * out_w) + ty * 2 * out_w)
            second = pair.at(g_slot)
            k.call("take_g", base, out_h * out_w, out_w, pair)
            k.when(
                ty * 2 + 1 < out_h,
                lambda: k.call("take_g", base.at(out_w), out_h * out_w, out_w, second),
                lambda: second.fill_zero(g_slot),
            )
            k.call("gradient", pair, second, d.at(at * apart(outputs)), tiles_w)

        k.loop(0, count, 1, take)

        def transform(i: Value) -> None:
            here, there = (
                x.at(i * (room * apart(n) + LINE)) for x, n in ((v, channels), (d, outputs))
            )

            def panel(p: Value) -> None:
                to = out.at((i * panels + p) * (channels * width))
                k.call("accumulate", here, there.at(p * width), to, count * tiles_w)

            k.loop(0, panels, 1, panel)

        k.loop(0, 16, 1, transform)

    k.loop(k.chunk * blocks_ // parts, (k.chunk + 1) * blocks_ // parts, 1, block)


@job("sums: T*, w: out T*, wrong: out T*, parts: i64, outputs: i64, panels: i64")
def finish(k: Job, word: str, channels: int, width: int) -> None:
    """w [output][channel][3][3] of sums, which are added up in order.

    A chunk is a vector of outputs and as many channels: a square that is turned for each tap.
    """
    sums, w, wrong, parts, outputs, panels = k.table()
    lanes = k.lanes(word)
    apart = panels * (channels * width)
    groups = channels // lanes
    at, first = k.chunk // groups * lanes, k.chunk % groups * lanes
    place = sums.at((at // width * channels + first) * width + at % width)
    taps = k.stack(word, 9 * lanes * lanes)

    def channel(c: Value, *now: Value) -> list[Value]:
        (bad,) = now
        here = place.at(c * width)

        def part(i: Value, *now: Value) -> list[Value]:
            there = here.at(i * apart * 16)
            return [a + there.at(apart * j).load(0, lanes) for j, a in enumerate(now)]

        flat = k.loop(0, parts, 1, part, [k.zero(word, lanes)] * 16)
        to = taps.at(c * (9 * lanes))
        for i, row in enumerate(_twice(_to_filter, [flat[4 * j : 4 * j + 4] for j in range(4)])):
            for j, x in enumerate(row):
                to.store(x, (3 * i + j) * lanes)
                bad = bad + (x - x)
        return [bad]

    (bad,) = k.loop(0, lanes, 1, channel, [k.zero(word, lanes)])

    def square(i: Value) -> None:
        to = w.at(at * (9 * channels) + first * 9 + i)
        k.call(k.module.turned("float"), taps.at(i * lanes), lanes, to, 9 * channels)

    k.loop(0, 9 * lanes, lanes, square)
    wrong.store(bad.sum(), k.chunk)


# ------------------------------------------------------------------------- calls


class Plan(NamedTuple):
    """Sizes of a convolution: see `SIZES`."""

    channels: int
    outputs: int
    blocks: Blocks
    width: int
    panels: int
    room: int  # tiles that a block has room for
    sizes: tuple[int, ...]

    @property
    def chunks(self) -> int:
        total, rows = self.sizes[8:10]
        return -(-total // rows)


@functools.lru_cache(maxsize=256)
def plan(
    x_shape: tuple[int, ...], outputs: int, low: tuple[int, ...], out: tuple[int, ...],
    tiles: int = TILES,
) -> Plan | None:  # fmt: skip
    """How to go about the correlation of x with 3x3 filters, `low` zeros in front, or None."""
    target = compiler.target()
    if target is None or len(x_shape) != 4:
        return None
    n, channels, h, w = x_shape
    lanes = target.lanes("float")
    if channels % lanes or outputs % lanes or min(channels, outputs) < CHANNELS:
        return None
    if min(*low, *(o + 2 - a - s for o, a, s in zip(out, low, (h, w)))) < 0 or min(h, w, *out) < 2:
        return None
    if n * channels * outputs * 9 * out[0] * out[1] < LEAST:
        return None
    b = blocks(target, outputs)
    tiles_h, tiles_w = -(-out[0] // 2), -(-out[1] // 2)
    total = n * tiles_h
    most = max(1, (tiles + tiles // 2) // tiles_w)
    waste = {r: -(-r * tiles_w // b.tiles) * b.tiles / (r * tiles_w) for r in range(1, most + 1)}
    enough = [r for r in waste if r * tiles_w >= tiles // 2] or [most]
    rows = min(enough, key=lambda r: (waste[r], abs(r * tiles_w - tiles)))
    room = -(-rows * tiles_w // b.tiles) * b.tiles
    slot = max(2 * tiles_w + 2, low[1] + -(-w // lanes) * lanes) * channels
    width = b.vectors * lanes
    sizes = (h, w, *out, *low, tiles_h, tiles_w, total, rows, slot)
    return Plan(channels, outputs, b, width, -(-outputs // width), room, sizes)


def forward(
    x: Array, w: Array, bias: Array | None, low: tuple[int, ...], out: tuple[int, ...], turned: bool
) -> Array | None:
    """x (N, C, H, W) with filters w (O, C, 3, 3), or if turned with those of the adjoint, w
    (C, O, 3, 3) seen from behind.
    """
    outputs = w.shape[1] if turned else w.shape[0]
    p = plan(x.shape, outputs, low, out) if x.dtype is F32 and w.dtype is F32 else None
    if p is None:
        return None
    c = p.channels
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    u = np.empty((16, p.panels, c, p.width), F32)
    si, sq = (9 * outputs, 9) if turned else (9, 9 * c)
    first, step = (8, -1) if turned else (0, 1)
    filters("float", c, p.width)(p.panels * c, w, u, si, sq, first, step, outputs, p.panels)
    biases: Array = u
    if bias is not None:
        biases = np.zeros(p.panels * p.width, F32)
        biases[:outputs] = bias
    y = np.empty((len(x), outputs, *out), F32)
    wrong = np.empty(p.chunks, F32)
    lanes = p.width // p.blocks.vectors
    tiles_w, slot = p.sizes[7], p.sizes[10]
    each = slot * 4 + 16 * (p.room * (apart(c) + p.width) + 2 * LINE)
    each += (tiles_w * 2 + lanes) * 2 * p.width + 2 * lanes
    busy = threads.count()
    scratch = np.empty((busy, each), F32)
    correlate("float", c, p.blocks, p.room, bias is not None)(
        p.chunks, x, u, biases, y, wrong, scratch, outputs, each, *p.sizes, most=busy
    )
    return y if math.isfinite(float(wrong.sum())) else None


def weights(
    x: Array, g: Array, outputs: int, low: tuple[int, ...], out: tuple[int, ...]
) -> Array | None:
    """The gradient of filters (O, C, 3, 3): x correlated with g (N, O, *out)."""
    many = x.shape[1] + outputs > MANY
    p = None
    if x.dtype is F32 and g.dtype is F32:
        p = plan(x.shape, outputs, low, out, DEEP if many else TILES)
    if p is None:
        return None
    c = p.channels
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    size = 16 * p.panels * c * p.width
    tiles = p.sizes[7] * p.sizes[8]
    parts = max(1, min(p.chunks, PARTS, max(4, tiles // PART), SUMS // (4 * size)))
    sums = np.zeros((parts, size), F32)
    lanes = p.width // p.blocks.vectors
    tiles_w, slot = p.sizes[7], p.sizes[10]
    g_slot = (-(-2 * tiles_w // lanes) * lanes + lanes) * outputs
    each = 16 * (p.room * (apart(c) + apart(outputs)) + 2 * LINE) + p.width
    each += slot * 4 + g_slot * 2
    busy = threads.count()
    scratch = np.empty((busy, each), F32)
    correlate_weights("float", c, outputs, p.blocks, p.room)(
        parts, x, g, sums, scratch, parts, each, g_slot, *p.sizes, most=busy
    )
    squares = (outputs // lanes) * (c // lanes)
    found, wrong = np.empty((outputs, c, 3, 3), F32), np.empty(squares, F32)
    finish("float", c, p.width)(squares, sums, found, wrong, parts, outputs, p.panels)
    return found if math.isfinite(float(wrong.sum())) else None
