"""Convolution layers, plain and transposed, in 1 to 3 dimensions.

The convolution itself is in `ops/nn/conv.py`; forms without input channels are in `lazy.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .linear import wrong_dtype
from .module import Module
from .parameter import Parameter, empty
from .sizes import each

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
]  # fmt: skip

Size = int | tuple[int, ...]


class _ConvNd(Module):
    """What all convolutions share: arguments (sizes as tuples), parameters, repr."""

    dims: int
    in_channels: int
    out_channels: int
    weight: Parameter
    bias: Any  # a Parameter, or None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: tuple[int, ...],
        stride: tuple[int, ...], padding: tuple[int, ...] | str, dilation: tuple[int, ...],
        transposed: bool, output_padding: tuple[int, ...], groups: int, bias: bool,
        padding_mode: str, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        if padding == "same":  # an odd rest goes behind; sides of the last dimension first
            total = [d * (k - 1) for d, k in zip(dilation, kernel_size)]
            sides = [[t // 2, t - t // 2] for t in reversed(total)]
        else:
            sizes = (0,) * len(kernel_size) if isinstance(padding, str) else padding
            sides = [[p] * 2 for p in reversed(sizes)]
        self._reversed_padding_repeated_twice = [p for pair in sides for p in pair]
        channels = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        shape = (channels[0], channels[1] // groups, *kernel_size)
        self.weight = empty(shape, device, dtype)
        self.register_parameter("bias", empty(out_channels, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from [-b, b), b = 1 / sqrt(inputs of an output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _input_problem(self, *args: Any) -> str | None:
        x, n = args[0], len(self.kernel_size)
        names = ("width", "height, width", "depth, height, width")[n - 1]
        form = f"(batch, {self.in_channels}, {names})"
        if x.dim() not in (n + 1, n + 2):
            return f"it must have {n + 2} dimensions {form}, or {n + 1} without batch"
        if x.shape[-n - 1] != self.in_channels:
            at = x.dim() - n - 1
            return f"its dimension {at} (channels) must be {self.in_channels}, as in {form}"
        return wrong_dtype(x, self.weight)

    def extra_repr(self) -> str:
        s = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        s += f", stride={self.stride}"
        if self.padding != (0,) * len(self.kernel_size):
            s += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.kernel_size):
            s += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.kernel_size):
            s += f", output_padding={self.output_padding}"
        if self.groups != 1:
            s += f", groups={self.groups}"
        if self.bias is None:
            s += ", bias=False"
        if self.padding_mode != "zeros":
            s += f", padding_mode={self.padding_mode}"
        return s


def _check(
    in_channels: int, out_channels: int, stride: Any, padding: Any, groups: int, mode: str
) -> None:
    """ValueError for arguments no convolution can have."""
    if groups <= 0:
        raise ValueError(f"groups must be a positive integer, got {groups}")
    if in_channels % groups != 0:
        raise ValueError(f"in_channels must be divisible by groups: {in_channels} by {groups}")
    if out_channels % groups != 0:
        raise ValueError(f"out_channels must be divisible by groups: {out_channels} by {groups}")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of 'same', 'valid'"
            )
        if padding == "same" and any(s != 1 for s in each(stride, 1)):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if mode not in ("zeros", "reflect", "replicate", "circular"):
        raise ValueError(
            "padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', but got "
            f"padding_mode='{mode}'"
        )


class _Conv(_ConvNd):
    """A plain convolution over `dims` dimensions."""

    dims = 0

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Size | str = 0, dilation: Size = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        n = self.dims
        super().__init__(
            in_channels, out_channels, each(kernel_size, n), each(stride, n),
            padding if isinstance(padding, str) else each(padding, n), each(dilation, n), False,
            (0,) * n, groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x, padding = input, self.padding
        if self.padding_mode != "zeros":
            x = F.pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self.dims
        conv = (F.conv1d, F.conv2d, F.conv3d)[self.dims - 1]
        return conv(x, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution over sequences (cross-correlation, as usual).

    input (N, in_channels, L) or (in_channels, L) -> (N, out_channels, L'); weight
    (out_channels, in_channels / groups, kernel_size). padding: int, 'same' or 'valid'.

    stride: steps between windows, an int or one per dimension. dilation: steps between the
    elements of a window. bias: whether there are terms that are added. padding_mode: 'zeros',
    'reflect', 'replicate' or 'circular'. device: where the parameters are made; None: the
    default device. dtype: of the parameters; None: the default dtype.

    Raises TypeError where in_channels, out_channels or kernel_size is of the wrong type or input is
    no tensor; ValueError where padding is of the wrong type; RuntimeError where in_channels,
    out_channels, kernel_size or padding is negative, input has a shape that does not fit or input
    holds integers, booleans or complex numbers.

    >>> nn.Conv1d(2, 4, 3, padding=1)(torch.ones(1, 2, 8)).shape
    torch.Size([1, 4, 8])
    """

    dims = 1


class Conv2d(_Conv):
    """Convolution over images (cross-correlation, as usual).

    input (N, in_channels, H, W) or without N -> (N, out_channels, H', W'); weight
    (out_channels, in_channels / groups, kH, kW). padding: int, pair, 'same' or 'valid'.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. dilation: steps between the elements of a window.
    bias: whether there are terms that are added. padding_mode: 'zeros', 'reflect', 'replicate'
    or 'circular'. device: where the parameters are made; None: the default device. dtype: of
    the parameters; None: the default dtype.

    Raises TypeError where in_channels, out_channels or kernel_size is of the wrong type or input is
    no tensor; RuntimeError where in_channels, out_channels or kernel_size is negative, input has a
    shape that does not fit or input holds integers, booleans or complex numbers.

    >>> nn.Conv2d(1, 8, 3)(torch.ones(2, 1, 28, 28)).shape
    torch.Size([2, 8, 26, 26])
    """

    dims = 2


class Conv3d(_Conv):
    """Convolution over volumes (cross-correlation, as usual).

    input (N, in_channels, D, H, W) or without N -> (N, out_channels, D', H', W').

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension. dilation: steps between the elements of a window. groups: how many
    parts the channels fall into, each with filters of its own. bias: whether there are terms
    that are added. padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'. device: where
    the parameters are made; None: the default device. dtype: of the parameters; None: the
    default dtype.

    Raises TypeError where in_channels, out_channels or kernel_size is of the wrong type or input is
    no tensor; RuntimeError where in_channels, out_channels or kernel_size is negative, input has a
    shape that does not fit or input holds integers, booleans or complex numbers.

    >>> nn.Conv3d(1, 2, 3)(torch.ones(1, 1, 5, 5, 5)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    dims = 3


class _ConvTransposeNd(_ConvNd):
    """The transpose of a convolution: from the shape of its output to that of its input."""

    dims = 0

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Size = 0, output_padding: Size = 0, groups: int = 1, bias: bool = True,
        dilation: Size = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(
                f"{type(self).__name__}: padding_mode must be 'zeros', got {padding_mode!r}"
            )
        n = self.dims
        super().__init__(
            in_channels, out_channels, each(kernel_size, n), each(stride, n), each(padding, n),
            each(dilation, n), True, each(output_padding, n), groups, bias, padding_mode, device,
            dtype,
        )  # fmt: skip

    def _output_padding(
        self, input: Tensor, output_size: Sequence[int] | None, stride: Sequence[int],
        padding: Any, kernel_size: Sequence[int], num_spatial_dims: int,
        dilation: Sequence[int] | None = None,
    ) -> tuple[int, ...]:  # fmt: skip
        """What output_padding gives output_size, which is ambiguous with a stride."""
        if output_size is None:
            return self.output_padding
        n, dilation = num_spatial_dims, dilation or [1] * num_spatial_dims
        batched = input.dim() == n + 2
        size = list(output_size)
        if len(size) == (n + 2 if batched else n + 1):
            size = size[-n:]
        if len(size) != n:
            raise ValueError(
                f"{type(self).__name__}: for {input.dim()}D input, output_size must have {n} or "
                f"{input.dim()} elements (got {len(size)})"
            )
        extra = []
        for d in range(n):
            least = (
                (input.size(d - n) - 1) * stride[d] - 2 * padding[d]
                + dilation[d] * (kernel_size[d] - 1) + 1
            )  # fmt: skip
            if not least <= size[d] < least + stride[d]:
                raise ValueError(
                    f"requested an output size of {size}, but in dimension {d} valid sizes range "
                    f"from {least} to {least + stride[d] - 1} (for an input of "
                    f"{tuple(input.shape[2:])})"
                )
            extra.append(size[d] - least)
        return tuple(extra)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        transpose = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.dims - 1]
        extra = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, self.dims,
            self.dilation,
        )  # fmt: skip
        return transpose(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution over sequences.

    input (N, in_channels, L) or without N -> (N, out_channels, L'); weight
    (in_channels, out_channels / groups, kernel_size). forward takes output_size too.

    stride: steps between windows, an int or one per dimension. padding: how many elements are
    added on both sides, an int or one per dimension. output_padding: how many elements are
    added on one side of the result. bias: whether there are terms that are added. dilation:
    steps between the elements of a window. padding_mode: 'zeros', 'reflect', 'replicate' or
    'circular'. device: where the parameters are made; None: the default device. dtype: of the
    parameters; None: the default dtype.

    Raises TypeError where in_channels, out_channels, kernel_size or stride is of the wrong type or
    input is no tensor; RuntimeError where in_channels, out_channels, kernel_size or stride is
    negative, input has a shape that does not fit or input holds integers, booleans or complex
    numbers.

    >>> nn.ConvTranspose1d(2, 1, 3, stride=2)(torch.ones(1, 2, 4)).shape
    torch.Size([1, 1, 9])
    """

    dims = 1


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution over images.

    input (N, in_channels, H, W) or without N -> (N, out_channels, H', W').

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension. output_padding: how many elements are added on one side of the
    result. groups: how many parts the channels fall into, each with filters of its own. bias:
    whether there are terms that are added. dilation: steps between the elements of a window.
    padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'. device: where the parameters
    are made; None: the default device. dtype: of the parameters; None: the default dtype.

    Raises TypeError where in_channels, out_channels, kernel_size or stride is of the wrong type or
    input is no tensor; RuntimeError where in_channels, out_channels, kernel_size or stride is
    negative, input has a shape that does not fit or input holds integers, booleans or complex
    numbers.

    >>> nn.ConvTranspose2d(2, 1, 2, stride=2)(torch.ones(1, 2, 4, 4)).shape
    torch.Size([1, 1, 8, 8])
    """

    dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution over volumes.

    input (N, in_channels, D, H, W) or without N -> (N, out_channels, D', H', W').

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension. output_padding: how many elements are added on one side of the
    result. groups: how many parts the channels fall into, each with filters of its own. bias:
    whether there are terms that are added. dilation: steps between the elements of a window.
    padding_mode: 'zeros', 'reflect', 'replicate' or 'circular'. device: where the parameters
    are made; None: the default device. dtype: of the parameters; None: the default dtype.

    Raises TypeError where in_channels, out_channels or kernel_size is of the wrong type or input is
    no tensor; RuntimeError where in_channels, out_channels or kernel_size is negative, input has a
    shape that does not fit or input holds integers, booleans or complex numbers.

    >>> nn.ConvTranspose3d(1, 1, 2)(torch.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 4, 4, 4])
    """

    dims = 3
