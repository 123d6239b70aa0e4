"""Transforms of an image's colours, and blur.

The functions of one image are in `functional.py`; here is what is drawn for each image.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn.module import Module
from . import functional as F
from .draws import chance, size_pair, span, uniform

__all__ = [
    "ColorJitter", "GaussianBlur", "Grayscale", "RandomAdjustSharpness", "RandomAutocontrast",
    "RandomEqualize", "RandomGrayscale", "RandomInvert", "RandomPosterize", "RandomSolarize",
]  # fmt: skip

Range = tuple[float, float] | None


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    brightness: a factor, or the range that it is drawn from.

    Images are of shape (..., C, H, W). Raises TypeError where brightness or hue is of the wrong
    type or img is no tensor; ValueError where brightness is negative or hue is not in [0, 1];
    RuntimeError where img holds integers; NotImplementedError where img holds complex numbers.

    >>> ColorJitter(brightness=0.5, hue=0.1)(torch.rand(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = span(brightness, "brightness")
        self.contrast = span(contrast, "contrast")
        self.saturation = span(saturation, "saturation")
        self.hue = span(hue, "hue", center=0, bound=(-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Range, contrast: Range, saturation: Range, hue: Range
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order of the four changes, and the strength of each.

        Raises TypeError where brightness, contrast, saturation or hue is of the wrong type;
        IndexError where brightness is empty or brightness is too short.

        >>> order, *strengths = ColorJitter.get_params((0.5, 1.5), None, None, None)
        >>> 0.5 <= strengths[0] <= 1.5
        True
        """
        order = T.randperm(4)
        b, c, s, h = (
            None if limits is None else uniform(limits[0], limits[1])
            for limits in (brightness, contrast, saturation, hue)
        )
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = changes[i](img, factors[i])
        return img

    def __repr__(self) -> str:
        names = ("brightness", "contrast", "saturation", "hue")
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}({shown})"


class Grayscale(Module):
    """An image in black and white, with 1 or 3 equal channels.

    num_output_channels: 1 or 3.

    Images are of shape (..., C, H, W). Raises TypeError where img is no tensor or img has a shape
    that does not fit.

    >>> Grayscale()(torch.rand(3, 8, 8)).shape
    torch.Size([1, 8, 8])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomChange(Module):
    """A change that is made with probability p; subclasses say which."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        """The changed image.

        img: an image, (*, C, H, W) or of Pillow.

        >>> transforms.RandomAdjustSharpness(2).change(torch.ones(1, 4, 4)).mean()
        tensor(1.)
        """
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.change(img) if chance(self.p) else img

    def shown(self) -> str:
        """The arguments before p in the printed form."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shown()}p={self.p})"


class RandomGrayscale(RandomChange):
    """Black and white, in as many channels, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type, img is no
    tensor or img has a shape that does not fit; RuntimeError where p is a tensor of several
    numbers.

    >>> RandomGrayscale(p=1)(torch.rand(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, F.get_dimensions(img)[0])


class RandomInvert(RandomChange):
    """The negative, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or img is no
    tensor; RuntimeError where img holds booleans.

    >>> RandomInvert(p=1)(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[255,   0]]], dtype=torch.uint8)
    """

    def change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(RandomChange):
    """Each channel stretched to black and white, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or img is no
    tensor; RuntimeError where img holds booleans; NotImplementedError where img holds complex
    numbers.

    >>> RandomAutocontrast(p=1)(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """

    def change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(RandomChange):
    """The histogram of each channel made flat, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type, img is no
    tensor or img holds integers, booleans or complex numbers; RuntimeError where p is a tensor of
    several numbers.

    >>> RandomEqualize(p=1)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def change(self, img: Any) -> Any:
        return F.equalize(img)


class RandomPosterize(RandomChange):
    """Only the first bits of each value, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where bits or p is of the wrong type, img
    is no tensor or img holds integers, booleans or complex numbers; ValueError where bits is
    negative; RuntimeError where bits or p is a tensor of several numbers.

    >>> RandomPosterize(1, p=1)(torch.tensor([[[3, 200]]], dtype=torch.uint8))
    tensor([[[  0, 128]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def shown(self) -> str:
        """The number of bits, as printed.

        >>> transforms.RandomPosterize(bits=2).shown()
        'bits=2,'
        """
        return f"bits={self.bits},"


class RandomSolarize(RandomChange):
    """Values from threshold on inverted, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where threshold or p is of the wrong type,
    img is no tensor or img holds booleans or complex numbers; RuntimeError where threshold or p is
    a tensor of several numbers.

    >>> RandomSolarize(128, p=1)(torch.tensor([[[100, 200]]], dtype=torch.uint8))
    tensor([[[100,  55]]], dtype=torch.uint8)
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def shown(self) -> str:
        """The threshold, as printed.

        >>> transforms.RandomSolarize(threshold=100).shown()
        'threshold=100,'
        """
        return f"threshold={self.threshold},"


class RandomAdjustSharpness(RandomChange):
    """Blurred or sharpened by a fixed factor, with probability p.

    sharpness_factor: 0 blurs, 1 leaves the image alone.

    Images are of shape (..., C, H, W). Raises TypeError where sharpness_factor or p is of the wrong
    type or img is no tensor; ValueError where sharpness_factor is negative; IndexError where img
    has a shape that does not fit; NotImplementedError where img holds complex numbers; RuntimeError
    where sharpness_factor or p is a tensor of several numbers.

    >>> RandomAdjustSharpness(2, p=1)(torch.ones(1, 4, 4)).mean()
    tensor(1.)
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def shown(self) -> str:
        """>>> transforms.RandomAdjustSharpness(2).shown()
        'sharpness_factor=2,'
        """
        return f"sharpness_factor={self.sharpness_factor},"


class GaussianBlur(Module):
    """An image blurred with a standard deviation from the range sigma.

    kernel_size: the size of a window.

    Images are of shape (..., C, H, W). Raises TypeError where kernel_size is of the wrong type or
    img is no tensor; ValueError where kernel_size is below 1; RuntimeError where kernel_size does
    not fit.

    >>> GaussianBlur(3)(torch.ones(1, 4, 4)).mean()
    tensor(1.)
    """

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        super().__init__()
        self.kernel_size = size_pair(
            kernel_size, "Kernel size should be a tuple/list of two integers"
        )
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:  # type: ignore[operator]
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)  # type: ignore[assignment]
        if not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        if not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A standard deviation.

        sigma_min: the least standard deviation, in pixels. sigma_max: the largest standard
        deviation, in pixels.

        Raises TypeError where sigma_min or sigma_max is of the wrong type; RuntimeError where
        sigma_max is negative.

        >>> 0.1 <= GaussianBlur.get_params(0.1, 2.0) <= 2.0
        True
        """
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, list(self.kernel_size), [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"
