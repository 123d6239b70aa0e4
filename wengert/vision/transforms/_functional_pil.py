"""Transforms of Pillow's images, under the names of those for tensors in `_functional_tensor.py`.

Arguments have been checked and completed by `functional.py`. Pillow is imported at the first call.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..pillow import is_pil, pillow

Fill = float | Sequence[float] | None


def check(img: Any) -> None:
    if not is_pil(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")


def get_dimensions(img: Any) -> list[int]:
    check(img)
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    check(img)
    return list(img.size)


def get_image_num_channels(img: Any) -> int:
    check(img)
    return len(img.getbands())


def hflip(img: Any) -> Any:
    check(img)
    return img.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    check(img)
    return img.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    check(img)
    return img.crop((left, top, left + width, top + height))


def enhanced(img: Any, by: str, factor: float) -> Any:
    check(img)
    return getattr(pillow("ImageEnhance"), by)(img).enhance(factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    return enhanced(img, "Brightness", brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    return enhanced(img, "Contrast", contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    return enhanced(img, "Color", saturation_factor)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    return enhanced(img, "Sharpness", sharpness_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    check(img)
    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    turned = np.asarray(hue, np.uint8) + np.int32(hue_factor * 255).astype(np.uint8)
    image = pillow()
    return image.merge("HSV", (image.fromarray(turned), saturation, value)).convert(img.mode)


def adjust_gamma(img: Any, gamma: float, gain: float = 1.0) -> Any:
    check(img)
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    table = [int((256 - 1e-3) * gain * (level / 255.0) ** gamma) for level in range(256)]
    return img.convert("RGB").point(table * 3).convert(img.mode)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    check(img)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    return grey if num_output_channels == 1 else pillow().merge("RGB", (grey, grey, grey))


rgb_to_grayscale = to_grayscale


def invert(img: Any) -> Any:
    check(img)
    return pillow("ImageOps").invert(img)


def posterize(img: Any, bits: int) -> Any:
    check(img)
    return pillow("ImageOps").posterize(img, bits)


def solarize(img: Any, threshold: int) -> Any:
    check(img)
    return pillow("ImageOps").solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    check(img)
    return pillow("ImageOps").autocontrast(img)


def equalize(img: Any) -> Any:
    check(img)
    return pillow("ImageOps").equalize(img)


def colour_of(fill: Fill, img: Any) -> Any:
    """fill as Pillow wants it for the image's mode: a number, or one for each band."""
    bands = get_image_num_channels(img)
    whole: Any = (lambda x: x) if img.mode == "F" else int
    if fill is None or isinstance(fill, numbers.Number):
        value = whole(fill or 0)
        return value if bands == 1 else (value,) * bands
    values = tuple(whole(x) for x in fill)  # type: ignore[union-attr]
    if len(values) == 1:
        values *= bands
    elif len(values) != bands:
        raise ValueError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(values)} != {bands})"
        )
    return values if bands > 1 else values[0]


def pad(img: Any, padding: Sequence[int], fill: Fill = 0, padding_mode: str = "constant") -> Any:
    check(img)
    left, top, right, bottom = padding
    palette = img.getpalette() if img.mode == "P" else None
    if padding_mode == "constant":
        out = pillow("ImageOps").expand(img, (left, top, right, bottom), colour_of(fill, img))
    else:
        cut = [max(-p, 0) for p in padding]
        if any(cut):
            img = img.crop((cut[0], cut[1], img.width - cut[2], img.height - cut[3]))
        pixels = np.asarray(img)
        sides = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)]
        out = pillow().fromarray(np.pad(pixels, sides[: pixels.ndim], padding_mode))  # type: ignore[call-overload]
    if palette is not None:
        out.putpalette(palette)
    return out


def resize(img: Any, size: Sequence[int], interpolation: int) -> Any:
    check(img)
    return img.resize((size[1], size[0]), interpolation)


def affine(img: Any, matrix: Sequence[float], interpolation: int, fill: Fill = None) -> Any:
    colour = colour_of(fill, img)
    return img.transform(img.size, pillow().Transform.AFFINE, matrix, interpolation,
                         fillcolor=colour)  # fmt: skip


def rotate(
    img: Any,
    angle: float,
    interpolation: int,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Fill = None,
) -> Any:
    colour = colour_of(fill, img)
    return img.rotate(angle, interpolation, expand, center, fillcolor=colour)


def perspective(img: Any, coeffs: Sequence[float], interpolation: int, fill: Fill = None) -> Any:
    colour = colour_of(fill, img)
    return img.transform(img.size, pillow().Transform.PERSPECTIVE, coeffs, interpolation,
                         fillcolor=colour)  # fmt: skip
