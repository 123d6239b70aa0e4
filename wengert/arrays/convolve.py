"""Convolution over 1 to 3 spatial dimensions and its two adjoints: each other's derivatives.

`conv(x, w)`, `conv_input(g, w)` and `conv_weight(x, g)` are the three views of one trilinear form:
correlate x with w, and g with the result. A transposed convolution is `conv_input`. All of them
copy the taps of a few images into columns (as contiguous runs, see `windows.py`), multiply once per
group of channels, and move on, so that the columns stay in the cache. Layout is PyTorch's: x (N, C,
*spatial), w (O, C / groups, *kernel).

float16 and bfloat16 are computed in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from . import threads
from .windows import (
    Array,
    Geometry,
    Ints,
    Taps,
    conv_taps,
    first_of_rows,
    merge,
    output_sizes,
    split,
    taps,
    windows,
)

__all__ = ["conv", "conv_input", "conv_weight", "im2col", "col2im"]

CACHE = 1 << 20  # bytes of columns at a time: they should stay in a core's own cache
SMALL = (
    1_000_000  # multiply-adds up to which OpenBLAS multiplies small matrices without packing them
)
PARALLEL = 2_000_000  # multiply-adds from which a second thread pays


def conv(lib: Any, x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Correlation of x (N, C, *spatial) with w (O, C/groups, *kernel), plus bias (O,)."""
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
    """The adjoint of `conv` in x: g (N, O, *out), weighted with w, spread over an x of x_shape.

    Positions of x that are equal modulo the stride see the same subset of the taps: each such class
    is a correlation of g with those taps, reversed, with stride 1.
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


def _classes(
    n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> list[tuple[Any, ...]]:
    """Per class of positions: (its slice of x, slice of w, padding of g, dilation, size)."""
    found = []
    for r in range(min(stride, n)):
        seen = [t for t in range(kernel) if (r + padding[0] - t * dilation) % stride == 0]
        if not seen:
            continue
        step = seen[1] - seen[0] if len(seen) > 1 else 1
        first = (
            r + padding[0] - seen[-1] * dilation
        ) // stride  # the window that the last tap belongs to
        subset = slice(seen[-1], seen[0] - 1 if seen[0] else None, -step)
        found.append(
            (
                slice(r, None, stride),
                subset,
                -first,
                max(1, step * dilation // stride),
                -(-(n - r) // stride),
            )
        )
    return found


def _correlate(lib: Any, x: Array, w: Array, t: Taps, out: Array, bias: Array | None) -> None:
    """Write the correlation of x with w (groups, rows, C/groups * taps) into out (N, O, *out)."""
    groups, rows, _ = w.shape
    inner, width = t, 1
    if _many_channels_to_few(t, w.shape[2], rows):
        # The last kernel dimension may as well be applied to the product: adding `rows` runs per
        # tap there costs less than making columns of it for every input channel, and the product
        # has more rows.
        inner, width = first_of_rows(t), t.kernel[-1]
        w = w.reshape(groups, rows, -1, width).swapaxes(2, 3).reshape(groups, rows * width, -1)
    w = lib.ascontiguousarray(w)
    shifts = [offset for _, offset in t.taps[1:width]]
    columns = Columns(lib, split(lib, x, t), inner, groups, rows * width, runs=width > 1)
    direct = (
        columns.length == prod(t.out)
        and not columns.joined
        and inner is t
        and out.flags.c_contiguous
    )
    if bias is not None:
        bias = bias.reshape(groups, rows, 1)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        cols = columns.scratch()
        if direct:
            product = out.reshape(len(x), groups, rows, columns.length)
        else:
            product, total, found = columns.product(rows, width, t if width > 1 else None)
        for a, b in pieces:
            matrix = columns.fill(cols, a, b)
            if direct:
                p = lib.matmul(w, matrix, out=product[a:b])
                if bias is not None:
                    lib.add(p, bias, out=p)
                continue
            n = b - a
            p = product[..., : n * columns.length] if columns.joined else product[:n]
            lib.matmul(w, matrix, out=p)
            p = total[..., : p.shape[-1]] if columns.joined else total[:n]
            for i, shift in enumerate(shifts, 1):
                into = p[..., 0, : p.shape[-1] - shift]
                lib.add(into, p[..., i, shift:], out=into)
            if bias is not None:
                lib.add(p[..., 0, :], bias, out=p[..., 0, :])
            out[a:b] = found[:n]

    _over_images(lib, work, len(x), columns.images, w.size * columns.length * len(x))


def _many_channels_to_few(t: Taps, k: int, rows: int) -> bool:
    width = t.kernel[-1]
    return len(t.phases) == 1 and width > 1 and k * (width - 1) > 3 * rows * width * width


def conv_weight(lib: Any, x: Array, g: Array, w_shape: Ints, geometry: Geometry) -> Array:
    """The adjoint of `conv` in w: x correlated with g (N, O, *out) at every tap, of w_shape."""
    dtype = x.dtype
    x, g = widen(lib, x), widen(lib, g)
    groups, k = geometry.groups, prod(w_shape[1:])
    if not x.size or not g.size or not k:
        return lib.zeros(w_shape, dtype)
    t = conv_taps(x.shape[2:], tuple(w_shape[2:]), geometry)
    og = w_shape[0] // groups
    columns = Columns(lib, split(lib, x, t), t, groups, og, joined=True)
    g = g.reshape(len(g), groups, og, *t.out)
    busy = _threads(lib, prod(w_shape) * columns.length * len(x))
    parts = threads.ranges(len(x), busy)  # not pieces: the order of a sum must not depend on timing
    sums = lib.empty((len(parts), groups, k, og), x.dtype)

    def work(pieces: Iterator[int]) -> None:
        cols, product = columns.scratch(), lib.empty(sums.shape[1:], x.dtype)
        rows, grads = columns.rows(og)
        for part in pieces:
            start, stop = parts[part]
            for a in range(start, stop, columns.images):
                b = min(a + columns.images, stop)
                grads[: b - a] = g[a:b]
                matrix = columns.fill(cols, a, b)
                lib.matmul(
                    matrix, rows[:, : matrix.shape[-1]], out=sums[part] if a == start else product
                )
                if a > start:
                    sums[part] += product

    threads.spread(work, range(len(parts)), busy)
    total = sums[0] if len(parts) == 1 else sums.sum(0)
    return lib.ascontiguousarray(total.swapaxes(1, 2)).reshape(w_shape).astype(dtype, copy=False)


def im2col(lib: Any, x: Array, kernel: Ints, geometry: Geometry) -> Array:
    """The windows of x (N, C, *spatial) as columns (N, C * taps, windows)."""
    t = conv_taps(x.shape[2:], kernel, geometry)
    ph = split(lib, x, t)
    out = lib.empty((*x.shape[:2], len(t.taps), *t.out), x.dtype)
    for i, (phase, offset) in enumerate(t.taps):
        out[:, :, i] = windows(lib, ph[:, :, phase, offset : offset + t.run], t)
    return out.reshape(len(x), x.shape[1] * len(t.taps), prod(t.out))


def col2im(lib: Any, g: Array, x_shape: Ints, kernel: Ints, geometry: Geometry) -> Array:
    """The adjoint of `im2col`: of x_shape, each position the sum of its copies in the columns g."""
    dtype = g.dtype
    g = widen(lib, g)
    t = conv_taps(tuple(x_shape[2:]), kernel, geometry)
    g = g.reshape(*x_shape[:2], len(t.taps), *t.out)
    ph = lib.zeros((*x_shape[:2], len(t.phases), prod(t.plane)), g.dtype)
    for i, (phase, offset) in enumerate(t.taps):
        into = windows(lib, ph[:, :, phase, offset : offset + t.run], t)
        lib.add(into, g[:, :, i], out=into)
    x = lib.zeros(x_shape, g.dtype)
    merge(ph, t, x)
    return x.astype(dtype, copy=False)


class Columns:
    """The columns of a split array, a few images at a time.

    One image's columns are (groups, C/groups * taps, length). Those of several are stacked in
    front, or `joined` along length: then a single product serves them all, which small images need
    and sums over images profit from.
    """

    def __init__(
        self,
        lib: Any,
        ph: Array,
        t: Taps,
        groups: int,
        rows: int,
        joined: bool = False,
        runs: bool = False,
    ) -> None:
        self.lib, self.ph, self.t, self.groups = lib, ph, t, groups
        points = prod(t.out)
        # Copying a window's row costs about 5.5 ns however short it is; multiplying costs 0.022 ns
        # per output channel and position: whole runs are better unless the positions that are no
        # window cost more than the rows.
        self.runs = runs or t.exact or rows * (t.run / points - 1) * 0.022 < 5.5 / t.out[-1]
        self.length = t.run if self.runs else points
        self.k = ph.shape[1] * len(t.taps) // groups
        product = groups * self.k * rows * self.length
        self.joined = joined or (product > SMALL // 4 and self.length < 256)
        self.plain = (
            t.exact and ph.shape[2:] == (1, t.run) and not self.joined
        )  # the images are columns as they are
        size = groups * self.k * self.length * ph.itemsize
        self.images = _images(lib, len(ph), size, product if joined else 0)
        self.view = self._view() if len(t.phases) == 1 and not self.plain else None

    def _view(self) -> Array:
        """All taps of all images, of one phase, as a view (N, C, *kernel, length or *out)."""
        n, c, _, item = self.ph.strides
        t = self.t
        kernel, strides = _regular([offset for _, offset in t.taps])
        shape: Ints = (*self.ph.shape[:2], *kernel, *((t.run,) if self.runs else t.out))
        last = (item,) if self.runs else tuple(p * item for p in t.pitches)
        strides = (n, c, *(s * item for s in strides), *last)
        return self.lib.lib.stride_tricks.as_strided(self.ph, shape, strides)

    def _matrices(self, rows: int) -> tuple[Array, Array]:
        """An array of `rows` rows per group, and a view of it as (images, all rows, length)."""
        if self.joined:
            flat = self.lib.zeros((self.groups, rows, self.images * self.length), self.ph.dtype)
            return flat, flat.reshape(self.groups * rows, self.images, -1).swapaxes(0, 1)
        flat = self.lib.zeros((self.images, self.groups, rows, self.length), self.ph.dtype)
        return flat, flat.reshape(self.images, self.groups * rows, -1)

    def scratch(self) -> tuple[Array, Array]:
        """An array for the columns, of one thread; and as its taps, a view."""
        if self.plain:
            return self.ph.reshape(len(self.ph), self.groups, -1, self.length), None
        flat, by_image = self._matrices(self.k)
        kernel = (
            (len(self.t.taps),)
            if self.view is None
            else self.view.shape[2 : self.view.ndim - self.last]
        )
        shape = (
            self.images,
            self.ph.shape[1],
            *kernel,
            *((self.length,) if self.runs else self.t.out),
        )
        return flat, by_image.reshape(shape)

    @property
    def last(self) -> int:
        """Number of dimensions that a run takes in the views."""
        return 1 if self.runs else len(self.t.out)

    def fill(self, scratch: tuple[Array, Array], a: int, b: int) -> Array:
        """The columns of images a..b, as matrices."""
        flat, into = scratch
        n = b - a
        if into is None:
            return flat[a:b]
        if self.view is not None:
            into[:n] = self.view[a:b]
        else:
            for i, (phase, offset) in enumerate(self.t.taps):
                run = self.ph[a:b, :, phase, offset : offset + self.t.run]
                into[:n, :, i] = run if self.runs else windows(self.lib, run, self.t)
        return flat[..., : n * self.length] if self.joined else flat[:n]

    def product(self, rows: int, width: int, t: Taps | None) -> tuple[Array, Array, Array]:
        """An array for w @ columns; as (..., rows, width, length); its windows."""
        flat, by_image = self._matrices(rows * width)
        each = flat.reshape(*flat.shape[:-2], rows, width, flat.shape[-1])
        first = by_image.reshape(self.images, self.groups * rows, width, -1)[:, :, 0]
        if t is not None:
            return flat, each, windows(self.lib, first[..., : t.run], t)
        return flat, each, self._found(first)

    def rows(self, n: int) -> tuple[Array, Array]:
        """Zeros (groups, length, n), a factor; its windows (images, groups, n, *out)."""
        if n < 16:
            flat, by_image = self._matrices(n)
            return flat.swapaxes(1, 2), self._found(
                by_image.reshape(self.images, self.groups, n, -1)
            )
        # OpenBLAS is much better at this product when it is contiguous this way round
        flat = self.lib.zeros((self.groups, self.images, self.length, n), self.ph.dtype)
        return flat.reshape(self.groups, -1, n), self._found(flat.transpose(1, 0, 3, 2))

    def _found(self, a: Array) -> Array:
        return windows(self.lib, a, self.t) if self.runs else a.reshape(*a.shape[:-1], *self.t.out)


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


def widen(lib: Any, x: Array) -> Array:
    """Half precision as float32; everything else as it is."""
    return x.astype(lib.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


def _on_cpu(lib: Any) -> bool:
    return lib.__name__ == "numpy"


def _images(lib: Any, n: int, size: int, product: int) -> int:
    """How many images to take at a time; one has `size` bytes and `product` multiply-adds."""
    if not _on_cpu(lib):
        return max(1, min(n, (1 << 30) // size))  # launches are dear there, and caches small
    limit = CACHE // size
    if 0 < product <= SMALL:
        limit = min(limit, SMALL // product)
    return max(1, min(n, limit))


def _threads(lib: Any, work: int) -> int:
    return threads.count() if work >= PARALLEL and _on_cpu(lib) else 1


def _over_images(lib: Any, work: threads.Work, n: int, images: int, size: int) -> None:
    """Run work over pieces (start, stop) of n images; there are `size` multiply-adds to do."""
    busy = _threads(lib, size)
    step = min(images, -(-n // busy))
    threads.spread(work, [(a, min(a + step, n)) for a in range(0, n, step)], busy)
