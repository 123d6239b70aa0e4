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

import numpy as np

from .convolve import widen
from .windows import Array, Ints

__all__ = ["resample", "resample_input", "read_points", "add_points"]

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
    x = widen(lib, x) if mode[0] != "n" else x
    first = x.ndim - len(size)
    for i, (n, scale) in enumerate(zip(size, scales)):
        positions, weights = plan(x.shape[first + i], n, mode, align_corners, scale, antialias)
        x = _apply(lib, x, first + i, positions, weights)
    if dtype.kind == "u" and x.dtype.kind == "f":
        x = lib.rint(x).clip(0, 255)
    return x.astype(dtype, copy=False)


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
    for i in range(len(spatial) - 1, -1, -1):
        size = g.shape[first + i]
        positions, weights = plan(spatial[i], size, mode, align_corners, scales[i], antialias)
        g = _adjoint(lib, g, first + i, spatial[i], positions, weights)
    return g.astype(dtype, copy=False)


def _shaped(lib: Any, w: Any, a: Array, axis: int) -> Array:
    """A weight per position of an axis, ready for broadcasting with a."""
    real = a.real.dtype if a.dtype.kind in "fc" else lib.float32
    return lib.asarray(w.astype(real)).reshape(-1, *(1,) * (a.ndim - 1 - axis))


def _apply(lib: Any, x: Array, axis: int, positions: Any, weights: Any) -> Array:
    if weights is None:
        n = x.shape[axis]
        same = positions.shape[1] == n and (positions[0] == np.arange(n)).all()
        return x if same else x.take(lib.asarray(positions[0]), axis)
    total = None
    for at, w in zip(positions, weights):
        part = x.take(lib.asarray(at), axis) * _shaped(lib, w, x, axis)
        total = part if total is None else lib.add(total, part, out=total)
    return total


def _adjoint(lib: Any, g: Array, axis: int, n: int, positions: Any, weights: Any) -> Array:
    x = lib.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
    before = (slice(None),) * axis
    for k, at in enumerate(positions):
        part = g if weights is None else g * _shaped(lib, weights[k], g, axis)
        starts = np.flatnonzero(
            np.diff(at, prepend=-1)
        )  # positions grow, so equal ones are neighbours
        if len(starts) < len(at):
            part = lib.add.reduceat(part, starts, axis)
        x[(*before, at[starts])] += part
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


def read_points(lib: Any, x: Array, where: Array) -> Array:
    """x (N, C, *spatial) at flat positions `where` (N, *points) of each image: (N, C, *points)."""
    flat, points = x.reshape(*x.shape[:2], prod(x.shape[2:])), where.shape[1:]
    at = where.reshape(len(where), -1)
    if not len(x):
        return lib.empty((*x.shape[:2], *points), x.dtype)
    return lib.stack([a.take(i, 1) for a, i in zip(flat, at)]).reshape(*x.shape[:2], *points)


def add_points(lib: Any, g: Array, where: Array, spatial: Ints) -> Array:
    """The adjoint of `read_points`: zeros (N, C, *spatial) with g added at `where`."""
    dtype = g.dtype
    g = widen(lib, g)
    n, c = g.shape[:2]
    x = lib.zeros((n, c, prod(spatial)), g.dtype)
    rows = lib.arange(n * c).reshape(n, c, 1) * prod(spatial)
    at = where.reshape(n, 1, -1) + rows
    lib.add.at(x.reshape(-1), at.reshape(-1), lib.ascontiguousarray(g).reshape(-1))
    return x.reshape(n, c, *spatial).astype(dtype, copy=False)
