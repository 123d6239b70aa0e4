"""Pooling layers: maximum, average, power mean, adaptive, fractional, and the inverse of maximum.

The pooling itself is in `ops/nn/pool.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from .module import Module
from .sizes import each

__all__ = [
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
    "AvgPool1d", "AvgPool2d", "AvgPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d",
    "LPPool1d", "LPPool2d", "LPPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d",
]  # fmt: skip

Size = int | tuple[int, ...]
Output = int | None | tuple[int | None, ...]


class _Pool(Module):
    """What pooling layers share: the check of the number of dimensions."""

    dims = 0

    def _input_problem(self, *args: Any) -> str | None:
        n = self.dims
        if args[0].dim() not in (n + 1, n + 2):
            names = ("width", "height, width", "depth, height, width")[n - 1]
            return f"it must be (batch, channels, {names}), or without batch"
        return None


class _MaxPoolNd(_Pool):
    """Maximum over windows."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
        dilation: Size = 1, return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.dims - 1]
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """Maximum over windows of a sequence.

    input (N, C, L) or (C, L) -> (N, C, L'). return_indices: also where the maxima were.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between windows,
    an int or one per dimension. padding: how many elements are added on both sides, an int or one
    per dimension. dilation: steps between the elements of a window. ceil_mode: round the number of
    windows up instead of down. Raises TypeError where kernel_size is of the wrong type or input is
    no tensor; RuntimeError where kernel_size is negative or input has a shape that does not fit;
    NotImplementedError where input holds booleans or complex numbers.

    >>> nn.MaxPool1d(2)(torch.arange(6.0).view(1, 1, 6))
    tensor([[[1., 3., 5.]]])
    """

    dims = 1


class MaxPool2d(_MaxPoolNd):
    """Maximum over windows of an image.

    input (N, C, H, W) or (C, H, W) -> (N, C, H', W'). return_indices: also where they were.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between windows,
    an int or one per dimension. padding: how many elements are added on both sides, an int or one
    per dimension. dilation: steps between the elements of a window. ceil_mode: round the number of
    windows up instead of down. Raises TypeError where kernel_size is of the wrong type or input is
    no tensor; RuntimeError where kernel_size is negative or input has a shape that does not fit;
    NotImplementedError where input holds booleans or complex numbers.

    >>> nn.MaxPool2d(2)(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    dims = 2


class MaxPool3d(_MaxPoolNd):
    """Maximum over windows of a volume.

    input (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W').

    kernel_size: the size of a window, an int or one per dimension. stride: steps between windows,
    an int or one per dimension. padding: how many elements are added on both sides, an int or one
    per dimension. dilation: steps between the elements of a window. return_indices: return the
    places of the results, too. ceil_mode: round the number of windows up instead of down. Raises
    TypeError where kernel_size is of the wrong type or input is no tensor; RuntimeError where
    kernel_size is negative or input has a shape that does not fit; NotImplementedError where input
    holds booleans or complex numbers.

    >>> nn.MaxPool3d(2)(torch.ones(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    dims = 3


class _MaxUnpoolNd(Module):
    """Puts values back where the maxima were, zeros elsewhere."""

    dims = 0

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size = each(kernel_size, self.dims)
        self.stride = each(stride if stride is not None else kernel_size, self.dims)
        self.padding = each(padding, self.dims)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        unpool = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self.dims - 1]
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Inverse of MaxPool1d, from its output and indices; forward takes output_size too.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between windows,
    an int or one per dimension. padding: how many elements are added on both sides, an int or one
    per dimension. Raises TypeError where kernel_size is of the wrong type or input or indices is no
    tensor; RuntimeError where kernel_size is negative, input or indices has a shape that does not
    fit, indices holds values out of range or indices holds booleans or complex numbers.

    >>> y, i = nn.MaxPool1d(2, return_indices=True)(torch.arange(4.0).view(1, 1, 4))
    >>> nn.MaxUnpool1d(2)(y, i)
    tensor([[[0., 1., 0., 3.]]])
    """

    dims = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Inverse of MaxPool2d, from its output and indices; forward takes output_size too.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension.

    Raises TypeError where kernel_size is of the wrong type or input or indices is no tensor;
    RuntimeError where kernel_size is negative, input or indices has a shape that does not fit,
    indices holds values out of range or indices holds booleans or complex numbers.

    >>> y, i = nn.MaxPool2d(2, return_indices=True)(torch.ones(1, 1, 4, 4))
    >>> nn.MaxUnpool2d(2)(y, i).shape
    torch.Size([1, 1, 4, 4])
    """

    dims = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Inverse of MaxPool3d, from its output and indices; forward takes output_size too.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension.

    Raises TypeError where kernel_size is of the wrong type or input or indices is no tensor;
    RuntimeError where kernel_size is negative, input or indices has a shape that does not fit,
    indices holds values out of range or indices holds booleans or complex numbers.

    >>> y, i = nn.MaxPool3d(2, return_indices=True)(torch.ones(1, 1, 4, 4, 4))
    >>> nn.MaxUnpool3d(2)(y, i).shape
    torch.Size([1, 1, 4, 4, 4])
    """

    dims = 3


class AvgPool1d(_Pool):
    """Mean over windows of a sequence.

    input (N, C, L) or (C, L) -> (N, C, L'). count_include_pad: padding counts as zeros.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. ceil_mode: round the number of windows up instead of
    down.

    Raises TypeError where kernel_size is of the wrong type or input is no tensor; RuntimeError
    where kernel_size is negative or input has a shape that does not fit; NotImplementedError where
    input holds booleans or complex numbers.

    >>> nn.AvgPool1d(2)(torch.arange(4.0).view(1, 1, 4))
    tensor([[[0.5000, 2.5000]]])
    """

    dims = 1

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = each(kernel_size, 1)
        self.stride = each(stride if stride is not None else kernel_size, 1)
        self.padding = each(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(_Pool):
    """Mean over windows, with a divisor of one's own if wanted."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        pool = F.avg_pool2d if self.dims == 2 else F.avg_pool3d
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    extra_repr = AvgPool1d.extra_repr


class AvgPool2d(_AvgPoolNd):
    """Mean over windows of an image.

    input (N, C, H, W) or (C, H, W) -> (N, C, H', W'). divisor_override: divide by this instead.

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension. ceil_mode: round the number of windows up instead of down.
    count_include_pad: whether padding counts in means.

    Raises TypeError where kernel_size is of the wrong type or input is no tensor; RuntimeError
    where kernel_size is negative or input has a shape that does not fit; NotImplementedError where
    input holds booleans or complex numbers.

    >>> nn.AvgPool2d(2)(torch.ones(1, 1, 4, 4)).shape
    torch.Size([1, 1, 2, 2])
    """

    dims = 2


class AvgPool3d(_AvgPoolNd):
    """Mean over windows of a volume.

    input (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W').

    kernel_size: the size of a window, an int or one per dimension. stride: steps between
    windows, an int or one per dimension. padding: how many elements are added on both sides, an
    int or one per dimension. ceil_mode: round the number of windows up instead of down.
    count_include_pad: whether padding counts in means. divisor_override: divide by this instead
    of the window's size.

    Raises TypeError where kernel_size is of the wrong type or input is no tensor; RuntimeError
    where kernel_size is negative or input has a shape that does not fit; NotImplementedError where
    input holds booleans or complex numbers.

    >>> nn.AvgPool3d(2)(torch.ones(1, 1, 4, 4, 4)).shape
    torch.Size([1, 1, 2, 2, 2])
    """

    dims = 3


class _FractionalMaxPoolNd(Module):
    """Maximum over windows of random sizes, for output sizes that do not divide the input's."""

    dims = 0

    def __init__(
        self, kernel_size: Size, output_size: Size | None = None,
        output_ratio: float | tuple[float, ...] | None = None, return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        n, name = self.dims, type(self).__name__
        self.kernel_size = each(kernel_size, n)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size, n)
        self.output_ratio = None if output_ratio is None else each(output_ratio, n)
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"{name}: only one of output_size and output_ratio may be specified")
        if any(k <= 0 for k in self.kernel_size):
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Tensor:
        pool = F.fractional_max_pool2d if self.dims == 2 else F.fractional_max_pool3d
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Maximum over windows of random positions, to an output size or a ratio of the input's.

    input (N, C, H, W) -> (N, C, *output_size).

    kernel_size: the size of a window, an int or one per dimension. output_ratio: the size of
    the result as a share of the input's. return_indices: return the places of the results, too.

    Raises TypeError where kernel_size or output_size is of the wrong type or input is no tensor;
    ValueError where kernel_size is below 1; RuntimeError where output_size is negative or input has
    a shape that does not fit; NotImplementedError where input holds integers, booleans or complex
    numbers.

    >>> nn.FractionalMaxPool2d(2, output_size=3)(torch.ones(1, 1, 7, 7)).shape
    torch.Size([1, 1, 3, 3])
    """

    dims = 2


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """Maximum over windows of random positions in a volume; see FractionalMaxPool2d.

    kernel_size: the size of a window, an int or one per dimension. output_size: the size of the
    result; None keeps that of the input. output_ratio: the size of the result as a share of the
    input's. return_indices: return the places of the results, too.

    The input is of shape (N, C, D, H, W) or (C, D, H, W). Raises TypeError where kernel_size or
    output_size is of the wrong type or input is no tensor; ValueError where kernel_size is below 1;
    RuntimeError where output_size is negative or input has a shape that does not fit;
    NotImplementedError where input holds integers, booleans or complex numbers.

    >>> nn.FractionalMaxPool3d(2, output_size=3)(torch.ones(1, 1, 7, 7, 7)).shape
    torch.Size([1, 1, 3, 3, 3])
    """

    dims = 3


class _LPPoolNd(Module):
    """(sum of x ** norm_type) ** (1 / norm_type) over windows."""

    dims = 0

    def __init__(
        self, norm_type: float, kernel_size: Size, stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        pool = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.dims - 1]
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """Power sums over windows of a sequence: (sum of x ** p) ** (1 / p).

    norm_type: which norm: its exponent. kernel_size: the size of a window, an int or one per
    dimension. stride: steps between windows, an int or one per dimension. ceil_mode: round the
    number of windows up instead of down.

    The input is of shape (N, C, L) or (C, L). Raises TypeError where kernel_size is of the wrong
    type or input is no tensor; ValueError where norm_type is of the wrong type; RuntimeError where
    kernel_size is negative or input has a shape that does not fit; NotImplementedError where input
    holds complex numbers.

    >>> nn.LPPool1d(2, 2)(torch.tensor([[[3.0, 4.0]]]))
    tensor([[[5.]]])
    """

    dims = 1


class LPPool2d(_LPPoolNd):
    """Power sums over windows of an image.

    norm_type: which norm: its exponent. kernel_size: the size of a window, an int or one per
    dimension. stride: steps between windows, an int or one per dimension. ceil_mode: round the
    number of windows up instead of down.

    The input is of shape (N, C, H, W) or (C, H, W). Raises TypeError where kernel_size is of the
    wrong type or input is no tensor; ValueError where norm_type is of the wrong type; RuntimeError
    where kernel_size is negative or input has a shape that does not fit; NotImplementedError where
    input holds complex numbers.

    >>> nn.LPPool2d(2, 2)(torch.ones(1, 1, 2, 2))
    tensor([[[[2.]]]])
    """

    dims = 2


class LPPool3d(_LPPoolNd):
    """Power sums over windows of a volume.

    norm_type: which norm: its exponent. kernel_size: the size of a window, an int or one per
    dimension. stride: steps between windows, an int or one per dimension. ceil_mode: round the
    number of windows up instead of down.

    The input is of shape (N, C, D, H, W) or (C, D, H, W). Raises TypeError where kernel_size is of
    the wrong type or input is no tensor; ValueError where norm_type is of the wrong type;
    RuntimeError where kernel_size is negative or input has a shape that does not fit;
    NotImplementedError where input holds complex numbers.

    >>> nn.LPPool3d(1, 2)(torch.ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """

    dims = 3


class _AdaptivePool(_Pool):
    """Pooling whose windows are chosen for an output size."""

    def __init__(self, output_size: Output) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPoolNd(_AdaptivePool):
    """Maximum over as many windows as the output has places."""

    def __init__(self, output_size: Output, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Tensor:
        pools = F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d
        return pools[self.dims - 1](input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maximum over output_size windows that cover the sequence.

    return_indices: return the places of the results, too.

    The input is of shape (N, C, L) or (C, L). Raises TypeError where output_size is of the wrong
    type or input is no tensor; RuntimeError where output_size is negative or input has a shape that
    does not fit; NotImplementedError where input holds integers, booleans or complex numbers.

    >>> nn.AdaptiveMaxPool1d(2)(torch.arange(5.0).view(1, 1, 5))
    tensor([[[2., 4.]]])
    """

    dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maximum over windows that cover the image; None in output_size keeps a dimension.

    return_indices: return the places of the results, too.

    The input is of shape (N, C, H, W) or (C, H, W). Raises TypeError where input is no tensor;
    RuntimeError where input has a shape that does not fit; NotImplementedError where input holds
    integers, booleans or complex numbers.

    >>> nn.AdaptiveMaxPool2d((2, None))(torch.ones(1, 1, 5, 7)).shape
    torch.Size([1, 1, 2, 7])
    """

    dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Maximum over windows that cover the volume.

    output_size: the size of the result; None keeps that of the input. return_indices: return
    the places of the results, too.

    The input is of shape (N, C, D, H, W) or (C, D, H, W). Raises TypeError where output_size is of
    the wrong type or input is no tensor; RuntimeError where output_size is negative or input has a
    shape that does not fit; NotImplementedError where input holds integers, booleans or complex
    numbers.

    >>> nn.AdaptiveMaxPool3d(1)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 1, 1, 1])
    """

    dims = 3


class _AdaptiveAvgPoolNd(_AdaptivePool):
    """Mean over as many windows as the output has places."""

    def forward(self, input: Tensor) -> Tensor:
        pools = F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d
        return pools[self.dims - 1](input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Mean over output_size windows that cover the sequence.

    The input is of shape (N, C, L) or (C, L). Raises TypeError where output_size is of the wrong
    type or input is no tensor; RuntimeError where output_size is negative or input has a shape that
    does not fit; NotImplementedError where input holds integers or booleans.

    >>> nn.AdaptiveAvgPool1d(1)(torch.arange(5.0).view(1, 1, 5))
    tensor([[[2.]]])
    """

    dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Mean over windows that cover the image; None in output_size keeps a dimension.

    The input is of shape (N, C, H, W) or (C, H, W). Raises TypeError where output_size is of the
    wrong type or input is no tensor; RuntimeError where output_size is negative;
    NotImplementedError where input holds integers or booleans.

    >>> nn.AdaptiveAvgPool2d(1)(torch.ones(1, 8, 5, 7)).shape
    torch.Size([1, 8, 1, 1])
    """

    dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Mean over windows that cover the volume.

    output_size: the size of the result; None keeps that of the input.

    The input is of shape (N, C, D, H, W) or (C, D, H, W). Raises TypeError where output_size is of
    the wrong type or input is no tensor; RuntimeError where output_size is negative;
    NotImplementedError where input holds integers or booleans.

    >>> nn.AdaptiveAvgPool3d(1)(torch.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 1, 1, 1])
    """

    dims = 3
