"""MnasNet B1 (arXiv:1807.11626)."""

from __future__ import annotations

from functools import partial
from typing import Any

from ... import nn
from ...engine.tensor import Tensor
from ._api import model, old_names, published
from ._utils import initialise, make_divisible

__all__ = [
    "MNASNet", "MNASNet0_5_Weights", "MNASNet0_75_Weights", "MNASNet1_0_Weights",
    "MNASNet1_3_Weights", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3",
]  # fmt: skip

__getattr__ = old_names(__name__)

MNASNet0_5_Weights, MNASNet0_75_Weights = (
    published("MNASNet0_5_Weights"),
    published("MNASNet0_75_Weights"),
)
MNASNet1_0_Weights, MNASNet1_3_Weights = (
    published("MNASNet1_0_Weights"),
    published("MNASNet1_3_Weights"),
)

norm = partial(nn.BatchNorm2d, momentum=1 - 0.9997)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class _InvertedResidual(nn.Module):
    """Channels expanded, convolved one by one, and brought together, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.apply_residual = inputs == outputs and stride == 1
        self.layers = nn.Sequential(
            conv(inputs, width, 1),
            norm(width),
            nn.ReLU(inplace=True),
            conv(width, width, kernel, stride, width),
            norm(width),
            nn.ReLU(inplace=True),
            conv(width, outputs, 1),
            norm(outputs),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input) + input if self.apply_residual else self.layers(input)


def stack(
    inputs: int, outputs: int, kernel: int, stride: int, expansion: int, count: int
) -> nn.Sequential:
    first = _InvertedResidual(inputs, outputs, kernel, stride, expansion)
    rest = [_InvertedResidual(outputs, outputs, kernel, 1, expansion) for _ in range(1, count)]
    return nn.Sequential(first, *rest)


class MNASNet(nn.Module):
    """MnasNet with its channels scaled by alpha; output (N, num_classes).

    dropout: the probability of dropout.

    Raises ValueError where alpha is negative or x has a shape that does not fit; RuntimeError where
    alpha is a tensor of several numbers, num_classes is negative or x has a shape that does not fit
    or holds integers, booleans or complex numbers.

    >>> MNASNet(0.5, num_classes=3).eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    _version = 2

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        w = [make_divisible(c * alpha, 8) for c in (32, 16, 24, 40, 80, 96, 192, 320)]
        self.layers = nn.Sequential(
            conv(3, w[0], 3, 2),
            norm(w[0]),
            nn.ReLU(inplace=True),
            conv(w[0], w[0], 3, 1, w[0]),
            norm(w[0]),
            nn.ReLU(inplace=True),
            conv(w[0], w[1], 1),
            norm(w[1]),
            stack(w[1], w[2], 3, 2, 3, 3),
            stack(w[2], w[3], 5, 2, 3, 3),
            stack(w[3], w[4], 5, 2, 6, 3),
            stack(w[4], w[5], 3, 1, 6, 2),
            stack(w[5], w[6], 5, 2, 6, 4),
            stack(w[6], w[7], 3, 1, 6, 1),
            conv(w[7], 1280, 1),
            norm(1280),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        uniform = partial(nn.init.kaiming_uniform_, mode="fan_out", nonlinearity="sigmoid")
        normal = partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu")
        initialise(self, normal, uniform)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean([2, 3]))


@model(MNASNet0_5_Weights)
def mnasnet0_5(**kwargs: Any) -> MNASNet:
    """MnasNet with half the channels; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MNASNet(0.5, **kwargs)


@model(MNASNet0_75_Weights)
def mnasnet0_75(**kwargs: Any) -> MNASNet:
    """MnasNet with 0.75 of the channels; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MNASNet(0.75, **kwargs)


@model(MNASNet1_0_Weights)
def mnasnet1_0(**kwargs: Any) -> MNASNet:
    """MnasNet; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MNASNet(1.0, **kwargs)


@model(MNASNet1_3_Weights)
def mnasnet1_3(**kwargs: Any) -> MNASNet:
    """MnasNet with 1.3 of the channels; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return MNASNet(1.3, **kwargs)
