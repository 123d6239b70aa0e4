"""Inner results by name."""

import pytest

import wengert as torch
from wengert import nn
from wengert.vision import models
from wengert.vision.models.feature_extraction import create_feature_extractor, get_graph_node_names


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
        self.relu = nn.ReLU()
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        x = self.relu(self.block(x))
        x = self.relu(x + 1)
        return self.last(x) + torch.sin(x[:, :2])


def test_names_are_paths_with_a_number_where_they_repeat():
    train, evaluation = get_graph_node_names(Net())
    assert train == evaluation
    assert train == [
        "x", "block.0", "block.1", "relu", "add", "relu_1", "last", "getitem", "sin", "add_1",
    ]  # fmt: skip


def test_names_of_a_resnet_are_torchvisions():
    names = get_graph_node_names(models.resnet18())[0]
    assert names[:5] == ["x", "conv1", "bn1", "relu", "maxpool"]
    assert names[-5:] == ["layer4.1.add", "layer4.1.relu_1", "avgpool", "flatten", "fc"]


def test_results_and_their_order():
    net = Net().eval()
    cut = create_feature_extractor(net, {"relu_1": "second", "block": "first"})
    x = torch.randn(4, 3)
    out = cut(x)
    assert list(out) == ["first", "second"]
    torch.testing.assert_close(out["first"], net.block(x))
    torch.testing.assert_close(out["second"], (net.block(x).relu() + 1).relu())
    assert [k for k in cut.state_dict()] == ["block.0.weight", "block.0.bias"]
    assert net.training is False and cut.training is False


def test_each_mode_has_its_nodes():
    cut = create_feature_extractor(Net(), train_return_nodes=["block"], eval_return_nodes=["last"])
    x = torch.randn(4, 3)
    assert list(cut.train()(x)) == ["block"]
    assert list(cut.eval()(x)) == ["last"]


def test_unknown_names():
    with pytest.raises(ValueError, match="node: 'blocks' is not present in model"):
        create_feature_extractor(Net(), ["blocks"])
    with pytest.raises(ValueError, match="should be specified"):
        create_feature_extractor(Net(), train_return_nodes=["block"])


def test_vision_transformers_can_be_cut():
    net = models.VisionTransformer(32, 16, 2, 2, 8, 16).eval()
    cut = create_feature_extractor(net, ["encoder.layers.encoder_layer_0", "heads"])
    x = torch.rand(2, 3, 32, 32)
    out = cut(x)
    assert out["encoder.layers.encoder_layer_0"].shape == (2, 5, 8)
    torch.testing.assert_close(out["heads"], net(x))
    with pytest.raises(AssertionError, match="Wrong image height"):
        cut(torch.rand(1, 3, 48, 32))
