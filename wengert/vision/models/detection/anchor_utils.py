"""Anchors: boxes of given sizes and proportions at every position of feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....api import functions as T
from ....base.dtypes import dtype as Dtype
from ....base.dtypes import float32, int32
from ....engine.tensor import Tensor
from ....nn.module import Module
from .image_list import ImageList

__all__ = ["AnchorGenerator"]


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
