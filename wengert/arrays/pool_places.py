"""Which places of a plane each window of a pool covers, as one table; and the maximum of small
planes by it. What lives here: tables and their use. What does not: pools of larger arrays
(`pool.py`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .windows import Array, Ints


def adaptive_bounds(size: int, out: int) -> list[tuple[int, int]]:
    """The windows that cut `size` positions into `out` parts, overlapping where they must."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


@lru_cache(maxsize=256)
def window_places(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> Array | None:
    """The places in a plane that each window covers, one row a window; None where one has none."""
    along = [
        [[i * s - p + d * j for j in range(k)] for i in range(o)]
        for k, s, p, d, o in zip(kernel, stride, padding, dilation, out)
    ]
    if any(all(not 0 <= at < n for at in row) for n, rows in zip(spatial, along) for row in rows):
        return None
    return joint_places(spatial, along)


@lru_cache(maxsize=256)
def adaptive_places(spatial: Ints, out: Ints) -> Array:
    """The same for windows that cover the plane."""
    along = []
    for n, o in zip(spatial, out):
        bounds = adaptive_bounds(n, o)
        most = max([b - a for a, b in bounds])
        along.append([[a + j if a + j < b else -1 for j in range(most)] for a, b in bounds])
    return joint_places(spatial, along)


def joint_places(spatial: Ints, along: list[Any]) -> Array:
    """Places of windows from those along each dimension; what lies outside the plane is replaced
    by the first place inside.
    """
    flat, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
    for n, rows in zip(spatial, along):
        at = np.array(rows)
        (o, k), (p, m) = at.shape, flat.shape
        here = np.logical_and(at >= 0, at < n)
        flat = (flat[:, None, :, None] * n + at[None, :, None, :]).reshape(p * o, m * k)
        inside = (inside[:, None, :, None] & here[None, :, None, :]).reshape(p * o, m * k)
    first = np.take_along_axis(flat, inside.argmax(1)[:, None], 1)
    return np.where(inside, flat, first)


def max_at_places(x: Array, places: Array) -> Any:
    """(maximum of each window, its place: the first of equals) of a few planes, or None where there
    is a NaN.
    """
    flat = x.reshape(len(x), -1)
    windows, k = places.shape
    at = flat.take(places, 1).argmax(2)
    where = places.reshape(-1).take(np.add(at, np.arange(0, windows * k, k)))
    values = flat.reshape(-1).take(where + np.arange(0, flat.size, flat.shape[1])[:, None])
    if x.dtype.kind == "f":
        all_values = values.reshape(-1)
        check = all_values.dot(all_values)
        if check != check:
            return None
    return values, where
