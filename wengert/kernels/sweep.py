"""Passes over numbers that follow each other, a vector at a time, and what is carried through them.

The same text serves all lengths: some vectors together, then single ones, then the rest under a
mask; where masks cost nothing, single ones are under one, too. Sums and maxima are carried in
several registers, so that instructions overlap, and in an order that the length alone determines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .lanes import Function, Value

TOGETHER = 4  # vectors

Body = Callable[..., Any]  # (index, mask or None, which of the vectors together, *carried)


def sweep(
    k: Function, n: Any, lanes: int, body: Body, carried: Sequence[Value] = (), first: Any = 0
) -> list[Value]:
    """body(i, mask, u, *carried) for each vector from `first` below n; the mask is None if full."""
    start, n = k.index(first), k.index(n)
    step = TOGETHER * lanes
    most = start + (n - start) // step * step

    def call(i: Value, mask: Value | None, u: int, now: Sequence[Value]) -> list[Value]:
        new = body(i, mask, u, *now)
        return [] if new is None else [new] if isinstance(new, Value) else list(new)

    def together(i: Value, *now: Value) -> list[Value]:
        state = list(now)
        for u in range(TOGETHER):
            state = call(i + u * lanes if u else i, None, u, state)
        return state

    state = k.loop(start, most, step, together, carried)
    full = most
    if not k.module.target.masks:
        full = start + (n - start) // lanes * lanes
        state = k.loop(most, full, lanes, lambda i, *now: call(i, None, 0, now), state)
    return k.loop(full, n, lanes, lambda i, *now: call(i, k.mask(n - i, lanes), 0, now), state)


def under_masks(
    k: Function, n: Any, lanes: int, vectors: int, body: Callable[[list[Value | None]], None]
) -> None:
    """body(masks) for so many vectors, of which the first n lanes count; None each, if all do."""
    k.when(
        k.index(n) >= vectors * lanes,
        lambda: body([None] * vectors),
        lambda: body([k.mask((n - v * lanes).most(0), lanes) for v in range(vectors)]),
    )


def added(now: Sequence[Value], at: int, v: Value, mask: Value | None) -> list[Value]:
    """The carried values, with v added to one of them where the mask is set."""
    new = list(now)
    new[at] = new[at] + (v if mask is None else mask.choose(v, 0.0))
    return new


def total(values: Sequence[Value]) -> Value:
    """The sum of some vectors, by pairs: a vector."""
    now = list(values)
    while len(now) > 1:
        now = [a + b for a, b in zip(now[::2], now[1::2])] + now[len(now) & ~1 :]
    return now[0]


def sums(k: Function, n: Any, word: str, lanes: int, count: int, body: Body) -> list[Value]:
    """Sums of the `count` vectors that body(i, mask) gives: vectors, to be added over the lanes."""
    zero = k.zero(word, lanes)

    def one(i: Value, mask: Value | None, u: int, *now: Value) -> list[Value]:
        new = list(now)
        given = body(i, mask)
        for j, v in enumerate([given] if isinstance(given, Value) else given):
            new = added(new, j * TOGETHER + u, v, mask)
        return new

    found = sweep(k, n, lanes, one, [zero] * (count * TOGETHER))
    return [total(found[j * TOGETHER : (j + 1) * TOGETHER]) for j in range(count)]


def maximum(k: Function, n: Any, word: str, lanes: int, body: Body) -> Value:
    """The largest of the numbers that body(i, mask) gives, nan aside; -inf of none."""
    low = k.constant(-math.inf, word, lanes)

    def one(i: Value, mask: Value | None, u: int, *now: Value) -> list[Value]:
        new = list(now)
        v = body(i, mask)
        bigger = new[u] < v if mask is None else (new[u] < v) & mask
        new[u] = bigger.choose(v, new[u])
        return new

    found = sweep(k, n, lanes, one, [low] * TOGETHER)

    def larger(a: Value, b: Value) -> Value:
        return (a < b).choose(b, a)

    while len(found) > 1:
        found = [larger(a, b) for a, b in zip(found[::2], found[1::2])]
    return found[0].joined(larger)
