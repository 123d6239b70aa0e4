"""Products of matrices, cut into pieces for our threads.

A product whose first factor has its rows in memory order is our own (`panels.py`); a piece of
another is a call of the BLAS library. That works on one thread then: its own threads go on spinning
after a product and take the processors from everybody else. Pieces depend on the shapes alone, so
that results do not depend on the number of threads. Functions give None where they do not apply.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from . import compiler, panels, threads
from .jobs import WORDS, Job, job
from .lanes import Function, Pointer, Value

Array = Any
LEAST = 1 << 20  # multiply-adds from which a second thread pays
SIDE = 64  # rows or columns of a piece, at least
TURNED = 1 << 12  # numbers of a product that is our own, of a factor that lies by columns
PIECES = 8  # of one product, at most


def gemm(
    k: Function, word: str, whole: str, ta: Any, tb: Any, m: Any, n: Any, depth: Any, alpha: Any,
    a: Pointer, lda: Any, b: Pointer, ldb: Any, beta: float, c: Pointer, ldc: Any,
) -> None:  # fmt: skip
    """c = alpha * a b + beta * c by the library; ta and tb: 111 as they are, 112 transposed.

    whole: the type of the library's numbers.
    """

    def number(v: Any) -> str:
        v = k.index(v)
        return str(v if whole == "i64" else v.cast("trunc", "i32"))

    def real(v: Any) -> str:
        return str(v if isinstance(v, Value) else k.constant(v, word))

    how = ", ".join(str(t if isinstance(t, Value) else k.constant(t, "i32")) for t in (ta, tb))
    args = ["i32 101", how, number(m), number(n), number(depth), real(alpha), str(a), number(lda)]
    args += [str(b), number(ldb), real(beta), str(c), number(ldc)]
    k.line(f"call void @wengert_gemm_{word}({', '.join(args)})")
    kinds = f"i32, i32, i32, {whole}, {whole}, {whole}, {word}, ptr, {whole}, ptr, {whole}, {word}"
    k.module.declare(f"declare void @wengert_gemm_{word}({kinds}, ptr, {whole})")


@job(
    "a: any T*, b: any T*, c: out T*, m: i64, n: i64, k: i64, lda: i64, ldb: i64, ta: i64, "
    "tb: i64, inner: i64, a1: i64, a2: i64, b1: i64, b2: i64, pieces: i64, size: i64, rows: i64, "
    "items: i64, share: i64"
)
def products(k: Job, word: str, whole: str) -> None:
    """A chunk is `share` of the items; an item is a piece (of rows or of columns) of a product.

    a1 and a2 are the steps of a in two dimensions of the batch, of which the second has `inner`.
    whole: the type of the library's numbers.
    """
    (a, b, c, m, n, depth, lda, ldb, ta, tb, inner, a1, a2, b1, b2, pieces, size, rows, items,
     share) = k.table()  # fmt: skip

    def item(i: Value) -> None:
        batch, piece = i // pieces, i % pieces
        first, second = batch // inner, batch % inner
        start = piece * size
        by_rows = rows.equals(1)
        have = k.least(by_rows.choose(m, n) - start, size)
        mm, nn = by_rows.choose(have, m), by_rows.choose(n, have)
        along_a, along_b = ta.equals(111).choose(lda, 1), tb.equals(111).choose(1, ldb)
        x = a.at(first * a1 + second * a2 + by_rows.choose(start * along_a, 0))
        y = b.at(first * b1 + second * b2 + by_rows.choose(0, start * along_b))
        z = c.at(batch * (m * n) + by_rows.choose(start * n, start))
        how = ta.cast("trunc", "i32"), tb.cast("trunc", "i32")
        gemm(k, word, whole, *how, mm, nn, depth, 1.0, x, lda, y, ldb, 0.0, z, n)

    k.loop(k.chunk * share, k.least((k.chunk + 1) * share, items), 1, item)


@functools.cache
def library() -> str | None:
    """The type of the BLAS library's numbers, or None where it is not one that we can call."""
    blas = threads.blas()
    if blas is None or compiler.target() is None:
        return None
    for word, letter in (("float", "s"), ("double", "d")):
        f = getattr(blas.library, f"{blas.prefix}cblas_{letter}gemm{blas.suffix}", None)
        if f is None:
            return None
        compiler.define_symbol(f"wengert_gemm_{word}", f)
    return "i64" if blas.suffix == "64_" else "i32"


def matmul(x: Array, y: Array) -> Array | None:
    """x (..., m, k) times y (..., k, n), if that is much work."""
    word = WORDS.get(x.dtype)
    if word is None or y.dtype != x.dtype or x.ndim < 2 or y.ndim < 2:
        return None
    m, depth = x.shape[-2:]
    n = y.shape[-1]
    if y.shape[-2] != depth:
        return None  # whoever is asked next complains
    lead, more = x.shape[:-2], y.shape[:-2]
    if not more and x.size * n < LEAST:
        return None
    if more and not lead:
        lead = more
    elif more and lead != more:
        try:
            lead = np.broadcast_shapes(lead, more)
        except ValueError:
            return None
    if len(lead) > 2:
        return None
    batches = math.prod(lead)
    work = batches * m * n * depth
    if work < LEAST or (host := compiler.target()) is None or library() is None:
        return None
    ta, lda, x = laid(x)
    tb, ldb, y = laid(y)
    e = x.itemsize
    if not lead and (ta == 111 or m * n >= TURNED):
        return panels.product(word, host, x, lda, y, ldb, tb == 112, n, a_turned=ta == 112)
    a1, a2 = steps(x, lead)
    b1, b2 = steps(y, lead)
    out = np.empty((*lead, m, n), x.dtype)
    inner = lead[-1] if lead else 1
    side = max(m, n)
    pieces = 1 if batches >= 2 * PIECES else max(1, min(PIECES, side // SIDE, work * 2 // LEAST))
    size = -(-side // pieces)
    size = -(-size // 16) * 16 if pieces > 1 else side
    pieces = -(-side // size)
    items = batches * pieces
    share = max(1, items * LEAST // (4 * work))
    chunks = -(-items // share)
    products(word, library())(
        chunks, x, y, out, m, n, depth, lda, ldb, ta, tb, inner, a1 // e, a2 // e, b1 // e, b2 // e,
        pieces, size, int(m >= n), items, share,
    )  # fmt: skip
    return out


def linear(x: Array, w: Array, bias: Array | None) -> Array | None:
    """x (m, k) times the rows of w (n, k), plus bias, if that is much work."""
    word = WORDS.get(x.dtype)
    host = compiler.target()
    if word is None or x.shape[0] * w.size < LEAST or host is None:
        return None
    n, depth = w.shape
    if x.shape[1] != depth or (bias is not None and bias.shape != (n,)):
        return None  # whoever is asked next complains
    tx, ldx, x = laid(x)
    if tx != 111:
        x = np.ascontiguousarray(x)
        ldx = depth
    if bias is not None:
        bias = np.ascontiguousarray(bias)
    tw, ldw, w = laid(w)
    return panels.product(word, host, x, ldx, w, ldw, tw == 111, n, bias)


def laid(a: Array) -> tuple[int, int, Array]:
    """How the library reads matrices: 111 by rows, 112 by columns; the step; a, or a copy."""
    rows, columns = a.shape[-2:]
    flags = a.flags
    if flags.c_contiguous and flags.aligned:
        return 111, max(columns, 1), a
    e = a.itemsize
    s, t = a.strides[-2:]
    if flags.aligned and all([v >= 0 and v % e == 0 for v in a.strides]):
        if (t == e or columns == 1) and (s >= columns * e or rows == 1):
            return 111, max(s // e if rows > 1 else 0, columns, 1), a
        if (s == e or rows == 1) and (t >= rows * e or columns == 1):
            return 112, max(t // e if columns > 1 else 0, rows, 1), a
    return 111, max(columns, 1), np.ascontiguousarray(a)


def steps(a: Array, lead: tuple[int, ...]) -> tuple[int, int]:
    """Bytes from one matrix to the next, in two dimensions of the batch."""
    mine = a.shape[:-2]
    found = [0] * (2 - len(mine)) + [0 if n == 1 else s for n, s in zip(mine, a.strides)]
    return found[0], found[1]
