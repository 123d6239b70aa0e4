"""A simulated CUDA device for each rank: DDP, fully_shard and tensor-parallel layers on it, against
the whole on the CPU: run by the tests.
"""

import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed._tensor import Shard
from torch.distributed._tensor.device_mesh import init_device_mesh
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard
from torch.distributed.pipelining import PipelineStage, ScheduleGPipe
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.nn.parallel import DistributedDataParallel as DDP

size = int(os.environ["WORLD_SIZE"])
mesh = init_device_mesh(torch.accelerator.current_accelerator().type, (size,))
rank = mesh.get_rank()  # the processes have met, and each has its device
assert torch.cuda.current_device() == rank and dist.is_initialized()
assert dist.get_default_backend_for_device(torch.device("cuda")) == "nccl"


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


g = torch.Generator().manual_seed(3)
x, y = torch.randn(4 * size, 6, generator=g), torch.randn(4 * size, 3, generator=g)
whole = make()
(whole(x) - y).square().mean().backward()

net = DDP(make().to(rank), device_ids=[rank])
out = net(x[rank::size])  # inputs are moved to the device
assert out.get_device() == rank
(out - y[rank::size].to(rank)).square().mean().backward()
for p, q in zip(net.parameters(), whole.parameters()):
    assert p.grad.get_device() == rank and torch.allclose(p.grad.cpu(), q.grad, atol=1e-6)
try:
    DDP(make(), device_ids=[0, 1])
    raise SystemExit("two devices for one process were taken")
except ValueError as e:
    assert "device_ids can only be None or contain a single element" in str(e)

with torch.device("meta"):
    net = make()
for layer in (net[0], net[2], net):
    fully_shard(layer)
net.to_empty(device=torch.device("cuda", rank))
for p, q in zip(net.parameters(), make().parameters()):
    with torch.no_grad():
        p.copy_(torch.distributed.tensor.distribute_tensor(q, mesh, [Shard(0)]))
optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
a = torch.optim.Adam(whole.parameters(), lr=0.1)
for step in range(3):
    if step:
        a.zero_grad()
        (whole(x) - y).square().mean().backward()
    a.step()
    optimizer.zero_grad()
    (net(x[rank::size].to(rank)) - y[rank::size].to(rank)).square().mean().backward()
    optimizer.step()
for (name, p), q in zip(net.state_dict().items(), whole.parameters()):
    assert isinstance(p, DTensor) and p.get_device() == rank, name
    assert torch.allclose(p.full_tensor().cpu(), q, atol=1e-5), name
whole_state = get_model_state_dict(
    net, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
)
assert len(whole_state) == (4 if rank == 0 else 0)
assert all(type(t) is torch.Tensor and t.device.type == "cpu" for t in whole_state.values())
for p, kept in zip(net.parameters(), optimizer.state_dict()["state"].values()):
    assert kept["exp_avg"].full_tensor().shape == p.full_tensor().shape

torch.manual_seed(1)
one = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
torch.manual_seed(1)
two = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).to("cuda")
two = parallelize_module(two, mesh, {
    "0": ColwiseParallel(input_layouts=Shard(0)), "2": RowwiseParallel(output_layouts=Shard(0)),
})  # fmt: skip
mine = slice(4 * rank, 4 * rank + 4)
assert torch.allclose(two(x[mine].to("cuda")).cpu(), one(x)[mine], atol=1e-5)

# a stage of a pipeline for each device: what it is sent lies there
torch.manual_seed(2)
parts = [nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(size)]
target = torch.randn(4 * size, 6, generator=g)
wanted = nn.Sequential(*parts)(x)
(gradient,) = torch.autograd.grad((wanted - target).square().mean(), parts[rank][0].weight)
stage = PipelineStage(parts[rank].to(rank), rank, size, torch.device("cuda", rank))
schedule = ScheduleGPipe(stage, n_microbatches=4, loss_fn=nn.MSELoss())
if rank == 0:
    schedule.step(x.to(rank))
else:
    out = schedule.step(target=target.to(rank))
    assert out.get_device() == rank and torch.allclose(out.cpu(), wanted, atol=1e-6)
assert torch.allclose(parts[rank][0].weight.grad.cpu(), gradient, atol=1e-6)

dist.barrier()
sys.stdout.write(f"rank {rank}: all well\n")
