"""ShuffleNet V2 (arXiv:1807.11164)."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...api import functions as T
from ...engine.tensor import Tensor
from ._api import model, old_names, published

__all__ = [
    "ShuffleNetV2", "ShuffleNet_V2_X0_5_Weights", "ShuffleNet_V2_X1_0_Weights",
    "ShuffleNet_V2_X1_5_Weights", "ShuffleNet_V2_X2_0_Weights", "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
]  # fmt: skip

__getattr__ = old_names(__name__)

ShuffleNet_V2_X0_5_Weights = published("ShuffleNet_V2_X0_5_Weights")
ShuffleNet_V2_X1_0_Weights = published("ShuffleNet_V2_X1_0_Weights")
ShuffleNet_V2_X1_5_Weights = published("ShuffleNet_V2_X1_5_Weights")
ShuffleNet_V2_X2_0_Weights = published("ShuffleNet_V2_X2_0_Weights")


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Channels taken in turn from each of the groups."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def pointwise(inputs: int, outputs: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


class InvertedResidual(nn.Module):
    """Half of the channels convolved and half kept, or with stride 2 both convolved; shuffled."""

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        self.stride = stride
        width = oup // 2
        if stride == 1 and inp != width * 2:
            raise ValueError(f"With stride 1, inp {inp} and oup {oup} should be equal and even.")
        self.branch1 = nn.Sequential()
        if stride > 1:
            layers = [*self.depthwise(inp, stride), *pointwise(inp, width)]
            self.branch1 = nn.Sequential(*layers)
        self.branch2 = nn.Sequential(
            *pointwise(inp if stride > 1 else width, width),
            *self.depthwise(width, stride),
            *pointwise(width, width),
        )

    @staticmethod
    def depthwise(width: int, stride: int) -> list[nn.Module]:
        conv = nn.Conv2d(width, width, 3, stride, 1, bias=False, groups=width)
        return [conv, nn.BatchNorm2d(width)]

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, rest = x.chunk(2, dim=1)
        else:
            kept, rest = self.branch1(x), x
        return channel_shuffle(T.cat((kept, self.branch2(rest)), dim=1), 2)


class ShuffleNetV2(nn.Module):
    """Three stages of so many blocks and channels, between a first and a last convolution.

    num_classes: how many classes the last layer has. stages_repeats: how many blocks each stage
    has. stages_out_channels: channels of the first convolution, the stages, and the last
    convolution. inverted_residual: the class of a block.

    Raises ValueError where stages_repeats or stages_out_channels is empty, too short or too long or
    x has a shape that does not fit; RuntimeError where num_classes is negative or x has a shape
    that does not fit or holds integers, booleans or complex numbers.

    >>> net = ShuffleNetV2([1, 1, 1], [8, 8, 16, 32, 64], num_classes=3)
    >>> net.eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        stages_repeats: list[int],
        stages_out_channels: list[int],
        num_classes: int = 1000,
        inverted_residual: Any = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        first, *widths, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        before = first
        for i, (count, width) in enumerate(zip(stages_repeats, widths), 2):
            blocks = [inverted_residual(before, width, 2)]
            blocks += [inverted_residual(width, width, 1) for _ in range(count - 1)]
            setattr(self, f"stage{i}", nn.Sequential(*blocks))
            before = width
        self.conv5 = nn.Sequential(*pointwise(before, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        return self.fc(x.mean([2, 3]))


@model(ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2 with half the channels; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **kwargs)


@model(ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], **kwargs)


@model(ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2 with 1.5 times the channels; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], **kwargs)


@model(ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNet V2 with twice the channels; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], **kwargs)
