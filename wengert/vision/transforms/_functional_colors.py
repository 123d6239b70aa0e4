"""The functions of `functional.py` that change the colours of an image, or erase a part of it."""

from __future__ import annotations

from typing import Any

from ...engine.tensor import Tensor
from ..pillow import is_pil
from . import _functional_pil as F_pil
from . import _functional_tensor as F_t


def kernels(img: Any) -> Any:
    """The module that has the functions for images of img's kind."""
    return F_t if isinstance(img, Tensor) else F_pil


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """An image made darker (below 1) or brighter; 0 is black.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. brightness_factor: 0 black, 1 no
    change, 2 twice as bright.

    Raises TypeError where img or brightness_factor is of the wrong type; ValueError where
    brightness_factor is negative; NotImplementedError where img holds complex numbers; RuntimeError
    where brightness_factor is a tensor of several numbers.

    >>> adjust_brightness(torch.tensor([[[0.5, 1.0]]]), 0.5)
    tensor([[[0.2500, 0.5000]]])
    """
    return kernels(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """An image with less (below 1) or more contrast; 0 is grey.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. contrast_factor: 0 grey, 1 no
    change, 2 twice the contrast.

    Raises TypeError where img or contrast_factor is of the wrong type; ValueError where
    contrast_factor is negative; IndexError where img has a shape that does not fit;
    NotImplementedError where img holds complex numbers; RuntimeError where contrast_factor is a
    tensor of several numbers.

    >>> adjust_contrast(torch.tensor([[[0.0, 1.0]]]), 0.5)
    tensor([[[0.2500, 0.7500]]])
    """
    return kernels(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """An image with paler (below 1) or stronger colours; 0 is black and white.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. saturation_factor: 0 black and
    white, 1 no change, 2 twice the colour.

    Raises TypeError where img or saturation_factor is of the wrong type; ValueError where
    saturation_factor is negative; NotImplementedError where img holds complex numbers; RuntimeError
    where saturation_factor is a tensor of several numbers.

    >>> adjust_saturation(torch.tensor([[[1.0]], [[0.0]], [[0.0]]]), 0).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    """
    return kernels(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """An image with its hues turned by hue_factor in [-0.5, 0.5] of the circle.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img or hue_factor is of the wrong type; ValueError where hue_factor is
    not in [0, 1]; RuntimeError where img holds integers.

    >>> adjust_hue(torch.tensor([[[1.0]], [[0.0]], [[0.0]]]), 0.5).flatten()
    tensor([0., 1., 1.])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return kernels(img).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain * img ** gamma, with img taken as [0, 1].

    img is of shape (..., C, H, W). Raises TypeError where img or gamma is of the wrong type;
    ValueError where gamma is negative; RuntimeError where img holds integers.

    >>> adjust_gamma(torch.tensor([[[0.5, 1.0]]]), 2)
    tensor([[[0.2500, 1.0000]]])
    >>> adjust_gamma(torch.tensor([[[0.5, 1.0]]]), 2)
    tensor([[[0.2500, 1.0000]]])
    """
    return kernels(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """An image blurred (below 1) or sharpened.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. sharpness_factor: 0 blurs, 1 leaves
    the image alone, 2 sharpens.

    Raises TypeError where img or sharpness_factor is of the wrong type; ValueError where
    sharpness_factor is negative; IndexError where img has a shape that does not fit;
    NotImplementedError where img holds complex numbers; RuntimeError where sharpness_factor is a
    tensor of several numbers.

    >>> adjust_sharpness(torch.ones(1, 4, 4), 2).mean()
    tensor(1.)
    """
    return kernels(img).adjust_sharpness(img, sharpness_factor)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A Pillow image in black and white, with 1 or 3 equal channels.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. num_output_channels: 1 or 3.

    Raises TypeError where img is of the wrong type.

    >>> from PIL import Image
    >>> to_grayscale(Image.new("RGB", (4, 2))).mode
    'L'
    """
    if not is_pil(img):
        raise TypeError("Input should be PIL Image")
    return F_pil.to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """An image in black and white, with 1 or 3 equal channels.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. num_output_channels: 1 or 3.

    Raises TypeError where img is of the wrong type or img has a shape that does not fit.

    >>> rgb_to_grayscale(torch.zeros(3, 8, 8)).shape
    torch.Size([1, 8, 8])
    """
    return kernels(img).rgb_to_grayscale(img, num_output_channels)


def invert(img: Any) -> Any:
    """The negative of an image.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img is of the wrong type; RuntimeError where img holds booleans.

    >>> invert(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[255,   0]]], dtype=torch.uint8)
    """
    return kernels(img).invert(img)


def posterize(img: Any, bits: int) -> Any:
    """An image with only the first bits, 0 to 8, of each value kept.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img or bits is of the wrong type or img holds integers, booleans or
    complex numbers; ValueError where bits is out of range; RuntimeError where bits is a tensor of
    several numbers.

    >>> posterize(torch.tensor([[[3, 200]]], dtype=torch.uint8), 1)
    tensor([[[  0, 128]]], dtype=torch.uint8)
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return kernels(img).posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    """An image with all values from threshold on inverted.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img or threshold is of the wrong type or img holds booleans or complex
    numbers; RuntimeError where threshold is a tensor of several numbers.

    >>> solarize(torch.tensor([[[100, 200]]], dtype=torch.uint8), 128)
    tensor([[[100,  55]]], dtype=torch.uint8)
    """
    return kernels(img).solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    """An image with each channel stretched from its darkest and brightest to black and white.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img is of the wrong type; RuntimeError where img holds booleans;
    NotImplementedError where img holds complex numbers.

    >>> autocontrast(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """
    return kernels(img).autocontrast(img)


def equalize(img: Any) -> Any:
    """An image with the histogram of each channel made flat.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img is of the wrong type or img holds integers, booleans or complex
    numbers.

    >>> equalize(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """
    return kernels(img).equalize(img)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """A tensor image with the rectangle of height h and width w at row i, column j set to v.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. inplace: write the result over the
    input.

    Raises TypeError where img is no tensor or i, j, h or w is of the wrong type; RuntimeError where
    v is no tensor.

    >>> erase(torch.ones(1, 1, 3), 0, 1, 1, 2, torch.tensor(0.0))
    tensor([[[1., 0., 0.]]])
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return F_t.erase(img, i, j, h, w, v, inplace)
