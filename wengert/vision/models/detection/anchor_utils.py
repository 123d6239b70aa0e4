"""Anchors: boxes of given sizes and proportions at every position of feature maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....api import functions as T
from ....base.dtypes import dtype as Dtype
from ....base.dtypes import float32, int32
from ....engine.tensor import Tensor
from ....nn.module import Module
from .image_list import ImageList

__all__ = ["AnchorGenerator", "DefaultBoxGenerator"]


class AnchorGenerator(Module):
    """The anchors of each image, for feature maps of any size.

    sizes: of the anchors of each map; aspect_ratios: heights over widths, of each map. Every size
    comes with every ratio. Takes the images and their maps, (N, C, H, W) each; returns for each
    image all anchors (M, 4) as corners.
    """

    def __init__(
        self,
        sizes: Sequence[Any] = ((128, 256, 512),),
        aspect_ratios: Sequence[Any] = ((0.5, 1.0, 2.0),),
    ) -> None:
        super().__init__()
        if not isinstance(sizes[0], (list, tuple)):
            sizes = tuple((s,) for s in sizes)
        if not isinstance(aspect_ratios[0], (list, tuple)):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes = sizes
        self.aspect_ratios = aspect_ratios
        self.cell_anchors = [
            self.generate_anchors(size, ratio) for size, ratio in zip(sizes, aspect_ratios)
        ]

    def generate_anchors(
        self,
        scales: Sequence[int],
        aspect_ratios: Sequence[float],
        dtype: Dtype = float32,
        device: Any = "cpu",
    ) -> Tensor:
        """The anchors (len(aspect_ratios) * len(scales), 4) around the origin."""
        sides = T.as_tensor(scales, dtype=dtype, device=device)
        heights = T.sqrt(T.as_tensor(aspect_ratios, dtype=dtype, device=device))
        h = (heights[:, None] * sides).view(-1)
        w = ((1 / heights)[:, None] * sides).view(-1)
        return (T.stack([-w, -h, w, h], dim=1) / 2).round()

    def num_anchors_per_location(self) -> list[int]:
        """How many anchors a position has, of each map."""
        return [len(s) * len(a) for s, a in zip(self.sizes, self.aspect_ratios)]

    def grid_anchors(self, grid_sizes: list[Any], strides: list[Any]) -> list[Tensor]:
        """The anchors of each map; strides: the pixels from one position to the next."""
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise ValueError(
                f"AnchorGenerator has sizes for {len(self.cell_anchors)} feature maps and got "
                f"{len(grid_sizes)}: give one tuple of sizes and ratios for each map"
            )
        anchors = []
        for (rows, columns), (down, right), cell in zip(grid_sizes, strides, self.cell_anchors):
            x = T.arange(columns, dtype=int32, device=cell.device) * right
            y = T.arange(rows, dtype=int32, device=cell.device) * down
            y, x = (t.reshape(-1) for t in T.meshgrid(y, x, indexing="ij"))
            shifts = T.stack((x, y, x, y), dim=1)
            anchors.append((shifts[:, None] + cell[None]).reshape(-1, 4))
        return anchors

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        first, full = feature_maps[0], image_list.tensors.shape[-2:]
        self.cell_anchors = [c.to(dtype=first.dtype, device=first.device)
                             for c in self.cell_anchors]  # fmt: skip
        grids = [level.shape[-2:] for level in feature_maps]
        strides = [(full[0] // rows, full[1] // columns) for rows, columns in grids]
        anchors = T.cat(self.grid_anchors(grids, strides))
        return [anchors.clone() for _ in image_list.image_sizes]


class DefaultBoxGenerator(Module):
    """The boxes of SSD for each image: of each map two squares, and two boxes for each ratio.

    Args:
        aspect_ratios: of each map, the ratios of longer to shorter sides.
        min_ratio, max_ratio: the size of the boxes of the first and of the last map, over the
            image's; those between are at equal distances.
        scales: the sizes themselves, one more than there are maps.
        steps: the pixels from one position to the next, of each map; None: so that they fill it.
        clip: whether sides are cut to the image's.

    Takes the images and their maps; returns for each image all boxes (M, 4) as corners.

    Raises ValueError where aspect_ratios and steps have different lengths.
    """

    def __init__(
        self,
        aspect_ratios: list[list[int]],
        min_ratio: float = 0.15,
        max_ratio: float = 0.9,
        scales: list[float] | None = None,
        steps: list[int] | None = None,
        clip: bool = True,
    ) -> None:
        super().__init__()
        count = len(aspect_ratios)
        if steps is not None and len(steps) != count:
            raise ValueError("aspect_ratios and steps should have the same length")
        self.aspect_ratios = aspect_ratios
        self.steps = steps
        self.clip = clip
        if scales is None and count > 1:
            reach = max_ratio - min_ratio
            scales = [*(min_ratio + reach * k / (count - 1.0) for k in range(count)), 1.0]
        self.scales = scales or [min_ratio, max_ratio]
        self._wh_pairs = [
            T.tensor(self.sides(k), dtype=float32, device="cpu") for k in range(count)
        ]

    def sides(self, k: int) -> list[list[float]]:
        """Widths and heights, over the image's, of the boxes of map k."""
        scale, between = self.scales[k], math.sqrt(self.scales[k] * self.scales[k + 1])
        pairs = [[scale, scale], [between, between]]
        for ratio in self.aspect_ratios[k]:
            wide, narrow = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
            pairs += [[wide, narrow], [narrow, wide]]
        return pairs

    def num_anchors_per_location(self) -> list[int]:
        """How many boxes a position has, of each map."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def boxes(self, grid_sizes: list[Any], image_size: Any, dtype: Dtype) -> Tensor:
        """The boxes (M, 4) of all maps: middles x and y, widths and heights, over the image's."""
        found = []
        for k, (rows, columns) in enumerate(grid_sizes):
            step = None if self.steps is None else self.steps[k]
            down, right = (rows, columns) if step is None else (s / step for s in image_size)
            x = ((T.arange(0, columns, device="cpu") + 0.5) / right).to(dtype=dtype)
            y = ((T.arange(0, rows, device="cpu") + 0.5) / down).to(dtype=dtype)
            y, x = (t.reshape(-1, 1, 1) for t in T.meshgrid(y, x, indexing="ij"))
            sides = self._wh_pairs[k]
            sides = sides.clamp(min=0, max=1) if self.clip else sides
            shape = (rows * columns, len(sides), 2)
            middles = T.cat((x, y), dim=2).expand(shape)
            found.append(T.cat((middles, sides.expand(shape)), dim=2).reshape(-1, 4))
        return T.cat(found, dim=0)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(aspect_ratios={self.aspect_ratios}, clip={self.clip}, "
            f"scales={self.scales}, steps={self.steps})"
        )

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        height, width = image_list.tensors.shape[-2:]
        grids = [level.shape[-2:] for level in feature_maps]
        first = feature_maps[0]
        boxes = self.boxes(grids, (height, width), first.dtype).to(first.device)
        middles, halves = boxes[:, :2], 0.5 * boxes[:, 2:]
        full = T.tensor([width, height], device=boxes.device)
        corners = T.cat(((middles - halves) * full, (middles + halves) * full), dim=-1)
        return [corners.clone() for _ in image_list.image_sizes]
