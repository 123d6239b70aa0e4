"""Converters of recurrent layers: ONNX orders the gates otherwise, and keeps both biases apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture import Value
from .builder import Builder, NoConversion, converts, dtype_of
from .dims import Size

__all__: list[str] = []


def reordered(b: Builder, w: Value | None, order: list[int], size: int) -> str | None:
    """Rows of gates in ONNX's order, with a first dim for the one direction."""
    if w is None:
        return None
    if w.constant and w.other is None:
        blocks = np.split(np.asarray(w.array), len(order))
        return b.constant(np.concatenate([blocks[i] for i in order])[None], "gates")
    parts = [b.sliced(w, [slice(i * size, (i + 1) * size)]) for i in order]
    joined = b.add("Concat", parts, axis=0) if len(parts) > 1 else parts[0]
    return b.add("Unsqueeze", [joined, b.ints([0])])


def layer(
    b: Builder,
    kind: str,
    x: Value,
    states: list[Value],
    weights: list[Value | None],
    order: list[int],
    sizes: Any,
    reverse: bool,
    **attributes: Any,
) -> list[str]:
    """One direction of one layer. weights: w_ih, w_hh, b_ih, b_hh.

    x holds the steps below each other, which have to be of one size: no packed sequences.
    """
    if len(set(sizes)) != 1:
        raise NoConversion("packed sequences of different lengths")
    hidden = states[0].shape[-1]
    features = x.shape[-1]
    batch: Any = states[0].shape[0]
    middle = b.dim(states[0], 0) if isinstance(batch, Size) else b.ints([batch])
    shape = b.add("Concat", [b.ints([-1]), middle, b.ints([features])], axis=0)
    sequence = b.add("Reshape", [x, shape])
    w_ih, w_hh = (reordered(b, w, order, hidden) for w in weights[:2])
    biases = [reordered(b, w, order, hidden) for w in weights[2:]]
    bias = None
    if any(biases):
        zeros = b.constant(np.zeros((1, len(order) * hidden), dtype_of(x)))
        bias = b.add("Concat", [v or zeros for v in biases], axis=1)
    first = [b.add("Unsqueeze", [s, b.ints([0])]) for s in states]
    outs = b.add(
        kind,
        [sequence, w_ih, w_hh, bias, None, *first],
        1 + len(states),
        hidden_size=hidden,
        direction="reverse" if reverse else "forward",
        **attributes,
    )
    rows = b.add("Reshape", [outs[0], b.ints([-1, hidden])])
    return [rows, *(b.add("Squeeze", [s, b.ints([0])]) for s in outs[1:])]


@converts("lstm_layer")
def _lstm(
    b: Builder,
    x: Value,
    h0: Value,
    c0: Value,
    w_ih: Value,
    w_hh: Value,
    bias: Value | None,
    w_hr: Value | None,
    sizes: Any = (),
    reverse: bool = False,
) -> list[str]:
    if w_hr is not None:
        raise NoConversion("LSTM with proj_size")
    weights = [w_ih, w_hh, bias, None]
    return layer(b, "LSTM", x, [h0, c0], weights, [0, 3, 1, 2], sizes, reverse)


@converts("gru_layer")
def _gru(
    b: Builder,
    x: Value,
    h0: Value,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None,
    b_hh: Value | None,
    sizes: Any = (),
    reverse: bool = False,
) -> list[str]:
    weights = [w_ih, w_hh, b_ih, b_hh]
    # The reset gate multiplies after the product with the state, as PyTorch's does.
    return layer(b, "GRU", x, [h0], weights, [1, 0, 2], sizes, reverse, linear_before_reset=1)


@converts("rnn_layer")
def _rnn(
    b: Builder,
    x: Value,
    h0: Value,
    w_ih: Value,
    w_hh: Value,
    bias: Value | None,
    sizes: Any = (),
    reverse: bool = False,
    relu: bool = False,
) -> list[str]:
    weights = [w_ih, w_hh, bias, None]
    activation = ["Relu" if relu else "Tanh"]
    return layer(b, "RNN", x, [h0], weights, [0], sizes, reverse, activations=activation)
