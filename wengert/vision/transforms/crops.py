"""Transforms that cut a part out of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base.advice import advise
from ...nn.module import Module
from . import functional as F
from .draws import (  # fmt: skip
    crop_rectangle,
    integer,
    size_pair,
)
from .interpolation import InterpolationMode, mode_of

BILINEAR = InterpolationMode.BILINEAR


class CenterCrop(Module):
    """The middle of an image.

    size: height and width, or the length of the shorter side.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type or img is
    no tensor; ValueError where size is a tensor of several numbers.

    >>> CenterCrop(4)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = size_pair(size)

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class FiveCrop(Module):
    """The corners and the middle of an image, as a tuple.

    size: height and width, or the length of the shorter side.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type or img is
    no tensor; ValueError where size is a tensor of several numbers or does not fit.

    >>> [tuple(part.shape) for part in FiveCrop(4)(torch.zeros(3, 8, 8))][:2]
    [(3, 4, 4), (3, 4, 4)]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = size_pair(size)

    def forward(self, img: Any) -> Any:
        return F.five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class TenCrop(Module):
    """`FiveCrop` of an image and of the image flipped.

    size: height and width, or the length of the shorter side. vertical_flip: flip up and down
    instead of left and right.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type or img is
    no tensor; ValueError where size is a tensor of several numbers or does not fit.

    >>> len(TenCrop(4)(torch.zeros(3, 8, 8)))
    10
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = size_pair(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class RandomCrop(Module):
    """A rectangle of that size anywhere in the image, which may be padded first.

    padding: how many pixels are added: for all sides, left and top, or each side. fill: the value
    of pixels that come from outside. padding_mode: 'constant', 'edge', 'reflect' or 'symmetric'.
    pad_if_needed: pad images that are smaller than size.

    Images are of shape (..., C, H, W). Raises TypeError where size or padding is of the wrong type
    or img is no tensor; ValueError where padding is negative.

    >>> RandomCrop(8, padding=2)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(size_pair(size))
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part of img.

        output_size: height and width of the result.

        img is of shape (..., C, H, W). Raises TypeError where img is no tensor or output_size is of
        the wrong type; ValueError where img has a shape that does not fit or output_size has
        another length.

        >>> RandomCrop.get_params(torch.zeros(3, 8, 8), (8, 8))
        (0, 0, 8, 8)
        """
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ValueError(
                f"Required crop size {(height, width)} is larger than input image size {(h, w)}"
            )
        if (height, width) == (h, w):
            return 0, 0, h, w
        return integer(0, h - height + 1), integer(0, w - width + 1), height, width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


def check_ranges(scale: Any, ratio: Any) -> None:
    for name, value in (("Scale", scale), ("Ratio", ratio)):
        if not isinstance(value, Sequence):
            raise TypeError(f"{name} should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        advise("Scale and ratio should be of kind (min, max)")


class RandomResizedCrop(Module):
    """A part of random area (scale) and proportions (ratio), resized: what ImageNet trains on.

    size: height and width, or the length of the shorter side. interpolation: an
    InterpolationMode: how values between pixels are found. antialias: average what a smaller
    image cannot show.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type or img is
    no tensor; RuntimeError where size is negative; ValueError where size is a tensor of several
    numbers.

    >>> RandomResizedCrop(4)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        check_ranges(scale, ratio)
        self.size = size_pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part of img.

        img is of shape (..., C, H, W). Raises TypeError where img is no tensor or scale or ratio is
        of the wrong type; ValueError where ratio has another length; IndexError where scale is
        empty or scale is too short.

        >>> RandomResizedCrop.get_params(torch.zeros(3, 8, 8), (1.0, 1.0), (1.0, 1.0))
        (0, 0, 8, 8)
        """
        _, height, width = F.get_dimensions(img)
        return crop_rectangle(height, width, scale, ratio)

    def forward(self, img: Any) -> Any:
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, "
            f"scale={tuple(round(s, 4) for s in self.scale)}, "
            f"ratio={tuple(round(r, 4) for r in self.ratio)}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )
