"""SqueezeNet (arXiv:1602.07360)."""

from __future__ import annotations

from functools import partial
from typing import Any

from ... import nn
from ...api import functions as T
from ...engine.tensor import Tensor
from ._api import model, old_names, published

__all__ = [
    "SqueezeNet", "SqueezeNet1_0_Weights", "SqueezeNet1_1_Weights", "squeezenet1_0",
    "squeezenet1_1",
]  # fmt: skip

__getattr__ = old_names(__name__)

SqueezeNet1_0_Weights = published("SqueezeNet1_0_Weights")
SqueezeNet1_1_Weights = published("SqueezeNet1_1_Weights")


class Fire(nn.Module):
    """Few channels, then many, half of them from 1 x 1 and half from 3 x 3 convolutions."""

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        small = self.expand1x1_activation(self.expand1x1(x))
        return T.cat([small, self.expand3x3_activation(self.expand3x3(x))], 1)


# Each fire's squeezed channels, and how many of each kind they are expanded to
FIRES = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
POOLED_BEFORE = {"1_0": (0, 3, 7), "1_1": (0, 2, 4)}  # which fires


class SqueezeNet(nn.Module):
    """SqueezeNet of version "1_0" or "1_1"; output (N, num_classes).

    dropout: the probability of dropout.

    Raises ValueError where version is of the wrong type or unknown; RuntimeError where num_classes
    is negative, 0 or a tensor of several numbers or x has a shape that does not fit or holds
    integers, booleans or complex numbers.

    >>> SqueezeNet("1_1", num_classes=3).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 3])
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes
        if version not in POOLED_BEFORE:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        width, kernel = (96, 7) if version == "1_0" else (64, 3)
        layers: list[nn.Module] = [nn.Conv2d(3, width, kernel, stride=2), nn.ReLU(inplace=True)]
        for i, (squeezed, expanded) in enumerate(FIRES):
            if i in POOLED_BEFORE[version]:
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
            layers.append(Fire(width, squeezed, expanded, expanded))
            width = 2 * expanded
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                start = (
                    partial(nn.init.normal_, std=0.01) if m is last else nn.init.kaiming_uniform_
                )
                start(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).flatten(1)


@model(SqueezeNet1_0_Weights)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return SqueezeNet("1_0", **kwargs)


@model(SqueezeNet1_1_Weights)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1, with as good results for less; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return SqueezeNet("1_1", **kwargs)
