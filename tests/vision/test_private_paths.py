"""Private paths of torchvision that its own users import."""

import importlib

import pytest

import wengert as torch
from wengert import vision
from wengert.cli import alias
from wengert.vision import _utils, extension, models, tv_tensors
from wengert.vision.models import _api, densenet, vgg
from wengert.vision.models import _utils as model_utils
from wengert.vision.transforms.v2 import _utils as samples
from wengert.vision.transforms.v2.functional import _meta
from wengert.vision.tv_tensors._bounding_boxes import BoundingBoxes


def test_what_samples_contain():
    boxes = BoundingBoxes([[0, 0, 2, 2]], format="XYXY", canvas_size=(4, 6))
    flat = [tv_tensors.Image(torch.zeros(3, 4, 6)), boxes, "text"]
    assert samples.has_any(flat, tv_tensors.Mask, BoundingBoxes)
    assert samples.has_all(flat, tv_tensors.Image, lambda x: x == "text")
    assert not samples.has_all(flat, tv_tensors.Mask)
    assert samples.query_size(flat) == (4, 6) and _meta.get_size(boxes) == [4, 6]


def test_words_and_operators():
    assert _utils.sequence_to_str(("a", "b"), separate_last="and ") == "'a' and 'b'"
    assert _utils.sequence_to_str(["a"]) == "'a'" and extension._has_ops()


def test_what_copies_of_model_files_import():
    assert isinstance(models.ResNet18_Weights.DEFAULT, models.WeightsEnum)
    assert isinstance(models.ResNet18_Weights.DEFAULT.value, models.Weights)

    class Own_Weights(models.WeightsEnum):
        FIRST = models.Weights("file.pth", transforms=str, meta={})

    @_api.register_model("own")
    @model_utils.handle_legacy_interface(weights=("pretrained", Own_Weights.FIRST))
    def build(*, weights: Own_Weights | None = None, progress: bool = True, **kwargs):
        model_utils._ovewrite_named_param(kwargs, "num_classes", 3)
        return weights, progress, kwargs

    try:
        assert models.get_model("own") == (None, True, {"num_classes": 3})
        with pytest.warns(UserWarning, match="deprecated"):
            assert build(True, False) == (Own_Weights.FIRST, False, {"num_classes": 3})
        with pytest.warns(UserWarning, match="deprecated"):
            assert build(pretrained=False)[0] is None
        assert models.get_model_weights("own") is Own_Weights
        with pytest.raises(ValueError, match="expected value 3 but got 4"):
            build(num_classes=4)
        with pytest.raises(ValueError, match="already registered"):
            _api.register_model("own")(build)
    finally:
        del _api.MODELS["own"], _api.WEIGHTS["own"]
    assert model_utils._ovewrite_value_param("n", None, 2) == 2
    with pytest.raises(ValueError, match="expected value 2"):
        model_utils._ovewrite_value_param("n", 3, 2)


def test_parts_of_models_have_torchvisions_names():
    with torch.device("meta"):
        dense, mnas = models.densenet121(), models.mnasnet0_5()
        deep = models.segmentation.deeplabv3_resnet50(weights_backbone=None)
        keypoints = models.detection.keypointrcnn_resnet50_fpn(weights_backbone=None)
        block = densenet._DenseBlock(
            2, num_input_features=4, bn_size=2, growth_rate=8, drop_rate=0.0
        )
    kinds = {type(m).__name__ for net in (dense, mnas, deep) for m in net.modules()}
    assert kinds >= {"_DenseLayer", "_DenseBlock", "_Transition", "_InvertedResidual", "ASPPConv"}
    assert block.denselayer2.conv1.weight.shape == (16, 12, 1, 1)
    assert keypoints.transform.min_size == (640, 672, 704, 736, 768, 800)
    assert vgg.cfgs["A"] == [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]


def test_backends_are_named():
    vision.disable_beta_transforms_warning()
    vision.set_video_backend("pyav")
    vision.set_image_backend("accimage")
    assert (vision.get_image_backend(), vision.get_video_backend()) == ("accimage", "pyav")
    vision.set_image_backend("PIL")
    with pytest.raises(ValueError, match="Invalid backend"):
        vision.set_image_backend("paint")


def test_modules_that_are_joined_here():
    for name, home in alias.JOINED.items():
        assert importlib.import_module(home) and alias.home_of(name) == home
