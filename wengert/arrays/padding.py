"""Padding of arrays, constant and by continuation, and its transpose. First argument: the library.

What lives here: the words of `ops/nn/padding.py`. `pad` lists (before, after) of the last dimension
first.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from .capabilities import ON_HOST
from .numpy_direct import library as np

__all__ = ["constant_pad", "edge_pad", "edge_pad_backward"]


def constant_pad(lib: Any, x: Any, pad: tuple[int, ...] = (), value: Any = 0) -> Any:
    shape = list(x.shape)
    source, target = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for i in range(len(pad) // 2):
        d = x.ndim - 1 - i
        before, after, n = pad[2 * i], pad[2 * i + 1], shape[d]
        shape[d] = n + before + after
        source[d] = slice(max(-before, 0), n - max(-after, 0))
        target[d] = slice(max(before, 0), shape[d] - max(after, 0))
    if not value and math.copysign(1, value) > 0:
        out = lib.zeros(shape, x.dtype)
    else:
        out = lib.full(shape, value, x.dtype)
    out[tuple(target)] = x[tuple(source)]
    return out


def sources(lib: Any, n: int, before: int, after: int, mode: str) -> Any:
    """Which of n elements stands at each place after padding."""
    return (kept if lib in ON_HOST else made)(lib, n, before, after, mode)


def made(lib: Any, n: int, before: int, after: int, mode: str) -> Any:
    """The same, as a new array."""
    i = lib.arange(-before, n + after)
    if mode == "replicate":
        return lib.clip(i, 0, n - 1)
    if mode == "circular":  # what negative amounts cut off does not come round again
        start, stop = max(0, -before), n - max(0, -after)
        return lib.minimum(start + (i - start) % max(stop - start, 1), n - 1)
    i = lib.abs(i)
    return lib.where(i >= n, 2 * (n - 1) - i, i)


kept = functools.lru_cache(512)(made)


def edge_pad(lib: Any, x: Any, pad: tuple[int, ...] = (), mode: str = "reflect") -> Any:
    places = kept if lib in ON_HOST else made
    for i in range(len(pad) // 2):
        before, after = pad[2 * i], pad[2 * i + 1]
        if before or after:
            d = x.ndim - 1 - i
            x = x.take(places(lib, x.shape[d], before, after, mode), d)
    return x.copy() if not any(pad) else x


def edge_pad_backward(
    lib: Any, g: Any, shape: tuple[int, ...] = (), pad: tuple[int, ...] = (), mode: str = "reflect"
) -> Any:
    """The middle of g, and what stands beyond its edges added to where it came from.

    shape: the sizes of the padded dimensions before padding.
    """
    for i in range(len(pad) // 2):
        before, after = pad[2 * i], pad[2 * i + 1]
        if not (before or after):
            continue
        d, n = g.ndim - 1 - i, shape[len(shape) - 1 - i]
        out = lib.zeros((*g.shape[:d], n, *g.shape[d + 1 :]), g.dtype)
        lead = (slice(None),) * d
        low, high = max(0, -before), n - max(0, -after)
        index = kept(np, n, before, after, mode).tolist()  # known without asking the device
        places: Any = range(len(index))
        if low < high:
            out[(*lead, slice(low, high))] = g[(*lead, slice(low + before, high + before))]
            places = *places[: max(before, 0)], *places[max(before, 0) + high - low :]
        for place in places:
            out[(*lead, index[place])] += g[(*lead, place)]
        g = out
    return g.copy() if not any(pad) else g
