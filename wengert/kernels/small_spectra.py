"""Eigenvalues and singular values of many small matrices at once, one in each lane, by Jacobi's
rotations: two-sided for symmetric matrices, one-sided for singular values.

A matrix is scaled by its largest number, so that squares neither overflow nor vanish. A rotation
that would change nothing is left out in each lane by itself, so that what comes of a matrix does
not depend on its neighbours. Each function gives None where the kernel does not apply (see
`small_matrices.py`).

Demmel and Veselic: Jacobi's method is more accurate than QR, 1992.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import threads
from .jobs import Job, job
from .lanes import Value
from .small_matrices import Lanes, groups, plan

Array = Any
SWEEPS = 40  # far more than any matrix needed
ROUNDING = {"float": 2.0**-23, "double": 2.0**-52}
NOTHING = {"float": 2.0**-90, "double": 2.0**-960}  # a square that is taken for zero


def _scale(k: Job, a: Lanes, rows: Value, columns: Value) -> Value:
    """The largest of the numbers (1 if all are zero), by which they are divided."""

    def row(i: Value, top: Value) -> Value:
        (top,) = k.loop(0, columns, 1, lambda j, v: v.most(a.get(i, j).abs()), [top])
        return top

    (top,) = k.loop(0, rows, 1, row, [k.zero(a.scratch.word, a.lanes)])
    top = top.equals(0.0).choose(1.0, top)

    def divide(i: Value) -> None:
        k.loop(0, columns, 1, lambda j: a.set(i, j, a.get(i, j) / top))

    k.loop(0, rows, 1, divide)
    return top


def _tangent(k: Job, half: Value, off: Value) -> tuple[Value, Value]:
    """Sine and cosine of the rotation that makes [[0, off], [off, 2 half]] diagonal."""
    ratio = half / off
    root = ratio.fma(ratio, ratio.constant(1.0)).sqrt()
    t = 1.0 / (ratio.abs() + root)
    t = (ratio < 0.0).choose(-t, t)
    c = 1.0 / t.fma(t, t.constant(1.0)).sqrt()
    return t * c, c


def _turn(a: Lanes, x: tuple[Any, Any], y: tuple[Any, Any], s: Value, c: Value) -> None:
    """Two numbers rotated."""
    u, v = a.get(*x), a.get(*y)
    a.set(*x, c.fma(u, -(s * v)))
    a.set(*y, s.fma(u, c * v))


def _sweeps(k: Job, n: Value, pair: Any) -> None:
    """pair(p, q, moved) for all p < q, which gives whether a lane moved; again until none does."""

    def sweep(done: Value) -> Any:
        def row(p: Value, moved: Value) -> Value:
            (moved,) = k.loop(p + 1, n, 1, lambda q, m: pair(p, q, m), [moved])
            return moved

        (moved,) = k.loop(0, n - 1, 1, row, [k.zero("i64")])
        done = done + 1
        return moved.differs(0) & (done < SWEEPS), [done]

    k.repeat(sweep, [k.zero("i64")])


def _unit(k: Job, a: Lanes, n: Value, at: Value) -> None:
    """The identity into columns from `at` on."""
    word, lanes = a.scratch.word, a.lanes
    zero, one = k.zero(word, lanes), k.constant(1.0, word, lanes)

    def row(i: Value) -> None:
        k.loop(0, n, 1, lambda j: a.set(i, at + j, i.equals(j).choose(one, zero)))

    k.loop(0, n, 1, row)


def _moved(wants: Value, moved: Value) -> Value:
    return moved | wants.any().cast("zext", "i64")


@job(
    "x: T*, values: out T*, vectors: out T*, scratch: out T*, n: i64, size: i64, count: i64, "
    "share: i64"
)
def symmetric(k: Job, word: str, all: bool) -> None:
    """Eigenvalues, ascending, and if all is set eigenvectors, of what the lower triangles say."""
    x, values, vectors, scratch, n, size, count, share = k.table()
    near = ROUNDING[word] / 8

    def one(a: Lanes) -> None:
        a.fetch(x, n, n, 0, n * n)

        def mirror(i: Value) -> None:
            k.loop(0, i, 1, lambda j: a.set(j, i, a.get(i, j)))

        k.loop(0, n, 1, mirror)
        scale = _scale(k, a, n, n)
        if all:
            _unit(k, a, n, n)

        def pair(p: Value, q: Value, moved: Value) -> Value:
            off = a.get(p, q)
            wants = off.abs() > near

            def rotate() -> None:
                low, high = a.get(p, p), a.get(q, q)
                s, c = _tangent(k, (high - low) * 0.5, wants.choose(off, 1.0))
                s, c = wants.choose(s, 0.0), wants.choose(c, 1.0)

                def line(i: Value) -> None:
                    _turn(a, (i, p), (i, q), s, c)

                k.loop(0, n, 1, line)
                k.loop(0, n, 1, lambda j: _turn(a, (p, j), (q, j), s, c))
                rest = wants.choose(0.0, off)
                a.set(p, q, rest)
                a.set(q, p, rest)
                if all:
                    k.loop(0, n, 1, lambda i: _turn(a, (i, n + p), (i, n + q), s, c))

            k.when(wants.any(), rotate)
            return _moved(wants, moved)

        _sweeps(k, n, pair)

        def put(j: Value) -> None:
            mine = a.get(j, j)

            def before(i: Value, rank: Value) -> Value:
                other = a.get(i, i)
                first = (other < mine) | (other.equals(mine) & (i < j))
                return rank + first.cast("zext", "i64")

            (rank,) = k.loop(0, n, 1, before, [k.zero("i64", a.lanes)])
            values.scatter(mine * scale, a.which * n + rank, a.mask)
            if all:
                place = a.which * (n * n) + rank
                k.loop(
                    0,
                    n,
                    1,
                    lambda i: vectors.scatter(a.get(i, n + j), place + i * n, a.mask),
                )

        k.loop(0, n, 1, put)

    groups(k, scratch, size, 2 * n if all else n, count, share, one)


@job(
    "x: T*, u: out T*, values: out T*, v: out T*, scratch: out T*, m: i64, n: i64, wide: i64, "
    "columns: i64, size: i64, count: i64, share: i64"
)
def singular(k: Job, word: str, all: bool, turned: bool) -> None:
    """Singular values of (m, n) with m >= n, descending; if all is set u (m, wide) and v (n, n)
    as (v's columns are rows) too. turned: x is (n, m), u is written as rows and v as columns.

    Scratch: n columns that become u's, then n of v, the norms' column, and those that complete u.
    """
    x, u, values, v, scratch, m, n, wide, columns, size, count, share = k.table()

    def one(a: Lanes) -> None:
        zero = k.zero(word, a.lanes)
        start = a.which * (m * n)

        def fetch(i: Value) -> None:
            def number(j: Value) -> None:
                a.set(i, j, x.gather(start + ((j * m + i) if turned else (i * n + j))))

            k.loop(0, n, 1, number)

        k.loop(0, m, 1, fetch)
        scale = _scale(k, a, m, n)
        if all:
            _unit(k, a, n, n)
        near = (m.to("double").sqrt() * ROUNDING[word]).to(word).wide(a.lanes)

        def dot(p: Any, q: Any) -> Value:
            (total,) = k.loop(0, m, 1, lambda i, t: a.get(i, p).fma(a.get(i, q), t), [zero])
            return total

        def pair(p: Value, q: Value, moved: Value) -> Value:
            first, last, off = dot(p, p), dot(q, q), dot(p, q)
            wants = off.abs() > near * first.sqrt() * last.sqrt()
            wants = wants & (first.least(last) > NOTHING[word])

            def rotate() -> None:
                s, c = _tangent(k, (last - first) * 0.5, wants.choose(off, 1.0))
                s, c = wants.choose(s, 0.0), wants.choose(c, 1.0)
                k.loop(0, m, 1, lambda i: _turn(a, (i, p), (i, q), s, c))
                if all:
                    k.loop(0, n, 1, lambda i: _turn(a, (i, n + p), (i, n + q), s, c))

            k.when(wants.any(), rotate)
            return _moved(wants, moved)

        _sweeps(k, n, pair)
        norms = 2 * n  # a column
        k.loop(0, n, 1, lambda j: a.set(j, norms, dot(j, j)))

        def rank(j: Value) -> Value:
            mine = a.get(j, norms)

            def before(i: Value, r: Value) -> Value:
                other = a.get(i, norms)
                return r + ((other > mine) | (other.equals(mine) & (i < j))).cast("zext", "i64")

            (r,) = k.loop(0, n, 1, before, [k.zero("i64", a.lanes)])
            return r

        def put(j: Value) -> None:
            r, root = rank(j), a.get(j, norms).sqrt()
            values.scatter(root * scale, a.which * n + r, a.mask)
            if all:
                small = a.get(j, norms) <= NOTHING[word]
                divisor = small.choose(1.0, root)

                def divide(i: Value) -> None:
                    a.set(i, j, small.choose(0.0, a.get(i, j) / divisor))

                k.loop(0, m, 1, divide)
                place = a.which * (n * n) + (r if turned else r * n)

                def write(i: Value) -> None:
                    v.scatter(a.get(i, n + j), place + (i * n if turned else i), a.mask)

                k.loop(0, n, 1, write)

        k.loop(0, n, 1, put)
        if not all:
            return
        # Columns that no number decides: the unit vector that is farthest from the others, made
        # orthogonal to them, twice.
        extra = norms + 1

        def column(j: Value) -> Value:
            """Where column j of u is."""
            return (j < n).choose(j, j - n + extra)

        def complete(j: Value) -> None:
            here = column(j)

            def length(i: Value, t: Value) -> Value:
                return a.get(i, here).fma(a.get(i, here), t)

            k.when(j >= n, lambda: k.loop(0, m, 1, lambda i: a.set(i, here, zero)))
            (total,) = k.loop(0, m, 1, length, [zero])
            empty = total < 0.25

            def fill() -> None:
                def look(i: Value, most: Value, at: Value) -> list[Value]:
                    def part(c: Value, t: Value) -> Value:
                        w = a.get(i, column(c))
                        return w.fma(w, t)

                    (t,) = k.loop(0, k.index(j).most(n), 1, part, [zero])
                    better = t < most
                    return [better.choose(t, most), better.choose(i.wide(a.lanes), at)]

                far, none = k.constant(2.0, word, a.lanes), k.zero("i64", a.lanes)
                _, at = k.loop(0, m, 1, look, [far, none])

                def begin(i: Value) -> None:
                    w = at.equals(i).choose(k.constant(1.0, word, a.lanes), zero)
                    a.set(i, here, empty.choose(w, a.get(i, here)))

                k.loop(0, m, 1, begin)

                def less(c: Value) -> None:
                    there = column(c)

                    def remove() -> None:
                        (t,) = k.loop(
                            0,
                            m,
                            1,
                            lambda i, t: a.get(i, here).fma(a.get(i, there), t),
                            [zero],
                        )
                        t = empty.choose(t, 0.0)

                        def number(i: Value) -> None:
                            a.set(i, here, (-t).fma(a.get(i, there), a.get(i, here)))

                        k.loop(0, m, 1, number)

                    k.when(c.differs(j), remove)

                def again(_: Value) -> None:
                    k.loop(0, k.index(j + 1).most(n), 1, less)
                    (t,) = k.loop(0, m, 1, length, [zero])
                    factor = empty.choose(1.0 / t.sqrt(), 1.0)
                    k.loop(0, m, 1, lambda i: a.set(i, here, a.get(i, here) * factor))

                k.loop(0, 2, 1, again)

            k.when(empty.any(), fill)

        k.loop(0, wide, 1, complete)

        def out(j: Value) -> None:
            here = column(j)
            r = (j < n).choose(rank(j.least(n - 1)), j.wide(a.lanes))
            place = a.which * (m * wide) + (r * m if turned else r)

            def write(i: Value) -> None:
                u.scatter(a.get(i, here), place + (i if turned else i * wide), a.mask)

            k.loop(0, m, 1, write)

        k.loop(0, wide, 1, out)

    groups(k, scratch, size, columns, count, share, one)


def eigh(x: Array, lower: bool = True, all: bool = True) -> tuple[Array, Array] | None:
    """(values, ascending; vectors) of symmetric matrices that are finite, read from a triangle."""
    if x.ndim < 3 or x.shape[-1] != x.shape[-2]:
        return None
    n = x.shape[-1]
    p = plan(x if lower else x.swapaxes(-1, -2), 2 * n if all else n)
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    values = np.empty(x.shape[:-1], x.dtype)
    vectors = np.empty(x.shape if all else 0, x.dtype)
    run = symmetric(word, all)
    run(chunks, a, values, vectors, scratch, n, size, count, share, most=threads.count())
    return values, vectors


def svd(x: Array, full: bool = False, all: bool = True) -> tuple[Array, Array, Array] | None:
    """(u, values, descending; v transposed) of matrices that are finite."""
    if x.ndim < 3:
        return None
    turned = x.shape[-2] < x.shape[-1]
    n, m = sorted(x.shape[-2:])
    wide = m if full else n
    columns = 2 * n + 1 + (wide - n)
    p = plan(x.reshape(*x.shape[:-2], m, n), columns)
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    batch = x.shape[:-2]
    values = np.empty((*batch, n), x.dtype)
    u = np.empty(((*batch, wide, m) if turned else (*batch, m, wide)) if all else 0, x.dtype)
    v = np.empty((*batch, n, n) if all else 0, x.dtype)
    run = singular(word, all, turned)
    run(
        chunks,
        a,
        u,
        values,
        v,
        scratch,
        m,
        n,
        wide,
        columns,
        size,
        count,
        share,
        most=threads.count(),
    )
    return (v, values, u) if turned else (u, values, v)
