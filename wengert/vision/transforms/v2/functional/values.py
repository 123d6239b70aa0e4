"""Colours, dtypes and kinds of version 2, and facts about what is in a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .....api import functions as T
from .....base.aliases import alias
from .....base.dtypes import dtype as Dtype
from .....base.dtypes import float32, uint8
from .....engine.error_context import clear_errors
from .....engine.tensor import Tensor
from ....io.image import decode_jpeg, encode_jpeg
from ....ops.boxes import box_convert
from ....pillow import is_pil
from ....tv_tensors import BoundingBoxes, BoundingBoxFormat, Image, KeyPoints, Mask, wrap
from ... import functional as F
from .dispatch import clamped, functional, register_kernel

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "autocontrast", "clamp_bounding_boxes", "clamp_keypoints",
    "convert_bounding_box_format", "convert_image_dtype", "equalize", "erase", "gaussian_blur",
    "gaussian_noise", "get_dimensions", "get_image_num_channels", "get_image_size",
    "get_num_channels", "get_num_frames", "get_size", "grayscale_to_rgb", "invert", "jpeg",
    "normalize", "permute_channels", "pil_to_tensor", "posterize", "rgb_to_grayscale",
    "sanitize_bounding_boxes", "solarize", "to_dtype", "to_grayscale", "to_image", "to_pil_image",
    "to_tensor", "uniform_temporal_subsample",
]  # fmt: skip

adjust_brightness = functional()(F.adjust_brightness)
adjust_contrast = functional()(F.adjust_contrast)
adjust_saturation = functional()(F.adjust_saturation)
adjust_hue = functional()(F.adjust_hue)
adjust_gamma = functional()(F.adjust_gamma)
adjust_sharpness = functional()(F.adjust_sharpness)
autocontrast = functional()(F.autocontrast)
equalize = functional()(F.equalize)
invert = functional()(F.invert)
posterize = functional()(F.posterize)
solarize = functional()(F.solarize)
rgb_to_grayscale = functional()(F.rgb_to_grayscale)
gaussian_blur = functional()(F.gaussian_blur)
normalize = functional()(F.normalize)
to_grayscale = F.to_grayscale
pil_to_tensor, to_tensor = F.pil_to_tensor, F.to_tensor


@functional()
def erase(inpt: Any, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Any:
    """An image with a rectangle set to v.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. inplace: write the result over the
    input. i: the first row. j: the first column. h: how many rows. w: how many columns.

    Raises TypeError where inpt, i, j or h is of the wrong type; RuntimeError where v is no tensor.

    >>> erase(torch.ones(1, 1, 3), 0, 1, 1, 2, torch.tensor(0.0))
    tensor([[[1., 0., 0.]]])
    """
    return F.through_tensor(inpt, lambda x: F.erase(x, i, j, h, w, v, inplace))


@functional()
def grayscale_to_rgb(inpt: Any) -> Any:
    """In three channels; an image of three stays as it is.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type or inpt has a shape that does not fit.

    >>> grayscale_to_rgb(torch.zeros(1, 2, 2)).shape
    torch.Size([3, 2, 2])
    """
    return F.rgb_to_grayscale(inpt, 3) if F.get_dimensions(inpt)[0] == 1 else inpt


@functional()
def permute_channels(inpt: Any, permutation: Sequence[int]) -> Any:
    """With the channels in another order.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. permutation: the new order of the
    channels.

    Raises TypeError where inpt or permutation is of the wrong type; ValueError where inpt has a
    shape that does not fit or permutation has another length.

    >>> permute_channels(torch.tensor([[[1]], [[2]], [[3]]]), [2, 1, 0]).flatten()
    tensor([3, 2, 1])
    """
    order = permutation.tolist() if isinstance(permutation, Tensor) else list(permutation)
    if sorted(order) != list(range(F.get_dimensions(inpt)[0])):
        raise ValueError(f"{order} is no order of {F.get_dimensions(inpt)[0]} channels")
    return F.through_tensor(inpt, lambda x: x[..., order, :, :])


@functional()
def gaussian_noise(
    inpt: Tensor, mean: float = 0.0, sigma: float = 0.1, clip: bool = True
) -> Tensor:
    """With noise of that mean and deviation, where white is 1; clip: and cut at black and white.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. sigma: standard deviation in
    pixels, or the range that it is drawn from.

    Raises TypeError where inpt is no tensor; ValueError where inpt holds integers, booleans or
    complex numbers.

    >>> gaussian_noise(torch.zeros(3, 8, 8)).min()
    tensor(0.)
    """
    if not isinstance(inpt, Tensor):
        raise ValueError("Gaussian Noise is not implemented for PIL images.")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if inpt.dtype == uint8:
        noise = T.randn_like(inpt, dtype=float32)
        noisy = inpt.to(float32) + (mean * 255.0 + noise * (sigma * 255.0))
        return (noisy.clamp(0, 255) if clip else noisy).to(uint8)
    if not inpt.is_floating_point():
        raise ValueError(
            f"Input tensor is expected to be in uint8 or float dtype, got {inpt.dtype}"
        )
    noisy = inpt + (mean + T.randn_like(inpt) * sigma)
    return noisy.clamp(0, 1) if clip else noisy


@functional()
def jpeg(inpt: Any, quality: int) -> Any:
    """As it comes out of a JPEG file of that quality, from 1 to 100.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt or quality is of the wrong type; ValueError where inpt holds
    integers, booleans or complex numbers or quality is below 1; RuntimeError where inpt has a shape
    that does not fit.

    >>> jpeg(torch.zeros(3, 8, 8, dtype=torch.uint8), quality=50).shape
    torch.Size([3, 8, 8])
    """

    def squeeze(x: Tensor) -> Tensor:
        if x.dtype != uint8:
            raise ValueError(f"Image tensor must be uint8, got {x.dtype}")
        planes = x.reshape(-1, *x.shape[-3:])
        return T.stack([decode_jpeg(encode_jpeg(p, quality)) for p in planes]).reshape(x.shape)

    return F.through_tensor(inpt, squeeze)


@functional(mask=lambda x, dtype=float32, scale=False: x.to(dtype))
@clear_errors
def to_dtype(inpt: Tensor, dtype: Dtype = float32, scale: bool = False) -> Tensor:
    """In another dtype; scale: so that white stays white.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is no tensor.

    >>> to_dtype(torch.tensor([[[255]]], dtype=torch.uint8), torch.float32, scale=True)
    tensor([[[1.]]])
    """
    return F.convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


def in_dtype(inpt: Any, dtype: Dtype = float32, scale: bool = False) -> Any:
    return inpt.to(dtype)


for _kind in (BoundingBoxes, KeyPoints):
    register_kernel(to_dtype, _kind)(in_dtype)


def convert_image_dtype(image: Tensor, dtype: Dtype = float32) -> Tensor:
    """A tensor image in another dtype, scaled so that white stays white.

    image is of shape (..., C, H, W). Raises TypeError where image is no tensor.

    >>> convert_image_dtype(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """
    return to_dtype(image, dtype, scale=True)


def to_image(inpt: Any) -> Image:
    """A tensor, an array (H, W, C) or an image of Pillow as an `Image`.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type.

    >>> type(to_image(np.zeros((4, 6, 3), np.uint8))).__name__
    'Image'
    """
    if isinstance(inpt, np.ndarray):
        planes = inpt[:, :, None] if inpt.ndim == 2 else inpt
        return Image(np.ascontiguousarray(planes.transpose(2, 0, 1)))
    if not isinstance(inpt, Tensor) and not is_pil(inpt):
        raise TypeError(
            "Input can either be a pure Tensor, a numpy array, or a PIL image, but got "
            f"{type(inpt)}"
        )
    return Image(inpt)


def to_pil_image(inpt: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or array (H, W, C) as an image of Pillow.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. mode: the kind of image, such as
    'RGB'; None: as it is.

    Raises TypeError where inpt is of the wrong type or inpt holds integers, booleans or complex
    numbers; ValueError where inpt has a shape that does not fit.

    >>> to_pil_image(torch.zeros(3, 4, 6)).size
    (6, 4)
    """
    return F.to_pil_image(inpt.as_subclass(Tensor) if isinstance(inpt, Image) else inpt, mode)


@functional()
def uniform_temporal_subsample(inpt: Tensor, num_samples: int) -> Tensor:
    """num_samples frames, evenly spread, of a video (..., T, C, H, W).

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is no tensor or num_samples is of the wrong type; IndexError where
    inpt has a shape that does not fit; RuntimeError where num_samples is negative.

    >>> uniform_temporal_subsample(torch.zeros(9, 3, 8, 8), 4).shape
    torch.Size([4, 3, 8, 8])
    """
    index = T.linspace(0, inpt.shape[-4] - 1, num_samples).long()
    return T.index_select(inpt, -4, index)


# Facts


def get_dimensions(inpt: Any) -> list[int]:
    """[channels, height, width] of an image.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type.

    >>> get_dimensions(torch.zeros(3, 4, 6))
    [3, 4, 6]
    """
    return F.get_dimensions(inpt)


def get_num_channels(inpt: Any) -> int:
    """The number of channels of an image.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type.

    >>> get_image_num_channels(torch.zeros(3, 4, 6))
    3
    """
    return F.get_dimensions(inpt)[0]


get_image_num_channels = alias(get_num_channels, "get_image_num_channels")


def get_size(inpt: Any) -> list[int]:
    """[height, width] of an image, a mask, or the canvas of boxes and points.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type.

    >>> get_size(torch.zeros(3, 4, 6))
    [4, 6]
    """
    if isinstance(inpt, (BoundingBoxes, KeyPoints)):
        return list(inpt.canvas_size)
    if isinstance(inpt, Mask):
        return list(inpt.shape[-2:])
    return F.get_dimensions(inpt)[1:]


get_image_size = F.get_image_size


def get_num_frames(inpt: Any) -> int:
    """The number of frames of a video.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type or inpt has a shape that does not fit.

    >>> get_num_frames(tv_tensors.Video(torch.zeros(9, 3, 4, 6)))
    9
    """
    if not isinstance(inpt, Tensor) or inpt.ndim < 4:
        raise TypeError("Expected a video of shape (..., T, C, H, W)")
    return inpt.shape[-4]


# Boxes and points


def format_of(inpt: Any, given: Any, name: str) -> BoundingBoxFormat:
    found = inpt.format if isinstance(inpt, BoundingBoxes) else given
    if found is None:
        raise ValueError(f"For pure tensor inputs, `{name}` has to be passed.")
    return BoundingBoxFormat[found.upper()] if isinstance(found, str) else found


@clear_errors
def convert_bounding_box_format(
    inpt: Tensor, old_format: Any = None, new_format: Any = None, inplace: bool = False
) -> Any:
    """Boxes in another format; old_format is for plain tensors.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. inplace: write the result over the
    input. new_format: a BoundingBoxFormat or its name.

    Raises ValueError where inpt has a shape that does not fit; KeyError where old_format or
    new_format is unknown; RuntimeError where inpt holds booleans; TypeError where inpt is no tensor
    or old_format or new_format is of the wrong type.

    >>> convert_bounding_box_format(torch.tensor([[1, 2, 3, 5]]), "XYXY", "XYWH")
    tensor([[1, 2, 2, 3]])
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    if isinstance(inpt, BoundingBoxes) and old_format is not None:
        raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
    old = format_of(inpt, old_format, "old_format")
    new = format_of(None, new_format, "new_format")
    out = box_convert(inpt.as_subclass(Tensor), old.value.lower(), new.value.lower())
    return wrap(out, like=inpt, format=new) if isinstance(inpt, BoundingBoxes) else out


@clear_errors
def clamp_bounding_boxes(
    inpt: Tensor, format: Any = None, canvas_size: Any = None, clamping_mode: Any = "auto"
) -> Any:
    """Boxes cut at the canvas; format and canvas_size are for plain tensors.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. clamping_mode: 'soft': may reach out
    a little where rotated, 'hard': none, 'auto': the boxes' own, None: not at all.

    Raises TypeError where canvas_size is of the wrong type; ValueError where canvas_size has
    another length; IndexError where inpt has a shape that does not fit; KeyError where format is
    unknown; NotImplementedError where inpt holds complex numbers.

    >>> clamp_bounding_boxes(torch.tensor([[-1, 0, 9, 4]]), format="XYXY", canvas_size=(8, 8))
    tensor([[0, 0, 8, 4]])
    """
    found = format_of(inpt, format, "format").value.lower()
    canvas = inpt.canvas_size if isinstance(inpt, BoundingBoxes) else canvas_size
    if canvas is None:
        raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    if clamping_mode is None:
        return inpt.clone()
    corners = box_convert(inpt.as_subclass(Tensor), found, "xyxy")
    out = box_convert(clamped(corners, canvas), "xyxy", found)
    return wrap(out, like=inpt) if isinstance(inpt, BoundingBoxes) else out


@clear_errors
def clamp_keypoints(inpt: Tensor, canvas_size: Any = None) -> Any:
    """Points moved into the canvas; canvas_size is for plain tensors.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where canvas_size is of the wrong type; ValueError where canvas_size has
    another length; IndexError where inpt has a shape that does not fit; NotImplementedError where
    inpt holds complex numbers.

    >>> clamp_keypoints(torch.tensor([[-1, 9]]), canvas_size=(8, 8))
    tensor([[0, 7]])
    """
    canvas = inpt.canvas_size if isinstance(inpt, KeyPoints) else canvas_size
    if canvas is None:
        raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    at = inpt.as_subclass(Tensor)
    height, width = canvas
    out = T.stack([at[..., 0].clamp(0, width - 1), at[..., 1].clamp(0, height - 1)], -1)
    return wrap(out, like=inpt) if isinstance(inpt, KeyPoints) else out


@clear_errors
def sanitize_bounding_boxes(
    bounding_boxes: Any,
    format: Any = None,
    canvas_size: Any = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Any, Tensor]:
    """The boxes that lie in the canvas and are large enough, and which those are, bool (N,).

    bounding_boxes: (N, 4), plain or of tv_tensors. format: a BoundingBoxFormat or its name; only
    for plain tensors. canvas_size: (height, width); only for plain tensors. min_size: boxes with a
    shorter side, in pixels, go. min_area: boxes of a smaller area, in pixels, go.

    Raises TypeError where canvas_size is of the wrong type; ValueError where bounding_boxes has a
    shape that does not fit or canvas_size has another length; KeyError where format is unknown;
    RuntimeError where bounding_boxes holds booleans; NotImplementedError where bounding_boxes holds
    complex numbers.

    >>> boxes = torch.tensor([[1, 2, 1, 2], [0, 0, 4, 4]])
    >>> sanitize_bounding_boxes(boxes, format="XYXY", canvas_size=(8, 8))
    (tensor([[0, 0, 4, 4]]), tensor([False,  True]))
    """
    found = format_of(bounding_boxes, format, "format").value.lower()
    is_boxes = isinstance(bounding_boxes, BoundingBoxes)
    height, width = bounding_boxes.canvas_size if is_boxes else canvas_size
    plain = bounding_boxes.as_subclass(Tensor)
    x1, y1, x2, y2 = box_convert(plain, found, "xyxy").unbind(-1)
    w, h = x2 - x1, y2 - y1
    valid = (w >= min_size) & (h >= min_size) & (w * h >= min_area)
    valid = valid & (x1 >= 0) & (y1 >= 0) & (x2 <= width) & (y2 <= height)
    kept = plain[valid]
    return (wrap(kept, like=bounding_boxes) if is_boxes else kept), valid
