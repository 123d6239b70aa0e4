"""Padding in all modes, and rearrangements between channels and pixels.

What lives here: pad, pixel_shuffle, pixel_unshuffle, channel_shuffle. `pad` lists (before, after)
of the last dimension first, as PyTorch does.
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...engine.interp import run_op
from ...engine.kinds import movement
from ...engine.op import op, primitive
from ...engine.registry import declare, public


def _leading(o: Any) -> Any:
    """vmap rule: the op works on the last dimensions, so a batch in front is nothing to it."""

    def rule(xp: Any, size: int, flags: list[bool], x: Any, **static: Any) -> Any:
        return run_op(o, (x,), static)

    return o.batch(rule)


# ------------------------------------------------------------------------------------- padding


@primitive(movement, types="any", node="ConstantPadNdBackward0")
def constant_pad(xp, x, pad=(), value=0):
    """x with `value` around it; negative amounts cut off."""


constant_pad.vjp(x=lambda xp, g, pad: xp.constant_pad(g, tuple([-p for p in pad]), 0))
constant_pad.jvp(lambda xp, tangents, x, pad, value: xp.constant_pad(tangents[0], pad, 0))
_leading(constant_pad)


@primitive(movement, types="any")
def edge_pad(xp, x, pad=(), mode="reflect"):
    """x continued beyond its edges: 'reflect', 'replicate' or 'circular'."""


@primitive(movement, types="any")
def edge_pad_backward(xp, g, shape=(), pad=(), mode="reflect"):
    """Gradients of an edge_pad added up where its elements came from."""


def _edge_rules(o: Any) -> None:
    o.vjp(
        x=lambda xp, g, x_shape, pad, mode: xp.edge_pad_backward(
            g, tuple(x_shape)[len(x_shape) - len(pad) // 2 :], pad, mode
        )
    )
    _leading(o)


edge_pad_backward.vjp(g=lambda xp, g, pad, mode: xp.edge_pad(g, pad, mode))
_leading(edge_pad_backward)
_edge_rules(edge_pad)
NAMES = {"reflect": "Reflection", "replicate": "Replication"}
EDGES: dict[tuple[str, int], Any] = {}


def _edge(mode: str, n: int) -> Any:
    """edge_pad under the name that PyTorch prints for a mode and a number of dimensions."""

    @op(movement, types="any", name=f"{mode}_pad{n}d", node=f"{NAMES[mode]}Pad{n}DBackward0")
    def f(xp, x, pad=(), mode=mode):
        return xp.edge_pad(x, pad, mode)

    _edge_rules(f)
    return f


for _mode in NAMES:
    for _n in (1, 2, 3):
        EDGES[_mode, _n] = _edge(_mode, _n)


@public("nn.functional.pad(Tensor input, int[] pad, str mode='constant', float? value=None)")
def pad(input, pad, mode="constant", value=None):
    """input with more (or, for negative amounts, fewer) elements at its edges.

    pad: (before, after) of the last dimension, then of the one before it, and so on. mode:
    'constant' (value, default 0), 'reflect', 'replicate' or 'circular'.

    >>> F.pad(torch.tensor([1, 2]), (1, 0))
    tensor([0, 1, 2])
    """
    pad = tuple([p.__index__() if type(p) is not int else p for p in pad])
    shape = tuple(input._a.shape)
    k = len(pad) // 2
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2: got {len(pad)}")
    if k > len(shape):
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            "padding length "
            f"{len(pad)} and input of dimension {len(shape)}"
        )
    if mode == "constant":
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
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
    if mode == "circular":
        return edge_pad.entry(input, pad, mode)
    return EDGES[mode, k].entry(input, pad)


def check_edges(shape: tuple[int, ...], pad: tuple[int, ...], mode: str) -> None:
    for i in range(len(pad) // 2):
        before, after = pad[2 * i], pad[2 * i + 1]
        d = len(shape) - 1 - i
        n = shape[d]
        if n == 0 or 0 in shape[len(shape) - len(pad) // 2 - 1 :]:
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
        if mode != "circular" and before + after + n < 1:
            raise RuntimeError(
                f"input (size {n} in dimension {d}) is too small: the padding ({before}, {after}) "
                "leaves nothing of it"
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
    if input.dtype.category < 2:
        value = bool(value) if input.dtype is dtypes.bool else int(value)
    return constant_pad.entry(input, pad, value)


# --------------------------------------------------------------------------- channels and pixels


@op(movement, types="any", name="pixel_shuffle")
def pixel_shuffle_op(xp, x, factor=1):
    """(..., C r r, H, W) to (..., C, H r, W r)."""
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    x = xp.reshape(x, (*lead, c // (r * r), r, r, h, w))
    x = xp.permute(x, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return xp.reshape(x, (*lead, c // (r * r), h * r, w * r))


@op(movement, types="any", name="pixel_unshuffle")
def pixel_unshuffle_op(xp, x, factor=1):
    """(..., C, H r, W r) to (..., C r r, H, W)."""
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    x = xp.reshape(x, (*lead, c, h // r, r, w // r, r))
    x = xp.permute(x, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return xp.reshape(x, (*lead, c * r * r, h // r, w // r))


pixel_shuffle_op.vjp(x=lambda xp, g, factor: xp.pixel_unshuffle(g, factor))
pixel_unshuffle_op.vjp(x=lambda xp, g, factor: xp.pixel_shuffle(g, factor))
_leading(pixel_shuffle_op)
_leading(pixel_unshuffle_op)


@op(movement, types="any", name="channel_shuffle")
def channel_shuffle_op(xp, x, groups=1):
    """(N, groups * k, ...) with channels in the order of their place in a group."""
    n, c, *rest = x.shape
    x = xp.reshape(x, (n, groups, c // groups, *rest))
    return xp.reshape(xp.transpose(x, 1, 2), (n, c, *rest))


channel_shuffle_op.vjp(x=lambda xp, g, x_shape, groups: xp.channel_shuffle(g, x_shape[1] // groups))


@public("pixel_shuffle(Tensor input, int upscale_factor)", method=False)
def pixel_shuffle(input, upscale_factor):
    """(..., C r r, H, W) rearranged to (..., C, H r, W r), for r the upscale_factor.

    >>> torch.pixel_shuffle(torch.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    shape, r = tuple(input._a.shape), upscale_factor
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if shape[-3] % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            "of "
            f"upscale_factor, but input.size(-3)={shape[-3]} is not divisible by {r * r}"
        )
    return pixel_shuffle_op.entry(input, r)


@public("pixel_unshuffle(Tensor input, int downscale_factor)", method=False)
def pixel_unshuffle(input, downscale_factor):
    """(..., C, H r, W r) rearranged to (..., C r r, H, W), for r the downscale_factor.

    >>> torch.pixel_unshuffle(torch.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    shape, r = tuple(input._a.shape), downscale_factor
    if len(shape) < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for d, what in ((-2, "height"), (-1, "width")):
        if shape[d] % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but "
                f"input.size({d})="
                f"{shape[d]} is not divisible by {r}"
            )
    return pixel_unshuffle_op.entry(input, r)


@public(
    "channel_shuffle(Tensor input, int groups)", method=False, aliases=("native_channel_shuffle",)
)
def channel_shuffle(input, groups):
    """The channels of input (N, C, ...) in `groups` groups, interleaved.

    >>> torch.channel_shuffle(torch.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    shape = tuple(input._a.shape)
    if len(shape) <= 2:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} "
            "groups."
        )
    return channel_shuffle_op.entry(input, groups)


for _name, _f in (
    ("pixel_shuffle", pixel_shuffle),
    ("pixel_unshuffle", pixel_unshuffle),
    ("channel_shuffle", channel_shuffle),
    ("native_channel_shuffle", channel_shuffle),
):
    _factor = {"pixel_shuffle": "upscale_factor", "pixel_unshuffle": "downscale_factor"}
    _text = f"nn.functional.{_name}(Tensor input, int {_factor.get(_name, 'groups')})"
    declare(_f, (_text,), foreign=True)
