"""DistributedDataParallel on 2 and 4 processes (the checks are in ddp_program.py), and on one."""

from pathlib import Path

import pytest
from launching import launch

import wengert
import wengert.distributed as dist
from wengert import nn

PROGRAM = Path(__file__).with_name("ddp_program.py")


@pytest.mark.parametrize("ranks", [2, 4])
def test_against_the_full_batch(ranks):
    outcome = launch(ranks, PROGRAM)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks


def test_hooks_and_averages():
    outcome = launch(2, PROGRAM.with_name("hooks_program.py"))
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == 2


@pytest.fixture
def world():
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("device", ["cpu", "sim:0"])
def test_one_process(world, device):
    wengert.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).to(device)
    x = wengert.randn(5, 3).to(device)
    net(x).pow(2).sum().backward()
    expected = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    ddp = nn.parallel.DistributedDataParallel(net)
    ddp(x).pow(2).sum().backward()
    for p, g in zip(net.parameters(), expected):
        assert p.grad.device == p.device and wengert.equal(p.grad, g)
    assert list(ddp.state_dict()) == [f"module.{k}" for k in net.state_dict()]


def test_errors(world):
    with pytest.raises(RuntimeError, match="doesn't have any parameter that requires a gradient"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    ddp = nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    with pytest.raises(TypeError, match="must be callable"):
        ddp.register_comm_hook(None, 3)
    ddp.register_comm_hook(None, lambda state, bucket: None)
    with pytest.raises(RuntimeError, match="can only be called once"):
        ddp.register_comm_hook(None, lambda state, bucket: None)
