"""LR-ASPP, of MobileNet V3 (arXiv:1905.02244)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .... import nn
from ....engine.tensor import Tensor
from .._api import model, published
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ._utils import enlarged, mobilenet_outputs

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]

LRASPP_MobileNet_V3_Large_Weights = published("LRASPP_MobileNet_V3_Large_Weights")


class LRASPPHead(nn.Module):
    """Scores from an early and a late output of the backbone."""

    def __init__(
        self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int
    ) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.Sigmoid(),
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: dict[str, Tensor]) -> Tensor:
        low, high = input["low"], input["high"]
        x = enlarged(self.cbr(high) * self.scale(high), low)
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(nn.Module):
    """A backbone with outputs "low" and "high", and the head; returns {"out": scores}.

    num_classes: how many classes the last layer has. low_channels: of the output "low".
    high_channels: of the output "high". inter_channels: between them.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights_backbone=None)
    >>> isinstance(net, LRASPP)
    True
    """

    def __init__(
        self,
        backbone: nn.Module,
        low_channels: int,
        high_channels: int,
        num_classes: int,
        inter_channels: int = 128,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> dict[str, Tensor]:
        return OrderedDict(out=enlarged(self.classifier(self.backbone(input)), input))


@model(LRASPP_MobileNet_V3_Large_Weights, MobileNet_V3_Large_Weights)
def lraspp_mobilenet_v3_large(
    num_classes: int | None = None, weights_backbone: Any = None, **kwargs: Any
) -> LRASPP:
    """LR-ASPP on the large MobileNet V3; 21 classes.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    """
    if kwargs.pop("aux_loss", False):
        raise NotImplementedError("This model does not use auxiliary loss")
    net = mobilenet_v3_large(weights=weights_backbone, dilated=True)
    backbone, width = mobilenet_outputs(net, low=-4, high=-1)
    return LRASPP(backbone, width["low"], width["high"], num_classes or 21)
