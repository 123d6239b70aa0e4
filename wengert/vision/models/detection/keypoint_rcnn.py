"""Keypoint R-CNN (arXiv:1703.06870) on ResNet-50 with a feature pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops.poolers import MultiScaleRoIAlign
from .._api import model, published
from ..resnet import ResNet50_Weights
from .backbone_utils import resnet_pyramid
from .faster_rcnn import FasterRCNN, loaded

__all__ = [
    "KeypointRCNN", "KeypointRCNN_ResNet50_FPN_Weights", "keypointrcnn_resnet50_fpn",
]  # fmt: skip

KeypointRCNN_ResNet50_FPN_Weights = published("KeypointRCNN_ResNet50_FPN_Weights")


class KeypointRCNN(FasterRCNN):
    """Faster R-CNN that also finds keypoints (n, num_keypoints, 3) as (x, y, visible).

    keypoint_roi_pool, keypoint_head, keypoint_predictor: from features and boxes to heat maps.
    The other arguments are `FasterRCNN`'s.

    num_classes: how many classes the last layer has. min_size: of the shorter side; None: training
    draws one of six, up to the 800 of evaluation.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.detection.keypointrcnn_resnet50_fpn(weights_backbone=None)
    >>> isinstance(net, KeypointRCNN)
    True
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int | None = None,
        min_size: int | Sequence[int] | None = None,
        *args: Any,
        keypoint_roi_pool: Any = None,
        keypoint_head: Any = None,
        keypoint_predictor: Any = None,
        num_keypoints: int | None = None,
        **kwargs: Any,
    ) -> None:
        if num_keypoints is not None and keypoint_predictor is not None:
            raise ValueError("num_keypoints should be None when keypoint_predictor is specified")
        pool = keypoint_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
        head = keypoint_head or KeypointRCNNHeads(backbone.out_channels, (512,) * 8)
        predictor = keypoint_predictor or KeypointRCNNPredictor(512, num_keypoints or 17)
        sizes = (640, 672, 704, 736, 768, 800) if min_size is None else min_size
        super().__init__(backbone, num_classes, sizes, *args, **kwargs)
        self.roi_heads.keypoint_roi_pool = pool
        self.roi_heads.keypoint_head = head
        self.roi_heads.keypoint_predictor = predictor


class KeypointRCNNHeads(nn.Sequential):
    """Convolutions of the given widths, with ReLU, on what was pooled of each region."""

    def __init__(self, in_channels: int, layers: Sequence[int]) -> None:
        blocks: list[nn.Module] = []
        for width in layers:
            blocks += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            in_channels = width
        super().__init__(*blocks)
        for m in self.children():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(m.bias)


class KeypointRCNNPredictor(nn.Module):
    """A heat map of four times the size for each keypoint."""

    def __init__(self, in_channels: int, num_keypoints: int) -> None:
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, 2, 1)
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.kps_score_lowres.bias)
        self.up_scale = 2
        self.out_channels = num_keypoints

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(
            self.kps_score_lowres(x),
            scale_factor=float(self.up_scale),
            mode="bilinear",
            align_corners=False,
            recompute_scale_factor=False,
        )


@model(KeypointRCNN_ResNet50_FPN_Weights, ResNet50_Weights)
def keypointrcnn_resnet50_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    num_keypoints: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> KeypointRCNN:
    """Keypoint R-CNN on ResNet-50, persons with 17 keypoints; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the last
    layer has. weights_backbone: those of the backbone, in the same way. trainable_backbone_layers:
    how many of the backbone's last layers are trained; None: all without weights, some with.
    num_keypoints: how many points an object has.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers)
    classes = 2 if num_classes is None else num_classes
    net = KeypointRCNN(backbone, classes, num_keypoints=num_keypoints or 17, **kwargs)
    return loaded(net, weights, first=KeypointRCNN_ResNet50_FPN_Weights.COCO_V1)
