"""DenseNet (arXiv:1608.06993)."""

from __future__ import annotations

import re
from typing import Any

from ... import nn
from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn import functional as F
from ...transforms.checkpoint import checkpoint
from ._api import model, old_names, published

__all__ = [
    "DenseNet", "DenseNet121_Weights", "DenseNet161_Weights", "DenseNet169_Weights",
    "DenseNet201_Weights", "densenet121", "densenet161", "densenet169", "densenet201",
]  # fmt: skip

__getattr__ = old_names(__name__)

DenseNet121_Weights = published("DenseNet121_Weights")
DenseNet161_Weights = published("DenseNet161_Weights")
DenseNet169_Weights = published("DenseNet169_Weights")
DenseNet201_Weights = published("DenseNet201_Weights")


class _DenseLayer(nn.Module):
    """growth_rate new channels from all that there are."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def squeeze(self, *features: Tensor) -> Tensor:
        return self.conv1(self.relu1(self.norm1(T.cat(features, 1))))

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        features = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(f.requires_grad for f in features):
            squeezed = checkpoint(self.squeeze, *features, use_reentrant=False)
        else:
            squeezed = self.squeeze(*features)
        new = self.conv2(self.relu2(self.norm2(squeezed)))
        if self.drop_rate > 0:
            new = F.dropout(new, p=self.drop_rate, training=self.training)
        return new


class _DenseBlock(nn.ModuleDict):
    """Layers each of which sees the outputs of all before it."""

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            width = num_input_features + i * growth_rate
            layer = _DenseLayer(width, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return T.cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels, and half the size."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Dense blocks with transitions between them.

    Args:
        growth_rate: channels that each layer adds; block_config: layers in each block.
        memory_efficient: compute a layer's first part again for its gradient.

    num_classes: how many classes the last layer has. num_init_features: channels of the first
    convolution. bn_size: channels of the 1 x 1 convolution, in growth rates. drop_rate: the
    probability of dropout in a layer.

    Raises RuntimeError where growth_rate is negative or 0, block_config is too long,
    num_init_features is negative, 0 or a tensor of several numbers, num_classes is negative or x
    has a shape that does not fit or holds integers, booleans or complex numbers; ValueError where x
    has a shape that does not fit.

    >>> net = DenseNet(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8, num_classes=3)
    >>> net.eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, int, int, int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential()
        first = nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False)
        self.features.add_module("conv0", first)
        self.features.add_module("norm0", nn.BatchNorm2d(num_init_features))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        width = num_init_features
        for i, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, width, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            width += layers * growth_rate
            if i != len(block_config):
                self.features.add_module(f"transition{i}", _Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)
            elif isinstance(m, nn.Linear):
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # the published files are of a time when names could have dots in them: norm.1, conv.2
        old = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)$")
        for key in list(state_dict):
            if found := old.match(key):
                state_dict[found[1] + found[2]] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


@model(DenseNet121_Weights)
def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet with 121 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return DenseNet(32, (6, 12, 24, 16), 64, **kwargs)


@model(DenseNet161_Weights)
def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet with 161 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return DenseNet(48, (6, 12, 36, 24), 96, **kwargs)


@model(DenseNet169_Weights)
def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet with 169 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return DenseNet(32, (6, 12, 32, 32), 64, **kwargs)


@model(DenseNet201_Weights)
def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet with 201 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return DenseNet(32, (6, 12, 48, 32), 64, **kwargs)
