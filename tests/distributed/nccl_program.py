"""Collectives of GPUs' tensors through NCCL, here a stand-in: it has the methods and arguments of
CuPy's binding, knows memory by addresses alone, and sums over MPI. Run by the tests on simulated
devices, one for each rank.
"""

import ctypes
import os
import sys
from datetime import timedelta

import ml_dtypes
import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP

import wengert.arrays.cuda as cuda

CODES = dict(enumerate(["b", "B", "i", "I", "q", "Q", "e", "f", "d"]))
calls = []


def memory(address, count, code):
    """The numbers at an address."""
    kind = np.dtype(ml_dtypes.bfloat16) if code == 9 else np.dtype(CODES[code])
    raw = (ctypes.c_uint8 * (count * kind.itemsize)).from_address(address)
    return np.frombuffer(raw, np.uint8).view(kind)


def make():
    """A network whose parameters are whole numbers, the same on all ranks."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        for p in net.parameters():
            p.copy_((p * 8).round())
    return net


class NcclCommunicator:
    """As CuPy's: one device of one process."""

    def __init__(self, ndev, commId, rank):
        assert type(ndev) is type(rank) is int and type(commId) is tuple and len(commId) == 128
        self.comm = dist.group.WORLD.comm.Dup()
        assert (ndev, rank) == (self.comm.size, self.comm.rank)
        calls.append(("init", commId))

    def _every(self, name, numbers, *args):
        assert all([type(a) is int for a in args]), (name, args)
        calls.append((name, *args))
        return self.comm.allgather(np.array(numbers))

    @staticmethod
    def _joined(every, op):
        n = len(every)
        kind = every[0].dtype
        f = {0: np.add, 1: np.multiply, 2: np.maximum, 3: np.minimum, 4: np.add}[op]
        total = every[0].copy()
        for other in every[1:]:
            total = f(total, other).astype(kind)
        return (total / n).astype(kind) if op == 4 else total

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):
        args = (sendbuf, recvbuf, count, datatype, op, stream)
        every = self._every("allReduce", memory(sendbuf, count, datatype), *args)
        memory(recvbuf, count, datatype)[:] = self._joined(every, op)

    def reduce(self, sendbuf, recvbuf, count, datatype, op, root, stream):
        args = (sendbuf, recvbuf, count, datatype, op, root, stream)
        every = self._every("reduce", memory(sendbuf, count, datatype), *args)
        if self.comm.rank == root:
            memory(recvbuf, count, datatype)[:] = self._joined(every, op)

    def broadcast(self, sendbuff, recvbuff, count, datatype, root, stream):
        args = (sendbuff, recvbuff, count, datatype, root, stream)
        every = self._every("broadcast", memory(sendbuff, count, datatype), *args)
        memory(recvbuff, count, datatype)[:] = every[root]

    def allGather(self, sendbuf, recvbuf, count, datatype, stream):
        args = (sendbuf, recvbuf, count, datatype, stream)
        every = self._every("allGather", memory(sendbuf, count, datatype), *args)
        memory(recvbuf, count * len(every), datatype)[:] = np.concatenate(every)

    def reduceScatter(self, sendbuf, recvbuf, recvcount, datatype, op, stream):
        args, n = (sendbuf, recvbuf, recvcount, datatype, op, stream), self.comm.size
        every = self._every("reduceScatter", memory(sendbuf, recvcount * n, datatype), *args)
        mine = slice(recvcount * self.comm.rank, recvcount * (self.comm.rank + 1))
        memory(recvbuf, recvcount, datatype)[:] = self._joined(every, op)[mine]


class nccl:
    NcclCommunicator = NcclCommunicator

    @staticmethod
    def get_unique_id():
        return tuple(range(-64, 64))


mode = sys.argv[1] if len(sys.argv) > 1 else "collectives"
cuda.nccl = lambda: nccl
dist.init_process_group("nccl", timeout=timedelta(seconds=20))
rank, size = dist.get_rank(), dist.get_world_size()
torch.cuda.set_device(rank if mode != "one device" else 0)
here = torch.device("cuda", torch.cuda.current_device())


def count(name):
    return sum([c[0] == name for c in calls])


if mode == "collectives":
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8,
                  torch.uint8, torch.int32, torch.int64):  # fmt: skip
        x = torch.arange(6, device=here).reshape(2, 3).to(dtype) + rank
        y = x.clone()
        dist.all_reduce(y)
        want = sum([torch.arange(6).reshape(2, 3).to(dtype) + r for r in range(size)])
        assert torch.equal(y.cpu(), want) and y.device == here, dtype
    assert count("allReduce") == 8 and count("init") == 1
    x = torch.full((3,), float(rank + 1), device=here)
    for op, want in ((dist.ReduceOp.MAX, size), (dist.ReduceOp.MIN, 1), (dist.ReduceOp.AVG, 1.5),
                     (dist.ReduceOp.PRODUCT, 2)):  # fmt: skip
        y = x.clone()
        dist.all_reduce(y, op)
        assert y.tolist() == [want] * 3, op
    assert count("allReduce") == 12
    wide = torch.zeros(3, 4, device=here).t()  # not contiguous: through a copy
    wide += rank + 1
    dist.all_reduce(wide)
    assert wide.stride() == (1, 4) and (wide == 3).all() and count("allReduce") == 13
    y = x.clone()
    dist.broadcast(y, src=1)
    assert y.tolist() == [2.0] * 3 and count("broadcast") == 1
    y = x.clone()
    dist.reduce(y, dst=1)
    assert y.tolist() == ([3.0] * 3 if rank == 1 else [1.0] * 3) and count("reduce") == 1
    whole = torch.zeros(6, device=here)
    dist.all_gather_into_tensor(whole, x)
    assert whole.tolist() == [1, 1, 1, 2, 2, 2] and count("allGather") == 1
    part = torch.zeros(2, device=here)
    dist.reduce_scatter_tensor(part, torch.arange(4.0, device=here))
    assert part.tolist() == [4 * rank, 4 * rank + 2] and count("reduceScatter") == 1
    # several at a time, waited for in another order on each rank
    a, b = torch.ones(2, device=here), torch.ones(3, device=here)
    works = [dist.all_reduce(a, async_op=True), dist.broadcast(b, 0, async_op=True)]
    for work in works if rank else works[::-1]:
        work.wait()
    assert a.tolist() == [2, 2] and [c[0] for c in calls[-2:]] == ["allReduce", "broadcast"]
    # versions: what backward needs is protected
    w = torch.ones(2, device=here, requires_grad=True)
    loss = (w * w).sum()
    dist.all_reduce(w.detach())
    try:
        loss.backward()
        raise SystemExit("a saved value was changed unnoticed")
    except RuntimeError as e:
        assert "modified by an inplace operation" in str(e)
    # what NCCL does not know goes through the CPU
    before = len(calls)
    y = torch.ones(2, dtype=torch.complex64, device=here)
    dist.all_reduce(y)
    z = torch.tensor([1, 2], device=here)
    dist.all_reduce(z, dist.ReduceOp.BOR)
    dist.all_reduce(torch.ones(2))
    assert y.tolist() == [2, 2] and z.tolist() == [1, 2] and len(calls) == before
    # a group of its own
    group = dist.new_group([0, 1])
    y = torch.ones(1, device=here)
    dist.all_reduce(y, group=group)
    assert y.item() == 2 and count("init") == 2
    # DDP: gradients travel from the device and stay there
    generator = torch.Generator().manual_seed(3)
    x = torch.randint(-3, 4, (4 * size, 6), generator=generator).float()

    whole = make()
    (whole(x).sum(1).sum() / size).backward()
    for views in (False, True):
        before = count("allReduce")
        net = DDP(make().to(here), device_ids=[here.index], gradient_as_bucket_view=views)
        for _ in range(2):
            net.zero_grad()
            net(x[rank::size]).sum(1).sum().backward()
            for p, q in zip(net.parameters(), whole.parameters()):
                assert p.grad.device == here and torch.equal(p.grad.cpu(), q.grad), views
        assert count("allReduce") - before == 2 * len(net.reducer.buckets)
elif mode == "fully_shard":
    # parameters, gradients and states are dealt, gathered and averaged without leaving the device
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    import wengert.distributed.buffers as buffers

    inner = buffers.host

    def host(t, *args):
        assert t.device.type == "cpu", "a tensor of the device travels through the CPU"
        return inner(t, *args)

    generator = torch.Generator().manual_seed(3)
    x = torch.randint(-3, 4, (4 * size, 6), generator=generator).float().to(here)
    mesh = init_device_mesh("cuda", (size,))
    policies = (None, MixedPrecisionPolicy(torch.bfloat16, torch.float32))
    buffers.host = host
    for policy in policies:
        whole, net = make().to(here), make().to(here)
        options = {"mesh": mesh} if policy is None else {"mesh": mesh, "mp_policy": policy}
        fully_shard(net[0], **options)
        fully_shard(net, **options)
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.5)
        reference = torch.optim.AdamW(whole.parameters(), lr=0.5)
        for step in range(3):
            before = [count(name) for name in ("allGather", "reduceScatter", "allReduce")]
            optimizer.zero_grad()
            reference.zero_grad()
            net(x[rank::size]).float().sum(1).sum().backward()
            after = [count(name) for name in ("allGather", "reduceScatter", "allReduce")]
            assert [b - a for a, b in zip(before, after)] == [2, 2, 0], (before, after)
            (whole(x).sum(1).sum() / size).backward()
            for p, q in zip(net.parameters(), whole.parameters()):
                local = p.grad.to_local()
                assert local.device == here and p.device == here
                if step == 0:
                    assert torch.equal(p.grad.full_tensor(), q.grad), policy
            if policy is not None:
                break
            norms = [nn.utils.clip_grad_norm_(n.parameters(), 1.0) for n in (net, whole)]
            assert abs(float(norms[0]) - float(norms[1])) < 1e-5 * float(norms[1])
            optimizer.step()
            reference.step()
            for p, q in zip(net.parameters(), whole.parameters()):
                assert torch.allclose(p.full_tensor(), q, rtol=1e-6, atol=1e-6)
    buffers.host = inner
elif mode == "mismatch":
    y = torch.ones(2, device=here)
    dist.all_reduce(y)
    try:
        if rank:
            dist.broadcast(y, 0)
        else:
            dist.all_reduce(y)
        raise SystemExit("a mismatch was not noticed")
    except dist.DistBackendError as e:
        assert "broadcast(float32[2], src=0, NCCL)" in str(e), e
        assert "all_reduce(float32[2], SUM, NCCL)" in str(e), e
    assert count("broadcast") == 0 and count("allReduce") == 1  # NCCL was not called
    sys.stdout.write("all well\n")
    sys.stdout.flush()
    os._exit(0)  # the group is of no more use
else:  # two ranks on one device, which NCCL does not take
    y = torch.ones(2, device=here)
    dist.all_reduce(y)
    assert y.tolist() == [2, 2] and not calls
dist.barrier()
sys.stdout.write("all well\n")
