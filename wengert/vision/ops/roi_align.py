"""Means of regions of a picture: roi_align, and the two poolings whose channels are positions.

A mean of bilinear samples on a grid is a product of two small matrices with the picture, one for
each axis; so is a mean of whole pixels. The maximum of a region is in `roi_pool.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...api import functions as T
from ...api.interop import from_numpy
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module

__all__ = [
    "PSRoIAlign", "PSRoIPool", "RoIAlign", "ps_roi_align", "ps_roi_pool", "roi_align",
]  # fmt: skip

Size = int | Sequence[int]
CHUNK = 64  # regions at a time: what lies between the two products is larger than the result


def pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def regions(boxes: Tensor | list[Tensor], name: str) -> np.ndarray:
    """Regions (K, 5) as (number of the picture, x1, y1, x2, y2), also from a list by picture."""
    if isinstance(boxes, (list, tuple)):
        for b in boxes:
            if b.ndim != 2 or b.shape[1] != 4:
                raise ValueError(
                    f"{name}: a list of boxes should hold tensors of shape (L, 4), "
                    f"got {tuple(b.shape)}"
                )
        each = [b.detach().cpu().numpy() for b in boxes]
        parts = [
            np.concatenate([np.full((len(b), 1), i, b.dtype), b], 1) for i, b in enumerate(each)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 5), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(f"{name}: boxes should have shape (K, 5), got {tuple(boxes.shape)}")
    return boxes.detach().cpu().numpy()


def sampled(start: np.ndarray, size: np.ndarray, bins: int, ratio: int, side: int) -> np.ndarray:
    """The matrix (K, bins, side) that takes the mean of bilinear samples in each of the bins.

    ratio: samples in each bin; 0 or less for one in about each pixel.
    """
    count = np.full(len(size), ratio) if ratio > 0 else np.ceil(size / bins).astype(np.int64)
    weights = np.zeros((len(size), bins, side), start.dtype)
    if len(size) == 0:
        return weights
    step = np.arange(max(int(count.max()), 1))
    used = step < count[:, None]
    width = (size / bins)[:, None, None]
    within = (step + start.dtype.type(0.5)) / np.maximum(count, 1)[:, None]
    at = start[:, None, None] + (np.arange(bins)[:, None] + within[:, None]) * width
    share = np.where(
        used[:, None] & (at >= -1) & (at <= side), 1 / np.maximum(count, 1)[:, None, None], 0
    )
    at = at.clip(0, side - 1).astype(start.dtype)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, side - 1)
    part = at - low
    k, b = np.arange(len(size))[:, None, None], np.arange(bins)[:, None]
    np.add.at(weights, (k, b, low), share * (1 - part))
    np.add.at(weights, (k, b, high), share * part)
    return weights


def means(
    input: Tensor, picture: np.ndarray, rows: np.ndarray, columns: np.ndarray, by_position: bool
) -> Tensor:
    """The regions (K, C, bins, bins) of pictures (N, C, H, W) that the matrices take means of.

    by_position: each bin has channels of its own.
    """
    bins_y, bins_x = rows.shape[1], columns.shape[1]
    channels = input.shape[1] // (bins_y * bins_x if by_position else 1)
    order = np.argsort(picture, kind="stable")
    parts = []
    for i in np.unique(picture):
        members = order[picture[order] == i]
        image = input[int(i)]
        for start in range(0, len(members), CHUNK):
            chunk = members[start : start + CHUNK]
            y = from_numpy(rows[chunk]).to(input.dtype)
            x = from_numpy(columns[chunk]).to(input.dtype)
            if by_position:
                image = image.reshape(channels, bins_y, bins_x, *input.shape[2:])
                across = T.einsum("cyxij,kxj->kcyxi", image, x)
                parts.append(T.einsum("kcyxi,kyi->kcyx", across, y))
            else:
                flat = image.permute(1, 0, 2).reshape(image.shape[1], -1)  # (H, C W)
                down = y.reshape(-1, y.shape[-1]) @ flat
                down = down.reshape(len(chunk), bins_y * channels, -1)
                out = (down @ x.transpose(1, 2)).reshape(len(chunk), bins_y, channels, bins_x)
                parts.append(out.transpose(1, 2))
    if not parts:
        return input.new_zeros((0, channels, bins_y, bins_x)) + 0 * input.sum()
    back = from_numpy(np.argsort(order, kind="stable"))
    return T.cat(parts)[back]


@clear_errors
def roi_align(
    input: Tensor,
    boxes: Tensor | list[Tensor],
    output_size: Size,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Regions of pictures (N, C, H, W), each as means of samples in bins, (K, C, *output_size).

    boxes: (K, 5) with the picture's number first, or a list of (L, 4), one for each picture.
    spatial_scale: the pictures' size over that which the boxes are in. sampling_ratio: samples
    across a bin, -1 for about one in each pixel. aligned: the middle of the first pixel is at 0.5.
    input: the values, as the first line says.

    Raises ValueError where output_size is negative; IndexError where input has a shape that does
    not fit, boxes is too long or output_size is of the wrong type; RuntimeError where input has a
    shape that does not fit or output_size is 0; TypeError where input is no tensor or boxes is of
    the wrong type; AttributeError where output_size is a tensor of several numbers.

    >>> roi_align(torch.ones(1, 2, 4, 4), [torch.tensor([[0., 0., 3., 3.]])], 2).shape
    torch.Size([1, 2, 2, 2])
    """
    bins_y, bins_x = pair(output_size)
    found = regions(boxes, "roi_align")
    offset = 0.5 if aligned else 0.0
    corners = (found[:, 1:] * found.dtype.type(spatial_scale) - found.dtype.type(offset)).T
    x1, y1, x2, y2 = corners
    width, height = x2 - x1, y2 - y1
    if not aligned:
        width, height = width.clip(1), height.clip(1)
    rows = sampled(y1, height, bins_y, sampling_ratio, input.shape[2])
    columns = sampled(x1, width, bins_x, sampling_ratio, input.shape[3])
    return means(input, found[:, 0].astype(np.int64), rows, columns, False)


def check_positions(input: Tensor, bins: int, name: str) -> None:
    if input.shape[1] % bins != 0:
        raise RuntimeError(
            f"{name}: the channels must be a multiple of the {bins} bins, got {input.shape[1]}"
        )


@clear_errors
def ps_roi_align(
    input: Tensor,
    boxes: Tensor | list[Tensor],
    output_size: Size,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """`roi_align` with channels of its own for each bin: (N, C * bins, H, W) to (K, C, bins).

    output_size: height and width of the result. spatial_scale: the size of the features by that of
    the image. input: the values, as the first line says. boxes: (..., 4). sampling_ratio: how many
    samples across a bin; -1: as many as it has pixels.

    Raises TypeError where boxes holds booleans or complex numbers; ValueError where boxes has a
    shape that does not fit or output_size is negative; IndexError where input has a shape that does
    not fit, boxes holds values out of range or output_size is of the wrong type; RuntimeError where
    input has a shape that does not fit or output_size does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ps_roi_align(torch.ones(1, 8, 4, 4), boxes, 2).shape
    torch.Size([1, 2, 2, 2])
    """
    bins_y, bins_x = pair(output_size)
    check_positions(input, bins_y * bins_x, "ps_roi_align")
    found = regions(boxes, "ps_roi_align")
    x1, y1, x2, y2 = (found[:, 1:] * found.dtype.type(spatial_scale) - found.dtype.type(0.5)).T
    rows = sampled(y1, y2 - y1, bins_y, sampling_ratio, input.shape[2])
    columns = sampled(x1, x2 - x1, bins_x, sampling_ratio, input.shape[3])
    return means(input, found[:, 0].astype(np.int64), rows, columns, True)


def averaged(start: np.ndarray, size: np.ndarray, bins: int, side: int) -> np.ndarray:
    """The matrix (K, bins, side) that takes the mean of the whole pixels of each of the bins."""
    width = (size / bins)[:, None].astype(start.dtype)
    # torchvision ends at the last pixel's start and so leaves it out
    number = np.arange(bins, dtype=start.dtype)
    first = (np.floor(number * width) + start[:, None]).clip(0, side - 1)
    last = (np.ceil((number + 1) * width) + start[:, None]).clip(0, side - 1)
    at = np.arange(side)
    inside = (at >= first[..., None]) & (at < last[..., None])
    return inside / np.maximum(last - first, 1)[..., None]


@clear_errors
def ps_roi_pool(
    input: Tensor, boxes: Tensor | list[Tensor], output_size: Size, spatial_scale: float = 1.0
) -> Tensor:
    """Means of the whole pixels of each bin, which has channels of its own.

    output_size: height and width of the result. spatial_scale: the size of the features by that of
    the image. input: the values, as the first line says. boxes: (..., 4).

    Raises TypeError where boxes holds complex numbers; ValueError where boxes has a shape that does
    not fit; IndexError where input has a shape that does not fit, boxes holds values out of range
    or output_size is of the wrong type; RuntimeError where input has a shape that does not fit or
    output_size does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ps_roi_pool(torch.ones(1, 8, 4, 4), boxes, 2).shape
    torch.Size([1, 2, 2, 2])
    """
    bins_y, bins_x = pair(output_size)
    check_positions(input, bins_y * bins_x, "ps_roi_pool")
    found = regions(boxes, "ps_roi_pool")
    scaled = found[:, 1:] * found.dtype.type(spatial_scale)
    x1, y1, x2, y2 = rounded(scaled).T
    rows = averaged(y1, (y2 - y1).clip(1), bins_y, input.shape[2])
    columns = averaged(x1, (x2 - x1).clip(1), bins_x, input.shape[3])
    return means(input, found[:, 0].astype(np.int64), rows, columns, True)


def rounded(x: np.ndarray) -> np.ndarray:
    """x rounded as C does it, halves away from zero."""
    return np.copysign(np.floor(np.abs(x) + x.dtype.type(0.5)), x)


class RoIAlign(Module):
    """`roi_align` as a layer.

    output_size: height and width of the result. spatial_scale: the size of the features by that of
    the image. sampling_ratio: how many samples across a bin; -1: as many as it has pixels. aligned:
    shift by half a pixel, so that samples lie where pixels are.

    input is of shape (N, C, H, W), rois of shape (K, 5) or a list of (L, 4). Raises TypeError where
    sampling_ratio is of the wrong type or rois holds booleans or complex numbers; ValueError where
    output_size is negative, spatial_scale is of the wrong type or rois has a shape that does not
    fit; IndexError where output_size is of the wrong type, input has a shape that does not fit or
    rois holds values out of range; RuntimeError where input has a shape that does not fit.

    >>> layer = RoIAlign(2, spatial_scale=1.0, sampling_ratio=1)
    >>> layer(torch.ones(1, 3, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])).shape
    torch.Size([1, 3, 2, 2])
    """

    def __init__(
        self, output_size: Size, spatial_scale: float, sampling_ratio: int, aligned: bool = False
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Tensor | list[Tensor]) -> Tensor:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio,
                         self.aligned)  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, "
            f"spatial_scale={self.spatial_scale}, sampling_ratio={self.sampling_ratio}, "
            f"aligned={self.aligned})"
        )


class PSRoIAlign(Module):
    """`ps_roi_align` as a layer.

    output_size: height and width of the result. spatial_scale: the size of the features by that of
    the image. sampling_ratio: how many samples across a bin; -1: as many as it has pixels.

    input is of shape (N, C, H, W), rois of shape (K, 5) or a list of (L, 4). Raises TypeError where
    sampling_ratio is of the wrong type or rois holds booleans or complex numbers; ValueError where
    output_size is negative, spatial_scale is of the wrong type or rois has a shape that does not
    fit; IndexError where output_size is of the wrong type, input has a shape that does not fit or
    rois holds values out of range; RuntimeError where input has a shape that does not fit.

    >>> layer = PSRoIAlign(2, spatial_scale=1.0, sampling_ratio=1)
    >>> layer(torch.ones(1, 8, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])).shape
    torch.Size([1, 2, 2, 2])
    """

    def __init__(self, output_size: Size, spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Tensor | list[Tensor]) -> Tensor:
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, "
            f"spatial_scale={self.spatial_scale}, sampling_ratio={self.sampling_ratio})"
        )


class PSRoIPool(Module):
    """`ps_roi_pool` as a layer.

    output_size: height and width of the result. spatial_scale: the size of the features by that
    of the image.

    input is of shape (N, C, H, W), rois of shape (K, 5) or a list of (L, 4). Raises TypeError where
    rois holds complex numbers; ValueError where spatial_scale is of the wrong type or rois has a
    shape that does not fit; IndexError where output_size is of the wrong type, input has a shape
    that does not fit or rois holds values out of range; RuntimeError where input has a shape that
    does not fit.

    >>> layer = PSRoIPool(2, spatial_scale=1.0)
    >>> layer(torch.ones(1, 8, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])).shape
    torch.Size([1, 2, 2, 2])
    """

    def __init__(self, output_size: Size, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | list[Tensor]) -> Tensor:
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, "
            f"spatial_scale={self.spatial_scale})"
        )
