"""Rearrangements between channels and pixels: pixel_shuffle, pixel_unshuffle, channel_shuffle."""

from __future__ import annotations

from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.kinds import movement
from ...engine.op import op
from ..batching import on_last_dimensions


@op(movement, types="any", name="pixel_shuffle", channels_last=(4,))
def pixel_shuffle_op(xp, x, factor=1):
    """(..., C r r, H, W) to (..., C, H r, W r)."""
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    x = xp.reshape(x, (*lead, c // (r * r), r, r, h, w))
    x = xp.permute(x, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return xp.reshape(x, (*lead, c // (r * r), h * r, w * r))


@op(movement, types="any", name="pixel_unshuffle", channels_last=(4,))
def pixel_unshuffle_op(xp, x, factor=1):
    """(..., C, H r, W r) to (..., C r r, H, W)."""
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    x = xp.reshape(x, (*lead, c, h // r, r, w // r, r))
    x = xp.permute(x, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return xp.reshape(x, (*lead, c * r * r, h // r, w // r))


pixel_shuffle_op.vjp(x=lambda xp, g, factor: xp.pixel_unshuffle(g, factor))
pixel_unshuffle_op.vjp(x=lambda xp, g, factor: xp.pixel_shuffle(g, factor))
on_last_dimensions(pixel_shuffle_op)
on_last_dimensions(pixel_unshuffle_op)


@op(movement, types="any", name="channel_shuffle", channels_last=(4,))
def channel_shuffle_op(xp, x, groups=1):
    """(N, groups * k, ...) with channels in the order of their place in a group."""
    n, c, *rest = x.shape
    x = xp.reshape(x, (n, groups, c // groups, *rest))
    return xp.reshape(xp.transpose(x, 1, 2), (n, c, *rest))


channel_shuffle_op.vjp(x=lambda xp, g, x_shape, groups: xp.channel_shuffle(g, x_shape[1] // groups))


@public(
    "pixel_shuffle(Tensor input, int upscale_factor)",
    method=False,
    lines=(
        line(
            pixel_shuffle_op,
            least=3,
            let={"factor": "upscale_factor"},
            when="upscale_factor > 0 and not a0.shape[-3] % (upscale_factor * upscale_factor)",
        ),
    ),
)
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


@public(
    "pixel_unshuffle(Tensor input, int downscale_factor)",
    method=False,
    lines=(
        line(
            pixel_unshuffle_op,
            least=3,
            let={"factor": "downscale_factor"},
            when="downscale_factor > 0 and a0.size and not a0.shape[-1] % downscale_factor "
            "and not a0.shape[-2] % downscale_factor",
        ),
    ),
)
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
    if not input._a.size:
        return input.clone()
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
