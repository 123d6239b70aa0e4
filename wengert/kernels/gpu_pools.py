"""Pooling over three dimensions for GPUs, in the language of `gpu.py`: a thread for each window, or
for each number of the input. Fewer dimensions are three, the first ones of size 1.

They are checked on the CPU thread by thread. None of them has run on a GPU. Which words use them:
`arrays/cuda_pools.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .gpu import Kernel, Threads
from .lanes import Param
from .values import Pointer, Value

__all__ = ["POOLS", "WIDTH"]

WIDTH = 128
RANK = 3
# sizes, of results, of windows, their steps, the padding
FACTS = "t h w ot oh ow kt kh kw st sh sw pt ph pw"


class Axis:
    """Windows along one dimension: its size n, o windows of k taps d apart, s apart, the padding p
    of both ends.
    """

    def __init__(self, d: Any, n: Value, o: Value, k: Value, s: Value, p: Value) -> None:
        self.d, self.n, self.o, self.k, self.s, self.p = d, n, o, k, s, p

    def taps(self, i: Value) -> tuple[Value, Value, Value]:
        """Where window i begins, and its first tap inside and the one behind the last."""
        start = i * self.s - self.p
        first = ((-start).most(0) + (self.d - 1)) // self.d
        stop = ((self.n - start).most(0) + (self.d - 1)) // self.d
        return start, first, stop.least(self.k)

    def windows(self, x: Value) -> tuple[Value, Value]:
        """The first window that spans x, and the one behind the last."""
        first = ((x + self.p - (self.k - 1) * self.d).most(0) + (self.s - 1)) // self.s
        return first, self.o.least((x + self.p) // self.s + 1)

    def count(self, i: Value, padded: Value) -> Value:
        """The taps of window i, with those of the padding or without."""
        start = i * self.s - self.p
        end = (start + self.k).least(self.n + self.p)
        inside = end.least(self.n) - start.most(0)
        return padded.differs(0).choose(end - start, inside)


def _each(f: Threads, n: Value, body: Callable[[Value], None]) -> None:
    i = f.block_index * f.width + f.thread
    f.when(i < n, lambda: body(i))


def _axes(facts: Sequence[Value], dilation: Sequence[Any] = (1, 1, 1)) -> list[Axis]:
    return [Axis(dilation[i], *facts[i::RANK]) for i in range(RANK)]


def _split(i: Value, sizes: Sequence[Value]) -> tuple[Value, list[Value]]:
    """The volume of a number, and where it is in that."""
    at: list[Value] = []
    for n in reversed(sizes):
        at.insert(0, i % n)
        i = i // n
    return i, at


def _place(at: Sequence[Value], sizes: Sequence[Value]) -> Value:
    """The number of a place in a volume."""
    found = at[0]
    for i, n in zip(at[1:], sizes[1:]):
        found = found * n + i
    return found


def _volume(sizes: Sequence[Value]) -> Value:
    return sizes[0] * sizes[1] * sizes[2]


def _over(
    f: Threads, ranges: Sequence[tuple[Value, Value]], body: Callable[..., list[Value]],
    carried: Sequence[Value],
) -> list[Value]:  # fmt: skip
    """body([i, j, k], *carried) for all that ranges (first, stop) span, in order."""

    def within(at: list[Value], now: Sequence[Value]) -> list[Value]:
        if len(at) == len(ranges):
            return body(at, *now)
        first, stop = ranges[len(at)]
        return f.loop(first, stop, 1, lambda i, *inner: within([*at, i], inner), list(now))

    return within([], carried)


def _taps(axes: Sequence[Axis], window: Sequence[Value]) -> tuple[list[Any], list[Any]]:
    """Where a window begins, and its taps inside."""
    found = [axis.taps(i) for axis, i in zip(axes, window)]
    return [start for start, *_ in found], [(first, stop) for _, first, stop in found]


def _max_pool(f: Threads, n: Value, *given: Any) -> None:
    """The greatest of each window and where it is: the first of equals, the last nan."""
    facts, dilation, (x, y, where) = given[:15], given[15:18], given[18:]
    axes = _axes(facts, dilation)
    sizes, outs = [a.n for a in axes], [a.o for a in axes]

    def one(o: Value) -> None:
        volume, window = _split(o, outs)
        starts, ranges = _taps(axes, window)
        source = x.at(volume * _volume(sizes))

        def tap(at: list[Value], best: Value, found: Value) -> list[Value]:
            place = _place([s + i * a.d for s, i, a in zip(starts, at, axes)], sizes)
            v = source.load(place)
            better = (v > best) | v.isnan() | (found < 0)
            return [better.choose(v, best), better.choose(place, found)]

        low = [f.constant(-float("inf"), "float"), f.zero("i64") - 1]
        best, found = _over(f, ranges, tap, low)
        y.store(best, o)
        where.store(found, o)

    _each(f, n, one)


def _max_pool_input(f: Threads, n: Value, *given: Any) -> None:
    """The gradients of the windows whose greatest is this number of the input."""
    facts, dilation, (g, where, x) = given[:15], given[15:18], given[18:]
    axes = _axes(facts, dilation)
    sizes, outs = [a.n for a in axes], [a.o for a in axes]

    def one(o: Value) -> None:
        volume, place = _split(o, sizes)
        own, first = o - volume * _volume(sizes), volume * _volume(outs)
        slopes, places = g.at(first), where.at(first)

        def window(at: list[Value], s: Value) -> list[Value]:
            i = _place(at, outs)
            return [places.load(i).equals(own).choose(s + slopes.load(i), s)]

        ranges = [axis.windows(i) for axis, i in zip(axes, place)]
        (s,) = _over(f, ranges, window, [f.zero("float")])
        x.store(s, o)

    _each(f, n, one)


def _divisor(axes: Sequence[Axis], padded: Value, divisor: Value) -> Callable[..., Value]:
    def of(window: Sequence[Value]) -> Value:
        count = _volume([axis.count(i, padded) for axis, i in zip(axes, window)])
        return divisor.differs(0).choose(divisor, count).cast("sitofp", "float")

    return of


def _avg_pool(f: Threads, n: Value, *given: Any) -> None:
    """The mean of each window, or its sum over a divisor that is not 0."""
    facts, padded, divisor, (x, y) = given[:15], given[15], given[16], given[17:]
    axes = _axes(facts)
    sizes, outs, size = [a.n for a in axes], [a.o for a in axes], _divisor(axes, padded, divisor)

    def one(o: Value) -> None:
        volume, window = _split(o, outs)
        starts, ranges = _taps(axes, window)
        source = x.at(volume * _volume(sizes))

        def tap(at: list[Value], s: Value) -> list[Value]:
            return [s + source.load(_place([a + i for a, i in zip(starts, at)], sizes))]

        (s,) = _over(f, ranges, tap, [f.zero("float")])
        y.store(s / size(window), o)

    _each(f, n, one)


def _avg_pool_input(f: Threads, n: Value, *given: Any) -> None:
    """What the windows' gradients g give each number of the input."""
    facts, padded, divisor, (g, x) = given[:15], given[15], given[16], given[17:]
    axes = _axes(facts)
    sizes, outs, size = [a.n for a in axes], [a.o for a in axes], _divisor(axes, padded, divisor)

    def one(o: Value) -> None:
        volume, place = _split(o, sizes)
        source: Pointer = g.at(volume * _volume(outs))

        def window(at: list[Value], s: Value) -> list[Value]:
            return [s + source.load(_place(at, outs)) / size(at)]

        ranges = [axis.windows(i) for axis, i in zip(axes, place)]
        (s,) = _over(f, ranges, window, [f.zero("float")])
        x.store(s, o)

    _each(f, n, one)


def _kernel(name: str, numbers: str, body: Callable[..., None], *arrays: Param) -> Kernel:
    """A kernel with a thread for each of n results: (n, *FACTS, *numbers, *arrays)."""
    counts: list[Param] = [(c, "i64") for c in f"n {FACTS} {numbers}".split()]
    return Kernel(name, [*counts, *arrays], WIDTH, body)


POOLS = {
    k.name: k
    for k in (
        _kernel("max_pool", "dt dh dw", _max_pool, ("x", "float*"), ("y", "float*"),
                ("where", "i64*")),
        _kernel("max_pool_input", "dt dh dw", _max_pool_input, ("g", "float*"), ("where", "i64*"),
                ("x", "float*")),
        _kernel("avg_pool", "padded divisor", _avg_pool, ("x", "float*"), ("y", "float*")),
        _kernel("avg_pool_input", "padded divisor", _avg_pool_input, ("g", "float*"),
                ("x", "float*")),
    )
}  # fmt: skip
