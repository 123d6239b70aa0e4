"""Attention without its matrix: some rows of scores at a time, in a core's own cache.

Products are calls of the BLAS library on one thread; a thread has a head, or some rows of one. The
gradient computes the probabilities again, from the logarithms of their sums. Functions give None
where the kernels do not apply; the arrays have at most two leading dimensions.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import compiler, formulas, threads
from .jobs import Job, job
from .lanes import Pointer, Value
from .matmul import gemm, laid, library, steps
from .sweep import maximum, sums, sweep

Array = Any
LEAST = 1 << 14  # scores of all heads; with fewer, a product for all of them is as good
SCORES = 1 << 16  # at a time, of each of two arrays: they stay in the second cache
F32, BOOL = np.dtype(np.float32), np.dtype(np.bool_)
PLAIN, TURNED = 111, 112


class Form(NamedTuple):
    """What kind of attention: part of the kernel's text."""

    whole: str  # the type of the library's numbers
    mask: str  # "", "float" (added) or "i8" (kept where true)
    noise: bool
    causal: bool


SIZES = (
    "heads: i64, queries: i64, keys: i64, e: i64, f: i64, rows: i64, blocks: i64, scale: float, "
)
STEPS = "q1: i64, q2: i64, ql: i64, k1: i64, k2: i64, kl: i64, v1: i64, v2: i64, vl: i64, "
STEPS += "o1: i64, o2: i64, ol: i64, m1: i64, m2: i64, ml: i64"


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
    """A chunk is a block of rows of a head."""
    (q, k, v, mask, noise, out, lse, scratch, _, queries, keys, e, f, rows, blocks, scale, inner,
     q1, q2, ql, k1, k2, kl, v1, v2, vl, o1, o2, ol, m1, m2, ml) = j.table()  # fmt: skip
    lanes = j.lanes("float")
    head, first = j.chunk // blocks, (j.chunk % blocks) * rows
    a, b = head // inner, head % inner
    count = j.least(queries - first, rows)
    used = j.least(first + count, keys) if form.causal else keys
    p = scratch.at(j.thread * (rows * keys))
    q = q.at(a * q1 + b * q2 + first * ql)
    k, v = k.at(a * k1 + b * k2), v.at(a * v1 + b * v2)
    out = out.at(a * o1 + b * o2 + first * ol)
    lse = lse.at(head * queries + first)
    whole = form.whole
    gemm(j, "float", whole, PLAIN, TURNED, count, used, e, scale, q, ql, k, kl, 0.0, p, keys)

    def soften(i: Value) -> None:
        row = first + i
        n = _row_length(j, form, row, used)
        x = p.at(i * keys)
        extra = _mask_row(form, mask, a * m1 + b * m2 + row * ml)
        top, total = _probabilities(j, form, row, n, x, extra)
        share = total.equals(0.0).choose(0.0, 1.0 / total)
        lse.store(top + total.equals(0.0).choose(0.0, formulas.log(total)), i)
        factors = noise.at((head * queries + row) * keys)

        def scaled(c: Value, m: Value | None, u: int) -> None:
            w = x.load(c, lanes, m) * share
            x.store(w * factors.load(c, lanes, m) if form.noise else w, c, m)

        sweep(j, n, lanes, scaled)
        if form.causal:
            x.at(n).fill_zero(used - n)

    j.loop(0, count, 1, soften)
    gemm(j, "float", whole, PLAIN, PLAIN, count, f, used, 1.0, p, keys, v, vl, 0.0, out, ol)


@job(
    "g: any float*, q: any float*, k: any float*, v: any float*, mask: any T*, noise: any float*, "
    "out: any float*, lse: float*, gq: any float*, gk: any float*, gv: any float*, "
    "scratch: out float*, " + SIZES + "inner: i64, g1: i64, g2: i64, gl: i64, " + STEPS + ", "
    "p1: i64, p2: i64, pl: i64, r1: i64, r2: i64, rl: i64, s1: i64, s2: i64, sl: i64"
)
def attend_backward(j: Job, mask_word: str, form: Form) -> None:
    """A chunk is a head. gk and gv are of zeros before; p, r and s are steps of gq, gk and gv."""
    (g, q, k, v, mask, noise, out, lse, gq, gk, gv, scratch, _, queries, keys, e, f, rows, blocks,
     scale, inner, g1, g2, gl, q1, q2, ql, k1, k2, kl, v1, v2, vl, o1, o2, ol, m1, m2, ml,
     p1, p2, pl, r1, r2, rl, s1, s2, sl) = j.table()  # fmt: skip
    lanes = j.lanes("float")
    head = j.chunk
    a, b = head // inner, head % inner
    whole = form.whole
    p = scratch.at(j.thread * (rows * keys * 2))
    d = p.at(rows * keys)
    k, v, gk, gv = (
        x.at(a * s + b * t) for x, s, t in ((k, k1, k2), (v, v1, v2), (gk, r1, r2), (gv, s1, s2))
    )

    def block(index: Value) -> None:
        first = index * rows
        count = j.least(queries - first, rows)
        used = j.least(first + count, keys) if form.causal else keys
        qb, gb = q.at(a * q1 + b * q2 + first * ql), g.at(a * g1 + b * g2 + first * gl)
        gqb, ob = gq.at(a * p1 + b * p2 + first * pl), out.at(a * o1 + b * o2 + first * ol)
        gemm(j, "float", whole, PLAIN, TURNED, count, used, e, scale, qb, ql, k, kl, 0.0, p, keys)
        gemm(j, "float", whole, PLAIN, TURNED, count, used, f, 1.0, gb, gl, v, vl, 0.0, d, keys)

        def slopes(i: Value) -> None:
            row = first + i
            n = _row_length(j, form, row, used)
            x, y = p.at(i * keys), d.at(i * keys)
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

        j.loop(0, count, 1, slopes)
        gemm(j, "float", whole, TURNED, PLAIN, used, f, count, 1.0, p, keys, gb, gl, 1.0, gv, sl)
        gemm(j, "float", whole, PLAIN, PLAIN, count, e, used, 1.0, d, keys, k, kl, 0.0, gqb, pl)
        gemm(j, "float", whole, TURNED, PLAIN, used, e, count, 1.0, d, keys, qb, ql, 1.0, gk, rl)

    j.loop(0, blocks, 1, block)


# ------------------------------------------------------------------------- calls


class _Plan(NamedTuple):
    form: Form
    lead: tuple[int, ...]
    sizes: tuple[Any, ...]
    mask: Array
    mask_steps: tuple[int, int, int]
    noise: Array


def _plan(
    q: Array, k: Array, v: Array, mask: Array, noise: Array, causal: bool, scale: float
) -> _Plan | None:
    if not (q.dtype == k.dtype == v.dtype == F32) or compiler.target() is None or q.ndim < 2:
        return None
    lead = q.shape[:-2]
    if len(lead) > 2 or k.shape[:-2] != lead or v.shape[:-2] != lead:
        return None
    queries, e = q.shape[-2:]
    keys, f = v.shape[-2:]
    heads = math.prod(lead)
    if heads * queries * keys < LEAST or k.shape[-2:] != (keys, e) or not e or not f:
        return None
    whole = library()
    if whole is None:
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
    rows = max(1, min(queries, 64 if causal else 128, max(16, SCORES // keys)))
    blocks = -(-queries // rows)
    inner = lead[-1] if lead else 1
    sizes = heads, queries, keys, e, f, rows, blocks, scale, inner
    form = Form(whole, kind, noise is not None, causal)
    return _Plan(form, lead, sizes, q if mask is None else mask, at, q if noise is None else noise)


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
    plan = _plan(q, k, v, mask, noise, causal, scale)
    if plan is None:
        return None
    heads, queries, keys, _, _, rows, blocks, *_ = plan.sizes
    (q, qs), (k, ks), (v, vs) = (_rows(a, plan.lead) for a in (q, k, v))
    out = _new((*q.shape[:-1], v.shape[-1]))
    _, os = _rows(out, plan.lead)
    lse = np.empty(q.shape[:-1], F32)
    busy = threads.count()
    scratch = np.empty((busy, rows * keys), F32)
    attend(plan.form.mask or "float", plan.form)(
        heads * blocks, q, k, v, plan.mask, plan.noise, out, lse, scratch, *plan.sizes, *qs, *ks,
        *vs, *os, *plan.mask_steps, most=busy,
    )  # fmt: skip
    return out, lse


def attention_backward(
    g: Array, q: Array, k: Array, v: Array, mask: Array, noise: Array, lse: Array, out: Array,
    causal: bool, scale: float,
) -> tuple[Array, Array, Array] | None:  # fmt: skip
    """Gradients of q, k and v."""
    plan = _plan(q, k, v, mask, noise, causal, scale)
    if plan is None or g.dtype != F32 or g.shape != out.shape or lse.shape != q.shape[:-1]:
        return None
    heads, _, keys, _, _, rows, *_ = plan.sizes
    (g, gs), (q, qs), (k, ks), (v, vs) = (_rows(a, plan.lead) for a in (g, q, k, v))
    out, os = _rows(out, plan.lead)
    gq, gk, gv = _new(q.shape), _new(k.shape, True), _new(v.shape, True)
    (_, ps), (_, rs), (_, ss) = (_rows(a, plan.lead) for a in (gq, gk, gv))
    busy = threads.count()
    scratch = np.empty((busy, 2 * rows * keys), F32)
    attend_backward(plan.form.mask or "float", plan.form)(
        heads, g, q, k, v, plan.mask, plan.noise, out, np.ascontiguousarray(lse), gq, gk, gv,
        scratch, *plan.sizes, *gs, *qs, *ks, *vs, *os, *plan.mask_steps, *ps, *rs, *ss, most=busy,
    )  # fmt: skip
    return gq, gk, gv
