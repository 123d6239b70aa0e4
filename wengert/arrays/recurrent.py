"""Whole-sequence kernels of the recurrent layers: one direction of one layer, forward and back.

Every function takes the array library first, then the sequence as rows: `x` is (rows, features),
the rows of step t behind those of step t-1, `sizes[t]` of them (all equal for a dense batch, never
growing for a packed one). States are (batch, hidden). Inside, a step works on transposed blocks
(gates, batch): every gate is then one contiguous block, and `weight @ state` is the faster of the
two products. Blocks of all steps share one flat buffer, which is what the backward kernels get
back. Half precision is computed in float32. An LSTM in which all sequences have one length goes to
`kernels/lstm.py`, which keeps its gates otherwise.

Stacking layers, dropout, packing and the derivative rules live in `ops/nn/recurrent.py` and
`nn/recurrent.py`.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from ..kernels import lstm as kernels
from .capabilities import ON_HOST

__all__ = [
    "lstm_layer", "lstm_layer_grad", "gru_layer", "gru_layer_grad", "rnn_layer", "rnn_layer_grad",
]  # fmt: skip

Array = Any
Sizes = tuple[int, ...]


def lstm_layer(
    lib: Any, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None,
    w_hr: Array | None, sizes: Sizes, reverse: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Output rows, last h, last c; and kept: gates i f g o, c before each step, tanh(c) after it.

    `bias` is the sum of both biases; `w_hr`, if any, projects the output.
    """
    dtype = x.dtype
    x, h0, c0, w_ih, w_hh, bias, w_hr = _widen(lib, x, h0, c0, w_ih, w_hh, bias, w_hr)
    if lib in ON_HOST and w_hr is None:
        fast = kernels.lstm_layer(x, h0, c0, w_ih, w_hh, bias, sizes, reverse)
        if fast is not None:
            return (*_restore(lib, dtype, *fast[:3]), *fast[3:])
    size, order, batch = c0.shape[1], _steps(sizes, reverse), len(h0)
    # sigmoid(x) = tanh(x / 2) / 2 + 1/2: one tanh serves all gates and cannot overflow
    scale = lib.array([0.5, 0.5, 1, 0.5], x.dtype)[:, None, None]
    rows_scale = lib.repeat(scale.ravel(), size)[:, None]
    w_hh, shift = w_hh * rows_scale, 1 - scale
    gates, pre = _project(lib, x, w_ih, bias, sizes, rows_scale)
    kept = [gates, *[lib.empty(size * len(x), x.dtype) for _ in range(2)]]
    blocks = [_blocks(flat, k * size, sizes, reverse) for flat, k in zip(kept, (4, 1, 1))]
    out = lib.empty((len(x), h0.shape[1]), x.dtype)
    h, c = lib.array(h0.T, order="C"), lib.array(c0.T, order="C")
    multiply, add, tanh, matmul = lib.multiply, lib.add, lib.tanh, lib.matmul
    for (n, rows), px, a, c_before, t in zip(order, pre[::-1] if reverse else pre, *blocks):
        hn, cn = (h, c) if n == batch else (h[:, :n], c[:, :n])
        c_before[...] = cn
        add(px, matmul(w_hh, hn), a)
        tanh(a, a)
        four = a.reshape(4, size, n)
        multiply(four, scale, four)
        add(four, shift, four)
        i, f, g, o = four
        multiply(f, cn, cn)
        multiply(i, g, t)
        add(cn, t, cn)
        tanh(cn, t)
        if w_hr is None:
            multiply(o, t, hn)
        else:
            hn[...] = matmul(w_hr, o * t)
        out[rows] = hn.T
    return (*_restore(lib, dtype, out, h.T, c.T), *kept)


def lstm_layer_grad(
    lib: Any, g_out: Array, g_h: Array, g_c: Array, x: Array, h0: Array, c0: Array, w_ih: Array,
    w_hh: Array, out: Array, gates: Array, before: Array, squashed: Array, bias: Array | None,
    w_hr: Array | None, sizes: Sizes, reverse: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Gradients of (x, h0, c0, w_ih, w_hh, bias, w_hr) of `lstm_layer`, from its results.

    The last one is empty where there is no w_hr.
    """
    dtype = x.dtype
    x, h0, w_ih, w_hh, w_hr, out, g_out = _widen(lib, x, h0, w_ih, w_hh, w_hr, out, g_out)
    if gates.ndim == 2:  # as the kernels keep them
        args = g_out, g_h, g_c, x, h0, w_ih, w_hh, out, gates, before, squashed, sizes, reverse
        found = kernels.lstm_layer_grad(*args)
        assert found is not None
        return (*_restore(lib, dtype, *found), lib.empty(0, dtype))
    (batch, width), size, order = h0.shape, w_hh.shape[0] // 4, _steps(sizes, reverse)
    every = zip((gates, before, squashed), (4, 1, 1))
    blocks = [_blocks(flat, k * size, sizes, not reverse) for flat, k in every]
    dh, dc = _entering(lib, g_h, x), _entering(lib, g_c, x)
    d_all = lib.empty((4 * size, len(x)), x.dtype)
    d_out: Any = None if w_hr is None else lib.empty((width, len(x)), x.dtype)
    raw: Any = None if w_hr is None else lib.empty((len(x), size), x.dtype)
    multiply, subtract, add, matmul = lib.multiply, lib.subtract, lib.add, lib.matmul
    for (n, rows), a, c_before, t in zip(order[::-1], *blocks):
        hn, cn = (dh, dc) if n == batch else (dh[:, :n], dc[:, :n])
        add(hn, g_out[rows].T, hn)
        i, f, g, o = a.reshape(4, size, n)
        if w_hr is None:
            d_raw = hn
        else:
            d_out[:, rows], raw[rows] = hn, (o * t).T
            d_raw = matmul(w_hr.T, hn)
        d = multiply(a, a)
        subtract(
            a, d, d
        )  # a (1 - a), the slope of a sigmoid; g's block is replaced by the slope of a tanh
        four = d.reshape(4, size, n)
        di, df, dg, do = four
        multiply(g, g, dg)
        subtract(1, dg, dg)
        multiply(dg, i, dg)
        multiply(di, g, di)
        multiply(df, c_before, df)
        multiply(do, t, do)
        multiply(do, d_raw, do)
        slope = multiply(t, t)
        subtract(1, slope, slope)
        multiply(slope, o, slope)
        multiply(slope, d_raw, slope)
        add(cn, slope, cn)
        multiply(four[:3], cn, four[:3])
        multiply(cn, f, cn)
        hn[...] = matmul(w_hh.T, d)
        d_all[:, rows] = d
    g_ih, g_hh, g_b = _weight_grads(lib, d_all, x, _previous(lib, out, h0, order))
    grads = _restore(lib, dtype, matmul(d_all.T, w_ih), dh.T, dc.T, g_ih, g_hh, g_b)
    g_hr = lib.empty(0, dtype) if w_hr is None else matmul(d_out, raw)
    return (*grads, *_restore(lib, dtype, g_hr))


def gru_layer(
    lib: Any, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None,
    b_hh: Array | None, sizes: Sizes, reverse: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Output rows, last h; and kept: gates r z n, the state's part of n before r scales it."""
    dtype = x.dtype
    x, h0, w_ih, w_hh, b_ih, b_hh = _widen(lib, x, h0, w_ih, w_hh, b_ih, b_hh)
    size, order, batch = h0.shape[1], _steps(sizes, reverse), len(h0)
    gates, pre = _project(lib, x, w_ih, b_ih, sizes)
    kept = [gates, lib.empty(size * len(x), x.dtype)]
    blocks = [_blocks(flat, k * size, sizes, reverse) for flat, k in zip(kept, (3, 1))]
    out = lib.empty((len(x), size), x.dtype)
    h = lib.array(h0.T, order="C")
    multiply, add, tanh, matmul = lib.multiply, lib.add, lib.tanh, lib.matmul
    for (n, rows), px, a, from_h in zip(order, pre[::-1] if reverse else pre, *blocks):
        hn = h if n == batch else h[:, :n]
        r, z, new, both = a[:size], a[size : 2 * size], a[2 * size :], a[: 2 * size]
        ph = matmul(w_hh, hn)
        if b_hh is not None:
            add(ph, b_hh[:, None], ph)
        from_h[...] = ph[2 * size :]
        add(px[: 2 * size], ph[: 2 * size], both)
        multiply(both, 0.5, both)
        tanh(both, both)
        multiply(both, 0.5, both)
        add(both, 0.5, both)
        multiply(r, from_h, ph[:size])
        add(px[2 * size :], ph[:size], new)
        tanh(new, new)
        lib.subtract(hn, new, hn)  # h = n + z (h - n)
        multiply(hn, z, hn)
        add(hn, new, hn)
        out[rows] = hn.T
    return (*_restore(lib, dtype, out, h.T), *kept)


def gru_layer_grad(
    lib: Any, g_out: Array, g_h: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array, out: Array,
    gates: Array, from_h: Array, b_ih: Array | None, b_hh: Array | None, sizes: Sizes,
    reverse: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Gradients of (x, h0, w_ih, w_hh, b_ih, b_hh) of `gru_layer`, from its results."""
    dtype = x.dtype
    x, h0, w_ih, w_hh, out, g_out = _widen(lib, x, h0, w_ih, w_hh, out, g_out)
    (batch, size), order = h0.shape, _steps(sizes, reverse)
    before = _previous(lib, out, h0, order)
    blocks = [_blocks(a, k * size, sizes, not reverse) for a, k in ((gates, 3), (from_h, 1))]
    dh = _entering(lib, g_h, x)
    d_all, d_new = lib.empty((3 * size, len(x)), x.dtype), lib.empty((size, len(x)), x.dtype)
    multiply, subtract, add, matmul = lib.multiply, lib.subtract, lib.add, lib.matmul
    for (n, rows), a, scaled in zip(order[::-1], *blocks):
        hn = dh if n == batch else dh[:, :n]
        add(hn, g_out[rows].T, hn)
        r, z, new = a[:size], a[size : 2 * size], a[2 * size :]
        d = multiply(a, a)
        subtract(
            a, d, d
        )  # a (1 - a), the slope of a sigmoid; n's block is replaced by the slope of a tanh
        dr, dz, dn = d.reshape(3, size, n)
        multiply(dz, hn, dz)
        multiply(dz, before[rows].T - new, dz)
        multiply(new, new, dn)
        subtract(1, dn, dn)
        multiply(dn, hn - hn * z, dn)
        d_new[:, rows] = dn
        multiply(dr, scaled, dr)
        multiply(dr, dn, dr)
        multiply(dn, r, dn)  # from here on dn is the gradient of the state's part
        multiply(hn, z, hn)
        add(hn, matmul(w_hh.T, d), hn)
        d_all[:, rows] = d
    g_hh, gb_hh = matmul(d_all, before), lib.sum(d_all, axis=1)
    d_all[2 * size :] = d_new
    return _restore(
        lib,
        dtype,
        matmul(d_all.T, w_ih),
        dh.T,
        matmul(d_all, x),
        g_hh,
        lib.sum(d_all, axis=1),
        gb_hh,
    )


def rnn_layer(
    lib: Any, x: Array, h0: Array, w_ih: Array, w_hh: Array, bias: Array | None, sizes: Sizes,
    reverse: bool, relu: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Output rows and last h of h = tanh(...), or max(0, ...) with `relu`."""
    dtype = x.dtype
    x, h0, w_ih, w_hh, bias = _widen(lib, x, h0, w_ih, w_hh, bias)
    size, order, batch = h0.shape[1], _steps(sizes, reverse), len(h0)
    pre = _project(lib, x, w_ih, bias, sizes)[1]
    out = lib.empty((len(x), size), x.dtype)
    h = lib.array(h0.T, order="C")
    for (n, rows), px in zip(order, pre[::-1] if reverse else pre):
        hn = h if n == batch else h[:, :n]
        a = lib.matmul(w_hh, hn)
        lib.add(a, px, a)
        lib.maximum(a, 0, out=hn) if relu else lib.tanh(a, out=hn)
        out[rows] = hn.T
    return _restore(lib, dtype, out, h.T)


def rnn_layer_grad(
    lib: Any, g_out: Array, g_h: Array, x: Array, h0: Array, w_ih: Array, w_hh: Array, out: Array,
    bias: Array | None, sizes: Sizes, reverse: bool, relu: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Gradients of (x, h0, w_ih, w_hh, bias) of `rnn_layer`."""
    dtype = x.dtype
    x, h0, w_ih, w_hh, out, g_out = _widen(lib, x, h0, w_ih, w_hh, out, g_out)
    (batch, size), order = h0.shape, _steps(sizes, reverse)
    dh, d_all = _entering(lib, g_h, x), lib.empty((size, len(x)), x.dtype)
    for n, rows in order[::-1]:
        hn, y = dh if n == batch else dh[:, :n], out[rows].T
        lib.add(hn, g_out[rows].T, hn)
        d = lib.multiply(hn, y > 0 if relu else 1 - y * y)
        hn[...] = lib.matmul(w_hh.T, d)
        d_all[:, rows] = d
    return _restore(
        lib,
        dtype,
        lib.matmul(d_all.T, w_ih),
        dh.T,
        *_weight_grads(lib, d_all, x, _previous(lib, out, h0, order)),
    )


def _steps(sizes: Sizes, reverse: bool) -> list[tuple[int, slice]]:
    """(number of sequences, their rows) of each step, in the order of processing."""
    spans = [(n, slice(end - n, end)) for n, end in zip(sizes, accumulate(sizes))]
    return spans[::-1] if reverse else spans


def _widen(lib: Any, first: Array, *more: Array | None) -> list[Array]:
    """The arrays in a dtype worth computing in."""
    if first.dtype.itemsize > 2:
        return [first, *more]
    return [a if a is None else a.astype(lib.float32) for a in (first, *more)]


def _restore(lib: Any, dtype: Any, *arrays: Array) -> tuple[Array, ...]:
    """The arrays contiguous and in the dtype of the inputs."""
    return tuple(lib.ascontiguousarray(a, dtype) for a in arrays)


def _project(
    lib: Any, x: Array, w_ih: Array, bias: Array | None, sizes: Sizes, scale: Array | None = None
) -> tuple[Array, Any]:
    """A buffer for the gates of all steps, and the part of them that does not depend on the state.

    The latter by step, (gates, n) each; where it pays, it lies in the buffer already.
    """
    if bias is not None:  # a column of ones multiplies it: no second pass over the result
        ones = lib.ones((len(x), 1), x.dtype)
        x, w_ih = lib.concatenate([x, ones], 1), lib.concatenate([w_ih, bias[:, None]], 1)
    if scale is not None:
        w_ih = w_ih * scale
    if _dense(sizes) and sizes[0] >= 8:  # narrow blocks would read the weight too often
        pre = lib.matmul(w_ih, x.reshape(len(sizes), sizes[0], -1).swapaxes(1, 2))
        return pre.reshape(-1), pre
    pre = lib.matmul(w_ih, x.T)
    return lib.empty(pre.size, x.dtype), [pre[:, rows] for _, rows in _steps(sizes, False)]


def _weight_grads(lib: Any, d: Array, x: Array, before: Array) -> tuple[Array, Array, Array]:
    """Gradients of w_ih, w_hh and the bias from those of the pre-activations (gates, rows)."""
    one, width = lib.ones((len(x), 1), x.dtype), x.shape[1]
    joint = lib.matmul(d, lib.concatenate([x, one, before], 1))
    return joint[:, :width], joint[:, width + 1 :], joint[:, width]


def _dense(sizes: Sizes) -> bool:
    """Whether every step has all sequences."""
    return bool(sizes) and sizes[0] == sizes[-1]


def _blocks(flat: Array, height: int, sizes: Sizes, reverse: bool) -> Any:
    """The (height, n) block of each step in `flat`, by time, or last first."""
    if _dense(sizes):
        blocks = flat.reshape(len(sizes), height, sizes[0])
    else:
        cuts = list(accumulate((height * n for n in sizes), initial=0))
        blocks = [flat[a:b].reshape(height, n) for a, b, n in zip(cuts, cuts[1:], sizes)]
    return blocks[::-1] if reverse else blocks


def _previous(lib: Any, out: Array, h0: Array, order: list[tuple[int, slice]]) -> Array:
    """The state (rows, hidden) that each row of `out` was computed from."""
    if order and order[0][0] == order[-1][0]:
        n, (_, rows) = len(h0), order[0]
        parts = [h0, out[:-n]] if rows.start == 0 else [out[n:], h0]
        return lib.concatenate(parts)
    before, state = lib.empty_like(out), h0.copy()
    for n, rows in order:
        before[rows] = state[:n]
        state[:n] = out[rows]
    return before


def _entering(lib: Any, grad: Array, like: Array) -> Array:
    """Gradient of a final state as a (hidden, batch) block to accumulate into."""
    return lib.array(grad.T, like.dtype, order="C")
