"""Group norm of NumPy arrays, a group at a time while it is in the caches: its mean, its variance
about that, its result; and the same for the gradients. Functions give None where the kernels do not
apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value
from .sweep import sums, sweep

Array = Any
LEAST, PLAIN = 1 << 15, 1 << 18  # elements; without weights, rows by themselves do for fewer
PLANE = 64  # elements of a plane; in shorter ones, what planes cost by themselves matters
CHUNK = 1 << 14  # elements of a chunk, about
SHORT = 1 << 12  # elements that are added up in the array's precision


def _sums(k: Job, word: str, n: Value, count: int, body: Any) -> list[Value]:
    """Sums in double precision of the `count` vectors that body(i, mask) gives for i below n."""
    lanes = k.lanes(word)

    def some(start: Value, *now: Value) -> list[Value]:
        here = k.least(n - start, SHORT)
        found = sums(k, here, word, lanes, count, lambda i, mask: body(start + i, mask))
        halves = [v.doubles() for v in found]
        return [a + (low + high) for a, (low, high) in zip(now, halves)]

    zeros = [k.zero("double", lanes // 2)] * count
    return [v.sum() for v in k.loop(0, n, SHORT, some, zeros)]


@job(
    "x: T*, weight: T*, bias: T*, y: out T*, found: out T*, channels: i64, groups: i64, m: i64, "
    "count: i64, eps: double, share: i64"
)
def normalize_groups(k: Job, word: str) -> None:
    """A chunk is `share` groups, of `channels` planes of m. found: means and 1 / deviations."""
    x, weight, bias, y, found, channels, groups, m, count, eps, share = k.table()
    lanes = k.lanes(word)
    size = channels * m

    def group(i: Value) -> None:
        source, to, first = x.at(i * size), y.at(i * size), i % groups * channels
        (total,) = _sums(k, word, size, 1, lambda j, mask: source.load(j, lanes, mask))
        near = (total / size.to("double")).to(word)
        centre = near.wide(lanes)

        def moments(j: Value, mask: Value | None) -> tuple[Value, Value]:
            d = source.load(j, lanes, mask) - centre
            return d, d * d

        rest, squares = _sums(k, word, size, 2, moments)
        rest = rest / size.to("double")  # what `near` leaves out of the mean
        var = (squares / size.to("double") - rest * rest).most(0.0)
        deviation = 1.0 / (var + eps).sqrt()
        found.store((near.to("double") + rest).to(word), i)
        found.store(deviation.to(word), count + i)

        def plane(c: Value) -> None:
            xs, ys = source.at(c * m), to.at(c * m)
            factor = deviation * weight.load(first + c).to("double")
            shift = (bias.load(first + c).to("double") - rest * factor).to(word).wide(lanes)
            scale = factor.to(word).wide(lanes)

            def each(j: Value, mask: Value | None, u: int) -> None:
                ys.store((xs.load(j, lanes, mask) - centre).fma(scale, shift), j, mask)

            sweep(k, m, lanes, each)

        k.loop(0, channels, 1, plane)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, count), 1, group)


@job(
    "g: T*, x: T*, weight: T*, mean: T*, rstd: T*, gx: out T*, found: out double*, channels: i64, "
    "groups: i64, m: i64, count: i64, share: i64"
)
def group_slopes(k: Job, word: str, whole: bool) -> None:
    """A chunk is `share` groups. found: for each plane the sums of g, and of g times the normalised
    x. whole: whether the gradient of x is wanted too.
    """
    g, x, weight, mean, rstd, gx, found, channels, groups, m, count, share = k.table()
    lanes = k.lanes(word)
    size = channels * m

    def group(i: Value) -> None:
        gs, xs, to, first = g.at(i * size), x.at(i * size), gx.at(i * size), i % groups * channels
        centre, r = mean.load(i).wide(lanes), rstd.load(i).to("double")

        def plane(c: Value, *now: Value) -> list[Value]:
            def both(j: Value, mask: Value | None) -> tuple[Value, Value]:
                v = gs.at(c * m).load(j, lanes, mask)
                if whole:
                    to.at(c * m).at(j).prefetch(True)  # where the gradient will be
                return v, v * (xs.at(c * m).load(j, lanes, mask) - centre)

            plain, against = _sums(k, word, m, 2, both)
            against = against * r
            found.store(plain, i * channels + c)
            found.store(against, (count + i) * channels + c)
            w = weight.load(first + c).to("double")
            return [a + w * b for a, b in zip(now, (plain, against))]

        plain, against = k.loop(0, channels, 1, plane, [k.zero("double")] * 2)
        if not whole:
            return
        part = r / (0.0 - size.to("double"))
        b = (part * r * against).to(word).wide(lanes)
        c0 = (part * plain).to(word).wide(lanes)

        def combine(c: Value) -> None:
            own = c * m
            a = (r * weight.load(first + c).to("double")).to(word).wide(lanes)

            def each(j: Value, mask: Value | None, u: int) -> None:
                d = xs.at(own).load(j, lanes, mask) - centre
                v = gs.at(own).load(j, lanes, mask).fma(a, d.fma(b, c0))
                to.at(own).store(v, j, mask)

            sweep(k, m, lanes, each)

        k.loop(0, channels, 1, combine)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, count), 1, group)


def _word(x: Array, *others: Array | None) -> str | None:
    """The kernels' word for x and the numbers of its channels."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or math.prod(x.shape[2:]) < PLANE:
        return None
    if any(a is not None and a.dtype != x.dtype for a in others) or compiler.target() is None:
        return None
    return word


def _factors(a: Array | None, c: int, value: int, dtype: Any) -> Array:
    return np.full(c, value, dtype) if a is None else np.ascontiguousarray(a)


def group_norm(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array] | None:
    """x (N, C, ...) normalised over groups of channels; means and 1 / deviations of the groups."""
    word = _word(x, weight, bias)
    if word is None or (weight is bias is None and x.size < PLAIN):
        return None
    (n, c), d = x.shape[:2], x.dtype
    channels, m, count = c // groups, math.prod(x.shape[2:]), n * groups
    y, found = np.empty(x.shape, d), np.empty((2, n, groups), d)
    share = max(1, CHUNK // (channels * m))
    normalize_groups(word)(
        -(-count // share), np.ascontiguousarray(x), _factors(weight, c, 1, d),
        _factors(bias, c, 0, d), y, found, channels, groups, m, count, eps, share,
    )  # fmt: skip
    return y, found[0].reshape(-1), found[1].reshape(-1)


def group_norm_backward(
    g: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, groups: int, needs: Any
) -> tuple[Array | None, Array | None, Array | None] | None:
    """Gradients of x, weight and bias."""
    word = _word(x, g, weight, mean, rstd)
    if word is None or g.shape != x.shape:
        return None
    (n, c), d = x.shape[:2], x.dtype
    channels, m, count = c // groups, math.prod(x.shape[2:]), n * groups
    gx = np.empty(x.shape if needs[0] else 0, d)
    found = np.empty((2, n, c), np.float64)
    share = max(1, CHUNK // (channels * m))
    group_slopes(word, bool(needs[0]))(
        -(-count // share), np.ascontiguousarray(g), np.ascontiguousarray(x),
        _factors(weight, c, 1, d), np.ascontiguousarray(mean), np.ascontiguousarray(rstd), gx,
        found, channels, groups, m, count, share,
    )  # fmt: skip
    plain, against = found.sum(1)
    return (
        gx if needs[0] else None,
        against.astype(d) if needs[1] else None,
        plain.astype(d) if needs[2] else None,
    )
