"""Detectors: losses, gradients and results as torchvision's; what they refuse."""

import json
from pathlib import Path

import pytest
from vision import detection_cases

import wengert as torch
from wengert.vision import models
from wengert.vision.models import detection

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "vision.json").read_text())


@pytest.mark.parametrize("kind", detection_cases.KINDS)
def test_losses_gradients_and_results_are_torchvisions(kind, keep_rng):
    expected = GOLDEN["detection"][kind]
    found = detection_cases.run(torch, models, kind)
    assert list(found) == list(expected)
    for name, value in expected.items():
        # labels and keypoints are float32 also in double precision
        assert found[name] == pytest.approx(value, rel=2e-6 if "keypoint" in name else 2e-7), name


def test_targets_are_checked():
    net = detection_cases.tiny(torch, models, "faster")
    images, targets = detection_cases.inputs(torch, torch.float32)
    with pytest.raises(AssertionError, match="targets should not be none"):
        net(images)
    targets[1]["boxes"][0] = torch.tensor([5.0, 5.0, 5.0, 9.0])
    with pytest.raises(AssertionError, match=r"positive height and width.*target at index 1"):
        net(images, targets)
    with pytest.raises(ValueError, match=r"list of 3d tensors of shape \[C, H, W\]"):
        net.eval()([images[0][0]])
    with pytest.raises(TypeError, match="floating type"):
        net.eval()([images[0].to(torch.uint8)])
    with pytest.raises(ValueError, match="out_channels"):
        detection.FasterRCNN(torch.nn.Identity(), 2)


def test_pictures_without_objects():
    for kind in ("faster", "retinanet", "fcos", "ssd"):
        net = detection_cases.tiny(torch, models, kind)
        images, targets = detection_cases.inputs(torch, torch.float32)
        empty = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
                 for _ in targets]  # fmt: skip
        assert all(bool(loss.isfinite()) for loss in net(images, empty).values())


def test_old_checkpoints_have_other_keys():
    """Keys of torchvision before 0.13: one bare convolution, masks by name."""
    from wengert.vision.models.detection.mask_rcnn import MaskRCNNHeads
    from wengert.vision.models.detection.rpn import RPNHead

    head = RPNHead(4, 3)
    old = {k.replace("conv.0.0.", "conv."): v + 1 for k, v in head.state_dict().items()}
    head.load_state_dict(old)
    assert torch.equal(head.conv[0][0].weight, old["conv.weight"])
    masks = MaskRCNNHeads(4, (4, 4), 1)
    masks.load_state_dict({
        f"mask_fcn{i + 1}.{kind}": masks.state_dict()[f"{i}.0.{kind}"] + 1
        for i in range(2) for kind in ("weight", "bias")
    })  # fmt: skip


def test_weights_are_looked_for_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="keypointrcnn_resnet50_fpn_coco-fc266e95.pth"):
        detection.keypointrcnn_resnet50_fpn(weights="DEFAULT")
    meta = detection.KeypointRCNN_ResNet50_FPN_Weights.DEFAULT.meta
    assert len(meta["keypoint_names"]) == 17 and meta["categories"] == ["no person", "person"]
