"""The greatest values in bins of regions of a picture (arXiv:1504.08083)."""

from __future__ import annotations

import numpy as np

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module
from .roi_align import Size, pair, regions, rounded

__all__ = ["RoIPool", "roi_pool"]


def bounds(low: float, high: float, bins: int, side: int) -> list[tuple[int, int]]:
    """The first pixel of each bin of a region, and the one after its last."""
    width = np.float32(max(high - low + 1, 1)) / np.float32(bins)
    at = np.arange(bins, dtype=np.float32)
    first = np.clip(np.floor(at * width) + low, 0, side).astype(int)
    last = np.clip(np.ceil((at + 1) * width) + low, 0, side).astype(int)
    return list(zip(first.tolist(), last.tolist()))


def greatest(x: Tensor, bins: list[tuple[int, int]], dim: int) -> Tensor:
    """The maximum of each slice of x along dim, 0 for an empty one."""
    parts = []
    for first, last in bins:
        if last > first:
            parts.append(x.narrow(dim, first, last - first).max(dim)[0])
        else:
            parts.append(T.zeros_like(x.select(dim, 0)))
    return T.stack(parts, dim)


@clear_errors
def roi_pool(
    input: Tensor, boxes: Tensor | list[Tensor], output_size: Size, spatial_scale: float = 1.0
) -> Tensor:
    """Regions of pictures (N, C, H, W), each as maxima of bins, (K, C, *output_size).

    boxes: (K, 5) with the picture's number first, or a list of (L, 4), one for each picture.
    spatial_scale: the pictures' size over that which the boxes are in. input: the values, as the
    first line says.

    Raises TypeError where boxes holds complex numbers; ValueError where input or boxes has a shape
    that does not fit; IndexError where boxes holds values out of range or output_size is of the
    wrong type; RuntimeError where input holds complex numbers or output_size is below 1.

    >>> boxes = torch.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]])
    >>> roi_pool(torch.arange(16.0).view(1, 1, 4, 4), boxes, 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    bins_y, bins_x = pair(output_size)
    height, width = input.shape[2:]
    found = regions(boxes, "roi_pool")
    corners = rounded(found[:, 1:] * found.dtype.type(spatial_scale))
    out = []
    for picture, (x1, y1, x2, y2) in zip(found[:, 0].astype(int), corners):
        columns = greatest(input[int(picture)], bounds(x1, x2, bins_x, width), 2)
        out.append(greatest(columns, bounds(y1, y2, bins_y, height), 1))
    if not out:
        return input.new_zeros((0, input.shape[1], bins_y, bins_x)) + 0 * input.sum()
    return T.stack(out)


class RoIPool(Module):
    """`roi_pool` as a layer.

    output_size: height and width of the result. spatial_scale: the size of the features by that
    of the image.

    input is of shape (N, C, H, W), rois of shape (K, 5) or a list of (L, 4). Raises TypeError where
    rois holds complex numbers; ValueError where spatial_scale is of the wrong type or input or rois
    has a shape that does not fit; IndexError where output_size is of the wrong type or rois holds
    values out of range; RuntimeError where output_size is negative or input holds complex numbers.

    >>> layer = RoIPool(2, spatial_scale=1.0)
    >>> layer(torch.ones(1, 3, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])).shape
    torch.Size([1, 3, 2, 2])
    """

    def __init__(self, output_size: Size, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | list[Tensor]) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, "
            f"spatial_scale={self.spatial_scale})"
        )
