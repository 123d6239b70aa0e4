"""Products, running products, sums and extremes along a dimension, a result in each lane.

Also sums and extremes of many short rows. Sums are carried in double precision. The lanes gather
from where their numbers are, so that rows may be short and a dimension anywhere. Each function
gives None where the kernel does not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
LEAST = 1 << 10  # elements
CHUNK = 1 << 14  # elements of a chunk, about
VECTORS = 2  # side by side
PLACES = ("max", "min", "cummax", "cummin")  # what also says where


@job("x: T*, out: out T*, where: out i64*, n: i64, inner: i64, count: i64, share: i64")
def fold(k: Job, word: str, kind: str) -> None:
    """A chunk is `share` steps of some results each, of x[outer][n][inner]."""
    x, out, where, n, inner, count, share = k.table()
    lanes = VECTORS * k.lanes(word)
    short = inner.cast("trunc", "i32")
    apart = (n * inner).cast("trunc", "i32")
    each = 1.0 / inner.to("double")
    running = kind.startswith("cum")
    sums, back = "sum" in kind, kind.endswith("_back")
    largest = kind.endswith("max")
    least = -math.inf if largest else math.inf

    def better(v: Value, best: Value) -> Value:
        if running:  # the last of equals
            return (v >= best if largest else v <= best) | v.isnan()
        beyond = v.compare("ugt" if largest else "ult", "", best)
        return beyond & best.compare("ord", "", best)

    def some(step: Value) -> None:
        first = step * lanes
        at = (k.count_up("i32", lanes) + first.cast("trunc", "i32")).least(
            (count - 1).cast("trunc", "i32")
        )
        mask = k.mask(count - first, lanes)
        row = ((at.to("double") + 0.5) * each).cast("fptosi", "i32")
        start = row * apart + (at - row * short)
        if back:
            start = start + (apart - short)

        def one(j: Value, *now: Value) -> list[Value]:
            place, best, *found = now
            v = x.gather(place)
            if sums:
                best = best + v.to("double")
            elif not found:
                best = best * v
            else:
                wins = better(v, best)
                best = wins.choose(v, best)
                found = [wins.choose(j.cast("trunc", "i32").wide(lanes), found[0])]
            if running:
                out.scatter(best.to(word), place, mask)
                if found:
                    where.scatter(found[0].cast("sext", "i64"), place, mask)
            return [place - short if back else place + short, best, *found]

        if kind in PLACES:
            begin = [start, k.constant(least, word, lanes), k.zero("i32", lanes)]
        elif sums:
            begin = [start, k.zero("double", lanes)]
        else:
            begin = [start, k.constant(1.0, word, lanes)]
        _, best, *found = k.loop(0, n, 1, one, begin)
        if not running:
            out.store(best.to(word), first, mask)
            if found:
                where.store(found[0].cast("sext", "i64"), first, mask)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, (count + (lanes - 1)) // lanes), 1, some)


SHORT = 48  # elements of a row up to which a row in each lane is quicker than lanes along the row


def suits(x: Array, dim: int) -> bool:
    """Whether other kernels, with lanes along the rows or beside each other, would be slower."""
    inner = math.prod(x.shape[dim % x.ndim + 1 :])
    host = compiler.target()
    return (x.shape[dim] <= SHORT) if inner == 1 else host is not None and inner < host.bytes // 4


def along(x: Array, dim: int, kind: str) -> tuple[Array, Array] | None:
    """What a kind of fold gives along a dimension, and where; the dimension is gone, or stays if
    the fold is a running one.
    """
    word = WORDS.get(x.dtype)
    if word is None or not LEAST <= x.size < 1 << 31 or not -x.ndim <= dim < x.ndim:
        return None
    host = compiler.target()
    dim %= x.ndim
    n, inner = x.shape[dim], math.prod(x.shape[dim + 1 :])
    count = x.size // n
    if host is None or count < host.lanes(word):
        return None
    lanes = VECTORS * host.lanes(word)
    share = max(1, CHUNK // (n * lanes))
    steps = -(-count // lanes)
    shape = x.shape if kind.startswith("cum") else x.shape[:dim] + x.shape[dim + 1 :]
    out = np.empty(shape, x.dtype)
    where = np.empty(shape if kind in PLACES else 0, np.int64)
    x = np.ascontiguousarray(x)
    fold(word, kind)(-(-steps // share), x, out, where, n, inner, count, share)
    return out, where
