"""Mask R-CNN (arXiv:1703.06870) on ResNet-50 with a feature pyramid."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ...ops.misc import Conv2dNormActivation
from ...ops.poolers import MultiScaleRoIAlign
from .._api import model, published
from ..resnet import ResNet50_Weights
from .backbone_utils import resnet_pyramid
from .faster_rcnn import FasterRCNN, begin_convolutions, loaded, second_version

__all__ = [
    "MaskRCNN", "MaskRCNN_ResNet50_FPN_V2_Weights", "MaskRCNN_ResNet50_FPN_Weights",
    "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2",
]  # fmt: skip

MaskRCNN_ResNet50_FPN_Weights = published("MaskRCNN_ResNet50_FPN_Weights")
MaskRCNN_ResNet50_FPN_V2_Weights = published("MaskRCNN_ResNet50_FPN_V2_Weights")


class MaskRCNN(FasterRCNN):
    """Faster R-CNN that also finds masks: targets have `masks` (n, H, W), results (n, 1, H, W).

    mask_roi_pool, mask_head, mask_predictor: from features and boxes to logits (N, C, M, M).
    The other arguments are `FasterRCNN`'s.

    num_classes: how many classes the last layer has.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.detection.maskrcnn_resnet50_fpn(weights_backbone=None)
    >>> isinstance(net, MaskRCNN)
    True
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int | None = None,
        *args: Any,
        mask_roi_pool: Any = None,
        mask_head: Any = None,
        mask_predictor: Any = None,
        **kwargs: Any,
    ) -> None:
        if num_classes is not None and mask_predictor is not None:
            raise ValueError("num_classes should be None when mask_predictor is specified")
        pool = mask_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
        head = mask_head or MaskRCNNHeads(backbone.out_channels, (256, 256, 256, 256), 1)
        if mask_predictor is None:
            assert num_classes is not None
            mask_predictor = MaskRCNNPredictor(256, 256, num_classes)
        super().__init__(backbone, num_classes, *args, **kwargs)
        self.roi_heads.mask_roi_pool = pool
        self.roi_heads.mask_head = head
        self.roi_heads.mask_predictor = mask_predictor


class MaskRCNNHeads(nn.Sequential):
    """Convolutions of the given widths on what was pooled of each region."""

    _version = 2

    def __init__(
        self,
        in_channels: int,
        layers: Sequence[int],
        dilation: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        blocks = []
        for width in layers:
            blocks.append(
                Conv2dNormActivation(
                    in_channels, width, 3, 1, dilation, dilation=dilation, norm_layer=norm_layer
                )
            )
            in_channels = width
        super().__init__(*blocks)
        begin_convolutions(self)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any
    ) -> None:
        if (local_metadata.get("version") or 1) < 2:  # the convolutions had names
            for i in range(len(self)):
                for kind in ("weight", "bias"):
                    old = f"{prefix}mask_fcn{i + 1}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class MaskRCNNPredictor(nn.Sequential):
    """A mask of twice the size for each class."""

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int) -> None:
        layers: list[tuple[str, nn.Module]] = [
            ("conv5_mask", nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0)),
            ("relu", nn.ReLU(inplace=True)),
            ("mask_fcn_logits", nn.Conv2d(dim_reduced, num_classes, 1, 1, 0)),
        ]
        super().__init__(OrderedDict(layers))
        for name, parameter in self.named_parameters():
            if "weight" in name:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


@model(MaskRCNN_ResNet50_FPN_Weights, ResNet50_Weights)
def maskrcnn_resnet50_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> MaskRCNN:
    """Mask R-CNN on ResNet-50; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers)
    net = MaskRCNN(backbone, num_classes=91 if num_classes is None else num_classes, **kwargs)
    return loaded(net, weights, first=MaskRCNN_ResNet50_FPN_Weights.COCO_V1)


@model(MaskRCNN_ResNet50_FPN_V2_Weights, ResNet50_Weights)
def maskrcnn_resnet50_fpn_v2(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> MaskRCNN:
    """Mask R-CNN on ResNet-50 with deeper heads (arXiv:2111.11429); kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers, False,
                              norm_layer=nn.BatchNorm2d)  # fmt: skip
    parts = second_version(backbone)
    parts["mask_head"] = MaskRCNNHeads(
        backbone.out_channels, [256] * 4, 1, norm_layer=nn.BatchNorm2d
    )
    net = MaskRCNN(backbone, 91 if num_classes is None else num_classes, **parts, **kwargs)
    return loaded(net, weights)
