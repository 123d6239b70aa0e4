"""Resampling along spatial dimensions: nearest, linear, cubic, Lanczos, and the way back.

Every mode is separable: along one dimension each output position is a weighted sum of a few input
positions, which `plan` finds once. `resample` applies the plans one dimension after the other,
`resample_input` is its adjoint. Reading at arbitrary points (`read_points`) serves grids. Area mode
is adaptive pooling.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from ..kernels import points
from ..kernels import resample as resamples
from .capabilities import ON_HOST
from .numpy_direct import library as np
from .numpy_direct import nonzeros
from .windows import Array, Ints, widen

__all__ = ["resample", "resample_input", "grid_index", "read_points", "add_points"]

Plan = tuple[Any, Any]  # positions (taps, out) and weights (taps, out) or None


def resample(
    lib: Any,
    x: Array,
    size: Ints,
    mode: str,
    align_corners: bool,
    scales: tuple[float | None, ...],
    antialias: bool,
) -> Array:
    """x (*lead, *spatial) brought to the spatial sizes `size`.

    mode: nearest, nearest-exact, linear, cubic or lanczos; scales: see `plan`.
    """
    dtype = x.dtype
    first = x.ndim - len(size)
    facts = [
        (x.shape[first + i], n, mode, align_corners, scale, antialias)
        for i, (n, scale) in enumerate(zip(size, scales))
    ]
    if dtype == np.uint8 and mode[0] != "n":
        return _resample_bytes(lib, x, first, facts)
    if mode[0] != "n" and dtype.kind != "c" and dtype.itemsize < 4:
        x = x.astype(lib.float32)
    for axis in _order(x.shape[first:], size):
        x = _along(lib, x, first + axis, facts[axis], False)
    return x.astype(dtype, copy=False)


def _order(spatial: Ints, size: Ints) -> range:
    """The dimensions in an order that keeps short what goes through the last one, which takes most
    for an element.
    """
    n = len(size)
    return range(n - 1, -1, -1) if size[-1] > spatial[-1] else range(n)


def _resample_bytes(lib: Any, x: Array, first: int, facts: list[Any]) -> Array:
    """resample() of uint8 as image libraries compute it: along the last dimension first, in
    integers, with a byte after each dimension. facts: what is asked of each from `first` on.
    """
    for axis, own in reversed([*enumerate(facts, first)]):
        positions, weights, bits = _byte_plan(*own)
        wide = x.astype(lib.int32)
        total = _forward(lib, wide, axis, own[0], positions, weights)
        x = ((total + (1 << (bits - 1))) >> bits).clip(0, 255)
    return x.astype(lib.uint8)


@lru_cache(maxsize=256)
def _byte_plan(*facts: Any) -> tuple[Any, Any, int]:
    """(positions, weights in units of 2 ** -bits that fit 16 bits, bits) of a dimension."""
    n, out, antialias = facts[0], facts[1], facts[5]
    positions, weights = plan(*facts)
    weights = np.ones(positions.shape) if weights is None else weights
    if not antialias and len(weights) > 1:  # what reads the same position at an edge is one weight
        lowest = positions[0].clip(0, max(n - len(weights), 0))
        joined = np.zeros(weights.shape)
        np.add.at(
            joined, (positions - lowest, np.broadcast_to(np.arange(out), weights.shape)), weights
        )
        weights = joined / joined.sum(0)
        positions = np.minimum(lowest + np.arange(len(weights))[:, None], n - 1)
    bits = 0
    while bits < 22 and int(0.5 + weights.max() * (2 << bits)) < 1 << 15:
        bits += 1
    whole = np.trunc(weights * (1 << bits) + np.where(weights < 0, -0.5, 0.5))
    return positions, whole.astype(np.int64), bits


def resample_input(
    lib: Any,
    g: Array,
    spatial: Ints,
    mode: str,
    align_corners: bool,
    scales: tuple[float | None, ...],
    antialias: bool,
) -> Array:
    """The adjoint of `resample`: g (*lead, *size) brought back to the sizes `spatial`."""
    dtype = g.dtype
    g = widen(lib, g)
    first = g.ndim - len(spatial)
    for i in _order(spatial, g.shape[first:])[::-1]:
        facts = (spatial[i], g.shape[first + i], mode, align_corners, scales[i], antialias)
        g = _along(lib, g, first + i, facts, True)
    return g.astype(dtype, copy=False)


@lru_cache(maxsize=256)
def in_place(*facts: Any) -> bool:
    """Whether a dimension, taken element by element, stays as it is."""
    positions, n = plan(*facts)[0], facts[0]
    return bool(positions.shape[1] == n and (positions[0] == np.arange(n)).all())


def _along(lib: Any, x: Array, axis: int, facts: tuple[Any, ...], adjoint: bool) -> Array:
    """One dimension resampled, or its adjoint."""
    positions, weights = plan(*facts)
    if not adjoint and weights is None and in_place(*facts):
        return x
    if lib in ON_HOST and x.size >= resamples.LEAST >> 4:
        found = resamples.along(x, axis, _taps(facts, adjoint))
        if found is not None:
            return found
    if weights is None and not adjoint:
        return x.take(lib.asarray(positions[0]), axis)
    if lib in ON_HOST and x.size:
        out = _by_matrix(x, axis, facts, adjoint)
        # in a product, an inf spreads over what has no weight on it
        if nonzeros(np.isfinite(out)) == out.size:
            return out
    step = _transposed if adjoint else _forward
    return step(lib, x, axis, facts[0], positions, weights)


@lru_cache(maxsize=256)
def _taps(facts: tuple[Any, ...], adjoint: bool) -> resamples.Taps:
    """The plan as kernels take it."""
    return (resamples.adjoint if adjoint else resamples.taps)(facts[0], *plan(*facts))


def _by_matrix(x: Array, axis: int, facts: tuple[Any, ...], adjoint: bool) -> Array:
    """The dimension as a banded matrix, block by block."""
    n = facts[0] if adjoint else facts[1]
    shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
    lead, rest = prod(x.shape[:axis]), prod(x.shape[axis + 1 :])
    out = np.zeros(shape, x.dtype)
    blocks = _blocks(facts, adjoint, x.real.dtype.char)
    rows: Array
    into: Array
    if rest == 1:
        rows, into = x.reshape(lead, -1), out.reshape(lead, -1)
        for read, written, matrix in blocks:
            np.matmul(rows[:, read], matrix.T, out=into[:, written])
    else:
        rows, into = x.reshape(lead, -1, rest), out.reshape(lead, -1, rest)
        for read, written, matrix in blocks:
            np.matmul(matrix, rows[:, read], out=into[:, written])
    return out


@lru_cache(maxsize=256)
def _blocks(facts: tuple[Any, ...], adjoint: bool, dtype: str) -> list[tuple[slice, slice, Array]]:
    """(positions read, positions written, matrix) of the blocks of a dimension's matrix."""
    positions, weights = plan(*facts)
    weights = np.ones(positions.shape) if weights is None else weights
    size, blocks = facts[0] if adjoint else facts[1], []
    for start in range(0, size, 64):
        stop = min(start + 64, size)
        if adjoint:
            ours = (positions >= start) & (positions < stop)
            _, outs = np.nonzero(ours)
            if not len(outs):
                continue
            read = slice(int(outs.min()), int(outs.max()) + 1)
            matrix = np.zeros((stop - start, read.stop - read.start))
            np.add.at(matrix, (positions[ours] - start, outs - read.start), weights[ours])
        else:
            at = positions[:, start:stop]
            read = slice(int(at.min()), int(at.max()) + 1)
            matrix = np.zeros((stop - start, read.stop - read.start))
            rows = np.broadcast_to(np.arange(stop - start), at.shape)
            np.add.at(matrix, (rows, at - read.start), weights[:, start:stop])
        blocks.append((read, slice(start, stop), matrix.astype(dtype)))
    return blocks


def _shaped(lib: Any, w: Any, a: Array, axis: int) -> Array:
    """A weight per position of an axis, ready for broadcasting with a."""
    return lib.asarray(w.astype(a.real.dtype)).reshape(-1, *(1,) * (a.ndim - 1 - axis))


def _forward(lib: Any, x: Array, axis: int, n: int, positions: Any, weights: Any) -> Array:
    """Element by element, whatever they hold."""
    total = None
    for at, w in zip(positions, weights):
        part = x.take(lib.asarray(at), axis) * _shaped(lib, w, x, axis)
        total = part if total is None else lib.add(total, part, out=total)
    return total


def _transposed(lib: Any, g: Array, axis: int, n: int, positions: Any, weights: Any) -> Array:
    x = lib.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
    before = (slice(None),) * axis
    for k, at in enumerate(positions):
        part = g if weights is None else g * _shaped(lib, weights[k], g, axis)
        starts = np.flatnonzero(np.diff(at, prepend=-1))  # equal positions are neighbours
        if len(starts) < len(at):
            part = lib.add.reduceat(part, lib.asarray(starts), axis)
        x[(*before, lib.asarray(at[starts]))] += part
    return x


@lru_cache(maxsize=256)
def plan(
    n: int, out: int, mode: str, align_corners: bool, scale: float | None, antialias: bool
) -> Plan:
    """Where along a dimension of size n each of `out` positions reads, and with what weights.

    scale: output size over input size as the user gave it; None takes it from the sizes.
    """
    if mode[0] == "n":
        return _nearest(n, out, mode == "nearest-exact", scale), None
    cubic = mode == "cubic"
    if n == out and not antialias and not cubic:
        return np.arange(n)[None], None  # whatever the scale
    if align_corners:
        step = (n - 1) / (out - 1) if out > 1 else 0.0
    else:
        step = 1 / scale if scale else n / out
    if antialias:
        return _antialiased(n, out, step, mode)
    centre = np.arange(out) * step if align_corners else (np.arange(out) + 0.5) * step - 0.5
    if not cubic and not align_corners:
        centre = np.maximum(centre, 0)
    low = np.floor(centre)
    t = centre - low
    low = low.astype(np.int64)
    if cubic:
        distances = np.stack([t + 1, t, 1 - t, 2 - t])
        positions = low + np.arange(-1, 3)[:, None]
        return positions.clip(0, n - 1), _cubic(distances, -0.75)
    low = np.minimum(low, n - 1)
    t = np.clip(centre - low, 0, 1)
    return np.stack([low, np.minimum(low + 1, n - 1)]), np.stack([1 - t, t])


def _nearest(n: int, out: int, exact: bool, scale: float | None) -> Any:
    # in float32 whatever the tensor's dtype: rounding decides which neighbour is read
    step = np.float32(1 / scale) if scale else np.float32(n) / np.float32(out)
    at = np.arange(out, dtype=np.float32)
    if n == out and not exact:
        return np.arange(n)[None]  # whatever the scale
    at = (at + np.float32(0.5)) * step if exact else at * step
    return np.minimum(np.floor(at).astype(np.int64), n - 1)[None]


def _cubic(d: Any, a: float) -> Any:
    """Keys's cubic kernel at distances d >= 0."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


KERNELS = {  # of distances in input positions, and where they end
    "linear": (lambda d: np.maximum(1 - d, 0), 1.0),
    "cubic": (lambda d: _cubic(d, -0.5), 2.0),
    "lanczos": (lambda d: np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0), 3.0),
}


def _antialiased(n: int, out: int, step: float, mode: str) -> Plan:
    """The kernel stretched over all input positions that an output position covers."""
    kernel, reach = KERNELS[mode]
    centre = (np.arange(out) + 0.5) * step
    stretch = max(step, 1.0)
    support = reach * stretch
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), n)
    taps = np.arange(max(1, int((last - first).max())))[:, None]
    w = np.where(taps < last - first, kernel(np.abs((taps + first - centre + 0.5) / stretch)), 0)
    total = w.sum(0)
    return np.minimum(taps + first, np.maximum(last - 1, 0)), w / np.where(total == 0, 1, total)


def grid_index(lib: Any, c: Array, n: int, pitch: int, size: int) -> Array:
    """Whole-numbered coordinates c as flat offsets along a dimension of n; `size` if outside."""
    at = c.astype(lib.int64)
    outside = at.view(lib.uint64) >= n  # negative ones are large then, and so is what nan becomes
    at *= pitch
    lib.putmask(at, outside, size)
    return at


def read_points(lib: Any, x: Array, where: Array) -> Array:
    """x (N, C, *spatial) at flat positions `where` (N, *points): (N, C, *points).

    Positions past the end read zeros.
    """
    n, c = x.shape[:2]
    size = prod(x.shape[2:])
    if lib in ON_HOST:
        count = prod(where.shape[1:])
        found = points.read_points(x.reshape(n, c, size), where.reshape(n, count))
        if found is not None:
            return found.reshape(n, c, *where.shape[1:])
    flat = lib.zeros((n, c, size + 1), x.dtype)
    flat[..., :-1] = x.reshape(n, c, size)
    at = lib.minimum(where.reshape(n, prod(where.shape[1:])), size)
    out = lib.empty((n, c, at.shape[1]), x.dtype)
    for i in range(n):
        out[i] = flat[i].take(at[i], 1)
    return out.reshape(n, c, *where.shape[1:])


def add_points(lib: Any, g: Array, where: Array, spatial: Ints) -> Array:
    """The adjoint of `read_points`: zeros (N, C, *spatial) with g added at `where`."""
    dtype = g.dtype
    g = widen(lib, g)
    n, c = g.shape[:2]
    size = prod(spatial)
    if lib in ON_HOST:
        count = prod(where.shape[1:])
        found = points.add_points(g.reshape(n, c, count), where.reshape(n, count), size)
        if found is not None:
            return found.reshape(n, c, *spatial).astype(dtype, copy=False)
    x = lib.zeros((n, c, size + 1), g.dtype)
    at = lib.minimum(where.reshape(n, 1, prod(where.shape[1:])), size)
    at = at + lib.arange(n * c).reshape(n, c, 1) * (size + 1)
    lib.add.at(x.reshape(-1), at.reshape(-1), lib.ascontiguousarray(g).reshape(-1))
    x = lib.ascontiguousarray(x[..., :-1]).reshape(n, c, *spatial)
    return x.astype(dtype, copy=False)
