"""Pooling over 1 to 3 spatial dimensions: maximum, average, adaptive, fractional, and the way back.

Arrays are (*lead, *spatial); a plane is one position of the leading dimensions. A window's taps are
runs of phase planes (see `windows.py`), so that a pool is a few passes over contiguous memory.
Indices count positions of one input plane, as PyTorch's do. Convolution is in `conv.py`; norms
over windows are composed of these in `ops/nn/pool.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

from ..kernels import sliding_pool, window_pool
from . import small_pools
from .capabilities import ON_HOST, poisoned, some
from .numpy_direct import library as np
from .small_pools import adaptive_bounds
from .windows import Array, Ints, Taps, merge, pooled_size, split, steps, taps, widen, windows

__all__ = [
    "max_pool",
    "pool_scatter",
    "pool_gather",
    "max_unpool",
    "avg_pool",
    "avg_pool_input",
    "adaptive_avg_pool",
    "adaptive_avg_pool_input",
    "adaptive_max_pool",
    "fractional_max_pool",
]

TINY = 256  # elements of a plane, up to which its windows do not fill the lanes
MANY = 1 << 13  # elements, from which tables of windows cost little beside them
CACHE = 1 << 18  # bytes of one array at a time: a handful of them should stay in a core's own cache


def planes(x: Array, rank: int) -> Array:
    """x (*lead, *spatial) as (planes, *spatial)."""
    lead = x.ndim - rank
    return x if lead == 1 else x.reshape(prod(x.shape[:lead]), *x.shape[lead:])


@lru_cache(maxsize=512)
def pool_taps(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> Taps:
    """The taps of a pool."""
    each = zip(spatial, kernel, stride, padding, dilation)
    out = tuple(pooled_size(*facts, ceil) for facts in each)
    return taps(spatial, kernel, stride, padding, dilation, out)


# ------------------------------------------------------------------------------------- maximum


def max_pool(
    lib: Any, x: Array, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> tuple[Array, Array]:
    """Maximum of each window of x and its position: the first of equals, the last of NaNs."""
    if lib in ON_HOST:
        table = small_pools.sliding(x.shape, kernel, stride, padding, dilation, ceil)
        if table is not None and table.starts.size * table.taps <= small_pools.FEW:
            best = small_pools.maxima(x, table)
            if best is not None:
                return best
    dtype, rank = x.dtype, len(kernel)
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    x = planes(widen(lib, x), rank)
    t = pool_taps(spatial, kernel, stride, padding, dilation, ceil)
    if lib in ON_HOST:
        few = sliding_pool.LEAST <= x.size < MANY  # its tables would take longer than the windows
        found = None
        if not few and prod(spatial) <= TINY and prod(dilation) == 1:
            # a lane for each window, as a plane has too few for all lanes
            bounds = _bounds(spatial, kernel, stride, padding, t.out)
            found = window_pool.windows(x, bounds, "max")
        if found is None:
            found = sliding_pool.windows(x, kernel, stride, padding, dilation, t.out)
        if found is not None:
            shape = (*lead, *t.out)
            best = found[0].reshape(shape)
            return best if x.dtype is dtype else best.astype(dtype), found[1].reshape(shape)
    out = lib.empty((len(x), *t.out), x.dtype)
    where = lib.empty((len(x), *t.out), lib.int64)
    if not out.size:
        pass
    elif kernel == spatial and t.exact and not any(padding) and prod(dilation) == 1:
        _max_of_planes(lib, x.reshape(len(x), -1), out.reshape(-1), where.reshape(-1))
    else:
        places = _places(spatial, kernel, stride, padding, dilation, t.out)
        fill: Any = False
        if x.dtype.kind != "b":
            fill = -lib.inf if x.dtype.kind == "f" else lib.iinfo(x.dtype).min

        nans = lib not in ON_HOST  # to ask would wait there

        def work(pieces: Iterator[tuple[int, int]]) -> None:
            for a, b in pieces:
                phases = split(lib, x[a:b], t, fill)
                if not _max_of_taps(lib, phases, t, places, out[a:b], where[a:b], nans):
                    _max_of_taps(lib, phases, t, places, out[a:b], where[a:b], True)

        _over_planes(lib, work, len(x), t.size * len(t.phases), x.itemsize)
    shape = (*lead, *t.out)
    return out.reshape(shape).astype(dtype, copy=False), where.reshape(shape)


def _max_of_planes(lib: Any, x: Array, out: Array, where: Array) -> None:
    """One window that is the whole plane."""
    at = x.argmax(-1)
    out[...] = x[lib.arange(len(x)), at]
    nan = out != out
    if some(lib, nan):  # argmax finds the first NaN
        at = lib.where(nan, x.shape[1] - 1 - lib.isnan(x)[:, ::-1].argmax(-1), at)
    where[...] = at


class _Places(NamedTuple):
    """How a tap's number becomes a position; made by `_places`.

    The code of a tap is its offset from the window's corner if these grow from tap to tap (then the
    largest code that ever won is the winner's), and its number, to be looked up, if not.
    """

    corner: Any  # flat position of each window's corner, (*out)
    codes: Ints
    first: Any  # the code of each window's first tap inside the input, or None where that is tap 0
    offsets: Any  # number -> offset, or None


@lru_cache(maxsize=256)
def _places(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> _Places:
    pitches = steps(spatial)
    starts = [np.arange(o) * s - p for o, s, p in zip(out, stride, padding)]
    corner = sum(start * pitch for start, pitch in zip(np.ix_(*starts), pitches))
    offsets = tuple(
        sum(t * d * p for t, d, p in zip(tap, dilation, pitches))
        for tap in product(*map(range, kernel))
    )
    grows = all(a < b for a, b in zip(offsets, offsets[1:]))
    codes = offsets if grows else tuple(range(len(offsets)))
    first = None
    if any(padding):
        skipped = [np.maximum(0, -(start // d)) for start, d in zip(starts, dilation)]
        number = sum(n * k for n, k in zip(np.ix_(*skipped), steps(kernel)))
        first = np.asarray(codes)[number]
    return _Places(corner, codes, first, None if grows else np.asarray(offsets))


def _max_of_taps(
    lib: Any, phases: Array, t: Taps, places: _Places, out: Array, where: Array, nans: bool
) -> bool:
    """Fill out and where from the phases; False if there are NaNs, which need nans=True."""
    codes = places.codes
    small = lib.int8 if codes[-1] < 128 else lib.int16 if codes[-1] < 32768 else lib.int32
    runs = [phases[:, phase, offset : offset + t.run] for phase, offset in t.taps]
    best = out.reshape(len(out), -1) if t.exact else lib.empty((len(out), t.run), out.dtype)
    best[...] = runs[0]
    code = lib.zeros(best.shape, small)
    if places.first is not None:
        windows(lib, code, t)[...] = lib.asarray(places.first)
    better, candidate = lib.empty(best.shape, lib.bool_), lib.empty(best.shape, small)
    for run, c in zip(runs[1:], codes[1:]):
        lib.greater(run, best, out=better)
        if nans:
            lib.logical_or(better, run != run, out=better)
        lib.maximum(best, run, out=best)
        lib.multiply(better.view(lib.int8), small(c), out=candidate, dtype=small)
        lib.maximum(code, candidate, out=code)
    if not t.exact:
        out[...] = windows(lib, best, t)
    if not nans and out.dtype.kind == "f" and bool(lib.isnan(out).any()):
        return False
    code = windows(lib, code, t)
    if places.offsets is not None:
        code = lib.asarray(places.offsets).take(code)
    lib.add(code, lib.asarray(places.corner), out=where)
    return True


def pool_scatter(lib: Any, g: Array, where: Array, spatial: Ints, windows: Any = None) -> Array:
    """Zeros (*lead, *spatial) plus g (*lead, *out) at the positions `where` of each plane."""
    dtype, rank, size = g.dtype, len(spatial), prod(spatial)
    lead = g.shape[: g.ndim - rank]
    if lib in ON_HOST and 0 < g.size <= small_pools.MOST:
        found = small_pools.put(g, where, prod(lead), size)
        if found is not None:
            return found.reshape(*lead, *spatial)
    g = widen(lib, g).reshape(prod(lead), prod(g.shape[len(lead) :]))
    where = where.reshape(g.shape)
    found = sliding_pool.put(g, where, size) if lib in ON_HOST else None
    if found is not None:
        return found.reshape(*lead, *spatial).astype(dtype, copy=False)
    x = lib.zeros((len(g), size), g.dtype)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            at = where[a:b] + lib.arange(0, (b - a) * size, size)[:, None]
            lib.add.at(x[a:b].reshape(-1), at.reshape(-1), g[a:b].reshape(-1))

    if g.size:
        _over_planes(lib, work, len(g), g.shape[1], 8)
    return x.reshape(*lead, *spatial).astype(dtype, copy=False)


def _flat_positions(lib: Any, where: Array, rank: int, size: int) -> Array:
    """Positions within planes of `size` elements as positions in the whole array."""
    lead = where.ndim - rank
    at = where.reshape(prod(where.shape[:lead]), prod(where.shape[lead:]))
    return at + lib.arange(0, len(at) * size, max(1, size))[: len(at), None]


def pool_gather(lib: Any, x: Array, where: Array, rank: int) -> Array:
    """x (*lead, *spatial) at the positions `where` (*lead, *out); rank is len(spatial)."""
    at = _flat_positions(lib, where, rank, prod(x.shape[x.ndim - rank :]))
    return x.reshape(-1).take(at).reshape(where.shape)


def max_unpool(lib: Any, x: Array, where: Array, spatial: Ints) -> Array:
    """Zeros (*lead, *spatial) with x written at the positions `where`, both (*lead, *in)."""
    least, most = lib.minimum.reduce, lib.maximum.reduce
    wrong = None if lib in ON_HOST else (where < 0) | (where >= prod(spatial))
    if wrong is not None:  # a device is not asked: what belongs nowhere is nan, at the first place
        where, x = lib.where(wrong, 0, where), poisoned(lib, x, wrong)
    elif where.size and not 0 <= least(where, None) <= most(where, None) < prod(spatial):
        bad = next(int(i) for i in where.reshape(-1) if not 0 <= i < prod(spatial))
        raise RuntimeError(
            f"Found an invalid max index: {bad} (output volumes are of size {list(spatial)})"
        )
    out = lib.zeros((*x.shape[: x.ndim - len(spatial)], *spatial), x.dtype)
    if not x.size:
        return out
    at = _flat_positions(lib, where, len(spatial), prod(spatial))
    out.reshape(-1)[at.reshape(-1)] = x.reshape(-1)
    return out


# ------------------------------------------------------------------------------------- average


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
    """Mean of each window of x (*lead, *spatial), or its sum over `divisor`."""
    dtype, rank = x.dtype, len(kernel)
    if lib in ON_HOST:
        table, each = _small(x.shape, kernel, stride, padding, ceil, include_pad, divisor)
        means = None if table is None else small_pools.sums(x, table, each)
        if means is not None:
            return means
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    x = planes(widen(lib, x), rank)
    t = pool_taps(spatial, kernel, stride, padding, (1,) * rank, ceil)
    size = _divisors(spatial, kernel, stride, padding, t.out, include_pad, divisor)
    if lib in ON_HOST:
        found = None
        if prod(spatial) > TINY:
            found = sliding_pool.windows(x, kernel, stride, padding, (1,) * rank, t.out, size)
        if found is None:
            bounds = _bounds(spatial, kernel, stride, padding, t.out)
            found = window_pool.windows(x, bounds, "sum", size)
        if found is not None:
            return found[0].reshape(*lead, *t.out).astype(dtype, copy=False)
    out = lib.empty((len(x), *t.out), x.dtype)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            phases = split(lib, x[a:b], t)
            total = out[a:b].reshape(b - a, -1) if t.exact else lib.empty((b - a, t.run), x.dtype)
            for i, (phase, offset) in enumerate(t.taps):
                run = phases[:, phase, offset : offset + t.run]
                if i:
                    lib.add(total, run, out=total)
                else:
                    total[...] = run
            _divide(lib, windows(lib, total, t), size, out[a:b])

    if kernel == spatial and t.exact and not any(padding) and out.size:
        total = x.reshape(len(x), -1).sum(-1, keepdims=True)
        _divide(lib, total.reshape(out.shape), size, out)
    elif out.size:
        _over_planes(lib, work, len(x), t.size * len(t.phases), x.itemsize)
    return out.reshape(*lead, *t.out).astype(dtype, copy=False)


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
    """The adjoint of `avg_pool`: each of g (*lead, *out) shared among its window's positions."""
    dtype, rank = g.dtype, len(kernel)
    lead = g.shape[: g.ndim - rank]
    if lib in ON_HOST:
        shape = (*lead, *spatial)
        table, each = _small(shape, kernel, stride, padding, ceil, include_pad, divisor)
        shares = None if table is None else small_pools.spread(g, table, each)
        if shares is not None:
            return shares
    g = planes(widen(lib, g), rank)
    t = pool_taps(spatial, kernel, stride, padding, (1,) * rank, ceil)
    size = _divisors(spatial, kernel, stride, padding, t.out, include_pad, divisor)
    if lib in ON_HOST and g.dtype.kind == "f" and g.size >= window_pool.LEAST:
        if prod(spatial) > TINY:
            shares = sliding_pool.shared(g, spatial, kernel, stride, padding, size)
            if shares is not None:
                return shares.reshape(*lead, *spatial).astype(dtype, copy=False)
        bounds = _bounds(spatial, kernel, stride, padding, t.out)
        back = [window_pool.turned(b, n) for b, n in zip(bounds, spatial)]
        found = window_pool.windows(g / lib.asarray(size, g.dtype), back, "sum")
        if found is not None:
            return found[0].reshape(*lead, *spatial).astype(dtype, copy=False)
    x = lib.zeros((len(g), *spatial), g.dtype)

    def work(pieces: Iterator[tuple[int, int]]) -> None:
        for a, b in pieces:
            run = lib.zeros((b - a, t.run), g.dtype)
            _divide(lib, g[a:b], size, windows(lib, run, t))
            phases = lib.zeros((b - a, len(t.phases), t.size), g.dtype)
            for phase, offset in t.taps:
                into = phases[:, phase, offset : offset + t.run]
                lib.add(into, run, out=into)
            merge(phases, t, x[a:b])

    if kernel == spatial and t.exact and not any(padding):
        _divide(lib, g, size, x)
    elif g.size:
        _over_planes(lib, work, len(g), t.size * len(t.phases), g.itemsize)
    return x.reshape(*lead, *spatial).astype(dtype, copy=False)


@lru_cache(maxsize=512)
def _small(
    shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil: bool,
    include_pad: bool,
    divisor: int | None,
) -> tuple[Any, Any]:
    """The table of a small average pool, or None, and what sums are divided by."""
    table = small_pools.sliding(shape, kernel, stride, padding, (1,) * len(kernel), ceil)
    if table is None:
        return None, None
    spatial = shape[-len(kernel) :]
    out = table.shape[-len(kernel) :]
    size = _divisors(spatial, kernel, stride, padding, out, include_pad, divisor)
    return table, size if isinstance(size, int) else tuple(size.reshape(-1).tolist())


def _divide(lib: Any, a: Array, size: Any, out: Array) -> None:
    if a.dtype.kind in "iu":
        size = lib.asarray(size)
        down = a // size
        up = (down * size != a) & ((a < 0) != (size < 0))  # rounded towards zero
        out[...] = down + up
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
    if divisor is not None:
        return divisor
    counts = []
    for n, k, s, p, o in zip(spatial, kernel, stride, padding, out):
        start = np.arange(o) * s - p
        end = np.minimum(start + k, n + p)
        counts.append(end - start if include_pad else np.minimum(end, n) - np.maximum(start, 0))
    size: Any = prod(np.ix_(*counts))
    return int(size.flat[0]) if size.size and (size == size.flat[0]).all() else size


@lru_cache(maxsize=256)
def _bounds(spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, out: Ints) -> list[Any]:
    """Where windows begin inside the input, and how much of them is there, along each dimension."""
    found = []
    for n, k, s, p, o in zip(spatial, kernel, stride, padding, out):
        start = np.arange(o) * s - p
        begin = np.clip(start, 0, n)
        found.append((begin, np.clip(start + k, 0, n) - begin))
    return found


# ------------------------------------------------------------------------------------- adaptive


@lru_cache(maxsize=256)
def _adaptive(size: int, out: int) -> Any:
    """The same: where they begin, and their sizes."""
    begin, end = np.asarray(adaptive_bounds(size, out), np.int64).reshape(-1, 2).T
    return begin, end - begin


def _products(bounds: list[Any]) -> Any:
    """How many elements each window has, (*out)."""
    return prod(np.ix_(*[sizes for _, sizes in bounds]))


def _regular_kernel(spatial: Ints, out: Ints) -> Ints | None:
    """The kernel of the plain pool that an adaptive one is where the sizes divide."""
    if all(o and n % o == 0 for n, o in zip(spatial, out)):
        return tuple(n // o for n, o in zip(spatial, out))
    return None


def adaptive_avg_pool(lib: Any, x: Array, out: Ints) -> Array:
    """Mean of each of out windows per dimension of x (*lead, *spatial)."""
    rank = len(out)
    table = small_pools.covering(x.shape, out) if lib in ON_HOST else None
    if table is not None and (means := small_pools.sums(x, table, None)) is not None:
        return means
    kernel = _regular_kernel(x.shape[x.ndim - rank :], out)
    if kernel is not None:
        return avg_pool(lib, x, kernel, kernel, (0,) * rank, False, True, None)
    dtype = x.dtype
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    x = widen(lib, x)
    if lib in ON_HOST and x.size >= window_pool.LEAST:
        bounds = [_adaptive(n, o) for n, o in zip(spatial, out)]
        found = window_pool.windows(planes(x, rank), bounds, "sum", _products(bounds))
        if found is not None:
            return found[0].reshape(*lead, *out).astype(dtype, copy=False)
    for axis, o in enumerate(out, x.ndim - rank):
        before = (slice(None),) * axis
        bounds = adaptive_bounds(x.shape[axis], o)
        parts = [x[(*before, slice(a, b))].mean(axis, keepdims=True) for a, b in bounds]
        x = lib.concatenate(parts, axis) if parts else x[(*before, slice(0, 0))]
    return x.astype(dtype, copy=False)


def adaptive_avg_pool_input(lib: Any, g: Array, spatial: Ints) -> Array:
    """The adjoint of `adaptive_avg_pool`."""
    rank = len(spatial)
    if lib in ON_HOST:
        shape = (*g.shape[: g.ndim - rank], *spatial)
        table = small_pools.covering(shape, g.shape[g.ndim - rank :])
        shares = None if table is None else small_pools.spread(g, table, None)
        if shares is not None:
            return shares
    kernel = _regular_kernel(spatial, g.shape[g.ndim - rank :])
    if kernel is not None:
        return avg_pool_input(lib, g, spatial, kernel, kernel, (0,) * rank, False, True, None)
    dtype = g.dtype
    lead, out = g.shape[: g.ndim - rank], g.shape[g.ndim - rank :]
    g = widen(lib, g)
    if lib in ON_HOST and g.size >= window_pool.LEAST:
        bounds = [_adaptive(n, o) for n, o in zip(spatial, out)]
        back = [window_pool.turned(b, n) for b, n in zip(bounds, spatial)]
        shares = planes(g, rank) / _products(bounds).astype(g.dtype)
        found = window_pool.windows(shares, back, "sum")
        if found is not None:
            return found[0].reshape(*lead, *spatial).astype(dtype, copy=False)
    for axis, n in enumerate(spatial, g.ndim - rank):
        before = (slice(None),) * axis
        x = lib.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
        for i, (a, b) in enumerate(adaptive_bounds(n, g.shape[axis])):
            x[(*before, slice(a, b))] += g[(*before, slice(i, i + 1))] / (b - a)
        g = x
    return g.astype(dtype, copy=False)


def adaptive_max_pool(lib: Any, x: Array, out: Ints) -> tuple[Array, Array]:
    """Maximum of each of out windows per dimension of x (*lead, *spatial), and its position."""
    rank = len(out)
    table = small_pools.covering(x.shape, out) if lib in ON_HOST else None
    if table is not None and (best := small_pools.maxima(x, table)) is not None:
        return best
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    none, ones = (0,) * rank, (1,) * rank
    kernel = _regular_kernel(spatial, out)
    if kernel is not None:
        return max_pool(lib, x, kernel, kernel, none, ones, False)
    if lib in ON_HOST and x.size >= window_pool.LEAST and x.dtype.kind == "f":
        bounds = [_adaptive(n, o) for n, o in zip(spatial, out)]
        found = window_pool.windows(planes(x, rank), bounds, "max")
        if found is not None:
            return found[0].reshape(*lead, *out), found[1].reshape(*lead, *out)
    values = lib.empty((*lead, *out), x.dtype)
    where = lib.empty((*lead, *out), lib.int64)
    for window in product(*[enumerate(adaptive_bounds(n, o)) for n, o in zip(spatial, out)]):
        at = (..., *(i for i, _ in window))
        part = x[(..., *(slice(a, b) for _, (a, b) in window))]
        shape = part.shape[x.ndim - rank :]
        best, within = max_pool(lib, part, shape, shape, none, ones, False)
        values[at] = best.reshape(lead)
        position = 0
        for i, (_, (a, _)), pitch in zip(
            lib.unravel_index(within.reshape(lead), shape), window, steps(spatial)
        ):
            position = position + (i + a) * pitch
        where[at] = position
    return values, where


# ------------------------------------------------------------------------------------- fractional


AT_ONCE = 1 << 14  # elements of windows that are compared in one call


def fractional_max_pool(
    lib: Any, x: Array, samples: Array, kernel: Ints, out: Ints
) -> tuple[Array, Array]:
    """Maximum of windows that begin at pseudo-random places of x, and its position.

    samples (*lead, dimensions) in [0, 1) set where the windows of a plane begin: width first for 2
    dimensions, width last for 3.
    """
    rank = len(out)
    shape, spatial = (*x.shape[: x.ndim - rank], *out), x.shape[x.ndim - rank :]
    x = planes(x, rank)
    samples = widen(lib, samples.reshape(len(x), rank))
    if rank == 2:
        samples = samples[:, ::-1]
    tables = _fractional_tables if lib in ON_HOST else _fractional_tables.__wrapped__
    facts = tables(lib, len(x), spatial, kernel, out, samples.dtype)
    origins, places, of, steps_of, distance, last, pitch, parts = facts
    u = samples[:, of]
    starts = ((steps_of + u) * distance).astype(lib.int64)
    starts = (starts - (u * distance).astype(lib.int64) + last) * pitch
    corner: Any = sum([starts[:, part].reshape(form) for part, form in parts])
    flat = x.reshape(-1)
    base = corner + origins
    if lib in ON_HOST and 0 < base.size * len(places) <= AT_ONCE and x.dtype.kind == "f":
        where = places.take(flat.take(base[..., None] + places).argmax(-1))
        best = flat.take(base + where)  # the first nan of a window that has one
        if (top := np.maximum.reduce(best, None)) == top:  # no nan
            return best.reshape(shape), (corner + where).reshape(shape)
    best, where = flat.take(base), corner
    for offset in places.tolist()[1:]:
        value = flat.take(base + offset)
        better = (value > best) | (value != value)
        best, where = lib.where(better, value, best), lib.where(better, corner + offset, where)
    return best.reshape(shape), where.reshape(shape)


@lru_cache(256)
def _fractional_tables(
    lib: Any, n: int, spatial: Ints, kernel: Ints, out: Ints, dtype: Any
) -> tuple[Any, ...]:
    """(where each of n planes begins, the places of a window's elements; of the windows of all
    dimensions side by side: dimension, which one, distance to the next, what to add, pitch; of each
    dimension: its part of them and its shape). The last ends with the plane: its distance is 0.

    dtype: the samples', as which the distance is rounded: it decides where a window begins.
    """
    pitches, rank = steps(spatial), len(out)
    origins = lib.arange(n).reshape(-1, *(1,) * rank) * prod(spatial)
    places = [sum([t * p for t, p in zip(tap, pitches)]) for tap in product(*map(range, kernel))]
    windows: list[tuple[int, int, Any, int, int]] = []
    parts = []
    for i, (size, k, o) in enumerate(zip(spatial, kernel, out)):
        part, wide = slice(len(windows), len(windows) + o), (1,) * (rank - 1 - i)
        parts.append((part, (n, *(1,) * i, o, *wide)))
        step = dtype.type(size - k) / dtype.type(max(o - 1, 1))
        windows += [(i, w, step, 0, pitches[i]) for w in range(o - 1)]
        windows += [(i, 0, dtype.type(0), size - k, pitches[i])]
    of, *numbers, last, pitch = zip(*windows)
    of, last, pitch, places = map(lib.array, (of, last, pitch, places))
    return origins, places, of, *lib.array(numbers, dtype=dtype), last, pitch, parts


def _over_planes(lib: Any, work: Callable[[Any], None], n: int, size: int, itemsize: int) -> None:
    """Run work over pieces (start, stop) of n planes of `size` elements each."""
    if lib not in ON_HOST:
        work(iter([(0, n)]))
        return
    step = max(1, min(CACHE // max(1, size * itemsize), n))
    work(iter([(a, min(a + step, n)) for a in range(0, n, step)]))
