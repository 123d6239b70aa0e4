"""EfficientNet (arXiv:1905.11946) and EfficientNetV2 (arXiv:2104.00298)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ... import nn
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import model, published
from ._utils import initialise, make_divisible

__all__ = [
    "EfficientNet", "EfficientNet_B0_Weights", "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights", "EfficientNet_B3_Weights", "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights", "EfficientNet_B6_Weights", "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights", "EfficientNet_V2_M_Weights", "EfficientNet_V2_S_Weights",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l",
    "efficientnet_v2_m", "efficientnet_v2_s",
]  # fmt: skip

EfficientNet_B0_Weights = published("EfficientNet_B0_Weights")
EfficientNet_B1_Weights = published("EfficientNet_B1_Weights")
EfficientNet_B2_Weights = published("EfficientNet_B2_Weights")
EfficientNet_B3_Weights = published("EfficientNet_B3_Weights")
EfficientNet_B4_Weights = published("EfficientNet_B4_Weights")
EfficientNet_B5_Weights = published("EfficientNet_B5_Weights")
EfficientNet_B6_Weights = published("EfficientNet_B6_Weights")
EfficientNet_B7_Weights = published("EfficientNet_B7_Weights")
EfficientNet_V2_S_Weights = published("EfficientNet_V2_S_Weights")
EfficientNet_V2_M_Weights = published("EfficientNet_V2_M_Weights")
EfficientNet_V2_L_Weights = published("EfficientNet_V2_L_Weights")

Layer = Callable[..., nn.Module]


@dataclass
class BlockConfig:
    """The numbers of one stage: num_layers blocks, the first with the stride."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """channels times width_mult, a multiple of 8."""
        return make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(BlockConfig):
    """A stage of `MBConv`, its channels and layers scaled."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Layer | None = None,
    ) -> None:
        inputs = self.adjust_channels(input_channels, width_mult)
        outputs = self.adjust_channels(out_channels, width_mult)
        layers = math.ceil(num_layers * depth_mult)
        super().__init__(expand_ratio, kernel, stride, inputs, outputs, layers)
        self.block = block or MBConv


class FusedMBConvConfig(BlockConfig):
    """A stage of `FusedMBConv`."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Layer | None = None,
    ) -> None:
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers)
        self.block = block or FusedMBConv


class Residual(nn.Module):
    """`block` beside a shortcut, where the shapes are the same; dropped at random in training."""

    def __init__(self, cnf: BlockConfig, layers: Sequence[nn.Module], drop: float) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(drop, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(Residual):
    """Channels expanded, convolved one by one, weighted, and brought together."""

    def __init__(
        self,
        cnf: BlockConfig,
        stochastic_depth_prob: float,
        norm_layer: Layer,
        se_layer: Layer = SqueezeExcitation,
    ) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        width = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers: list[nn.Module] = []
        if width != cnf.input_channels:
            layers.append(conv(cnf.input_channels, width, kernel_size=1))
        layers.append(conv(width, width, cnf.kernel, stride=cnf.stride, groups=width))
        squeezed = max(1, cnf.input_channels // 4)
        layers.append(se_layer(width, squeezed, activation=partial(nn.SiLU, inplace=True)))
        layers.append(conv(width, cnf.out_channels, kernel_size=1, activation_layer=None))
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(Residual):
    """Channels expanded and convolved at once, and brought together."""

    def __init__(self, cnf: BlockConfig, stochastic_depth_prob: float, norm_layer: Layer) -> None:
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        inputs, outputs = cnf.input_channels, cnf.out_channels
        width = cnf.adjust_channels(inputs, cnf.expand_ratio)
        if width != inputs:
            layers = [
                conv(inputs, width, cnf.kernel, stride=cnf.stride),
                conv(width, outputs, kernel_size=1, activation_layer=None),
            ]
        else:
            layers = [conv(inputs, outputs, cnf.kernel, stride=cnf.stride)]
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """Stages of the given numbers; output (N, num_classes).

    last_channel: the width of the last convolution, by default four times that before it.

    dropout: the probability of dropout. norm_layer: the class, or a function, that makes a norm of
    so many channels; None: the model's own. inverted_residual_setting: what each stage is made of.
    stochastic_depth_prob: with which probability the last block is left out.

    Raises ValueError where inverted_residual_setting is empty or too short, dropout is negative or
    above 1 or x has a shape that does not fit; RuntimeError where dropout is a tensor of several
    numbers, num_classes is negative or x has a shape that does not fit or holds integers, booleans
    or complex numbers.

    >>> setting = [MBConvConfig(1, 3, 1, 8, 8, 1)]
    >>> EfficientNet(setting, dropout=0.0, num_classes=3)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    @clear_errors
    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        norm = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        first, last = inverted_residual_setting[0], inverted_residual_setting[-1]
        layers: list[nn.Module] = [conv(3, first.input_channels, kernel_size=3, stride=2)]
        total = sum(stage.num_layers for stage in inverted_residual_setting)
        done = 0
        for stage in inverted_residual_setting:
            blocks = []
            config: BlockConfig = BlockConfig(
                stage.expand_ratio, stage.kernel, stage.stride, stage.input_channels,
                stage.out_channels, stage.num_layers,
            )  # fmt: skip
            for _ in range(stage.num_layers):
                blocks.append(stage.block(config, stochastic_depth_prob * done / total, norm))
                config = replace(config, input_channels=stage.out_channels, stride=1)
                done += 1
            layers.append(nn.Sequential(*blocks))
        width = last_channel or 4 * last.out_channels
        layers.append(conv(last.out_channels, width, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(width, num_classes)
        )
        bound = 1.0 / math.sqrt(num_classes)
        # the linear layers are the classifier's
        initialise(self, linear=lambda weight: nn.init.uniform_(weight, -bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def scaled(width: float, depth: float, dropout: float, **kwargs: Any) -> EfficientNet:
    """EfficientNet B0 with its channels and layers scaled."""
    stage = partial(MBConvConfig, width_mult=width, depth_mult=depth)
    stages = [
        stage(1, 3, 1, 32, 16, 1),
        stage(6, 3, 2, 16, 24, 2),
        stage(6, 5, 2, 24, 40, 2),
        stage(6, 3, 2, 40, 80, 3),
        stage(6, 5, 1, 80, 112, 3),
        stage(6, 5, 2, 112, 192, 4),
        stage(6, 3, 1, 192, 320, 1),
    ]
    return EfficientNet(stages, **{"dropout": dropout, **kwargs})


def version2(stages: Sequence[Any], dropout: float, **kwargs: Any) -> EfficientNet:
    """EfficientNetV2 of stages, the first three of which are fused."""
    configs = [(FusedMBConvConfig if i < 3 else MBConvConfig)(*s) for i, s in enumerate(stages)]
    norm = partial(nn.BatchNorm2d, eps=1e-03)
    settings = {"dropout": dropout, "last_channel": 1280, "norm_layer": norm, **kwargs}
    return EfficientNet(configs, **settings)


# the larger ones follow their averages more slowly
slow_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


@model(EfficientNet_B0_Weights)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet B0, for images of 224 x 224; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.0, 1.0, 0.2, **kwargs)


@model(EfficientNet_B1_Weights)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet B1, for images of 240 x 240; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.0, 1.1, 0.2, **kwargs)


@model(EfficientNet_B2_Weights)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet B2, for images of 288 x 288; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.1, 1.2, 0.3, **kwargs)


@model(EfficientNet_B3_Weights)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet B3, for images of 300 x 300; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.2, 1.4, 0.3, **kwargs)


@model(EfficientNet_B4_Weights)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet B4, for images of 380 x 380; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.4, 1.8, 0.4, **kwargs)


@model(EfficientNet_B5_Weights)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet B5, for images of 456 x 456; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.6, 2.2, 0.4, norm_layer=slow_norm, **kwargs)


@model(EfficientNet_B6_Weights)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet B6, for images of 528 x 528; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(1.8, 2.6, 0.5, norm_layer=slow_norm, **kwargs)


@model(EfficientNet_B7_Weights)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet B7, for images of 600 x 600; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return scaled(2.0, 3.1, 0.5, norm_layer=slow_norm, **kwargs)


@model(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """The small EfficientNetV2, for images of 384 x 384; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    stages = [
        (1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4), (4, 3, 2, 64, 128, 6),
        (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15),
    ]  # fmt: skip
    return version2(stages, 0.2, **kwargs)


@model(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """The medium EfficientNetV2, for images of 480 x 480; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    stages = [
        (1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5), (4, 3, 2, 80, 160, 7),
        (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5),
    ]  # fmt: skip
    return version2(stages, 0.3, **kwargs)


@model(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """The large EfficientNetV2, for images of 480 x 480; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    stages = [
        (1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7), (4, 3, 2, 96, 192, 10),
        (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7),
    ]  # fmt: skip
    return version2(stages, 0.4, **kwargs)
