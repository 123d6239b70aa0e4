"""Faster R-CNN (arXiv:1506.01497) on ResNet-50 and MobileNet V3 with feature pyramids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .... import nn
from ....engine.tensor import Tensor
from ....nn import functional as F
from ...ops.misc import Conv2dNormActivation, FrozenBatchNorm2d
from ...ops.poolers import MultiScaleRoIAlign
from .._api import model, published
from ..mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from ..resnet import ResNet50_Weights
from ._utils import overwrite_eps
from .anchor_utils import AnchorGenerator
from .backbone_utils import _mobilenet_extractor, _validate_trainable_layers, resnet_pyramid
from .generalized_rcnn import GeneralizedRCNN
from .roi_heads import RoIHeads
from .rpn import RegionProposalNetwork, RPNHead
from .transform import GeneralizedRCNNTransform

__all__ = [
    "FasterRCNN", "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights",
    "FasterRCNN_MobileNet_V3_Large_FPN_Weights", "FasterRCNN_ResNet50_FPN_V2_Weights",
    "FasterRCNN_ResNet50_FPN_Weights", "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
]  # fmt: skip

FasterRCNN_ResNet50_FPN_Weights = published("FasterRCNN_ResNet50_FPN_Weights")
FasterRCNN_ResNet50_FPN_V2_Weights = published("FasterRCNN_ResNet50_FPN_V2_Weights")
FasterRCNN_MobileNet_V3_Large_FPN_Weights = published("FasterRCNN_MobileNet_V3_Large_FPN_Weights")
FasterRCNN_MobileNet_V3_Large_320_FPN_Weights = published(
    "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights"
)


class FasterRCNN(GeneralizedRCNN):
    """A detector on a backbone that has `out_channels`.

    Args:
        backbone: returns a tensor, or {name: (N, out_channels, H, W)} with names "0", "1", ...
        num_classes: with the background; None where box_predictor is given.
        min_size, max_size, image_mean, image_std: see `GeneralizedRCNNTransform`, which also gets
            kwargs.
        rpn_...: see `RegionProposalNetwork`; box_..., bbox_reg_weights: see `RoIHeads`.

    rpn_anchor_generator: makes anchors; None: the usual one. rpn_head: scores and moves of anchors;
    None: the usual one. rpn_pre_nms_top_n_train: proposals a level before suppression, in training.
    rpn_pre_nms_top_n_test: the same, in evaluation. rpn_post_nms_top_n_train: proposals after
    suppression, in training. rpn_post_nms_top_n_test: the same, in evaluation. rpn_nms_thresh:
    proposals that overlap a better one by more go. rpn_fg_iou_thresh: anchors that overlap a target
    by more are positive. rpn_bg_iou_thresh: anchors that overlap all targets by less are negative.
    rpn_batch_size_per_image: anchors in the loss. rpn_positive_fraction: the share of positive ones
    among them. rpn_score_thresh: proposals of less go. box_roi_pool: takes regions out of the
    features; None: the usual one. box_head: features of a region; None: the usual one.
    box_score_thresh: results of less go. box_nms_thresh: results that overlap a better one by more
    go. box_detections_per_img: at most so many results. box_fg_iou_thresh: proposals that overlap a
    target by more are positive. box_bg_iou_thresh: proposals that overlap all targets by less are
    negative. box_batch_size_per_image: proposals in the loss. box_positive_fraction: the share of
    positive ones among them.

    >>> with torch.device("meta"):  # shapes, without numbers
    ...     net = torchvision.models.detection.fasterrcnn_resnet50_fpn(weights_backbone=None)
    >>> isinstance(net, FasterRCNN)
    True
    """

    def __init__(
        self,
        backbone: Any,
        num_classes: int | None = None,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: list[float] | None = None,
        image_std: list[float] | None = None,
        rpn_anchor_generator: AnchorGenerator | None = None,
        rpn_head: nn.Module | None = None,
        rpn_pre_nms_top_n_train: int = 2000,
        rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000,
        rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7,
        rpn_fg_iou_thresh: float = 0.7,
        rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256,
        rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0,
        box_roi_pool: Any = None,
        box_head: Any = None,
        box_predictor: Any = None,
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5,
        box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512,
        box_positive_fraction: float = 0.25,
        bbox_reg_weights: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        if not hasattr(backbone, "out_channels"):
            raise ValueError(
                "backbone should contain an attribute out_channels specifying the number of output "
                "channels (assumed to be the same for all the levels)"
            )
        if (num_classes is None) == (box_predictor is None):
            raise ValueError("give num_classes or box_predictor, and not both")
        channels = backbone.out_channels
        anchors = rpn_anchor_generator or pyramid_anchors()
        head = rpn_head or RPNHead(channels, anchors.num_anchors_per_location()[0])
        rpn = RegionProposalNetwork(
            anchors,
            head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = box_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
        if box_head is None:
            box_head = TwoMLPHead(channels * pool.output_size[0] ** 2, 1024)
        if box_predictor is None:
            assert num_classes is not None
            box_predictor = FastRCNNPredictor(1024, num_classes)
        roi_heads = RoIHeads(
            pool,
            box_head,
            box_predictor,
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        mean, std = image_mean or [0.485, 0.456, 0.406], image_std or [0.229, 0.224, 0.225]
        transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        super().__init__(backbone, rpn, roi_heads, transform)


def pyramid_anchors() -> AnchorGenerator:
    """One size, 32 to 512, for each of five levels, in three proportions."""
    return AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)


class TwoMLPHead(nn.Module):
    """Two linear layers with ReLU on what was pooled of each region."""

    def __init__(self, in_channels: int, representation_size: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


def begin_convolutions(net: nn.Module) -> None:
    """Fill the filters of all convolutions, as heads begin."""
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None:
                nn.init.zeros_(m.bias)


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions and linear layers on what was pooled of each region, input_size (C, H, W)."""

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: Sequence[int],
        fc_layers: Sequence[int],
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        width, rows, columns = input_size
        blocks: list[nn.Module] = []
        for out in conv_layers:
            blocks.append(Conv2dNormActivation(width, out, norm_layer=norm_layer))
            width = out
        blocks.append(nn.Flatten())
        width *= rows * columns
        for out in fc_layers:
            blocks += [nn.Linear(width, out), nn.ReLU(inplace=True)]
            width = out
        super().__init__(*blocks)
        begin_convolutions(self)


class FastRCNNPredictor(nn.Module):
    """Logits (N, num_classes) and offsets (N, 4 num_classes) of each region."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.flatten(start_dim=1)
        return self.cls_score(x), self.bbox_pred(x)


def second_version(backbone: Any) -> dict[str, Any]:
    """The deeper heads, with norms, of the second versions (arXiv:2111.11429)."""
    anchors = pyramid_anchors()
    count = anchors.num_anchors_per_location()[0]
    return {
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(backbone.out_channels, count, conv_depth=2),
        "box_head": FastRCNNConvFCHead(
            (backbone.out_channels, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d
        ),
    }


@model(FasterRCNN_ResNet50_FPN_Weights, ResNet50_Weights)
def fasterrcnn_resnet50_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on ResNet-50; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers)
    net = FasterRCNN(backbone, num_classes=91 if num_classes is None else num_classes, **kwargs)
    return loaded(net, weights, first=FasterRCNN_ResNet50_FPN_Weights.COCO_V1)


def loaded(net: Any, weights: Any, first: Any = None) -> Any:
    """net with the weights; the first published ones, `first`, have norms with eps 0."""
    if weights is not None:
        net.load_state_dict(weights.get_state_dict(check_hash=True))
        if weights is first:
            overwrite_eps(net, 0.0)
    return net


@model(FasterRCNN_ResNet50_FPN_V2_Weights, ResNet50_Weights)
def fasterrcnn_resnet50_fpn_v2(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on ResNet-50 with deeper heads (arXiv:2111.11429); kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    backbone = resnet_pyramid(weights, weights_backbone, trainable_backbone_layers, False,
                              norm_layer=nn.BatchNorm2d)  # fmt: skip
    parts = second_version(backbone)
    net = FasterRCNN(backbone, 91 if num_classes is None else num_classes, **parts, **kwargs)
    return loaded(net, weights)


def on_mobilenet(
    weights: Any,
    weights_backbone: Any,
    trainable: int | None,
    num_classes: int | None,
    **kwargs: Any,
) -> FasterRCNN:
    trained = weights is not None or weights_backbone is not None
    layers = _validate_trainable_layers(trained, trainable, 6, 3)
    norm = FrozenBatchNorm2d if trained else nn.BatchNorm2d
    backbone = mobilenet_v3_large(weights=weights_backbone, norm_layer=norm)
    pyramid = _mobilenet_extractor(backbone, True, layers)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    classes = 91 if num_classes is None else num_classes
    net = FasterRCNN(pyramid, classes, rpn_anchor_generator=anchors, **kwargs)
    return loaded(net, weights)


@model(FasterRCNN_MobileNet_V3_Large_320_FPN_Weights, MobileNet_V3_Large_Weights)
def fasterrcnn_mobilenet_v3_large_320_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on MobileNet V3 for small images; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    small = {"min_size": 320, "max_size": 640, "rpn_pre_nms_top_n_test": 150,
             "rpn_post_nms_top_n_test": 150, "rpn_score_thresh": 0.05}  # fmt: skip
    return on_mobilenet(
        weights, weights_backbone, trainable_backbone_layers, num_classes, **{**small, **kwargs}
    )


@model(FasterRCNN_MobileNet_V3_Large_FPN_Weights, MobileNet_V3_Large_Weights)
def fasterrcnn_mobilenet_v3_large_fpn(
    weights: Any = None,
    num_classes: int | None = None,
    weights_backbone: Any = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on MobileNet V3; kwargs go to the class.

    weights: pretrained weights, by name or as an enum's member, which have to be there; None:
    random ones. progress: accepted: nothing is downloaded. num_classes: how many classes the
    last layer has. weights_backbone: those of the backbone, in the same way.
    trainable_backbone_layers: how many of the backbone's last layers are trained; None: all
    without weights, some with.
    """
    kwargs = {"rpn_score_thresh": 0.05, **kwargs}
    return on_mobilenet(weights, weights_backbone, trainable_backbone_layers, num_classes, **kwargs)
