"""A layer of an LSTM over a whole sequence, for batches in which all sequences have one length.

A step is a product with the state whose sums end as all four gates of some units in registers, so
that gates, cells and states are made of them before anything is stored. A step backward is a
product that ends as the gradient of some units' states. Steps follow each other in one launch.

Rows are those of the steps, one behind the other; gates lie beside each other in a row: i f g o.
Functions give None where the kernels do not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler, formulas
from .jobs import Job, job
from .lanes import Function, Pointer, Value
from .matmul import linear, matmul
from .panels import VECTORS, pack_panels, rows_of_a_tile, tile, turn, width
from .summation import total

Array = Any
F32 = np.dtype(np.float32)
LEAST = 1 << 16  # multiply-adds of a step
CHUNKS = 4  # of a step


@job("w: float*, out: out float*, units: i64, depth: i64")
def pack_gates(k: Job) -> None:
    """A chunk is a panel of w (4 * units, depth): the four gates of as many units as lanes."""
    w, out, units, depth = k.table()
    lanes = k.lanes("float")
    out = out.at(k.chunk * (VECTORS * lanes) * depth)

    def gate(j: Value) -> None:
        first = k.chunk * lanes
        x = w.at((j * units + first) * depth)
        turn(k, x, depth, units - first, out.at(j * lanes), VECTORS * lanes, depth)

    k.loop(0, VECTORS, 1, gate)


def _sigmoid(x: Value) -> Value:
    return 1.0 / (formulas.small_exp(-x) + 1.0)


def _by_tiles(k: Function, most: int, count: Any, call: Any) -> None:
    """call(name, i) for tiles of rows: as many as fit, then two, then one."""
    done: Any = k.index(0)
    for rows in dict.fromkeys((most, 2, 1)):
        stop = done + (count - done) // rows * rows
        k.loop(done, stop, rows, lambda i, rows=rows: call(f"rows{rows}", i))
        done = stop


@job(
    "gates: out float*, panels: float*, h0: float*, cells: out float*, squashed: out float*, "
    "out: out float*, batch: i64, units: i64, steps: i64, share: i64, reverse: i64"
)
def forward(k: Job) -> None:
    """A chunk is `share` panels of units in one step.

    gates [row][4][unit] hold the part of x before; cells [step + 1][sequence][unit], of which the
    first is there, are in the order of the steps, the rest by time.
    """
    gates, panels, h0, cells, squashed, out, batch, units, steps, share, reverse = k.table()
    lanes = k.lanes("float")
    most = rows_of_a_tile(k.module.target)
    params = [(n, "float*") for n in ("gates", "panel", "state", "cells", "new", "t", "out")]
    params += [("units", "i64"), ("left", "i64")]
    for rows in dict.fromkeys((most, 2, 1)):
        _step(k.module.function(f"rows{rows}", params), rows)
    back = reverse.equals(1)
    time = back.choose(steps - 1 - k.step, k.step)
    size = batch * units
    before = out.at(back.choose(time + 1, time - 1) * size)
    first = k.chunk * share

    def panel(p: Value) -> None:
        u = p * lanes

        def run(name: str, i: Value, state: Pointer) -> None:
            at = i * units
            here = time * size + at + u
            now = cells.at(k.step * size + at + u)
            k.call(
                name, gates.at((time * batch + i) * units * 4 + u),
                panels.at(p * units * (4 * lanes)), state.at(at), now, now.at(size),
                squashed.at(here), out.at(here), units, units - u,
            )  # fmt: skip

        def tiles(state: Pointer) -> None:
            _by_tiles(k, most, batch, lambda name, i: run(name, i, state))

        k.when(k.step.equals(0), lambda: tiles(h0), lambda: tiles(before))

    k.loop(first, k.least(first + share, (units + (lanes - 1)) // lanes), 1, panel)


def _step(f: Function, rows: int) -> None:
    """Some sequences of a step, for the units of a panel."""
    gates, panel, state, cells, new, t, out, units, left = f.args.values()
    lanes = f.lanes("float")

    def ahead(r: Value) -> None:  # here while the product is at work
        for j in range(4):
            gates.at(units * (r * 4 + j)).prefetch(True)
        for x in (new, t, out):
            x.at(units * r).prefetch(True)

    def run(whole: bool) -> None:
        mask = None if whole else f.mask(left, lanes)
        f.loop(0, rows, 1, ahead)
        states = [state.at(units * r) for r in range(rows)]
        acc = tile(f, states, panel, 4 * lanes, units, [f.zero("float", lanes)] * (4 * rows), NONE)
        sums = _kept(f, acc)

        def row(r: Value) -> None:
            parts = [
                sums.load((r * 4 + j) * lanes, lanes) + gates.load(units * (r * 4 + j), lanes, mask)
                for j in range(4)
            ]
            i, forget, g, o = parts
            i, forget, o = _sigmoid(i), _sigmoid(forget), _sigmoid(o)
            g = formulas.tanh(g)
            c = forget.fma(cells.load(units * r, lanes, mask), i * g)
            squashed = formulas.tanh(c)
            for j, v in enumerate((i, forget, g, o)):
                gates.store(v, units * (r * 4 + j), mask)
            new.store(c, units * r, mask)
            t.store(squashed, units * r, mask)
            out.store(o * squashed, units * r, mask)

        f.loop(0, rows, 1, row)

    f.masked(left >= lanes, run)


NONE = [None] * VECTORS  # no masks


def _kept(f: Function, sums: list[Value]) -> Pointer:
    """The sums of a tile in memory: what follows is then written, and compiled, for one row."""
    lanes = sums[0].lanes
    kept = f.stack("float", len(sums) * lanes)
    for i, v in enumerate(sums):
        kept.store(v, i * lanes)
    return kept


@job(
    "g: float*, gh: float*, dc: out float*, gates: float*, panels: float*, cells: float*, "
    "squashed: float*, slopes: out float*, batch: i64, units: i64, steps: i64, share: i64, "
    "reverse: i64"
)
def backward(k: Job) -> None:
    """A chunk is `share` panels of units in one step; steps come in the opposite order.

    slopes [row][4][unit]: gradients before the gates' functions. dc [sequence][unit] are those of
    the cells after the step, and then before it.
    """
    g, gh, dc, gates, panels, cells, squashed, slopes, batch, units, steps, share, reverse = (
        k.table()
    )
    lanes = k.lanes("float")
    columns = VECTORS * lanes
    most = rows_of_a_tile(k.module.target)
    params = [(n, "float*") for n in ("g", "more", "after", "panel", "dc", "gates")]
    params += [("cells", "float*"), ("t", "float*"), ("slopes", "float*")]
    params += [(n, "i64") for n in ("units", "depth", "left")]
    for rows in dict.fromkeys((most, 2, 1)):
        _step_back(k.module.function(f"rows{rows}", params), rows)
    index = steps - 1 - k.step  # in the order of the forward steps
    back = reverse.equals(1)
    time = back.choose(k.step, index)
    size = batch * units
    last = k.step.equals(0)
    after = slopes.at(last.choose(0, back.choose(time - 1, time + 1)) * size * 4)
    depth = last.choose(0, units * 4)
    first = k.chunk * share

    def panel(p: Value) -> None:
        u = p * columns

        def run(name: str, i: Value) -> None:
            at = i * units
            here, row = time * size + at + u, (time * batch + i) * units * 4 + u
            k.call(
                name, g.at(here), gh.at(at + u), after.at(at * 4),
                panels.at(p * units * (4 * columns)), dc.at(at + u), gates.at(row),
                cells.at(index * size + at + u), squashed.at(here), slopes.at(row), units, depth,
                units - u,
            )  # fmt: skip

        _by_tiles(k, most, batch, run)

    k.loop(first, k.least(first + share, (units + (columns - 1)) // columns), 1, panel)


def _step_back(f: Function, rows: int) -> None:
    """Some sequences of a step, for the units of a panel; without depth it is the last step."""
    g, more, after, panel, dc, gates, cells, t, slopes, units, depth, left = f.args.values()
    lanes = f.lanes("float")

    zero, last = f.zero("float", lanes), depth.equals(0)

    def ahead(r: Value) -> None:  # here while the product is at work
        for v in range(VECTORS):
            at = units * r + v * lanes
            for x in (g, more, dc, cells, t):
                x.at(at).prefetch(False)
            for j in range(4):
                for x in (gates, slopes):
                    x.at(units * (r * 4 + j) + v * lanes).prefetch(x is slopes)

    def run(whole: bool) -> None:
        f.loop(0, rows, 1, ahead)
        states = [after.at(units * (4 * r)) for r in range(rows)]
        acc = [zero] * (rows * VECTORS)
        sums = _kept(f, tile(f, states, panel, VECTORS * lanes, depth, acc, NONE))

        def vector(r: Value, v: Value) -> None:
            at = units * r + v * lanes
            mask = None if whole else f.mask((left - v * lanes).most(0), lanes)
            dh = sums.load((r * VECTORS + v) * lanes, lanes) + g.load(at, lanes, mask)
            dh = dh + last.choose(more.load(at, lanes, mask), zero)
            i, forget, c, o = (
                gates.load(units * (r * 4 + j) + v * lanes, lanes, mask) for j in range(4)
            )
            squashed = t.load(at, lanes, mask)
            e = (dh * o).fma(1.0 - squashed * squashed, dc.load(at, lanes, mask))
            before = cells.load(at, lanes, mask)
            parts = (
                e * c * i * (1.0 - i),
                e * before * forget * (1.0 - forget),
                e * i * (1.0 - c * c),
                dh * squashed * o * (1.0 - o),
            )
            for j, part in enumerate(parts):
                slopes.store(part, units * (r * 4 + j) + v * lanes, mask)
            dc.store(e * forget, at, mask)

        f.loop(0, rows, 1, lambda r: f.loop(0, VECTORS, 1, lambda v: vector(r, v)) and None)

    f.masked(left >= VECTORS * lanes, run)


# ------------------------------------------------------------------------- calls


def lstm_layer(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None,
    sizes: tuple[int, ...], reverse: bool,
) -> tuple[Array, ...] | None:  # fmt: skip
    """Output rows, last h, last c; and kept: gates, cells before and after steps, tanh of cells."""
    host = compiler.target()
    if host is None or not sizes or sizes[0] != sizes[-1]:
        return None
    if any(a is not None and a.dtype != F32 for a in (x, h0, c0, w_ih, w_hh, bias)):
        return None
    (batch, units), steps = c0.shape, len(sizes)
    if batch * units * units * 4 < LEAST or sizes[0] != batch or x.shape[0] != batch * steps:
        return None
    if h0.shape != c0.shape or w_hh.shape != (4 * units, units):
        return None
    gates = linear(x, w_ih, bias)
    if gates is None:
        gates = x.dot(w_ih.T)
        if bias is not None:
            gates += bias
    lanes = host.lanes("float")
    panels = -(-units // lanes)
    packed = np.empty(panels * lanes * VECTORS * units, F32)
    pack_gates()(panels, np.ascontiguousarray(w_hh), packed, units, units)
    cells = np.empty((steps + 1, batch, units), F32)
    cells[0] = c0
    squashed, out = np.empty((len(x), units), F32), np.empty((len(x), units), F32)
    share = -(-panels // CHUNKS)
    forward()(
        -(-panels // share), gates, packed, np.ascontiguousarray(h0), cells, squashed, out, batch,
        units, steps, share, int(reverse), steps=steps,
    )  # fmt: skip
    h = out[:batch] if reverse else out[-batch:]
    return out, h.copy(), cells[-1].copy(), gates, cells, squashed


def lstm_layer_grad(
    g_out: Array, g_h: Array, g_c: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array,
    out: Array, gates: Array, cells: Array, squashed: Array, sizes: tuple[int, ...], reverse: bool,
) -> tuple[Array, ...] | None:  # fmt: skip
    """Gradients of x, h0, c0, w_ih, w_hh and bias, from what `lstm_layer` gave."""
    host = compiler.target()
    if host is None:
        return None
    (batch, units), steps = h0.shape, len(sizes)
    columns = width(host, "float")
    panels = -(-units // columns)
    packed = np.empty(panels * columns * 4 * units, F32)
    w_hh = np.ascontiguousarray(w_hh)
    pack_panels("float", False)(panels, w_hh, packed, units, 4 * units, units)
    dc = np.array(np.broadcast_to(g_c, h0.shape), F32, order="C")
    gh = np.ascontiguousarray(np.broadcast_to(g_h, h0.shape), F32)
    g_out = np.ascontiguousarray(g_out, F32)
    slopes = np.empty((len(x), 4 * units), F32)
    share = -(-panels // CHUNKS)
    backward()(
        -(-panels // share), g_out, gh, dc, gates, packed, cells, squashed, slopes, batch, units,
        steps, share, int(reverse), steps=steps,
    )  # fmt: skip
    if reverse:
        begin, later, before = slopes[-batch:], slopes[:-batch], out[batch:]
    else:
        begin, later, before = slopes[:batch], slopes[batch:], out[:-batch]
    g_hh = _product(begin.T, h0)
    if len(later):
        g_hh += _product(later.T, before)
    g_bias = total(slopes, [0])
    return (
        _product(slopes, w_ih), _product(begin, w_hh), dc, _product(slopes.T, x), g_hh,
        slopes.sum(0) if g_bias is None else g_bias,
    )  # fmt: skip


def _product(a: Array, b: Array) -> Array:
    found = matmul(a, b)
    return a.dot(b) if found is None else found
