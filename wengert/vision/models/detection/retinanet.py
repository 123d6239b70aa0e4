"""RetinaNet (arXiv:1708.02002) on ResNet-50 with a feature pyramid."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from .... import nn
from ....api import functions as T
from ....engine.error_context import clear_errors
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops.losses import generalized_box_iou_loss, sigmoid_focal_loss
from ...ops.misc import Conv2dNormActivation
from .._api import model, published
from ..resnet import ResNet50_Weights
from . import _utils as det_utils
from .anchor_utils import AnchorGenerator
from .backbone_utils import resnet_pyramid
from .faster_rcnn import loaded
from .one_stage import IMAGE_MEAN, IMAGE_STD, OneStage, check_out_channels, matches
from .transform import GeneralizedRCNNTransform

__all__ = [
    "RetinaNet", "RetinaNet_ResNet50_FPN_V2_Weights", "RetinaNet_ResNet50_FPN_Weights",
    "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2",
]  # fmt: skip

RetinaNet_ResNet50_FPN_Weights = published("RetinaNet_ResNet50_FPN_Weights")
RetinaNet_ResNet50_FPN_V2_Weights = published("RetinaNet_ResNet50_FPN_V2_Weights")

Layer = Callable[..., nn.Module]
Targets = list[dict[str, Tensor]]


def default_anchors() -> AnchorGenerator:
    """Three sizes in three proportions for each of five levels."""
    sizes = tuple(
        (x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512)
    )
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class Head(nn.Module):
    """Four convolutions on every level; the last layer of a subclass predicts."""

    _version = 2

    def __init__(self, in_channels: int, norm_layer: Layer | None) -> None:
        super().__init__()
        self.conv = nn.Sequential(*(
            Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4)
        ))  # fmt: skip

    def initialise(self) -> None:
        """Give the convolutions small random weights and no bias."""
        for layer in self.conv.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any
    ) -> None:
        if (local_metadata.get("version") or 1) < 2:  # bare convolutions, each before a ReLU
            for i in range(4):
                for kind in ("weight", "bias"):
                    old = f"{prefix}conv.{2 * i}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}conv.{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def levels(self, x: list[Tensor], last: nn.Module, values: int) -> Tensor:
        """The predictions (N, anchors, values) of all levels."""
        parts = [det_utils.permute_and_flatten(last(self.conv(level)), values) for level in x]
        return T.cat(parts, dim=1)


class RetinaNetClassificationHead(Head):
    """Logits (N, anchors, num_classes) of each level's positions."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        prior_probability: float = 0.01,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__(in_channels, norm_layer)
        self.initialise()
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, 1, 1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        prior = -math.log((1 - prior_probability) / prior_probability)
        nn.init.constant_(self.cls_logits.bias, prior)
        self.num_classes = num_classes
        self.num_anchors = num_anchors

    def compute_loss(
        self, targets: Targets, head_outputs: dict[str, Tensor], matched_idxs: list[Tensor]
    ) -> Tensor:
        """The focal loss, over the number of matched anchors, of the mean image."""
        losses = []
        for target, logits, idxs in zip(targets, head_outputs["cls_logits"], matched_idxs):
            objects = idxs >= 0
            wanted = T.zeros_like(logits)
            wanted[objects, target["labels"][idxs[objects]]] = 1.0
            valid = idxs != det_utils.Matcher.BETWEEN_THRESHOLDS
            loss = sigmoid_focal_loss(logits[valid], wanted[valid], reduction="sum")
            losses.append(loss / max(1, int(objects.sum())))
        return sum(losses[1:], losses[0]) / len(targets)

    def forward(self, x: list[Tensor]) -> Tensor:
        return self.levels(x, self.cls_logits, self.num_classes)


class RetinaNetRegressionHead(Head):
    """Offsets (N, anchors, 4) of each level's positions."""

    def __init__(self, in_channels: int, num_anchors: int, norm_layer: Layer | None = None) -> None:
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, 1, 1)
        nn.init.normal_(self.bbox_reg.weight, std=0.01)
        nn.init.zeros_(self.bbox_reg.bias)
        self.initialise()
        self.box_coder = det_utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(
        self,
        targets: Targets,
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> Tensor:
        """The loss of the matched anchors, over their number, of the mean image."""
        losses = []
        for target, moves, own, idxs in zip(
            targets, head_outputs["bbox_regression"], anchors, matched_idxs
        ):
            objects = T.where(idxs >= 0)[0]
            boxes = target["boxes"][idxs[objects]]
            moves, own = moves[objects], own[objects]
            if self._loss_type == "giou":
                found = self.box_coder.decode_single(moves, own)
                loss = generalized_box_iou_loss(found, boxes, reduction="sum", eps=1e-7)
            else:
                loss = F.l1_loss(moves, self.box_coder.encode_single(boxes, own), reduction="sum")
            losses.append(loss / max(1, len(objects)))
        return sum(losses[1:], losses[0]) / max(1, len(targets))

    def forward(self, x: list[Tensor]) -> Tensor:
        return self.levels(x, self.bbox_reg, 4)


class RetinaNetHead(nn.Module):
    """Both heads."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(
            in_channels, num_anchors, norm_layer=norm_layer
        )

    def compute_loss(
        self,
        targets: Targets,
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """Both losses."""
        classes = self.classification_head.compute_loss(targets, head_outputs, matched_idxs)
        boxes = self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs)
        return {"classification": classes, "bbox_regression": boxes}

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        return {
            "cls_logits": self.classification_head(x),
            "bbox_regression": self.regression_head(x),
        }


class RetinaNet(OneStage):
    """A detector in one step on a backbone that has `out_channels`.

    Args:
        backbone: returns a tensor, or {name: (N, out_channels, H, W)}.
        num_classes: with the background.
        min_size, max_size, image_mean, image_std: see `GeneralizedRCNNTransform`, which also gets
            kwargs.
        anchor_generator, head, proposal_matcher: parts in place of the usual ones.
        score_thresh, nms_thresh, detections_per_img: of the results.
        fg_iou_thresh, bg_iou_thresh: the overlap from which an anchor is an object, and below
            which it is background.
        topk_candidates: the best that are kept of each level.

    Takes and returns what `GeneralizedRCNN` does.

    Raises ValueError where backbone is of the wrong type.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.detection.retinanet_resnet50_fpn(weights_backbone=None)
    >>> isinstance(net, RetinaNet)
    True
    >>> from wengert.vision.models.detection.anchor_utils import AnchorGenerator
    >>> backbone = nn.Conv2d(3, 8, 8, 8)
    >>> backbone.out_channels = 8
    >>> head = RetinaNetHead(8, 1, 2, norm_layer=nn.Identity)
    >>> anchors = AnchorGenerator(((16,),), ((1.0,),))
    >>> net = RetinaNet(backbone, 2, 32, 32, anchor_generator=anchors, head=head)
    >>> boxes = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    >>> targets = [{"boxes": boxes, "labels": torch.tensor([1])}]
    >>> outputs = {"cls_logits": torch.zeros(1, 1, 2), "bbox_regression": torch.zeros(1, 1, 4)}
    >>> net.compute_loss(targets, outputs, [boxes])["bbox_regression"]
    tensor(0.)
    >>> outputs = {"cls_logits": [torch.ones(1, 1, 2)], "bbox_regression": [torch.zeros(1, 1, 4)]}
    >>> found = net.postprocess_detections(outputs, [[boxes]], [(32, 32)])
    >>> found[0]["labels"].tolist()
    [0, 1]
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
        proposal_matcher: Any = None,
        score_thresh: float = 0.05,
        nms_thresh: float = 0.5,
        detections_per_img: int = 300,
        fg_iou_thresh: float = 0.5,
        bg_iou_thresh: float = 0.4,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_out_channels(backbone)
        self.backbone = backbone
        self.anchor_generator = anchor_generator or default_anchors()
        count = self.anchor_generator.num_anchors_per_location()[0]
        self.head = head or RetinaNetHead(backbone.out_channels, count, num_classes)
        self.proposal_matcher = proposal_matcher or det_utils.Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = det_utils.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        mean, std = image_mean or IMAGE_MEAN, image_std or IMAGE_STD
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates

    @clear_errors
    def compute_loss(
        self, targets: Targets, head_outputs: dict[str, Tensor], anchors: list[Tensor]
    ) -> dict[str, Tensor]:
        """The losses, with each anchor matched to a target or to none.

        targets: for each image, a dict of boxes and labels. head_outputs: what the head gives.
        anchors: boxes (A, 4), for each image or level.

        Raises IndexError where targets or anchors is empty or too short.
        """
        matched = matches(self.proposal_matcher, targets, anchors)
        return self.head.compute_loss(targets, head_outputs, anchors, matched)

    def _losses(
        self,
        targets: Targets,
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
        counts: list[int],
    ) -> dict[str, Tensor]:
        return self.compute_loss(targets, outputs, anchors)


@model(RetinaNet_ResNet50_FPN_Weights, ResNet50_Weights)
def retinanet_resnet50_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> RetinaNet:
    """RetinaNet on ResNet-50; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers,
                              returned_layers=[2, 3, 4],
                              extra=(256, 256))  # fmt: skip
    net = RetinaNet(backbone, 91 if num_classes is None else num_classes, **kwargs)
    return loaded(net, weights, first=RetinaNet_ResNet50_FPN_Weights.COCO_V1)


@model(RetinaNet_ResNet50_FPN_V2_Weights, ResNet50_Weights)
def retinanet_resnet50_fpn_v2(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> RetinaNet:
    """RetinaNet on ResNet-50 with norms in its heads, and another loss; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers, False,
                              returned_layers=[2, 3, 4],
                              extra=(2048, 256))  # fmt: skip
    classes = 91 if num_classes is None else num_classes
    anchors = default_anchors()
    head = RetinaNetHead(
        backbone.out_channels,
        anchors.num_anchors_per_location()[0],
        classes,
        norm_layer=partial(nn.GroupNorm, 32),
    )
    head.regression_head._loss_type = "giou"
    net = RetinaNet(backbone, classes, anchor_generator=anchors, head=head, **kwargs)
    return loaded(net, weights)
