"""Regions of a feature pyramid, each from the level that fits its size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...api import functions as T
from ...base.dtypes import int64
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module
from .boxes import box_area
from .roi_align import pair, roi_align

__all__ = ["MultiScaleRoIAlign"]


class MultiScaleRoIAlign(Module):
    """`roi_align` over the levels featmap_names of a pyramid.

    Args:
        output_size: of a region; sampling_ratio: samples across a bin.
        canonical_scale, canonical_level: a box with sides of 224 belongs to level 4.

    Takes {name: (N, C, H, W)}, the boxes of each picture as a list of (L, 4), and the sizes
    (height, width) of the images that these are in; returns (K, C, *output_size).

    Raises TypeError where featmap_names, sampling_ratio, x or boxes is of the wrong type;
    ValueError where output_size is negative, boxes or image_shapes is empty or boxes or
    image_shapes is too short; IndexError where output_size is of the wrong type or boxes is too
    long; RuntimeError where output_size is 0 or sampling_ratio is a tensor of several numbers.

    >>> pool = MultiScaleRoIAlign(["a"], 2, sampling_ratio=1)
    >>> boxes = [torch.tensor([[0.0, 0.0, 8.0, 8.0]])]
    >>> pool({"a": torch.ones(1, 3, 4, 4)}, boxes, [(8, 8)]).shape
    torch.Size([1, 3, 2, 2])
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: int | Sequence[int],
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = pair(output_size)
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def forward(
        self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> Tensor:
        levels = [x[name] for name in x if name in self.featmap_names]
        if not image_shapes:
            raise ValueError("images list should not be empty")
        # the images lie in the upper left corners of a batch as large as the largest
        full = [max(side) for side in zip(*image_shapes)]
        scales = [2 ** round(math.log2(level.shape[-2] / full[0])) for level in levels]
        numbers = [T.full_like(b[:, :1], i) for i, b in enumerate(boxes)]
        rois = T.cat([T.cat(numbers), T.cat(boxes)], dim=1)
        if len(levels) == 1:
            return self.aligned(levels[0], rois, scales[0])
        low, high = -math.log2(scales[0]), -math.log2(scales[-1])
        sides = T.sqrt(T.cat([box_area(b) for b in boxes]))
        fitting = self.canonical_level + T.log2(sides / self.canonical_scale) + 1e-6
        which = (T.floor(fitting).clamp(min=low, max=high) - low).to(int64)
        out = levels[0].new_zeros((len(rois), levels[0].shape[1], *self.output_size))
        for i, (level, scale) in enumerate(zip(levels, scales)):
            members = T.where(which == i)[0]
            out = out.index_copy(0, members, self.aligned(level, rois[members], scale))
        return out

    @clear_errors
    def aligned(self, level: Tensor, rois: Tensor, scale: float) -> Tensor:
        """The regions of one level.

        level: (N, C, H, W). rois: (K, 5) with the picture's number first. scale: the size of the
        level by that of the image.

        Raises TypeError where rois holds booleans or complex numbers; ValueError where rois has a
        shape that does not fit or scale is of the wrong type; IndexError where level has a shape
        that does not fit or rois holds values out of range; RuntimeError where level has a shape
        that does not fit.

        >>> pool = MultiScaleRoIAlign(["a"], 2, sampling_ratio=1)
        >>> rois = torch.tensor([[0.0, 0.0, 0.0, 8.0, 8.0]])
        >>> pool.aligned(torch.ones(1, 3, 4, 4), rois, 0.5).shape
        torch.Size([1, 3, 2, 2])
        """
        return roi_align(level, rois, self.output_size, scale, self.sampling_ratio)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )
