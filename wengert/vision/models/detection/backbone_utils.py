"""Backbones with a feature pyramid, of which the first layers may be frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import nn
from ....base.advice import advise
from ....engine.tensor import Tensor
from ...ops.feature_pyramid_network import (
    ExtraFPNBlock,
    FeaturePyramidNetwork,
    LastLevelMaxPool,
    LastLevelP6P7,
)
from ...ops.misc import FrozenBatchNorm2d
from .. import mobilenetv3, resnet
from .._utils import IntermediateLayerGetter

__all__ = ["BackboneWithFPN", "mobilenet_backbone", "resnet_fpn_backbone"]

Layer = Callable[..., nn.Module]


class BackboneWithFPN(nn.Module):
    """The layers of a backbone that return_layers names, through a feature pyramid.

    in_channels_list: their channels; out_channels: those of all levels of the pyramid.
    """

    def __init__(
        self,
        backbone: nn.Module,
        return_layers: dict[str, str],
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers=return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list, out_channels, extra_blocks or LastLevelMaxPool(), norm_layer
        )
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))


def check_range(value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"Trainable layers should be in the range [0,{most}], got {value}")


def _resnet_fpn_extractor(
    backbone: Any,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Layer | None = None,
) -> BackboneWithFPN:
    check_range(trainable_layers, 5)
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    if trainable_layers == 5:
        trained.append("bn1")
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(trained)):
            parameter.requires_grad_(False)
    stages = returned_layers or [1, 2, 3, 4]
    if min(stages) <= 0 or max(stages) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {stages}")
    channels = [backbone.inplanes // 8 * 2 ** (stage - 1) for stage in stages]
    outputs = {f"layer{stage}": str(i) for i, stage in enumerate(stages)}
    return BackboneWithFPN(backbone, outputs, channels, 256, extra_blocks, norm_layer)


def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: Any = None,
    norm_layer: Layer = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """A ResNet with a feature pyramid of 256 channels.

    Args:
        backbone_name: such as "resnet50"; weights: of that model.
        norm_layer: makes the norms; the default keeps their statistics and parameters.
        trainable_layers: how many layers, from the last, are trained, 0 to 5.
        returned_layers: the stages, 1 to 4, that the pyramid stands on; all by default.
        extra_blocks: adds levels; one by pooling by default.
    """
    backbone = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _resnet_fpn_extractor(backbone, trainable_layers, returned_layers, extra_blocks)


def _mobilenet_extractor(
    backbone: Any,
    fpn: bool,
    trainable_layers: int,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: Layer | None = None,
) -> nn.Module:
    layers = backbone.features
    inner = [i for i, block in enumerate(layers) if getattr(block, "_is_cn", False)]
    stages = [0, *inner, len(layers) - 1]
    check_range(trainable_layers, len(stages))
    frozen = stages[len(stages) - trainable_layers] if trainable_layers else len(layers)
    for block in layers[:frozen]:
        for parameter in block.parameters():
            parameter.requires_grad_(False)
    if not fpn:
        net = nn.Sequential(layers, nn.Conv2d(layers[-1].out_channels, 256, 1))
        net.out_channels = 256
        return net
    wanted = returned_layers or [len(stages) - 2, len(stages) - 1]
    if min(wanted) < 0 or max(wanted) >= len(stages):
        raise ValueError(
            f"Each returned layer should be in the range [0,{len(stages) - 1}], got {wanted}"
        )
    channels = [layers[stages[i]].out_channels for i in wanted]
    outputs = {str(stages[k]): str(i) for i, k in enumerate(wanted)}
    return BackboneWithFPN(layers, outputs, channels, 256, extra_blocks, norm_layer)


def mobilenet_backbone(
    *,
    backbone_name: str,
    weights: Any = None,
    fpn: bool,
    norm_layer: Layer = FrozenBatchNorm2d,
    trainable_layers: int = 2,
    returned_layers: list[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> nn.Module:
    """A MobileNet with a feature pyramid of 256 channels, or without one (fpn=False)."""
    backbone = getattr(mobilenetv3, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _mobilenet_extractor(backbone, fpn, trainable_layers, returned_layers, extra_blocks)


def _validate_trainable_layers(
    is_trained: bool, trainable_backbone_layers: int | None, max_value: int, default_value: int
) -> int:
    if not is_trained:  # layers with random weights are all trained
        if trainable_backbone_layers is not None:
            advise(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor "
                f"pretrained_backbone have been set to True, falling back to {max_value} so that "
                "all layers are trainable",
            )
        return max_value
    layers = default_value if trainable_backbone_layers is None else trainable_backbone_layers
    if not 0 <= layers <= max_value:
        raise ValueError(
            f"Trainable backbone layers should be in the range [0,{max_value}], got {layers}"
        )
    return layers


def resnet_pyramid(
    weights: Any,
    weights_backbone: Any,
    trainable: int | None,
    frozen: bool = True,
    extra: tuple[int, int] | None = None,
    **kwargs: Any,
) -> BackboneWithFPN:
    """The backbone of the detectors on ResNet-50; frozen: its norms, if it comes with weights.

    extra: the channels of the two levels that are added by convolutions, in place of one by
    pooling.
    """
    trained = weights is not None or weights_backbone is not None
    layers = _validate_trainable_layers(trained, trainable, 5, 3)
    norm = FrozenBatchNorm2d if frozen and trained else nn.BatchNorm2d
    backbone = resnet.resnet50(weights=weights_backbone, norm_layer=norm)
    blocks = None if extra is None else LastLevelP6P7(*extra)
    return _resnet_fpn_extractor(backbone, layers, extra_blocks=blocks, **kwargs)
