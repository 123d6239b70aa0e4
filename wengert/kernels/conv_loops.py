"""Direct convolution over 1 to 3 dimensions and its two adjoints, without columns.

Output channels lie on the lanes, positions are broadcast, so that strides, dilation and odd widths
cost nothing. A plane of the source is copied with its padding; some positions times some vectors of
channels are accumulated in registers; the result, [position][channel], is transposed in registers
into [channel][position]. The adjoint in the input is the same loop over the gradient, once for each
remainder of positions by the stride. The adjoint in the weights transposes the gradient and
accumulates over pairs of channel and tap.

Here: the kernels, and their blocks for each processor. Not here: which arrays are given to them,
and which geometry they have (`conv.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .compiler import Target
from .jobs import Job, job
from .lanes import Function, Pointer, Value, transposed

Triple = tuple[int, int, int]
UNROLLED = 3  # taps; more are a loop over the filter's rows: less code, and as fast
WEIGHTS = 24 << 10  # bytes of weights that stay beside the data in the first cache


class Phase(NamedTuple):
    """Positions that see the same taps."""

    counts: Triple
    step: Triple  # from one to the next, in the source
    first: Triple  # the first, in the result
    apart: Triple  # from one to the next, in the result
    taps: tuple[tuple[tuple[int, int], ...], ...]  # (offset, tap) for each dimension, ascending


class Correlation(NamedTuple):
    """result[o, p] = bias[o] + sum over c and taps of source[c, p * step + offset] w[o, c, tap]."""

    channels: int  # of the source, in a group
    outputs: int  # of the result, in a group
    groups: int
    source: Triple
    before: Triple  # zeros in front of the source
    padded: Triple  # the size with them, and those behind
    out: Triple
    taps: int
    phases: tuple[Phase, ...]
    bias: bool

    @property
    def direct(self) -> bool:
        """Whether the source is read where it is."""
        return self.padded == self.source

    @property
    def plane(self) -> int:
        """Numbers from a channel of the padded source to the next: no power of two."""
        size = _size(self.padded)
        return size if self.direct or size % 256 else size + 16


def _size(t: Triple) -> int:
    return t[0] * t[1] * t[2]


class Blocks(NamedTuple):
    """How a kernel uses the registers: lanes of a vector, vectors of channels, positions."""

    lanes: int
    vectors: int
    positions: int
    in_loops: int  # positions where the filter's rows are a loop
    sums: int  # registers for the sums of the weights' gradient


def blocks(target: Target, word: str, outputs: int) -> Blocks:
    """For a number of output channels; found by looking at the code: no register may be spilled."""
    lanes = target.lanes(word)
    while lanes > 4 and outputs <= lanes // 2:
        lanes //= 2
    wide = target.bytes == 64
    vectors = 1 if outputs <= lanes else 4 if wide and outputs >= 4 * lanes else 2
    if wide:
        sizes = {1: (26, 24, 24), 2: (13, 10, 24), 4: (6, 5, 24)}
    elif target.registers == 32:
        sizes = {1: (14, 12, 16), 2: (8, 8, 16)}
    elif target.bytes == 32:
        sizes = {1: (9, 7, 10), 2: (5, 4, 10)}
    else:
        sizes = {1: (8, 6, 8), 2: (3, 3, 8)}
    return Blocks(lanes, vectors, *sizes[vectors])


def _runs(n: int, most: int) -> list[tuple[int, int]]:
    """n positions as (how many blocks, of what size), of nearly equal sizes."""
    parts = -(-n // most)
    size, more = divmod(n, parts)
    return [(c, s) for c, s in ((more, size + 1), (parts - more, size)) if c]


# ------------------------------------------------------------------------- correlation


@job(
    "w: T*, out: out T*, width: i64, i: i64, j: i64, sg: i64, si: i64, sj: i64, sq: i64, "
    "n: i64, blocks: i64"
)
def pack(k: Job, word: str) -> None:
    """Weights [group][block][i][j][width], width channels of a block together, zeros beyond n.

    A chunk is one i of one block; strides are those of w.
    """
    w, out, width, ni, nj, sg, si, sj, sq, n, count = k.table()
    i, block = k.chunk % ni, k.chunk // ni
    group, first = block // count, (block % count) * width
    source = w.at(group * sg + first * sq + i * si)
    to = out.at(k.chunk * nj * width)
    have = k.least(n - first, width)

    def tap(j: Value) -> None:
        s, t = source.at(j * sj), to.at(j * width)
        k.loop(0, have, 1, lambda q: t.store(s.load(q * sq), q))
        k.loop(have, width, 1, lambda q: t.store(k.zero(word), q))

    k.loop(0, nj, 1, tap)


def _pad(k: Function, c: Correlation, x: Pointer, xp: Pointer, word: str) -> None:
    """Copy the planes of a group into the middle of padded ones."""
    (d, h, w), (bd, bh, bw), (_, ph, pw) = c.source, c.before, c.padded
    lanes = k.lanes(word)

    def channel(i: Value) -> None:
        def depth(z: Value) -> None:
            def row(y: Value) -> None:
                s = x.at(i * _size(c.source) + z * (h * w) + y * w)
                t = xp.at(i * c.plane + z * (ph * pw) + y * pw + (bd * ph * pw + bh * pw + bw))
                full = w // lanes * lanes
                if full <= 8 * lanes:
                    for a in range(0, full, lanes):
                        t.store(s.load(a, lanes), a)
                else:
                    k.loop(0, full, lanes, lambda a: t.store(s.load(a, lanes), a))
                if full < w:
                    m = k.mask(w - full, lanes)
                    t.store(s.load(full, mask=m), full, m)

            k.loop(0, h, 1, row)

        k.loop(0, d, 1, depth)

    k.loop(0, c.channels, 1, channel)


def _accumulate(
    k: Function, c: Correlation, phase: Phase, b: Blocks, word: str, x: Pointer, w: Pointer,
    acc: list[Value], positions: int, channels: Value, inside: tuple[Any, Any],
) -> list[Value]:  # fmt: skip
    """acc[position, vector] += the products of all taps, over some channels.

    inside: from which to below which of the filter's rows there is more than padding, for what
    loops over them.
    """
    width = b.lanes * b.vectors
    _, ph, pw = c.padded
    kd, kh, kw = phase.taps
    all_taps = len(kd) * len(kh) * len(kw)
    strides = (ph * pw, pw, 1)

    def at_taps(x: Pointer, w: Pointer, taps: Any, acc: list[Value]) -> list[Value]:
        acc = list(acc)
        for offset, tap in taps:
            ws = [w.load(tap * width + v * b.lanes, b.lanes) for v in range(b.vectors)]
            for p in range(positions):
                one = x.load(offset + p * phase.step[2]).wide(b.lanes)
                for v in range(b.vectors):
                    at = p * b.vectors + v
                    acc[at] = one.fma(ws[v], acc[at])
        return acc

    def channel(i: Value, *acc: Value) -> list[Value]:
        xc, wc = x.at(i * c.plane), w.at(i * (c.taps * width))
        if all_taps <= UNROLLED:
            taps = [
                (od * strides[0] + oh * strides[1] + ow, td + th + tw)
                for od, td in kd for oh, th in kh for ow, tw in kw
            ]  # fmt: skip
            return at_taps(xc, wc, sorted(taps), list(acc))
        return nested(0, xc, wc, list(acc))

    def nested(dim: int, x: Pointer, w: Pointer, acc: list[Value]) -> list[Value]:
        taps = phase.taps[dim]
        if dim == 2 and len(taps) <= UNROLLED:
            return at_taps(x, w, list(taps), acc)
        (o0, t0), (o1, t1) = taps[0], taps[min(1, len(taps) - 1)]
        x, w = x.at(o0 * strides[dim]), w.at(t0 * width)

        def one(j: Value, *acc: Value) -> list[Value]:
            xj, wj = x.at(j * ((o1 - o0) * strides[dim])), w.at(j * ((t1 - t0) * width))
            if dim == 2:
                return at_taps(xj, wj, [(0, 0)], list(acc))
            return nested(dim + 1, xj, wj, list(acc))

        if len(taps) == 1:
            return nested(dim + 1, x, w, acc)
        begin, end = inside if dim == 1 else (0, len(taps))
        return k.loop(begin, end, 1, one, acc)

    return k.loop(0, channels, 1, channel, acc)


def _inside(k: Function, c: Correlation, phase: Phase, h: Any) -> tuple[Any, Any]:
    """Which of the filter's rows see more than padding from a row of positions."""
    rows, count = phase.taps[1], len(phase.taps[1])
    if count < 2 or rows[1][0] - rows[0][0] != 1:
        return 0, count
    first = k.index(h) * phase.step[1] + rows[0][0]
    begin = (c.before[1] - first).most(0)
    return begin, k.least((c.before[1] + c.source[1]) - first, count)


def _positions(k: Function, c: Correlation, phase: Phase, b: Blocks, word: str, more: bool) -> None:
    """All positions of a phase, over some channels: y[position][channel] is begun or added to."""
    x, w, y, bias, channels = k.args.values()
    width = b.lanes * b.vectors
    (_, ph, pw), (_, oh, ow) = c.padded, c.out
    seen = all(phase.taps)
    loops = seen and len(phase.taps[0]) * len(phase.taps[1]) * len(phase.taps[2]) > UNROLLED

    def row(d: Any, h: Any) -> None:
        source = x.at(k.index(d) * (phase.step[0] * ph * pw)).at(k.index(h) * (phase.step[1] * pw))
        place = k.index(d) * (phase.apart[0] * oh * ow) + k.index(h) * (phase.apart[1] * ow)
        f = phase.first
        inside = _inside(k, c, phase, h) if loops else (0, 0)
        out = y.at((place + (f[0] * oh * ow + f[1] * ow + f[2])) * width)
        done = 0
        for count, size in _runs(phase.counts[2], b.in_loops if loops else b.positions):

            def block(i: Value, done: int = done, size: int = size) -> None:
                q = i * size + done
                xs, ys = source.at(q * phase.step[2]), out.at(q * (phase.apart[2] * width))
                places = [
                    p * phase.apart[2] * width + v * b.lanes
                    for p in range(size) for v in range(b.vectors)
                ]  # fmt: skip
                if more:
                    acc = [ys.load(at, b.lanes) for at in places]
                elif c.bias:
                    each = [bias.load(v * b.lanes, b.lanes) for v in range(b.vectors)]
                    acc = each * size
                else:
                    acc = [k.zero(word, b.lanes)] * len(places)
                if seen:
                    acc = _accumulate(k, c, phase, b, word, xs, w, acc, size, channels, inside)
                for at, v in zip(places, acc):
                    ys.store(v, at)

            k.loop(0, count, 1, block)
            done += count * size

    k.loop(0, phase.counts[0], 1, lambda d: k.loop(0, phase.counts[1], 1, lambda h: row(d, h)))


def _spread(
    k: Function, c: Correlation, b: Blocks, word: str, ys: Pointer, y: Pointer, n: int
) -> None:
    """y[channel][position] = ys[position][channel], for n channels."""
    size, width = _size(c.out), b.lanes * b.vectors

    def square(p: Any, mask: Value | None = None) -> None:
        for v in range(-(-n // b.lanes)):
            rows = [
                ys.load((k.index(p) + q) * width + v * b.lanes, b.lanes) for q in range(b.lanes)
            ]
            for q, r in enumerate(transposed(rows)):
                if v * b.lanes + q < n:
                    y.store(r, k.index(p) + (v * b.lanes + q) * size, mask)

    full = size // b.lanes * b.lanes
    k.loop(0, full, b.lanes, square)
    if full < size:
        square(full, k.mask(size - full, b.lanes))


@job("x: T*, w: T*, bias: T*, y: out T*, planes: out T*, results: out T*, parts: i64, share: i64")
def correlate(k: Job, word: str, c: Correlation) -> None:
    """A chunk is some of the blocks of output channels of an image: `share` of them, of `parts`.

    planes and results are scratch, for each thread `scratch(...)` numbers, planes of zeros.
    """
    x, w, bias, y, planes, results, parts, share = k.table()
    b = blocks(k.module.target, word, c.outputs)
    width = b.lanes * b.vectors
    full, rest = divmod(c.outputs, width)
    count = full + (rest > 0)
    xs, yn = c.channels * c.plane, c.outputs * _size(c.out)
    n, part = k.chunk // parts, k.chunk % parts
    planes, results = (
        planes.at(k.thread * xs),
        results.at(k.thread * ((_size(c.out) + b.lanes) * width)),
    )
    fit = max(1, WEIGHTS // (width * c.taps * (8 if word == "double" else 4)))
    fit = -(-c.channels // -(-c.channels // fit))
    params = [(n, f"{word}*") for n in ("x", "w", "y", "bias")] + [("channels", "i64")]
    for name in ("begin", "add") if fit < c.channels else ("begin",):
        core = k.module.function(name, params)
        for phase in c.phases:
            if name == "begin" or all(phase.taps):
                _positions(core, c, phase, b, word, name == "add")
    for size in {width if full else 0, rest} - {0}:
        put = k.module.function(f"put{size}", [("ys", f"{word}*"), ("y", f"{word}*")])
        _spread(put, c, b, word, put.args["ys"], put.args["y"], size)
    pad = None
    if not c.direct:
        pad = k.module.function("pad", [("x", f"{word}*"), ("xp", f"{word}*")])
        _pad(pad, c, pad.args["x"], pad.args["xp"], word)
    last = k.least((part + 1) * share, c.groups * count)

    def each(i: Value) -> None:
        group, block = i // count, i % count
        source = x.at((n * c.groups + group) * (c.channels * _size(c.source)))
        if pad is not None:
            new = (block.equals(0)) | (i.equals(part * share))
            k.when(new, lambda: k.call("pad", source, planes))
        plane = source if c.direct else planes
        weights = w.at(i * (c.channels * c.taps * width))
        k.call("begin", plane, weights, results, bias.at(i * width), fit)

        def more(first: Value) -> None:
            here = plane.at(first * c.plane), weights.at(first * (c.taps * width))
            k.call("add", *here, results, bias, k.least(c.channels - first, fit))

        if fit < c.channels:
            k.loop(fit, c.channels, fit, more)
        to = y.at((n * c.groups + group) * yn + block * (width * _size(c.out)))
        if not rest:
            k.call(f"put{width}", results, to)
        elif not full:
            k.call(f"put{rest}", results, to)
        else:
            k.when(
                block < full,
                lambda: k.call(f"put{width}", results, to),
                lambda: k.call(f"put{rest}", results, to),
            )

    k.loop(part * share, last, 1, each)


# ------------------------------------------------------------------------- gradient of the weights


def _gather(
    k: Function, c: Correlation, b: Blocks, word: str, g: Pointer, to: Pointer, n: int
) -> None:
    """to[position][channel] = g[channel][position], for n channels; zeros beyond."""
    size, width = _size(c.out), b.lanes * b.vectors

    def square(p: Any, have: int) -> None:
        mask = None if have == b.lanes else k.mask(have, b.lanes)
        for v in range(b.vectors):
            rows = []
            for q in range(b.lanes):
                at = k.index(p) + (v * b.lanes + q) * size
                inside = v * b.lanes + q < n
                rows.append(g.load(at, b.lanes, mask) if inside else k.zero(word, b.lanes))
            for q, r in enumerate(transposed(rows)[:have]):
                to.store(r, (k.index(p) + q) * width + v * b.lanes)

    full = size // b.lanes * b.lanes
    k.loop(0, full, b.lanes, lambda p: square(p, b.lanes))
    if full < size:
        square(full, size - full)


def _sums(
    k: Function, c: Correlation, b: Blocks, word: str, x: Pointer, g: Pointer, out: Pointer
) -> None:
    """out[channel][tap][output] += the products of the source with g[position][output]."""
    (phase,) = c.phases
    width = b.lanes * b.vectors
    (_, ph, pw), (nd, nh, nw) = c.padded, c.out
    strides = (ph * pw, pw, 1)
    taps = [
        (od * strides[0] + oh * strides[1] + ow, td + th + tw)
        for od, td in phase.taps[0] for oh, th in phase.taps[1] for ow, tw in phase.taps[2]
    ]  # fmt: skip
    most = max(1, b.sums // b.vectors)
    together = max(1, min(most // len(taps), c.channels))
    lines = max(1, min(nh, (10 << 10) // (nw * width * (8 if word == "double" else 4))))

    def group(i: Value, at: list[tuple[int, int, int]], d: Value, h: Value, stop: Value) -> None:
        """Pairs (channel, offset, tap) from channel i on, over some rows."""
        xc, oc = x.at(i * c.plane), out.at(i * (c.taps * width))
        places = [
            (q * c.taps + tap) * width + v * b.lanes for q, _, tap in at for v in range(b.vectors)
        ]
        acc = [oc.load(p, b.lanes) for p in places]

        def row(r: Value, *acc: Value) -> list[Value]:
            source = xc.at(d * (phase.step[0] * strides[0]) + r * (phase.step[1] * strides[1]))
            gr = g.at((d * (nh * nw) + r * nw) * width)

            def position(p: Value, *before: Value) -> list[Value]:
                acc = list(before)
                gs = [gr.load(p * width + v * b.lanes, b.lanes) for v in range(b.vectors)]
                xp = source.at(p * phase.step[2])
                for j, (q, offset, _) in enumerate(at):
                    one = xp.load(q * c.plane + offset).wide(b.lanes)
                    for v in range(b.vectors):
                        acc[j * b.vectors + v] = one.fma(gs[v], acc[j * b.vectors + v])
                return acc

            return k.loop(0, nw, 1, position, acc)

        acc = k.loop(h, stop, 1, row, acc)
        for p, v in zip(places, acc):
            oc.store(v, p)

    def seen(offsets: list[int]) -> tuple[int, int]:
        """From which to below which row of positions some taps see more than padding."""
        rows = [offset % strides[0] // strides[1] for offset in offsets]
        low, high, step = c.before[1], c.before[1] + c.source[1], phase.step[1]
        return max(0, -(-(low - max(rows)) // step)), min(nh, (high - 1 - min(rows)) // step + 1)

    def some_rows(d: Value, h: Value) -> None:
        stop = k.least(h + lines, nh)
        if len(taps) <= most:
            whole = c.channels // together * together
            for first, last, n in ((0, whole, together), (whole, c.channels, c.channels - whole)):
                if first < last:
                    at = [(q, offset, tap) for q in range(n) for offset, tap in sorted(taps)]
                    k.loop(first, last, n, lambda i, at=at: group(i, at, d, h, stop))
            return
        a = 0
        for count, size in _runs(len(taps), most):
            for _ in range(count):
                at = [(0, offset, tap) for offset, tap in sorted(taps)[a : a + size]]
                first, last = seen([offset for _, offset, _ in at])
                begin, end = h.most(first), k.least(stop, last)
                k.loop(0, c.channels, 1, lambda i, at=at, b=begin, e=end: group(i, at, d, b, e))
                a += size

    k.loop(0, nd, 1, lambda d: k.loop(0, nh, lines, lambda h: some_rows(d, h)))


@job("x: T*, g: T*, out: out T*, planes: out T*, grads: out T*, images: i64, parts: i64")
def correlate_weights(k: Job, word: str, c: Correlation) -> None:
    """A chunk is one of `parts` parts of the images, for a block of output channels of a group.

    out [part][group][block][channel][tap][width] is of zeros before. planes and grads are scratch.
    """
    x, g, out, planes, grads, images, parts = k.table()
    b = blocks(k.module.target, word, c.outputs)
    width = b.lanes * b.vectors
    full, rest = divmod(c.outputs, width)
    count = full + (rest > 0)
    size = _size(c.out)
    planes, grads = (
        planes.at(k.thread * (c.channels * c.plane)),
        grads.at(k.thread * (size + b.lanes) * width),
    )
    pair, part = k.chunk % (c.groups * count), k.chunk // (c.groups * count)
    group, block = pair // count, pair % count
    out = out.at(k.chunk * (c.channels * c.taps * width))
    for n in {width if full else 0, rest} - {0}:
        f = k.module.function(f"gather{n}", [("g", f"{word}*"), ("to", f"{word}*")])
        _gather(f, c, b, word, f.args["g"], f.args["to"], n)
    f = k.module.function("sums", [("x", f"{word}*"), ("g", f"{word}*"), ("out", f"{word}*")])
    _sums(f, c, b, word, f.args["x"], f.args["g"], f.args["out"])
    if not c.direct:
        f = k.module.function("pad", [("x", f"{word}*"), ("xp", f"{word}*")])
        _pad(f, c, f.args["x"], f.args["xp"], word)

    def image(n: Value) -> None:
        source = x.at((n * c.groups + group) * (c.channels * _size(c.source)))
        if not c.direct:
            k.call("pad", source, planes)
        gn = g.at(((n * c.groups + group) * c.outputs + block * width) * size)
        if not rest:
            k.call(f"gather{width}", gn, grads)
        elif not full:
            k.call(f"gather{rest}", gn, grads)
        else:
            k.when(
                block < full,
                lambda: k.call(f"gather{width}", gn, grads),
                lambda: k.call(f"gather{rest}", gn, grads),
            )
        k.call("sums", source if c.direct else planes, grads, out)

    k.loop((part * images) // parts, ((part + 1) * images) // parts, 1, image)


@job("sums: out T*, w: out T*, parts: i64, groups: i64, outputs: i64, blocks: i64, inner: i64")
def unpack(k: Job, word: str, width: int) -> None:
    """w[group][output][inner] = sums[part][group][block][inner][width], added over the parts.

    A chunk is one block of a group.
    """
    sums, w, parts, groups, outputs, count, inner = k.table()
    lanes = min(width, k.lanes(word))
    group, block = k.chunk // count, k.chunk % count
    apart = groups * count * inner * width
    have = k.least(outputs - block * width, width)
    start = sums.at(k.chunk * inner * width)
    to = w.at((group * outputs + block * width) * inner)

    def one(i: Value) -> None:
        s = start.at(i * width)

        def part(p: Value, *acc: Value) -> list[Value]:
            return [a + s.load(p * apart + v * lanes, lanes) for v, a in enumerate(acc)]

        acc = [s.load(v * lanes, lanes) for v in range(width // lanes)]
        acc = k.loop(1, parts, 1, part, acc)
        for v, a in enumerate(acc):
            s.store(a, v * lanes)
        k.loop(0, have, 1, lambda q: to.store(s.load(q), q * inner + i))

    k.loop(0, inner, 1, one)
