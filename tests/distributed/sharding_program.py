"""ZeroRedundancyOptimizer against the optimizer it wraps: run on several ranks by the tests."""

import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo", timeout=timedelta(seconds=30))
rank, size = dist.get_rank(), dist.get_world_size()


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 3))


def train(net, optimizer, steps, scheduler=None):
    g = torch.Generator().manual_seed(3)
    for _ in range(steps):
        x = torch.randn(4 * size, 6, generator=g)
        optimizer.zero_grad()
        net(x[rank::size]).pow(2).sum().backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))


for kind, options in (
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}), (torch.optim.AdamW, {"lr": 0.01})
):  # fmt: skip
    one, two, three = DDP(make()), DDP(make()), DDP(make())
    plain = kind(one.parameters(), **options)
    zero = ZeroRedundancyOptimizer(two.parameters(), kind, **options)
    for net, optimizer in ((one, plain), (two, zero)):
        train(net, optimizer, 4, torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5))
    assert same(one, two), kind
    held = sum(len(g["params"]) for g in zero.optim.param_groups)
    assert held < 6 and len(zero.optim.state) == held
    zero.consolidate_state_dict(to=0)
    box = [zero.state_dict() if rank == 0 else None]
    if rank:
        try:
            zero.state_dict()
            raise SystemExit("a part was taken for the whole")
        except RuntimeError as e:
            assert "has not been consolidated" in str(e)
    dist.broadcast_object_list(box, 0)
    expected = plain.state_dict()
    assert box[0]["state"].keys() == expected["state"].keys()
    for i, kept in expected["state"].items():
        for name, value in kept.items():
            got = box[0]["state"][i][name]
            assert value is got or torch.equal(torch.as_tensor(value), torch.as_tensor(got)), name
    three.load_state_dict(two.state_dict())  # goes on, from either's state
    other = ZeroRedundancyOptimizer(three.parameters(), kind, lr=1.0)
    other.load_state_dict(expected)
    for net, optimizer in ((one, plain), (two, zero), (three, other)):
        train(net, optimizer, 2)
    assert same(one, two) and same(one, three)

sys.stdout.write(f"rank {rank}: all well\n")
