"""Fully convolutional networks (arXiv:1411.4038) on dilated ResNets."""

from __future__ import annotations

from typing import Any

from .... import nn
from .._api import model, published
from ..resnet import ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ._utils import SegmentationModel, dilated_resnet

__all__ = [
    "FCN", "FCN_ResNet50_Weights", "FCN_ResNet101_Weights", "fcn_resnet50", "fcn_resnet101",
]  # fmt: skip

FCN_ResNet50_Weights = published("FCN_ResNet50_Weights")
FCN_ResNet101_Weights = published("FCN_ResNet101_Weights")


class FCN(SegmentationModel):
    """A backbone and a fully convolutional classifier.

    aux_classifier: one for the features in the middle; None: none.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.segmentation.fcn_resnet50(weights_backbone=None)
    >>> isinstance(net, FCN)
    True
    """


class FCNHead(nn.Sequential):
    """Scores for each position of a backbone's output."""

    def __init__(self, in_channels: int, channels: int) -> None:
        inner = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inner, channels, 1),
        )


def fcn(resnet: Any, weights: Any, num_classes: int | None, aux: bool | None) -> FCN:
    classes = num_classes or 21
    backbone = dilated_resnet(resnet, weights, aux)
    auxiliary = FCNHead(1024, classes) if aux else None
    return FCN(backbone, FCNHead(2048, classes), auxiliary)


@model(FCN_ResNet50_Weights, ResNet50_Weights, aux_loss=True)
def fcn_resnet50(
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: Any = None,
    **kwargs: Any,
) -> FCN:
    """FCN on a ResNet with 50 layers; 21 classes, and aux_loss adds a second output.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    """
    return fcn(resnet50, weights_backbone, num_classes, aux_loss)


@model(FCN_ResNet101_Weights, ResNet101_Weights, aux_loss=True)
def fcn_resnet101(
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: Any = None,
    **kwargs: Any,
) -> FCN:
    """FCN on a ResNet with 101 layers; 21 classes, and aux_loss adds a second output.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    """
    return fcn(resnet101, weights_backbone, num_classes, aux_loss)
