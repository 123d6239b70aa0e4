"""The transforms that published weights were trained with: what `weights.transforms()` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base.dtypes import float32
from ...engine.tensor import Tensor
from ...nn.module import Module
from . import functional as F
from .interpolation import InterpolationMode

__all__ = ["ImageClassification", "ObjectDetection", "SemanticSegmentation"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def real(img: Any) -> Tensor:
    """An image, Pillow's or a tensor, as a float32 tensor in [0, 1]."""
    return F.convert_image_dtype(img if isinstance(img, Tensor) else F.pil_to_tensor(img), float32)


def shown(module: Any, *names: str) -> str:
    lines = "".join(f"\n    {name}={getattr(module, name)}" for name in names)
    return f"{type(module).__name__}({lines}\n)" if names else f"{type(module).__name__}()"


class ObjectDetection(Module):
    """An image as a tensor in [0, 1]."""

    def forward(self, img: Any) -> Tensor:
        return real(img)

    def __repr__(self) -> str:
        return shown(self)


class ImageClassification(Module):
    """An image resized, its middle cut out, and normalized."""

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        return F.normalize(real(F.center_crop(img, self.crop_size)), self.mean, self.std)

    def __repr__(self) -> str:
        return shown(self, "crop_size", "resize_size", "mean", "std", "interpolation")


class SemanticSegmentation(Module):
    """An image resized and normalized."""

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.resize_size = None if resize_size is None else [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        return F.normalize(real(img), self.mean, self.std)

    def __repr__(self) -> str:
        return shown(self, "resize_size", "mean", "std", "interpolation")
