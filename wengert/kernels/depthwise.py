"""Convolution of each channel by itself, over one or two dimensions: positions are on the lanes.

Planes are copied into scratch with their padding, for the way back with zeros between the numbers
where the stride left some out. Each function gives None where the kernels do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler, threads
from .jobs import WORDS, Job, job
from .lanes import Function, Pointer, Value

Array = Any
Ints = tuple[int, ...]
LEAST = 1 << 13  # numbers in the result
CHUNK = 1 << 15  # numbers of a chunk, about
WIDEST = 16  # taps of a row: each is an instruction
UNROLLED = 25  # taps that all are
MOST = 49  # taps that are, for each of the rows that are made together
TOGETHER = 4  # rows of the result
SIZES = "h: i64, w: i64, up_h: i64, up_w: i64, pad_h: i64, pad_w: i64, skip: i64, pitch: i64, "
SIZES += "room: i64, h_out: i64, w_out: i64, step: i64, down: i64"


class Plane:
    """The padded plane of a thread."""

    def __init__(
        self, k: Job, scratch: Pointer, sizes: list[Value], across: tuple[int, int]
    ) -> None:
        (self.h, self.w, self.up_h, self.up_w, self.pad_h, self.pad_w, self.skip, self.pitch,
         self.room, self.h_out, self.w_out, self.step, self.down) = sizes  # fmt: skip
        self.k, self.lanes = k, k.lanes(scratch.word)
        self.at = scratch.at(k.thread * self.room)
        self.stride, self.apart = across  # of windows, and of taps, along a row

    def clear(self) -> None:
        self.at.fill_zero(self.room)

    def fill(self, x: Pointer) -> None:
        def row(i: Value) -> None:
            to = self.at.at((self.pad_h + i * self.up_h) * self.pitch + self.pad_w)
            source = x.at(i * self.w)

            def copy() -> None:
                lanes = self.lanes
                full = self.w // lanes * lanes
                self.k.loop(0, full, lanes, lambda j: to.store(source.load(j, lanes), j))
                mask = self.k.mask(self.w - full, lanes)
                self.k.when(
                    full < self.w, lambda: to.store(source.load(full, mask=mask), full, mask)
                )

            self.k.when(
                self.up_w.equals(1),
                copy,
                lambda: self.k.loop(
                    0, self.w, 1, lambda j: to.store(source.load(j), j * self.up_w)
                ),
            )

        self.k.loop(0, self.h, 1, row)

    def tap(self, row: Value, tap: int, c: Value) -> Value:
        """What a tap sees from the windows c, c + 1, ... of a row of the plane."""
        at = self.at.at(row * self.pitch + self.skip)
        first = c * self.stride + tap * self.apart
        if self.stride == 1:
            return at.load(first, self.lanes)
        if self.stride == 2:
            low, high = at.load(first, self.lanes), at.load(first + self.lanes, self.lanes)
            return low.shuffle(high, range(0, 2 * self.lanes, 2))
        return at.at(first).gather(self.k.count_up("i32", self.lanes, self.stride))


def _together(f: Function, word: str, taps: tuple[int, int], rows: int, back: bool) -> None:
    """Some rows of a result, a vector of each, of windows that are one apart.

    A number of the plane is read once for all rows. The factors have a pointer for each row, lest
    the compiler hold them all in registers, of which there are too few.
    """
    at, to, begin, pitch, apart, left, add, *factors = f.args.values()
    lanes, (high, wide) = f.lanes(word), taps
    totals = [begin.wide(lanes)] * rows

    def run(mask: Value | None) -> None:
        now = list(totals)
        if back:
            before = [to.load(apart * r, lanes, mask) for r in range(rows)]
            now = [(add > 0).choose(b, t) for b, t in zip(before, now)]
        for i in range(high + rows - 1):
            line = at.at(pitch * i)
            for j in range(wide):
                v = line.load(j, lanes)
                for r in range(max(0, i - high + 1), min(rows, i + 1)):
                    tap = (i - r) * wide + j
                    factor = factors[r].load(high * wide - 1 - tap if back else tap)
                    now[r] = v.fma(factor, now[r])
        for r, v in enumerate(now):
            to.store(v, apart * r, mask)

    f.masked(left >= lanes, lambda whole: run(None if whole else f.mask(left, lanes)))


@job(
    "x: T*, weight: T*, bias: T*, out: out T*, scratch: out T*, planes: i64, channels: i64, "
    f"many: i64, share: i64, {SIZES}"
)
def correlate(
    k: Job, word: str, taps: tuple[int, int], across: tuple[int, int], back: bool, biased: bool,
    dense: bool,
) -> None:  # fmt: skip
    """A chunk is `share` planes of x; of the result on the way back.

    dense: whether windows, and taps, are one apart in both directions.
    """
    x, weight, bias, out, scratch, planes, channels, many, share, *sizes = k.table()
    plane = Plane(k, scratch, sizes, across)
    rows, columns = taps
    count = rows * columns
    area_in, area = plane.h * plane.w, plane.h_out * plane.w_out
    unrolled = count <= UNROLLED
    if dense:
        for some in (TOGETHER, 1):
            params = [("at", f"{word}*"), ("to", f"{word}*"), ("begin", word), ("pitch", "i64")]
            params += [("apart", "i64"), ("left", "i64"), ("add", "i64")]
            params += [(f"factors{r}", f"{word}*") for r in range(some)]
            _together(k.module.function(f"rows{some}", params), word, taps, some, back)

    def correlated_densely(
        to: Pointer, factors: Pointer, start: Value | None, add: Value | None
    ) -> None:
        begin = k.zero(word) if start is None else start

        def rows_at(r: Value, some: int) -> None:
            source = plane.at.at(r * plane.pitch + plane.skip)

            def one(c: Value) -> None:
                k.call(
                    f"rows{some}", source.at(c), to.at(r * plane.w_out + c), begin, plane.pitch,
                    plane.w_out, plane.w_out - c, 0 if add is None else add, *[factors] * some,
                )  # fmt: skip

            k.loop(0, plane.w_out, plane.lanes, one)

        full = plane.h_out // TOGETHER * TOGETHER
        k.loop(0, full, TOGETHER, lambda r: rows_at(r, TOGETHER))
        k.loop(full, plane.h_out, 1, lambda r: rows_at(r, 1))

    def correlated(to: Pointer, factors: Pointer, start: Value | None, add: Value | None) -> None:
        def row(r: Value) -> None:
            first = r * plane.step

            def one(c: Value, mask: Value | None) -> None:
                def line(i: Any, total: Value) -> Value:
                    at = plane.k.index(i) * plane.down + first
                    for j in range(columns):
                        place = plane.k.index(i) * columns + j
                        if back:
                            place = (count - 1) - place
                        total = plane.tap(at, j, c).fma(factors.load(place), total)
                    return total

                place = r * plane.w_out + c
                total = k.zero(word, plane.lanes) if start is None else start.wide(plane.lanes)
                if add is not None:
                    before = to.load(place, plane.lanes, mask)
                    total = add.choose(before, total)
                if unrolled:
                    for i in range(rows):
                        total = line(i, total)
                else:
                    (total,) = k.loop(0, rows, 1, line, [total])
                to.store(total, place, mask)

            full = plane.w_out // plane.lanes * plane.lanes
            k.loop(0, full, plane.lanes, lambda c: one(c, None))
            left = plane.w_out - full
            k.when(left > 0, lambda: one(full, k.mask(left, plane.lanes)))

        k.loop(0, plane.h_out, 1, row)

    def each(p: Value) -> None:
        image, channel = p // channels, p % channels
        outer = image * channels * many + channel * many
        if not back:
            plane.fill(x.at(p * area_in))

        def copy(j: Value) -> None:
            factors = weight.at((channel * many + j) * count)
            if back:
                plane.fill(x.at((outer + j) * area_in))
                if dense:
                    correlated_densely(out.at(p * area), factors, None, j)
                else:
                    correlated(out.at(p * area), factors, None, j > 0)
            else:
                start = bias.load(channel * many + j) if biased else None
                run = correlated_densely if dense else correlated
                run(out.at((outer + j) * area), factors, start, None)

        k.loop(0, many, 1, copy)

    plane.clear()
    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, planes), 1, each)


@job(
    "x: T*, g: T*, sums: out T*, scratch: out T*, planes: i64, channels: i64, many: i64, "
    f"share: i64, {SIZES}"
)
def correlate_weights(k: Job, word: str, taps: tuple[int, int], across: tuple[int, int]) -> None:
    """sums[image][channel][tap]: what each plane of x adds to its taps."""
    x, g, sums, scratch, planes, channels, many, share, *sizes = k.table()
    plane = Plane(k, scratch, sizes, across)
    rows, columns = taps
    area_in, area = plane.h * plane.w, plane.h_out * plane.w_out
    full = plane.w_out // plane.lanes * plane.lanes
    left = plane.w_out - full

    def each(p: Value) -> None:
        plane.fill(x.at(p * area_in))

        def copy(j: Value) -> None:
            which = p * many + j
            slope = g.at(which * area)

            def line(i: Value) -> None:
                def row(r: Value, *now: Value) -> list[Value]:
                    at = i * plane.down + r * plane.step

                    def some(c: Value, mask: Value | None, now: Any) -> list[Value]:
                        v = slope.load(r * plane.w_out + c, plane.lanes, mask)
                        new = [plane.tap(at, t, c).fma(v, a) for t, a in enumerate(now)]
                        if mask is None:
                            return new
                        # beside the windows there may be infinities
                        return [mask.choose(a, b) for a, b in zip(new, now)]

                    now = tuple(k.loop(0, full, plane.lanes, lambda c, *a: some(c, None, a), now))
                    mask = k.mask(left, plane.lanes)
                    return k.either(left > 0, lambda: some(full, mask, now), now)

                zero = k.zero(word, plane.lanes)
                for t, v in enumerate(k.loop(0, plane.h_out, 1, row, [zero] * columns)):
                    sums.store(v.sum(), (which * rows + i) * columns + t)

            k.loop(0, rows, 1, line)

        k.loop(0, many, 1, copy)

    plane.clear()
    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, planes), 1, each)


def _two(values: Any, fill: Any) -> tuple[Any, Any]:
    first, second = (fill,) * (2 - len(values)) + tuple(values)
    return first, second


def _dense(taps: Ints, steps: Ints, apart: Ints) -> bool:
    """Whether windows, and taps, are one apart, and all taps may be instructions, which read their
    factors from memory.
    """
    host = compiler.target()
    from_memory = host is not None and host.bytes > 16
    return from_memory and taps[0] * taps[1] <= MOST and set(steps) | set(apart) == {1}


def _word(x: Array, w: Array, w_shape: Ints, groups: int, size: int) -> str | None:
    """The type that these are computed in, or None where they are no case for here."""
    word = WORDS.get(x.dtype)
    host = compiler.target()
    if word is None or host is None or w.dtype != x.dtype or w_shape[1] != 1 or groups < 2:
        return None
    if len(w_shape) > 4 or w_shape[-1] > WIDEST or not w_shape[0] or size < LEAST:
        return None
    return word


def _sizes(
    source: Ints,
    result: Ints,
    up: Ints,
    pads: Ints,
    skips: Ints,
    steps: Ints,
    taps: Ints,
    apart: Ints,
) -> list[int]:
    """The sizes of a launch, as in SIZES."""
    need = [
        max(p + (n - 1) * u + 1, s + (o - 1) * t + (k - 1) * d + 1)
        for n, o, u, p, s, t, k, d in zip(source, result, up, pads, skips, steps, taps, apart)
    ]
    pitch = need[1]
    room = need[0] * pitch + 64 * (steps[1] + 1)
    skip = skips[0] * pitch + skips[1]
    return [*source, *up, *pads, skip, pitch, room, *result, steps[0], apart[0]]


def _launch(sizes: list[int], planes: int, many: int, dtype: Any) -> tuple[int, int, Array]:
    """Chunks, planes of one, scratch."""
    share = max(1, CHUNK // (sizes[8] + many * sizes[9] * sizes[10]))
    return -(-planes // share), share, np.empty((threads.count(), sizes[8]), dtype)


def forward(x: Array, w: Array, bias: Array | None, geometry: Any) -> Array | None:
    """Correlation of x (N, C, *spatial) with w (C * many, 1, *kernel), plus bias (C * many,)."""
    stride, padding, dilation, groups = geometry
    if len(stride) > 2:
        return None
    spatial, kernel = _two(x.shape[2:], 1), _two(w.shape[2:], 1)
    steps, apart = _two(stride, 1), _two(dilation, 1)
    each = zip(spatial, kernel, steps, apart, _two(padding, (0, 0)))
    out = tuple([(n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in each])
    images, many = len(x), len(w) // groups
    word = _word(x, w, w.shape, groups, images * len(w) * math.prod(out))
    if word is None or min(out) < 1 or (bias is not None and bias.dtype != x.dtype):
        return None
    low = [p[0] for p in _two(padding, (0, 0))]
    pads, skips = tuple([max(p, 0) for p in low]), tuple([max(-p, 0) for p in low])
    sizes = _sizes(spatial, out, (1, 1), pads, skips, steps, kernel, apart)
    y = np.empty((images, len(w), *out[2 - len(stride) :]), x.dtype)
    chunks, share, scratch = _launch(sizes, images * groups, many, x.dtype)
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    biases = w if bias is None else np.ascontiguousarray(bias)
    dense = _dense(kernel, steps, apart)
    run = correlate(word, kernel, (steps[1], apart[1]), False, bias is not None, dense)
    run(chunks, x, w, biases, y, scratch, images * groups, groups, many, share, *sizes,
        most=len(scratch))  # fmt: skip
    return y


def backward(g: Array, w: Array, x_shape: Ints, geometry: Any) -> Array | None:
    """The adjoint of `forward` in x."""
    stride, padding, dilation, groups = geometry
    if len(stride) > 2:
        return None
    spatial, kernel = _two(x_shape[2:], 1), _two(w.shape[2:], 1)
    steps, apart = _two(stride, 1), _two(dilation, 1)
    word = _word(g, w, w.shape, groups, math.prod(x_shape))
    if word is None or not g.size:
        return None
    low = [p[0] for p in _two(padding, (0, 0))]
    before = [(k - 1) * d - p for k, d, p in zip(kernel, apart, low)]
    pads, skips = tuple([max(q, 0) for q in before]), tuple([max(-q, 0) for q in before])
    source = _two(g.shape[2:], 1)
    sizes = _sizes(source, spatial, steps, pads, skips, (1, 1), kernel, apart)
    images, many = x_shape[0], len(w) // groups
    out = np.empty(x_shape, g.dtype)
    chunks, share, scratch = _launch(sizes, images * groups, many, g.dtype)
    g, w = np.ascontiguousarray(g), np.ascontiguousarray(w)
    dense = _dense(kernel, (1, 1), apart)
    run = correlate(word, kernel, (1, apart[1]), True, False, dense)
    run(chunks, g, w, w, out, scratch, images * groups, groups, many, share, *sizes,
        most=len(scratch))  # fmt: skip
    return out


def weights(x: Array, g: Array, w_shape: Ints, geometry: Any) -> Array | None:
    """The adjoint of `forward` in w."""
    stride, padding, dilation, groups = geometry
    if len(stride) > 2:
        return None
    spatial, kernel = _two(x.shape[2:], 1), _two(w_shape[2:], 1)
    steps, apart = _two(stride, 1), _two(dilation, 1)
    word = _word(x, g, w_shape, groups, g.size)
    if word is None or not x.size:
        return None
    low = [p[0] for p in _two(padding, (0, 0))]
    pads, skips = tuple([max(p, 0) for p in low]), tuple([max(-p, 0) for p in low])
    out = _two(g.shape[2:], 1)
    sizes = _sizes(spatial, out, (1, 1), pads, skips, steps, kernel, apart)
    images, many = len(x), w_shape[0] // groups
    sums = np.empty((images, w_shape[0], *kernel), x.dtype)
    chunks, share, scratch = _launch(sizes, images * groups, many, x.dtype)
    run = correlate_weights(word, kernel, (steps[1], apart[1]))
    run(chunks, np.ascontiguousarray(x), np.ascontiguousarray(g), sums, scratch, images * groups,
        groups, many, share, *sizes, most=len(scratch))  # fmt: skip
    return np.add.reduce(sums, 0, np.float64).astype(x.dtype).reshape(w_shape)
