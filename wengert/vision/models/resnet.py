"""ResNet (arXiv:1512.03385), ResNeXt (arXiv:1611.05431) and wide ResNet (arXiv:1605.07146)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ._api import agreed, model, old_names, published

__all__ = [
    "BasicBlock", "Bottleneck", "ResNeXt50_32X4D_Weights", "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights", "ResNet", "ResNet18_Weights", "ResNet34_Weights",
    "ResNet50_Weights", "ResNet101_Weights", "ResNet152_Weights", "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2",
    "wide_resnet101_2",
]  # fmt: skip

__getattr__ = old_names(__name__)

ResNet18_Weights = published("ResNet18_Weights")
ResNet34_Weights = published("ResNet34_Weights")
ResNet50_Weights = published("ResNet50_Weights")
ResNet101_Weights = published("ResNet101_Weights")
ResNet152_Weights = published("ResNet152_Weights")
ResNeXt50_32X4D_Weights = published("ResNeXt50_32X4D_Weights")
ResNeXt101_32X8D_Weights = published("ResNeXt101_32X8D_Weights")
ResNeXt101_64X4D_Weights = published("ResNeXt101_64X4D_Weights")
Wide_ResNet50_2_Weights = published("Wide_ResNet50_2_Weights")
Wide_ResNet101_2_Weights = published("Wide_ResNet101_2_Weights")


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size where the stride is 1."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=dilation,
                     groups=groups, bias=False, dilation=dilation)  # fmt: skip


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1 x 1 convolution."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    stride: steps between windows. groups: how many parts the channels fall into. dilation: steps
    between the elements of a window. norm_layer: the class, or a function, that makes a norm of so
    many channels; None: the model's own. inplanes: channels of the input. planes: channels of the 3
    x 3 convolution. downsample: what the shortcut does; None: nothing. base_width: channels of a
    group, where planes is 64.

    x is of shape (N, inplanes, H, W). Raises RuntimeError where inplanes or planes is negative, 0
    or a tensor of several numbers or does not fit or x has a shape that does not fit or holds
    integers, booleans or complex numbers; ValueError where x has a shape that does not fit.

    >>> BasicBlock(4, 4)(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, beside a shortcut; the stride is at the 3 x 3.

    groups: how many parts the channels fall into. dilation: steps between the elements of a window.
    norm_layer: the class, or a function, that makes a norm of so many channels; None: the model's
    own. inplanes: channels of the input. planes: channels of the 3 x 3 convolution. downsample:
    what the shortcut does; None: nothing. base_width: channels of a group, where planes is 64.

    x is of shape (N, inplanes, H, W). Raises RuntimeError where inplanes is negative, 0 or a tensor
    of several numbers or does not fit, planes is negative or 0 or does not fit or x has a shape
    that does not fit or holds integers, booleans or complex numbers; ValueError where planes is a
    tensor of several numbers or x has a shape that does not fit.

    >>> Bottleneck(16, 4)(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 16, 8, 8])
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """Four stages of residual blocks; input (N, 3, H, W), output (N, num_classes).

    Args:
        block: BasicBlock or Bottleneck; layers: how many of them each stage has.
        zero_init_residual: start with every block as the identity.
        replace_stride_with_dilation: of the last three stages, which keep the size.

    groups: how many parts the channels fall into. norm_layer: the class, or a function, that makes
    a norm of so many channels; None: the model's own. width_per_group: channels of a group.

    Raises ValueError where x has a shape that does not fit; IndexError where layers is empty or too
    short; RuntimeError where num_classes is negative or x has a shape that does not fit or holds
    integers, booleans or complex numbers.

    >>> net = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3)
    >>> net.eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    @clear_errors
    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: list[bool] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        dilate = replace_stride_with_dilation or [False, False, False]
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None "
                f"or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(m.weight)
                nn.init.zeros_(m.bias)
        for m in self.modules() if zero_init_residual else ():
            if isinstance(m, Bottleneck) and m.bn3.weight is not None:
                nn.init.zeros_(m.bn3.weight)
            elif isinstance(m, BasicBlock) and m.bn2.weight is not None:
                nn.init.zeros_(m.bn2.weight)

    def _make_layer(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        norm = self._norm_layer
        previous = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        downsample = None
        width = planes * block.expansion
        if stride != 1 or self.inplanes != width:
            downsample = nn.Sequential(conv1x1(self.inplanes, width, stride), norm(width))
        shape = (self.groups, self.base_width)
        layers = [block(self.inplanes, planes, stride, downsample, *shape, previous, norm)]
        self.inplanes = width
        for _ in range(1, blocks):
            layers.append(block(width, planes, 1, None, *shape, self.dilation, norm))
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


@model(ResNet18_Weights)
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet with 18 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.

    Raises RuntimeError where num_classes is negative.

    >>> resnet18(num_classes=2).eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 2])
    """
    return ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)


@model(ResNet34_Weights)
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet with 34 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ResNet(BasicBlock, [3, 4, 6, 3], **kwargs)


@model(ResNet50_Weights)
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet with 50 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ResNet(Bottleneck, [3, 4, 6, 3], **kwargs)


@model(ResNet101_Weights)
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet with 101 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ResNet(Bottleneck, [3, 4, 23, 3], **kwargs)


@model(ResNet152_Weights)
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet with 152 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return ResNet(Bottleneck, [3, 8, 36, 3], **kwargs)


def wider(layers: list[int], groups: int, width: int, kwargs: dict[str, Any]) -> ResNet:
    agreed(kwargs, "groups", groups)
    agreed(kwargs, "width_per_group", width)
    return ResNet(Bottleneck, layers, **kwargs)


@model(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt with 50 layers, 32 groups of width 4; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return wider([3, 4, 6, 3], 32, 4, kwargs)


@model(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt with 101 layers, 32 groups of width 8; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return wider([3, 4, 23, 3], 32, 8, kwargs)


@model(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**kwargs: Any) -> ResNet:
    """ResNeXt with 101 layers, 64 groups of width 4; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return wider([3, 4, 23, 3], 64, 4, kwargs)


@model(Wide_ResNet50_2_Weights)
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """ResNet with 50 layers of twice the width; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return wider([3, 4, 6, 3], 1, 128, kwargs)


@model(Wide_ResNet101_2_Weights)
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """ResNet with 101 layers of twice the width; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return wider([3, 4, 23, 3], 1, 128, kwargs)
