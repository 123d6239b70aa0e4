"""Names and paths that torchvision has taken away, in several modules: they lead where they led."""

import importlib

import pytest

import wengert as torch
from wengert import vision
from wengert.cli import alias
from wengert.vision import models
from wengert.vision.models import densenet, resnet, squeezenet, vgg
from wengert.vision.transforms import functional, transforms


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr("wengert.base.hints.ON", False)


def test_transforms():
    x = torch.rand(3, 8, 16)
    assert torch.equal(vision.transforms.Scale(4)(x), vision.transforms.Resize(4)(x))
    torch.manual_seed(0)
    old = transforms.RandomSizedCrop(4)(x)
    torch.manual_seed(0)
    assert torch.equal(old, transforms.RandomResizedCrop(4)(x))
    assert transforms._pil_interpolation_to_str[2] == "PIL.Image.BILINEAR"
    assert functional._get_image_size(x) == [16, 8] and functional._is_tensor_image(x)
    assert not functional._is_tensor_image(x[None]) and not functional._is_pil_image(x)
    assert functional._is_numpy_image(x.numpy()) and functional.accimage is None


def test_paths_of_transforms():
    for name in ("tensor", "pil"):
        home = alias.home_of(f"torchvision.transforms.functional_{name}")
        assert home == f"wengert.vision.transforms._functional_{name}"
        assert hasattr(importlib.import_module(home), "adjust_brightness")


def test_addresses_of_weights():
    assert resnet.model_urls["resnet18"].endswith("/resnet18-f37072fd.pth")
    assert set(squeezenet.model_urls) == {"squeezenet1_0", "squeezenet1_1"}
    assert densenet.model_urls["densenet121"].startswith("https://")
    assert vgg.cfg is vgg.cfgs and "vgg16_bn" in vgg.model_urls
    old = importlib.import_module(alias.home_of("torchvision.models.utils"))
    assert resnet.load_state_dict_from_url is old.load_state_dict_from_url
    with pytest.raises(AttributeError, match="no attribute 'model_url'"):
        resnet.model_url
    assert all(url in {w.url for w in models.get_model_weights(name)}
               for name, url in resnet.model_urls.items())  # fmt: skip
