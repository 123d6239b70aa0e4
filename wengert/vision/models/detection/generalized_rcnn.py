"""A detector in two steps: regions are proposed, and then looked at."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ....engine.tensor import Tensor
from ....nn.module import Module

__all__ = ["GeneralizedRCNN", "check_boxes"]

Targets = list[dict[str, Tensor]] | None


def check_boxes(targets: Any, training: bool) -> None:
    """Raise where training has no targets, or boxes that are none."""
    if targets is None:
        if training:
            raise AssertionError("targets should not be none when in training mode")
        return
    for i, target in enumerate(targets):
        boxes = target["boxes"]
        if training and not isinstance(boxes, Tensor):
            raise AssertionError(f"Expected target boxes to be of type Tensor, got {type(boxes)}.")
        if training and (boxes.dim() != 2 or boxes.shape[-1] != 4):
            raise AssertionError(
                f"Expected target boxes to be a tensor of shape [N, 4], got {tuple(boxes.shape)}."
            )
        empty = (boxes[:, 2:] <= boxes[:, :2]).any(dim=1)
        if empty.any():
            worst = boxes[empty][0].tolist()
            raise AssertionError(
                "All bounding boxes should have positive height and width. Found invalid box "
                f"{worst} for target at index {i}."
            )


class GeneralizedRCNN(Module):
    """backbone, rpn, roi_heads one after another, with transform around them.

    Takes a list of images (C, H, W) in [0, 1], and in training one dict of targets for each with
    `boxes` (n, 4) as corners and `labels` (n,). Returns the losses in training, else for each
    image a dict with `boxes`, `labels`, `scores`.
    """

    def __init__(self, backbone: Module, rpn: Module, roi_heads: Module, transform: Module) -> None:
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images: list[Tensor], targets: Targets = None) -> Any:
        check_boxes(None if not self.training else targets, self.training)
        original = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, targets = self.transform(images, targets)
        check_boxes(targets, False)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, proposal_losses = self.rpn(batch, features, targets)
        detections, losses = self.roi_heads(features, proposals, batch.image_sizes, targets)
        if self.training:
            return {**losses, **proposal_losses}
        postprocess: Any = self.transform.postprocess
        return postprocess(detections, batch.image_sizes, original)
