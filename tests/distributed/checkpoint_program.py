"""Checkpoints written by some ranks and read by others, and writers that fail: run by the tests."""

import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_model_state_dict
from torch.distributed.fsdp import fully_shard

dist.init_process_group("gloo", timeout=timedelta(seconds=30))
rank, size = dist.get_rank(), dist.get_world_size()
what, folder = sys.argv[1], Path(sys.argv[2])


def make(seed):
    torch.manual_seed(seed)
    return fully_shard(nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 2)))


def state(net, note):
    return {"model": get_model_state_dict(net), "note": note, 7: [torch.ones(2) * 7, {"x": note}]}


if what == "write":
    dcp.save(state(make(0), "first"), checkpoint_id=folder)
elif what == "read":
    net, expected = make(1), make(0)
    found = state(net, "")
    found[7][0].zero_()
    dcp.load(found, checkpoint_id=folder)
    for p, q in zip(net.parameters(), expected.parameters()):
        assert torch.equal(p, q)
    assert found["note"] == "first" and found[7][1]["x"] == "first"
    assert found[7][0].tolist() == [7.0, 7.0]
    try:
        dcp.load({"model": {"nothing": torch.ones(2)}}, checkpoint_id=folder)
        raise SystemExit("a key that is not there was loaded")
    except dcp.CheckpointException as e:
        assert "has no 'model/nothing'" in str(e), e
    try:
        dcp.load({"model": {"0.weight": torch.ones(2)}}, checkpoint_id=folder)
        raise SystemExit("another shape was loaded")
    except dcp.CheckpointException as e:
        assert "has shape [7, 5] in the checkpoint and [2] here" in str(e), e
elif what == "fail":  # the last rank cannot write: no rank goes on, the old checkpoint stays
    broken = {"model": get_model_state_dict(make(3)), "t": torch.ones(1)}
    if rank == size - 1:
        os.chdir("/")
        dcp.storage.writing.save = None
    try:
        dcp.save(broken, checkpoint_id=folder)
        raise SystemExit("a broken checkpoint was written")
    except dcp.CheckpointException as e:
        assert f"rank {size - 1} could not write its parts" in str(e), e
elif what == "kill" and rank == size - 1:  # dies between its parts and the manifest
    dcp.storage.writing.save = lambda *args: os._exit(9)
    dcp.save(state(make(4), "second"), checkpoint_id=folder)
elif what == "kill":
    dcp.save(state(make(4), "second"), checkpoint_id=folder)

sys.stdout.write(f"rank {rank}: all well\n")
