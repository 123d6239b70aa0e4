"""ConvNeXt (arXiv:2201.03545)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ... import nn
from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation, Permute
from ..ops.stochastic_depth import StochasticDepth
from ._api import model, published

__all__ = [
    "ConvNeXt", "ConvNeXt_Base_Weights", "ConvNeXt_Large_Weights", "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny",
]  # fmt: skip

ConvNeXt_Tiny_Weights = published("ConvNeXt_Tiny_Weights")
ConvNeXt_Small_Weights = published("ConvNeXt_Small_Weights")
ConvNeXt_Base_Weights = published("ConvNeXt_Base_Weights")
ConvNeXt_Large_Weights = published("ConvNeXt_Large_Weights")


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A wide convolution of each channel, then two linear layers, beside a shortcut."""

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(T.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class CNBlockConfig(NamedTuple):
    """The numbers of one stage; out_channels None for the last."""

    input_channels: int
    out_channels: int | None
    num_layers: int


class ConvNeXt(nn.Module):
    """Stages of `CNBlock`, each but the last followed by half the size.

    num_classes: how many classes the last layer has. norm_layer: the class, or a function, that
    makes a norm of so many channels; None: the model's own. block_setting: a CNBlockConfig for each
    stage. stochastic_depth_prob: with which probability the last block is left out. layer_scale:
    the first value of the factor of a block. block: the class of a block; None: the usual one.

    x is of shape (N, 3, H, W). Raises ValueError where block_setting is empty or too short;
    RuntimeError where num_classes is negative or x has a shape that does not fit or holds integers,
    booleans or complex numbers.

    >>> net = ConvNeXt([CNBlockConfig(8, None, 2)], num_classes=3)
    >>> net(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        block = block or CNBlock
        norm = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers: list[nn.Module] = [
            Conv2dNormActivation(
                3, block_setting[0].input_channels, kernel_size=4, stride=4, padding=0,
                norm_layer=norm, activation_layer=None, bias=True,
            )
        ]  # fmt: skip
        last = sum(stage.num_layers for stage in block_setting) - 1.0
        done = 0
        for width, next_width, count in block_setting:
            blocks = []
            for _ in range(count):
                blocks.append(block(width, layer_scale, stochastic_depth_prob * done / last))
                done += 1
            layers.append(nn.Sequential(*blocks))
            if next_width is not None:
                down = nn.Conv2d(width, next_width, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm(width), down))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        final = block_setting[-1].out_channels or block_setting[-1].input_channels
        self.classifier = nn.Sequential(norm(final), nn.Flatten(1), nn.Linear(final, num_classes))
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))


def convnext(width: int, third: int, drop: float, kwargs: dict[str, Any]) -> ConvNeXt:
    """Four stages, of 3, 3, third and 3 layers, each twice as wide as the one before it."""
    widths = [width, 2 * width, 4 * width, 8 * width, None]
    stages = [
        CNBlockConfig(widths[i] or 0, widths[i + 1], n) for i, n in enumerate((3, 3, third, 3))
    ]
    return ConvNeXt(stages, **{"stochastic_depth_prob": drop, **kwargs})


@model(ConvNeXt_Tiny_Weights)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """The tiny ConvNeXt; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return convnext(96, 9, 0.1, kwargs)


@model(ConvNeXt_Small_Weights)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """The small ConvNeXt; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return convnext(96, 27, 0.4, kwargs)


@model(ConvNeXt_Base_Weights)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """The base ConvNeXt; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return convnext(128, 27, 0.5, kwargs)


@model(ConvNeXt_Large_Weights)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """The large ConvNeXt; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded.
    """
    return convnext(192, 27, 0.5, kwargs)
