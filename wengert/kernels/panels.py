"""Products of matrices from registers: some rows of a factor times a panel of the other.

A panel is some columns of the second factor, [k][columns], packed so that it is read in order; the
first factor is read where it is, a number at a time in all lanes. Used where the first factor has
its rows in memory order, and by kernels that go on with a product before it is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import threads
from .compiler import Target
from .jobs import Job, job
from .lanes import Function, Pointer, Value
from .sweep import sweep

VECTORS = 4  # of a panel
DEPTH = 512  # products that a panel's part in the second cache adds up
ROWS = 96  # of a chunk, about
CHUNKS = 8  # of a product, at least, if it has as many panels

Array = Any


def rows_of_a_tile(target: Target) -> int:
    """How many rows times a panel's vectors fit into the registers."""
    if target.registers == 32:
        return 6
    return 3 if target.bytes == 32 else 2


def width(target: Target, word: str) -> int:
    """Columns of a panel."""
    return VECTORS * target.lanes(word)


def tile(
    k: Function, rows: Sequence[Pointer], panel: Pointer, step: Any, depth: Any,
    acc: Sequence[Value], masks: Sequence[Value | None], apart: Any = 1,
) -> list[Value]:  # fmt: skip
    """acc[row, vector] + rows[row][i] * panel[i][vector] over i below depth.

    step: from a row of the panel to the next; masks: of what there is of each of its vectors;
    apart: from a number of a row to the next.
    """
    lanes = acc[0].lanes

    def one(i: Value, *before: Value) -> list[Value]:
        now = list(before)
        p, q = panel.at(i * step), i if isinstance(apart, int) and apart == 1 else i * apart
        if len(rows) < len(masks):  # few registers: the fewer of both are held
            numbers = [row.load(q).wide(lanes) for row in rows]
            for v, mask in enumerate(masks):
                vector = p.load(v * lanes, lanes, mask)
                for r, x in enumerate(numbers):
                    at = r * len(masks) + v
                    now[at] = x.fma(vector, now[at])
            return now
        vectors = [p.load(v * lanes, lanes, mask) for v, mask in enumerate(masks)]
        for r, row in enumerate(rows):
            x = row.load(q).wide(lanes)
            for v, vector in enumerate(vectors):
                at = r * len(vectors) + v
                now[at] = x.fma(vector, now[at])
        return now

    return k.loop(0, depth, 1, one, acc)


@job("b: any T*, out: out T*, n: i64, depth: i64, step: i64")
def pack_panels(k: Job, word: str, turned: bool) -> None:
    """A chunk is a panel [depth][columns] of b (depth, n), or if turned of b (n, depth).

    What lies beyond n is any number.
    """
    b, out, n, depth, step = k.table()
    lanes = k.lanes(word)
    columns = VECTORS * lanes
    first = k.chunk * columns
    out = out.at(k.chunk * columns * depth)
    if not turned:

        def row(i: Value) -> None:
            s, t = b.at(i * step + first), out.at(i * columns)
            for v in range(VECTORS):
                t.store(s.load(v * lanes, mask=k.mask(n - first - v * lanes, lanes)), v * lanes)

        def whole(i: Value) -> None:
            s, t = b.at(i * step + first), out.at(i * columns)
            for v in range(VECTORS):
                t.store(s.load(v * lanes, lanes), v * lanes)

        inside = first + columns <= n
        k.when(inside, lambda: k.loop(0, depth, 1, whole), lambda: k.loop(0, depth, 1, row))
        return

    def vector(v: Value) -> None:
        at = first + v * lanes
        turn(k, b.at(at * step), step, n - at, out.at(v * lanes), columns, depth)

    k.loop(0, VECTORS, 1, vector)


def turn(
    k: Function, x: Pointer, step: Any, have: Value, out: Pointer, out_step: Any, depth: Any
) -> None:
    """out[i][lane] = x[lane][i] for i below depth; where there are fewer rows than lanes, some
    row stands for each that is missing.
    """
    lanes, turned = k.lanes(x.word), k.module.turned(x.word)
    some = k.stack(x.word, lanes * lanes)
    full = depth // lanes * lanes

    def row(q: Value) -> Pointer:
        return x.at((k.least(q, have - 1)) * step)

    def gathered(i: Value) -> None:
        k.loop(0, lanes, 1, lambda q: some.store(row(q).load(i, lanes), q * lanes))
        k.call(turned, some, lanes, out.at(i * out_step), out_step)

    def square(i: Value) -> None:
        k.call(turned, x.at(i), step, out.at(i * out_step), out_step)

    def single(i: Value) -> None:
        k.loop(0, lanes, 1, lambda q: out.store(row(q).load(i), i * out_step + q))

    k.when(
        have >= lanes,
        lambda: k.loop(0, full, lanes, square),
        lambda: k.loop(0, full, lanes, gathered),
    )
    k.loop(full, depth, 1, single)


@job(
    "a: any T*, b: any T*, bias: T*, c: out T*, scratch: out T*, m: i64, n: i64, depth: i64, "
    "step: i64, b_panel: i64, b_row: i64, blocks: i64, size: i64, share: i64"
)
def multiply(k: Job, word: str, turned: bool) -> None:
    """c = a @ b + bias; a chunk is a block of `size` rows times `share` panels.

    b_panel and b_row: from a panel of b to the next, and from a row to the next. step: from a row
    of a to the next, or if turned from a column to the next, whose numbers lie side by side: those
    of a block are copied to a thread's scratch, where no two are a power of two apart.
    """
    a, b, biases, c, scratch, m, n, depth, step, b_panel, b_row, blocks, size, share = k.table()
    columns = VECTORS * k.lanes(word)
    most = rows_of_a_tile(k.module.target)
    top = (k.chunk % blocks) * size
    count = k.least(m - top, size)
    a, c = a.at(top if turned else top * step), c.at(top * n)
    scratch = scratch.at(k.thread * (size * DEPTH))
    lanes = k.lanes(word)
    first = (k.chunk // blocks) * share
    last = k.least(first + share, (n + (columns - 1)) // columns)

    params = [(name, f"{word}*") for name in ("a", "b", "begin", "c")]
    params += [(name, "i64") for name in ("step", "b_row", "apart", "n", "depth", "left")]
    sizes = [most]
    while sizes[-1] > 1:
        sizes.append(sizes[-1] // 2)
    for rows in sizes:
        _rows(k.module.function(f"rows{rows}", params), word, rows, turned, rows in (most, 1))

    def part(d: Value) -> None:
        here = k.least(depth - d, DEPTH)

        def copy(i: Value) -> None:
            s, t = a.at((d + i) * step), scratch.at(i * size)
            sweep(k, count, lanes, lambda j, mask, u: t.store(s.load(j, lanes, mask), j, mask))

        if turned:
            k.loop(0, here, 1, copy)

        def panel(p: Value) -> None:
            at = p * columns

            def rows(name: str, i: Value) -> None:
                to = c.at(i * n + at)
                x = scratch.at(i) if turned else a.at(i * step + d)
                y = b.at(p * b_panel + d * b_row)
                apart, rest = size if turned else step, (n, here, n - at)
                k.when(
                    d.equals(0),
                    lambda: k.call(name, x, y, biases.at(at), to, apart, b_row, 0, *rest),
                    lambda: k.call(name, x, y, to, to, apart, b_row, n, *rest),
                )

            done: Any = k.index(0)
            for some in sizes:
                stop = done + (count - done) // some * some
                k.loop(done, stop, some, lambda i, some=some: rows(f"rows{some}", i))
                done = stop

        k.loop(first, last, 1, panel)

    k.loop(0, depth, DEPTH, part)


def _rows(f: Function, word: str, rows: int, turned: bool, narrow: bool) -> None:
    """c = begin + some rows of a times a panel; begin has rows `apart`. narrow: whether there are
    ways of their own for panels of which only one or two vectors are left.
    """
    a, b, begin, c, step, b_row, apart, n, depth, left = f.args.values()
    lanes = f.lanes(word)
    pointers = [a.at(r if turned else step * r) for r in range(rows)]

    def run(vectors: int, whole: bool) -> None:
        masks = [
            None if whole else f.mask((left - v * lanes).most(0), lanes) for v in range(vectors)
        ]
        places = [(r, v) for r in range(rows) for v in range(vectors)]
        lines, to = [begin.at(apart * r) for r in range(rows)], [c.at(n * r) for r in range(rows)]
        acc = [lines[r].load(v * lanes, lanes, masks[v]) for r, v in places]
        for r, v in places:
            to[r].at(v * lanes).prefetch(True)
        inside = masks if in_place(f.module.target) else [None] * vectors
        acc = tile(f, pointers, b, b_row, depth, acc, inside, step if turned else 1)
        for (r, v), x in zip(places, acc):
            to[r].store(x, v * lanes, masks[v])

    def few() -> None:
        f.when(left > lanes, some, lambda: run(1, False))

    def some() -> None:
        f.when(left > 2 * lanes, lambda: run(VECTORS, False), lambda: run(2, False))

    if f.module.target.masks:
        few() if narrow else run(VECTORS, False)
    else:
        f.when(left >= VECTORS * lanes, lambda: run(VECTORS, True), few)


IN_PLACE = 128  # rows; with fewer, packing costs more than it saves


def in_place(target: Target) -> bool:
    """Whether panels may be read where they are: masks must not take registers from the sums."""
    return target.bytes == 64


def product(
    word: str, target: Target, a: Array, step: int, b: Array, b_step: int, turned: bool, n: int,
    bias: Array | None = None, a_turned: bool = False,
) -> Array:  # fmt: skip
    """a (m, k) times b (k, n) or, if turned, (n, k), plus bias.

    a has its rows in memory order, or if a_turned its columns; step: from one to the next.
    """
    m, depth = a.shape
    columns = width(target, word)
    count = -(-n // columns)
    if (m <= IN_PLACE or a_turned) and not turned and in_place(target):
        b_panel, b_row = columns, b_step
    else:
        packed = np.empty(count * depth * columns, a.dtype)
        pack_panels(word, turned)(count, b, packed, n, depth, b_step)
        b, b_panel, b_row = packed, depth * columns, columns
    c = np.empty((m, n), a.dtype)
    most = rows_of_a_tile(target)
    size = -(-m // -(-m // ROWS))
    size = -(-size // most) * most
    blocks = -(-m // size)
    enough = CHUNKS // 2 if a_turned else CHUNKS  # for each chunk a block is copied
    share = count if blocks >= enough else max(1, count * blocks // enough)
    if bias is None:
        bias = np.zeros(n, a.dtype)
    busy = threads.count()
    scratch = np.empty((busy, size * DEPTH), a.dtype) if a_turned else c
    multiply(word, a_turned)(
        blocks * -(-count // share), a, b, bias, c, scratch, m, n, depth, step, b_panel, b_row,
        blocks, size, share, most=busy,
    )  # fmt: skip
    return c
