"""Attention without its matrix: some rows of scores at a time, in a core's own cache.

A thread has some rows of a head, or in the gradient a head, and multiplies with the tiles of
`panels.py`. The gradient computes the probabilities again, from the logarithms of their sums.
Functions give None where the kernels do not apply; the arrays have at most two leading dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import compiler, formulas, threads
from .compiler import Target
from .jobs import Job, job
from .lanes import Function, Pointer, Value
from .matmul import laid, steps
from .panels import VECTORS, rows_of_a_tile, tile, turn, width
from .sweep import maximum, sums, sweep

Array = Any
LEAST = 1 << 14  # scores of all heads; with fewer, a product for all of them is as good
BLOCK = 5  # tiles of rows of a chunk; their scores stay in the first cache, or the second
BLOCK_BACK = 11  # likewise of the gradient, whose sums over rows are worth the longer the more
F32, BOOL = np.dtype(np.float32), np.dtype(np.bool_)
PLAIN = 111


class Form(NamedTuple):
    """What kind of attention: part of the kernel's text."""

    mask: str  # "", "float" (added) or "i8" (kept where true)
    noise: bool
    causal: bool


PARTS = 16  # chunks at least, of the rows of few heads
SIZES = (
    "heads: i64, queries: i64, keys: i64, e: i64, f: i64, rows: i64, blocks: i64, parts: i64, "
    "scale: float, "
)
STEPS = "q1: i64, q2: i64, ql: i64, k1: i64, k2: i64, kl: i64, v1: i64, v2: i64, vl: i64, "
STEPS += "o1: i64, o2: i64, ol: i64, m1: i64, m2: i64, ml: i64"


def _pack(f: Function) -> None:
    """Panels [depth][columns] of x (n, depth); what lies beyond n is anything."""
    x, step, n, depth, out = f.args.values()
    lanes = f.lanes("float")
    columns = VECTORS * lanes

    def vector(v: Value) -> None:
        at = v * lanes
        to = out.at(at // columns * columns * depth + at % columns)
        turn(f, x.at(at * step), step, n - at, to, columns, depth)

    f.loop(0, (n + (lanes - 1)) // lanes, 1, vector)


def _scores(f: Function, rows: int) -> None:
    """to[row][column] = scale * (rows of a) @ panel."""
    a, step, panel, depth, to, apart, scale = f.args.values()
    lanes = f.lanes("float")
    acc = [f.zero("float", lanes)] * (rows * VECTORS)
    pointers = [a.at(step * r) for r in range(rows)]
    acc = tile(f, pointers, panel, VECTORS * lanes, depth, acc, [None] * VECTORS)
    for i, x in enumerate(acc):
        to.store(x * scale, apart * (i // VECTORS) + i % VECTORS * lanes)


def _wide(f: Function, rows: int) -> None:
    """to[row][column] = (what is there, if more) + (rows of a) @ b, for n columns.

    step: from a row of a to the next, apart: from a number of a row to the next.
    """
    a, step, apart, b, b_row, depth, n, to, to_row, more = f.args.values()
    lanes = f.lanes("float")
    pointers = [a.at(step * r) for r in range(rows)]
    goes_on = more.equals(1)
    zero = f.zero("float", lanes)

    def some(c: Value, vectors: int, whole: bool) -> None:
        left = n - c
        masks = [
            None if whole else f.mask((left - v * lanes).most(0), lanes) for v in range(vectors)
        ]
        places = [(r, v) for r in range(rows) for v in range(vectors)]
        at = [to.at(to_row * r + c + v * lanes) for r, v in places]

        def before() -> list[Value]:
            return [p.load(0, lanes, masks[v]) for p, (_, v) in zip(at, places)]

        acc = f.either(goes_on, before, [zero] * len(places))
        acc = tile(f, pointers, b.at(c), b_row, depth, acc, masks, apart)
        for p, (_, v), x in zip(at, places, acc):
            p.store(x, 0, masks[v])

    full = n // (VECTORS * lanes) * (VECTORS * lanes)
    f.loop(0, full, VECTORS * lanes, lambda c: some(c, VECTORS, True))
    pair = 2 * lanes

    def rest(c: Value) -> None:
        f.masked(n - c >= pair, lambda whole: some(c, 2, whole))

    f.loop(full, n, pair, rest)


class _Tiles:
    """The products of a kernel, by tiles of rows."""

    def __init__(self, j: Job) -> None:
        self.j, self.most = j, rows_of_a_tile(j.module.target)
        scores = [("a", "float*"), ("step", "i64"), ("panel", "float*"), ("depth", "i64")]
        scores += [("to", "float*"), ("apart", "i64"), ("scale", "float")]
        wide = [("a", "float*"), ("step", "i64"), ("apart", "i64"), ("b", "float*")]
        wide += [("b_row", "i64"), ("depth", "i64"), ("n", "i64"), ("to", "float*")]
        wide += [("to_row", "i64"), ("more", "i64")]
        pack = [("x", "float*"), ("step", "i64"), ("n", "i64"), ("depth", "i64")]
        _pack(j.module.function("pack", [*pack, ("out", "float*")]))
        for rows in dict.fromkeys((self.most, 2, 1)):
            _scores(j.module.function(f"scores{rows}", scores), rows)
            _wide(j.module.function(f"wide{rows}", wide), rows)

    def each(self, count: Value, call: Callable[[str, Any], None]) -> None:
        """call(suffix, i) for the tiles of `count` rows, which are at most those of a tile."""

        def fewer() -> None:
            pairs = count // 2 * 2
            if self.most > 2:
                self.j.loop(0, pairs, 2, lambda i: call("2", i))
            self.j.loop(pairs if self.most > 2 else 0, count, 1, lambda i: call("1", i))

        self.j.when(count.equals(self.most), lambda: call(str(self.most), 0), fewer)

    def groups(self, count: Value, body: Callable[[Value, Value], None]) -> None:
        """body(first, how many) for the tiles' rows among `count`."""
        self.j.loop(0, count, self.most, lambda i: body(i, self.j.least(count - i, self.most)))


def _probabilities(
    j: Job, form: Form, row: Value, n: Value, x: Pointer, mask: Pointer | None
) -> tuple[Value, Value]:
    """Make n scores of a row exponentials, less the largest; the largest and the sum."""
    lanes = j.lanes("float")

    def score(i: Value, m: Value | None) -> Value:
        v = x.load(i, lanes, m)
        if mask is not None:
            extra = mask.load(i, lanes, m)
            if form.mask == "i8":
                v = extra.differs(0).choose(v, -math.inf)
            else:
                v = v + extra
            x.store(v, i, m)
        return v

    top = maximum(j, n, "float", lanes, score)
    top = top.equals(-math.inf).choose(0.0, top)  # nothing is left

    def power(i: Value, m: Value | None) -> Value:
        e = formulas.exp(x.load(i, lanes, m) - top)
        x.store(e, i, m)
        return e

    (total,) = sums(j, n, "float", lanes, 1, power)
    return top, total.sum()


def _row_length(j: Job, form: Form, row: Value, keys: Value) -> Value:
    return j.least(row + 1, keys) if form.causal else keys


def _mask_row(form: Form, mask: Pointer, at: Value) -> Pointer | None:
    return mask.at(at) if form.mask else None


@job(
    "q: any float*, k: any float*, v: any float*, mask: any T*, noise: any float*, "
    "out: any float*, lse: out float*, scratch: out float*, " + SIZES + "inner: i64, " + STEPS
)
def attend(j: Job, mask_word: str, form: Form) -> None:
    """A chunk is a part of the blocks of rows of a head."""
    (q, k, v, mask, noise, out, lse, scratch, _, queries, keys, e, f, rows, blocks, parts, scale,
     inner, q1, q2, ql, k1, k2, kl, v1, v2, vl, o1, o2, ol, m1, m2, ml) = j.table()  # fmt: skip
    lanes = j.lanes("float")
    tiles = _Tiles(j)
    columns = VECTORS * lanes
    panels = (keys + (columns - 1)) // columns
    apart = panels * columns + lanes  # no power of two
    head, part = j.chunk // parts, j.chunk % parts
    a, b = head // inner, head % inner
    p = scratch.at(j.thread * (rows * apart + panels * columns * e))
    kt = p.at(rows * apart)
    q, k, v, out = (
        x.at(a * s + b * t) for x, s, t in ((q, q1, q2), (k, k1, k2), (v, v1, v2), (out, o1, o2))
    )
    j.call("pack", k, kl, keys, e, kt)

    def block(index: Value) -> None:
        first = index * rows
        count = j.least(queries - first, rows)
        used = j.least(first + count, keys) if form.causal else keys
        qb, ob = q.at(first * ql), out.at(first * ol)

        def panel(c: Value) -> None:
            def group(i: Value, here: Value) -> None:
                def call(size: str, r: Any) -> None:
                    at = i + r
                    j.call(
                        f"scores{size}", qb.at(at * ql), ql, kt.at(c * e), e,
                        p.at(at * apart + c), apart, scale,
                    )  # fmt: skip

                tiles.each(here, call)

            tiles.groups(count, group)

        j.loop(0, used, columns, panel)

        def soften(i: Value, to: Value) -> None:
            row = first + i
            n = _row_length(j, form, row, used)
            x = p.at(i * apart)
            extra = _mask_row(form, mask, a * m1 + b * m2 + row * ml)
            top, total = _probabilities(j, form, row, n, x, extra)
            share = total.equals(0.0).choose(0.0, 1.0 / total)
            level = top + total.equals(0.0).choose(0.0, formulas.log(total))
            lse.store(level, head * queries + row)
            factors = noise.at((head * queries + row) * keys)

            def scaled(c: Value, m: Value | None, u: int) -> None:
                w = x.load(c, lanes, m) * share
                x.store(w * factors.load(c, lanes, m) if form.noise else w, c, m)

            sweep(j, n, lanes, scaled)
            if form.causal:
                x.at(n).fill_zero(to - n)

        def group(i: Value, here: Value) -> None:
            depth = j.least(first + i + here, keys) if form.causal else keys
            j.loop(i, i + here, 1, lambda row: soften(row, depth))

            def call(size: str, r: Any) -> None:
                at = i + r
                x, to = p.at(at * apart), ob.at(at * ol)
                j.call(f"wide{size}", x, apart, 1, v, vl, depth, f, to, ol, 0)

            tiles.each(here, call)

        tiles.groups(count, group)

    share = (blocks + (parts - 1)) // parts
    j.loop(part * share, j.least((part + 1) * share, blocks), 1, block)


@job(
    "g: any float*, q: any float*, k: any float*, v: any float*, mask: any T*, noise: any float*, "
    "out: any float*, lse: float*, gq: any float*, gk: any float*, gv: any float*, "
    "scratch: out float*, " + SIZES + "inner: i64, g1: i64, g2: i64, gl: i64, " + STEPS + ", "
    "p1: i64, p2: i64, pl: i64, r1: i64, r2: i64, rl: i64, s1: i64, s2: i64, sl: i64"
)
def attend_backward(j: Job, mask_word: str, form: Form) -> None:
    """A chunk is a head; p, r and s are steps of gq, gk and gv."""
    (g, q, k, v, mask, noise, out, lse, gq, gk, gv, scratch, _, queries, keys, e, f, rows, blocks,
     _, scale, inner, g1, g2, gl, q1, q2, ql, k1, k2, kl, v1, v2, vl, o1, o2, ol, m1, m2, ml,
     p1, p2, pl, r1, r2, rl, s1, s2, sl) = j.table()  # fmt: skip
    lanes = j.lanes("float")
    tiles = _Tiles(j)
    columns = VECTORS * lanes
    panels = (keys + (columns - 1)) // columns
    apart = panels * columns + lanes
    head = j.chunk
    a, b = head // inner, head % inner
    p = scratch.at(j.thread * (rows * apart * 2 + panels * columns * (e + f)))
    d = p.at(rows * apart)
    kt = d.at(rows * apart)
    vt = kt.at(panels * columns * e)
    k, v, gk, gv = (
        x.at(a * s + b * t) for x, s, t in ((k, k1, k2), (v, v1, v2), (gk, r1, r2), (gv, s1, s2))
    )
    j.call("pack", k, kl, keys, e, kt)
    j.call("pack", v, vl, keys, f, vt)

    def block(index: Value) -> None:
        first = index * rows
        count = j.least(queries - first, rows)
        used = j.least(first + count, keys) if form.causal else keys
        qb, gb = q.at(a * q1 + b * q2 + first * ql), g.at(a * g1 + b * g2 + first * gl)
        gqb, ob = gq.at(a * p1 + b * p2 + first * pl), out.at(a * o1 + b * o2 + first * ol)

        def slopes(i: Value) -> None:
            row = first + i
            n = _row_length(j, form, row, used)
            x, y = p.at(i * apart), d.at(i * apart)
            grad, result = gb.at(i * gl), ob.at(i * ol)
            (dot,) = sums(
                j, f, "float", lanes, 1,
                lambda c, m: grad.load(c, lanes, m) * result.load(c, lanes, m),
            )  # fmt: skip
            mean, level = dot.sum(), lse.load(head * queries + row)
            extra = _mask_row(form, mask, a * m1 + b * m2 + row * ml)
            factors = noise.at((head * queries + row) * keys)

            def slope(c: Value, m: Value | None, u: int) -> None:
                w = x.load(c, lanes, m)
                if extra is not None:
                    other = extra.load(c, lanes, m)
                    if form.mask == "i8":
                        w = other.differs(0).choose(w, -math.inf)
                    else:
                        w = w + other
                w = formulas.exp(w - level)
                dw = y.load(c, lanes, m)
                if form.noise:
                    z = factors.load(c, lanes, m)
                    x.store(w * z, c, m)
                    dw = dw * z
                else:
                    x.store(w, c, m)
                y.store(w * (dw - mean) * scale, c, m)

            sweep(j, n, lanes, slope)
            if form.causal:
                x.at(n).fill_zero(used - n)
                y.at(n).fill_zero(used - n)

        def group(i: Value, here: Value) -> None:
            depth = j.least(first + i + here, keys) if form.causal else keys

            def panel(c: Value) -> None:
                def call(size: str, r: Any) -> None:
                    at = i + r
                    x, y = p.at(at * apart + c), d.at(at * apart + c)
                    j.call(f"scores{size}", qb.at(at * ql), ql, kt.at(c * e), e, x, apart, scale)
                    one = j.constant(1.0, "float")
                    j.call(f"scores{size}", gb.at(at * gl), gl, vt.at(c * f), f, y, apart, one)

                tiles.each(here, call)

            j.loop(0, depth, columns, panel)
            j.loop(i, i + here, 1, slopes)

            def call(size: str, r: Any) -> None:
                at = i + r
                to = gqb.at(at * pl)
                j.call(f"wide{size}", d.at(at * apart), apart, 1, k, kl, depth, e, to, pl, 0)

            tiles.each(here, call)

        tiles.groups(count, group)
        more = index.equals(0).choose(j.index(0), j.index(1))

        def key(c: Value, here: Value) -> None:
            start = (c - first).most(0) if form.causal else 0  # rows before see nothing of it
            depth = count - start
            # a key that no row has seen before gets its first sum here
            again = (c < first).choose(more, j.index(0)) if form.causal else more

            def call(size: str, r: Any) -> None:
                at = c + r
                x = start * apart + at if form.causal else at
                for m, w, wl, n, to, tl in ((p, gb, gl, f, gv, sl), (d, qb, ql, e, gk, rl)):
                    rows = w.at(start * wl) if form.causal else w
                    j.call(
                        f"wide{size}", m.at(x), 1, apart, rows, wl, depth, n, to.at(at * tl), tl,
                        again,
                    )  # fmt: skip

            tiles.each(here, call)

        tiles.groups(used, key)

    j.loop(0, blocks, 1, block)


# ------------------------------------------------------------------------- calls


class _Plan(NamedTuple):
    form: Form
    lead: tuple[int, ...]
    target: Target
    sizes: tuple[int, ...]  # heads, queries, keys, e, f
    mask: Array
    mask_steps: tuple[int, int, int]
    noise: Array

    def blocks(self, tiles: int) -> tuple[int, int]:
        """Rows of a block, and how many blocks there are of a head."""
        most = rows_of_a_tile(self.target)
        queries = self.sizes[1]
        count = -(-queries // (tiles * most))
        rows = -(-queries // (count * most)) * most
        return rows, -(-queries // rows)

    def scratch(self, rows: int, copies: int, depth: int) -> int:
        """Numbers that a thread needs: scores of a block, and panels of `depth` of the keys."""
        lanes = self.target.lanes("float")
        columns = width(self.target, "float")
        keys = -(-self.sizes[2] // columns) * columns
        return copies * rows * (keys + lanes) + keys * depth


def _plan(q: Array, k: Array, v: Array, mask: Array, noise: Array, causal: bool) -> _Plan | None:
    target = compiler.target()
    if not (q.dtype == k.dtype == v.dtype == F32) or target is None or q.ndim < 2:
        return None
    lead = q.shape[:-2]
    if len(lead) > 2 or k.shape[:-2] != lead or v.shape[:-2] != lead:
        return None
    queries, e = q.shape[-2:]
    keys, f = v.shape[-2:]
    heads = math.prod(lead)
    if heads * queries * keys < LEAST or k.shape[-2:] != (keys, e) or not e or not f:
        return None
    scores = (*lead, queries, keys)
    kind, at = "", (0, 0, 0)
    if mask is not None:
        kind = "i8" if mask.dtype == BOOL else "float" if mask.dtype == F32 else "other"
        try:
            mask = np.broadcast_to(mask, scores)
        except ValueError:
            return None
        if kind == "other" or any(s < 0 or s % mask.itemsize for s in mask.strides):
            return None
        if mask.strides[-1] != mask.itemsize:
            mask = np.ascontiguousarray(mask)
        at = (*steps(mask, lead), mask.strides[-2])
        at = (at[0] // mask.itemsize, at[1] // mask.itemsize, at[2] // mask.itemsize)
    if noise is not None:
        if noise.shape != scores or noise.dtype != F32:
            return None
        noise = np.ascontiguousarray(noise)
    form = Form(kind, noise is not None, causal)
    sizes = heads, queries, keys, e, f
    mask, noise = (q if a is None else a for a in (mask, noise))
    return _Plan(form, lead, target, sizes, mask, at, noise)


def _rows(a: Array, lead: tuple[int, ...]) -> tuple[Array, tuple[int, int, int]]:
    """a with rows in memory order, a copy if need be, and its steps in numbers."""
    how, along, a = laid(a)
    if how != PLAIN:
        a = np.ascontiguousarray(a)
        along = a.shape[-1]
    first, second = steps(a, lead)
    return a, (first // a.itemsize, second // a.itemsize, along)


def _new(shape: tuple[int, ...], zeros: bool = False) -> Array:
    """An array in which the rows of all heads lie beside each other, as if they were joined."""
    make = np.zeros if zeros else np.empty
    if len(shape) != 4:
        return make(shape, F32)
    b, h, n, e = shape
    return make((b, n, h, e), F32).swapaxes(1, 2)


def attention(
    q: Array, k: Array, v: Array, mask: Array, noise: Array, causal: bool, scale: float
) -> tuple[Array, Array] | None:
    """(softmax(scale q k^T + mask) * noise @ v, logarithms of the softmax's sums)."""
    plan = _plan(q, k, v, mask, noise, causal)
    if plan is None:
        return None
    (q, qs), (k, ks), (v, vs) = (_rows(a, plan.lead) for a in (q, k, v))
    out = _new((*q.shape[:-1], v.shape[-1]))
    _, os = _rows(out, plan.lead)
    lse = np.empty(q.shape[:-1], F32)
    rows, blocks = plan.blocks(BLOCK)
    busy = threads.count()
    heads, _, _, e, _ = plan.sizes
    scratch = np.empty((busy, plan.scratch(rows, 1, e)), F32)
    inner = plan.lead[-1] if plan.lead else 1
    parts = min(blocks, -(-PARTS // heads))
    attend(plan.form.mask or "float", plan.form)(
        heads * parts, q, k, v, plan.mask, plan.noise, out, lse, scratch, *plan.sizes, rows,
        blocks, parts, scale, inner, *qs, *ks, *vs, *os, *plan.mask_steps, most=busy,
    )  # fmt: skip
    return out, lse


def attention_backward(
    g: Array, q: Array, k: Array, v: Array, mask: Array, noise: Array, lse: Array, out: Array,
    causal: bool, scale: float,
) -> tuple[Array, Array, Array] | None:  # fmt: skip
    """Gradients of q, k and v."""
    plan = _plan(q, k, v, mask, noise, causal)
    if plan is None or g.dtype != F32 or g.shape != out.shape or lse.shape != q.shape[:-1]:
        return None
    heads, queries, keys, e, f = plan.sizes
    (g, gs), (q, qs), (k, ks), (v, vs) = (_rows(a, plan.lead) for a in (g, q, k, v))
    out, os = _rows(out, plan.lead)
    unseen = causal and keys > queries
    gq, gk, gv = _new(q.shape), _new(k.shape, unseen), _new(v.shape, unseen)
    (_, ps), (_, rs), (_, ss) = (_rows(a, plan.lead) for a in (gq, gk, gv))
    rows, blocks = plan.blocks(BLOCK_BACK)
    busy = threads.count()
    scratch = np.empty((busy, plan.scratch(rows, 2, e + f)), F32)
    inner = plan.lead[-1] if plan.lead else 1
    attend_backward(plan.form.mask or "float", plan.form)(
        heads, g, q, k, v, plan.mask, plan.noise, out, np.ascontiguousarray(lse), gq, gk, gv,
        scratch, *plan.sizes, rows, blocks, 1, scale, inner, *gs, *qs, *ks, *vs, *os,
        *plan.mask_steps, *ps, *rs, *ss, most=busy,
    )  # fmt: skip
    return gq, gk, gv
