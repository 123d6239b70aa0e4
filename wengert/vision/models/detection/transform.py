"""Images and targets on their way into a detector, and its results on their way out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....api import functions as T
from ....base.dtypes import float32, uint8
from ....engine.tensor import Tensor
from ....nn import functional as F
from ....nn.module import Module
from .image_list import ImageList
from .roi_heads import paste_masks_in_image

__all__ = ["GeneralizedRCNNTransform", "resize_boxes", "resize_keypoints"]

Size = tuple[int, int]


def ratios(old: Sequence[int], new: Sequence[int]) -> list[Tensor]:
    """new over old, height and width, in single precision."""
    return [T.tensor(n, dtype=float32) / T.tensor(o, dtype=float32) for n, o in zip(new, old)]


def resize_boxes(boxes: Tensor, original_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """boxes (N, 4) of an image of original_size (height, width), for the image resized."""
    height, width = (r.to(boxes.device) for r in ratios(original_size, new_size))
    x1, y1, x2, y2 = boxes.unbind(1)
    return T.stack((x1 * width, y1 * height, x2 * width, y2 * height), dim=1)


def resize_keypoints(
    keypoints: Tensor, original_size: Sequence[int], new_size: Sequence[int]
) -> Tensor:
    """keypoints (N, K, 3) as (x, y, visible), for the image resized."""
    height, width = (r.to(keypoints.device) for r in ratios(original_size, new_size))
    x, y, visible = keypoints.unbind(2)
    return T.stack((x * width, y * height, visible), dim=2)


class GeneralizedRCNNTransform(Module):
    """Normalizes images, resizes them and their targets, and makes one batch of them.

    Args:
        min_size: of the shorter side; of several, training draws one and evaluation takes the last.
        max_size: of the longer side, which wins.
        image_mean, image_std: of each channel.
        size_divisible: what the sides of the batch are multiples of.
        fixed_size: (width, height) of all images, in place of the sizes.
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int,
        image_mean: list[float],
        image_std: list[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.min_size = tuple(min_size) if isinstance(min_size, (list, tuple)) else (min_size,)
        self.max_size = max_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(
        self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        images = list(images)
        changed: list[Any] = [None] * len(images) if targets is None else list(targets)
        for i, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(
                    "images is expected to be a list of 3d tensors of shape [C, H, W], got "
                    f"{tuple(image.shape)}"
                )
            images[i], changed[i] = self.resize(self.normalize(image), changed[i])
        sizes: list[Size] = [(x.shape[-2], x.shape[-1]) for x in images]
        batch = self.batch_images(images, size_divisible=self.size_divisible)
        return ImageList(batch, sizes), None if targets is None else changed

    def normalize(self, image: Tensor) -> Tensor:
        """image (C, H, W), less the mean and over the deviation of each channel."""
        if not image.is_floating_point():
            raise TypeError(
                "Expected input images to be of floating type (in range [0, 1]), but found type "
                f"{image.dtype} instead"
            )
        mean = T.as_tensor(self.image_mean, dtype=image.dtype, device=image.device)
        std = T.as_tensor(self.image_std, dtype=image.dtype, device=image.device)
        return (image - mean[:, None, None]) / std[:, None, None]

    def torch_choice(self, k: Sequence[int]) -> int:
        """One of k, drawn with the generator of tensors."""
        return k[int(T.empty(1).uniform_(0.0, float(len(k))).item())]

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """image (C, H, W) and the target's boxes, masks and keypoints in the new size."""
        old = image.shape[-2:]
        if self.training and self._skip_resize:
            return image, target
        shortest = self.torch_choice(self.min_size) if self.training else self.min_size[-1]
        if self.fixed_size is not None:
            how: dict[str, Any] = {"size": [self.fixed_size[1], self.fixed_size[0]]}
        else:
            factor = min(shortest / min(old), self.max_size / max(old))
            how = {"scale_factor": factor, "recompute_scale_factor": True}
        image = F.interpolate(image[None], mode="bilinear", align_corners=False, **how)[0]
        if target is None:
            return image, None
        target = dict(target)
        new = image.shape[-2:]
        if "masks" in target:
            masks = F.interpolate(target["masks"][:, None].float(), **how)
            target["masks"] = masks[:, 0].to(uint8)
        target["boxes"] = resize_boxes(target["boxes"], old, new)
        if "keypoints" in target:
            target["keypoints"] = resize_keypoints(target["keypoints"], old, new)
        return image, target

    def batch_images(self, images: list[Tensor], size_divisible: int = 32) -> Tensor:
        """One batch (N, C, H, W) with each image in its upper left corner, zeros around it."""
        channels, *sides = (max(length) for length in zip(*(x.shape for x in images)))
        sides = [math.ceil(side / size_divisible) * size_divisible for side in sides]
        batch = images[0].new_zeros((len(images), channels, *sides))
        for place, image in zip(batch, images):
            place[: image.shape[0], : image.shape[1], : image.shape[2]].copy_(image)
        return batch

    def postprocess(
        self,
        result: list[dict[str, Tensor]],
        image_shapes: list[Size],
        original_image_sizes: list[Size],
    ) -> list[dict[str, Tensor]]:
        """The results in the sizes that the images had."""
        if self.training:
            return result
        for found, size, original in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], size, original)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], original)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], size, original)
        return result

    def __repr__(self) -> str:
        indent = "\n    "
        return (
            f"{type(self).__name__}({indent}Normalize(mean={self.image_mean}, "
            f"std={self.image_std}){indent}Resize(min_size={self.min_size}, "
            f"max_size={self.max_size}, mode='bilinear')\n)"
        )
