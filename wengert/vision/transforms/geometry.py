"""Transforms that flip, turn and warp an image, or erase a part of it; crops are in `crops.py`.

The functions of one image are in `functional.py`; here is what is drawn for each image.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...base.dtypes import float32
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module
from . import functional as F
from .crops import CenterCrop, FiveCrop, RandomCrop, RandomResizedCrop, TenCrop, check_ranges
from .draws import (  # fmt: skip
    angles,
    chance,
    check_length,
    colour_for,
    integer,
    log_uniform,
    uniform,
)
from .interpolation import InterpolationMode, mode_of

__all__ = [
    "CenterCrop", "ElasticTransform", "FiveCrop", "Pad", "RandomAffine", "RandomCrop",
    "RandomErasing", "RandomHorizontalFlip", "RandomPerspective", "RandomResizedCrop",
    "RandomRotation", "RandomVerticalFlip", "Resize", "TenCrop",
]  # fmt: skip

BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


class Resize(Module):
    """An image at another size: (height, width), or the length of the shorter side.

    interpolation: an InterpolationMode: how values between pixels are found. antialias: average
    what a smaller image cannot show. max_size: the longer side becomes no longer than this, in
    pixels.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type or img is
    no tensor; RuntimeError where size is negative.

    >>> Resize(4)(torch.zeros(3, 8, 16)).shape
    torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode = BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        F.check_size(size)
        self.size = size
        self.max_size = max_size
        self.interpolation = mode_of(interpolation)
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class Pad(Module):
    """An image with a border, see `functional.pad`.

    padding: how many pixels are added: for all sides, left and top, or each side. fill: the
    value of pixels that come from outside. padding_mode: 'constant', 'edge', 'reflect' or
    'symmetric'.

    Images are of shape (..., C, H, W). Raises TypeError where padding is of the wrong type or img
    is no tensor.

    >>> Pad(1)(torch.zeros(3, 2, 2)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        super().__init__()
        F.sides(padding)
        if not isinstance(fill, (int, float, str, tuple, list)):
            raise TypeError("Got inappropriate fill arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding = padding
        self.fill: Any = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode})"
        )


class RandomHorizontalFlip(Module):
    """Left and right exchanged, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or img is no
    tensor; RuntimeError where p is a tensor of several numbers.

    >>> RandomHorizontalFlip(p=1)(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if chance(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom exchanged, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or img is no
    tensor; RuntimeError where p is a tensor of several numbers.

    >>> RandomVerticalFlip(p=1)(torch.tensor([[[1], [2]]])).flatten()
    tensor([2, 1])
    """

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if chance(self.p) else img


def check_fill(fill: Any) -> Any:
    if fill is not None and not isinstance(fill, (Sequence, numbers.Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return 0 if fill is None else fill


class RandomPerspective(Module):
    """An image seen from another side, with probability p.

    distortion_scale: how far corners move, from 0 to 1. interpolation: an InterpolationMode:
    how values between pixels are found. fill: the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or img is no
    tensor; RuntimeError where p is a tensor of several numbers.

    >>> RandomPerspective(p=1)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode = BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.p = p
        self.interpolation = mode_of(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = check_fill(fill)

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of an image, and the points (x, y) inside of it that they come to.

        width: columns of the result, or of the image. height: rows of the result, or of the image.

        Raises TypeError where width or height is of the wrong type; ValueError where
        distortion_scale is of the wrong type; RuntimeError where distortion_scale is negative.

        >>> RandomPerspective.get_params(8, 8, 0.5)[0]
        [[0, 0], [7, 0], [7, 7], [0, 7]]
        """
        dx, dy = (int(distortion_scale * (side // 2)) for side in (width, height))
        x_low, y_low = (lambda: integer(0, dx + 1)), (lambda: integer(0, dy + 1))
        x_high, y_high = (
            (lambda: integer(width - dx - 1, width)),
            (lambda: integer(height - dy - 1, height)),
        )
        ends = [[x_low(), y_low()], [x_high(), y_low()], [x_high(), y_high()], [x_low(), y_high()]]
        right, bottom = width - 1, height - 1
        return [[0, 0], [right, 0], [right, bottom], [0, bottom]], ends

    def forward(self, img: Any) -> Any:
        channels, height, width = F.get_dimensions(img)
        fill = colour_for(self.fill, img, channels)
        if not chance(self.p):
            return img
        start, end = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, start, end, self.interpolation, fill)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomRotation(Module):
    """An image turned by an angle from the range degrees.

    interpolation: an InterpolationMode: how values between pixels are found. expand: make room
    for the whole turned image. center: (x, y) of the point that stays; None: the middle. fill:
    the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where img is no tensor; ValueError where
    degrees is of the wrong type or degrees is negative.

    >>> RandomRotation(30)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode = NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            check_length(center, "center", (2,))
        self.center = center
        self.interpolation = mode_of(interpolation)
        self.expand = expand
        self.fill = check_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle.

        Raises TypeError where degrees is of the wrong type; IndexError where degrees is empty or
        degrees is too short.

        >>> -30 <= RandomRotation.get_params([-30.0, 30.0]) <= 30
        True
        """
        return uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        channels, _, _ = F.get_dimensions(img)
        fill = colour_for(self.fill, img, channels)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        more = "".join(f", {name}={getattr(self, name)}" for name in ("center", "fill")
                       if getattr(self, name) is not None)  # fmt: skip
        return (
            f"{type(self).__name__}(degrees={self.degrees}, "
            f"interpolation={self.interpolation.value}, expand={self.expand}{more})"
        )


class RandomAffine(Module):
    """An image turned, moved, scaled and sheared by draws from the given ranges.

    degrees: the largest angle, or a range of angles. translate: the shift in pixels, or how large
    it may be as a share of the size. interpolation: an InterpolationMode: how values between pixels
    are found. fill: the value of pixels that come from outside. center: (x, y) of the point that
    stays; None: the middle. scale: a factor, or the range of factors. shear: degrees, along x or
    (along x, along y).

    Images are of shape (..., C, H, W). Raises TypeError where translate is of the wrong type or img
    is no tensor; ValueError where degrees is of the wrong type, degrees is negative or translate
    has another length.

    >>> RandomAffine(30, translate=(0.1, 0.1))(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: InterpolationMode = NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if translate is not None:
            check_length(translate, "translate", (2,))
            if any(not 0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None:
            check_length(scale, "scale", (2,))
            if any(s <= 0 for s in scale):
                raise ValueError("scale values should be positive")
        if center is not None:
            check_length(center, "center", (2,))
        self.translate = translate
        self.scale = scale
        self.shear = shear if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation = mode_of(interpolation)
        self.fill = check_fill(fill)
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, translation in pixels, scale, and the two shears, for an image (width, height).

        scale_ranges: the range of the scale. img_size: (width, height) of the image.

        Raises TypeError where degrees, translate, scale_ranges or shears is of the wrong type;
        IndexError where degrees, translate or img_size is empty or degrees, translate or img_size
        is too short.

        >>> RandomAffine.get_params([0.0, 0.0], [0.0, 0.0], None, None, [8, 8])
        (0.0, (0, 0), 1.0, (0.0, 0.0))
        """
        angle = uniform(float(degrees[0]), float(degrees[1]))
        move = [0, 0]
        if translate is not None:
            most = [float(t * side) for t, side in zip(translate, img_size)]
            move = [round(uniform(-m, m)) for m in most]
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear_x = 0.0 if shears is None else uniform(shears[0], shears[1])
        shear_y = uniform(shears[2], shears[3]) if shears is not None and len(shears) == 4 else 0.0
        return angle, (move[0], move[1]), scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        channels, height, width = F.get_dimensions(img)
        fill = colour_for(self.fill, img, channels)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return F.affine(
            img, *drawn, interpolation=self.interpolation, fill=fill, center=self.center
        )

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in ("translate", "scale", "shear")}
        if self.interpolation != NEAREST:
            shown["interpolation"] = self.interpolation.value
        shown |= {"fill": self.fill or None, "center": self.center}
        more = "".join(f", {name}={value}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}(degrees={self.degrees}{more})"


class RandomErasing(Module):
    """A random rectangle of a tensor image set to value, or to noise, with probability p.

    scale: a factor, or the range of the share of the area. ratio: the least and largest width
    by height. inplace: write the result over the input.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type; ValueError
    where p is out of range or img has a shape that does not fit; RuntimeError where p is a tensor
    of several numbers.

    >>> (RandomErasing(p=1)(torch.ones(3, 8, 8)) == 0).any()
    tensor(True)
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        check_ranges(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    @clear_errors
    def get_params(
        img: Tensor,
        scale: Sequence[float],
        ratio: Sequence[float],
        value: Sequence[float] | None = None,
    ) -> tuple[int, int, int, int, Tensor]:
        """Top, left, height, width and what to put there: value, or noise where that is None.

        img: an image: a tensor (*, C, H, W) or a picture of Pillow.

        Raises TypeError where scale or ratio is of the wrong type; ValueError where img has a shape
        that does not fit or ratio has another length; IndexError where scale is empty, scale is too
        short or value is of the wrong type.

        >>> RandomErasing.get_params(torch.zeros(3, 8, 8), (0.1, 0.1), (1.0, 1.0), [0.0])[2:4]
        (3, 3)
        """
        channels, height, width = img.shape[-3:]
        for _ in range(10):
            area = height * width * uniform(scale[0], scale[1])
            shape = log_uniform(ratio)
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                v = T.empty([channels, h, w], dtype=float32).normal_()
            else:
                v = T.tensor(value)[:, None, None]
            return integer(0, height - h + 1), integer(0, width - w + 1), h, w, v
        return 0, 0, height, width, img

    def forward(self, img: Tensor) -> Tensor:
        if not chance(self.p):
            return img
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, self.values(img)),
                       self.inplace)  # fmt: skip

    def values(self, img: Tensor) -> list[float] | None:
        """value as a list for img's channels, None for noise.

        img is of shape (..., C, H, W).

        >>> RandomErasing(value=0.5).values(torch.zeros(3, 8, 8))
        [0.5]
        """
        if isinstance(self.value, str):
            return None
        if isinstance(self.value, (int, float)):
            return [float(self.value)]
        if len(self.value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        return [float(v) for v in self.value]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )


def float_pair(value: Any, name: str) -> list[float]:
    """alpha or sigma of `ElasticTransform` as two numbers."""
    if isinstance(value, (int, float)):
        return [float(value)] * 2
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if len(value) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    return [float(v) for v in value] * (2 // len(value))


class ElasticTransform(Module):
    """An image drawn on rubber: displaced by smooth noise, of strength alpha and width sigma.

    interpolation: an InterpolationMode: how values between pixels are found. fill: the value of
    pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where tensor is no tensor; ValueError where
    sigma is of the wrong type; RuntimeError where sigma is above 1.

    >>> ElasticTransform(sigma=1.0)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: InterpolationMode = BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = float_pair(alpha, "alpha")
        self.sigma = float_pair(sigma, "sigma")
        self.interpolation = mode_of(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(
                f"fill should be int or float or a list or tuple of them. Got {type(fill)}"
            )
        self.fill = [float(fill)] if isinstance(fill, (int, float)) else [float(f) for f in fill]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """A displacement (1, H, W, 2) for an image of that size (H, W).

        Raises TypeError where alpha, sigma or size is of the wrong type; ValueError where alpha,
        sigma or size is empty or sigma is too long; RuntimeError where size has another length.

        >>> ElasticTransform.get_params([50.0, 50.0], [1.0, 1.0], [8, 8]).shape
        torch.Size([1, 8, 8, 2])
        """
        axes = []
        for strength, width, side in zip(alpha, sigma, reversed(size)):
            noise = T.rand([1, 1, *size]) * 2 - 1
            if width > 0.0:
                kernel = int(8 * width + 1) | 1
                noise = F.gaussian_blur(noise, [kernel, kernel], list(sigma))
            axes.append(noise * strength / side)
        return T.cat(axes, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
