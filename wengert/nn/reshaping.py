"""Layers that only rearrange: Flatten, Unflatten, Fold, Unfold, pixel and channel shuffles."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "Flatten", "Unflatten", "Fold", "Unfold", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle",
]  # fmt: skip

Size = int | tuple[int, ...]


class Flatten(Module):
    """Joins dimensions start_dim to end_dim into one; by default all but the batch.

    The input has any shape. Raises IndexError for a dimension that is not there, RuntimeError where
    end_dim lies before start_dim.

    >>> nn.Flatten()(torch.ones(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits a dimension into several.

    unflattened_size: the sizes that dim is taken apart into.

    The input has any shape; dim is one of its dimensions. Raises TypeError where dim or
    unflattened_size is of the wrong type; IndexError where input has a shape that does not fit;
    RuntimeError where input has a shape that does not fit.

    >>> nn.Unflatten(1, (3, 4))(torch.ones(2, 12)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, dim: int | str, unflattened_size: Any) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                "unflattened_size must be a tuple of ints, but found type "
                f"{type(unflattened_size).__name__}"
            )
        named = isinstance(dim, str)
        for i, element in enumerate(unflattened_size):
            if not isinstance(element, tuple if named else int):
                raise TypeError(
                    f"unflattened_size must be tuple of {'tuples' if named else 'ints'}, but found "
                    f"element of type {type(element).__name__} at pos {i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Fold(Module):
    """Sums sliding blocks into an image; the transpose of Unfold.

    input (N, C * kernel size, blocks) or without N -> (N, C, *output_size).

    kernel_size: the size of a window, an int or one per dimension. dilation: steps between the
    elements of a window. padding: how many elements are added on both sides, an int or one per
    dimension. stride: steps between windows, an int or one per dimension.

    Raises TypeError where input is no tensor; RuntimeError where output_size, kernel_size or stride
    is of the wrong type, kernel_size or stride is negative or input has a shape that does not fit.

    >>> nn.Fold((4, 4), 2, stride=2)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 1, 4, 4])
    """

    def __init__(
        self, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0,
        stride: Size = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Sliding blocks of an image as columns.

    input (N, C, H, W) or (C, H, W) -> (N, C * kernel size, blocks).

    kernel_size: the size of a window, an int or one per dimension. dilation: steps between the
    elements of a window. padding: how many elements are added on both sides, an int or one per
    dimension. stride: steps between windows, an int or one per dimension.

    Raises TypeError where input is no tensor; RuntimeError where kernel_size is of the wrong type,
    kernel_size is negative or input has a shape that does not fit.

    >>> nn.Unfold(2)(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 12, 9])
    """

    def __init__(
        self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class PixelShuffle(Module):
    """Spreads groups of r * r channels over r times larger images.

    input of shape (*, C r r, H, W) -> (*, C, H r, W r).

    upscale_factor: how much larger the image becomes.

    Raises TypeError where upscale_factor is of the wrong type or input is no tensor; RuntimeError
    where upscale_factor is negative.

    >>> nn.PixelShuffle(2)(torch.ones(1, 4, 3, 3)).shape
    torch.Size([1, 1, 6, 6])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The inverse of PixelShuffle: of shape (*, C, H r, W r) -> (*, C r r, H, W).

    downscale_factor: how much smaller the image becomes.

    Raises TypeError where downscale_factor is of the wrong type or input is no tensor; RuntimeError
    where downscale_factor is negative or input has a shape that does not fit.

    >>> nn.PixelUnshuffle(2)(torch.ones(1, 1, 6, 6)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deals the channels (N, C, *) to groups in turn, as cards.

    Raises TypeError where groups is of the wrong type or input is no tensor; RuntimeError where
    groups is negative or input has a shape that does not fit.

    >>> nn.ChannelShuffle(2)(torch.arange(4.0).view(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
