"""fully_shard, FullyShardedDataParallel, layers cut over ranks and checkpoints against one process:
run on several ranks by the tests.
"""

import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
    set_state_dict,
)
from torch.distributed.fsdp import (
    FullStateDictConfig,
    MixedPrecisionPolicy,
    StateDictType,
    fully_shard,
)
from torch.distributed.fsdp import (
    FullyShardedDataParallel as FSDP,
)
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

dist.init_process_group("gloo", timeout=timedelta(seconds=60))
rank, size = dist.get_rank(), dist.get_world_size()
folder = Path(sys.argv[1])


def make():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 9), nn.ReLU(), nn.Sequential(nn.Linear(9, 5), nn.ReLU()), nn.Linear(5, 3)
    )


def whole_numbers(net):
    """Parameters of small integers, so that sums are exact."""
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_((torch.arange(p.numel()) * (i + 3) % 5 - 2).reshape(p.shape))
    return net


def sharded(net, **options):
    fully_shard(net[2], **options)
    return fully_shard(net, **options)


def batches(steps, integers=False):
    g = torch.Generator().manual_seed(3)
    for _ in range(steps):
        x = torch.randn(4 * size, 6, generator=g)
        yield (x * 3).round() if integers else x


def train(net, optimizer, steps, whole):
    for x in batches(steps):
        optimizer.zero_grad()
        part = x if whole else x[rank::size]
        (net(part).pow(2).sum() / (size if whole else 1)).backward()
        optimizer.step()


FULL = StateDictOptions(full_state_dict=True)

# gradients are those of the whole batch, to the bit on integers
one, two = whole_numbers(make()), sharded(whole_numbers(make()))
for x in batches(1, integers=True):
    one(x).sum().backward()
    two(x[rank::size]).sum().backward()
for (name, p), q in zip(one.named_parameters(), two.parameters()):
    assert torch.equal(p.grad / size, q.grad.full_tensor()), name
    assert q.to_local().numel() <= -(-p.shape[0] // size) * (p.numel() // p.shape[0])

# training, with each optimizer's state dealt too
for kind, options in (
    (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}), (torch.optim.AdamW, {"lr": 0.01})
):  # fmt: skip
    one, two = make(), sharded(make())
    a, b = kind(one.parameters(), **options), kind(two.parameters(), **options)
    train(one, a, 4, True)
    train(two, b, 4, False)
    got = get_model_state_dict(two, options=FULL)
    for name, p in one.state_dict().items():
        assert torch.allclose(p, got[name], atol=1e-6), (kind, name)
    state = get_optimizer_state_dict(two, b, options=FULL)
    assert set(state["state"]) == set(dict(one.named_parameters()))

    # clipping takes the norm over all ranks
    x = next(batches(1))
    a.zero_grad(), b.zero_grad()
    (one(x).pow(2).sum() / size).backward()
    two(x[rank::size]).pow(2).sum().backward()
    n, m = (nn.utils.clip_grad_norm_(net.parameters(), 0.1) for net in (one, two))
    assert torch.allclose(n, m), (n, m)
    assert torch.allclose(one[0].weight.grad, two[0].weight.grad.full_tensor(), atol=1e-6)

    # a checkpoint of parts goes on as the uninterrupted run does
    model, optim = get_state_dict(two, b)
    dcp.save({"model": model, "optim": optim, "epoch": 3}, checkpoint_id=folder / kind.__name__)
    three = sharded(make())
    c = kind(three.parameters(), **{**options, "lr": 9.0})
    model, optim = get_state_dict(three, c)
    box = {"model": model, "optim": optim, "epoch": 0}
    dcp.load(box, checkpoint_id=folder / kind.__name__)
    set_state_dict(three, c, model_state_dict=box["model"], optim_state_dict=box["optim"])
    assert box["epoch"] == 3
    train(two, b, 2, False)
    train(three, c, 2, False)
    for p, q in zip(two.parameters(), three.parameters()):
        assert torch.equal(p, q), kind

    # whole states go in, from rank 0 alone
    four = sharded(make())
    d = kind(four.parameters(), lr=9.0)
    whole = get_model_state_dict(
        two, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    assert bool(whole) == (rank == 0)
    set_model_state_dict(
        four, whole, options=StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    )
    set_optimizer_state_dict(four, d, get_optimizer_state_dict(two, b, options=FULL), options=FULL)
    train(two, b, 1, False)
    train(four, d, 1, False)
    for p, q in zip(two.parameters(), four.parameters()):
        assert torch.equal(p, q), kind

# gradients add up over passes without reducing
one, two = whole_numbers(make()), sharded(whole_numbers(make()))
for i, x in enumerate(batches(2, integers=True)):
    one(x).sum().backward()
    two.set_requires_gradient_sync(i == 1)
    two(x[rank::size]).sum().backward()
assert torch.equal(one[0].weight.grad / size, two[0].weight.grad.full_tensor())

# half precision in between
policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32)
two = sharded(make(), mp_policy=policy)
out = two(torch.ones(2, 6))
out.sum().backward()
assert out.dtype == torch.bfloat16 and two[0].weight.grad.dtype == torch.float32
assert two[0].weight.dtype == torch.float32

# a layer that some ranks do not use, and one that none uses
one, two = make(), sharded(make())
two[2].set_requires_gradient_sync(True)
x = torch.ones(2, 6)
two(x)[:, :1].sum().backward()
assert two[0].weight.grad is not None

# the wrapper
one, two = make(), FSDP(make(), auto_wrap_policy=ModuleWrapPolicy({nn.Linear}))
a, b = (torch.optim.Adam(net.parameters(), lr=0.01) for net in (one, two))
train(one, a, 3, True)
train(two, b, 3, False)
with FSDP.state_dict_type(two, StateDictType.FULL_STATE_DICT, FullStateDictConfig()):
    got = two.state_dict()
for name, p in one.state_dict().items():
    assert torch.allclose(p, got[name], atol=1e-6), name
with FSDP.summon_full_params(two):
    assert two.module[0].weight.shape == (9, 6)
    with torch.no_grad():
        two.module[0].weight.fill_(1.0)
assert bool((two.module[0].weight == 1).all())
assert float(two.clip_grad_norm_(1.0)) > 0
state = FSDP.optim_state_dict(two, b)
b.load_state_dict(FSDP.optim_state_dict_to_load(two, b, state))
two.load_state_dict(one.state_dict())
assert torch.equal(two.state_dict()["0.weight"], one[0].weight)

# shared parameters in two units are refused
tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
tied[1].weight = tied[0].weight
fully_shard(tied[0])
try:
    fully_shard(tied)
    raise SystemExit("a parameter of two units was taken")
except RuntimeError as e:
    assert "is shared with a module that is sharded already" in str(e)

# layers cut along their features
mesh = dist.init_device_mesh("cpu", (size,))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 8)
        self.up, self.down = nn.Linear(8, 12), nn.Linear(12, 8)
        self.head = nn.Linear(8, 11)

    def forward(self, i):
        return self.head(self.down(self.up(self.words(i)).relu()))


torch.manual_seed(1)
one = Net()
torch.manual_seed(1)
two = parallelize_module(Net(), mesh, {
    "words": RowwiseParallel(), "up": ColwiseParallel(), "down": RowwiseParallel(),
    "head": ColwiseParallel(output_layouts=dist.tensor.Replicate()),
})  # fmt: skip
a, b = (torch.optim.AdamW(net.parameters(), lr=0.01) for net in (one, two))
i = torch.arange(11).repeat(2)
for _ in range(3):
    for net, optimizer in ((one, a), (two, b)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(i), i.flip(0)).backward()
        optimizer.step()
for (name, p), q in zip(one.named_parameters(), two.parameters()):
    q = q.full_tensor() if hasattr(q, "full_tensor") else q
    assert torch.allclose(p, q, atol=1e-5), name
assert torch.allclose(one(i), two(i), atol=1e-5)


# what rank 0 has counts, also where ranks differ
torch.manual_seed(rank)
mine = nn.Linear(8, 6)
torch.manual_seed(0)
first = nn.Linear(8, 6)
x = torch.arange(16.0).view(2, 8)
for style in (
    RowwiseParallel(input_layouts=dist.tensor.Replicate()),
    ColwiseParallel(output_layouts=dist.tensor.Replicate()),
):
    torch.manual_seed(rank)
    assert torch.allclose(parallelize_module(nn.Linear(8, 6), mesh, style)(x), first(x), atol=1e-5)
part = dist.tensor.distribute_tensor(mine.weight, mesh, [dist.tensor.Shard(0)])
assert torch.equal(part.full_tensor(), first.weight)
part = dist.tensor.distribute_tensor(mine.bias, mesh, src_data_rank=size - 1)
torch.manual_seed(size - 1)
assert torch.equal(part.full_tensor(), nn.Linear(8, 6).bias)


# a sequence cut over ranks: norms on some of the steps, layers on all
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x):
        return self.down(self.up(self.norm(x)).relu())


steps = nn.functional.one_hot(torch.arange(2 * size * 3) % 8, 8).float().view(2, size * 3, 8)
torch.manual_seed(2)
one = Block()
torch.manual_seed(2)
S, R = dist.tensor.Shard(1), dist.tensor.Replicate()
two = parallelize_module(Block(), mesh, {
    "norm": SequenceParallel(), "up": ColwiseParallel(input_layouts=S),
    "down": RowwiseParallel(output_layouts=S),
})  # fmt: skip
two = parallelize_module(
    two, mesh, PrepareModuleInput(input_layouts=(R,), desired_input_layouts=(S,))
)
two = parallelize_module(two, mesh, PrepareModuleOutput(output_layouts=S, desired_output_layouts=R))
a, b = one(steps), two(steps)
assert torch.allclose(a, b, atol=1e-6)
a.pow(2).sum().backward()
b.pow(2).sum().backward()
for (name, p), q in zip(one.named_parameters(), two.named_parameters()):
    g = q[1].grad
    if hasattr(q[1], "full_tensor"):
        g = g.full_tensor()
    assert torch.allclose(p.grad, g, atol=1e-4), name

# a model without memory takes a checkpoint, of whole tensors and of parts
saved = make()
x = torch.arange(18.0).view(3, 6)
for way in ("whole tensors", "parts", "rank 0's tensors"):
    with torch.device("meta"):
        empty = make()
    fully_shard(empty[2])
    fully_shard(empty)
    state = saved.state_dict()
    if way == "parts":
        held = empty.state_dict()
        state = {
            n: nn.Parameter(
                dist.tensor.distribute_tensor(t, held[n].device_mesh, held[n].placements)
            )
            for n, t in state.items()
        }
        empty.load_state_dict(state, assign=True)
    else:
        options = StateDictOptions(
            full_state_dict=True, broadcast_from_rank0=way == "rank 0's tensors"
        )
        given = {} if rank and options.broadcast_from_rank0 else state
        set_model_state_dict(empty, given, options=options)
    assert torch.equal(empty(x), saved(x)), way
    optimizer = torch.optim.SGD(empty.parameters(), lr=0.1)
    empty(x).sum().backward()
    optimizer.step()
    assert not torch.equal(empty(x), saved(x)), way
    assert all(p.device.type == "cpu" and p.grad is not None for p in empty.parameters())

sys.stdout.write(f"rank {rank}: all well\n")
