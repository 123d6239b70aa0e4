"""Architectures: torchvision's keys and shapes, starts and outputs; published weights."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from vision import model_cases

import wengert as torch
from wengert.vision import models
from wengert.vision.models.segmentation import fcn_resnet50

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "vision.json").read_text())


def test_every_recorded_model_is_there():
    assert sorted(GOLDEN["keys"]) == model_cases.listed(models)


@pytest.mark.parametrize("name", GOLDEN["keys"])
def test_keys_and_shapes_are_torchvisions(name):
    assert model_cases.keys(torch, models, name) == GOLDEN["keys"][name]


@pytest.mark.parametrize("name", model_cases.SMALL)
def test_start_and_outputs_are_torchvisions(name, keep_rng):
    expected = np.array(GOLDEN["outputs"][name])
    found = np.array(model_cases.outputs(torch, models, name))
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_parameters_are_as_many_as_the_weights_say():
    for name in ("resnet50", "vit_b_16", "efficientnet_b0", "swin_t"):
        with torch.device("meta"):
            net = models.get_model(name)
        count = sum(p.numel() for p in net.parameters())
        assert count == models.get_model_weights(name).DEFAULT.meta["num_params"]


def test_training_gives_every_parameter_a_gradient(keep_rng):
    torch.manual_seed(0)
    net = models.mobilenet_v3_small(num_classes=3)
    net(torch.randn(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_auxiliary_outputs(keep_rng):
    torch.manual_seed(0)
    net = models.googlenet(num_classes=3, init_weights=False)
    out = net(torch.randn(2, 3, 64, 64))
    assert [t.shape for t in out] == [(2, 3)] * 3 and out.logits is out[0]
    assert net.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 3)
    with torch.device("meta"):
        segmenting = fcn_resnet50(weights_backbone=None, aux_loss=True, num_classes=4)
        found = segmenting(torch.zeros(2, 3, 32, 40))
    assert {k: tuple(v.shape) for k, v in found.items()} == dict.fromkeys(
        ("out", "aux"), (2, 4, 32, 40)
    )


def test_weights_enums():
    weights = models.ResNet50_Weights
    assert repr(weights.DEFAULT) == "ResNet50_Weights.IMAGENET1K_V2"
    assert weights.DEFAULT is weights.IMAGENET1K_V2
    assert models.get_weight("ResNet50_Weights.IMAGENET1K_V1") is weights.IMAGENET1K_V1
    assert models.get_model_weights(models.resnet50) is weights
    assert weights.verify("DEFAULT") is weights.DEFAULT and weights.verify(None) is None
    meta = weights.IMAGENET1K_V1.meta
    assert len(meta["categories"]) == 1000 and meta["categories"][0] == "tench"
    assert meta["num_params"] == 25557032
    assert meta["_metrics"] == {"ImageNet-1K": {"acc@1": 76.13, "acc@5": 92.862}}
    transform = weights.DEFAULT.transforms()
    assert transform(torch.zeros(3, 300, 260, dtype=torch.uint8)).shape == (3, 224, 224)
    with pytest.raises(TypeError, match="expected ResNet50_Weights"):
        weights.verify(models.ResNet18_Weights.DEFAULT)
    with pytest.raises(ValueError, match="Unknown model"):
        models.get_model("resnet19")


def test_models_are_listed():
    assert "vit_b_16" in models.list_models()
    assert models.list_models(models.segmentation, include="*resnet50") == [
        "deeplabv3_resnet50", "fcn_resnet50",
    ]  # fmt: skip
    assert not {n for n in models.list_models(exclude=["*net*"]) if "net" in n}


def test_missing_weights_are_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError) as found:
        models.squeezenet1_1(weights="DEFAULT")
    for part in ("squeezenet1_1-b8a52dc0.pth", str(tmp_path / "hub" / "checkpoints"), "TORCH_HOME"):
        assert part in str(found.value)


def test_weights_from_the_cache(tmp_path, monkeypatch, keep_rng):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    member = models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    state = models.squeezenet1_1().state_dict()
    torch.save(state, folder / "file")
    digest = hashlib.sha256((folder / "file").read_bytes()).hexdigest()[:8]
    name = f"squeezenet1_1-{digest}.pth"
    (folder / "file").rename(folder / name)
    monkeypatch.setattr(member.value, "url", f"https://example.org/{name}")
    loaded = models.squeezenet1_1(weights=member).state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    with pytest.warns(UserWarning, match="'pretrained' is deprecated"):
        models.squeezenet1_1(pretrained=True)
    with pytest.raises(ValueError, match="num_classes"):
        models.squeezenet1_1(weights=member, num_classes=7)
    monkeypatch.setattr(member.value, "url", "https://example.org/squeezenet1_1-00000000.pth")
    (folder / name).rename(folder / "squeezenet1_1-00000000.pth")
    with pytest.raises(RuntimeError, match="damaged or incomplete"):
        models.squeezenet1_1(weights=member)


def test_old_checkpoints_of_densenet_load():
    with torch.device("meta"):
        net = models.densenet121()
    key = "features.denseblock1.denselayer1.norm1.weight"
    state = net.state_dict()
    state["features.denseblock1.denselayer1.norm.1.weight"] = state.pop(key)
    assert net.load_state_dict(state, strict=True).missing_keys == []


def test_layers_of_vgg_by_their_widths():
    with torch.device("meta"):
        layers = models.vgg.make_layers([8, "M", 16], batch_norm=True)
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == [
        "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Conv2d", "BatchNorm2d", "ReLU",
    ]  # fmt: skip
    assert layers[4].weight.shape == (16, 8, 3, 3)
