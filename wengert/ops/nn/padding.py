"""Padding in all modes. `pad` lists (before, after) of the last dimension first."""

from __future__ import annotations

import functools
from operator import index
from typing import Any

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import movement
from ...engine.op import op, primitive
from ..batching import on_last_dimensions


@primitive(movement, types="any", node="ConstantPadNdBackward0", channels_last=(4, 5))
def constant_pad(xp, x, pad=(), value=0):
    """x with `value` around it; negative amounts cut off."""


constant_pad.vjp(x=lambda xp, g, pad: xp.constant_pad(g, tuple([-p for p in pad]), 0))
constant_pad.jvp(lambda xp, tangents, x, pad, value: xp.constant_pad(tangents[0], pad, 0))
on_last_dimensions(constant_pad)


@primitive(movement, types="any", channels_last=(4, 5))
def edge_pad(xp, x, pad=(), mode="reflect"):
    """x continued beyond its edges: 'reflect', 'replicate' or 'circular'."""


@primitive(movement, types="any", channels_last=(4, 5))
def edge_pad_backward(xp, g, shape=(), pad=(), mode="reflect"):
    """Gradients of an edge_pad added up where its elements came from."""


def _edge_rules(o: Any) -> None:
    o.vjp(
        x=lambda xp, g, x_shape, pad, mode: xp.edge_pad_backward(
            g, tuple(x_shape)[len(x_shape) - len(pad) // 2 :], pad, mode
        )
    )
    on_last_dimensions(o)


edge_pad_backward.vjp(g=lambda xp, g, pad, mode: xp.edge_pad(g, pad, mode))
on_last_dimensions(edge_pad_backward)
_edge_rules(edge_pad)
NAMES = {"reflect": "Reflection", "replicate": "Replication"}
EDGES: dict[tuple[str, int], Any] = {}


def _edge(mode: str, n: int) -> Any:
    """edge_pad under the name that PyTorch prints for a mode and a number of dimensions."""

    name, node = f"{mode}_pad{n}d", f"{NAMES[mode]}Pad{n}DBackward0"

    @op(movement, types="any", name=name, node=node, channels_last=(4, 5))
    def f(xp, x, pad=(), mode=mode):
        return xp.edge_pad(x, pad, mode)

    _edge_rules(f)
    return f


for _mode in NAMES:
    for _n in (1, 2, 3):
        EDGES[_mode, _n] = _edge(_mode, _n)


PLAIN_PAD = line(
    constant_pad,
    floating=True,
    let={"pad": "tuple(pad)", "value": "0 if value is None else value"},
    given="mode == 'constant'",
    when="not len(pad) & 1 and len(pad) <= 2 * a0.ndim and min(pad) >= 0",
    alone=True,
)


@public(
    "nn.functional.pad(Tensor input, int[] pad, str mode='constant', float? value=None)",
    lines=(PLAIN_PAD,),
)
def pad(input, pad, mode="constant", value=None):
    """input with more (or, for negative amounts, fewer) elements at its edges.

    pad: (before, after) of the last dimension, then of the one before it, and so on. mode:
    'constant' (value, default 0), 'reflect', 'replicate' or 'circular'.

    >>> F.pad(torch.tensor([1, 2]), (1, 0))
    tensor([0, 1, 2])
    """
    pad = tuple(map(index, pad))
    shape = tuple(input._a.shape)
    if mode == "constant":
        check_length(shape, pad)
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if value is not None and value != 0:
        check_length(shape, pad)
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    o = edge_op(shape, pad, mode)
    return o.entry(input, pad, mode) if o is edge_pad else o.entry(input, pad)


def check_length(shape: tuple[int, ...], pad: tuple[int, ...]) -> None:
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2: got {len(pad)}")
    if len(pad) // 2 > len(shape):
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            "padding length "
            f"{len(pad)} and input of dimension {len(shape)}"
        )


@functools.lru_cache(256)
def edge_op(shape: tuple[int, ...], pad: tuple[int, ...], mode: str) -> Any:
    """The op that continues an array of this shape beyond its edges, checked."""
    k = len(pad) // 2
    check_length(shape, pad)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: use 'constant', 'reflect', 'replicate' or "
            "'circular'"
        )
    if not (1 <= k <= 3 and len(shape) in (k + 1, k + 2)):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {len(shape)}D input tensor.\nSupported "
            "combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads "
            "last "
            "dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  - 4D or "
            "5D "
            "input: padding size = 6 (pads last 3 dimensions)"
        )
    check_edges(shape, pad, mode)
    return edge_pad if mode == "circular" else EDGES[mode, k]


def check_edges(shape: tuple[int, ...], pad: tuple[int, ...], mode: str) -> None:
    for i in range(len(pad) // 2):
        before, after = pad[2 * i], pad[2 * i + 1]
        d = len(shape) - 1 - i
        n = shape[d]
        channels = len(shape) - len(pad) // 2 - (mode != "circular")  # may be 0 if it only copies
        if n == 0 or 0 in shape[channels:]:
            raise RuntimeError(
                "Expected a tensor with possibly 0 batch size and other non-zero dimensions for "
                "input, but got: "
                f"{list(shape)} (pad with mode {mode!r})"
            )
        if mode == "reflect" and (before >= n or after >= n):
            raise RuntimeError(
                "Padding size should be less than the corresponding input dimension, but got: "
                "padding "
                f"({before}, {after}) at dimension {d} of input {list(shape)}"
            )
        if mode == "circular" and (before > n or after > n):
            raise RuntimeError(
                "Padding value causes wrapping around more than once.: padding "
                f"({before}, {after}) at dimension {d} of input {list(shape)}"
            )
        if mode == "circular" and before + after + n < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    k = len(pad) // 2
    left = [shape[len(shape) - 1 - i] + pad[2 * i] + pad[2 * i + 1] for i in range(k)]
    if mode != "circular" and (max(left) < 1 or min(left) < 0):
        raise RuntimeError(
            f"input of shape {list(shape)} is too small: the padding {pad} leaves nothing of it"
        )


@public("constant_pad_nd(Tensor input, int[] pad, Scalar value=0)", method=False)
def constant_pad_nd(input, pad, value=0):
    """input with value around it.

    pad: (before, after) of the last dimension first; negative amounts cut off.

    >>> torch.constant_pad_nd(torch.tensor([1, 2]), (1, 0), 7)
    tensor([7, 1, 2])
    """
    shape = tuple(input._a.shape)
    pad = tuple(pad)
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * len(shape):
        raise RuntimeError(
            f"Length of pad should be no more than twice the number of dimensions of the input: "
            f"pad has {len(pad)} numbers, the input {len(shape)} dimensions"
        )
    for i in range(len(pad) // 2):
        d = len(shape) - 1 - i
        before, after, n = pad[2 * i], pad[2 * i + 1], shape[d]
        if n + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        if n + before + after < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {before} and {after} resulted in a "
                "negative output size, "
                f"which is invalid. Check dimension {d} of your input."
            )
    if not input.dtype.is_inexact:
        value = bool(value) if input.dtype is dtypes.bool else int(value)
    return constant_pad.entry(input, pad, value)
