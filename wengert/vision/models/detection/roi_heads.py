"""What is in each proposed region: class, box, and perhaps mask or keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....api import functions as T
from ....base.dtypes import float32, int64
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops import boxes as box_ops
from ...ops.roi_align import roi_align
from . import _utils as det_utils
from .keypoints import heatmaps_to_keypoints, keypointrcnn_inference, keypointrcnn_loss

__all__ = [
    "RoIHeads", "fastrcnn_loss", "heatmaps_to_keypoints", "keypointrcnn_inference",
    "keypointrcnn_loss", "maskrcnn_inference", "maskrcnn_loss", "paste_masks_in_image",
]  # fmt: skip

Size = tuple[int, int]
Results = list[dict[str, Tensor]]


def fastrcnn_loss(
    class_logits: Tensor,
    box_regression: Tensor,
    labels: list[Tensor],
    regression_targets: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """The losses of classes (N, C) and boxes (N, 4 C) of the regions of all images."""
    wanted, moves = T.cat(labels, dim=0), T.cat(regression_targets, dim=0)
    objects = T.where(wanted > 0)[0]
    predicted = box_regression.reshape(len(class_logits), -1, 4)[objects, wanted[objects]]
    where = F.smooth_l1_loss(predicted, moves[objects], beta=1 / 9, reduction="sum")
    return F.cross_entropy(class_logits, wanted), where / wanted.numel()


def maskrcnn_inference(x: Tensor, labels: list[Tensor]) -> list[Tensor]:
    """Of logits (N, C, M, M), the probabilities (n, 1, M, M) of each image's labels."""
    wanted = T.cat(labels)
    rows = T.arange(len(x), device=wanted.device)
    own = x.sigmoid()[rows, wanted][:, None]
    return list(own.split([len(label) for label in labels], dim=0))


def project_masks_on_boxes(gt_masks: Tensor, boxes: Tensor, matched_idxs: Tensor, M: int) -> Tensor:
    """Of each box, the part (M, M) of the mask that it is matched with."""
    rois = T.cat([matched_idxs.to(boxes)[:, None], boxes], dim=1)
    return roi_align(gt_masks[:, None].to(rois), rois, (M, M), 1.0)[:, 0]


def maskrcnn_loss(
    mask_logits: Tensor,
    proposals: list[Tensor],
    gt_masks: list[Tensor],
    gt_labels: list[Tensor],
    mask_matched_idxs: list[Tensor],
) -> Tensor:
    """The loss of the logits (N, C, M, M) of the masks of matched regions."""
    side = mask_logits.shape[-1]
    labels = T.cat([label[idxs] for label, idxs in zip(gt_labels, mask_matched_idxs)], dim=0)
    masks = [
        project_masks_on_boxes(m, p, i, side)
        for m, p, i in zip(gt_masks, proposals, mask_matched_idxs)
    ]
    wanted = T.cat(masks, dim=0)
    if wanted.numel() == 0:
        return mask_logits.sum() * 0
    rows = T.arange(len(labels), device=labels.device)
    return F.binary_cross_entropy_with_logits(mask_logits[rows, labels], wanted)


def expand_boxes(boxes: Tensor, scale: float) -> Tensor:
    """boxes (N, 4) around the same middles, scale times as large."""
    half_w = (boxes[:, 2] - boxes[:, 0]) * 0.5 * scale
    half_h = (boxes[:, 3] - boxes[:, 1]) * 0.5 * scale
    x, y = (boxes[:, 2] + boxes[:, 0]) * 0.5, (boxes[:, 3] + boxes[:, 1]) * 0.5
    return T.stack((x - half_w, y - half_h, x + half_w, y + half_h), dim=1)


def paste_masks_in_image(
    masks: Tensor, boxes: Tensor, img_shape: Sequence[int], padding: int = 1
) -> Tensor:
    """Masks (N, 1, M, M) of boxes as masks (N, 1, height, width) of the image."""
    height, width = img_shape
    side = masks.shape[-1]
    padded = F.pad(masks, (padding,) * 4)
    scale = (side + 2 * padding) / side
    pasted = masks.new_zeros((len(masks), 1, height, width))
    for place, mask, box in zip(pasted, padded, expand_boxes(boxes, scale).to(int64).tolist()):
        x1, y1, x2, y2 = box
        size = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        resized = F.interpolate(mask[None], size=size, mode="bilinear", align_corners=False)[0, 0]
        left, right = max(x1, 0), min(x2 + 1, width)
        top, bottom = max(y1, 0), min(y2 + 1, height)
        place[0, top:bottom, left:right] = resized[top - y1 : bottom - y1, left - x1 : right - x1]
    return pasted


class RoIHeads(nn.Module):
    """Pools the features of each region and predicts from them; in training returns losses.

    Args:
        box_roi_pool, box_head, box_predictor: from features and boxes to logits and offsets.
        fg_iou_thresh, bg_iou_thresh: the overlap from which a region is an object, and below
            which it is background.
        batch_size_per_image, positive_fraction: the regions drawn for the loss.
        bbox_reg_weights: of the offsets, (10, 10, 5, 5) by default.
        score_thresh, nms_thresh, detections_per_img: of the results.
        mask_roi_pool, mask_head, mask_predictor, keypoint_roi_pool, keypoint_head,
        keypoint_predictor: the same for masks and keypoints, or None.
    """

    def __init__(
        self,
        box_roi_pool: Any,
        box_head: Any,
        box_predictor: Any,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: Sequence[float] | None,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: Any = None,
        mask_head: Any = None,
        mask_predictor: Any = None,
        keypoint_roi_pool: Any = None,
        keypoint_head: Any = None,
        keypoint_predictor: Any = None,
    ) -> None:
        super().__init__()
        self.box_similarity = box_ops.box_iou
        self.proposal_matcher = det_utils.Matcher(fg_iou_thresh, bg_iou_thresh)
        self.fg_bg_sampler = det_utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self.box_coder = det_utils.BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor
        self.keypoint_roi_pool = keypoint_roi_pool
        self.keypoint_head = keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self) -> bool:
        """Whether masks are predicted."""
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self) -> bool:
        """Whether keypoints are predicted."""
        parts = self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor
        return None not in parts

    def assign_targets_to_proposals(
        self, proposals: list[Tensor], gt_boxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Each proposal's number of a target, and its label (-1 for neither), image by image."""
        numbers, labels = [], []
        for own, boxes, classes in zip(proposals, gt_boxes, gt_labels):
            if boxes.numel() == 0:
                none = T.zeros((len(own),), dtype=int64, device=own.device)
                numbers.append(none)
                labels.append(none)
                continue
            idxs = self.proposal_matcher(self.box_similarity(boxes, own))
            numbers.append(idxs.clamp(min=0))
            labels.append(det_utils.background_free(classes, idxs).to(int64))
        return numbers, labels

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]] | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """The proposals drawn, their targets' numbers, labels and offsets, image by image."""
        self.check_targets(targets)
        assert targets is not None
        kind = proposals[0].dtype
        boxes = [t["boxes"].to(kind) for t in targets]
        proposals = [T.cat(pair) for pair in zip(proposals, boxes)]
        numbers, labels = self.assign_targets_to_proposals(
            proposals, boxes, [t["labels"] for t in targets]
        )
        matched = []
        for i, masks in enumerate(zip(*self.fg_bg_sampler(labels))):
            drawn = T.where(masks[0] | masks[1])[0]
            proposals[i], labels[i], numbers[i] = (
                proposals[i][drawn], labels[i][drawn], numbers[i][drawn],
            )  # fmt: skip
            own = boxes[i] if boxes[i].numel() else T.zeros((1, 4), dtype=kind)
            matched.append(own[numbers[i]])
        return proposals, numbers, labels, list(self.box_coder.encode(matched, proposals))

    def check_targets(self, targets: Any) -> None:
        """Raise ValueError where a target of training is missing, or has a wrong dtype."""
        if targets is None:
            raise ValueError("targets should not be None")
        needed = ["boxes", "labels"] + ["masks"] * self.has_mask()
        needed += ["keypoints"] * self.has_keypoint()
        for target in targets:
            missing = [key for key in needed if key not in target]
            if missing:
                raise ValueError(f"Every element of targets should have {', '.join(missing)}")
            if not target["boxes"].is_floating_point():
                raise TypeError(f"target boxes must be of float type, got {target['boxes'].dtype}")
            if target["labels"].dtype != int64:
                raise TypeError(
                    f"target labels must be of int64 type, got {target['labels'].dtype}"
                )
            if self.has_keypoint() and target["keypoints"].dtype != float32:
                raise TypeError("target keypoints must be of float type")

    def postprocess_detections(
        self,
        class_logits: Tensor,
        box_regression: Tensor,
        proposals: list[Tensor],
        image_shapes: list[Size],
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Boxes, scores and labels of each image, best first."""
        classes = class_logits.shape[-1]
        counts = [len(p) for p in proposals]
        boxes_of = self.box_coder.decode(box_regression, proposals).split(counts, 0)
        scores_of = F.softmax(class_logits, -1).split(counts, 0)
        found: tuple[list[Tensor], list[Tensor], list[Tensor]] = [], [], []
        for boxes, scores, size in zip(boxes_of, scores_of, image_shapes):
            boxes = box_ops.clip_boxes_to_image(boxes, size)
            labels = T.arange(classes, device=scores.device).view(1, -1).expand_as(scores)
            boxes = boxes[:, 1:].reshape(-1, 4)  # class 0 is the background
            scores, labels = scores[:, 1:].reshape(-1), labels[:, 1:].reshape(-1)
            keep = T.where(scores > self.score_thresh)[0]
            keep = keep[box_ops.remove_small_boxes(boxes[keep], min_size=1e-2)]
            boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
            keep = box_ops.batched_nms(boxes, scores, labels, self.nms_thresh)
            keep = keep[: self.detections_per_img]
            for part, values in zip(found, (boxes, scores, labels)):
                part.append(values[keep])
        return found

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[Size],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[Results, dict[str, Tensor]]:
        result: Results = []
        losses: dict[str, Tensor] = {}
        regions = proposals
        numbers: list[Tensor] = []
        if self.training:
            proposals, numbers, labels, moves = self.select_training_samples(proposals, targets)
        pooled = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        class_logits, box_regression = self.box_predictor(pooled)
        if self.training:
            losses["loss_classifier"], losses["loss_box_reg"] = fastrcnn_loss(
                class_logits, box_regression, labels, moves
            )
            objects = [T.where(label > 0)[0] for label in labels]
            regions = [p[i] for p, i in zip(proposals, objects)]
            numbers = [n[i] for n, i in zip(numbers, objects)]
        else:
            found = self.postprocess_detections(
                class_logits, box_regression, proposals, image_shapes
            )
            result = [dict(zip(("boxes", "scores", "labels"), one)) for one in zip(*found)]
            result = [{k: one[k] for k in ("boxes", "labels", "scores")} for one in result]
            regions = found[0]
        if self.has_mask():
            pooled = self.mask_head(self.mask_roi_pool(features, regions, image_shapes))
            logits = self.mask_predictor(pooled)
            if self.training:
                assert targets is not None
                own, classes = ([t[key] for t in targets] for key in ("masks", "labels"))
                losses["loss_mask"] = maskrcnn_loss(logits, regions, own, classes, numbers)
            else:
                masks = maskrcnn_inference(logits, [r["labels"] for r in result])
                for one, mask in zip(result, masks):
                    one["masks"] = mask
        if self.has_keypoint():
            pooled = self.keypoint_head(self.keypoint_roi_pool(features, regions, image_shapes))
            logits = self.keypoint_predictor(pooled)
            if self.training:
                assert targets is not None
                points = [t["keypoints"] for t in targets]
                losses["loss_keypoint"] = keypointrcnn_loss(logits, regions, points, numbers)
            else:
                for one, where, sure in zip(result, *keypointrcnn_inference(logits, regions)):
                    one["keypoints"], one["keypoints_scores"] = where, sure
        return result, losses
