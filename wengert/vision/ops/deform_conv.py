"""Convolution whose kernel's points are moved at each position (arXiv:1703.06211, 1811.11168)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...api import functions as T
from ...base.dtypes import int64
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import init
from ...nn.module import Module
from ...nn.parameter import Parameter

__all__ = ["DeformConv2d", "deform_conv2d"]

Pair = int | Sequence[int]


def pair(x: Pair) -> tuple[int, int]:
    return (x, x) if isinstance(x, int) else (x[0], x[1])


def sampled(planes: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """planes (N, G, C, H, W) read bilinearly at y and x (N, G, P), zero outside: (N, G, C, P)."""
    n, groups, channels, height, width = planes.shape
    flat = planes.reshape(n, groups, channels, height * width)
    top, left = T.floor(y.detach()), T.floor(x.detach())
    total = None
    for dy in (0, 1):
        for dx in (0, 1):
            row, column = top + dy, left + dx
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weight = (1 - (y - row).abs()) * (1 - (x - column).abs()) * inside
            at = row.clamp(0, height - 1).to(int64) * width + column.clamp(0, width - 1).to(int64)
            index = at.unsqueeze(2).expand(n, groups, channels, at.shape[-1])
            part = flat.gather(3, index) * weight.unsqueeze(2)
            total = part if total is None else total + part
    assert total is not None
    return total


@clear_errors
def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution of input (N, C, H, W) with moved points, (N, out, OH, OW).

    offset: (N, 2 * groups * kh * kw, OH, OW), y before x, for each of some groups of channels.
    weight: (out, C / weight groups, kh, kw).
    mask: (N, groups * kh * kw, OH, OW), a factor for each point.

    stride: steps between windows. padding: how many pixels are added: for all sides, left and top,
    or each side. dilation: steps between the elements of a window. bias: whether there is one; of a
    function: a tensor, or None.

    Raises ValueError where input or weight has a shape that does not fit; RuntimeError where input,
    offset or weight has a shape that does not fit, input holds complex numbers, offset holds
    booleans or weight holds integers, booleans or complex numbers; NotImplementedError where offset
    holds complex numbers; TypeError where input, offset or weight is no tensor.

    >>> offset = torch.zeros(1, 18, 3, 3)
    >>> deform_conv2d(torch.ones(1, 1, 5, 5), offset, torch.ones(1, 1, 3, 3))[0, 0, 0]
    tensor([9., 9., 9.])
    """
    n, channels, height, width = input.shape
    out_channels, per_group, kh, kw = weight.shape
    (sy, sx), (py, px), (dy, dx) = pair(stride), pair(padding), pair(dilation)
    oh = (height + 2 * py - dy * (kh - 1) - 1) // sy + 1
    ow = (width + 2 * px - dx * (kw - 1) - 1) // sx + 1
    groups = offset.shape[1] // (2 * kh * kw)
    if groups == 0 or channels % groups != 0 or offset.shape[1] != groups * 2 * kh * kw:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple "
            f"of 2 * {kh} * {kw}, got {offset.shape[1]} for {channels} channels"
        )
    for name, t, count in (("offset", offset, 2), ("mask", mask, 1)):
        expected = (n, count * groups * kh * kw, oh, ow)
        if t is not None and tuple(t.shape) != expected:
            raise RuntimeError(
                f"deform_conv2d: {name} should have shape {expected}, got {tuple(t.shape)}"
            )
    points = offset.reshape(n, groups, kh * kw, 2, oh, ow)
    line = lambda k, step: (T.arange(k) * step).to(offset.dtype)
    rows = (line(oh, sy) - py)[:, None] + line(kh, dy).repeat_interleave(kw)[:, None, None]
    columns = (line(ow, sx) - px) + line(kw, dx).repeat(kh)[:, None, None]
    y = (points[:, :, :, 0] + rows).reshape(n, groups, -1)
    x = (points[:, :, :, 1] + columns).reshape(n, groups, -1)
    planes = input.reshape(n, groups, channels // groups, height, width)
    values = sampled(planes, y, x)
    if mask is not None:
        values = values * mask.reshape(n, groups, 1, -1)
    weight_groups = channels // per_group
    values = values.reshape(n, weight_groups, per_group * kh * kw, oh * ow)
    kernels = weight.reshape(1, weight_groups, out_channels // weight_groups, per_group * kh * kw)
    out = (kernels @ values).reshape(n, out_channels, oh, ow)
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)


class DeformConv2d(Module):
    """`deform_conv2d` with a weight and a bias.

    in_channels: channels of the input. out_channels: channels of the result. kernel_size: the
    size of a window. stride: steps between windows. padding: how many pixels are added: for all
    sides, left and top, or each side. dilation: steps between the elements of a window. groups:
    how many parts the channels fall into.

    input is of shape (N, in_channels, H, W); offset and mask are as there. Raises TypeError where
    in_channels or out_channels is of the wrong type; ValueError where input has a shape that does
    not fit; IndexError where out_channels is 0 or kernel_size or padding is of the wrong type;
    RuntimeError where in_channels, out_channels, kernel_size or padding is negative, input or
    offset has a shape that does not fit, input holds complex numbers or offset holds booleans;
    NotImplementedError where offset holds complex numbers.

    >>> layer = DeformConv2d(3, 8, 3, padding=1)
    >>> layer(torch.zeros(1, 3, 5, 5), torch.zeros(1, 18, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    >>> layer.reset_parameters()
    """

    @clear_errors
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride)
        self.padding = pair(padding)
        self.dilation = pair(dilation)
        self.groups = groups
        self.weight = Parameter(T.empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = Parameter(T.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight and the bias as a convolution does."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        return deform_conv2d(input, offset, self.weight, self.bias, self.stride, self.padding,
                             self.dilation, mask)  # fmt: skip

    def extra_repr(self) -> str:
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        shown.append(f"stride={self.stride}")
        if self.padding != (0, 0):
            shown.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            shown.append(f"dilation={self.dilation}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        return ", ".join(shown)
