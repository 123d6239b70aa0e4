"""VGG (arXiv:1409.1556)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from ... import nn
from ...engine.tensor import Tensor
from ._api import model, old_names, published
from ._utils import initialise

__all__ = [
    "VGG", "VGG11_BN_Weights", "VGG11_Weights", "VGG13_BN_Weights", "VGG13_Weights",
    "VGG16_BN_Weights", "VGG16_Weights", "VGG19_BN_Weights", "VGG19_Weights", "vgg11", "vgg11_bn",
    "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
]  # fmt: skip

__getattr__ = old_names(__name__)

VGG11_Weights, VGG11_BN_Weights = published("VGG11_Weights"), published("VGG11_BN_Weights")
VGG13_Weights, VGG13_BN_Weights = published("VGG13_Weights"), published("VGG13_BN_Weights")
VGG16_Weights, VGG16_BN_Weights = published("VGG16_Weights"), published("VGG16_BN_Weights")
VGG19_Weights, VGG19_BN_Weights = published("VGG19_Weights"), published("VGG19_BN_Weights")

WIDTHS = (64, 128, 256, 512, 512)
# how many convolutions each width has, by the letter of the paper's table
DEPTHS = {"A": (1, 1, 2, 2, 2), "B": (2,) * 5, "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}
cfgs: dict[str, list[Any]] = {
    letter: [x for width, n in zip(WIDTHS, depths) for x in (*[width] * n, "M")]
    for letter, depths in DEPTHS.items()
}


cfg = cfgs  # its name until 0.4


class VGG(nn.Module):
    """Convolutions `features`, then three linear layers; output (N, num_classes).

    dropout: the probability of dropout. init_weights: draw weights as the paper does.

    Raises RuntimeError where num_classes is negative.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = VGG(nn.Flatten(), num_classes=3, init_weights=False)
    >>> net.classifier[-1].out_features
    3
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialise(self, partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def make_layers(cfg: Iterable[int | str], batch_norm: bool = False) -> nn.Sequential:
    """Convolutions of 3x3 with ReLUs, of these widths one after the other; "M" is a pool.

    cfg: the widths. batch_norm: whether each convolution has one.

    >>> with torch.device("meta"):
    ...     layers = make_layers([8, "M", 16])
    >>> [type(layer).__name__ for layer in layers]
    ['Conv2d', 'ReLU', 'MaxPool2d', 'Conv2d', 'ReLU']
    """
    layers: list[nn.Module] = []
    channels = 3
    for width in cfg:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        channels = width
    return nn.Sequential(*layers)


@model(VGG11_Weights, init_weights=False)
def vgg11(**kwargs: Any) -> VGG:
    """VGG with 11 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["A"], batch_norm=False), **kwargs)


@model(VGG11_BN_Weights, init_weights=False)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG with 11 layers and batch norm; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["A"], batch_norm=True), **kwargs)


@model(VGG13_Weights, init_weights=False)
def vgg13(**kwargs: Any) -> VGG:
    """VGG with 13 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["B"], batch_norm=False), **kwargs)


@model(VGG13_BN_Weights, init_weights=False)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG with 13 layers and batch norm; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["B"], batch_norm=True), **kwargs)


@model(VGG16_Weights, init_weights=False)
def vgg16(**kwargs: Any) -> VGG:
    """VGG with 16 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["D"], batch_norm=False), **kwargs)


@model(VGG16_BN_Weights, init_weights=False)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG with 16 layers and batch norm; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["D"], batch_norm=True), **kwargs)


@model(VGG19_Weights, init_weights=False)
def vgg19(**kwargs: Any) -> VGG:
    """VGG with 19 layers; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["E"], batch_norm=False), **kwargs)


@model(VGG19_BN_Weights, init_weights=False)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG with 19 layers and batch norm; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return VGG(make_layers(cfgs["E"], batch_norm=True), **kwargs)
