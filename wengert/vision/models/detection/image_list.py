"""A batch of images of different sizes, padded to one."""

from __future__ import annotations

from typing import Any

from ....engine.tensor import Tensor

__all__ = ["ImageList"]


class ImageList:
    """tensors: (N, C, H, W); image_sizes: of each image before it was padded, (height, width)."""

    def __init__(self, tensors: Tensor, image_sizes: list[tuple[int, int]]) -> None:
        self.tensors = tensors
        self.image_sizes = image_sizes

    def to(self, device: Any) -> ImageList:
        """The same on another device."""
        return ImageList(self.tensors.to(device), self.image_sizes)
