"""Factors of many small matrices at once, one in each lane: Cholesky's and QR's.

QR goes by Householder's reflections with LAPACK's signs. Each function gives None where the kernel
does not apply (see `small_matrices.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import threads
from .jobs import Job, job
from .lanes import Value
from .small_matrices import Lanes, groups, plan

Array = Any


@job(
    "x: T*, out: out T*, info: out i32*, scratch: out T*, n: i64, size: i64, count: i64, share: i64"
)
def lower(k: Job, word: str) -> None:
    """out is lower triangular with x = out @ out.T; info: whether x is not positive definite."""
    x, out, info, scratch, n, size, count, share = k.table()

    def one(a: Lanes) -> None:
        a.fetch(x, n, n, 0, n * n)

        def column(j: Value, bad: Value) -> Value:
            def less(i: Value) -> Value:
                (v,) = k.loop(
                    0, j, 1, lambda c, v: (-a.get(i, c)).fma(a.get(j, c), v), [a.get(i, j)]
                )
                return v

            square = less(j)
            bad = (square > 0.0).choose(bad, k.constant(1, "i32", a.lanes))
            root = square.sqrt()
            a.set(j, j, root)
            k.loop(j + 1, n, 1, lambda i: a.set(i, j, less(i) / root))
            k.loop(0, j, 1, lambda i: a.set(i, j, k.zero(word, a.lanes)))
            return bad

        (bad,) = k.loop(0, n, 1, column, [k.zero("i32", a.lanes)])
        a.put(out, n, n, 0)
        info.scatter(bad, a.which, a.mask)

    groups(k, scratch, size, n, count, share, one)


@job(
    "x: T*, q: out T*, r: out T*, scratch: out T*, m: i64, n: i64, least: i64, size: i64, "
    "count: i64, share: i64"
)
def reflections(k: Job, word: str) -> None:
    """q (m, least) and r (least, n) of x (m, n)."""
    x, q, r, scratch, m, n, least, size, count, share = k.table()
    last = n + least  # the column of the reflections' factors

    def one(a: Lanes) -> None:
        zero, unit = k.zero(word, a.lanes), k.constant(1.0, word, a.lanes)
        a.fetch(x, m, n, 0, m * n)

        def reflect(j: Value, c: Value) -> None:
            """One column by reflection j, whose vector is 1 and what is below the diagonal."""
            (w,) = k.loop(j + 1, m, 1, lambda i, v: a.get(i, j).fma(a.get(i, c), v), [a.get(j, c)])
            w = w * a.get(j, last)
            a.set(j, c, a.get(j, c) - w)
            k.loop(j + 1, m, 1, lambda i: a.set(i, c, (-w).fma(a.get(i, j), a.get(i, c))))

        def column(j: Value) -> None:
            alpha = a.get(j, j)
            (top,) = k.loop(j + 1, m, 1, lambda i, v: v.most(a.get(i, j).abs()), [zero])
            still = top.equals(0.0)
            size = top.most(alpha.abs())
            scale = size.equals(0.0).choose(1.0, size)

            def square(i: Value, v: Value) -> Value:
                part = a.get(i, j) / scale
                return part.fma(part, v)

            (total,) = k.loop(j, m, 1, square, [zero])
            norm = total.sqrt() * scale
            beta = still.choose(alpha, (alpha < 0.0).choose(norm, -norm))
            a.set(j, last, still.choose(0.0, (beta - alpha) / still.choose(1.0, beta)))
            divisor = still.choose(1.0, alpha - beta)
            k.loop(j + 1, m, 1, lambda i: a.set(i, j, a.get(i, j) / divisor))
            a.set(j, j, beta)
            k.loop(j + 1, n, 1, lambda c: reflect(j, c))

        k.loop(0, least, 1, column)

        def begin(i: Value) -> None:
            k.loop(0, least, 1, lambda c: a.set(i, n + c, i.equals(c).choose(unit, zero)))

        k.loop(0, m, 1, begin)

        def back(step: Value) -> None:
            j = least - 1 - step
            k.loop(j, least, 1, lambda c: reflect(j, n + c))

        k.loop(0, least, 1, back)
        a.put(q, m, least, n)

        def clear(i: Value) -> None:
            k.loop(0, k.least(i, n), 1, lambda c: a.set(i, c, zero))

        k.loop(0, least, 1, clear)
        a.put(r, least, n, 0)

    groups(k, scratch, size, n + least + 1, count, share, one)


def cholesky(x: Array, upper: bool = False) -> Array | None:
    """The factors of matrices of which one triangle is read, where all are positive definite."""
    if x.ndim < 3 or x.shape[-1] != x.shape[-2]:
        return None
    n = x.shape[-1]
    p = plan(x.swapaxes(-1, -2) if upper else x, n)
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    out, info = np.empty(x.shape, x.dtype), np.empty(count, np.int32)
    lower(word)(chunks, a, out, info, scratch, n, size, count, share, most=threads.count())
    if info.any():
        return None
    return out.swapaxes(-1, -2) if upper else out


def qr(x: Array, complete: bool = False) -> tuple[Array, Array] | None:
    """Q (..., m, k) and R (..., k, n), k the smaller of both; None if a complete Q has more."""
    if x.ndim < 3 or (complete and x.shape[-2] > x.shape[-1]):
        return None
    m, n = x.shape[-2:]
    least = min(m, n)
    p = plan(x, n + least + 1)
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    q = np.empty((*x.shape[:-1], least), x.dtype)
    r = np.empty((*x.shape[:-2], least, n), x.dtype)
    run = reflections(word)
    run(chunks, a, q, r, scratch, m, n, least, size, count, share, most=threads.count())
    return q, r
