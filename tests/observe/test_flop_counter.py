"""FlopCounterMode against PyTorch's counts, forward and backward."""

import pytest

import wengert
from wengert.utils.flop_counter import FlopCounterMode


def counted(t, mode):
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10)
    )
    with mode(display=False) as counter:
        net(t.randn(2, 3, 8, 8)).sum().backward()
        t.bmm(t.randn(2, 3, 4), t.randn(2, 4, 5))
        nn.functional.conv_transpose2d(t.randn(1, 3, 4, 4), t.randn(3, 5, 2, 2))
    counts = counter.get_flop_counts()
    return {k: sum(v.values()) for k, v in counts.items()}, counter.get_total_flops()


def test_counts_are_those_of_pytorch(torch):
    from torch.utils.flop_counter import FlopCounterMode as theirs

    assert counted(wengert, FlopCounterMode) == counted(torch, theirs)


def test_the_table_names_modules(capsys):
    with FlopCounterMode(depth=1):
        wengert.nn.Linear(4, 5)(wengert.ones(2, 4))
    text = capsys.readouterr().out
    assert "Linear" in text and "aten.addmm" in text and "100.00%" in text


def test_an_error_inside_leaves_nothing_behind():
    with pytest.raises(RuntimeError), FlopCounterMode(display=False):
        wengert.nn.Sequential(wengert.nn.Linear(2, 2))(wengert.ones(1, 3))
    assert not wengert.nn.hooks.GLOBAL.calls[0]
