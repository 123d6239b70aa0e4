"""Colour transforms of version 2, noise and erasing; the images of a sample change alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....api import functions as T
from .. import colors as v1
from .. import geometry
from ..draws import chance, check_length, integer, uniform
from . import functional as F
from .transform import RandomTransform, Transform, query_chw

__all__ = [
    "RGB", "JPEG", "ColorJitter", "GaussianBlur", "GaussianNoise", "Grayscale",
    "RandomAdjustSharpness", "RandomAutocontrast", "RandomChannelPermutation", "RandomEqualize",
    "RandomErasing", "RandomGrayscale", "RandomInvert", "RandomPhotometricDistort",
    "RandomPosterize", "RandomSolarize",
]  # fmt: skip

Params = dict[str, Any]
CHANGES = {
    "brightness": F.adjust_brightness, "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation, "hue": F.adjust_hue,
}  # fmt: skip


class Grayscale(Transform, v1.Grayscale):
    """Black and white, with 1 or 3 equal channels.

    num_output_channels: 1 or 3.

    Images are of shape (..., C, H, W). Raises TypeError where inputs has a shape that does not fit.

    >>> Grayscale()(torch.rand(3, 8, 8)).shape
    torch.Size([1, 8, 8])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.rgb_to_grayscale, inpt, self.num_output_channels)


class RGB(Transform):
    """Grey images in three channels.

    Images are of shape (..., C, H, W). Raises TypeError where inputs has a shape that does not fit.

    >>> RGB()(torch.zeros(1, 2, 2)).shape
    torch.Size([3, 2, 2])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.grayscale_to_rgb, inpt)


class RandomGrayscale(RandomTransform):
    """Black and white, in as many channels, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type, inputs is no
    tensor or inputs has a shape that does not fit; ValueError where p is out of range; RuntimeError
    where p is a tensor of several numbers.

    >>> RandomGrayscale(p=1)(torch.rand(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.rgb_to_grayscale, inpt, params["channels"])


class ColorJitter(Transform, v1.ColorJitter):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    brightness: a factor, or the range that it is drawn from.

    Images are of shape (..., C, H, W). Raises TypeError where brightness or hue is of the wrong
    type; ValueError where brightness is negative or hue is not in [0, 1]; RuntimeError where inputs
    holds integers; NotImplementedError where inputs holds complex numbers.

    >>> ColorJitter(brightness=0.5, hue=0.1)(torch.rand(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self, brightness: Any = None, contrast: Any = None, saturation: Any = None, hue: Any = None
    ) -> None:
        v1.ColorJitter.__init__(self, brightness or 0, contrast or 0, saturation or 0, hue or 0)

    def make_params(self, flat_inputs: list[Any]) -> Params:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt: Any, params: Params) -> Any:
        changes = list(CHANGES.values())
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self.call(changes[i], inpt, params["factors"][i])
        return inpt


class RandomChannelPermutation(Transform):
    """The channels in random order.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor; IndexError where
    inputs has a shape that does not fit.

    >>> RandomChannelPermutation()(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"permutation": T.randperm(query_chw(flat_inputs)[0])}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Colours changed, each with probability p, as SSD trains on.

    brightness: a factor, or the range that it is drawn from. contrast: a factor, or the range
    that it is drawn from. saturation: a factor, or the range that it is drawn from. hue: a turn
    of the colours between -0.5 and 0.5, or its range.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor; IndexError where
    inputs has a shape that does not fit; RuntimeError where inputs holds integers;
    NotImplementedError where inputs holds complex numbers.

    >>> RandomPhotometricDistort()(torch.rand(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> Params:
        channels = query_chw(flat_inputs)[0]
        params: Params = {}
        for name in CHANGES:
            params[name] = uniform(*getattr(self, name)) if chance(self.p) else None
        early = bool(T.rand(()) < 0.5)  # the contrast before the saturation, or after the hue
        middle = ["saturation", "hue"]
        params["order"] = [
            "brightness",
            *(["contrast", *middle] if early else [*middle, "contrast"]),
        ]
        params["permutation"] = T.randperm(channels) if chance(self.p) else None
        return params

    def transform(self, inpt: Any, params: Params) -> Any:
        for name in params["order"]:
            if params[name] is not None:
                inpt = self.call(CHANGES[name], inpt, params[name])
        if params["permutation"] is not None:
            inpt = self.call(F.permute_channels, inpt, params["permutation"])
        return inpt


class RandomEqualize(RandomTransform):
    """The histogram of each channel made flat, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or inputs
    holds integers, booleans or complex numbers; ValueError where p is out of range; RuntimeError
    where p is a tensor of several numbers.

    >>> RandomEqualize(p=1)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.equalize, inpt)


class RandomInvert(RandomTransform):
    """The negative, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type; ValueError
    where p is out of range; RuntimeError where inputs holds booleans.

    >>> RandomInvert(p=1)(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[255,   0]]], dtype=torch.uint8)
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.invert, inpt)


class RandomAutocontrast(RandomTransform):
    """Each channel stretched to black and white, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type; ValueError
    where p is out of range; RuntimeError where inputs holds booleans; NotImplementedError where
    inputs holds complex numbers.

    >>> RandomAutocontrast(p=1)(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.autocontrast, inpt)


class RandomPosterize(RandomTransform):
    """Only the first bits of each value, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where bits or p is of the wrong type or
    inputs holds integers, booleans or complex numbers; ValueError where bits is negative or p is
    out of range; RuntimeError where bits or p is a tensor of several numbers.

    >>> RandomPosterize(1, p=1)(torch.tensor([[[3, 200]]], dtype=torch.uint8))
    tensor([[[  0, 128]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.posterize, inpt, self.bits)


class RandomSolarize(RandomTransform):
    """Values from threshold on inverted, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where threshold or p is of the wrong type
    or inputs holds booleans or complex numbers; ValueError where p is out of range; RuntimeError
    where threshold or p is a tensor of several numbers.

    >>> RandomSolarize(128, p=1)(torch.tensor([[[100, 200]]], dtype=torch.uint8))
    tensor([[[100,  55]]], dtype=torch.uint8)
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.solarize, inpt, self.threshold)


class RandomAdjustSharpness(RandomTransform):
    """Blurred or sharpened by a fixed factor, with probability p.

    sharpness_factor: 0 blurs, 1 leaves the image alone.

    Images are of shape (..., C, H, W). Raises TypeError where sharpness_factor or p is of the wrong
    type; ValueError where sharpness_factor is negative or p is out of range; IndexError where
    inputs has a shape that does not fit; NotImplementedError where inputs holds complex numbers;
    RuntimeError where sharpness_factor or p is a tensor of several numbers.

    >>> RandomAdjustSharpness(2, p=1)(torch.ones(1, 4, 4)).mean()
    tensor(1.)
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.adjust_sharpness, inpt, self.sharpness_factor)


class GaussianBlur(Transform, v1.GaussianBlur):
    """Blurred with a standard deviation from the range sigma.

    kernel_size: the size of a window.

    Images are of shape (..., C, H, W). Raises TypeError where kernel_size is of the wrong type;
    ValueError where kernel_size is below 1; RuntimeError where kernel_size does not fit.

    >>> GaussianBlur(3)(torch.ones(1, 4, 4)).mean()
    tensor(1.)
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"sigma": uniform(self.sigma[0], self.sigma[1])}

    def transform(self, inpt: Any, params: Params) -> Any:
        sigma = params["sigma"]
        return self.call(F.gaussian_blur, inpt, list(self.kernel_size), [sigma, sigma])


class GaussianNoise(Transform):
    """With noise of that mean and deviation, where white is 1.

    sigma: standard deviation in pixels, or the range that it is drawn from. clip: cut at black and
    white.

    Images are of shape (..., C, H, W). Raises TypeError where sigma is of the wrong type;
    ValueError where sigma is negative or inputs holds integers, booleans or complex numbers;
    RuntimeError where sigma is a tensor of several numbers.

    >>> GaussianNoise(sigma=0.2)(torch.zeros(3, 8, 8)).min()
    tensor(0.)
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.gaussian_noise, inpt, self.mean, self.sigma, self.clip)


class JPEG(Transform):
    """As it comes out of a JPEG file of a quality, or of one drawn from a range.

    quality: 1 to 100, or a range of them.

    Images are of shape (..., C, H, W). Raises ValueError where quality is of the wrong type,
    quality is below 1 or inputs holds integers, booleans or complex numbers; RuntimeError where
    inputs has a shape that does not fit.

    >>> JPEG(50)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        limits = [quality, quality] if isinstance(quality, int) else quality
        check_length(limits, "quality", (2,))
        if not 1 <= limits[0] <= limits[1] <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100, got {quality =}")
        self.quality = limits

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"quality": integer(self.quality[0], self.quality[1] + 1)}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.jpeg, inpt, params["quality"])


class RandomErasing(RandomTransform, geometry.RandomErasing):
    """A random rectangle of a tensor image set to value, or to noise, with probability p.

    scale: a factor, or the range of the share of the area. ratio: the least and largest width
    by height. inplace: write the result over the input.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or inputs is
    no tensor; ValueError where p is out of range; RuntimeError where p is a tensor of several
    numbers.

    >>> (RandomErasing(p=1)(torch.ones(3, 8, 8)) == 0).any()
    tensor(True)
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0.0,
        inplace: bool = False,
    ) -> None:
        geometry.RandomErasing.__init__(self, p, scale, ratio, value, inplace)

    def make_params(self, flat_inputs: list[Any]) -> Params:
        shape = query_chw(flat_inputs)
        like = T.empty(shape, device="meta")
        *place, v = self.get_params(like, self.scale, self.ratio, self.values(like))
        return {"place": place, "v": None if v is like else v}

    def transform(self, inpt: Any, params: Params) -> Any:
        if params["v"] is None:
            return inpt
        return self.call(F.erase, inpt, *params["place"], params["v"], self.inplace)
