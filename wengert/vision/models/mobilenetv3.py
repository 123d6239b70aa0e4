"""MobileNet V3 (arXiv:1905.02244)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...engine.tensor import Tensor
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import model, old_names, published
from ._utils import initialise, make_divisible

__all__ = [
    "MobileNetV3", "MobileNet_V3_Large_Weights", "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large", "mobilenet_v3_small",
]  # fmt: skip

__getattr__ = old_names(__name__)

MobileNet_V3_Large_Weights = published("MobileNet_V3_Large_Weights")
MobileNet_V3_Small_Weights = published("MobileNet_V3_Small_Weights")

Layer = Callable[..., nn.Module]


class InvertedResidualConfig:
    """The numbers of one block; channels are scaled by width_mult, activation is "RE" or "HS"."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """channels times width_mult, a multiple of 8."""
        return make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """Channels expanded, convolved one by one, weighted, brought together, beside a shortcut."""

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Layer,
        se_layer: Layer = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid),
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError("illegal stride value")
        width = cnf.expanded_channels
        conv = partial(
            Conv2dNormActivation,
            norm_layer=norm_layer,
            activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU,
        )
        layers: list[nn.Module] = []
        if width != cnf.input_channels:
            layers.append(conv(cnf.input_channels, width, kernel_size=1))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        layers.append(
            conv(width, width, cnf.kernel, stride=stride, dilation=cnf.dilation, groups=width)
        )
        if cnf.use_se:
            layers.append(se_layer(width, make_divisible(width // 4, 8)))
        layers.append(conv(width, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """Blocks of the given numbers, and a classifier with one hidden layer of last_channel.

    num_classes: how many classes the last layer has. norm_layer: the class, or a function, that
    makes a norm of so many channels; None: the model's own. dropout: the probability of dropout.
    inverted_residual_setting: what each stage is made of. block: the class of a block; None: the
    usual one.

    x is of shape (N, 3, H, W). Raises ValueError where inverted_residual_setting is empty or too
    short or x has a shape that does not fit; RuntimeError where last_channel or num_classes is
    negative or x has a shape that does not fit or holds integers, booleans or complex numbers.

    >>> setting = [InvertedResidualConfig(16, 3, 16, 16, False, "RE", 1, 1, 1.0)]
    >>> MobileNetV3(setting, last_channel=16, num_classes=3)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Layer | None = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        block = block or InvertedResidual
        norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        conv = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        layers: list[nn.Module] = [
            conv(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2)
        ]
        layers += [block(config, norm) for config in inverted_residual_setting]
        width = inverted_residual_setting[-1].out_channels
        layers.append(conv(width, 6 * width, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * width, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def settings(
    size: str,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> tuple[list[InvertedResidualConfig], int]:
    """The blocks of "large" or "small", and the width of the hidden layer.

    reduced_tail: halve the last blocks; dilated: keep the size in them.
    """
    part, dilation = (2 if reduced_tail else 1), (2 if dilated else 1)
    block = partial(InvertedResidualConfig, width_mult=width_mult)
    if size == "large":
        last = 160 // part
        wide = 960 // part
        blocks = [
            block(16, 3, 16, 16, False, "RE", 1, 1),
            block(16, 3, 64, 24, False, "RE", 2, 1),
            block(24, 3, 72, 24, False, "RE", 1, 1),
            block(24, 5, 72, 40, True, "RE", 2, 1),
            block(40, 5, 120, 40, True, "RE", 1, 1),
            block(40, 5, 120, 40, True, "RE", 1, 1),
            block(40, 3, 240, 80, False, "HS", 2, 1),
            block(80, 3, 200, 80, False, "HS", 1, 1),
            block(80, 3, 184, 80, False, "HS", 1, 1),
            block(80, 3, 184, 80, False, "HS", 1, 1),
            block(80, 3, 480, 112, True, "HS", 1, 1),
            block(112, 3, 672, 112, True, "HS", 1, 1),
            block(112, 5, 672, last, True, "HS", 2, dilation),
            block(last, 5, wide, last, True, "HS", 1, dilation),
            block(last, 5, wide, last, True, "HS", 1, dilation),
        ]
        return blocks, InvertedResidualConfig.adjust_channels(1280 // part, width_mult)
    last = 96 // part
    wide = 576 // part
    blocks = [
        block(16, 3, 16, 16, True, "RE", 2, 1),
        block(16, 3, 72, 24, False, "RE", 2, 1),
        block(24, 3, 88, 24, False, "RE", 1, 1),
        block(24, 5, 96, 40, True, "HS", 2, 1),
        block(40, 5, 240, 40, True, "HS", 1, 1),
        block(40, 5, 240, 40, True, "HS", 1, 1),
        block(40, 5, 120, 48, True, "HS", 1, 1),
        block(48, 5, 144, 48, True, "HS", 1, 1),
        block(48, 5, 288, last, True, "HS", 2, dilation),
        block(last, 5, wide, last, True, "HS", 1, dilation),
        block(last, 5, wide, last, True, "HS", 1, dilation),
    ]
    return blocks, InvertedResidualConfig.adjust_channels(1024 // part, width_mult)


@model(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """The large MobileNet V3; kwargs go to the class, and width_mult, reduced_tail, dilated.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MobileNetV3(*settings("large", **kwargs), **kwargs)


@model(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """The small MobileNet V3; kwargs go to the class, and width_mult, reduced_tail, dilated.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MobileNetV3(*settings("small", **kwargs), **kwargs)
