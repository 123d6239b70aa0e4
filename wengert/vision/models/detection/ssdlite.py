"""SSDlite: SSD with depthwise convolutions (arXiv:1801.04381), on MobileNet V3."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from .... import nn
from ....base.advice import advise
from ....engine.tensor import Tensor
from ...ops.misc import Conv2dNormActivation
from .._api import model, published
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import _validate_trainable_layers, check_range
from .faster_rcnn import loaded
from .one_stage import retrieve_out_channels
from .ssd import SSD, SSDHead, SSDScoringHead, check_maps, layers

__all__ = ["SSDLite320_MobileNet_V3_Large_Weights", "ssdlite320_mobilenet_v3_large"]

SSDLite320_MobileNet_V3_Large_Weights = published("SSDLite320_MobileNet_V3_Large_Weights")

Layer = Callable[..., nn.Module]


def _prediction_block(
    in_channels: int, out_channels: int, kernel_size: int, norm_layer: Layer
) -> nn.Sequential:
    return nn.Sequential(
        Conv2dNormActivation(
            in_channels, in_channels, kernel_size=kernel_size, groups=in_channels,
            norm_layer=norm_layer, activation_layer=nn.ReLU6,
        ),
        nn.Conv2d(in_channels, out_channels, 1),
    )  # fmt: skip


def _extra_block(in_channels: int, out_channels: int, norm_layer: Layer) -> nn.Sequential:
    conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
    inner = out_channels // 2
    return nn.Sequential(
        conv(in_channels, inner, kernel_size=1),
        conv(inner, inner, kernel_size=3, stride=2, groups=inner),
        conv(inner, out_channels, kernel_size=1),
    )


def _normal_init(conv: nn.Module) -> None:
    for layer in conv.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, mean=0.0, std=0.03)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class SSDLiteClassificationHead(SSDScoringHead):
    """Logits (N, boxes, num_classes) of maps with in_channels and num_anchors."""

    def __init__(
        self, in_channels: list[int], num_anchors: list[int], num_classes: int, norm_layer: Layer
    ) -> None:
        block = partial(_prediction_block, kernel_size=3, norm_layer=norm_layer)
        made = layers(block, in_channels, num_anchors, num_classes, _normal_init)
        super().__init__(made, num_classes)


class SSDLiteRegressionHead(SSDScoringHead):
    """Offsets (N, boxes, 4) of maps with in_channels and num_anchors."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], norm_layer: Layer) -> None:
        block = partial(_prediction_block, kernel_size=3, norm_layer=norm_layer)
        super().__init__(layers(block, in_channels, num_anchors, 4, _normal_init), 4)


class SSDLiteHead(SSDHead):
    """Both heads."""

    def __init__(
        self, in_channels: list[int], num_anchors: list[int], num_classes: int, norm_layer: Layer
    ) -> None:
        nn.Module.__init__(self)
        self.classification_head = SSDLiteClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer
        )
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """The maps of a MobileNet and of the blocks that SSDlite adds.

    Args:
        backbone: the features of a MobileNet V3.
        c4_pos: the block whose expansion is the first map.
        norm_layer: makes the norms.
        width_mult, min_depth: of the added blocks.

    Raises ValueError where the block at c4_pos adds its input.
    """

    def __init__(
        self,
        backbone: Any,
        c4_pos: int,
        norm_layer: Layer,
        width_mult: float = 1.0,
        min_depth: int = 16,
    ) -> None:
        super().__init__()
        middle = backbone[c4_pos]
        if middle.use_res_connect:
            raise ValueError("backbone[c4_pos].use_res_connect should be False")
        self.features = nn.Sequential(
            nn.Sequential(*backbone[:c4_pos], middle.block[0]),
            nn.Sequential(middle.block[1:], *backbone[c4_pos + 1 :]),
        )
        widths = [max(min_depth, int(d * width_mult)) for d in (512, 256, 256, 128)]
        widths.insert(0, backbone[-1].out_channels)
        extra = nn.ModuleList([_extra_block(a, b, norm_layer) for a, b in zip(widths, widths[1:])])
        _normal_init(extra)
        self.extra = extra

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = []
        for block in (*self.features, *self.extra):
            x = block(x)
            found.append(x)
        return OrderedDict((str(i), level) for i, level in enumerate(found))


def _mobilenet_extractor(
    backbone: Any, trainable_layers: int, norm_layer: Layer
) -> SSDLiteFeatureExtractorMobileNet:
    features = backbone.features
    strided = [i for i, block in enumerate(features) if getattr(block, "_is_cn", False)]
    stages = [0, *strided, len(features) - 1]
    check_range(trainable_layers, len(stages))
    frozen = stages[len(stages) - trainable_layers] if trainable_layers else len(features)
    features[:frozen].requires_grad_(False)
    return SSDLiteFeatureExtractorMobileNet(features, stages[-2], norm_layer)


@model(SSDLite320_MobileNet_V3_Large_Weights, MobileNet_V3_Large_Weights)
def ssdlite320_mobilenet_v3_large(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    norm_layer: Layer | None = None,
    **kwargs: Any,
) -> SSD:
    """SSDlite for images of 320x320 on MobileNet V3; kwargs go to both classes.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all.
    norm_layer: the class, or a function, that makes a norm of so many channels; None: the
    model's own.
    """
    if "size" in kwargs:
        advise("The size of the model is already fixed; ignoring the parameter.")
    trained = weights is not None or weights_backbone is not None
    count = _validate_trainable_layers(trained, trainable_backbone_layers, 6, 6)
    norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    net = mobilenet_v3_large(
        weights=weights_backbone, norm_layer=norm, reduced_tail=weights_backbone is None, **kwargs
    )
    if weights_backbone is None:
        _normal_init(net)
    backbone = _mobilenet_extractor(net, count, norm)
    size = (320, 320)
    anchors = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    channels = retrieve_out_channels(backbone, size)
    check_maps(channels, anchors)
    classes = 91 if num_classes is None else num_classes
    head = SSDLiteHead(channels, anchors.num_anchors_per_location(), classes, norm)
    common = {
        "score_thresh": 0.001, "nms_thresh": 0.55, "detections_per_img": 300,
        "topk_candidates": 300, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    }  # fmt: skip
    detector = SSD(backbone, anchors, size, classes, head=head, **{**common, **kwargs})
    return loaded(detector, weights)
