"""Pooling over 1 to 3 spatial dimensions: maximum with indices, average, adaptive, fractional, and the way back.

Arrays are (planes, *spatial): the caller joins batch and channels. A window's taps are runs of phase planes (see
`windows.py`), so that a pool is a few passes over contiguous memory. Indices count positions of one input plane, as
PyTorch's do. Convolution is in `convolve.py`; norms over windows are composed of these in `ops/pool.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from . import threads
from .convolve import widen
from .windows import Array, Ints, Taps, merge, split, steps, taps, windows

CACHE = 1 << 18  # bytes of one array at a time: a handful of them should stay in a core's own cache
PARALLEL = 1 << 18  # elements from which a second thread pays


def pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> int:
    """Windows along one dimension; with `ceil`, a last one that is only partly inside."""
    n = (
        size + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1 if ceil else 0)
    ) // stride + 1
    return n - 1 if ceil and (n - 1) * stride >= size + padding else n  # it must begin inside


def pool_taps(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> Taps:
    """The taps of a pool."""
    out = tuple(
        pooled_size(*facts, ceil) for facts in zip(spatial, kernel, stride, padding, dilation)
    )
    return taps(spatial, kernel, stride, padding, dilation, out)


def max_pool(
    lib: Any, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> tuple[Array, Array]:
    """Maximum of each window of x (planes, *spatial) and its position; the first of equals, the last of NaNs."""
    dtype = x.dtype
    x = widen(lib, x)
    spatial = x.shape[1:]
    t = pool_taps(spatial, kernel, stride, padding, dilation, ceil)
    out = lib.empty((len(x), *t.out), x.dtype)
    where = lib.empty((len(x), *t.out), lib.int64)
    if not out.size:
        return out.astype(dtype, copy=False), where
    if kernel == spatial and not any(padding) and not any(d > 1 for d in dilation):
        out[...], where[...] = (
            a.reshape(out.shape) for a in _max_of_rows(lib, x.reshape(len(x), -1))
        )
        return out.astype(dtype, copy=False), where
    base, codes, first, table = _positions(spatial, kernel, stride, padding, dilation, t.out)
    small = lib.int8 if codes[-1] < 128 else lib.int16 if codes[-1] < 32768 else lib.int32
    base = lib.asarray(base)
    fill = (
        -lib.inf
        if x.dtype.kind == "f"
        else lib.iinfo(x.dtype).min
        if x.dtype.kind != "b"
        else False
    )

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            ph = split(lib, x[a:b], t, fill)
            if not _max_of_taps(
                lib, ph, t, codes, first, small, out[a:b], where[a:b], base, table, False
            ):
                _max_of_taps(
                    lib, ph, t, codes, first, small, out[a:b], where[a:b], base, table, True
                )

    _over_planes(lib, work, len(x), prod(t.plane) * len(t.phases), x.itemsize)
    return out.astype(dtype, copy=False), where


def _max_of_rows(lib: Any, x: Array) -> tuple[Array, Array]:
    where = x.argmax(-1)
    best = x[lib.arange(len(x)), where]
    nan = best != best
    if bool(nan.any()):  # argmax finds the first NaN
        where = lib.where(nan, x.shape[1] - 1 - lib.isnan(x)[:, ::-1].argmax(-1), where)
    return best, where


def _max_of_taps(
    lib: Any,
    ph: Array,
    t: Taps,
    codes: Ints,
    first: Any,
    small: Any,
    out: Array,
    where: Array,
    base: Array,
    table: Any,
    nans: bool,
) -> bool:
    """Fill out and where from the phases; False if there are NaNs, which need nans=True."""
    runs = [ph[:, phase, offset : offset + t.run] for phase, offset in t.taps]
    best = out.reshape(len(out), -1) if t.exact else lib.empty((len(out), t.run), out.dtype)
    best[...] = runs[0]
    code = lib.zeros(best.shape, small)
    if first is not None:
        windows(lib, code, t)[...] = lib.asarray(first)
    better = lib.empty(best.shape, lib.bool_)
    step = lib.empty(best.shape, small)
    for run, c in zip(runs[1:], codes[1:]):
        lib.greater(run, best, out=better)
        if nans:
            lib.logical_or(better, run != run, out=better)
        lib.maximum(best, run, out=best)
        lib.multiply(better.view(lib.int8), small(c), out=step, dtype=small)
        lib.maximum(code, step, out=code)
    if not t.exact:
        out[...] = windows(lib, best, t)
        code = windows(lib, code, t)
    if not nans and out.dtype.kind == "f" and bool(lib.isnan(out).any()):
        return False
    if table is not None:
        code = lib.asarray(table).take(code)
    lib.add(code.reshape(where.shape), base, out=where)
    return True


@lru_cache(maxsize=256)
def _positions(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> tuple[Any, ...]:
    """Flat position of each window's corner; per tap a code that grows; first valid code per window; code -> offset.

    The code is the tap's offset from the corner wherever these grow from tap to tap, and no table is needed.
    """
    import numpy as np

    pitches = steps(spatial)
    starts = np.ix_(*[np.arange(o) * s - p for o, s, p in zip(out, stride, padding)])
    base = sum(start * pitch for start, pitch in zip(starts, pitches))
    offsets = tuple(
        sum(t * d * p for t, d, p in zip(tap, dilation, pitches))
        for tap in product(*map(range, kernel))
    )
    growing = all(a < b for a, b in zip(offsets, offsets[1:]))
    codes = offsets if growing else tuple(range(len(offsets)))
    first = None
    if any(padding):
        skipped = np.ix_(
            *[
                np.maximum(0, -(-(p - np.arange(o) * s) // d))
                for o, s, p, d in zip(out, stride, padding, dilation)
            ]
        )
        first = sum(n * k for n, k in zip(skipped, steps(kernel)))
        first = np.asarray(codes)[first]
    return base, codes, first, None if growing else np.asarray(offsets)


def scatter(lib: Any, g: Array, where: Array, spatial: Ints) -> Array:
    """Zeros (planes, *spatial) plus g (planes, *any) at the positions `where` of each plane."""
    dtype = g.dtype
    g, size = widen(lib, g), prod(spatial)
    x = lib.zeros((len(g), size), g.dtype)
    g, where = g.reshape(len(g), -1), where.reshape(len(where), -1)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            flat = where[a:b] + lib.arange(0, (b - a) * size, size)[:, None]
            lib.add.at(x[a:b].reshape(-1), flat.reshape(-1), g[a:b].reshape(-1))

    if g.size:
        _over_planes(lib, work, len(g), g.shape[1], 8)
    return x.reshape(len(g), *spatial).astype(dtype, copy=False)


def gather(lib: Any, x: Array, where: Array) -> Array:
    """x (planes, *spatial) at the positions `where` (planes, *any) of each plane."""
    flat = (
        where.reshape(len(where), -1)
        + lib.arange(0, x.size, max(1, prod(x.shape[1:])))[: len(x), None]
    )
    return x.reshape(-1).take(flat).reshape(where.shape)


def unpool(lib: Any, x: Array, where: Array, spatial: Ints) -> Array:
    """Zeros (planes, *spatial) with x (planes, *any) written at the positions `where`."""
    out = lib.zeros((len(x), prod(spatial)), x.dtype)
    flat = (
        where.reshape(len(where), -1)
        + lib.arange(0, out.size, max(1, out.shape[1]))[: len(x), None]
    )
    out.reshape(-1)[flat.reshape(-1)] = x.reshape(-1)
    return out.reshape(len(x), *spatial)


def avg_pool(
    lib: Any,
    x: Array,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil: bool,
    include_pad: bool,
    divisor: int | None,
) -> Array:
    """Mean of each window of x (planes, *spatial), or its sum over `divisor`."""
    dtype = x.dtype
    x = widen(lib, x)
    spatial, ones = x.shape[1:], (1,) * len(kernel)
    t = pool_taps(spatial, kernel, stride, padding, ones, ceil)
    out = lib.empty((len(x), *t.out), x.dtype)
    size = _divisors(spatial, kernel, stride, padding, t.out, include_pad, divisor)
    if t.out == ones and not any(padding) and kernel == spatial:
        return (x.reshape(len(x), -1).sum(-1).reshape(out.shape) / size).astype(dtype, copy=False)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            ph = split(lib, x[a:b], t)
            total = out[a:b].reshape(b - a, -1) if t.exact else lib.empty((b - a, t.run), x.dtype)
            for i, (phase, offset) in enumerate(t.taps):
                run = ph[:, phase, offset : offset + t.run]
                if i:
                    lib.add(total, run, out=total)
                else:
                    total[...] = run
            _divide(lib, windows(lib, total, t), size, out[a:b])

    if out.size:
        _over_planes(lib, work, len(x), prod(t.plane) * len(t.phases), x.itemsize)
    return out.astype(dtype, copy=False)


def avg_pool_input(
    lib: Any,
    g: Array,
    spatial: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil: bool,
    include_pad: bool,
    divisor: int | None,
) -> Array:
    """The adjoint of `avg_pool`: each g (planes, *out) shared among its window's positions."""
    dtype = g.dtype
    g = widen(lib, g)
    t = pool_taps(spatial, kernel, stride, padding, (1,) * len(kernel), ceil)
    x = lib.zeros((len(g), *spatial), g.dtype)
    size = _divisors(spatial, kernel, stride, padding, t.out, include_pad, divisor)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            run = lib.zeros((b - a, t.run), g.dtype)
            _divide(lib, g[a:b], size, windows(lib, run, t))
            ph = lib.zeros((b - a, len(t.phases), prod(t.plane)), g.dtype)
            for phase, offset in t.taps:
                into = ph[:, phase, offset : offset + t.run]
                lib.add(into, run, out=into)
            merge(ph, t, x[a:b])

    if kernel == spatial and not any(padding) and prod(t.out) == 1:
        _divide(lib, g, size, x)
    elif g.size:
        _over_planes(lib, work, len(g), prod(t.plane) * len(t.phases), g.itemsize)
    return x.astype(dtype, copy=False)


def _divide(lib: Any, a: Array, size: Any, out: Array) -> None:
    if a.dtype.kind in "iu":
        out[...] = lib.trunc(a / size)
    else:
        lib.divide(a, lib.asarray(size, a.dtype), out=out)


@lru_cache(maxsize=256)
def _divisors(
    spatial: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    out: Ints,
    include_pad: bool,
    divisor: int | None,
) -> Any:
    """What each window's sum is divided by: a number, or an array (*out) where windows differ."""
    import numpy as np

    if divisor is not None:
        return divisor
    counts = []
    for n, k, s, p, o in zip(spatial, kernel, stride, padding, out):
        start = np.arange(o) * s - p
        end = np.minimum(start + k, n + p)
        counts.append(end - start if include_pad else np.minimum(end, n) - np.maximum(start, 0))
    size = prod(np.ix_(*counts))
    return int(size.flat[0]) if size.size and (size == size.flat[0]).all() else size


def adaptive_bounds(size: int, out: int) -> list[tuple[int, int]]:
    """The windows that cut `size` positions into `out` parts, overlapping where they must."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def adaptive_avg_pool(lib: Any, x: Array, out: Ints) -> Array:
    """Mean of each of out windows per dimension of x (planes, *spatial)."""
    spatial = x.shape[1:]
    if all(o and n % o == 0 for n, o in zip(spatial, out)):
        kernel = tuple(n // o for n, o in zip(spatial, out))
        return avg_pool(lib, x, kernel, kernel, (0,) * len(out), False, True, None)
    dtype = x.dtype
    x = widen(lib, x)
    for axis, (n, o) in enumerate(zip(spatial, out), 1):
        before = (slice(None),) * axis
        parts = [
            x[(*before, slice(a, b))].mean(axis, keepdims=True) for a, b in adaptive_bounds(n, o)
        ]
        x = lib.concatenate(parts, axis) if parts else x[(*before, slice(0, 0))]
    return x.astype(dtype, copy=False)


def adaptive_avg_pool_input(lib: Any, g: Array, spatial: Ints) -> Array:
    """The adjoint of `adaptive_avg_pool`."""
    out = g.shape[1:]
    if all(o and n % o == 0 for n, o in zip(spatial, out)):
        kernel = tuple(n // o for n, o in zip(spatial, out))
        return avg_pool_input(lib, g, spatial, kernel, kernel, (0,) * len(out), False, True, None)
    dtype = g.dtype
    g = widen(lib, g)
    for axis, (n, o) in enumerate(zip(spatial, out), 1):
        before = (slice(None),) * axis
        x = lib.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
        for i, (a, b) in enumerate(adaptive_bounds(n, o)):
            x[(*before, slice(a, b))] += g[(*before, slice(i, i + 1))] / (b - a)
        g = x
    return g.astype(dtype, copy=False)


def adaptive_max_pool(lib: Any, x: Array, out: Ints) -> tuple[Array, Array]:
    """Maximum of each of out windows per dimension of x (planes, *spatial), and its position."""
    spatial, rank = x.shape[1:], len(out)
    if all(o and n % o == 0 for n, o in zip(spatial, out)):
        kernel = tuple(n // o for n, o in zip(spatial, out))
        return max_pool(lib, x, kernel, kernel, (0,) * rank, (1,) * rank, False)
    values = lib.empty((len(x), *out), x.dtype)
    where = lib.empty((len(x), *out), lib.int64)
    pitches = steps(spatial)
    bounds = [list(enumerate(adaptive_bounds(n, o))) for n, o in zip(spatial, out)]
    for window in product(*bounds):
        at = tuple(i for i, _ in window)
        part = x[(slice(None), *(slice(a, b) for _, (a, b) in window))]
        shape = part.shape[1:]
        v, w = max_pool(lib, part, shape, shape, (0,) * rank, (1,) * rank, False)
        values[(slice(None), *at)] = v.reshape(-1)
        within = lib.unravel_index(w.reshape(-1), shape)
        where[(slice(None), *at)] = sum(
            (i + a) * p for i, (_, (a, _)), p in zip(within, window, pitches)
        )
    return values, where


def fractional_max_pool(
    lib: Any, x: Array, samples: Array, kernel: Ints, out: Ints
) -> tuple[Array, Array]:
    """Maximum of windows that begin at pseudo-random places, and its position.

    x (planes, *spatial); samples (planes, dimensions) in [0, 1) set where the windows of a plane begin: width first
    for 2 dimensions, width last for 3.
    """
    spatial, rank = x.shape[1:], len(out)
    if rank == 2:
        samples = samples[:, ::-1]
    planes = lib.arange(len(x)).reshape(-1, *(1,) * rank)
    corner = lib.zeros((), lib.int64)
    for i, (n, k, o, pitch) in enumerate(zip(spatial, kernel, out, steps(spatial))):
        start = _fractional_starts(lib, samples[:, i], n, k, o)
        corner = corner + start.reshape(len(x), *(1,) * i, o, *(1,) * (rank - 1 - i)) * pitch
    offsets = [
        sum(t * p for t, p in zip(tap, steps(spatial))) for tap in product(*map(range, kernel))
    ]
    flat, base = x.reshape(-1), corner + planes * prod(spatial)
    best, where = flat.take(base), corner + 0
    for offset in offsets[1:]:
        value = flat.take(base + offset)
        better = (value > best) | (value != value)
        best = lib.where(better, value, best)
        where = lib.where(better, corner + offset, where)
    return best, where


def _fractional_starts(lib: Any, u: Array, size: int, kernel: int, out: int) -> Array:
    """Where each plane's windows begin along one dimension, (planes, out), for samples u (planes,)."""
    u = widen(lib, u)
    starts = lib.full((len(u), out), size - kernel, lib.int64)
    if out > 1:
        alpha = (
            u.dtype.type((size - kernel) / (out - 1))
            if u.dtype.itemsize == 8
            else (u.dtype.type(size - kernel) / u.dtype.type(out - 1))
        )
        i = lib.arange(out - 1).astype(u.dtype)
        starts[:, :-1] = ((i + u[:, None]) * alpha).astype(lib.int64) - (u[:, None] * alpha).astype(
            lib.int64
        )
    return starts


def _over_planes(lib: Any, work: Callable[[Any], None], n: int, size: int, itemsize: int) -> None:
    """Run work over pieces (start, stop) of n planes of `size` elements, on several threads if they are large."""
    if lib.__name__ != "numpy":
        work(iter([(0, n)]))
        return
    busy = threads.count() if n * size >= PARALLEL else 1
    step = max(1, min(CACHE // max(1, size * itemsize), -(-n // busy)))
    threads.spread(work, [(a, min(a + step, n)) for a in range(0, n, step)], busy)
