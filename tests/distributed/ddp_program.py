"""DistributedDataParallel against the full batch in one process: run on several ranks by the tests.

Equal to the bit on small integers, within 1e-6 on random numbers; the ranks are always equal.
"""

import copy
import hashlib
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo", timeout=timedelta(seconds=30))
rank, size = dist.get_rank(), dist.get_world_size()


class Net(nn.Module):
    def __init__(self, extra=False, norm=False):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        if extra:
            self.extra = nn.Linear(8, 8)
        if norm:
            self.norm = nn.BatchNorm1d(8)

    def forward(self, x, extra=False):
        x = self.a(x)
        x = self.norm(x) if hasattr(self, "norm") else x
        x = self.extra(x) if extra else x
        return self.c(self.b(x).relu() + x)


def make(integer, seed=0, **options):
    torch.manual_seed(seed)
    net = Net(**options)
    if integer:
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(torch.randint(-2, 3, p.shape))
    return net


def data(integer, seed=7):
    g = torch.Generator().manual_seed(seed)
    if integer:
        x = torch.randint(-3, 4, (16, 6), generator=g).float()
        return x, torch.randint(-3, 4, (16, 3), generator=g).float()
    return torch.randn(16, 6, generator=g), torch.randn(16, 3, generator=g)


def loss_of(net, x, y, **kw):
    return ((net(x, **kw) - y) ** 2).sum() / len(x)  # a power of two: exact on integers


def digest(tensors):
    text = b"".join(b"-" if t is None else t.detach().numpy().tobytes() for t in tensors)
    return hashlib.sha1(text).hexdigest()


def alike(what, tensors):
    every = [None] * size
    dist.all_gather_object(every, digest(tensors))
    assert len(set(every)) == 1, (what, every)


def compare(what, net, reference, integer):
    for (name, p), q in zip(net.named_parameters(), reference.parameters()):
        if q.grad is None:
            assert p.grad is None, (what, name)
            continue
        error = (p.grad - q.grad).abs().max().item()
        assert error == 0 if integer else error <= 1e-6 * q.grad.abs().max().item() + 1e-7, (
            what, name, error,
        )  # fmt: skip
    alike(what, [p.grad for p in net.parameters()])


for integer in (True, False):
    x, y = data(integer)
    mine, target = x[rank::size], y[rank::size]
    reference = make(integer)
    loss_of(reference, x, y).backward()
    ways = [{}, {"static_graph": True}, {"find_unused_parameters": True},
            {"gradient_as_bucket_view": True}, {"broadcast_buffers": False}]  # fmt: skip
    for options in ways:  # other weights on each rank: they become rank 0's
        net = DDP(make(integer, seed=5 * rank), bucket_cap_mb=0.0001, **options)
        assert len(net.reducer.buckets) > 2
        net.module.load_state_dict(make(integer).state_dict())
        for step in range(3):
            net.zero_grad(set_to_none=step != 1)
            loss_of(net, mine, target).backward()
        compare(options, net.module, reference, integer)
        if not options.get("gradient_as_bucket_view"):
            before = [p.grad for p in net.parameters()]
            kept = digest(before)
            net.zero_grad()
            loss_of(net, mine * 2, target).backward()
            assert digest(before) == kept  # a gradient that somebody keeps is not overwritten
    net = DDP(make(integer))
    for _ in range(2):  # accumulation: four parts, the last of which is averaged
        net.zero_grad()
        with net.no_sync():
            for _ in range(3):
                loss_of(net, mine, target).div(4).backward()
        loss_of(net, mine, target).div(4).backward()
    compare("no_sync", net.module, reference, integer)
    net = DDP(make(integer, extra=True), find_unused_parameters=True)
    reference = make(integer, extra=True)
    loss_of(reference, x, y).backward()
    for _ in range(2):
        net.zero_grad()
        loss_of(net, mine, target).backward()
    compare("unused everywhere", net.module, reference, integer)
    reference = make(integer)
    loss_of(reference, x, y).backward()
    net = DDP(make(integer))
    net.register_comm_hook(None, default_hooks.allreduce_hook)
    loss_of(net, mine, target).backward()
    compare("allreduce_hook", net.module, reference, integer)

for hook in (
    default_hooks.bf16_compress_hook,
    default_hooks.fp16_compress_hook,
    default_hooks.bf16_compress_wrapper(default_hooks.allreduce_hook),
):
    net = DDP(make(False))
    net.register_comm_hook(None, hook)
    loss_of(net, mine, target).backward()
    worst = max((p.grad - q.grad).abs().max().item() / q.grad.abs().max().item()
                for p, q in zip(net.parameters(), reference.parameters()))  # fmt: skip
    assert 0 < worst < 2e-2, worst
    alike("compressed", [p.grad for p in net.parameters()])

# gradients that are large are computed where all ranks see them, and averaged there
torch.manual_seed(rank)
wide = torch.randint(-2, 3, (8, 384)).float()
reference = nn.Sequential(nn.Linear(384, 384), nn.Linear(384, 384), nn.Linear(384, 192))
with torch.no_grad():
    for p in reference.parameters():
        p.copy_(torch.arange(p.numel()).view(p.shape) % 5 - 2)
every = [torch.empty_like(wide) for _ in range(size)]
dist.all_gather(every, wide)
(reference(torch.cat(every)).sum() / size).backward()
for options in ({}, {"gradient_as_bucket_view": True}, {"bucket_cap_mb": 0.1}):
    net = DDP(copy.deepcopy(reference), **options)
    kept = []
    for step in range(6):
        net.zero_grad(set_to_none=step != 3)
        if step == 4:  # two that are one: the second is averaged apart
            first, second = (net.module[i].weight for i in (0, 1))
            handle = second.register_post_accumulate_grad_hook(
                lambda p, first=first: setattr(first, "grad", p.grad)
            )
        net(wide).sum().backward()
        if step == 4:
            handle.remove()
            alike("one gradient for two", [p.grad for p in net.parameters()])
            continue
        compare(("large", options), net.module, reference, True)
        if step < 3 and not options.get("gradient_as_bucket_view"):
            kept.append([p.grad for p in net.parameters()])
    for grads in kept:
        for g, p in zip(grads, reference.parameters()):
            assert torch.equal(g, p.grad), "a gradient that somebody keeps was overwritten"

# what small buckets are laid into is used in turn, whichever rank comes late; sums of half
# precision do not overflow
net = DDP(nn.Linear(4, 1, bias=False).half())
for k in range(20):
    time.sleep(2e-3 * (k % 5 == rank))
    net.zero_grad()
    net(torch.full((1, 4), 3e4 if k % 2 else float(k), dtype=torch.half)).sum().backward()
    assert net.module.weight.grad.tolist() == [[3e4 if k % 2 else k] * 4], (
        k,
        net.module.weight.grad,
    )

# buckets of which ranks see some in each other's memory and others, of bfloat16, not
net = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4).bfloat16(), nn.Linear(4, 300)])
net.forward = lambda x: sum(layer(x.to(layer.weight.dtype)).float().sum() for layer in net)
ddp = DDP(net, bucket_cap_mb=0.001)
ddp(torch.full((2, 4), rank + 1.0)).backward()
for p in net.parameters():
    assert (p.grad == (2 if p.dim() == 1 else size + 1)).all(), p.grad

# used by some ranks only: the mean counts the others as zero
net = DDP(make(False, extra=True), find_unused_parameters=True)
loss_of(net, mine, target, extra=rank == 0).backward()
alike("unused on some ranks", [p.grad for p in net.parameters()])
assert net.module.extra.weight.grad is not None

net = DDP(make(False, extra=True))
try:
    loss_of(net, mine, target).backward()
    loss_of(net, mine, target).backward()
    raise SystemExit("an unused parameter was not noticed")
except RuntimeError as e:
    assert "extra.weight" in str(e) and "find_unused_parameters=True" in str(e), e
try:
    DDP(nn.Linear(4, 4 + rank))
    raise SystemExit("other shapes on other ranks were not noticed")
except RuntimeError as e:
    assert "(4, 4)" in str(e) and "(5, 4)" in str(e), e

net = DDP(make(False, norm=True))
for _ in range(3):
    loss_of(net, mine + rank, target).backward()
net.eval()
net.module.register_buffer("flags", torch.tensor([rank == 0, True, rank > 0]))
net.module.register_buffer("turned", torch.full((3, 2), float(rank), dtype=torch.bfloat16).t())
net.module.register_buffer("wide", torch.full((20000,), float(rank), dtype=torch.float64))
net.module.register_buffer("none", torch.empty(0))
net(mine)
alike("buffers", [b.float() for b in net.module.buffers()])
assert net.module.flags.tolist() == [True, True, False] and not net.module.turned.any()
assert not net.module.wide.any()

# uneven inputs: ranks with fewer batches take part until all have ended
net = DDP(make(False, norm=True))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
with net.join():
    for _ in range(3 + 2 * rank):
        optimizer.zero_grad()
        loss_of(net, mine, target).backward()
        optimizer.step()
alike("join", [*net.parameters(), *net.buffers()])
net = DDP(make(True))
with net.join(divide_by_initial_world_size=False):
    for _ in range(1 + (rank == 1)):
        net.zero_grad()
        loss_of(net, x, y).backward()
reference = make(True)
loss_of(reference, x, y).backward()
late = DDP(make(True))
with late.join(divide_by_initial_world_size=False):  # some ranks have no batch at all
    for _ in range(3 * (rank == 1)):
        late.zero_grad()
        loss_of(late, x, y).backward()
if rank == 1:
    assert torch.equal(late.module.a.weight.grad, reference.a.weight.grad)
if rank == 1:  # alone in the second batch
    assert torch.equal(net.module.a.weight.grad, reference.a.weight.grad)
try:
    with net.join(throw_on_early_termination=True):
        for _ in range(1 + rank):
            loss_of(net, x, y).backward()
    raise SystemExit("the end of a rank was not thrown")
except RuntimeError as e:
    assert "exhausted its inputs" in str(e)

# statistics of all ranks' batches, whose sizes differ
torch.manual_seed(2)
full = torch.randn(3 * size + 1, 4, 2, dtype=torch.float64) * 3 + 5
share = torch.arange(len(full)) % size == rank
plain = nn.BatchNorm1d(4).double()
synced = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(4).double())
a, b = full.clone().requires_grad_(), full[share].clone().requires_grad_()
out, part = plain(a), synced(b)
weight = torch.arange(1.0, 9.0).double().view(4, 2)
((out**3) * weight).sum().backward()
((part**3) * weight).sum().backward()
assert torch.allclose(part, out[share]) and torch.allclose(b.grad, a.grad[share], atol=1e-10)
for name in ("running_mean", "running_var", "num_batches_tracked"):
    assert torch.allclose(getattr(plain, name), getattr(synced, name)), name
dist.all_reduce(synced.weight.grad)
assert torch.allclose(synced.weight.grad, plain.weight.grad)
synced.eval()
assert torch.allclose(synced(b), plain.eval()(a)[share])

# collectives that gradients pass through: of the sum of all ranks' losses
t = torch.tensor([1.0 + rank], requires_grad=True)
(dist.nn.all_reduce(t) ** 2 * (rank + 1)).backward()
total, weights = size * (size + 1) / 2, size * (size + 1) / 2
assert t.grad.item() == 2 * total * weights
t.grad = None
sum((k + 1) * v * (rank + 1) for k, v in enumerate(dist.nn.all_gather(t))).backward()
assert t.grad.item() == (rank + 1) * weights
t.grad = None
(dist.nn.broadcast(t, 1) * (rank + 1)).backward()
assert t.grad.item() == (weights if rank == 1 else 0)
t.grad = None
(dist.nn.reduce_scatter(None, [t * k for k in range(size)]) * (rank + 1)).backward()
assert t.grad.item() == sum(k * (k + 1) for k in range(size))

dist.barrier()
sys.stdout.write(f"rank {rank}: all well\n")
