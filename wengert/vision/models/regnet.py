"""RegNet (arXiv:2003.13678): networks whose widths follow a straight line."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import model, published
from ._utils import make_divisible

__all__ = [
    "RegNet", "BlockParams", "RegNet_Y_400MF_Weights", "RegNet_Y_800MF_Weights",
    "RegNet_Y_1_6GF_Weights", "RegNet_Y_3_2GF_Weights", "RegNet_Y_8GF_Weights",
    "RegNet_Y_16GF_Weights", "RegNet_Y_32GF_Weights", "RegNet_Y_128GF_Weights",
    "RegNet_X_400MF_Weights", "RegNet_X_800MF_Weights", "RegNet_X_1_6GF_Weights",
    "RegNet_X_3_2GF_Weights", "RegNet_X_8GF_Weights", "RegNet_X_16GF_Weights",
    "RegNet_X_32GF_Weights", "regnet_y_400mf", "regnet_y_800mf", "regnet_y_1_6gf",
    "regnet_y_3_2gf", "regnet_y_8gf", "regnet_y_16gf", "regnet_y_32gf", "regnet_y_128gf",
    "regnet_x_400mf", "regnet_x_800mf", "regnet_x_1_6gf", "regnet_x_3_2gf", "regnet_x_8gf",
    "regnet_x_16gf", "regnet_x_32gf",
]  # fmt: skip

RegNet_Y_400MF_Weights = published("RegNet_Y_400MF_Weights")
RegNet_Y_800MF_Weights = published("RegNet_Y_800MF_Weights")
RegNet_Y_1_6GF_Weights = published("RegNet_Y_1_6GF_Weights")
RegNet_Y_3_2GF_Weights = published("RegNet_Y_3_2GF_Weights")
RegNet_Y_8GF_Weights = published("RegNet_Y_8GF_Weights")
RegNet_Y_16GF_Weights = published("RegNet_Y_16GF_Weights")
RegNet_Y_32GF_Weights = published("RegNet_Y_32GF_Weights")
RegNet_Y_128GF_Weights = published("RegNet_Y_128GF_Weights")
RegNet_X_400MF_Weights = published("RegNet_X_400MF_Weights")
RegNet_X_800MF_Weights = published("RegNet_X_800MF_Weights")
RegNet_X_1_6GF_Weights = published("RegNet_X_1_6GF_Weights")
RegNet_X_3_2GF_Weights = published("RegNet_X_3_2GF_Weights")
RegNet_X_8GF_Weights = published("RegNet_X_8GF_Weights")
RegNet_X_16GF_Weights = published("RegNet_X_16GF_Weights")
RegNet_X_32GF_Weights = published("RegNet_X_32GF_Weights")

Layer = Callable[..., nn.Module]


class BlockParams(NamedTuple):
    """What the stages are made of: depth, width and width of the groups of each.

    depths: how many blocks each stage has. widths: channels of each stage. group_widths: channels
    of a group, for each stage. bottleneck_multiplier: channels inside a block by those of its
    result. se_ratio: channels inside the squeeze by those of the input; None: no squeeze.

    >>> BlockParams.from_init_params(depth=4, w_0=8, w_a=8.0, w_m=2.0, group_width=8).widths
    [8, 16, 32]
    """

    depths: list[int]
    widths: list[int]
    group_widths: list[int]
    bottleneck_multiplier: float = 1.0
    se_ratio: float | None = None

    @classmethod
    @clear_errors
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **kwargs: Any,
    ) -> BlockParams:
        """Stages whose widths, powers of w_m times w_0, follow the line w_0 + w_a * i.

        group_width: channels of a group. bottleneck_multiplier: channels inside a block by those of
        its result. se_ratio: channels inside the squeeze by those of the input; None: no squeeze.

        Raises TypeError where depth, w_0, w_a, w_m or group_width is of the wrong type;
        RuntimeError where depth, w_0, w_a or w_m is a tensor of several numbers or group_width is 0
        or a tensor of several numbers; ValueError where w_0 is negative or 0 or does not fit or w_a
        or w_m is negative.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        line = w_0 + w_a * np.arange(depth)
        powers = np.round(np.log(line / w_0) / math.log(w_m))
        widths = (np.round(w_0 * w_m**powers / 8) * 8).astype(int).tolist()
        stages = [(width, len(list(blocks))) for width, blocks in groupby(widths)]
        inner = [int(width * bottleneck_multiplier) for width, _ in stages]
        groups = [min(group_width, width) for width in inner]
        inner = [make_divisible(width, group) for width, group in zip(inner, groups)]
        outer = [int(width / bottleneck_multiplier) for width in inner]
        return cls([d for _, d in stages], outer, groups, bottleneck_multiplier, se_ratio)


class BottleneckTransform(nn.Sequential):
    """Convolutions 1 x 1, 3 x 3 in groups, 1 x 1, with channels weighted before the last."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        inner = round(width_out * bottleneck_multiplier)
        conv = partial(
            Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation_layer
        )
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = conv(width_in, inner, kernel_size=1)
        layers["b"] = conv(inner, inner, stride=stride, groups=inner // group_width)
        if se_ratio:
            squeezed = round(se_ratio * width_in)
            layers["se"] = SqueezeExcitation(inner, squeezed, activation=activation_layer)
        layers["c"] = conv(inner, width_out, kernel_size=1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """`BottleneckTransform` beside a shortcut."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Layer,
        activation_layer: Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, kernel_size=1, stride=stride, norm_layer=norm_layer,
                activation_layer=None,
            )  # fmt: skip
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width,
            bottleneck_multiplier, se_ratio,
        )  # fmt: skip
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


class RegNet(nn.Module):
    """Stages of residual blocks, each with half the size; output (N, num_classes).

    norm_layer: the class, or a function, that makes a norm of so many channels; None: the model's
    own. block_params: a BlockParams. stem_width: channels of the first convolution. stem_type: its
    class. block_type: the class of a block. activation: the class of the activation.

    Raises RuntimeError where num_classes is negative, stem_width is negative or a tensor of several
    numbers or x has a shape that does not fit or holds integers, booleans or complex numbers;
    ValueError where x has a shape that does not fit.

    >>> stages = BlockParams(depths=[1], widths=[8], group_widths=[8])
    >>> RegNet(stages, num_classes=3, stem_width=8)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3])
    """

    @clear_errors
    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Layer | None = None,
        block_type: Layer | None = None,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        activation = activation or nn.ReLU
        block = block_type or ResBottleneckBlock
        if stem_type is not None:
            self.stem = stem_type(3, stem_width, norm, activation)
        else:
            self.stem = Conv2dNormActivation(
                3, stem_width, stride=2, norm_layer=norm, activation_layer=activation
            )
        self.trunk_output = nn.Sequential()
        width = stem_width
        stages = zip(block_params.depths, block_params.widths, block_params.group_widths)
        for i, (depth, width_out, group_width) in enumerate(stages, 1):
            stage = nn.Sequential()
            for j in range(depth):
                made = block(
                    width, width_out, 2 if j == 0 else 1, norm, activation, group_width,
                    block_params.bottleneck_multiplier, block_params.se_ratio,
                )  # fmt: skip
                stage.add_module(f"block{i}-{j}", made)
                width = width_out
            self.trunk_output.add_module(f"block{i}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                # as many inputs as without groups; the biases of the squeezed parts stay random
                fan_out = m.kernel_size[0] * m.kernel_size[1] * m.out_channels
                nn.init.normal_(m.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0.0, std=0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


def regnet(*shape: Any, kwargs: dict[str, Any]) -> RegNet:
    """The network that depth, w_0, w_a, w_m, the width of groups and the squeezed part describe."""
    named = dict(zip(("depth", "w_0", "w_a", "w_m", "group_width", "se_ratio"), shape))
    return RegNet(BlockParams.from_init_params(**named), **kwargs)


@model(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNetY of 400 MFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(16, 48, 27.89, 2.09, 8, 0.25, kwargs=kwargs)


@model(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNetY of 800 MFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(14, 56, 38.84, 2.4, 16, 0.25, kwargs=kwargs)


@model(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetY of 1.6 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(27, 48, 20.71, 2.65, 24, 0.25, kwargs=kwargs)


@model(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetY of 3.2 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(21, 80, 42.63, 2.66, 24, 0.25, kwargs=kwargs)


@model(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNetY of 8 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(17, 192, 76.82, 2.19, 56, 0.25, kwargs=kwargs)


@model(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNetY of 16 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(18, 200, 106.23, 2.48, 112, 0.25, kwargs=kwargs)


@model(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNetY of 32 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(20, 232, 115.89, 2.53, 232, 0.25, kwargs=kwargs)


@model(RegNet_Y_128GF_Weights)
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNetY of 128 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(27, 456, 160.83, 2.52, 264, 0.25, kwargs=kwargs)


@model(RegNet_X_400MF_Weights)
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNetX of 400 MFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(22, 24, 24.48, 2.54, 16, kwargs=kwargs)


@model(RegNet_X_800MF_Weights)
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNetX of 800 MFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(16, 56, 35.73, 2.28, 16, kwargs=kwargs)


@model(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetX of 1.6 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(18, 80, 34.01, 2.25, 24, kwargs=kwargs)


@model(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetX of 3.2 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(25, 88, 26.31, 2.25, 48, kwargs=kwargs)


@model(RegNet_X_8GF_Weights)
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNetX of 8 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(23, 80, 49.56, 2.88, 120, kwargs=kwargs)


@model(RegNet_X_16GF_Weights)
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNetX of 16 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(22, 216, 55.59, 2.1, 128, kwargs=kwargs)


@model(RegNet_X_32GF_Weights)
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNetX of 32 GFLOPs; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return regnet(23, 320, 69.86, 2.0, 168, kwargs=kwargs)
