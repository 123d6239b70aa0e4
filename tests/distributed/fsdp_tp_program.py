"""Parameters cut by tensor-parallel layers and dealt by fully_shard, against one process: run on
four ranks.
"""

import copy
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

dist.init_process_group("gloo", timeout=timedelta(seconds=60))
mesh = dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
rows = mesh["dp"].get_local_rank()


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8, bias=False) for _ in range(3))
        self.o = nn.Linear(8, 8)

    def forward(self, x):
        batch, steps, _ = x.shape
        q, k, v = (m(x).view(batch, steps, 4, 2) for m in (self.q, self.k, self.v))
        turn = torch.view_as_real(torch.view_as_complex(q) * torch.view_as_complex(k)).flatten(3)
        y = F.scaled_dot_product_attention(
            turn.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True
        )
        return self.o(y.transpose(1, 2).contiguous().view(batch, steps, -1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.norm, self.attention = nn.Embedding(10, 8), nn.LayerNorm(8), Attention()
        self.wide, self.narrow, self.out = nn.Linear(8, 12), nn.Linear(12, 8), nn.Linear(8, 10)

    def forward(self, i):
        x = self.words(i)
        x = x + self.attention(self.norm(x))
        return self.out(x + self.narrow(F.gelu(self.wide(x))))


torch.manual_seed(0)
single = Net()
net = copy.deepcopy(single)
parallelize_module(
    net,
    mesh["tp"],
    {
        "words": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1)),
        "norm": SequenceParallel(),
        "attention": PrepareModuleInput(
            input_layouts=(Shard(1),), desired_input_layouts=(Replicate(),)
        ),
        **{f"attention.{n}": ColwiseParallel(use_local_output=False) for n in "qkv"},
        "attention.o": RowwiseParallel(output_layouts=Shard(1)),
        "wide": ColwiseParallel(input_layouts=Shard(1)),
        "narrow": RowwiseParallel(output_layouts=Shard(1)),
        "out": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
    },
)
fully_shard(net, mesh=mesh["dp"])
pairs = list(zip(single.parameters(), net.parameters()))
assert [tuple(p.shape) for p, _ in pairs] == [tuple(p.shape) for _, p in pairs]
optimizers = [torch.optim.AdamW(m.parameters(), lr=0.01) for m in (single, net)]
for step in range(3):
    data = torch.randint(10, (4, 6), generator=torch.Generator().manual_seed(step))
    loss = F.cross_entropy(single(data).flatten(0, 1), data.flatten())
    loss.backward()
    part = data[2 * rows : 2 * rows + 2]
    F.cross_entropy(net(part).flatten(0, 1), part.flatten()).backward()
    for p, q in pairs:
        torch.testing.assert_close(q.grad.full_tensor(), p.grad, rtol=1e-4, atol=1e-6)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    for p, q in pairs:
        torch.testing.assert_close(q.full_tensor(), p.detach(), rtol=1e-4, atol=1e-5)

print("all well", flush=True)
dist.destroy_process_group()
sys.exit(0)
