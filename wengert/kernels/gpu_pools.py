"""Pooling of planes for GPUs, in the language of `gpu.py`: a thread for each window, or for each
number of the input.

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
FACTS = "h w oh ow kh kw sh sw ph pw"  # sizes, of results, of windows, their steps, the padding


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
        """The first window that has x in it, and the one behind the last."""
        first = ((x + self.p - self.k + 1).most(0) + (self.s - 1)) // self.s
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


def _axes(facts: Sequence[Value], dilation: Sequence[Any] = (1, 1)) -> list[Axis]:
    return [Axis(dilation[i], *facts[i::2]) for i in range(2)]


def _split(i: Value, rows: Value, columns: Value) -> tuple[Value, Value, Value]:
    """(plane, row, column) of a number."""
    at = i // columns
    return at // rows, at % rows, i % columns


def _max_pool(f: Threads, n: Value, *given: Any) -> None:
    """The greatest of each window and where it is: the first of equals, the last nan."""
    facts, dilation, (x, y, where) = given[:10], given[10:12], given[12:]
    down, across = _axes(facts, dilation)

    def one(o: Value) -> None:
        plane, i, j = _split(o, down.o, across.o)
        top, first, stop = down.taps(i)
        left, begin, end = across.taps(j)
        source = x.at(plane * down.n * across.n)

        def line(a: Value, *now: Value) -> list[Value]:
            r = (top + a * down.d) * across.n + left

            def tap(b: Value, best: Value, at: Value) -> list[Value]:
                place = r + b * across.d
                v = source.load(place)
                better = (v > best) | v.isnan() | (at < 0)
                return [better.choose(v, best), better.choose(place, at)]

            return f.loop(begin, end, 1, tap, now)

        low = [f.constant(-float("inf"), "float"), f.zero("i64") - 1]
        best, at = f.loop(first, stop, 1, line, low)
        y.store(best, o)
        where.store(at, o)

    _each(f, n, one)


def _divisor(down: Axis, across: Axis, padded: Value, divisor: Value) -> Callable[..., Value]:
    def of(i: Value, j: Value) -> Value:
        count = down.count(i, padded) * across.count(j, padded)
        return divisor.differs(0).choose(divisor, count).cast("sitofp", "float")

    return of


def _avg_pool(f: Threads, n: Value, *given: Any) -> None:
    """The mean of each window, or its sum over a divisor that is not 0."""
    facts, padded, divisor, (x, y) = given[:10], given[10], given[11], given[12:]
    down, across = _axes(facts)
    size = _divisor(down, across, padded, divisor)

    def one(o: Value) -> None:
        plane, i, j = _split(o, down.o, across.o)
        top, first, stop = down.taps(i)
        left, begin, end = across.taps(j)
        source = x.at(plane * down.n * across.n)

        def line(a: Value, s: Value) -> list[Value]:
            r = (top + a) * across.n + left
            return f.loop(begin, end, 1, lambda b, s: [s + source.load(r + b)], [s])

        (s,) = f.loop(first, stop, 1, line, [f.zero("float")])
        y.store(s / size(i, j), o)

    _each(f, n, one)


def _avg_pool_input(f: Threads, n: Value, *given: Any) -> None:
    """What the windows' gradients g give each number of the input."""
    facts, padded, divisor, (g, x) = given[:10], given[10], given[11], given[12:]
    down, across = _axes(facts)
    size = _divisor(down, across, padded, divisor)

    def one(o: Value) -> None:
        plane, i, j = _split(o, down.n, across.n)
        first, stop = down.windows(i)
        begin, end = across.windows(j)
        source: Pointer = g.at(plane * down.o * across.o)

        def line(a: Value, s: Value) -> list[Value]:
            def window(b: Value, s: Value) -> list[Value]:
                return [s + source.load(a * across.o + b) / size(a, b)]

            return f.loop(begin, end, 1, window, [s])

        (s,) = f.loop(first, stop, 1, line, [f.zero("float")])
        x.store(s, o)

    _each(f, n, one)


def _kernel(name: str, numbers: str, body: Callable[..., None], *arrays: Param) -> Kernel:
    """A kernel with a thread for each of n results: (n, *FACTS, *numbers, *arrays)."""
    counts: list[Param] = [(c, "i64") for c in f"n {FACTS} {numbers}".split()]
    return Kernel(name, [*counts, *arrays], WIDTH, body)


POOLS = {
    k.name: k
    for k in (
        _kernel("max_pool", "dh dw", _max_pool, ("x", "float*"), ("y", "float*"),
                ("where", "i64*")),
        _kernel("avg_pool", "padded divisor", _avg_pool, ("x", "float*"), ("y", "float*")),
        _kernel("avg_pool_input", "padded divisor", _avg_pool_input, ("g", "float*"),
                ("x", "float*")),
    )
}  # fmt: skip
