"""Operations and gradients of DTensors against those of plain tensors: run on several ranks."""

import copy
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

dist.init_process_group("gloo", timeout=timedelta(seconds=60))
rank, size = dist.get_rank(), dist.get_world_size()
mesh = dist.init_device_mesh("cpu", (size,))
torch.manual_seed(0)
INPUTS = {
    "a": torch.randn(5, 4), "b": torch.randn(4, 6), "c": torch.randn(5, 4),
    "v": torch.rand(7) + 0.1, "i": torch.arange(12).reshape(3, 4), "x": torch.randn(2, 5, 4),
    "w": torch.randn(6, 4), "u": torch.randn(6),
}  # fmt: skip


def write(a):
    a = a.clone()
    a[1].zero_()
    a[2:4].mul_(3)
    a[:, 1] = a[:, 2] * 2
    return a


OPS = """
a + c | a * 2 - 1 | 1 / (c.abs() + 1) | a.exp() | torch.where(a > 0, a, c) | a == c | a ** 2
a.clamp(-.5, .5) | F.gelu(a) | a.masked_fill(a > 0, 0.0) | i + a[:3] | a.double() | a + a[0]
a * c.sum(1, keepdim=True) | torch.zeros_like(a) + 1 | a / a.numel() / a.shape[0] / a.size(1)
a @ b | a.T @ c | F.linear(a, w, u) | F.linear(x, w, u) | torch.bmm(x, x.transpose(1, 2))
torch.addmm(u, a, b) | torch.einsum('ij,jk->ik', a, b)
torch.outer(v, v) | torch.linalg.inv(b[:, :4])
a.sum() | a.sum(0) | a.sum(1, keepdim=True) | x.sum((0, 2)) | a.mean() | a.mean(-1) | a.var(0)
a.std(1) | a.max() | a.max(0)[0] | a.amax(1) | a.argmax(1) | v.prod() | (a > 0).any(1) | i.sum(0)
a.norm() | torch.linalg.vector_norm(a, 1, dim=1) | a.logsumexp(0) | a.softmax(-1) | a.softmax(0)
F.log_softmax(a, 1) | a.cumsum(0) | a.cumsum(1) | a.sort(0)[0] | a.topk(2, 0)[0]
a.t() | x.transpose(0, 2) | x.permute(2, 0, 1) | a.view(5, 2, 2) | a.flatten() | a.reshape(2, 10)
a.unsqueeze(1) * 2 | a.unsqueeze(0).squeeze(0) | a[None].expand(3, 5, 4) | a.repeat(2, 1)
a.flip(0) | torch.cat([a, c]) | torch.stack([a, c], 1) | a[1:3] | a[-1] | a[:, 2] | a.split(2)[2]
a.unbind()[1] | a.gather(1, i[:2] * 0) | F.embedding(i[0], torch.cat([a, a])) | a.tril()
a.clone().add_(c) | write(a)
F.layer_norm(a, (4,)) | F.mse_loss(a, c) | F.cross_entropy(a, c.argmax(1)) | F.max_pool1d(x, 2)
"""


def placed(way, k, t):
    if way == "mixed":
        return [(Shard(0), Replicate(), Shard(min(1, t.dim() - 1)))[k % 3]]
    return [Replicate() if way is None else Shard(min(way, t.dim() - 1))]


def leaves(tensors):
    return {n: t.requires_grad_(t.is_floating_point()) for n, t in tensors.items()}


names = {"torch": torch, "F": F, "write": write}
for way in (0, 1, None, "mixed"):
    for text in OPS.replace("\n", "|").split("|"):
        if not (text := text.strip()):
            continue
        plain = leaves({n: t.clone() for n, t in INPUTS.items()})
        parts = leaves({
            n: distribute_tensor(t, mesh, placed(way, k, t))
            for k, (n, t) in enumerate(INPUTS.items())
        })  # fmt: skip
        want, got = eval(text, names, plain), eval(text, names, parts)
        assert isinstance(got, DTensor) and got.shape == want.shape, (way, text)
        full = got.full_tensor()
        assert full.dtype == want.dtype, (way, text)
        assert torch.allclose(full.double(), want.double(), atol=1e-5), (way, text, full, want)
        if want.requires_grad:
            g = torch.cos(torch.arange(want.numel()).reshape(want.shape).to(want.dtype))
            (want * g).sum().backward()
            (full * g).sum().backward()
            for n, t in plain.items():
                d = parts[n].grad
                assert (t.grad is None) == (d is None), (way, text, n)
                assert d is None or torch.allclose(d.full_tensor(), t.grad, atol=1e-4), (way, text)

# what a rank alone has is not taken for the whole; numbers are
d = distribute_tensor(INPUTS["a"], mesh, [Shard(0)])
for call in (lambda: d + INPUTS["a"], lambda: F.linear(INPUTS["x"], d)):
    try:
        call()
        raise SystemExit("a plain tensor was taken")
    except RuntimeError as e:
        assert "got mixed torch.Tensor and DTensor" in str(e)
assert torch.equal((d + torch.tensor(1.0)).full_tensor(), INPUTS["a"] + 1)

# draws are the same everywhere, also where the ranks' streams differ
torch.manual_seed(rank)
e = distribute_tensor(torch.zeros(5, 4), mesh, [Shard(0)])
for draw in (torch.randn_like, F.dropout, nn.init.xavier_uniform_, nn.init.orthogonal_):
    t = draw(e if draw is not F.dropout else e + 1).full_tensor()
    other = t.clone()
    dist.broadcast(other, 0)
    assert torch.equal(t, other), draw
assert torch.allclose(t.T @ t, torch.eye(4), atol=1e-5)

# ways between parts and wholes
p = DTensor.from_local(torch.ones(2, 3) * (rank + 1), mesh, [Partial()])
total = size * (size + 1) / 2
assert bool((p.full_tensor() == total).all()) and p.sum().item() == 6 * total
local = torch.ones(3, requires_grad=True)
(DTensor.from_local(local, mesh, [Shard(0)]) * 2.0).sum().backward()
assert bool((local.grad == 2).all())
grid = dist.init_device_mesh("cpu", (size, 1), mesh_dim_names=("a", "b"))
assert torch.equal(
    distribute_tensor(INPUTS["a"], grid, [Shard(0), Shard(0)]).full_tensor(), INPUTS["a"]
)
assert f"placements={d.placements}" in repr(d) and d.stride() == (4, 1)

# optimizers, also those that look at whole matrices
for kind in ("SGD", "Adam", "Adagrad", "Adafactor", "Muon", "LBFGS"):
    torch.manual_seed(3)
    one = nn.Linear(4, 6, bias=False)
    two = copy.deepcopy(one)
    two.weight = nn.Parameter(distribute_tensor(two.weight.detach(), mesh, [Shard(0)]))
    x = torch.randn(5, 4)
    y = distribute_tensor(x, mesh, [Replicate()])
    for net, given in ((one, x), (two, y)):
        more = {"max_iter": 4} if kind == "LBFGS" else {}
        optimizer = getattr(torch.optim, kind)(net.parameters(), lr=0.1, **more)

        def closure(net=net, x=given, optimizer=optimizer):
            optimizer.zero_grad()
            loss = net(x).pow(2).sum()
            loss.backward()
            return loss.detach()

        for step in range(4):
            optimizer.step(closure)
            if step == 1:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert torch.allclose(one.weight, two.weight.full_tensor(), atol=1e-4), kind

sys.stdout.write(f"rank {rank}: all well\n")
