"""Convolution over 1 to 3 spatial dimensions and its two adjoints: each other's derivatives.

`conv(x, w)`, `conv_input(g, w)` and `conv_weight(x, g)` are the three views of one trilinear form:
correlate x with w, and g with the result. A transposed convolution is `conv_input`. On the CPU the
direct kernels of `kernels/conv.py` do it, where they apply. What is here copies the taps of a few
images into columns (as contiguous runs, see `windows.py`), multiplies once per group of channels,
and moves on, so that the columns stay in the cache. Layout is PyTorch's: x (N, C, *spatial),
w (O, C / groups, *kernel).

float16 and bfloat16 are computed in float32.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from ..kernels import conv as kernels
from . import small_conv
from .capabilities import ON_HOST
from .windows import (
    Array,
    Geometry,
    Ints,
    Taps,
    conv_taps,
    first_of_rows,
    merge,
    split,
    strided,
    taps,
    widen,
    windows,
)

__all__ = ["conv", "conv_input", "conv_weight", "im2col", "col2im"]

SPARSE = 4  # from so many times as many positions as windows, windows overlap little
CACHE = 1 << 20  # bytes of columns at a time: they should stay in a core's own cache
SMALL = 1_000_000  # multiply-adds up to which OpenBLAS need not pack a product's factors


def conv(lib: Any, x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Correlation of x (N, C, *spatial) with w (O, C/groups, *kernel), plus bias (O,)."""
    if lib in ON_HOST and (few := small_conv.conv(x, w, bias, geometry)) is not None:
        return few
    dtype = x.dtype
    if dtype.itemsize == 2:
        x, w, bias = widen(lib, x), widen(lib, w), bias if bias is None else widen(lib, bias)
    if lib in ON_HOST:
        direct = kernels.conv(x, w, bias, geometry)
        if direct is not None:
            return direct if direct.dtype is dtype else direct.astype(dtype)
    t = conv_taps(x.shape[2:], w.shape[2:], geometry)
    out = lib.empty((len(x), len(w), *t.out), x.dtype)
    if out.size and w.size:
        _correlate(lib, x, w.reshape(geometry.groups, -1, w.size // len(w)), t, out, bias)
    else:
        out[...] = 0 if bias is None else bias.reshape(-1, *(1,) * (x.ndim - 2))
    return out if out.dtype is dtype else out.astype(dtype)


def conv_input(lib: Any, g: Array, w: Array, x_shape: Ints, geometry: Geometry) -> Array:
    """The adjoint of `conv` in x: g (N, O, *out), weighted with w, spread over an x of x_shape.

    Positions of x that are equal modulo the stride see the same subset of the taps: each such class
    is a correlation of g with those taps, reversed, with stride 1.
    """
    if lib in ON_HOST and (few := small_conv.conv_input(g, w, x_shape, geometry)) is not None:
        return few
    dtype = g.dtype
    if dtype.itemsize == 2:
        g, w = widen(lib, g), widen(lib, w)
    # windows that overlap little, such as those as wide as x: a correlation of g with w would
    # multiply mostly zeros around g; and infinities times those would be nan
    sparse = prod(x_shape[2:]) > SPARSE * prod(g.shape[2:]) * prod(geometry.stride)
    if lib in ON_HOST and (sparse or not lib.isfinite(w.sum())):
        return _by_columns(lib, g, w, x_shape, geometry).astype(dtype, copy=False)
    if lib in ON_HOST:
        direct = kernels.conv_input(g, w, x_shape, geometry)
        if direct is not None:
            return direct if direct.dtype is dtype else direct.astype(dtype)
    classes, all_seen = _classes(x_shape[2:], g.shape[2:], w.shape[2:], geometry)
    busy = bool(g.size and w.size)
    x = (lib.empty if all_seen and busy else lib.zeros)(x_shape, g.dtype)
    if busy and x.size:
        w = w.reshape(geometry.groups, -1, *w.shape[1:]).swapaxes(1, 2)
        for place, subset, t in classes:
            sub = w[subset]
            _correlate(lib, g, sub.reshape(*sub.shape[:2], -1), t, x[place], None)
    return x if x.dtype is dtype else x.astype(dtype)


def _by_columns(lib: Any, g: Array, w: Array, x_shape: Ints, geometry: Geometry) -> Array:
    """conv_input by the products of g and each tap alone."""
    groups, taps_of_all = geometry.groups, prod(w.shape[1:])
    parts = g.reshape(len(g), groups, len(w) // groups, prod(g.shape[2:]))
    columns = lib.matmul(w.reshape(groups, -1, taps_of_all).swapaxes(1, 2), parts)
    columns = columns.reshape(len(g), groups * taps_of_all, -1 if g.size else 0)
    return col2im(lib, columns, x_shape, w.shape[2:], geometry)


@lru_cache(maxsize=256)
def _classes(
    spatial: Ints, out: Ints, kernel: Ints, geometry: Geometry
) -> tuple[list[tuple[Any, Any, Taps]], bool]:
    """(places in x, taps of w, windows over g) per class, and whether they cover all of x."""
    each = [_classes_along(*facts) for facts in zip(spatial, kernel, *geometry[:3])]
    classes = []
    for chosen in product(*each):
        places, subsets, before, dilation, sizes = zip(*chosen)
        seen = tuple(len(range(k)[s]) for k, s in zip(kernel, subsets))
        t = taps(out, seen, (1,) * len(out), before, dilation, sizes)
        classes.append(((..., *places), (..., *subsets), t))
    return classes, all(len(c) == min(s, n) for c, s, n in zip(each, geometry.stride, spatial))


def _classes_along(
    n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int
) -> list[tuple[slice, slice, int, int, int]]:
    """Per class: (its slice of x, slice of w, padding before g, dilation, size)."""
    found = []
    for r in range(min(stride, n)):
        seen = [t for t in range(kernel) if (r + padding[0] - t * dilation) % stride == 0]
        if not seen:
            continue
        step = seen[1] - seen[0] if len(seen) > 1 else 1
        first = (r + padding[0] - seen[-1] * dilation) // stride  # the window of the last tap
        subset = slice(seen[-1], seen[0] - 1 if seen[0] else None, -step)
        apart = max(1, step * dilation // stride)
        found.append((slice(r, None, stride), subset, -first, apart, -(-(n - r) // stride)))
    return found


def _correlate(lib: Any, x: Array, w: Array, t: Taps, out: Array, bias: Array | None) -> None:
    """Write the correlation of x with w (groups, rows, C/groups * taps) into out (N, O, *out)."""
    groups, rows, k = w.shape
    inner, width = t, t.kernel[-1]
    if len(t.phases) == 1 and width > 1 and k * (width - 1) > 3 * rows * width * width:
        # Many channels to few: the last kernel dimension may as well be applied to the product.
        # Adding `rows` runs per tap there costs less than making columns of it for every input
        # channel, and the product has more rows.
        inner = first_of_rows(t)
        w = w.reshape(groups, rows, -1, width).swapaxes(2, 3).reshape(groups, rows * width, -1)
    else:
        width = 1
    w = lib.ascontiguousarray(w)
    shifts = [offset for _, offset in t.taps[1:width]]
    facts = (len(x), x.shape[1], x.dtype.itemsize, groups, rows * width, False, width > 1)
    columns = plan(inner, *facts, _on_cpu(lib))
    ph = split(lib, x, t)
    view = columns.view(lib, ph)
    direct = columns.direct and inner is t and out.flags.c_contiguous
    if bias is not None:
        bias = bias.reshape(groups, rows, 1)

    cols = columns.scratch(lib, ph)
    if direct:
        results = out.reshape(len(x), groups, rows, columns.length)
    else:
        results, total, found = columns.product(lib, ph, rows, width, t)
    for a in range(0, len(x), columns.images):
        b = min(a + columns.images, len(x))
        matrix = columns.fill(lib, cols, ph, view, a, b)
        if direct:
            p = lib.matmul(w, matrix, out=results[a:b])
            if bias is not None:
                lib.add(p, bias, out=p)
            continue
        n = b - a
        p = results[..., : n * columns.length] if columns.joined else results[:n]
        lib.matmul(w, matrix, out=p)
        p = total[..., : p.shape[-1]] if columns.joined else total[:n]
        for i, shift in enumerate(shifts, 1):
            into = p[..., 0, : p.shape[-1] - shift]
            lib.add(into, p[..., i, shift:], out=into)
        if bias is not None:
            lib.add(p[..., 0, :], bias, out=p[..., 0, :])
        out[a:b] = found[:n]


def conv_weight(lib: Any, x: Array, g: Array, w_shape: Ints, geometry: Geometry) -> Array:
    """The adjoint of `conv` in w: x correlated with g (N, O, *out) at every tap, of w_shape."""
    if lib in ON_HOST and (few := small_conv.conv_weight(x, g, w_shape, geometry)) is not None:
        return few
    dtype = x.dtype
    if dtype.itemsize == 2:
        x, g = widen(lib, x), widen(lib, g)
    if lib in ON_HOST:
        direct = kernels.conv_weight(x, g, w_shape, geometry)
        if direct is not None:
            return direct if direct.dtype is dtype else direct.astype(dtype)
    groups, k = geometry.groups, prod(w_shape[1:])
    if not x.size or not g.size or not k:
        return lib.zeros(w_shape, dtype)
    t = conv_taps(x.shape[2:], w_shape[2:], geometry)
    og = w_shape[0] // groups
    facts = (len(x), x.shape[1], x.dtype.itemsize, groups, og, True, False)
    columns = plan(t, *facts, _on_cpu(lib))
    ph = split(lib, x, t)
    view = columns.view(lib, ph)
    g = g.reshape(len(g), groups, og, *t.out)
    total, product = (lib.empty((groups, k, og), x.dtype) for _ in range(2))
    cols = columns.scratch(lib, ph)
    rows, grads = columns.rows(lib, ph, og)
    for a in range(0, len(x), columns.images):
        b = min(a + columns.images, len(x))
        grads[: b - a] = g[a:b]
        matrix = columns.fill(lib, cols, ph, view, a, b)
        lib.matmul(matrix, rows[:, : matrix.shape[-1]], out=product if a else total)
        if a:
            total += product
    w = lib.ascontiguousarray(total.swapaxes(1, 2)).reshape(w_shape)
    return w if w.dtype is dtype else w.astype(dtype)


def im2col(lib: Any, x: Array, kernel: Ints, geometry: Geometry) -> Array:
    """The windows of x (N, C, *spatial) as columns (N, C * taps, windows)."""
    if lib in ON_HOST and (few := small_conv.im2col(x, kernel, geometry)) is not None:
        return few
    t = conv_taps(x.shape[2:], kernel, geometry)
    ph = split(lib, x, t)
    out = lib.empty((*x.shape[:2], len(t.taps), *t.out), x.dtype)
    for i, (phase, offset) in enumerate(t.taps):
        out[:, :, i] = windows(lib, ph[:, :, phase, offset : offset + t.run], t)
    return out.reshape(len(x), x.shape[1] * len(t.taps), t.points)


def col2im(lib: Any, g: Array, x_shape: Ints, kernel: Ints, geometry: Geometry) -> Array:
    """The adjoint of `im2col`: of x_shape, each position the sum of its copies in the columns g."""
    if lib in ON_HOST and (few := small_conv.col2im(g, x_shape, kernel, geometry)) is not None:
        return few
    dtype = g.dtype
    g = widen(lib, g)
    t = conv_taps(x_shape[2:], kernel, geometry)
    g = g.reshape(*x_shape[:2], len(t.taps), *t.out)
    ph = lib.zeros((*x_shape[:2], len(t.phases), t.size), g.dtype)
    for i, (phase, offset) in enumerate(t.taps):
        into = windows(lib, ph[:, :, phase, offset : offset + t.run], t)
        lib.add(into, g[:, :, i], out=into)
    x = lib.zeros(x_shape, g.dtype)
    merge(ph, t, x)
    return x.astype(dtype, copy=False)


def _on_cpu(lib: Any) -> bool:
    return lib in ON_HOST


# ------------------------------------------------------------------------------------- columns


class Columns:
    """How the columns of a split array are made, a few images at a time; see `plan`.

    One image's columns are (groups, k, length), k = C/groups * taps. Those of several are stacked
    in front, or `joined` along length: then a single product serves them all, which small images
    need and sums over images profit from.
    """

    def __init__(
        self,
        t: Taps,
        n: int,
        channels: int,
        itemsize: int,
        groups: int,
        rows: int,
        joined: bool,
        runs: bool,
        on_cpu: bool,
    ) -> None:
        self.t, self.groups = t, groups
        # Copying a window's row costs about 5.5 ns however short it is; multiplying costs 0.022 ns
        # per output channel and position: whole runs are better unless the positions that are no
        # window cost more than the rows.
        wasted = rows * (t.run / t.points - 1) * 0.022
        self.runs = runs or t.exact or wasted < 5.5 / t.out[-1]
        self.length = t.run if self.runs else t.points
        self.k = channels * len(t.taps) // groups
        product = groups * self.k * rows * self.length
        self.joined = joined or (product > SMALL // 4 and self.length < 256)
        one_run = len(t.phases) == 1 and t.exact and t.size == t.run
        self.plain = one_run and not self.joined  # the images are columns as they are
        self.direct = self.length == t.points and not self.joined
        size = groups * self.k * self.length * itemsize
        if on_cpu:
            limit = CACHE // size
            if joined and product <= SMALL:
                limit = min(limit, SMALL // product)
        else:
            limit = (1 << 30) // size  # launches are dear there, and caches small
        self.images = max(1, min(n, limit))
        self._shape_view(n, channels, itemsize)

    def _shape_view(self, n: int, channels: int, itemsize: int) -> None:
        """The view of all taps of all images: (N, C, *kernel, run or *out), for a single phase."""
        t = self.t
        last = ((t.run,), (1,)) if self.runs else (t.out, t.pitches)
        kernel: Ints = (len(t.taps),)
        self.strides: Ints | None = None
        if len(t.phases) == 1:
            kernel, apart = _grid([offset for _, offset in t.taps])
            in_elements = (channels * t.size, t.size, *apart, *last[1])
            self.strides = tuple(s * itemsize for s in in_elements)
        self.shape = (n, channels, *kernel, *last[0])
        self.filled = (self.images, *self.shape[1:])

    def view(self, lib: Any, ph: Array) -> Array | None:
        """All columns as a view of the phases, or None where there are several phases."""
        if self.plain or self.strides is None:
            return None
        return strided(lib, ph, self.shape, self.strides)

    def matrices(self, lib: Any, ph: Array, rows: int) -> tuple[Array, Array]:
        """An array of `rows` rows per group, and a view of it as (images, all rows, length)."""
        if self.joined:
            flat = lib.zeros((self.groups, rows, self.images * self.length), ph.dtype)
            by_row = flat.reshape(self.groups * rows, self.images, self.length)
            return flat, by_row.swapaxes(0, 1)
        flat = lib.zeros((self.images, self.groups, rows, self.length), ph.dtype)
        return flat, flat.reshape(self.images, self.groups * rows, self.length)

    def scratch(self, lib: Any, ph: Array) -> tuple[Array, Array]:
        """An array for the columns, of one thread; and as its taps, a view."""
        if self.plain:
            return ph.reshape(len(ph), self.groups, -1, self.length), None
        flat, by_image = self.matrices(lib, ph, self.k)
        return flat, by_image.reshape(self.filled)

    def fill(
        self, lib: Any, scratch: tuple[Array, Array], ph: Array, view: Array, a: int, b: int
    ) -> Array:
        """The columns of images a..b, as matrices."""
        flat, into = scratch
        n = b - a
        if into is None:
            return flat[a:b]
        if view is not None:
            into[:n] = view[a:b]
        else:
            for i, (phase, offset) in enumerate(self.t.taps):
                run = ph[a:b, :, phase, offset : offset + self.t.run]
                into[:n, :, i] = run if self.runs else windows(lib, run, self.t)
        if n == self.images:
            return flat
        return flat[..., : n * self.length] if self.joined else flat[:n]

    def product(
        self, lib: Any, ph: Array, rows: int, width: int, t: Taps
    ) -> tuple[Array, Array, Array]:
        """An array for w @ columns; as (..., rows, width, length); its windows."""
        flat, by_image = self.matrices(lib, ph, rows * width)
        each = flat.reshape(*flat.shape[:-2], rows, width, flat.shape[-1])
        first = by_image.reshape(self.images, self.groups * rows, width, self.length)[:, :, 0]
        return flat, each, windows(lib, first, t) if width > 1 else self.found(lib, first)

    def rows(self, lib: Any, ph: Array, n: int) -> tuple[Array, Array]:
        """Zeros (groups, length, n), a factor; its windows (images, groups, n, *out)."""
        if n < 16:
            flat, by_image = self.matrices(lib, ph, n)
            split_rows = by_image.reshape(self.images, self.groups, n, self.length)
            return flat.swapaxes(1, 2), self.found(lib, split_rows)
        # OpenBLAS is much better at columns @ this when it is contiguous this way round
        flat = lib.zeros((self.groups, self.images, self.length, n), ph.dtype)
        by_image = flat.transpose(1, 0, 3, 2)
        return flat.reshape(self.groups, -1, n), self.found(lib, by_image)

    def found(self, lib: Any, a: Array) -> Array:
        """The windows of results (..., length)."""
        return windows(lib, a, self.t) if self.runs else a.reshape(*a.shape[:-1], *self.t.out)


plan = lru_cache(maxsize=512)(Columns)


def _grid(offsets: list[int]) -> tuple[Ints, Ints]:
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
