"""Permutations from random draws, many steps at a time. The draws are in `random_stream.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def shuffled(draws: Array, n: int) -> np.ndarray[Any, Any]:
    """The forward Fisher-Yates shuffle without its loop.

    Step i exchanges places i and j[i] >= i, and place i is never touched again. So what ends in
    place i is what stood in j[i] before step i: what the last earlier step with the same j brought
    there, or else the number j[i] itself. And what step t brings to its j[t] is what stood in place
    t: brought there by the last step s < t with j[s] = t, or else the number t itself. Following
    those steps back is a forest of pointers, resolved by doubling.
    """
    steps = np.arange(n - 1, dtype=np.int64)
    if n < (2**32 - 1) // 20:
        draws = draws.astype(np.uint32) % np.arange(n, 1, -1, dtype=np.uint32)
    else:
        draws = draws % np.arange(n, 1, -1, dtype=np.uint64)
    j = draws.astype(np.int64)
    j += steps

    # Sorted by place and then by step, the steps that share a place are neighbours.
    pairs = j << 32
    pairs |= steps
    pairs.sort()
    place, step = pairs >> 32, pairs & (2**32 - 1)
    again = np.flatnonzero(place[1:] == place[:-1])

    # Where indices repeat, assignment keeps the last.
    moving = np.flatnonzero(j != steps)
    origin = np.arange(n, dtype=np.int64)
    origin[j.take(moving)] = moving
    while True:
        further = origin.take(origin)
        if np.array_equal(further, origin):
            break
        origin = further

    out = np.append(j, origin[-1])
    out[step.take(again + 1)] = origin.take(step.take(again))
    return out
