"""Private paths of torchvision that its own users import."""

import wengert as torch
from wengert.vision import _utils, extension, tv_tensors
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
