"""Many small matrices at once, one in each lane: LU, solving, inverses, determinants.

Gaussian elimination with partial pivoting, as in LAPACK. Each function gives None where the kernel
does not apply: matrices are float32 or float64, square where that is asked for, and many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import compiler, functions, threads
from .jobs import WORDS, Job, job
from .lanes import Pointer, Value

Array = Any
LARGEST = 24  # rows and columns; beyond, LAPACK is as quick
FEWEST = 8  # matrices
CHUNK = 1 << 12  # elements of a chunk, about


class Lanes:
    """Matrices of some rows and columns in scratch memory, element by element, a lane each."""

    def __init__(
        self, k: Job, scratch: Pointer, columns: Value, group: Value, count: Value
    ) -> None:
        self.k, self.scratch, self.columns = k, scratch, columns
        self.lanes = k.lanes(scratch.word)
        first = group * self.lanes
        self.which = (k.count_up("i64", self.lanes) + first).least(count - 1)
        self.mask = k.mask(count - first, self.lanes)

    def place(self, row: Any, column: Any) -> Value:
        return (self.k.index(row) * self.columns + column) * self.lanes

    def get(self, row: Any, column: Any) -> Value:
        return self.scratch.load(self.place(row, column), self.lanes)

    def set(self, row: Any, column: Any, v: Value) -> None:
        self.scratch.store(v.wide(self.lanes), self.place(row, column))

    def fetch(self, x: Pointer, rows: Value, columns: Value, at: Any, apart: Value) -> None:
        """Matrices from memory, `apart` numbers from each other, to the columns from `at` on."""
        start = self.which * apart

        def row(i: Value) -> None:
            def one(j: Value) -> None:
                self.set(i, j + at, x.gather(start + (i * columns + j)))

            self.k.loop(0, columns, 1, one)

        self.k.loop(0, rows, 1, row)

    def put(self, out: Pointer, rows: Value, columns: Value, at: Any) -> None:
        start = self.which * (rows * columns)

        def row(i: Value) -> None:
            def one(j: Value) -> None:
                out.scatter(self.get(i, j + at), start + (i * columns + j), self.mask)

            self.k.loop(0, columns, 1, one)

        self.k.loop(0, rows, 1, row)

    def eliminate(
        self, rows: Value, steps: Value, parity: Value, pivots: Pointer | None = None
    ) -> tuple[Value, Value]:
        """L below the diagonal and U in its place.

        Gives the order of the first zero pivot (or 0), and the parity, negated by every exchange.
        pivots: where the rows that were exchanged go, counted from 1.
        """
        k = self.k
        lane = k.count_up("i32", self.lanes)
        none = k.zero("i32", self.lanes)

        def step(i: Value, info: Value, parity: Value) -> list[Value]:
            here = i.cast("trunc", "i32").wide(self.lanes)

            def look(r: Value, best: Value, at: Value) -> list[Value]:
                v = self.get(r, i).abs()
                wins = v > best
                return [
                    wins.choose(v, best),
                    wins.choose(r.cast("trunc", "i32").wide(self.lanes), at),
                ]

            _, at = k.loop(i + 1, rows, 1, look, [self.get(i, i).abs(), here])
            moved = at.differs(here)
            short = self.columns.cast("trunc", "i32")

            def swap(c: Value) -> None:
                there = (at * short + c.cast("trunc", "i32")) * self.lanes + lane
                mine = self.get(i, c)
                self.set(i, c, self.scratch.gather(there))
                self.scratch.scatter(mine, there, moved)

            k.when(moved.any(), lambda: k.loop(0, self.columns, 1, swap))
            pivot = self.get(i, i)
            zero = pivot.equals(0.0)
            info = (zero & info.equals(0)).choose(here + 1, info)
            divisor = zero.choose(1.0, pivot)
            if pivots is not None:
                pivots.scatter(at + 1, self.which * steps + i, self.mask)

            def below(r: Value) -> None:
                factor = self.get(r, i) / divisor
                self.set(r, i, factor)

                def one(c: Value) -> None:
                    self.set(r, c, (-factor).fma(self.get(i, c), self.get(r, c)))

                k.loop(i + 1, self.columns, 1, one)

            k.loop(i + 1, rows, 1, below)
            return [info, moved.choose(-parity, parity)]

        info, parity = k.loop(0, steps, 1, step, [none, parity])
        return info, parity


def groups(
    k: Job,
    scratch: Pointer,
    size: Value,
    columns: Value,
    count: Value,
    share: Value,
    body: Callable[[Lanes], None],
) -> None:
    """body(lanes) for each group of matrices of a chunk."""
    own = scratch.at(k.thread * size)
    lanes = k.lanes(scratch.word)
    every = (count + (lanes - 1)) // lanes
    k.loop(
        k.chunk * share,
        k.least((k.chunk + 1) * share, every),
        1,
        lambda g: body(Lanes(k, own, columns, g, count)),
    )


@job(
    "x: T*, out: out T*, pivots: out i32*, info: out i32*, scratch: out T*, m: i64, n: i64, "
    "size: i64, count: i64, share: i64"
)
def factor(k: Job, word: str) -> None:
    x, out, pivots, info, scratch, m, n, size, count, share = k.table()

    def one(a: Lanes) -> None:
        a.fetch(x, m, n, 0, m * n)
        found, _ = a.eliminate(m, k.least(m, n), k.constant(1.0, word, a.lanes), pivots)
        a.put(out, m, n, 0)
        info.scatter(found, a.which, a.mask)

    groups(k, scratch, size, n, count, share, one)


@job(
    "x: T*, y: T*, out: out T*, info: out i32*, scratch: out T*, n: i64, columns: i64, apart: i64, "
    "size: i64, count: i64, share: i64"
)
def solution(k: Job, word: str) -> None:
    """apart: numbers from one right side to the next, 0 if it is the same for all."""
    x, y, out, info, scratch, n, columns, apart, size, count, share = k.table()

    def one(a: Lanes) -> None:
        a.fetch(x, n, n, 0, n * n)
        a.fetch(y, n, columns, n, apart)
        found, _ = a.eliminate(n, n, k.constant(1.0, word, a.lanes))

        def back(step: Value) -> None:
            i = n - 1 - step
            diagonal = a.get(i, i)

            def column(c: Value) -> None:
                (v,) = k.loop(
                    i + 1,
                    n,
                    1,
                    lambda j, v: (-a.get(i, j)).fma(a.get(j, n + c), v),
                    [a.get(i, n + c)],
                )
                a.set(i, n + c, v / diagonal)

            k.loop(0, columns, 1, column)

        k.loop(0, n, 1, back)
        a.put(out, n, columns, n)
        info.scatter(found, a.which, a.mask)

    groups(k, scratch, size, n + columns, count, share, one)


@job(
    "x: T*, out: out T*, logarithm: out T*, scratch: out T*, n: i64, size: i64, count: i64, "
    "share: i64"
)
def determinant(k: Job, word: str, signs: bool) -> None:
    """The determinants; or if signs is set their signs, and the logarithms of their sizes."""
    x, out, logarithm, scratch, n, size, count, share = k.table()

    def one(a: Lanes) -> None:
        a.fetch(x, n, n, 0, n * n)
        unit = k.constant(1.0, word, a.lanes)
        _, parity = a.eliminate(n, n, unit)
        if not signs:
            (v,) = k.loop(0, n, 1, lambda i, v: v * a.get(i, i), [parity])
            out.scatter(v, a.which, a.mask)
            return

        def step(i: Value, sign: Value, total: Value) -> list[Value]:
            d = a.get(i, i)
            sign = d.equals(0.0).choose(0.0, d.isnan().choose(d, (d < 0.0).choose(-sign, sign)))
            return [sign, total + functions.log(d.abs().to("double"))]

        sign, total = k.loop(0, n, 1, step, [parity, k.zero("double", a.lanes)])
        out.scatter(sign, a.which, a.mask)
        logarithm.scatter(total.to(word), a.which, a.mask)

    groups(k, scratch, size, n, count, share, one)


def plan(x: Array, columns: int) -> tuple[Any, ...] | None:
    """(word, matrices, scratch memory, size of a thread's part, how many, share, chunks)."""
    word = WORDS.get(x.dtype)
    host = compiler.target()
    if word is None or host is None or x.ndim < 3 or not x.size or columns > 2 * LARGEST:
        return None
    m, n = x.shape[-2:]
    count = x.size // (m * n)
    if max(m, n) > LARGEST or count < FEWEST or count * m * columns >= 1 << 31:
        return None
    lanes = host.lanes(word)
    size = m * columns * lanes
    scratch = np.empty(threads.count() * size, x.dtype)
    share = max(1, CHUNK // size)
    chunks = -(-count // (lanes * share))
    return word, np.ascontiguousarray(x), scratch, size, count, share, chunks


def lu(x: Array) -> tuple[Array, Array, Array] | None:
    """(L and U in one matrix, pivots counted from 1, order of the first zero pivot or 0)."""
    p = plan(x, x.shape[-1]) if x.ndim > 2 else None
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    m, n = x.shape[-2:]
    out = np.empty(x.shape, x.dtype)
    pivots = np.empty((*x.shape[:-2], min(m, n)), np.int32)
    info = np.empty(x.shape[:-2], np.int32)
    factor(word)(
        chunks, a, out, pivots, info, scratch, m, n, size, count, share, most=threads.count()
    )
    return out, pivots, info


def solve(x: Array, y: Array | None) -> tuple[Array, Array] | None:
    """(solution of x @ out = y, order of the first zero pivot or 0); y None: the inverses."""
    if x.ndim < 3 or x.shape[-1] != x.shape[-2]:
        return None
    n = x.shape[-1]
    if y is None:
        y, apart, columns = np.eye(n, dtype=x.dtype), 0, n
    else:
        columns = y.shape[-1]
        if y.dtype != x.dtype or y.shape[:-2] != x.shape[:-2] or not columns:
            return None
        y, apart = np.ascontiguousarray(y), n * columns
    p = plan(x, n + columns)
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    out = np.empty((*x.shape[:-1], columns), x.dtype)
    info = np.empty(x.shape[:-2], np.int32)
    solution(word)(
        chunks,
        a,
        y,
        out,
        info,
        scratch,
        n,
        columns,
        apart,
        size,
        count,
        share,
        most=threads.count(),
    )
    return out, info


def determinants(x: Array, signs: bool) -> tuple[Array, Array] | None:
    """(determinants, nothing), or (signs, logarithms of the absolute values)."""
    if x.ndim < 3 or x.shape[-1] != x.shape[-2]:
        return None
    p = plan(x, x.shape[-1])
    if p is None:
        return None
    word, a, scratch, size, count, share, chunks = p
    out = np.empty(x.shape[:-2], x.dtype)
    logarithm = np.empty(x.shape[:-2] if signs else 0, x.dtype)
    determinant(word, signs)(
        chunks, a, out, logarithm, scratch, x.shape[-1], size, count, share, most=threads.count()
    )
    return out, logarithm
