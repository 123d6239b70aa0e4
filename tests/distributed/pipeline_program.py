"""Pipelines against the whole model in one process: run on several ranks by the tests."""

import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.pipelining import Schedule1F1B, ScheduleGPipe, SplitPoint, pipeline

dist.init_process_group("gloo", timeout=timedelta(seconds=60))
rank, size = dist.get_rank(), dist.get_world_size()


def make():
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(size)]
    return nn.Sequential(*layers, nn.Linear(6, 3)).double()


g = torch.Generator().manual_seed(3)
x = torch.randn(10, 6, generator=g).double()
y = torch.randn(10, 3, generator=g).double()

for kind in (ScheduleGPipe, Schedule1F1B):
    for parts in (1, 2, 5):
        whole, pipe = make(), pipeline(
            make(), split_spec={str(i): SplitPoint.BEGINNING for i in range(1, size)}
        )  # fmt: skip
        assert pipe.num_stages == size
        stage = pipe.build_stage(rank)
        schedule = kind(stage, parts, loss_fn=nn.functional.mse_loss)
        a = torch.optim.SGD(whole.parameters(), lr=0.1)
        b = torch.optim.SGD(stage.submod.parameters(), lr=0.1)
        for _ in range(3):
            a.zero_grad()
            b.zero_grad()
            out = whole(x)
            nn.functional.mse_loss(out, y).backward()
            losses = []
            got = schedule.step(*([x] if rank == 0 else []), target=y, losses=losses)
            if rank == size - 1:
                assert torch.allclose(out, got) and len(losses) == parts
            else:
                assert got is None
            a.step()
            b.step()
        mine = [p for i, child in enumerate(whole) if min(i, size - 1) == rank
                for p in child.parameters()]  # fmt: skip
        for p, q in zip(mine, stage.submod.parameters(), strict=True):
            assert torch.allclose(p, q, atol=1e-12), (kind, parts)
        got = schedule.eval(*([x] if rank == 0 else []))
        if rank == size - 1:
            assert torch.allclose(whole(x), got)

sys.stdout.write(f"rank {rank}: all well\n")
