"""`summary`: the numbers of a model's layers, and nothing changed by counting."""

import pytest

import wengert as T
from wengert import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 6 * 6, 10)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().flatten(1))


def test_rows_and_totals():
    s = T.summary(Net(), (2, 1, 8, 8))
    rows = {r.path: r for r in s.rows}
    assert rows["conv"].outputs == [(2, 4, 6, 6)]
    assert rows["conv"].parameters == 40 and rows["conv"].flops == 2 * 2 * 4 * 36 * 9
    assert rows["conv"].memory == 2 * 4 * 36 * 4
    assert rows["fc"].flops == 2 * 2 * 144 * 10
    assert s.flops == rows["conv"].flops + rows["fc"].flops == rows[""].flops
    assert s.parameters == 40 + 8 + 1450 + 6
    text = repr(s)
    assert "conv  Conv2d(1 -> 4)" in text and "2×4×6×6" in text and "(not called)" in text
    assert "<table" in s._repr_html_()


def test_nothing_changes():
    model, x = Net().train(), T.randn(2, 1, 8, 8)
    model.fc.eval()
    before, state = model.bn.running_mean.clone(), T.get_rng_state()
    T.summary(model, x)
    assert T.equal(model.bn.running_mean, before) and T.equal(T.get_rng_state(), state)
    assert model.training and not model.fc.training
    assert model.conv.weight.grad is None and not model.conv._forward_hooks


def test_recurrent_layers_and_layers_called_twice():
    lstm = T.summary(nn.LSTM(3, 4), T.ones(5, 2, 3))
    assert lstm.flops == 2 * 10 * (16 * 3 + 16 * 4)
    assert lstm.rows[0].outputs == [(5, 2, 4), (1, 2, 4), (1, 2, 4)]
    layer = nn.Linear(3, 3)
    twice = T.summary(nn.Sequential(layer, layer), (1, 3))
    assert twice.rows[1].calls == 2 and twice.parameters == 12


def test_without_inputs_and_depth():
    s = T.summary(nn.Sequential(nn.Sequential(nn.Linear(2, 3))), depth=1)
    assert s.parameters == 9 and s.flops == 0 and repr(s).count("Sequential") == 2
    assert "Linear" not in repr(s)
    with pytest.raises(TypeError, match="expected a Module"):
        T.summary(T.ones(1))
