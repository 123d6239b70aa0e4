"""Recurrent networks: one op for a whole layer and direction; stacks of layers; single cells.

A layer's op hides what its backward pass needs (gates, cells). Backward is an op too; its own
derivatives, and so all higher ones, come from the same layer written step by step. The kernels are
in `arrays/recurrent.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from ...autodiff.dual import leaf_arrays, needs_graph, unwrapped
from ...autodiff.grad_api import grad
from ...base.modes import Recording
from ...declare.registry import function, public
from ...engine.kinds import opaque
from ...engine.op import Op, primitive
from ...engine.tensor import Tensor, wrap
from ..linalg.matmul import linear as linear
from ..shape.join import cat as cat
from ..shape.join import stack as stack

Sizes = tuple[int, ...]

# ---------------------------------------------------------------------------------- layers as ops


@primitive(
    opaque,
    outputs="out h c",
    hidden="gates before squashed",
    optional="bias w_hr",
    inputs=7,
    types="same",
    node="LstmLayerBackward0",
)
def lstm_layer(xp, x, h0, c0, w_ih, w_hh, bias, w_hr, sizes=(), reverse=False):
    """LSTM over rows x (sum of sizes, features): output rows, last h, last c."""


@primitive(opaque, outputs="gx gh0 gc0 gw_ih gw_hh gbias gw_hr", optional="bias w_hr", inputs=14)
def lstm_layer_grad(
    xp, d_out, d_h, d_c, x, h0, c0, w_ih, w_hh, y, gates, before, squashed, bias, w_hr,
    sizes=(), reverse=False,
):  # fmt: skip
    """Gradients of lstm_layer's inputs."""


lstm_layer.vjp_all(
    lambda xp, g_out, g_h, g_c, x, h0, c0, w_ih, w_hh, bias, w_hr, out, gates, before, squashed,
    sizes, reverse: xp.lstm_layer_grad(
        g_out, g_h, g_c, x, h0, c0, w_ih, w_hh, out, gates, before, squashed, bias, w_hr, sizes,
        reverse,
    )
)  # fmt: skip


@primitive(
    opaque,
    outputs="out h",
    hidden="gates from_h",
    optional="b_ih b_hh",
    inputs=6,
    types="same",
    node="GruLayerBackward0",
)
def gru_layer(xp, x, h0, w_ih, w_hh, b_ih, b_hh, sizes=(), reverse=False):
    """GRU over rows x (sum of sizes, features): output rows, last h."""


@primitive(opaque, outputs="gx gh0 gw_ih gw_hh gb_ih gb_hh", optional="b_ih b_hh", inputs=11)
def gru_layer_grad(
    xp, d_out, d_h, x, h0, w_ih, w_hh, y, gates, from_h, b_ih, b_hh, sizes=(), reverse=False
):
    """Gradients of gru_layer's inputs."""


gru_layer.vjp_all(
    lambda xp, g_out, g_h, x, h0, w_ih, w_hh, b_ih, b_hh, out, gates, from_h, sizes, reverse:
    xp.gru_layer_grad(
        g_out, g_h, x, h0, w_ih, w_hh, out, gates, from_h, b_ih, b_hh, sizes, reverse
    )
)  # fmt: skip


@primitive(
    opaque, outputs="out h", optional="bias", inputs=5, types="same", node="RnnLayerBackward0"
)
def rnn_layer(xp, x, h0, w_ih, w_hh, bias, sizes=(), reverse=False, relu=False):
    """Plain recurrent layer over rows x (sum of sizes, features): output rows, last h."""


@primitive(opaque, outputs="gx gh0 gw_ih gw_hh gbias", optional="bias", inputs=8)
def rnn_layer_grad(xp, d_out, d_h, x, h0, w_ih, w_hh, y, bias, sizes=(), reverse=False, relu=False):
    """Gradients of rnn_layer's inputs."""


rnn_layer.vjp_all(
    lambda xp, g_out, g_h, x, h0, w_ih, w_hh, bias, out, sizes, reverse, relu:
    xp.rnn_layer_grad(g_out, g_h, x, h0, w_ih, w_hh, out, bias, sizes, reverse, relu)
)  # fmt: skip

# --------------------------------------------------------------------- the same layers, by steps


def lstm_steps(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None,
    w_hr: Tensor | None, sizes: Sizes, reverse: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """lstm_layer out of small ops, for derivatives of any order."""
    outs = []
    for n, rows in _order(sizes, reverse):
        gates = linear(x[rows], w_ih, bias) + linear(h[:n], w_hh)
        i, f, g, o = gates.chunk(4, 1)
        cn = f.sigmoid() * c[:n] + i.sigmoid() * g.tanh()
        hn = o.sigmoid() * cn.tanh()
        hn = hn if w_hr is None else linear(hn, w_hr)
        h, c = cat([hn, h[n:]]), cat([cn, c[n:]])
        outs.append(hn)
    return cat(outs[::-1] if reverse else outs), h, c


def gru_steps(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None,
    sizes: Sizes, reverse: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """gru_layer out of small ops."""
    outs = []
    for n, rows in _order(sizes, reverse):
        xr, xz, xn = linear(x[rows], w_ih, b_ih).chunk(3, 1)
        hr, hz, hn = linear(h[:n], w_hh, b_hh).chunk(3, 1)
        new = (xn + (xr + hr).sigmoid() * hn).tanh()
        out = new + (xz + hz).sigmoid() * (h[:n] - new)
        h = cat([out, h[n:]])
        outs.append(out)
    return cat(outs[::-1] if reverse else outs), h


def rnn_steps(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None, sizes: Sizes,
    reverse: bool, relu: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """rnn_layer out of small ops."""
    outs = []
    for n, rows in _order(sizes, reverse):
        total = linear(x[rows], w_ih, bias) + linear(h[:n], w_hh)
        out = total.relu() if relu else total.tanh()
        h = cat([out, h[n:]])
        outs.append(out)
    return cat(outs[::-1] if reverse else outs), h


def _order(sizes: Sizes, reverse: bool) -> list[tuple[int, slice]]:
    spans = [(n, slice(end - n, end)) for n, end in zip(sizes, accumulate(sizes))]
    return spans[::-1] if reverse else spans


def second_order(op: Op, layer: Op, steps: Callable[..., Any]) -> None:
    """Give the backward op of a layer its rule: the vjp of the vjp of `steps`.

    op's inputs are the gradients of the layer's outputs, the layer's inputs, and what it kept.
    """
    static = list(op.static)
    cotangents = [f"g_{name}" for name in op.outputs]
    given = [f"d_{name}" for name in layer.outputs]
    ins = list(layer.inputs)
    names = [*cotangents, *given, *ins, *static]

    def rule(*values: Any) -> Any:
        found = dict(zip(names, values))
        upper = [found[n] for n in cotangents]
        arrays = {n: found[n] for n in (*given, *ins) if found[n] is not None}
        with Recording():
            # fresh leaves: what the operands were computed from must not be walked again here
            fresh = zip(arrays, leaf_arrays(*[list(arrays.values())] * 2))
            leaves = {n: wrap(a).requires_grad_() for n, a in fresh}
            results = steps(*[leaves.get(n) for n in ins], *[found[n] for n in static])
            live = [n for n in ins if n in leaves]
            firsts = grad(
                results, [leaves[n] for n in live], [leaves[n] for n in given],
                create_graph=True, allow_unused=True,
            )  # fmt: skip
            wanted = dict(zip(ins, upper))  # the backward op's outputs are in the inputs' order
            pairs = [
                (g, u if isinstance(u := wanted[n], Tensor) else wrap(u))
                for n, g in zip(live, firsts)
                if g is not None and g.requires_grad
            ]
            seconds = grad(
                [g for g, _ in pairs], list(leaves.values()), [u for _, u in pairs],
                allow_unused=True,
                create_graph=needs_graph(arrays.values()) or needs_graph(upper),
            )  # fmt: skip
        answers = {n: unwrapped(g) for n, g in zip(leaves, seconds) if g is not None}
        return tuple([answers.get(n) for n in op.inputs])

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD  # the engine reads needs from the parameters
    rule.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kind) for n in names]
    )
    op.vjp_all(rule)


second_order(lstm_layer_grad, lstm_layer, lstm_steps)
second_order(gru_layer_grad, gru_layer, gru_steps)
second_order(rnn_layer_grad, rnn_layer, rnn_steps)

# ---------------------------------------------------------------------------- stacks of layers


def _one_lstm(x: Tensor, state: Any, weights: Any, biased: bool, sizes: Sizes, back: bool) -> Any:
    w_ih, w_hh, b_ih, b_hh = weights[:4] if biased else (*weights[:2], None, None)
    extra = weights[4 if biased else 2 :]
    bias = None if b_ih is None else b_ih + b_hh
    w_hr = extra[0] if extra else None
    out, h, c = lstm_layer.entry(x, *state, w_ih, w_hh, bias, w_hr, sizes, back)
    return out, (h, c)


def _one_gru(x: Tensor, state: Any, weights: Any, biased: bool, sizes: Sizes, back: bool) -> Any:
    biases = weights[2:4] if biased else (None, None)
    out, h = gru_layer.entry(x, *state, *weights[:2], *biases, sizes, back)
    return out, (h,)


def _one_rnn(relu: bool) -> Any:
    def run(x: Tensor, state: Any, weights: Any, biased: bool, sizes: Sizes, back: bool) -> Any:
        bias = weights[2] + weights[3] if biased else None
        out, h = rnn_layer.entry(x, *state, *weights[:2], bias, sizes, back, relu)
        return out, (h,)

    return run


def _stacked(
    run: Any, x: Tensor, states: Any, sizes: Sizes, params: Sequence[Tensor], biased: bool,
    layers: int, dropout: float, train: bool, both_ways: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """All layers over rows x; states and results are (layers * directions, batch, hidden)."""
    directions = 2 if both_ways else 1
    each = len(params) // (layers * directions)
    last: list[Any] = []
    for layer in range(layers):
        outs = []
        for d in range(directions):
            k = layer * directions + d
            weights = params[k * each : (k + 1) * each]
            out, state = run(x, [s[k] for s in states], weights, biased, sizes, bool(d))
            outs.append(out)
            last.append(state)
        x = outs[0] if directions == 1 else cat(outs, 1)
        if dropout and train and layer < layers - 1:
            x = function("dropout", "nn.functional")(x, dropout, True)
    return x, *[stack([state[i] for state in last]) for i in range(len(states))]


def _dense(run: Any, input: Tensor, hx: Any, *given: Any) -> tuple[Tensor, ...]:
    """Layers over a batch (time, batch, features), or batch first."""
    rest: Any = given[:-1]
    batch_first = given[-1]
    states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
    x = input.transpose(0, 1) if batch_first else input
    steps, batch, width = x.shape
    if steps == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    out, *last = _stacked(run, x.reshape(steps * batch, width), states, (batch,) * steps, *rest)
    out = out.view(steps, batch, out.shape[1])
    return out.transpose(0, 1) if batch_first else out, *last


def _layers(run: Any, input: Tensor, args: Any, kwargs: Any, name: str) -> tuple[Tensor, ...]:
    """Tell the two forms apart: a dense batch, or packed rows with their batch sizes."""
    names = ["hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional"]
    packed = "batch_sizes" in kwargs or len(args) > 1 and isinstance(args[1], Tensor) or (
        name == "lstm" and len(args) > 0 and isinstance(args[0], Tensor)
    )  # fmt: skip
    names = ["batch_sizes", *names] if packed else [*names, "batch_first"]
    given = {**dict(zip(names, args)), **kwargs}
    missing = [n for n in names if n not in given]
    if missing or len(args) > len(names):
        wanted = ", ".join(names)
        raise TypeError(f"{name}() needs the arguments input, {wanted}; missing: {missing}")
    values = [given[n] for n in names]
    if not packed:
        return _dense(run, input, *values)
    sizes, hx = values[:2]
    rest: Any = values[2:]
    states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
    return _stacked(run, input, states, tuple(sizes.tolist()), *rest)


@public(
    "lstm(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, "
    "float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, "
    "Tensor, Tensor)",
    "lstm(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, "
    "bool has_biases, int num_layers, float dropout, bool train, "
    "bool bidirectional) -> (Tensor, Tensor, Tensor)",
    method=False,
)
def lstm(input, *args, **kwargs):
    """Layers of LSTM: (input, (h, c), params, has_biases, num_layers, dropout, train,
    bidirectional, batch_first), or (rows, batch_sizes, (h, c), ...) for packed sequences.

    input (time, batch, features); h, c (layers * directions, batch, hidden); params: w_ih, w_hh,
    b_ih, b_hh of each layer and direction. Returns (output, h, c).

    >>> x, h = torch.zeros(4, 1, 2), torch.zeros(1, 1, 3)
    >>> w = [torch.zeros(12, 2), torch.zeros(12, 3)]
    >>> torch.lstm(x, [h, h], w, False, 1, 0.0, False, False, False)[0].shape
    torch.Size([4, 1, 3])
    """
    return _layers(_one_lstm, input, args, kwargs, "lstm")


@public(
    "gru(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, "
    "float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, "
    "Tensor)",
    "gru(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, "
    "int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)",
    method=False,
)
def gru(input, *args, **kwargs):
    """Layers of GRU; arguments as lstm's with one state h. Returns (output, h).

    >>> x, h, w = torch.zeros(4, 1, 2), torch.zeros(1, 1, 3), [torch.zeros(9, 2), torch.zeros(9, 3)]
    >>> torch.gru(x, h, w, False, 1, 0.0, False, False, False)[0].shape
    torch.Size([4, 1, 3])
    """
    return _layers(_one_gru, input, args, kwargs, "gru")


@public(
    "rnn_tanh(Tensor input, Tensor hx, Tensor[] params, bool has_biases, "
    "int num_layers, float dropout, bool train, bool bidirectional, "
    "bool batch_first) -> (Tensor, Tensor)",
    "rnn_tanh(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, "
    "bool has_biases, int num_layers, float dropout, bool train, "
    "bool bidirectional) -> (Tensor, Tensor)",
    method=False,
)
def rnn_tanh(input, *args, **kwargs):
    """Plain recurrent layers with tanh; arguments as gru's. Returns (output, h).

    >>> x, h, w = torch.zeros(4, 1, 2), torch.zeros(1, 1, 3), [torch.zeros(3, 2), torch.zeros(3, 3)]
    >>> torch.rnn_tanh(x, h, w, False, 1, 0.0, False, False, False)[0].shape
    torch.Size([4, 1, 3])
    """
    return _layers(_one_rnn(False), input, args, kwargs, "rnn_tanh")


@public(
    "rnn_relu(Tensor input, Tensor hx, Tensor[] params, bool has_biases, "
    "int num_layers, float dropout, bool train, bool bidirectional, "
    "bool batch_first) -> (Tensor, Tensor)",
    "rnn_relu(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, "
    "bool has_biases, int num_layers, float dropout, bool train, "
    "bool bidirectional) -> (Tensor, Tensor)",
    method=False,
)
def rnn_relu(input, *args, **kwargs):
    """Plain recurrent layers with relu; arguments as gru's. Returns (output, h).

    >>> x, h, w = torch.zeros(4, 1, 2), torch.zeros(1, 1, 3), [torch.zeros(3, 2), torch.zeros(3, 3)]
    >>> torch.rnn_relu(x, h, w, False, 1, 0.0, False, False, False)[0].shape
    torch.Size([4, 1, 3])
    """
    return _layers(_one_rnn(True), input, args, kwargs, "rnn_relu")


# ------------------------------------------------------------------------------------ cells


def check_cell(name: str, input: Tensor, states: Sequence[Tensor], w_ih: Tensor) -> None:
    """RuntimeError unless the sizes fit: input (batch, in), states (batch, hidden)."""
    for t in (input, w_ih, *states):
        if t._a.ndim != 2:
            t.size(1)  # an IndexError where there is none
            raise RuntimeError(f"{name}: expected tensors of 2 dimensions, got {t._a.ndim}")
    (batch, width), (rows, wanted) = input._a.shape, w_ih._a.shape
    hidden = states[0]._a.shape[1]
    if width != wanted:
        raise RuntimeError(
            f"{name}: input has inconsistent input_size: got {width}, expected {wanted}"
        )
    for s in states:
        n, size = s._a.shape
        if n != batch:
            raise RuntimeError(
                f"{name}: input batch size {batch} doesn't match hidden batch size {n}"
            )
        if rows % size or size != hidden:
            raise RuntimeError(
                f"{name}: hidden has inconsistent hidden_size: got {size} for weights of shape "
                f"{(rows, wanted)}"
            )


def _check_width(name: str, h: Tensor, w_hh: Tensor) -> None:
    size, wanted = h._a.shape[1], w_hh._a.shape[1]
    if size != wanted:
        raise RuntimeError(
            f"{name}: hidden has inconsistent hidden_size: got {size}, expected {wanted}"
        )


@public(
    "lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, "
    "Tensor? b_hh=None) -> (Tensor, Tensor)",
    method=False,
    whole=True,
)
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of LSTM: input (batch, in), hx (h, c) of (batch, hidden). Returns (h, c).

    >>> state = torch.zeros(1, 3), torch.ones(1, 3)
    >>> h, c = torch.lstm_cell(torch.zeros(1, 2), state, torch.zeros(12, 2), torch.zeros(12, 3))
    >>> c
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    check_cell("lstm_cell", input, hx, w_ih)
    _check_width("lstm_cell", hx[0], w_hh)
    bias = None if b_ih is None else b_ih + b_hh
    return lstm_layer.entry(input, *hx, w_ih, w_hh, bias, None, (input.shape[0],), False)[1:]


@public(
    "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, "
    "Tensor? b_hh=None)",
    method=False,
    whole=True,
)
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of GRU: input (batch, in), hx (batch, hidden). Returns h.

    >>> torch.gru_cell(torch.zeros(1, 2), torch.ones(1, 3), torch.zeros(9, 2), torch.zeros(9, 3))
    tensor([[0.5000, 0.5000, 0.5000]])
    """
    check_cell("gru_cell", input, (hx,), w_ih)
    _check_width("gru_cell", hx, w_hh)
    return gru_layer.entry(input, hx, w_ih, w_hh, b_ih, b_hh, (input.shape[0],), False)[1]


def _rnn_cell(name: str, relu: bool, input: Any, hx: Any, w_ih: Any, w_hh: Any, biases: Any) -> Any:
    check_cell(name, input, (hx,), w_ih)
    _check_width(name, hx, w_hh)
    bias = None if biases[0] is None else biases[0] + biases[1]
    return rnn_layer.entry(input, hx, w_ih, w_hh, bias, (input.shape[0],), False, relu)[1]


@public(
    "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, "
    "Tensor? b_ih=None, Tensor? b_hh=None)",
    method=False,
)
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a plain recurrent layer with tanh. Returns h.

    >>> x, h = torch.ones(1, 2), torch.zeros(1, 3)
    >>> torch.rnn_tanh_cell(x, h, torch.ones(3, 2), torch.zeros(3, 3))
    tensor([[0.9640, 0.9640, 0.9640]])
    """
    return _rnn_cell("rnn_tanh_cell", False, input, hx, w_ih, w_hh, (b_ih, b_hh))


@public(
    "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, "
    "Tensor? b_ih=None, Tensor? b_hh=None)",
    method=False,
)
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a plain recurrent layer with relu. Returns h.

    >>> x, h = torch.ones(1, 2), torch.zeros(1, 3)
    >>> torch.rnn_relu_cell(x, h, torch.ones(3, 2), torch.zeros(3, 3))
    tensor([[2., 2., 2.]])
    """
    return _rnn_cell("rnn_relu_cell", True, input, hx, w_ih, w_hh, (b_ih, b_hh))
