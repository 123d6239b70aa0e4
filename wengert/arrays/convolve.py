"""Convolution over 1 to 3 spatial dimensions and its two adjoints, which are each other's derivatives.

`conv(x, w)`, `conv_input(g, w)` and `conv_weight(x, g)` are the three views of one trilinear form: correlate
x with w, and g with the result. A transposed convolution is `conv_input`. All of them copy the taps of a few
images into columns (as contiguous runs, see `windows.py`), multiply once per group of channels, and move on,
so that the columns stay in the cache. Layout is PyTorch's: x (N, C, *spatial), w (O, C / groups, *kernel).

float16 and bfloat16 are computed in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from . import threads
from .windows import Array, Geometry, Ints, Taps, conv_taps, first_of_rows, output_sizes, split, taps, windows

CACHE = 1 << 19  # bytes of columns at a time: they should stay in a core's own cache
SMALL = 1_000_000  # multiply-adds up to which OpenBLAS multiplies small matrices without packing them
PARALLEL = 2_000_000  # multiply-adds from which a second thread pays


def conv(lib: Any, x: Array, w: Array, geometry: Geometry, bias: Array | None = None) -> Array:
    """Correlation of x (N, C, *spatial) with w (O, C/groups, *kernel), plus bias (O,): (N, O, *out)."""
    dtype = x.dtype
    x, w, bias = widen(lib, x), widen(lib, w), bias if bias is None else widen(lib, bias)
    groups, k = geometry.groups, prod(w.shape[1:])
    out = lib.empty((len(x), len(w), *output_sizes(x.shape[2:], w.shape[2:], geometry)), x.dtype)
    if not out.size or not k:
        out[...] = 0 if bias is None else bias.reshape(-1, *(1,) * (x.ndim - 2))
        return out.astype(dtype, copy=False)
    t = conv_taps(x.shape[2:], w.shape[2:], geometry)
    _correlate(lib, x, w.reshape(groups, -1, k), t, out, bias)
    return out.astype(dtype, copy=False)


def conv_input(lib: Any, g: Array, w: Array, x_shape: Ints, geometry: Geometry) -> Array:
    """The x (of x_shape) whose windows, weighted with w, sum g (N, O, *out): the adjoint of `conv` in x.

    Positions of x that are equal modulo the stride see the same subset of the taps: each such class is a
    correlation of g with those taps, reversed, with stride 1.
    """
    dtype = g.dtype
    g, w = widen(lib, g), widen(lib, w)
    x = lib.zeros(x_shape, g.dtype)
    if not x.size or not g.size or not w.size:
        return x.astype(dtype, copy=False)
    groups, kernel = geometry.groups, w.shape[2:]
    w = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
    each = [_classes(*facts) for facts in zip(x_shape[2:], kernel, *geometry[:3])]
    for chosen in product(*each):
        places, subsets, before, dilation, out = zip(*chosen)
        sub = w[(..., *subsets)]
        t = taps(g.shape[2:], sub.shape[3:], (1,) * len(out), before, dilation, out)
        _correlate(lib, g, sub.reshape(*sub.shape[:2], -1), t, x[(..., *places)], None)
    return x.astype(dtype, copy=False)


def _classes(n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> list[tuple[Any, ...]]:
    """Along one dimension, per class of positions: (slice of x, slice of the kernel, padding of g, dilation, size)."""
    found = []
    for r in range(min(stride, n)):
        seen = [t for t in range(kernel) if (r + padding[0] - t * dilation) % stride == 0]
        if not seen:
            continue
        step = seen[1] - seen[0] if len(seen) > 1 else 1
        first = (r + padding[0] - seen[-1] * dilation) // stride  # the window that the last tap belongs to
        subset = slice(seen[-1], seen[0] - 1 if seen[0] else None, -step)
        found.append((slice(r, None, stride), subset, -first, max(1, step * dilation // stride), -(-(n - r) // stride)))
    return found


def _correlate(lib: Any, x: Array, w: Array, t: Taps, out: Array, bias: Array | None) -> None:
    """Write the correlation of x (N, C, *spatial) with w (groups, rows, C/groups * taps) into out (N, O, *out)."""
    groups, rows, k = w.shape
    ph = split(lib, x, t)
    shifts, inner = (0,), t
    if _many_channels_to_few(t, k, rows):
        # The last kernel dimension may as well be applied to the product: adding `rows` runs per tap there costs less
        # than making columns of it for every input channel, and the product has more rows.
        width = t.kernel[-1]
        shifts, inner = tuple(offset for _, offset in t.taps[:width]), first_of_rows(t)
        w = w.reshape(groups, rows, -1, width).swapaxes(2, 3).reshape(groups, rows * width, -1)
    columns = Columns(lib, ph, inner, groups, w.shape[1])
    to_out = columns.length == prod(t.out) and not columns.joined and out.flags.c_contiguous and inner is t
    bias = None if bias is None else bias.reshape(groups * rows, 1)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        buffer = columns.buffer()
        product = None if to_out else lib.empty(columns.images * groups * w.shape[1] * columns.length, x.dtype)
        for a, b in pieces:
            cols = columns(buffer, a, b)
            if to_out:
                lib.matmul(w, cols, out=out[a:b].reshape(b - a, groups, rows, -1))
                if bias is not None:
                    flat = out[a:b].reshape(b - a, groups * rows, -1)
                    lib.add(flat, bias, out=flat)
                continue
            p = product[: (b - a) * groups * w.shape[1] * columns.length].reshape(*cols.shape[:-2], w.shape[1], -1)
            lib.matmul(w, cols, out=p)
            if inner is not t:
                p = p.reshape(*p.shape[:-2], rows, width, -1)
                total, length = p[..., 0, :], p.shape[-1]
                for i, shift in enumerate(shifts[1:], 1):
                    lib.add(total[..., : length - shift], p[..., i, shift:], out=total[..., : length - shift])
                p = total
            if columns.joined:
                p = p.reshape(groups * rows, b - a, -1).swapaxes(0, 1)
            else:
                p = p.reshape(b - a, groups * rows, -1)
            if bias is not None:
                lib.add(p, bias, out=p)
            out[a:b] = columns.valid(p) if inner is t else windows(lib, p[..., : t.run], t)

    _over_images(lib, work, len(x), columns.images, w.size * columns.length * len(x))


def _many_channels_to_few(t: Taps, k: int, rows: int) -> bool:
    width = t.kernel[-1]
    return len(t.phases) == 1 and width > 1 and k * (width - 1) > 3 * rows * width * width


def conv_weight(lib: Any, x: Array, g: Array, w_shape: Ints, geometry: Geometry) -> Array:
    """The correlation of x (N, C, *spatial) with g (N, O, *out) per tap, of w_shape: the adjoint of `conv` in w."""
    dtype = x.dtype
    x, g = widen(lib, x), widen(lib, g)
    groups, k = geometry.groups, prod(w_shape[1:])
    if not x.size or not g.size or not k:
        return lib.zeros(w_shape, dtype)
    t = conv_taps(x.shape[2:], tuple(w_shape[2:]), geometry)
    if w_shape[1] == 1 and groups > 1:
        return _depthwise_weight(lib, x, g, t, w_shape).astype(dtype, copy=False)
    og = w_shape[0] // groups
    columns = Columns(lib, split(lib, x, t), t, groups, og, joined=True)
    busy = _threads(lib, prod(w_shape) * columns.length * len(x))
    parts = threads.ranges(len(x), busy)  # not pieces: the order of a sum must not depend on timing
    sums = lib.empty((len(parts), groups, k, og), x.dtype)

    def work(pieces: Iterator[int]) -> None:
        buffer = columns.buffer()
        rows = lib.zeros((groups, columns.images * columns.length, og), x.dtype)
        product = lib.empty(sums.shape[1:], x.dtype)
        for part in pieces:
            start, stop = parts[part]
            for a in range(start, stop, columns.images):
                b = min(a + columns.images, stop)
                r = rows[:, : (b - a) * columns.length]
                grad = g[a:b].reshape(b - a, groups, og, *t.out)
                columns.valid(r.swapaxes(1, 2).reshape(groups, og, b - a, -1))[...] = lib.moveaxis(grad, 0, 2)
                # of the three ways to write this product OpenBLAS is best at this one
                cols = columns(buffer, a, b)
                lib.matmul(cols, r, out=sums[part] if a == start else product)
                if a > start:
                    sums[part] += product

    threads.spread(work, range(len(parts)), busy)
    total = sums[0] if len(parts) == 1 else sums.sum(0)
    return lib.ascontiguousarray(total.swapaxes(1, 2)).reshape(w_shape).astype(dtype, copy=False)


class Columns:
    """The columns of a split array, a few images at a time.

    One image's columns are (groups, C/groups * taps, length). Those of several are stacked in front, or `joined`
    along length: then a single product serves them all, which small images need and sums over images profit from.
    """

    def __init__(self, lib: Any, ph: Array, t: Taps, groups: int, rows: int, joined: bool = False) -> None:
        self.lib, self.ph, self.t, self.groups = lib, ph, t, groups
        points, self.rank = prod(t.out), len(t.out)
        # Copying a window's row costs about 5.5 ns however short it is; multiplying costs 0.022 ns per output channel
        # and position: whole runs are better unless the positions that are no window cost more than the rows.
        self.runs = t.exact or rows * (t.run / points - 1) * 0.022 < 5.5 / t.out[-1]
        self.length = t.run if self.runs else points
        self.size = ph.shape[1] * len(t.taps) * self.length
        product = self.size * rows // groups
        self.joined = joined or (product > SMALL // 4 and self.length < 256)
        self.plain = t.exact and ph.shape[2:] == (1, t.run) and not self.joined  # the images are columns as they are
        self.images = _images(lib, len(ph), self.size * ph.itemsize, product if joined else 0)
        self.view = self._view() if len(t.phases) == 1 else None

    def _view(self) -> Array:
        """One phase: all taps of all images as one strided view, in the order of the columns."""
        n, c, _, item = self.ph.strides
        t = self.t
        kernel, strides = _regular([offset for _, offset in t.taps])
        shape: Ints = (self.ph.shape[1], *kernel)
        strides = (c, *(s * item for s in strides))
        last = ((t.run,), (item,)) if self.runs else (t.out, tuple(p * item for p in t.pitches))
        many = (shape + (len(self.ph),), strides + (n,)) if self.joined else ((len(self.ph), *shape), (n, *strides))
        return self.lib.lib.stride_tricks.as_strided(self.ph, many[0] + last[0], many[1] + last[1])

    def buffer(self) -> Array:
        """A scratch array, of one thread."""
        return None if self.plain else self.lib.empty(self.size * self.images, self.ph.dtype)

    def __call__(self, buffer: Array, a: int, b: int) -> Array:
        """The columns of images a..b."""
        if self.plain:
            return self.ph[a:b].reshape(b - a, self.groups, -1, self.length)
        cols = buffer[: self.size * (b - a)]
        if self.view is not None:
            many = self.view.ndim - 1 - (1 if self.runs else self.rank)
            part = self.view[(*(slice(None),) * many, slice(a, b))] if self.joined else self.view[a:b]
            cols.reshape(part.shape)[...] = part
        else:
            shape = (self.ph.shape[1], len(self.t.taps))
            shape = (*shape, b - a) if self.joined else (b - a, *shape)
            c = cols.reshape(*shape, *((self.length,) if self.runs else self.t.out))
            c = c.swapaxes(1, 2).swapaxes(0, 1) if self.joined else c
            for i, (phase, offset) in enumerate(self.t.taps):
                run = self.ph[a:b, :, phase, offset : offset + self.t.run]
                c[:, :, i] = run if self.runs else windows(self.lib, run, self.t)
        if self.joined:
            return cols.reshape(self.groups, -1, (b - a) * self.length)
        return cols.reshape(b - a, self.groups, -1, self.length)

    def valid(self, run: Array) -> Array:
        """The windows of results (..., length), as a view (..., *out)."""
        return windows(self.lib, run, self.t) if self.runs else run.reshape(*run.shape[:-1], *self.t.out)


def _regular(offsets: list[int]) -> tuple[Ints, Ints]:
    """The offsets as a grid: shape and strides, first dimension slowest."""
    shape: list[int] = []
    strides: list[int] = []
    while len(offsets) > 1:
        step = offsets[1] - offsets[0]
        n = 1
        while n < len(offsets) and offsets[n] - offsets[n - 1] == step:
            n += 1
        shape.insert(0, n)
        strides.insert(0, step)
        offsets = offsets[::n]
    return tuple(shape), tuple(strides)


def _depthwise_weight(lib: Any, x: Array, g: Array, t: Taps, w_shape: Ints) -> Array:
    c, mult = x.shape[1], w_shape[0] // x.shape[1]
    ph = split(lib, x, t)
    images = _images(lib, len(x), 3 * w_shape[0] * t.run * x.itemsize, 0)
    busy = _threads(lib, 4 * prod(w_shape) * t.run * len(x))
    parts = threads.ranges(len(x), busy)
    sums = lib.zeros((len(parts), c, mult, len(t.taps)), x.dtype)

    def work(pieces: Iterator[int]) -> None:
        runs = lib.zeros((images, c, mult, t.run), g.dtype)
        for part in pieces:
            start, stop = parts[part]
            for a in range(start, stop, images):
                b = min(a + images, stop)
                r = runs[: b - a]
                windows(lib, r, t)[...] = g[a:b].reshape(b - a, c, mult, *t.out)
                for i, (phase, offset) in enumerate(t.taps):
                    run = ph[a:b, :, phase, offset : offset + t.run, None]
                    sums[part, ..., i] += lib.matmul(r, run)[..., 0].sum(0)

    threads.spread(work, range(len(parts)), busy)
    return sums.sum(0).reshape(w_shape)


def widen(lib: Any, x: Array) -> Array:
    """Half precision as float32; everything else as it is."""
    return x.astype(lib.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


def _on_cpu(lib: Any) -> bool:
    return lib.__name__ == "numpy"


def _images(lib: Any, n: int, size: int, product: int) -> int:
    """How many images to take at a time: columns of `size` bytes and a `product` of multiply-adds each."""
    if not _on_cpu(lib):
        return max(1, min(n, (1 << 30) // size))  # launches are dear there, and caches small
    limit = CACHE // size
    if 0 < product <= SMALL:
        limit = min(limit, SMALL // product)
    return max(1, min(n, limit))


def _threads(lib: Any, work: int) -> int:
    return threads.count() if work >= PARALLEL and _on_cpu(lib) else 1


def _over_images(lib: Any, work: threads.Work, n: int, images: int, size: int) -> None:
    """Run work over pieces (start, stop) of n images; on several threads if it has `size` multiply-adds to do."""
    busy = _threads(lib, size)
    step = min(images, -(-n // busy))
    threads.spread(work, [(a, min(a + step, n)) for a in range(0, n, step)], busy)
