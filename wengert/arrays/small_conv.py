"""Convolutions of a few elements by tables: one gathering, one product of matrices.

What lives here: tables of the places that meet each tap, the three forms by them. What does not:
larger convolutions and other dtypes (`conv.py`). Functions give None where they do not apply.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from .numpy_direct import library as np
from .windows import Array, Geometry, Ints

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
MOST = 1 << 14  # gathered elements; with more, other ways take less


class Table:
    """Where the taps of a convolution lie, for a group of channels of one image."""

    def __init__(self, x: Ints, w: Ints, geometry: Geometry) -> None:
        stride, padding, dilation, self.groups = geometry
        self.images, self.inner, self.outer = x[0], w[1], w[0] // self.groups
        padded = [n + lo + hi for n, (lo, hi) in zip(x[2:], padding)]
        reach = [d * (k - 1) + 1 for k, d in zip(w[2:], dilation)]
        self.out = tuple([(n - r) // s + 1 for n, r, s in zip(padded, reach, stride)])
        self.taps, self.windows, self.spatial = prod(w[2:]), prod(self.out), tuple(x[2:])
        self.padded = None
        if any([lo or hi for lo, hi in padding]):
            self.padded = (*x[:2], *padded)
            inside = [slice(lo, lo + n) for n, (lo, _) in zip(x[2:], padding)]
            self.inside: tuple[Any, ...] = (..., *inside)
        at = np.zeros((1, 1), np.int64)  # (taps, windows): places in a padded channel
        back = np.zeros((1, 1), np.int64)  # (taps, places): the window that a tap of it serves
        for n, k, d, s, o, p, (lo, _) in zip(
            x[2:], w[2:], dilation, stride, self.out, padded, padding
        ):
            taps = np.arange(k)[:, None] * d
            here = taps + np.arange(o) * s
            at = (at[:, None, :, None] * p + here[None, :, None, :]).reshape(len(at) * k, -1)
            there = np.arange(n) + lo - taps
            window = np.where(there % s == 0, there // s, -1)
            window = np.where((window >= 0) & (window < o), window, -1)
            both = back[:, None, :, None] * o + window[None, :, None, :]
            none = (back[:, None, :, None] < 0) | (window[None, :, None, :] < 0)
            back = np.where(none, -1, both).reshape(len(back) * k, -1)
        size, (inner, outer) = prod(padded), (self.inner, self.outer)
        steps = np.arange(inner)[:, None, None]
        self.places = (steps * size + at).reshape(inner * self.taps, -1)
        steps = np.arange(outer)[:, None, None] * self.windows
        last = outer * self.windows  # a zero lies there
        self.turned = np.where(back < 0, last, steps + back).reshape(outer * self.taps, -1)
        taps = np.arange(self.taps)[:, None] * self.windows
        self.shared = np.where(back < 0, self.taps * self.windows, taps + back)
        self.zeros = {d: np.zeros(prod(w), d) for d in (F32, F64)}


@lru_cache(maxsize=128)
def table(x: Ints, w: Ints, geometry: Geometry) -> Table | None:
    """The table of a convolution of these shapes; None where it is not small."""
    out = x[0] * w[0] * prod(w[2:]) * prod(x[2:])
    if not 0 < x[0] * x[1] * prod(w[2:]) * prod(x[2:]) <= MOST or not 0 < out <= MOST:
        return None
    if min([n for pair in geometry.padding for n in pair]) < 0 or w[0] % geometry.groups:
        return None  # crops, or one channel of a group by itself
    t = Table(x, w, geometry)
    return t if min(t.out) > 0 else None


def plain(a: Array, b: Array) -> bool:
    """Whether two arrays are of one float dtype."""
    return (a.dtype is F32 or a.dtype is F64) and a.dtype is b.dtype


def columns(x: Array, t: Table) -> Array:
    """What the taps meet: (images * groups, inner * taps, windows)."""
    if t.padded is not None:
        wide = np.zeros(t.padded, x.dtype)
        wide[t.inside] = x
        x = wide
    return x.reshape(t.images * t.groups, -1).take(t.places, 1)


def conv(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array | None:
    """Correlation of x (N, C, *spatial) with w (O, C/groups, *kernel), plus bias (O,)."""
    t = table(x.shape, w.shape, geometry) if plain(x, w) else None
    if t is None:
        return None
    cols = columns(x, t)
    if t.groups == 1:
        w = w.reshape(t.outer, -1)
        out = w.dot(cols[0]) if t.images == 1 else np.matmul(w, cols)
    else:
        cols = cols.reshape(t.images, t.groups, -1, t.windows)
        out = np.matmul(w.reshape(t.groups, t.outer, -1), cols)
    if bias is not None:
        out = out.reshape(t.images, -1, t.windows)
        out += bias[:, None]
    return out.reshape(t.images, -1, *t.out)


def conv_input(g: Array, w: Array, x_shape: Ints, geometry: Geometry) -> Array | None:
    """The adjoint of `conv` in x."""
    t = table(x_shape, w.shape, geometry) if plain(g, w) else None
    if t is None or t.images * t.groups * t.outer * t.windows != g.size:
        return None
    check = w.reshape(-1).dot(t.zeros[w.dtype])
    if check != check:  # not finite: times the zeros beside g it would be nan
        return None
    wide = np.zeros((t.images * t.groups, t.outer * t.windows + 1), g.dtype)
    wide[:, :-1] = g.reshape(t.images * t.groups, -1)
    cols = wide.take(t.turned, 1)
    if t.groups == 1:
        w = w.reshape(t.outer, t.inner, t.taps).swapaxes(0, 1).reshape(t.inner, -1)
        out = w.dot(cols[0]) if t.images == 1 else np.matmul(w, cols)
    else:
        cols = cols.reshape(t.images, t.groups, -1, cols.shape[-1])
        w = w.reshape(t.groups, t.outer, t.inner, t.taps).swapaxes(1, 2)
        out = np.matmul(w.reshape(t.groups, t.inner, -1), cols)
    return out.reshape(x_shape)


def conv_weight(x: Array, g: Array, w_shape: Ints, geometry: Geometry) -> Array | None:
    """The adjoint of `conv` in w."""
    t = table(x.shape, w_shape, geometry) if plain(x, g) else None
    if t is None or g.shape != (t.images, t.groups * t.outer, *t.out):
        return None
    cols = columns(x, t)
    if t.groups == 1:
        if t.images == 1:
            return g.reshape(t.outer, -1).dot(cols[0].T).reshape(w_shape)
        g = g.reshape(t.images, t.outer, -1).swapaxes(0, 1).reshape(t.outer, -1)
        return g.dot(cols.swapaxes(1, 2).reshape(g.shape[1], -1)).reshape(w_shape)
    cols = cols.reshape(t.images, t.groups, -1, t.windows).swapaxes(2, 3)
    each = np.matmul(g.reshape(t.images, t.groups, t.outer, t.windows), cols)
    return (each[0] if t.images == 1 else np.add.reduce(each, 0)).reshape(w_shape)


def im2col(x: Array, kernel: Ints, geometry: Geometry) -> Array | None:
    """The windows of x (N, C, *spatial) as columns (N, C * taps, windows)."""
    t = table(x.shape, (1, x.shape[1], *kernel), geometry) if plain(x, x) else None
    return None if t is None else columns(x, t)


def col2im(g: Array, x_shape: Ints, kernel: Ints, geometry: Geometry) -> Array | None:
    """The adjoint of `im2col`."""
    t = table(x_shape, (1, x_shape[1], *kernel), geometry) if plain(g, g) else None
    if t is None:
        return None
    channels = x_shape[0] * x_shape[1]
    wide = np.zeros((channels, t.taps * t.windows + 1), g.dtype)
    wide[:, :-1] = g.reshape(channels, -1)
    return np.add.reduce(wide.take(t.shared, 1), 1).reshape(x_shape)
