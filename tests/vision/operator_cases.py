"""Operators on fixed inputs, with gradients: under torchvision to record, ours to compare."""

import numpy as np


def boxes(rng, count, size=30.0):
    corners = rng.random((count, 4)).astype(np.float32) * size
    low, high = (
        np.minimum(corners[:, :2], corners[:, 2:]),
        np.maximum(corners[:, :2], corners[:, 2:]),
    )
    return np.concatenate([low, high + 1], 1)


def inputs():
    rng = np.random.default_rng(0)
    real = lambda *shape: rng.normal(size=shape).astype(np.float32)
    rois = np.concatenate([rng.integers(0, 2, (6, 1)).astype(np.float32), boxes(rng, 6, 40) - 3], 1)
    few, more = boxes(rng, 4), boxes(rng, 5)
    image = real(2, 12, 10, 12)
    pyramid = [real(1, 4, 16, 20), real(1, 5, 8, 10)]
    return {
        "box_iou": ([few, more], lambda m, a, b: m.box_iou(a, b)),
        "generalized_box_iou": ([few, more], lambda m, a, b: m.generalized_box_iou(a, b)),
        "distance_box_iou": ([few, more], lambda m, a, b: m.distance_box_iou(a, b)),
        "complete_box_iou": ([few, more], lambda m, a, b: m.complete_box_iou(a, b)),
        "giou loss": ([few, more[:4]], lambda m, a, b: m.generalized_box_iou_loss(a, b)),
        "diou loss": ([few, more[:4]], lambda m, a, b: m.distance_box_iou_loss(a, b, "sum")),
        "ciou loss": ([few, more[:4]], lambda m, a, b: m.complete_box_iou_loss(a, b, "mean")),
        "focal loss": (
            [real(3, 4)],
            lambda m, x: m.sigmoid_focal_loss(x, (x.detach() > 0.3) * 1.0),
        ),
        "roi_align": ([image], lambda m, x, r: m.roi_align(x, r, (3, 2), 0.5), rois),
        "roi_align, aligned": ([image], lambda m, x, r: m.roi_align(x, r, 2, 0.5, 2, True), rois),
        "ps_roi_align": ([image], lambda m, x, r: m.ps_roi_align(x, r, (2, 3), 0.5, 2), rois),
        "roi_pool": ([image], lambda m, x, r: m.roi_pool(x, r, (3, 2), 0.25), rois),
        "deform_conv2d": (
            [image, 2 * real(2, 24, 5, 6), real(6, 6, 3, 2), rng.random((2, 12, 5, 6), np.float32)],
            lambda m, x, o, w, k: m.deform_conv2d(x, o, w, None, 2, (1, 0), mask=k),
        ),
        "FeaturePyramidNetwork": (
            pyramid,
            lambda m, a, b: m.FeaturePyramidNetwork([4, 5], 3)({"a": a, "b": b})["a"],
        ),
        "MultiScaleRoIAlign": (
            [pyramid[0], pyramid[1][:, :4]],
            lambda m, a, b, r: m.MultiScaleRoIAlign(["a", "b"], 2, 2)(
                {"a": a, "b": b}, [r[:, 1:] * 7 + 25], [(128, 160)]
            ),
            rois,
        ),
        "drop_block2d": ([image], lambda m, x: m.drop_block2d(x, 0.2, 3)),
        "stochastic_depth": ([image], lambda m, x: m.stochastic_depth(x, 0.5, "row")),
    }


def everything(torch, ops):
    """Samples of each result and of the gradients of a weighted sum of it."""
    found = {}
    for name, (arrays, call, *fixed) in inputs().items():
        torch.manual_seed(0)
        tensors = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
        out = call(ops, *tensors, *(torch.from_numpy(f) for f in fixed))
        weights = np.random.default_rng(1).normal(size=tuple(out.shape)).astype(np.float32)
        (out * torch.from_numpy(np.asarray(weights))).sum().backward()
        parts = [out.detach(), *(t.grad for t in tensors)]
        found[name] = [sampled(p.numpy()) for p in parts]
    return found


def sampled(array):
    flat = array.astype(np.float64).ravel()
    some = flat[np.linspace(0, flat.size - 1, min(flat.size, 12)).astype(int)]
    return [list(array.shape), float(np.abs(flat).sum()), *some.tolist()]
