"""Transforms as functions of one image, Pillow's or a tensor (..., C, H, W).

Here arguments are checked and completed; the work is in `_functional_tensor.py` and
`_functional_pil.py`; colours are in `_functional_colors.py`. The transforms as objects, with what
is random about them, are in `transforms.py`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ..pillow import _is_numpy_image, _is_tensor_image, is_pil  # noqa: F401
from . import _functional_pil as F_pil
from . import _functional_tensor as F_t
from ._functional_colors import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    equalize,
    erase,
    invert,
    kernels,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from .conversion import convert_image_dtype, pil_to_tensor, to_pil_image, to_tensor
from .interpolation import InterpolationMode, mode_of, pil_mode

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue",
    "adjust_saturation", "adjust_sharpness", "affine", "autocontrast", "center_crop",
    "convert_image_dtype", "crop", "elastic_transform", "equalize", "erase", "five_crop",
    "gaussian_blur", "get_dimensions", "get_image_num_channels", "get_image_size", "hflip",
    "invert", "normalize", "pad", "perspective", "pil_modes_mapping", "pil_to_tensor", "posterize",
    "resize", "resized_crop", "rgb_to_grayscale", "rotate", "solarize", "ten_crop",
    "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip

Fill = float | Sequence[float] | None

accimage = None  # a library that read images for torchvision
_is_pil_image = is_pil
pil_modes_mapping = {mode: pil_mode(mode) for mode in InterpolationMode}


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of an image.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. Raises TypeError where img is of
    the wrong type.

    >>> get_dimensions(torch.zeros(3, 4, 5))
    [3, 4, 5]
    """
    return kernels(img).get_dimensions(img)


def get_image_size(img: Any) -> list[int]:
    """[width, height] of an image.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. Raises TypeError where img is of
    the wrong type.

    >>> get_image_size(torch.zeros(3, 4, 6))
    [6, 4]
    """
    return kernels(img).get_image_size(img)


_get_image_size = get_image_size


def get_image_num_channels(img: Any) -> int:
    """The number of channels of an image.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. Raises TypeError where img is of
    the wrong type.

    >>> get_image_num_channels(torch.zeros(3, 4, 6))
    3
    """
    return kernels(img).get_image_num_channels(img)


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """(tensor - mean) / std for each channel of a float image (..., C, H, W).

    inplace: write the result over the input. Raises TypeError where tensor is no tensor or tensor
    holds integers, booleans or complex numbers; ValueError where tensor has a shape that does not
    fit; RuntimeError where mean or std has another length.

    >>> normalize(torch.ones(1, 1, 2), [0.5], [0.5])
    tensor([[[1., 1.]]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return F_t.normalize(tensor, mean, std, inplace)


# Size and position


def resized_size(
    old: Sequence[int], size: int | Sequence[int], max_size: int | None = None
) -> list[int]:
    """The [height, width] that resizing from old = (height, width) to size gives."""
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )
        return list(size)
    short = size if isinstance(size, int) else size[0]
    h, w = old
    long = int(short * max(h, w) / min(h, w))
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size}"
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return [long, short] if w <= h else [short, long]


def check_size(size: Any) -> None:
    if not isinstance(size, (int, Sequence)):
        raise TypeError(f"Got inappropriate size arg: {size}")
    if isinstance(size, Sequence) and len(size) not in (1, 2):
        raise ValueError(
            "Size must be an int or a 1 or 2 element tuple/list, "
            f"not a {len(size)} element tuple/list"
        )


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """An image at another size.

    size: (height, width), or the length of the shorter side, which keeps the proportions. max_size:
    the longer side is made no longer than this. antialias: smooth before shrinking; images of
    Pillow always are. img: an image: a tensor (*, C, H, W) or a picture of Pillow. interpolation:
    an InterpolationMode: how values between pixels are found. Raises TypeError where img or size is
    of the wrong type; RuntimeError where size is below 1.

    >>> resize(torch.zeros(3, 4, 8), 2).shape
    torch.Size([3, 2, 4])
    """
    check_size(size)
    mode = mode_of(interpolation)
    _, h, w = get_dimensions(img)
    out = resized_size((h, w), size, max_size)
    if out == [h, w]:
        return img
    if isinstance(img, Tensor):
        return F_t.resize(img, out, mode.value, antialias)
    return F_pil.resize(img, out, pil_mode(mode))


def sides(padding: Any) -> list[int]:
    """[left, top, right, bottom] from a number, a pair or those four."""
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    parts = [padding] if isinstance(padding, int) else list(padding)
    if len(parts) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, "
            f"not a {len(parts)} element tuple"
        )
    return parts * (4 // len(parts))


def pad(
    img: Any, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant"
) -> Any:
    """An image with a border: of a colour, or of its "edge", "reflect"-ed or "symmetric".

    padding: one width, (left and right, top and bottom), or (left, top, right, bottom). img: an
    image: a tensor (*, C, H, W) or a picture of Pillow. fill: the value of pixels that come from
    outside. padding_mode: 'constant', 'edge', 'reflect' or 'symmetric'. Raises TypeError where img
    or padding is of the wrong type; RuntimeError where padding is negative.

    >>> pad(torch.ones(1, 1, 1), 1)
    tensor([[[0., 0., 0.],
             [0., 1., 0.],
             [0., 0., 0.]]])
    """
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    return kernels(img).pad(img, sides(padding), fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle of an image; what lies outside of the image is zero.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. top: the first row. left: the first
    column. height: rows of the result, or of the image. width: columns of the result, or of the
    image. Raises TypeError where img, top, left or height is of the wrong type; RuntimeError where
    top, left, height or width is a tensor of several numbers.

    >>> crop(torch.arange(4).view(1, 2, 2), 0, 1, 2, 1)
    tensor([[[1],
             [3]]])
    """
    return kernels(img).crop(img, top, left, height, width)


def pair(size: Any) -> tuple[int, int]:
    """(height, width) from a number, or a list of one or two."""
    if isinstance(size, numbers.Number):
        return (int(size), int(size))  # type: ignore[call-overload]
    if len(size) == 1:
        return (size[0], size[0])
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return (size[0], size[1])


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of an image, with a zero border where the image is smaller.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. output_size: height and width of
    the result. Raises TypeError where img or output_size is of the wrong type; ValueError where
    output_size is a tensor of several numbers.

    >>> center_crop(torch.arange(9.0).reshape(1, 3, 3), 1)
    tensor([[[4.]]])
    """
    height, width = pair(output_size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        across, down = max(width - w, 0), max(height - h, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2])
        _, h, w = get_dimensions(img)
        if (width, height) == (w, h):
            return img
    return crop(img, round((h - height) / 2.0), round((w - width) / 2.0), height, width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A rectangle of an image, resized.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. top: the first row. left: the first
    column. height: rows of the result, or of the image. width: columns of the result, or of the
    image. size: height and width, or the length of the shorter side, in pixels. interpolation: an
    InterpolationMode: how values between pixels are found. antialias: blur before making an image
    smaller. Raises TypeError where img, top, left or height is of the wrong type; ValueError where
    size is empty or size is too long; RuntimeError where height or width is below 1.

    >>> resized_crop(torch.zeros(3, 8, 8), 0, 0, 2, 4, [4, 4]).shape
    torch.Size([3, 4, 4])
    """
    part = crop(img, top, left, height, width)
    return resize(part, size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """An image with left and right exchanged.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. Raises TypeError where img is of
    the wrong type.

    >>> hflip(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """
    return kernels(img).hflip(img)


def vflip(img: Any) -> Any:
    """An image with top and bottom exchanged.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. Raises TypeError where img is of
    the wrong type.

    >>> vflip(torch.tensor([[[1], [2]]])).flatten()
    tensor([2, 1])
    """
    return kernels(img).vflip(img)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The four corners of an image and its middle: top left, top right, bottom left and right.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. size: height and width, or the
    length of the shorter side, in pixels. Raises TypeError where img or size is of the wrong type;
    ValueError where size does not fit.

    >>> [tuple(part.shape) for part in five_crop(torch.zeros(3, 8, 8), 4)][:2]
    [(3, 4, 4), (3, 4, 4)]
    """
    height, width = pair(size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        raise ValueError(
            f"Requested crop size {(height, width)} is bigger than input size {(h, w)}"
        )
    at = [(0, 0), (0, w - width), (h - height, 0), (h - height, w - width)]
    a, b, c, d = (crop(img, top, left, height, width) for top, left in at)
    return a, b, c, d, center_crop(img, [height, width])


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of an image and of the image flipped.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. size: height and width, or the
    length of the shorter side, in pixels. vertical_flip: flip up and down instead of left and
    right. Raises TypeError where img or size is of the wrong type; ValueError where size does not
    fit.

    >>> len(ten_crop(torch.zeros(3, 8, 8), 4))
    10
    """
    flipped = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(flipped, size)


def inverse_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
    inverted: bool = True,
) -> list[float]:
    """The six numbers that take a position in the output to the one in the input it comes from.

    The output is turned by angle, sheared and scaled about center, then moved by translate.
    inverted=False gives the way from the input to the output.
    """
    turn = math.radians(angle)
    sx, sy = (math.radians(s) for s in shear)
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    (cx, cy), (tx, ty) = center, translate
    if inverted:
        p, q, r, s = d / scale, -b / scale, -c / scale, a / scale
        return [
            p,
            q,
            p * (-cx - tx) + q * (-cy - ty) + cx,
            r,
            s,
            r * (-cx - tx) + s * (-cy - ty) + cy,
        ]
    p, q, r, s = a * scale, b * scale, c * scale, d * scale
    return [p, q, p * -cx + q * -cy + cx + tx, r, s, r * -cx + s * -cy + cy + ty]


def offset_from_middle(img: Any, center: Sequence[float] | None) -> list[float]:
    if center is None:
        return [0.0, 0.0]
    if len(center) != 2:
        raise ValueError("center should be a list or tuple of length 2")
    _, h, w = get_dimensions(img)
    return [1.0 * (c - s * 0.5) for c, s in zip(center, (w, h))]


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Fill = None,
) -> Any:
    """An image turned counter-clockwise by angle in degrees.

    expand: make the output large enough to hold all of it; center: (x, y), by default the middle.
    img: an image: a tensor (*, C, H, W) or a picture of Pillow. interpolation: an
    InterpolationMode: how values between pixels are found. fill: the value of pixels that come from
    outside. Raises TypeError where img or angle is of the wrong type.

    >>> rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    mode = mode_of(interpolation)
    offset = offset_from_middle(img, center)
    if not isinstance(img, Tensor):
        return F_pil.rotate(img, angle, pil_mode(mode), expand, center, fill)
    matrix = inverse_affine_matrix(offset, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return F_t.rotate(img, matrix, mode.value, expand, fill)


def check_affine(angle: Any, translate: Any, scale: float, shear: Any) -> list[float]:
    """The two shears, once the arguments of `affine` have been checked."""
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    both: list[Any] = list(shear) if isinstance(shear, (list, tuple)) else [shear, 0.0]
    both = both * 2 if len(both) == 1 else both
    if len(both) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return [float(s) for s in both]


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    fill: Fill = None,
    center: Sequence[float] | None = None,
) -> Any:
    """An image turned clockwise by angle, moved, scaled and sheared about center.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. scale: a factor, or the range of
    factors. shear: degrees, along x or (along x, along y). interpolation: an InterpolationMode: how
    values between pixels are found. fill: the value of pixels that come from outside. translate:
    the shift in pixels, (right, down). Raises TypeError where img, angle, translate or scale is of
    the wrong type; ValueError where translate has another length, scale is negative, shear is empty
    or shear is too short; RuntimeError where scale is a tensor of several numbers.

    >>> affine(torch.zeros(3, 8, 8), angle=30, translate=[0, 0], scale=1.0, shear=[0.0]).shape
    torch.Size([3, 8, 8])
    """
    both = check_affine(angle, translate, scale, shear)
    mode = mode_of(interpolation)
    _, h, w = get_dimensions(img)
    if isinstance(img, Tensor):
        offset = offset_from_middle(img, center)
        matrix = inverse_affine_matrix(offset, angle, translate, scale, both)
        return F_t.affine(img, matrix, mode.value, fill)
    middle = [w * 0.5, h * 0.5] if center is None else center
    matrix = inverse_affine_matrix(middle, angle, translate, scale, both)
    return F_pil.affine(img, matrix, pil_mode(mode), fill)


def perspective_coeffs(
    startpoints: Sequence[Sequence[float]], endpoints: Sequence[Sequence[float]]
) -> list[float]:
    """The eight numbers a..h with x = (a X + b Y + c) / (g X + h Y + 1), and y likewise."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            "Please provide exactly four corners, got "
            f"{len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(startpoints, endpoints):
        rows.append([u, v, 1, 0, 0, 0, -x * u, -x * v])
        rows.append([0, 0, 0, u, v, 1, -y * u, -y * v])
    target = np.array(startpoints, np.float64).reshape(8)
    solution = np.linalg.lstsq(np.array(rows, np.float64), target, rcond=None)[0]
    return [float(c) for c in solution.astype(np.float32)]


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Any:
    """An image drawn so that the four points startpoints, as (x, y), come to lie at endpoints.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. interpolation: an
    InterpolationMode: how values between pixels are found. fill: the value of pixels that come from
    outside.

    Raises TypeError where img, startpoints or endpoints is of the wrong type; ValueError where
    startpoints or endpoints has another length.

    >>> corners = [[0, 0], [7, 0], [7, 7], [0, 7]]
    >>> perspective(torch.zeros(3, 8, 8), corners, corners).shape
    torch.Size([3, 8, 8])
    """
    coeffs = perspective_coeffs(startpoints, endpoints)
    mode = mode_of(interpolation)
    if isinstance(img, Tensor):
        return F_t.perspective(img, coeffs, mode.value, fill)
    return F_pil.perspective(img, coeffs, pil_mode(mode), fill)


def through_tensor(img: Any, f: Any) -> Any:
    """f of an image that may be Pillow's, where only tensors can be worked on."""
    if isinstance(img, Tensor):
        return f(img)
    if not is_pil(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return to_pil_image(f(pil_to_tensor(img)), mode=img.mode)


def elastic_transform(
    img: Any,
    displacement: Tensor,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Any:
    """An image whose pixels come from where displacement (1, H, W, 2) points, in half images.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow. interpolation: an
    InterpolationMode: how values between pixels are found. fill: the value of pixels that come from
    outside.

    Raises TypeError where img is of the wrong type or displacement is no tensor; ValueError where
    img or displacement has a shape that does not fit.

    >>> elastic_transform(torch.zeros(3, 8, 8), torch.zeros(1, 8, 8, 2)).shape
    torch.Size([3, 8, 8])
    """
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    _, h, w = get_dimensions(img)
    if tuple(displacement.shape) != (1, h, w, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, h, w, 2)}, but given {displacement.shape}"
        )
    mode = mode_of(interpolation).value
    return through_tensor(img, lambda x: F_t.elastic_transform(x, displacement, mode, fill))


def gaussian_blur(
    img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    """An image blurred by a Gaussian of odd kernel_size (x, y) and standard deviation sigma.

    img: an image: a tensor (*, C, H, W) or a picture of Pillow.

    Raises TypeError where img or kernel_size is of the wrong type; ValueError where kernel_size is
    below 1; RuntimeError where kernel_size does not fit.

    >>> gaussian_blur(torch.ones(1, 4, 4), 3).mean()
    tensor(1.0000)
    """
    size = blur_size(kernel_size)
    if sigma is None:
        width = [k * 0.15 + 0.35 for k in size]
    else:
        if not isinstance(sigma, (int, float, list, tuple)):
            raise TypeError(
                f"sigma should be either float or sequence of floats. Got {type(sigma)}"
            )
        width = [float(sigma)] if isinstance(sigma, (int, float)) else [float(s) for s in sigma]
        width = width * 2 if len(width) == 1 else width
        if len(width) != 2:
            raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(width)}")
    if any(s <= 0.0 for s in width):
        raise ValueError(f"sigma should have positive values. Got {width}")
    return through_tensor(img, lambda x: F_t.gaussian_blur(x, size, width))


def blur_size(kernel_size: Any) -> list[int]:
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(
            f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}"
        )
    size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(size) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(size)}")
    if any(k % 2 == 0 or k < 0 for k in size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {size}")
    return size
