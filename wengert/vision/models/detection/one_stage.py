"""What detectors in one step share: a head on the maps of a backbone, and the choice of boxes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ....api import functions as T
from ....base.dtypes import int64
from ....base.modes import no_grad
from ....engine.tensor import Tensor
from ....nn.module import Module
from ...ops import boxes as box_ops
from .generalized_rcnn import check_boxes

__all__ = ["OneStage"]

Targets = list[dict[str, Tensor]]
Found = dict[str, Tensor]


class OneStage(Module):
    """A detector in one step; subclasses say what their losses and their results are.

    Attributes:
        transform, backbone, head, anchor_generator: the parts, one after the other.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which boxes are kept.
    """

    transform: Any
    backbone: Any
    head: Any
    anchor_generator: Any
    box_coder: Any
    score_thresh: float
    nms_thresh: float
    detections_per_img: int
    topk_candidates: int

    def _losses(
        self, targets: Targets, outputs: Found, anchors: list[Tensor], counts: list[int]
    ) -> Found:
        """The losses of a batch.

        targets: for each image, a dict of boxes and labels. outputs: what the head gives. anchors:
        boxes (A, 4) of each image. counts: the anchors of each level.
        """
        raise NotImplementedError

    def _detections(
        self, outputs: Found, anchors: list[Tensor], counts: list[int], sizes: list[Any]
    ) -> list[Found]:
        """The results of each image.

        outputs, anchors, counts: as of `_losses`. sizes: heights and widths of the images.
        """
        split: Any = {name: list(x.split(counts, dim=1)) for name, x in outputs.items()}
        return self.postprocess_detections(split, [list(a.split(counts)) for a in anchors], sizes)

    def _scores(self, outputs: Found) -> Tensor:
        """The scores of classes; outputs: what the head gives for a level of an image, by name."""
        return T.sigmoid(outputs["cls_logits"])

    def postprocess_detections(
        self, head_outputs: Any, anchors: list[list[Tensor]], image_shapes: list[Any]
    ) -> list[Found]:
        """Boxes, scores and labels of each image.

        head_outputs: by name, for each level a tensor of shape (N, anchors, values). anchors: of
        each image and level, (A, 4). image_shapes: heights and widths.
        """
        found = []
        for i, (levels, size) in enumerate(zip(anchors, image_shapes)):
            parts = []
            for k, own in enumerate(levels):
                outputs = {name: x[k][i] for name, x in head_outputs.items()}
                scores = self._scores(outputs)
                classes, scores = scores.shape[-1], scores.flatten()
                keep = T.where(scores > self.score_thresh)[0]
                scores, best = scores[keep].topk(min(self.topk_candidates, len(keep)))
                keep = keep[best]
                at = T.div(keep, classes, rounding_mode="floor")
                boxes = self._decoded(outputs["bbox_regression"][at], own[at])
                parts.append((box_ops.clip_boxes_to_image(boxes, size), scores, keep % classes))
            found.append(self._suppressed(parts))
        return found

    def _decoded(self, offsets: Tensor, anchors: Tensor) -> Tensor:
        """The boxes (n, 4) at offsets from anchors, (n, 4) each."""
        return self.box_coder.decode_single(offsets, anchors)

    def _suppressed(self, parts: list[tuple[Tensor, Tensor, Tensor]]) -> Found:
        """Boxes, scores and labels, without those that better ones of their class overlap.

        parts: boxes (n, 4), scores (n,) and labels (n,), of each level or class.
        """
        boxes, scores, labels = (T.cat(values, dim=0) for values in zip(*parts))
        keep = box_ops.batched_nms(boxes, scores, labels, self.nms_thresh)
        keep = keep[: self.detections_per_img]
        return {"boxes": boxes[keep], "scores": scores[keep], "labels": labels[keep]}

    def forward(self, images: list[Tensor], targets: Targets | None = None) -> Any:
        check_boxes(None if not self.training else targets, self.training)
        original = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, targets = self.transform(images, targets)
        check_boxes(targets, False)
        levels = list(maps(self.backbone(batch.tensors)).values())
        outputs = self.head(levels)
        anchors = self.anchor_generator(batch, levels)
        each = self.anchor_generator.num_anchors_per_location()
        counts = [x.shape[2] * x.shape[3] * n for x, n in zip(levels, each)]
        if self.training:
            assert targets is not None
            return self._losses(targets, outputs, anchors, counts)
        found = self._detections(outputs, anchors, counts, batch.image_sizes)
        return self.transform.postprocess(found, batch.image_sizes, original)


def maps(features: Any) -> dict[str, Tensor]:
    """What a backbone returns, by name, also where it is one tensor."""
    return OrderedDict([("0", features)]) if isinstance(features, Tensor) else features


def matches(
    matcher: Callable[[Tensor], Tensor], targets: Targets, anchors: list[Tensor]
) -> list[Tensor]:
    """The target's number of each anchor by their overlap, -1 for none, image by image."""
    found = []
    for own, target in zip(anchors, targets):
        boxes = target["boxes"]
        if boxes.numel() == 0:
            found.append(T.full((len(own),), -1, dtype=int64, device=own.device))
        else:
            found.append(matcher(box_ops.box_iou(boxes, own)))
    return found


def retrieve_out_channels(model: Module, size: tuple[int, int]) -> list[int]:
    """The channels of each map that a model gives for an image of size (width, height)."""
    training = model.training
    model.eval()
    with no_grad():
        device = next(model.parameters()).device
        features = maps(model(T.zeros((1, 3, size[1], size[0]), device=device)))
    model.train(training)
    return [x.shape[1] for x in features.values()]


def check_out_channels(backbone: Any) -> None:
    """Raise ValueError where a backbone does not say how many channels its maps have."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(
            "backbone should contain an attribute out_channels specifying the number of output "
            "channels (assumed to be the same for all the levels)"
        )


IMAGE_MEAN, IMAGE_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
