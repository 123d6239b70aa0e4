"""Small parts of torch.distributed that one process can show."""

import pytest

import wengert as torch
from wengert import nn
from wengert.distributed import checkpoint as dcp
from wengert.distributed.constants import default_pg_timeout
from wengert.distributed.elastic.utils.distributed import get_free_port
from wengert.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from wengert.distributed.optim import _apply_optimizer_in_backward, _get_in_backward_optimizers


def test_planners_allow_what_is_missing(tmp_path):
    dcp.save_state_dict({"w": torch.ones(2)}, dcp.FileSystemWriter(tmp_path))
    state = {"w": torch.zeros(2), "new": torch.full((2,), 5.0), "n": 3}
    with pytest.raises(dcp.CheckpointException, match="has no 'n'"):
        dcp.load(state, checkpoint_id=tmp_path)
    dcp.load(state, checkpoint_id=tmp_path, planner=dcp.DefaultLoadPlanner(allow_partial_load=True))
    assert state["w"].tolist() == [1, 1] and state["new"].tolist() == [5, 5] and state["n"] == 3
    again = {"w": torch.zeros(2)}
    dcp.load_state_dict(again, dcp.FileSystemReader(tmp_path))
    assert again["w"].tolist() == [1, 1]


def test_optimizers_within_the_backward_pass():
    torch.manual_seed(0)
    model, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    twin.load_state_dict(model.state_dict())
    _apply_optimizer_in_backward(torch.optim.SGD, model.parameters(), {"lr": 0.1, "momentum": 0.9})
    assert len(_get_in_backward_optimizers(model)) == 2
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        x = torch.randn(4, 3)
        model(x).pow(2).sum().backward()
        optimizer.zero_grad()
        twin(x).pow(2).sum().backward()
        optimizer.step()
    assert model.weight.grad is None
    for a, b in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(a, b)


def test_the_scaler_skips_steps_that_are_not_finite():
    scaler = ShardedGradScaler("cpu", init_scale=4.0)
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    scaler.scale((w * torch.tensor([1.0, torch.inf])).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [1, 1] and scaler.get_scale() == 2.0
    optimizer.zero_grad()
    scaler.scale(w.sum()).backward()
    scaler.step(optimizer)
    assert w.tolist() == [0, 0]


def test_ports_and_times():
    assert 1024 <= get_free_port() < 65536 and default_pg_timeout.total_seconds() == 1800


def test_whether_a_process_is_outside_of_a_group():
    from wengert import distributed as dist

    assert dist._rank_not_in_group(dist.GroupMember.NON_GROUP_MEMBER)
    assert not dist._rank_not_in_group(None)
