"""What is recorded of detectors: losses, gradients and results of small ones in float64."""

import numpy as np


def tiny(torch, models, kind):
    """A detector of the kind on a small backbone."""
    from importlib import import_module

    home = models.__name__ + ".detection."
    faster = import_module(home + "faster_rcnn")
    anchors = import_module(home + "anchor_utils").AnchorGenerator(((8, 16),), ((0.5, 1.0, 2.0),))
    ops = import_module(models.__name__.replace("models", "ops"))
    nn = torch.nn
    backbone = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))
    backbone.out_channels = 8
    common = {"min_size": (48, 40), "max_size": 64}
    if kind == "retinanet":
        return import_module(home + "retinanet").RetinaNet(
            backbone,
            4,
            anchor_generator=anchors,
            detections_per_img=5,
            score_thresh=0.005,
            **common,
        )
    if kind == "fcos":
        wide = nn.Sequential(backbone, nn.Conv2d(8, 32, 3, 2, 1))
        wide.out_channels = 32
        single = type(anchors)(((8,),), ((1.0,),))
        return import_module(home + "fcos").FCOS(
            wide, 4, anchor_generator=single, detections_per_img=5, score_thresh=0.05, **common
        )
    if kind == "ssd":
        boxes = import_module(home + "anchor_utils").DefaultBoxGenerator([[2]], 0.2, 0.6)
        return import_module(home + "ssd").SSD(
            nn.Sequential(*backbone), boxes, (48, 40), 4, detections_per_img=5
        )
    pool = lambda side: ops.MultiScaleRoIAlign(["0"], side, 2)
    common |= {
        "rpn_anchor_generator": anchors, "box_roi_pool": pool(3),
        "box_head": faster.TwoMLPHead(8 * 9, 16), "box_predictor": faster.FastRCNNPredictor(16, 4),
        "rpn_post_nms_top_n_train": 40, "rpn_post_nms_top_n_test": 20,
        "box_batch_size_per_image": 24, "box_detections_per_img": 5,
    }  # fmt: skip
    if kind == "faster":
        return faster.FasterRCNN(backbone, **common)
    if kind == "mask":
        mask = import_module(home + "mask_rcnn")
        return mask.MaskRCNN(
            backbone, mask_roi_pool=pool(4), mask_head=mask.MaskRCNNHeads(8, (8,), 1),
            mask_predictor=mask.MaskRCNNPredictor(8, 8, 4), **common,
        )  # fmt: skip
    keypoint = import_module(home + "keypoint_rcnn")
    return keypoint.KeypointRCNN(
        backbone, keypoint_roi_pool=pool(4), keypoint_head=keypoint.KeypointRCNNHeads(8, (8,)),
        keypoint_predictor=keypoint.KeypointRCNNPredictor(8, 3), **common,
    )  # fmt: skip


KINDS = ("faster", "mask", "keypoint", "retinanet", "fcos", "ssd")


def inputs(torch, dtype):
    """Two pictures, and what is in them."""
    images, targets = [], []
    for height, width in ((60, 80), (70, 50)):
        y, x = np.mgrid[:height, :width]
        picture = np.stack([np.sin(x / 3), np.cos(y / 4), np.sin((x + y) / 7)]) * 0.5 + 0.5
        images.append(torch.tensor(picture, dtype=dtype))
        masks = torch.zeros(2, height, width, dtype=torch.uint8)
        masks[0, 6:50, 5:40] = 1
        masks[1, 12:29, 10:30] = 1
        targets.append({
            "boxes": torch.tensor([[5, 6, 40, 50], [10, 12, 30, 29]], dtype=dtype),
            "labels": torch.tensor([1, 2]),
            "masks": masks,
            "keypoints": torch.tensor([[[10.0, 20, 1], [20, 30, 1], [39, 49, 0]],
                                       [[12, 14, 1], [20, 20, 1], [30, 29, 1]]]),
        })  # fmt: skip
    return images, targets


def run(torch, models, kind):
    """The losses and the size of the gradient in training, and sums of the results."""
    torch.manual_seed(0)
    net = tiny(torch, models, kind).to(torch.float64)
    images, targets = inputs(torch, torch.float64)
    losses = net.train()(images, targets)
    sum(losses.values()).backward()
    gradient = sum(float(p.grad.abs().sum()) for p in net.parameters() if p.grad is not None)
    found = {name: float(loss) for name, loss in losses.items()} | {"gradient": gradient}
    with torch.no_grad():
        for i, result in enumerate(net.eval()(images)):
            for name, value in result.items():
                found[f"{name} {i}"] = [*value.shape, float(value.double().sum())]
    return found
