"""What the segmentation models have in common: a backbone's outputs, classified and enlarged."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import nn
from ....engine.tensor import Tensor
from ....nn import functional as F
from .._utils import IntermediateLayerGetter

__all__ = ["SegmentationModel", "dilated_resnet", "mobilenet_outputs"]


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class SegmentationModel(nn.Module):
    """Returns {"out": scores (N, num_classes, H, W)}, and "aux" where it has another classifier."""

    def __init__(
        self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.backbone(x)
        result = OrderedDict(out=enlarged(self.classifier(features["out"]), x))
        if self.aux_classifier is not None:
            result["aux"] = enlarged(self.aux_classifier(features["aux"]), x)
        return result


def dilated_resnet(build: Any, weights: Any, aux: bool | None) -> IntermediateLayerGetter:
    """The stages of a ResNet whose last two keep the size; outputs "out" and perhaps "aux"."""
    net = build(weights=weights, replace_stride_with_dilation=[False, True, True])
    layers = {"layer4": "out"} | ({"layer3": "aux"} if aux else {})
    return IntermediateLayerGetter(net, layers)


def mobilenet_outputs(net: Any, **levels: int) -> tuple[IntermediateLayerGetter, dict[str, int]]:
    """The layers of a MobileNet before a change of size, counted from the end by levels.

    Returns them with their outputs so named, and each output's channels.
    """
    layers = net.features
    inner = [i for i, block in enumerate(layers) if getattr(block, "_is_cn", False)]
    stages = [0, *inner, len(layers) - 1]
    at = {name: stages[level] for name, level in levels.items()}
    channels = {name: layers[i].out_channels for name, i in at.items()}
    return IntermediateLayerGetter(layers, {str(i): name for name, i in at.items()}), channels
