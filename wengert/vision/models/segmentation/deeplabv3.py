"""DeepLab v3 (arXiv:1706.05587) on dilated ResNets and MobileNet V3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import nn
from ....api import functions as T
from ....engine.tensor import Tensor
from .._api import model, published
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..resnet import ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from ._utils import SegmentationModel, dilated_resnet, enlarged, mobilenet_outputs
from .fcn import FCNHead

__all__ = [
    "DeepLabV3", "DeepLabV3_MobileNet_V3_Large_Weights", "DeepLabV3_ResNet50_Weights",
    "DeepLabV3_ResNet101_Weights", "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50",
    "deeplabv3_resnet101",
]  # fmt: skip

DeepLabV3_ResNet50_Weights = published("DeepLabV3_ResNet50_Weights")
DeepLabV3_ResNet101_Weights = published("DeepLabV3_ResNet101_Weights")
DeepLabV3_MobileNet_V3_Large_Weights = published("DeepLabV3_MobileNet_V3_Large_Weights")


class DeepLabV3(SegmentationModel):
    """A backbone and a classifier that looks at several scales.

    aux_classifier: one for the features in the middle; None: none.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.segmentation.deeplabv3_resnet50(weights_backbone=None)
    >>> isinstance(net, DeepLabV3)
    True
    """


class ASPPPooling(nn.Sequential):
    """The mean of all positions, at each of them."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *conv_norm_relu(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return enlarged(super().forward(x), x)


def conv_norm_relu(inputs: int, outputs: int, dilation: int = 0) -> list[nn.Module]:
    """A convolution, of 1 x 1 where dilation is 0, with norm and ReLU."""
    kernel = 3 if dilation else 1
    conv = nn.Conv2d(
        inputs, outputs, kernel, padding=dilation, dilation=max(dilation, 1), bias=False
    )
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


class ASPPConv(nn.Sequential):
    """A convolution of 3 x 3 with gaps, with norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(*conv_norm_relu(in_channels, out_channels, dilation))


class ASPP(nn.Module):
    """Convolutions of several dilations, 1 x 1 and pooling, side by side."""

    def __init__(
        self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256
    ) -> None:
        super().__init__()
        branches: list[nn.Module] = [
            nn.Sequential(*conv_norm_relu(in_channels, out_channels)),
            *[ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates],
        ]
        branches.append(ASPPPooling(in_channels, out_channels))
        self.convs = nn.ModuleList(branches)
        together = conv_norm_relu(len(branches) * out_channels, out_channels)
        self.project = nn.Sequential(*together, nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.project(T.cat([conv(x) for conv in self.convs], dim=1))


class DeepLabHead(nn.Sequential):
    """Scores for each position of a backbone's output."""

    def __init__(
        self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)
    ) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


def deeplab(resnet: Any, weights: Any, num_classes: int | None, aux: bool | None) -> DeepLabV3:
    classes = num_classes or 21
    backbone = dilated_resnet(resnet, weights, aux)
    auxiliary = FCNHead(1024, classes) if aux else None
    return DeepLabV3(backbone, DeepLabHead(2048, classes), auxiliary)


@model(DeepLabV3_ResNet50_Weights, ResNet50_Weights, aux_loss=True)
def deeplabv3_resnet50(
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: Any = None,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLab v3 on a ResNet with 50 layers; 21 classes, aux_loss adds a second output.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    """
    return deeplab(resnet50, weights_backbone, num_classes, aux_loss)


@model(DeepLabV3_ResNet101_Weights, ResNet101_Weights, aux_loss=True)
def deeplabv3_resnet101(
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: Any = None,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLab v3 on a ResNet with 101 layers; 21 classes, aux_loss adds a second output.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    """
    return deeplab(resnet101, weights_backbone, num_classes, aux_loss)


@model(DeepLabV3_MobileNet_V3_Large_Weights, MobileNet_V3_Large_Weights, aux_loss=True)
def deeplabv3_mobilenet_v3_large(
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: Any = None,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLab v3 on the large MobileNet V3; 21 classes, aux_loss adds a second output.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    """
    classes = num_classes or 21
    net = mobilenet_v3_large(weights=weights_backbone, dilated=True)
    backbone, width = mobilenet_outputs(net, **({"aux": -4} if aux_loss else {}), out=-1)
    auxiliary = FCNHead(width["aux"], classes) if aux_loss else None
    return DeepLabV3(backbone, DeepLabHead(width["out"], classes), auxiliary)
