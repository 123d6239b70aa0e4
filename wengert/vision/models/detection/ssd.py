"""SSD (arXiv:1512.02325) on VGG-16."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ....api import functions as T
from ....base.advice import advise
from ....base.dtypes import int64
from ....engine.error_context import clear_errors
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops import boxes as box_ops
from .._api import model, published
from ..vgg import VGG16_Weights, vgg16
from . import _utils as det_utils
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import _validate_trainable_layers, check_range
from .faster_rcnn import loaded
from .one_stage import IMAGE_MEAN, IMAGE_STD, OneStage, matches, retrieve_out_channels
from .transform import GeneralizedRCNNTransform

__all__ = ["SSD300_VGG16_Weights", "ssd300_vgg16"]

SSD300_VGG16_Weights = published("SSD300_VGG16_Weights")

Targets = list[dict[str, Tensor]]


def _xavier_init(conv: nn.Module) -> None:
    for layer in conv.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class SSDScoringHead(nn.Module):
    """A layer for each map; num_columns: the values of a box. Output (N, boxes, num_columns)."""

    def __init__(self, module_list: nn.ModuleList, num_columns: int) -> None:
        super().__init__()
        self.module_list = module_list
        self.num_columns = num_columns

    def forward(self, x: list[Tensor]) -> Tensor:
        parts = [
            det_utils.permute_and_flatten(layer(level), self.num_columns)
            for layer, level in zip(self.module_list, x)
        ]
        return T.cat(parts, dim=1)


def layers(
    make: Callable[[int, int], nn.Module],
    in_channels: list[int],
    num_anchors: list[int],
    values: int,
    initialise: Callable[[nn.Module], None],
) -> nn.ModuleList:
    """A layer for each map, with values for each of its boxes."""
    found = nn.ModuleList([make(c, values * n) for c, n in zip(in_channels, num_anchors)])
    initialise(found)
    return found


def predictor(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)


class SSDClassificationHead(SSDScoringHead):
    """Logits (N, boxes, num_classes) of maps with in_channels and num_anchors."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int) -> None:
        made = layers(predictor, in_channels, num_anchors, num_classes, _xavier_init)
        super().__init__(made, num_classes)


class SSDRegressionHead(SSDScoringHead):
    """Offsets (N, boxes, 4) of maps with in_channels and num_anchors."""

    def __init__(self, in_channels: list[int], num_anchors: list[int]) -> None:
        super().__init__(layers(predictor, in_channels, num_anchors, 4, _xavier_init), 4)


class SSDHead(nn.Module):
    """Both heads."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int) -> None:
        super().__init__()
        self.classification_head: nn.Module = SSDClassificationHead(
            in_channels, num_anchors, num_classes
        )
        self.regression_head: nn.Module = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        return {
            "bbox_regression": self.regression_head(x),
            "cls_logits": self.classification_head(x),
        }


class SSD(OneStage):
    """A detector in one step whose boxes are matched to targets by their overlap.

    Args:
        backbone: returns a tensor, or {name: (N, C, H, W)}; may say its `out_channels`, of each
            map.
        anchor_generator: the boxes of each map.
        size: (width, height) of all images.
        num_classes: with the background, which is class 0.
        image_mean, image_std: of each channel; kwargs go to `GeneralizedRCNNTransform` too.
        head: in place of the usual one.
        score_thresh, nms_thresh, detections_per_img: of the results.
        iou_thresh: the overlap from which a box is an object.
        topk_candidates: the best that are kept of each class.
        positive_fraction: of the boxes that the classes learn from; the others are the background
            that is classified worst.

    Takes and returns what `GeneralizedRCNN` does.

    Raises ValueError where backbone and anchor_generator have different numbers of maps.
    """

    @clear_errors
    def __init__(
        self,
        backbone: Any,
        anchor_generator: DefaultBoxGenerator,
        size: tuple[int, int],
        num_classes: int,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        head: Any = None,
        score_thresh: float = 0.01,
        nms_thresh: float = 0.45,
        detections_per_img: int = 200,
        iou_thresh: float = 0.5,
        topk_candidates: int = 400,
        positive_fraction: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.anchor_generator = anchor_generator
        self.box_coder = det_utils.BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        if head is None:
            known = getattr(backbone, "out_channels", None)
            channels = known or retrieve_out_channels(backbone, size)
            check_maps(channels, anchor_generator)
            head = SSDHead(channels, anchor_generator.num_anchors_per_location(), num_classes)
        self.head = head
        self.proposal_matcher = det_utils.SSDMatcher(iou_thresh)
        mean, std = image_mean or IMAGE_MEAN, image_std or IMAGE_STD
        self.transform = GeneralizedRCNNTransform(
            min(size), max(size), mean, std, size_divisible=1, fixed_size=size, **kwargs
        )
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def compute_loss(
        self,
        targets: Targets,
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """The losses of boxes and of classes, over the number of matched boxes.

        targets: for each image, a dict of boxes and labels. head_outputs: what the head gives.
        anchors: boxes (A, 4) of each image. matched_idxs: the target of each, -1 for none.
        """
        logits = head_outputs["cls_logits"]
        moves, classes, objects = [], [], []
        for target, offsets, own, idxs in zip(
            targets, head_outputs["bbox_regression"], anchors, matched_idxs
        ):
            matched = T.where(idxs >= 0)[0]
            wanted = idxs[matched]
            boxes = self.box_coder.encode_single(target["boxes"][wanted], own[matched])
            moves.append(F.smooth_l1_loss(offsets[matched], boxes, reduction="sum"))
            labels = T.zeros_like(idxs, dtype=target["labels"].dtype)
            labels[matched] = target["labels"][wanted]
            classes.append(labels)
            objects.append(len(matched))
        labels = T.stack(classes)
        each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        each = each.reshape(labels.shape)
        positive = labels > 0
        # of the background, those that are classified worst
        worst = each.detach().masked_fill(positive, -float("inf"))
        rank = worst.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        negative = rank < self.neg_to_pos_ratio * positive.sum(dim=1, keepdim=True)
        count = max(1, sum(objects))
        return {
            "bbox_regression": T.stack(moves).sum() / count,
            "classification": (each[positive].sum() + each[negative].sum()) / count,
        }

    def _losses(
        self,
        targets: Targets,
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
        counts: list[int],
    ) -> dict[str, Tensor]:
        matched = matches(self.proposal_matcher, targets, anchors)
        return self.compute_loss(targets, outputs, anchors, matched)

    def _detections(
        self,
        outputs: dict[str, Tensor],
        anchors: list[Tensor],
        counts: list[int],
        sizes: list[Any],
    ) -> list[dict[str, Tensor]]:
        return self.postprocess_detections(outputs, anchors, sizes)

    def postprocess_detections(
        self, head_outputs: Any, image_anchors: Any, image_shapes: list[Any]
    ) -> list[dict[str, Tensor]]:
        """Boxes, scores and labels of each image.

        head_outputs: what the head gives. image_anchors: boxes (A, 4) of each image. image_shapes:
        heights and widths.
        """
        found = []
        scores = F.softmax(head_outputs["cls_logits"], dim=-1)
        for offsets, classes, own, size in zip(
            head_outputs["bbox_regression"], scores, image_anchors, image_shapes
        ):
            boxes = box_ops.clip_boxes_to_image(self._decoded(offsets, own), size)
            parts = []
            for label in range(1, classes.shape[-1]):
                keep = T.where(classes[:, label] > self.score_thresh)[0]
                score, best = classes[keep, label].topk(min(self.topk_candidates, len(keep)))
                parts.append((boxes[keep[best]], score, T.full_like(score, label, dtype=int64)))
            found.append(self._suppressed(parts))
        return found


def check_maps(channels: Sequence[int], anchors: DefaultBoxGenerator) -> None:
    """Raise ValueError where a backbone has more or fewer maps than there are boxes for."""
    if len(channels) != len(anchors.aspect_ratios):
        raise ValueError(
            f"The length of the output channels from the backbone ({len(channels)}) do not match "
            f"the length of the anchor generator aspect ratios ({len(anchors.aspect_ratios)})"
        )


class SSDFeatureExtractorVGG(nn.Module):
    """The maps of VGG-16 and of the layers that SSD adds; highres: those for images of 512x512.

    backbone: the features of a VGG.
    """

    def __init__(self, backbone: nn.Sequential, highres: bool) -> None:
        super().__init__()
        pools = [i for i, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d)]
        third, fourth = pools[2:4]
        backbone[third].ceil_mode = True  # the map of 75x75 becomes one of 38x38, as in the paper
        self.scale_weight = nn.Parameter(T.ones(512) * 20)
        self.features = nn.Sequential(*backbone[:fourth])
        plans = [(1024, 256, 512, 3, 2), (512, 128, 256, 3, 2), (256, 128, 256, 3, 1),
                 (256, 128, 256, 3, 1)]  # fmt: skip
        if highres:
            plans.append((256, 128, 256, 4, 1))
        extra = nn.ModuleList([
            nn.Sequential(
                nn.Conv2d(channels, inner, kernel_size=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(inner, out, kernel_size=side, padding=stride - 1, stride=stride),
                nn.ReLU(inplace=True),
            )
            for channels, inner, out, side, stride in plans
        ])  # fmt: skip
        _xavier_init(extra)
        linear = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=False),
            nn.Conv2d(in_channels=512, out_channels=1024, kernel_size=3, padding=6, dilation=6),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels=1024, out_channels=1024, kernel_size=1),
            nn.ReLU(inplace=True),
        )
        _xavier_init(linear)
        extra.insert(0, nn.Sequential(*backbone[fourth:-1], linear))
        self.extra = extra

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.features(x)
        found = [self.scale_weight.view(1, -1, 1, 1) * F.normalize(x)]
        for block in self.extra:
            x = block(x)
            found.append(x)
        return OrderedDict((str(i), level) for i, level in enumerate(found))


def _vgg_extractor(backbone: Any, highres: bool, trainable_layers: int) -> SSDFeatureExtractorVGG:
    features = backbone.features
    pools = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    stages = [0, *pools[:-1]]
    check_range(trainable_layers, len(stages))
    frozen = stages[len(stages) - trainable_layers] if trainable_layers else len(features)
    features[:frozen].requires_grad_(False)
    return SSDFeatureExtractorVGG(features, highres)


@model(SSD300_VGG16_Weights, VGG16_Weights.IMAGENET1K_FEATURES)
def ssd300_vgg16(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> SSD:
    """SSD for images of 300x300 on VGG-16; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, four of five with.
    """
    if "size" in kwargs:
        advise("The size of the model is already fixed; ignoring the parameter.")
        del kwargs["size"]
    trained = weights is not None or weights_backbone is not None
    count = _validate_trainable_layers(trained, trainable_backbone_layers, 5, 4)
    backbone = _vgg_extractor(vgg16(weights=weights_backbone), False, count)
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    # VGG was trained on colours from 0 to 255
    colours = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1 / 255.0] * 3}
    classes = 91 if num_classes is None else num_classes
    return loaded(SSD(backbone, anchors, (300, 300), classes, **{**colours, **kwargs}), weights)
