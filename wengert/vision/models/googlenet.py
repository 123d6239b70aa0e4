"""GoogLeNet (arXiv:1409.4842), with batch norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ... import nn
from ...api import functions as T
from ...base.advice import advise
from ...engine.tensor import Tensor
from ...nn import functional as F
from ._api import model, old_names, published

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]

__getattr__ = old_names(__name__)

GoogLeNet_Weights = published("GoogLeNet_Weights")

Layer = Callable[..., nn.Module]


class GoogLeNetOutputs(NamedTuple):
    """What a network in training returns.

    logits: scores (N, num_classes); of a detector: for each level. aux_logits2: those of the second
    classifier in the middle. aux_logits1: those of the first.

    >>> GoogLeNetOutputs(torch.ones(1), None, None).logits
    tensor([1.])
    """

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four ways through, side by side."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Layer | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(  # of 3 x 3 too, which the published weights keep
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return T.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """A classifier at half way, for its gradient."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Layer | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))


def as_inception_expects(x: Tensor) -> Tensor:
    """An image normalized as for other networks, normalized with means and deviations of 0.5."""
    std = T.tensor([0.229, 0.224, 0.225], dtype=x.dtype, device=x.device).view(3, 1, 1)
    mean = T.tensor([0.485, 0.456, 0.406], dtype=x.dtype, device=x.device).view(3, 1, 1)
    return x * (std / 0.5) + (mean - 0.5) / 0.5


# The inception blocks: 1 x 1, two pairs of a squeezed and a 3 x 3 width, and the pooled width
WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    """Nine inception blocks; in training also the outputs of two auxiliary classifiers.

    Args:
        transform_input: take images that are normalized as for the other networks.
        blocks: the convolution, the inception block and the auxiliary classifier.

    num_classes: how many classes the last layer has. dropout: the probability of dropout.
    aux_logits: classifiers in the middle, for training. init_weights: draw weights as the paper
    does. dropout_aux: the probability of dropout in those classifiers.

    Raises RuntimeError where num_classes is negative.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = GoogLeNet(num_classes=3, init_weights=False)
    >>> net.fc.out_features
    3
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: list[Layer] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = blocks or [BasicConv2d, Inception, InceptionAux]
        if len(blocks) != 3:
            raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
        if init_weights is None:
            advise(
                "The default weight initialization of GoogleNet will be changed in future "
                "releases of torchvision: set init_weights=True to keep it.",
                FutureWarning,
            )
            init_weights = True
        conv, inception, auxiliary = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        channels = 192
        for name, widths in WIDTHS.items():
            setattr(self, f"inception{name}", inception(channels, *widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
            if name == "3b":
                self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            elif name == "4e":
                self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.aux1 = auxiliary(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = auxiliary(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        for m in self.modules() if init_weights else ():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, mean=0.0, std=0.01, a=-2, b=2)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        x = as_inception_expects(x) if self.transform_input else x
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        auxiliary = self.training and self.aux_logits
        aux1 = self.aux1(x) if auxiliary and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if auxiliary and self.aux2 is not None else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(logits, aux2, aux1) if auxiliary else logits


@model(GoogLeNet_Weights, init_weights=False)
def googlenet(weights: Any = None, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet; kwargs go to the class. With weights, transform_input=True, aux_logits=False.

    progress: accepted: nothing is downloaded.
    """
    if weights is None:
        return GoogLeNet(**kwargs)
    wanted = kwargs.pop("aux_logits", False)
    net = GoogLeNet(**{"transform_input": True, **kwargs})
    net.load_state_dict(weights.get_state_dict(check_hash=True))
    if not wanted:
        net.aux_logits, net.aux1, net.aux2 = False, None, None
    return net
