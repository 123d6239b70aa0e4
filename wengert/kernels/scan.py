"""Sums so far along a dimension, carried in double precision.

`cumsum` gives None where the kernel does not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler, folds
from .jobs import WORDS, Job, job
from .lanes import Value
from .sweep import under_masks

Array = Any
LEAST = 1 << 10  # elements
CHUNK = 1 << 14  # elements of a chunk, at least
VECTORS = 2  # of columns side by side


@job("x: T*, out: out T*, rows: i64, n: i64, share: i64")
def along_rows(k: Job, word: str, back: bool) -> None:
    """A chunk is `share` rows. back: whether sums start at the end."""
    x, out, rows, n, share = k.table()
    lanes = k.lanes(word)
    half = lanes // 2
    zero = k.unknown_zero(word, lanes)

    def row(r: Value) -> None:
        source, to = x.at(r * n), out.at(r * n)

        def some(i: Value, carried: Value, mask: Value | None) -> Value:
            v = source.load(i, lanes, mask)
            step = 1
            while step < lanes:  # each lane gets what lies `step` before it
                if back:
                    index = [q + step for q in range(lanes)]
                else:
                    index = [q + (lanes if q < step else -step) for q in range(lanes)]
                v = v + v.shuffle(zero, index)
                step *= 2
            low, high = v.doubles()
            low, high = low + carried, high + carried
            both = low.to(word).shuffle(high.to(word), range(lanes))
            to.store(both, i, mask)
            return low.shuffle(low, [0] * half) if back else high.shuffle(high, [half - 1] * half)

        full = n // lanes * lanes
        start = k.zero("double", half)

        def whole(i: Value, c: Value) -> Value:
            return some(n - lanes - i if back else i, c, None)

        (carried,) = k.loop(0, full, lanes, whole, [start])
        rest = k.index(0) if back else full
        k.when(full < n, lambda: some(rest, carried, k.mask(n - full, lanes)))

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, rows), 1, row)


@job("x: T*, out: out T*, n: i64, inner: i64, blocks: i64, items: i64, share: i64")
def along_columns(k: Job, word: str, back: bool) -> None:
    """A chunk is `share` blocks of columns of x[outer][n][column]. back: from the last row on."""
    x, out, n, inner, blocks, items, share = k.table()
    lanes = k.lanes(word)
    width = VECTORS * lanes

    def item(i: Value) -> None:
        first = (i % blocks) * width
        at = (i // blocks) * n * inner + first
        source, to = x.at(at), out.at(at)

        def run(masks: list[Value | None]) -> None:
            def row(j: Value, *carried: Value) -> list[Value]:
                new: list[Value] = []
                row = (n - 1 - j if back else j) * inner
                for v, mask in enumerate(masks):
                    low, high = source.load(row + v * lanes, lanes, mask).doubles()
                    low, high = carried[2 * v] + low, carried[2 * v + 1] + high
                    both = low.to(word).shuffle(high.to(word), range(lanes))
                    to.store(both, row + v * lanes, mask)
                    new += [low, high]
                return new

            k.loop(0, n, 1, row, [k.zero("double", lanes // 2)] * (2 * VECTORS))

        under_masks(k, inner - first, lanes, VECTORS, run)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


def cumsum(x: Array, dim: int, back: bool = False) -> Array | None:
    """Sums so far along a dimension of a float array; back: from each position to the end."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or not -x.ndim <= dim < x.ndim:
        return None
    host = compiler.target()
    if host is None:
        return None
    kind = "cumsum_back" if back else "cumsum"
    if folds.suits(x, dim) and (found := folds.along(x, dim, kind)) is not None:
        return found[0]
    dim %= x.ndim
    outer, n, inner = math.prod(x.shape[:dim]), x.shape[dim], math.prod(x.shape[dim + 1 :])
    x = np.ascontiguousarray(x)
    out = np.empty(x.shape, x.dtype)
    if inner == 1:
        share = max(1, CHUNK // n)
        along_rows(word, back)(-(-outer // share), x, out, outer, n, share)
        return out
    wide = VECTORS * host.lanes(word)
    blocks = -(-inner // wide)
    items = outer * blocks
    share = max(1, CHUNK // (n * min(inner, wide)))
    along_columns(word, back)(-(-items // share), x, out, n, inner, blocks, items, share)
    return out
