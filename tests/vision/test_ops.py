"""Operators of detectors: torchvision's recorded values and gradients, and plain definitions."""

import json
from pathlib import Path

import numpy as np
import pytest
from vision import operator_cases

import wengert as torch
from wengert.vision import ops

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "vision.json").read_text())


@pytest.fixture(scope="module")
def found():
    state = torch.get_rng_state()
    yield operator_cases.everything(torch, ops)
    torch.set_rng_state(state)


@pytest.mark.parametrize("name", GOLDEN["operators"])
def test_values_and_gradients_are_torchvisions(name, found):
    for ours, theirs in zip(found[name], GOLDEN["operators"][name]):
        assert ours[0] == theirs[0]
        assert np.allclose(ours[1:], theirs[1:], rtol=2e-4, atol=2e-4)


def slow_nms(boxes, scores, threshold):
    left = sorted(range(len(boxes)), key=lambda i: -scores[i])
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        overlap = ops.box_iou(boxes[best][None], boxes)[0]
        left = [i for i in left if float(overlap[i]) <= threshold]
    return kept


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8])
def test_nms_is_its_definition(threshold):
    rng = np.random.default_rng(3)
    boxes = torch.from_numpy(operator_cases.boxes(rng, 60))
    scores = torch.from_numpy(rng.random(60))
    assert ops.nms(boxes, scores, threshold).tolist() == slow_nms(boxes, scores.tolist(), threshold)
    categories = torch.from_numpy(rng.integers(0, 3, 60))
    kept = ops.batched_nms(boxes, scores, categories, threshold)
    apart = boxes + 1000.0 * categories[:, None]
    assert kept.tolist() == slow_nms(apart, scores.tolist(), threshold)
    assert ops.nms(boxes[:0], scores[:0], threshold).shape == (0,)


def test_boxes_convert_there_and_back():
    boxes = torch.from_numpy(operator_cases.boxes(np.random.default_rng(4), 9)).double()
    for first in ("xyxy", "xywh", "cxcywh"):
        for second in ("xyxy", "xywh", "cxcywh"):
            there = ops.box_convert(boxes, first, second)
            assert torch.allclose(ops.box_convert(there, second, first), boxes)
    with pytest.raises(ValueError, match="Unsupported"):
        ops.box_convert(boxes, "xyxy", "polar")


def test_boxes_around_masks():
    masks = torch.zeros(2, 5, 6, dtype=torch.bool)
    masks[0, 1:3, 2:5] = True
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 4, 2], [0, 0, 0, 0]]


def test_small_boxes_and_clipping():
    boxes = torch.tensor([[0.0, 0, 1, 9], [2, 2, 12, 11]])
    assert ops.remove_small_boxes(boxes, 2).tolist() == [1]
    assert ops.clip_boxes_to_image(boxes, (8, 10)).tolist() == [[0, 0, 1, 8], [2, 2, 10, 8]]


def test_deformed_by_nothing_is_a_convolution(keep_rng):
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, 7, 8).double(), torch.randn(6, 2, 3, 3).double()
    offset = torch.zeros(2, 18, 4, 4).double()
    plain = torch.nn.functional.conv2d(x, weight, stride=2, padding=1, groups=2)
    assert torch.allclose(ops.deform_conv2d(x, offset, weight, stride=2, padding=1), plain)


def test_deform_conv_gradients(keep_rng):
    torch.manual_seed(0)
    # away from whole numbers, where the bilinear samples have no derivative
    offset = torch.rand(1, 8, 3, 3).double() * 0.8 + 0.1
    parts = [torch.randn(1, 2, 4, 4).double(), offset, torch.randn(2, 2, 2, 2).double()]
    parts = [p.requires_grad_() for p in parts]
    assert torch.autograd.gradcheck(lambda *p: ops.deform_conv2d(*p), parts)


@pytest.mark.parametrize("call", [ops.roi_align, ops.roi_pool, ops.ps_roi_align, ops.ps_roi_pool])
def test_pooling_gradients_and_no_regions(call, keep_rng):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, 6).double().requires_grad_()
    rois = torch.tensor([[0, 0.0, 0, 4, 5], [1, 2, 1, 5, 5], [0, 3, 3, 3, 3]]).double()
    assert torch.autograd.gradcheck(lambda x: call(x, rois, (2, 2), 0.9), [x])
    none = call(x, rois[:0], 2)
    assert none.shape == (0, 4 if call in (ops.roi_align, ops.roi_pool) else 1, 2, 2)


def test_frozen_batch_norm_takes_the_state_of_a_batch_norm(keep_rng):
    norm = torch.nn.BatchNorm2d(3).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = torch.randn(2, 3, 4, 4)
    assert torch.allclose(frozen(x), norm(x), atol=1e-6)
    assert list(frozen.parameters()) == []


def test_wrong_arguments():
    x = torch.zeros(1, 4, 5, 5)
    with pytest.raises(RuntimeError, match=r"\(N, 4\)"):
        ops.nms(torch.zeros(3), torch.zeros(3), 0.5)
    with pytest.raises(ValueError, match=r"\(K, 5\)"):
        ops.roi_align(x, torch.zeros(2, 4), 2)
    with pytest.raises(RuntimeError, match="multiple of the 9 bins"):
        ops.ps_roi_pool(x, torch.zeros(1, 5), 3)
    with pytest.raises(RuntimeError, match="offset"):
        ops.deform_conv2d(x, torch.zeros(1, 7, 5, 5), torch.zeros(2, 4, 1, 1))
    with pytest.raises(ValueError, match="between 0 and 1"):
        ops.stochastic_depth(x, 1.5, "row")
    with pytest.raises(ValueError, match="reduction"):
        ops.sigmoid_focal_loss(x, x, reduction="median")
