"""MobileNet V2 (arXiv:1801.04381)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...engine.tensor import Tensor
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation
from ._api import model, old_names, published
from ._utils import initialise, make_divisible

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

__getattr__ = old_names(__name__)

MobileNet_V2_Weights = published("MobileNet_V2_Weights")

# expansion, channels, how many, stride of the first
STAGES = [
    [1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2],
    [6, 320, 1, 1],
]  # fmt: skip


class InvertedResidual(nn.Module):
    """Channels expanded, convolved one by one, and brought together, beside a shortcut."""

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm = norm_layer or nn.BatchNorm2d
        width = round(inp * expand_ratio)
        block = {"norm_layer": norm, "activation_layer": nn.ReLU6}
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, width, kernel_size=1, **block))  # type: ignore[arg-type]
        layers.append(Conv2dNormActivation(width, width, stride=stride, groups=width, **block))  # type: ignore[arg-type]
        layers += [nn.Conv2d(width, oup, 1, bias=False), norm(oup)]
        self.conv = nn.Sequential(*layers)
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Inverted residuals; width_mult scales the channels, which are multiples of round_nearest.

    num_classes: how many classes the last layer has. norm_layer: the class, or a function, that
    makes a norm of so many channels; None: the model's own. dropout: the probability of dropout.
    inverted_residual_setting: what each stage is made of. block: the class of a block; None: the
    usual one.

    Raises RuntimeError where num_classes is negative or x has a shape that does not fit or holds
    integers, booleans or complex numbers; ValueError where width_mult is a tensor of several
    numbers or x has a shape that does not fit.

    >>> MobileNetV2(num_classes=3, width_mult=0.25).eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: list[list[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block = block or InvertedResidual
        norm = norm_layer or nn.BatchNorm2d
        stages = STAGES if inverted_residual_setting is None else inverted_residual_setting
        if not stages or len(stages[0]) != 4:
            raise ValueError(
                "inverted_residual_setting should be non-empty or a 4-element list, got "
                f"{inverted_residual_setting}"
            )
        width = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, width, stride=2, norm_layer=norm, activation_layer=nn.ReLU6)
        ]
        for expansion, channels, count, stride in stages:
            out = make_divisible(channels * width_mult, round_nearest)
            for i in range(count):
                step = stride if i == 0 else 1
                layers.append(block(width, out, step, expand_ratio=expansion, norm_layer=norm))
                width = out
        layers.append(
            Conv2dNormActivation(width, self.last_channel, kernel_size=1, norm_layer=norm,
                                 activation_layer=nn.ReLU6)
        )  # fmt: skip
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


@model(MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNet V2; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MobileNetV2(**kwargs)
