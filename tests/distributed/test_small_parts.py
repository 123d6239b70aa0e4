"""Small parts of torch.distributed that one process can show."""

import pytest

import wengert as torch
from wengert import nn
from wengert.distributed import checkpoint as dcp
from wengert.distributed import rendezvous
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


@pytest.fixture
def mesh():
    from wengert import distributed as dist

    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield dist.init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def test_what_is_made_like_a_sum_in_parts_is_whole(mesh):
    from wengert.distributed.tensor import DTensor, Partial, Replicate, Shard

    x = DTensor.from_local(torch.ones(()), mesh, [Partial()])
    assert torch.ones_like(x).placements == (Replicate(),)
    assert torch.zeros_like(DTensor.from_local(torch.ones(2), mesh, [Shard(0)])).placements == (
        Shard(0),
    )


def test_tied_parameters_of_which_one_place_was_loaded_keep_what_was_loaded(mesh):
    from wengert.distributed.fsdp import fully_shard
    from wengert.distributed.tensor import distribute_tensor

    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
    )
    model[1].weight = model[0].weight
    fully_shard(model)
    p = model[0].weight
    zeros = distribute_tensor(torch.zeros(2, 2), p.device_mesh, p.placements)
    model.load_state_dict({"0.weight": torch.nn.Parameter(zeros)}, strict=False, assign=True)
    assert model(torch.ones(1, 2)).tolist() == [[0, 0]]
    assert model[1].weight.full_tensor().tolist() == [[0, 0], [0, 0]]


def test_a_state_of_another_shape_is_refused_for_parameters_without_memory(mesh):
    from wengert.distributed.checkpoint.state_dict import set_model_state_dict
    from wengert.distributed.fsdp import fully_shard

    with torch.device("meta"):
        model = torch.nn.Linear(2, 4)
    fully_shard(model)
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        set_model_state_dict(model, {"weight": torch.ones(3, 2), "bias": torch.ones(4)})
    set_model_state_dict(model, {"weight": torch.ones(4, 2), "bias": torch.ones(4)})
    assert model(torch.ones(1, 2)).tolist() == [[3, 3, 3, 3]]


def test_names_of_jobs_differ():
    """MPI names shared memory by them: what a killed job has left does not stop the next."""
    names = []
    for _ in range(2):
        server = rendezvous.Server("127.0.0.1", 0, 1)
        answer = rendezvous.ANSWERS["get_my_kvsname"](server, {}, "")
        server.socket.close()
        names.append(answer.partition("kvsname=")[2])
        assert 0 < len(names[-1]) < 256
    assert names[0] != names[1]
