"""Geometry of version 2: of images, and of the masks, boxes and points that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .....api import functions as T
from .....base.aliases import alias
from .....base.dtypes import int64
from .....engine.tensor import Tensor
from ... import _functional_tensor as F_t
from ... import functional as F
from ...interpolation import InterpolationMode, mode_of
from .dispatch import functional

__all__ = [
    "affine", "center_crop", "crop", "elastic", "elastic_transform", "five_crop", "hflip",
    "horizontal_flip", "pad", "perspective", "resize", "resized_crop", "rotate", "ten_crop",
    "vertical_flip", "vflip",
]  # fmt: skip

Canvas = tuple[int, int]
Placed = tuple[Tensor, Canvas]
NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def flip_points(axis: int, last: int = 0) -> Any:
    def points(at: Tensor, canvas: Canvas) -> Placed:
        side = canvas[1 - axis] - last
        moved = side - at[:, axis]
        return T.stack([moved, at[:, 1]] if axis == 0 else [at[:, 0], moved], 1), canvas

    return points


@functional(mask=F.hflip, points=flip_points(0), clamp=False, pixels=flip_points(0, 1))
def horizontal_flip(inpt: Any) -> Any:
    """Left and right exchanged.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type.

    >>> hflip(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """
    return F.hflip(inpt)


@functional(mask=F.vflip, points=flip_points(1), clamp=False, pixels=flip_points(1, 1))
def vertical_flip(inpt: Any) -> Any:
    """Top and bottom exchanged.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow.

    Raises TypeError where inpt is of the wrong type.

    >>> vertical_flip(torch.tensor([[[1], [2]]])).flatten()
    tensor([2, 1])
    """
    return F.vflip(inpt)


hflip, vflip = alias(horizontal_flip, "hflip"), alias(vertical_flip, "vflip")


def target_size(old: Canvas, size: Any, max_size: int | None) -> list[int]:
    """The size to resize to; None with max_size makes the longer side that."""
    if size is None:
        if max_size is None:
            raise ValueError("max_size must be an integer when size is None")
        h, w = old
        scale = max_size / max(h, w)
        return [max_size if h >= w else int(h * scale), max_size if w >= h else int(w * scale)]
    return F.resized_size(old, list(size) if not isinstance(size, int) else size, max_size)


def resize_mask(
    mask: Tensor, size: Any, *args: Any, max_size: int | None = None, **_: Any
) -> Tensor:
    h, w = mask.shape[-2:]
    out = target_size((h, w), size, args[1] if len(args) > 1 else max_size)
    return F_t.resize(mask, out, "nearest") if out != [h, w] else mask


def resize_points(
    at: Tensor, canvas: Canvas, size: Any, *args: Any, max_size: int | None = None, **_: Any
) -> Placed:
    h, w = canvas
    new_h, new_w = target_size(canvas, size, args[1] if len(args) > 1 else max_size)
    return at * T.tensor([new_w / w, new_h / h], dtype=at.dtype), (new_h, new_w)


@functional(mask=resize_mask, points=resize_points, clamp=False)
def resize(
    inpt: Any,
    size: int | Sequence[int] | None,
    interpolation: Any = BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """At another size: (height, width), or the length of the shorter side.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. interpolation: an InterpolationMode:
    how values between pixels are found. antialias: average what a smaller image cannot show.
    max_size: the longer side becomes no longer than this, in pixels.

    Raises TypeError where inpt is of the wrong type; IndexError where size is empty or size is too
    short.

    >>> resize(torch.zeros(3, 8, 16), [4]).shape
    torch.Size([3, 4, 8])
    """
    _, h, w = F.get_dimensions(inpt)
    return F.resize(inpt, target_size((h, w), size, max_size), mode_of(interpolation),
                    antialias=antialias)  # fmt: skip


def pad_mask(mask: Tensor, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Tensor:
    return F_t.pad(mask, F.sides(padding), 0 if fill is None else fill, padding_mode)


def pad_points(
    at: Tensor, canvas: Canvas, padding: Any, fill: Any = 0, padding_mode: str = "constant"
) -> Placed:
    left, top, right, bottom = F.sides(padding)
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported with bounding boxes")
    return at + T.tensor([left, top], dtype=at.dtype), (
        canvas[0] + top + bottom,
        canvas[1] + left + right,
    )


@functional(mask=pad_mask, points=pad_points)
def pad(
    inpt: Any, padding: int | Sequence[int], fill: Any = None, padding_mode: str = "constant"
) -> Any:
    """With a border.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. padding: how many pixels are
    added: for all sides, left and top, or each side. fill: the value of pixels that come from
    outside. padding_mode: 'constant', 'edge', 'reflect' or 'symmetric'.

    Raises TypeError where inpt is of the wrong type; ValueError where padding is empty.

    >>> pad(torch.zeros(3, 2, 2), [1, 0]).shape
    torch.Size([3, 2, 4])
    """
    return F.pad(inpt, padding, 0 if fill is None else fill, padding_mode)


def crop_points(at: Tensor, canvas: Canvas, top: int, left: int, height: int, width: int) -> Placed:
    return at - T.tensor([left, top], dtype=at.dtype), (height, width)


@functional(mask=F.crop, points=crop_points)
def crop(inpt: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle at row top and column left.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. height: of the result, or of the
    image, in pixels. width: of the result, or of the image, in pixels.

    Raises TypeError where inpt, top, left or height is of the wrong type; RuntimeError where top,
    left, height or width is a tensor of several numbers.

    >>> crop(torch.arange(4).view(1, 2, 2), 0, 1, 2, 1)
    tensor([[[1],
             [3]]])
    """
    return F.crop(inpt, top, left, height, width)


def center_crop_points(at: Tensor, canvas: Canvas, output_size: Any) -> Placed:
    height, width = F.pair(output_size)
    top, left = (round((side - new) / 2.0) for side, new in zip(canvas, (height, width)))
    return crop_points(at, canvas, top, left, height, width)


@functional(mask=F.center_crop, points=center_crop_points)
def center_crop(inpt: Any, output_size: int | Sequence[int]) -> Any:
    """The middle.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. output_size: height and width of
    the result.

    Raises TypeError where inpt is of the wrong type; ValueError where output_size is empty or
    output_size is too long.

    >>> center_crop(torch.zeros(3, 8, 8), [4, 2]).shape
    torch.Size([3, 4, 2])
    """
    return F.center_crop(inpt, output_size)


def resized_crop_mask(
    mask: Tensor, top: int, left: int, height: int, width: int, size: Any, *_: Any, **__: Any
) -> Tensor:
    return resize_mask(F.crop(mask, top, left, height, width), size)


def resized_crop_points(
    at: Tensor, canvas: Canvas, top: int, left: int, height: int, width: int, size: Any, *_: Any,
    **__: Any,
) -> Placed:  # fmt: skip
    moved, part = crop_points(at, canvas, top, left, height, width)
    return resize_points(moved, part, size)


@functional(mask=resized_crop_mask, points=resized_crop_points)
def resized_crop(
    inpt: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A rectangle, resized.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. height: of the result, or of the
    image, in pixels. width: of the result, or of the image, in pixels. size: height and width, or
    the length of the shorter side. interpolation: an InterpolationMode: how values between pixels
    are found. antialias: average what a smaller image cannot show. top: the first row. left: the
    first column.

    Raises TypeError where inpt, top, left or height is of the wrong type; ValueError where size is
    empty or size is too long; RuntimeError where height or width is below 1.

    >>> resized_crop(torch.zeros(3, 8, 8), 0, 0, 2, 4, [4, 4]).shape
    torch.Size([3, 4, 4])
    """
    return F.resized_crop(inpt, top, left, height, width, size, mode_of(interpolation), antialias)


def along(matrix: Sequence[float], at: Tensor) -> Tensor:
    """Points (N, 2) moved by an affine matrix of six numbers."""
    turn = T.tensor(matrix, dtype=at.dtype).reshape(2, 3)
    return at @ turn[:, :2].T + turn[:, 2]


def rotate_mask(
    mask: Tensor, angle: float, interpolation: Any = NEAREST, expand: bool = False,
    center: Any = None, fill: Any = None,
) -> Tensor:  # fmt: skip
    planes = mask[None] if mask.ndim == 2 else mask
    out = F.rotate(planes, angle, NEAREST, expand, center, fill)
    return out.reshape(*mask.shape[:-2], *out.shape[-2:])


def rotated_size(canvas: Any, angle: float, expand: bool) -> Canvas:
    if not expand:
        return canvas[0], canvas[1]
    matrix = F.inverse_affine_matrix([0.0, 0.0], -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    width, height = F_t.expanded_size(matrix, canvas[1], canvas[0])
    return height, width


def rotate_points(
    at: Tensor, canvas: Canvas, angle: float, interpolation: Any = NEAREST, expand: bool = False,
    center: Any = None, fill: Any = None,
) -> Placed:  # fmt: skip
    h, w = canvas
    middle = [w * 0.5, h * 0.5] if center is None or expand else list(center)
    matrix = F.inverse_affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0], inverted=False)
    moved = along(matrix, at)
    if not expand:
        return moved, canvas
    corners = T.tensor([[0, 0], [0, h], [w, h], [w, 0]], dtype=at.dtype)
    return moved - along(matrix, corners).amin(0), rotated_size(canvas, angle, True)


@functional(mask=rotate_mask, points=rotate_points)
def rotate(
    inpt: Any,
    angle: float,
    interpolation: Any = NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """Turned counter-clockwise by angle in degrees.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. interpolation: an
    InterpolationMode: how values between pixels are found. expand: make room for the whole
    turned image. center: (x, y) of the point that stays; None: the middle. fill: the value of
    pixels that come from outside.

    Raises TypeError where inpt or angle is of the wrong type.

    >>> rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    return F.rotate(inpt, angle % 360.0, mode_of(interpolation), expand, center, fill)


def affine_mask(
    mask: Tensor, angle: float, translate: Any, scale: float, shear: Any,
    interpolation: Any = NEAREST, fill: Any = None, center: Any = None,
) -> Tensor:  # fmt: skip
    planes = mask[None] if mask.ndim == 2 else mask
    out = F.affine(planes, angle, translate, scale, shear, NEAREST, fill, center)
    return out.reshape(mask.shape)


def affine_points(
    at: Tensor, canvas: Canvas, angle: float, translate: Any, scale: float, shear: Any,
    interpolation: Any = NEAREST, fill: Any = None, center: Any = None,
) -> Placed:  # fmt: skip
    both = F.check_affine(angle, list(translate), scale, shear)
    middle = [canvas[1] * 0.5, canvas[0] * 0.5] if center is None else center
    matrix = F.inverse_affine_matrix(middle, angle, translate, scale, both, inverted=False)
    return along(matrix, at), canvas


@functional(mask=affine_mask, points=affine_points)
def affine(
    inpt: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """Turned clockwise by angle, moved, scaled and sheared about center.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. translate: the shift in pixels, or
    how large it may be as a share of the size. interpolation: an InterpolationMode: how values
    between pixels are found. fill: the value of pixels that come from outside. scale: a factor, or
    the range of factors. shear: degrees, along x or (along x, along y).

    Raises TypeError where inpt, angle, translate or scale is of the wrong type; ValueError where
    translate has another length, scale is negative, shear is empty or shear is too short;
    RuntimeError where scale is a tensor of several numbers.

    >>> affine(torch.zeros(3, 8, 8), angle=30, translate=[0, 0], scale=1.0, shear=[0.0]).shape
    torch.Size([3, 8, 8])
    """
    return F.affine(
        inpt, angle, list(translate), scale, shear, mode_of(interpolation), fill, center
    )


def coefficients(start: Any, end: Any, given: Any) -> list[float]:
    if given is not None:
        if len(given) != 8:
            raise ValueError("Argument coefficients should have 8 float values")
        return list(given)
    if start is None or end is None:
        raise ValueError(
            "Either the startpoints/endpoints or the coefficients must have non `None` values"
        )
    return F.perspective_coeffs(start, end)


def perspective_mask(
    mask: Tensor, startpoints: Any, endpoints: Any, interpolation: Any = BILINEAR, fill: Any = None,
    coefficients_: Any = None, **kwargs: Any,
) -> Tensor:  # fmt: skip
    planes = mask[None] if mask.ndim == 2 else mask
    numbers = coefficients(startpoints, endpoints, kwargs.get("coefficients", coefficients_))
    return F_t.perspective(planes, numbers, "nearest", fill).reshape(mask.shape)


def perspective_points(
    at: Tensor, canvas: Canvas, startpoints: Any, endpoints: Any, *_: Any, **kwargs: Any
) -> Placed:
    numbers = coefficients(startpoints, endpoints, kwargs.get("coefficients"))
    # the numbers lead from the output to the input, and the points go the other way
    back = np.linalg.inv(np.array([*numbers, 1.0]).reshape(3, 3))
    way = T.tensor(back.tolist(), dtype=at.dtype)
    moved = at @ way[:, :2].T + way[:, 2]
    return moved[:, :2] / moved[:, 2:], canvas


@functional(mask=perspective_mask, points=perspective_points)
def perspective(
    inpt: Any,
    startpoints: Sequence[Sequence[int]] | None,
    endpoints: Sequence[Sequence[int]] | None,
    interpolation: Any = BILINEAR,
    fill: Any = None,
    coefficients: Sequence[float] | None = None,
) -> Any:
    """Drawn so that the four points startpoints come to lie at endpoints.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. interpolation: an InterpolationMode:
    how values between pixels are found. fill: the value of pixels that come from outside.
    coefficients: the eight numbers of the projection, instead of the points.

    Raises TypeError where inpt, startpoints or endpoints is of the wrong type; ValueError where
    startpoints or endpoints has another length.

    >>> corners = [[0, 0], [7, 0], [7, 7], [0, 7]]
    >>> perspective(torch.zeros(3, 8, 8), corners, corners).shape
    torch.Size([3, 8, 8])
    """
    if coefficients is None:
        if startpoints is None or endpoints is None:
            raise ValueError("startpoints and endpoints, or coefficients, must be given")
        return F.perspective(inpt, startpoints, endpoints, mode_of(interpolation), fill)
    if isinstance(inpt, Tensor):
        return F_t.perspective(inpt, coefficients, mode_of(interpolation).value, fill)
    return F.F_pil.perspective(inpt, coefficients, F.pil_mode(mode_of(interpolation)), fill)


def elastic_mask(
    mask: Tensor, displacement: Tensor, interpolation: Any = BILINEAR, fill: Any = None
) -> Tensor:
    planes = mask[None] if mask.ndim == 2 else mask
    return F.elastic_transform(planes, displacement, NEAREST, fill).reshape(mask.shape)


def elastic_points(
    at: Tensor, canvas: Canvas, displacement: Tensor, interpolation: Any = BILINEAR,
    fill: Any = None,
) -> Placed:  # fmt: skip
    h, w = canvas
    x = at[:, 0].clamp(0, w - 1).to(int64)
    y = at[:, 1].clamp(0, h - 1).to(int64)
    shift = displacement[0, y, x].to(at.dtype) * T.tensor([w * 0.5, h * 0.5], dtype=at.dtype)
    whole = T.stack([x, y], 1).to(at.dtype)
    return whole - shift, canvas


def elastic_corners(at: Tensor, canvas: Canvas, *args: Any, **kwargs: Any) -> Placed:
    return elastic_points(at.ceil(), canvas, *args, **kwargs)


@functional(mask=elastic_mask, points=elastic_corners, pixels=elastic_points)
def elastic(
    inpt: Any, displacement: Tensor, interpolation: Any = BILINEAR, fill: Any = None
) -> Any:
    """Each pixel taken from where displacement (1, H, W, 2) points, in half images.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. interpolation: an
    InterpolationMode: how values between pixels are found. fill: the value of pixels that come
    from outside.

    Raises TypeError where inpt is of the wrong type or displacement is no tensor; ValueError where
    inpt or displacement has a shape that does not fit.

    >>> elastic(torch.zeros(3, 8, 8), torch.zeros(1, 8, 8, 2)).shape
    torch.Size([3, 8, 8])
    """
    return F.elastic_transform(inpt, displacement, mode_of(interpolation), fill)


elastic_transform = alias(elastic, "elastic_transform")


@functional()
def five_crop(inpt: Any, size: int | Sequence[int]) -> Any:
    """The four corners and the middle.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. size: height and width, or the
    length of the shorter side.

    Raises TypeError where inpt or size is of the wrong type; ValueError where size does not fit.

    >>> [tuple(part.shape) for part in five_crop(torch.zeros(3, 8, 8), 4)][:2]
    [(3, 4, 4), (3, 4, 4)]
    """
    return F.five_crop(inpt, size)


@functional()
def ten_crop(inpt: Any, size: int | Sequence[int], vertical_flip: bool = False) -> Any:
    """`five_crop` of an image and of the image flipped.

    inpt: an image, a tensor (*, H, W) or a picture of Pillow. size: height and width, or the
    length of the shorter side. vertical_flip: flip up and down instead of left and right.

    Raises TypeError where inpt or size is of the wrong type; ValueError where size does not fit.

    >>> len(ten_crop(torch.zeros(3, 8, 8), 4))
    10
    """
    return F.ten_crop(inpt, size, vertical_flip)
