"""Grids, and boxes, masks and points on images."""

import numpy as np
import pytest

import wengert as torch
from wengert.vision import utils

Image = pytest.importorskip("PIL.Image")


def test_a_grid_has_every_image_in_its_place():
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 3, 2, 3)
    grid = utils.make_grid(images, nrow=2, padding=1, pad_value=9)
    assert grid.shape == (3, 10, 9)
    assert grid[0, :, 1].tolist() == [9, 0, 0, 9, 2, 2, 9, 4, 4, 9]
    assert grid[0, 1].tolist() == [9, 0, 0, 0, 9, 1, 1, 1, 9]
    assert bool((grid[:, 7:9, 5:8] == 9).all())  # the sixth place stays empty


def test_a_grid_normalizes_all_or_each():
    images = torch.tensor([0.0, 1.0, 2.0, 4.0]).reshape(2, 1, 1, 2)
    kept = images.clone()
    assert utils.make_grid(images, padding=0, normalize=True)[0].tolist() == [[0, 0.25, 0.5, 1]]
    each = utils.make_grid(images, padding=0, normalize=True, scale_each=True)
    assert each[0].tolist() == [[0, 1, 0, 1]]
    ranged = utils.make_grid(images, padding=0, normalize=True, value_range=(1, 3))
    assert ranged[0].tolist() == [[0, 0, 0.5, 1]]
    assert torch.equal(images, kept)
    with pytest.raises(TypeError, match="list of tensors expected"):
        utils.make_grid(3)


def test_save_image(tmp_path):
    utils.save_image(torch.tensor([[0.0, 0.5, 1.0]]), tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    assert pixels.tolist() == [[[0] * 3, [128] * 3, [255] * 3]]


def test_boxes():
    image = torch.zeros(3, 10, 12, dtype=torch.uint8)
    boxes = torch.tensor([[1, 2, 6, 8]])
    out = utils.draw_bounding_boxes(image, boxes, colors="red")
    assert out[0, 2, 1:7].tolist() == [255] * 6 and out[0, 2:9, 1].tolist() == [255] * 7
    assert int(out[1:].sum()) == 0 and int(image.sum()) == 0 and int(out[0, 4, 3]) == 0
    filled = utils.draw_bounding_boxes(image, boxes, colors=[(255, 0, 0)], fill=True)
    assert 0 < int(filled[0, 4, 3]) < 255
    real = utils.draw_bounding_boxes(image / 255, boxes, colors="red", labels=["x"])
    assert real.dtype == torch.float32 and float(real.max()) == 1
    with pytest.raises(ValueError, match="box_convert"):
        utils.draw_bounding_boxes(image, torch.tensor([[6, 2, 1, 8]]))
    with pytest.raises(ValueError, match="labels"):
        utils.draw_bounding_boxes(image, boxes, labels=["a", "b"])
    with pytest.warns(UserWarning, match="any box"):
        assert utils.draw_bounding_boxes(image, torch.zeros(0, 4)) is image


def test_masks():
    image = torch.full((3, 1, 3), 100, dtype=torch.uint8)
    masks = torch.tensor([[[True, False, True]], [[False, False, True]]])
    out = utils.draw_segmentation_masks(image, masks, alpha=0.5, colors=["red", "lime"])
    assert out[:, 0].T.tolist() == [[177, 50, 50], [100, 100, 100], [50, 50, 50]]
    with pytest.raises(ValueError, match="dtype bool"):
        utils.draw_segmentation_masks(image, masks.int())


def test_keypoints():
    image = torch.zeros(3, 20, 20, dtype=torch.uint8)
    points = torch.tensor([[[4.0, 5.0], [15.0, 12.0]]])
    out = utils.draw_keypoints(image, points, colors="blue", radius=1)
    assert int(out[2, 5, 4]) == 255 and int(out[2, 12, 15]) == 255 and int(out[:2].sum()) == 0
    hidden = torch.tensor([[True, False]])
    out = utils.draw_keypoints(image, points, colors="blue", radius=1, visibility=hidden)
    assert int(out[2, 5, 4]) == 255 and int(out[2, 12, 15]) == 0


def test_flow():
    flow = torch.tensor([1.0, 0.0]).reshape(2, 1, 1)
    assert utils.flow_to_image(flow).flatten().tolist() == [255, 0, 0]
    assert utils.flow_to_image(torch.zeros(4, 2, 3, 3)).min().item() == 255
