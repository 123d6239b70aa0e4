"""Every collective against NumPy, for every dtype and layout: run on several ranks by the tests."""

import sys
import time
from datetime import timedelta

import numpy as np

import wengert as torch
import wengert.distributed as dist

dist.init_process_group("gloo", timeout=timedelta(seconds=20))
rank, size = dist.get_rank(), dist.get_world_size()
bad = []

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
    torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
]  # fmt: skip


def plain(t):
    return t.float().numpy() if t.dtype == torch.bfloat16 else t.numpy()


def same(what, got, expected):
    got, expected = plain(got), np.asarray(expected)
    if got.shape != expected.shape or not np.array_equal(got, expected):
        bad.append(f"{what}: {got.ravel()[:6].tolist()}, not {expected.ravel()[:6].tolist()}")


def raises(what, kind, text, f):
    try:
        f()
    except kind as e:
        if text not in str(e):
            bad.append(f"{what}: {e}")
    else:
        bad.append(f"{what}: no {kind.__name__}")


def layouts(values, dtype):
    """The same values plain, transposed in memory, and as a strided part of a larger tensor."""
    x = torch.tensor(values).to(dtype)
    large = torch.zeros(4, 7).to(dtype)
    large[1:3, 1:7:2] = x
    return {"plain": x, "transposed": x.t().contiguous().t(), "strided": large[1:3, 1:7:2]}


def check_dtype(dtype):
    base = np.arange(6).reshape(2, 3) % 3
    number = dtype != torch.bool
    total = sum((base + k).astype("f8") for k in range(size))
    total = total if number else np.any([base + k for k in range(size)], 0)
    op = dist.ReduceOp.SUM if number else dist.ReduceOp.MAX
    for name, x in layouts(base + rank, dtype).items():
        dist.all_reduce(x, op)
        same(f"all_reduce {dtype} {name}", x, total)
    for name, x in layouts(base + rank, dtype).items():
        dist.broadcast(x, src=size - 1)
        same(f"broadcast {dtype} {name}", x, plain(torch.tensor(base + size - 1).to(dtype)))
    mine = torch.tensor(base + rank).to(dtype)
    every = [plain(torch.tensor(base + k).to(dtype)) for k in range(size)]
    out = [torch.zeros(2, 3).to(dtype) for _ in range(size)]
    dist.all_gather(out, mine)
    for k in range(size):
        same(f"all_gather {dtype}", out[k], every[k])
    joined = torch.zeros(2 * size, 3).to(dtype)
    dist.all_gather_into_tensor(joined, mine)
    same(f"all_gather_into_tensor {dtype}", joined, np.concatenate(every))
    part = torch.zeros(3).to(dtype)
    if number:
        dist.reduce_scatter_tensor(part, torch.arange(3 * size).to(dtype))
        same(f"reduce_scatter {dtype}", part, np.arange(3 * rank, 3 * rank + 3) * size)
    swapped = torch.zeros(size).to(dtype)
    dist.all_to_all_single(swapped, torch.full((size,), rank % 2).to(dtype))
    same(f"all_to_all {dtype}", swapped, np.arange(size) % 2)
    gathered = [torch.zeros(2, 3).to(dtype) for _ in range(size)] if rank == 1 else None
    dist.gather(mine, gathered, dst=1)
    if rank == 1:
        same(f"gather {dtype}", gathered[0], every[0])
    parts = [torch.tensor(base + k).to(dtype) for k in range(size)] if rank == 0 else None
    got = torch.zeros(2, 3).to(dtype)
    dist.scatter(got, parts, src=0)
    same(f"scatter {dtype}", got, every[rank])


for dtype in DTYPES:
    check_dtype(dtype)

for op, expected in (
    ("AVG", (size + 1) / 2), ("MIN", 1), ("MAX", size), ("PRODUCT", np.prod(np.arange(1, size + 1)))
):  # fmt: skip
    x = torch.full((3,), float(rank + 1))
    dist.all_reduce(x, getattr(dist.ReduceOp, op))
    same(op, x, [expected] * 3)
x = torch.tensor([4 | (1 << (rank + 4))])
for op, expected in (("BAND", 4), ("BOR", 4 | (2**size - 1) << 4), ("BXOR", (2**size - 1) << 4)):
    bits = x.clone()
    dist.all_reduce(bits, getattr(dist.ReduceOp, op))
    same(op, bits, [expected])
x = torch.full((3,), float(rank + 1))
dist.reduce(x, 1, dist.ReduceOp.MAX)
same("reduce", x, [size if rank == 1 else rank + 1] * 3)
big = torch.ones(1_000_003)
work = dist.all_reduce(big, async_op=True)
future = work.get_future().then(lambda f: f.value()[0] + 1)
same("future", future.wait(), np.full(1_000_003, size + 1))
assert work.is_completed() and work.is_success() and work.wait()
several = [torch.full((300_000,), float(rank + i)) for i in range(4)]
works = [dist.all_reduce(x, async_op=True) for x in several]
for i in range(4) if rank else (3, 0, 2, 1):  # in another order on each rank
    works[i].wait()
for i, x in enumerate(several):
    same("waited for in another order", x, np.full(300_000, sum(range(i, i + size))))
long = torch.arange(2_500_003) * (rank + 1)  # more than passes through shared memory at a time
dist.all_reduce(long)
same("in pieces", long, np.arange(2_500_003) * (size * (size + 1) // 2))
for k in range(70):  # one after the other through the same memory, the ranks not together
    x = torch.arange(5000.0) + k * rank
    dist.all_reduce(x)
    assert x[-1].item() == 4999 * size + k * size * (size - 1) // 2, (k, x[-1])
    time.sleep(1e-3 * (k % 7 == rank))
sim = torch.ones(3, device="sim:0")
dist.all_reduce(sim)
same("another device", sim.cpu(), [size] * 3)
assert sim.device.type == "sim"
ragged = [torch.zeros(k + 1) for k in range(size)]
dist.all_to_all([t for t in ragged], [torch.full((rank + 1,), float(rank)) for _ in range(size)])
same("all_to_all of lists", torch.cat(ragged), np.repeat(np.arange(size), np.arange(size) + 1))
split = torch.zeros(2 * size)
dist.all_to_all_single(split, torch.arange(2.0 * size), [2] * size, [2] * size)
same("all_to_all_single with splits", split, np.tile([2 * rank, 2 * rank + 1], size))
out = torch.zeros(2)
dist.reduce_scatter(out, [torch.full((2,), float(k)) for k in range(size)])
same("reduce_scatter of a list", out, [rank * size] * 2)
whole = torch.zeros(size, 2)
whole[rank] = rank
dist.all_gather_into_tensor(whole, whole[rank])
same("all_gather in place", whole[:, 0], np.arange(size))
many = [torch.ones(2), torch.full((3,), 2.0)]
dist.all_reduce_coalesced(many)
same("coalesced", many[1], [2 * size] * 3)

objects = [None] * size
dist.all_gather_object(objects, {"rank": rank, "tensor": torch.ones(rank)})
assert [x["rank"] for x in objects] == list(range(size)) and objects[1]["tensor"].shape == (1,)
pair = [("a", rank), None]
dist.broadcast_object_list(pair, 1)
assert pair == [("a", 1), None], pair
place = [None]
dist.scatter_object_list(place, list("abcd")[:size] if rank == 0 else None, 0)
assert place == ["abcd"[rank]]
gathered = [None] * size if rank == 0 else None
dist.gather_object(rank * 2, gathered, 0)
assert rank or gathered == [2 * k for k in range(size)]

if rank == 0:
    dist.send(torch.arange(5.0), 1)
    dist.send_object_list([1, "two"], 1)
elif rank == 1:
    x = torch.zeros(5)
    assert dist.recv(x) == 0
    same("recv", x, np.arange(5))
    things = [None, None]
    dist.recv_object_list(things, 0)
    assert things == [1, "two"]
x = torch.zeros(3)
ring = [
    dist.P2POp(dist.isend, torch.full((3,), float(rank)), (rank + 1) % size),
    dist.P2POp(dist.irecv, x, (rank - 1) % size),
]
sent, received = dist.batch_isend_irecv(ring)
assert sent.wait() and received.wait() and received.source_rank() == (rank - 1) % size
same("ring", x, [(rank - 1) % size] * 3)

pair = dist.new_group([0, 1], timeout=timedelta(seconds=5))
if rank < 2:
    x = torch.ones(1)
    dist.all_reduce(x, group=pair)
    same("group", x, [2])
    assert dist.get_process_group_ranks(pair) == [0, 1] and dist.get_group_rank(pair, 1) == 1
    assert dist.get_rank(pair) == rank and dist.get_world_size(pair) == 2
    dist.destroy_process_group(pair)
else:
    assert pair is dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(pair) == -1
mine, every = dist.new_subgroups(size // 2)
x = torch.full((1,), float(rank))
dist.all_reduce(x, group=mine)
first = rank // (size // 2) * (size // 2)
same("subgroups", x, [sum(range(first, first + size // 2))])

mesh = dist.init_device_mesh("cpu", (2, size // 2), mesh_dim_names=("dp", "tp"))
row, column = divmod(rank, size // 2)
assert mesh.get_coordinate() == [row, column] and mesh.get_local_rank("tp") == column
assert mesh.shape == (2, size // 2) and mesh.size(0) == 2 and mesh.mesh.tolist()[1][0] == size // 2
x = torch.full((1,), float(rank))
dist.all_reduce(x, group=mesh["dp"])
same("a column of the mesh", x, [2 * column + size // 2])
x = torch.full((1,), float(rank))
dist.all_reduce(x, group=mesh.get_group("tp"))
same("a row of the mesh", x, [sum(mesh.mesh.tolist()[row])])
raises("which dimension", RuntimeError, "get_all_groups", mesh.get_group)
raises("name", KeyError, "pp", lambda: mesh["pp"])
raises("mesh size", RuntimeError, "world size", lambda: dist.init_device_mesh("cpu", (3, 5)))

dist.barrier()
dist.monitored_barrier(timeout=timedelta(seconds=5))
v, y = torch.zeros(3, requires_grad=True), torch.ones(3)
z = (v * y).sum()
dist.all_reduce(y)
raises("a saved value was changed", RuntimeError, "modified by an inplace operation", z.backward)
raises("expanded", RuntimeError, "clone()", lambda: dist.all_reduce(torch.ones(1).expand(3)))
raises("no tensor", TypeError, "torch.Tensor", lambda: dist.all_reduce([1.0]))
raises("bits of floats", RuntimeError, "BAND",
       lambda: dist.all_reduce(torch.ones(1), dist.ReduceOp.BAND))  # fmt: skip
raises("complex", ValueError, "complex",
       lambda: dist.all_reduce(torch.ones(1) * 1j, dist.ReduceOp.MAX))  # fmt: skip
raises("sizes", ValueError, "world size",
       lambda: dist.all_gather_into_tensor(torch.ones(3), torch.ones(2)))  # fmt: skip
raises("root", ValueError, "not in the group", lambda: dist.broadcast(torch.ones(1), 99))
raises("self", ValueError, "rank of the current", lambda: dist.send(torch.ones(1), rank))
raises("twice", ValueError, "twice", lambda: dist.init_process_group("gloo"))

funcol = __import__("wengert.distributed._functional_collectives", fromlist=["all_reduce"])
world = dist.group.WORLD
x = torch.arange(2.0 * size).view(2, size) + rank
everyone = np.stack([np.arange(2.0 * size).reshape(2, size) + r for r in range(size)])
same("new sums", funcol.all_reduce(x, "sum", world), everyone.sum(0))
same("new means", funcol.all_reduce(x, "avg", world), everyone.mean(0))
same("joined", funcol.all_gather_tensor(x, 1, world), np.concatenate(everyone, 1))
same("dealt", funcol.reduce_scatter_tensor(x, "sum", 1, world), everyone.sum(0)[:, rank : rank + 1])
same("from 0", funcol.broadcast(x, 0, world), everyone[0])
same("exchanged", funcol.all_to_all_single(x.t().contiguous(), None, None, world),
     everyone[:, :, rank])  # fmt: skip
y = x.clone().requires_grad_()
(funcol.all_gather_tensor_autograd(y, 0, world) * (rank + 1)).sum().backward()
same("gradients", y.grad, np.full((2, size), size * (size + 1) / 2))

store = dist.TCPStore("127.0.0.1", int(sys.argv[1]), size, rank == 0)
store = dist.PrefixStore("p", store)
if rank == 0:
    store.set("key", "value")
assert store.get("key") == b"value" and store.add("count", 1) >= 1
dist.barrier()
assert store.add("count", 0) == size

dist.destroy_process_group()
dist.init_process_group("gloo")  # again, in the same processes
x = torch.ones(1)
dist.all_reduce(x)
same("again", x, [size])

if rank < size - 1 and size > 2:  # the last one does not take part
    made = dist.shrink_group([size - 1])
    assert made is dist.group.WORLD and dist.get_world_size() == size - 1
    x = torch.ones(1)
    dist.all_reduce(x)
    same("fewer", x, [size - 1])
    left = dist.new_group([0, 1])
assert not bad, bad
sys.stdout.write(f"rank {rank} of {size}: all well\n")
