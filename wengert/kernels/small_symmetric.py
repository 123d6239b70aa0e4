"""Factors L D L^T of many small symmetric matrices, by LAPACK, which is called from machine code.

`ldl` gives None where this does not apply.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from . import compiler, threads
from .jobs import WORDS, Job, job
from .lanes import Value

Array = Any
MOST = 32  # rows
BLOCK = 64  # columns that LAPACK may take at once
CHUNK = 1 << 12  # elements of a chunk, about


@job("x: T*, out: out T*, pivots: out i32*, info: out i32*, n: i64, count: i64, share: i64")
def factors(k: Job, word: str, whole: str) -> None:
    """out: L and D in one lower triangle. whole: the type of LAPACK's numbers. A chunk is `share`
    matrices.
    """
    x, out, pivots, info, n, count, share = k.table()
    a, work = k.stack(word, MOST * MOST), k.stack(word, MOST * BLOCK)
    sizes, which, places = k.stack(whole, 3), k.stack("i8", 1), k.stack(whole, MOST)
    letter = "s" if word == "float" else "d"

    def number(v: Value) -> Value:
        return v if whole == "i64" else v.cast("trunc", whole)

    which.store(Value(k, str(ord("L")), "i8"))
    sizes.store(number(n), 0)
    sizes.store(number(n * BLOCK), 1)

    def one(b: Value) -> None:
        mine, to = x.at(b * n * n), out.at(b * n * n)

        def rows(put: Any) -> None:
            def row(i: Value) -> None:
                k.loop(0, n, 1, lambda j: put(i, j))

            k.loop(0, n, 1, row)

        def fetch(i: Value, j: Value) -> None:
            a.store(mine.load(i * n + j), j * n + i)

        def give(i: Value, j: Value) -> None:
            to.store((j > i).choose(0.0, a.load(j * n + i)), i * n + j)

        rows(fetch)
        args = [which, sizes, a, sizes, places, work, sizes.at(1), sizes.at(2)]
        kinds = ", ".join(map(str, args))
        k.line(f"call void @wengert_{letter}sytrf({kinds}, i64 1)")
        rows(give)

        def pivot(i: Value) -> None:
            p = places.load(i)
            pivots.store(p if whole == "i32" else p.cast("trunc", "i32"), b * n + i)

        k.loop(0, n, 1, pivot)
        failed = sizes.load(2)
        info.store(failed if whole == "i32" else failed.cast("trunc", "i32"), b)

    k.module.declare(
        f"declare void @wengert_{letter}sytrf(ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, i64)"
    )
    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, count), 1, one)


@functools.cache
def library() -> str | None:
    """The type of LAPACK's whole numbers, or None where it is not one that we can call."""
    blas = threads.blas()
    if blas is None or compiler.target() is None:
        return None
    for letter in "sd":
        f = getattr(blas.library, f"{blas.prefix}{letter}sytrf_{blas.suffix}", None)
        if f is None:
            return None
        compiler.define_symbol(f"wengert_{letter}sytrf", f)
    return "i64" if blas.suffix == "64_" else "i32"


def ldl(x: Array) -> tuple[Array, Array, Array] | None:
    """(L and D, pivots, order of the first zero block or 0) of the matrices x (..., n, n)."""
    word = WORDS.get(x.dtype)
    n = x.shape[-1]
    count = math.prod(x.shape[:-2])
    if word is None or x.ndim < 3 or not 0 < n <= MOST or count < 2 or library() is None:
        return None
    out = np.empty(x.shape, x.dtype)
    pivots, info = np.empty(x.shape[:-1], np.int32), np.empty(x.shape[:-2], np.int32)
    share = max(1, CHUNK // (n * n))
    factors(word, library())(
        -(-count // share), np.ascontiguousarray(x), out, pivots, info, n, count, share
    )
    return out, pivots, info
