"""FCOS (arXiv:1904.01355) on ResNet-50 with a feature pyramid: each position is an anchor."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from .... import nn
from ....api import functions as T
from ....base.dtypes import float32, int64
from ....engine.error_context import clear_errors
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops.losses import generalized_box_iou_loss, sigmoid_focal_loss
from .._api import model, published
from ..resnet import ResNet50_Weights
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator
from .backbone_utils import resnet_pyramid
from .faster_rcnn import loaded
from .one_stage import IMAGE_MEAN, IMAGE_STD, OneStage, check_out_channels
from .transform import GeneralizedRCNNTransform

__all__ = ["FCOS", "FCOS_ResNet50_FPN_Weights", "fcos_resnet50_fpn"]

FCOS_ResNet50_FPN_Weights = published("FCOS_ResNet50_FPN_Weights")

Layer = Callable[..., nn.Module]
Targets = list[dict[str, Tensor]]


class Tower(nn.Module):
    """num_convs convolutions with norms on every level; subclasses predict."""

    def __init__(self, in_channels: int, num_convs: int, norm_layer: Layer | None) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.GroupNorm, 32)
        steps: list[nn.Module] = []
        for _ in range(num_convs):
            conv = nn.Conv2d(in_channels, in_channels, kernel_size=3, stride=1, padding=1)
            steps += [conv, norm(in_channels), nn.ReLU()]
        self.conv = nn.Sequential(*steps)

    def initialise(self, *more: nn.Module) -> None:
        """Give the convolutions small random weights and no bias."""
        for layer in (*more, *self.conv.children()):
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)


class FCOSClassificationHead(Tower):
    """Logits (N, positions, num_classes) of each level's positions.

    Args:
        in_channels: of the maps.
        num_anchors: of each position.
        num_classes: how many.
        num_convs: the convolutions before the last.
        prior_probability: of each class at first.
        norm_layer: makes the norms; None: groups of 32.
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        num_convs: int = 4,
        prior_probability: float = 0.01,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__(in_channels, num_convs, norm_layer)
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.initialise()
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, 1, 1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        prior = -math.log((1 - prior_probability) / prior_probability)
        nn.init.constant_(self.cls_logits.bias, prior)

    def forward(self, x: list[Tensor]) -> Tensor:
        levels = [self.cls_logits(self.conv(level)) for level in x]
        parts = [det_utils.permute_and_flatten(level, self.num_classes) for level in levels]
        return T.cat(parts, dim=1)


class FCOSRegressionHead(Tower):
    """Distances (N, positions, 4) of the sides, and (N, positions, 1) how near the middle is.

    in_channels, num_anchors, num_convs, norm_layer: as of `FCOSClassificationHead`.
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_convs: int = 4,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__(in_channels, num_convs, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, 1, 1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors * 1, 3, 1, 1)
        self.initialise(self.bbox_reg, self.bbox_ctrness)

    def forward(self, x: list[Tensor]) -> tuple[Tensor, Tensor]:
        sides, middles = [], []
        for level in x:
            level = self.conv(level)
            sides.append(det_utils.permute_and_flatten(F.relu(self.bbox_reg(level)), 4))
            middles.append(det_utils.permute_and_flatten(self.bbox_ctrness(level), 1))
        return T.cat(sides, dim=1), T.cat(middles, dim=1)


class FCOSHead(nn.Module):
    """Both heads; in_channels, num_anchors, num_classes, num_convs as of their parts."""

    def __init__(
        self, in_channels: int, num_anchors: int, num_classes: int, num_convs: int = 4
    ) -> None:
        super().__init__()
        self.box_coder = det_utils.BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(
            in_channels, num_anchors, num_classes, num_convs
        )
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, num_convs)

    def compute_loss(
        self,
        targets: Targets,
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """The losses of classes, boxes and middles, over the number of matched positions."""
        logits, middles = head_outputs["cls_logits"], head_outputs["bbox_ctrness"].squeeze(2)
        labels, boxes = [], []
        for target, idxs in zip(targets, matched_idxs):
            if len(target["labels"]):
                at = idxs.clamp(min=0)
                classes, sides = target["labels"][at], target["boxes"][at]
            else:
                classes = target["labels"].new_zeros((len(idxs),))
                sides = target["boxes"].new_zeros((len(idxs), 4))
            labels.append(classes.masked_fill(idxs < 0, -1))
            boxes.append(sides)
        wanted, sides, own = T.stack(labels), T.stack(boxes), T.stack(anchors)
        objects = wanted >= 0
        count = max(1, int(objects.sum()))
        ones = T.zeros_like(logits)
        ones[objects, wanted[objects]] = 1.0
        found = self.box_coder.decode(head_outputs["bbox_regression"], own)
        # how near the middle: 1 where left equals right and top equals bottom
        distances = self.box_coder.encode(own, sides)[objects].unflatten(-1, (2, 2))
        nearness = T.sqrt((distances.amin(dim=1) / distances.amax(dim=1)).prod(dim=1))
        losses = {
            "classification": sigmoid_focal_loss(logits, ones, reduction="sum"),
            "bbox_regression": generalized_box_iou_loss(
                found[objects], sides[objects], reduction="sum"
            ),
            "bbox_ctrness": F.binary_cross_entropy_with_logits(
                middles[objects], nearness, reduction="sum"
            ),
        }
        return {name: loss / count for name, loss in losses.items()}

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        logits = self.classification_head(x)
        sides, middles = self.regression_head(x)
        return {"cls_logits": logits, "bbox_regression": sides, "bbox_ctrness": middles}


class FCOS(OneStage):
    """A detector in one step without anchors, on a backbone that has `out_channels`.

    Args:
        backbone: returns a tensor, or {name: (N, out_channels, H, W)}.
        num_classes: with the background.
        min_size, max_size, image_mean, image_std: see `GeneralizedRCNNTransform`, which also gets
            kwargs.
        anchor_generator, head: parts in place of the usual ones; one anchor a position.
        center_sampling_radius: how many strides from the middle of a box it is looked for.
        score_thresh, nms_thresh, detections_per_img: of the results.
        topk_candidates: the best that are kept of each level.

    Takes and returns what `GeneralizedRCNN` does.

    Raises ValueError where backbone is of the wrong type, or a position has several anchors;
    TypeError where anchor_generator is of the wrong type; IndexError where images is too long or
    targets is empty or too short; RuntimeError where num_classes, min_size or max_size is 0,
    negative or a tensor of several numbers.

    >>> backbone = nn.Conv2d(3, 32, 8, 8)
    >>> backbone.out_channels = 32
    >>> from wengert.vision.models.detection.anchor_utils import AnchorGenerator
    >>> anchors = AnchorGenerator(((8,),), ((1.0,),))
    >>> net = FCOS(backbone, 2, 32, 32, anchor_generator=anchors, score_thresh=0.9)
    >>> boxes = torch.tensor([[2.0, 2.0, 30.0, 28.0]])
    >>> losses = net([torch.zeros(3, 32, 32)], [{"boxes": boxes, "labels": torch.tensor([1])}])
    >>> sorted(losses)
    ['bbox_ctrness', 'bbox_regression', 'classification']
    >>> outputs = {"cls_logits": torch.zeros(1, 1, 2), "bbox_regression": torch.ones(1, 1, 4),
    ...            "bbox_ctrness": torch.zeros(1, 1, 1)}
    >>> targets = [{"boxes": boxes, "labels": torch.tensor([1])}]
    >>> net.compute_loss(targets, outputs, [boxes], [1])["bbox_ctrness"]
    tensor(0.6931)
    >>> split = {name: [x] for name, x in outputs.items()}
    >>> net.postprocess_detections(split, [[boxes]], [(32, 32)])[0]["labels"].shape
    torch.Size([0])
    >>> net.eval()([torch.zeros(3, 32, 32)])[0]["boxes"].shape
    torch.Size([0, 4])
    """

    @clear_errors
    def __init__(
        self,
        backbone: Any,
        num_classes: int,
        min_size: int = 800,
        max_size: int = 1333,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: Any = None,
        center_sampling_radius: float = 1.5,
        score_thresh: float = 0.2,
        nms_thresh: float = 0.6,
        detections_per_img: int = 100,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_out_channels(backbone)
        self.backbone = backbone
        if not isinstance(anchor_generator, (AnchorGenerator, type(None))):
            raise TypeError(
                "anchor_generator should be of type AnchorGenerator or None, instead got "
                f"{type(anchor_generator)}"
            )
        usual = ((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5
        self.anchor_generator = anchor_generator or AnchorGenerator(*usual)
        count = self.anchor_generator.num_anchors_per_location()[0]
        if count != 1:
            raise ValueError(
                f"anchor_generator.num_anchors_per_location()[0] should be 1 instead of {count}"
            )
        self.head = head or FCOSHead(backbone.out_channels, count, num_classes)
        self.box_coder = det_utils.BoxLinearCoder(normalize_by_size=True)
        mean, std = image_mean or IMAGE_MEAN, image_std or IMAGE_STD
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.center_sampling_radius = center_sampling_radius
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates

    @clear_errors
    def compute_loss(
        self,
        targets: Targets,
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        num_anchors_per_level: list[int],
    ) -> dict[str, Tensor]:
        """The losses, with each position matched to a target or to none.

        targets: for each image, a dict of boxes and labels. head_outputs: what the head gives.
        anchors: boxes (A, 4) of each image. num_anchors_per_level: how many of them each level has.

        Raises RuntimeError where targets or anchors is empty or too short; IndexError where
        num_anchors_per_level is empty.
        """
        counts = num_anchors_per_level
        matched = [self._matched(t["boxes"], own, counts) for own, t in zip(anchors, targets)]
        return self.head.compute_loss(targets, head_outputs, anchors, matched)

    def _matched(self, boxes: Tensor, anchors: Tensor, counts: list[int]) -> Tensor:
        """The box (A,) of each anchor, -1 for none: the smallest that has it near its middle.

        boxes: corners (n, 4). anchors: corners (A, 4). counts: how many of them each level has.
        """
        if boxes.numel() == 0:
            return T.full((len(anchors),), -1, dtype=int64, device=anchors.device)
        at = (anchors[:, :2] + anchors[:, 2:]) / 2
        sides = anchors[:, 2] - anchors[:, 0]
        away = (at[:, None] - (boxes[:, :2] + boxes[:, 2:]) / 2).abs().amax(dim=2)
        within = T.cat((at[:, None] - boxes[:, :2], boxes[:, 2:] - at[:, None]), dim=2)
        # each level is for boxes of its size, the first also for smaller, the last for larger ones
        lower, upper = sides * 4, sides * 8
        lower[: counts[0]] = 0
        upper[len(upper) - counts[-1] :] = float("inf")
        longest = within.amax(dim=2)
        fits = (away < self.center_sampling_radius * sides[:, None]) & (within.amin(dim=2) > 0)
        fits &= (longest > lower[:, None]) & (longest < upper[:, None])
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        best, which = (fits.to(float32) * (1e8 - areas)).max(dim=1)
        return which.masked_fill(best < 1e-5, -1)

    def _losses(
        self,
        targets: Targets,
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
        counts: list[int],
    ) -> dict[str, Tensor]:
        return self.compute_loss(targets, outputs, anchors, counts)

    def _scores(self, outputs: dict[str, Tensor]) -> Tensor:
        return T.sqrt(T.sigmoid(outputs["cls_logits"]) * T.sigmoid(outputs["bbox_ctrness"]))

    def _decoded(self, offsets: Tensor, anchors: Tensor) -> Tensor:
        return self.box_coder.decode(offsets, anchors)


@model(FCOS_ResNet50_FPN_Weights, ResNet50_Weights)
def fcos_resnet50_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FCOS:
    """FCOS on ResNet-50; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers,
                              returned_layers=[2, 3, 4],
                              extra=(256, 256))  # fmt: skip
    return loaded(FCOS(backbone, 91 if num_classes is None else num_classes, **kwargs), weights)
