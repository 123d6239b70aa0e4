"""The network that proposes regions (arXiv:1506.01497)."""

from __future__ import annotations

from typing import Any

from .... import nn
from ....api import functions as T
from ....base.dtypes import float32
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops import boxes as box_ops
from ...ops.misc import Conv2dNormActivation
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator
from .image_list import ImageList

__all__ = ["RPNHead", "RegionProposalNetwork"]

Targets = list[dict[str, Tensor]] | None


class RPNHead(nn.Module):
    """For each position and anchor: whether there is an object, and where.

    num_anchors: of a position; conv_depth: convolutions before the predictions.
    Takes and returns lists with a tensor for each level.
    """

    _version = 2

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1) -> None:
        super().__init__()
        self.conv = nn.Sequential(*(
            Conv2dNormActivation(in_channels, in_channels, kernel_size=3, norm_layer=None)
            for _ in range(conv_depth)
        ))  # fmt: skip
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.normal_(m.weight, std=0.01)
                nn.init.zeros_(m.bias)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any
    ) -> None:
        if (local_metadata.get("version") or 1) < 2:  # there was one bare convolution
            for kind in ("weight", "bias"):
                if f"{prefix}conv.{kind}" in state_dict:
                    state_dict[f"{prefix}conv.0.0.{kind}"] = state_dict.pop(f"{prefix}conv.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(level) for level in x]
        return [self.cls_logits(h) for h in hidden], [self.bbox_pred(h) for h in hidden]


class RegionProposalNetwork(nn.Module):
    """Proposes boxes for each image, and in training returns the losses of that.

    Args:
        anchor_generator, head: see those.
        fg_iou_thresh, bg_iou_thresh: the overlap from which an anchor is an object, and below
            which it is background.
        batch_size_per_image, positive_fraction: the anchors drawn for the loss.
        pre_nms_top_n, post_nms_top_n: {"training": n, "testing": n}, the best that are kept
            before and after suppression, of each level and of all.
        nms_thresh: the overlap of suppression; score_thresh: of what is proposed.
    """

    def __init__(
        self,
        anchor_generator: AnchorGenerator,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: dict[str, int],
        post_nms_top_n: dict[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = det_utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = box_ops.box_iou
        self.proposal_matcher = det_utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.fg_bg_sampler = det_utils.BalancedPositiveNegativeSampler(
            batch_size_per_image, positive_fraction
        )
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def pre_nms_top_n(self) -> int:
        """How many of a level go into suppression."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self) -> int:
        """How many of an image are proposed."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Each anchor's label (1 object, 0 background, -1 neither) and box, image by image."""
        labels, matched = [], []
        for own, target in zip(anchors, targets):
            boxes = target["boxes"]
            if boxes.numel() == 0:
                matched.append(T.zeros_like(own))
                labels.append(T.zeros(len(own), dtype=float32, device=own.device))
                continue
            idxs = self.proposal_matcher(self.box_similarity(boxes, own))
            matched.append(boxes[idxs.clamp(min=0)])
            ones = T.ones(len(boxes), dtype=float32, device=own.device)
            labels.append(det_utils.background_free(ones, idxs))
        return labels, matched

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: list[tuple[int, int]],
        num_anchors_per_level: list[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The proposals (N, A, 4) that are left of each image, best first, and their scores."""
        images = proposals.shape[0]
        objectness = objectness.detach().reshape(images, -1)
        best, first = [], 0
        for count, scores in enumerate(objectness.split(num_anchors_per_level, 1)):
            top = scores.topk(min(self.pre_nms_top_n(), scores.shape[1]), dim=1)[1]
            best.append((top + first, T.full_like(top, count)))
            first += scores.shape[1]
        chosen, levels = (T.cat(parts, dim=1) for parts in zip(*best))
        rows = T.arange(images, device=proposals.device)[:, None]
        probabilities = T.sigmoid(objectness[rows, chosen])
        found: tuple[list[Tensor], list[Tensor]] = [], []
        for boxes, scores, level, size in zip(
            proposals[rows, chosen], probabilities, levels, image_shapes
        ):
            boxes = box_ops.clip_boxes_to_image(boxes, size)
            keep = box_ops.remove_small_boxes(boxes, self.min_size)
            keep = keep[T.where(scores[keep] >= self.score_thresh)[0]]
            boxes, scores, level = boxes[keep], scores[keep], level[keep]
            keep = box_ops.batched_nms(boxes, scores, level, self.nms_thresh)
            keep = keep[: self.post_nms_top_n()]
            found[0].append(boxes[keep])
            found[1].append(scores[keep])
        return found

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: list[Tensor],
        regression_targets: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The losses of whether there is an object, and of where, over the anchors drawn."""
        positive, negative = (
            T.where(T.cat(masks, dim=0))[0] for masks in self.fg_bg_sampler(labels)
        )
        drawn = T.cat([positive, negative], dim=0)
        where = F.smooth_l1_loss(
            pred_bbox_deltas[positive],
            T.cat(regression_targets, dim=0)[positive],
            beta=1 / 9,
            reduction="sum",
        ) / len(drawn)
        whether = F.binary_cross_entropy_with_logits(
            objectness.flatten()[drawn], T.cat(labels, dim=0)[drawn]
        )
        return whether, where

    def forward(
        self, images: ImageList, features: dict[str, Tensor], targets: Targets = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        levels = list(features.values())
        scores, deltas = self.head(levels)
        anchors = self.anchor_generator(images, levels)
        counts = [s.shape[1] * s.shape[2] * s.shape[3] for s in scores]
        flat = det_utils.permute_and_flatten
        objectness = T.cat([flat(s, 1) for s in scores], dim=1).reshape(-1, 1)
        moves = T.cat([flat(d, 4) for d in deltas], dim=1).reshape(-1, 4)
        proposals = self.box_coder.decode(moves.detach(), anchors).view(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("targets should not be None")
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        wanted = list(self.box_coder.encode(matched, anchors))
        whether, where = self.compute_loss(objectness, moves, labels, wanted)
        return boxes, {"loss_objectness": whether, "loss_rpn_box_reg": where}
