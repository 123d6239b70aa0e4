"""torch.cuda's names on two simulated devices: streams, events, memory, contexts, seeds, pinned
memory, tensors between devices. Run by the tests.
"""

import sys

import torch
from torch import nn
from torch.cuda import comm
from torch.utils.data import DataLoader, TensorDataset

cuda = torch.cuda


def raises(kind, text, f):
    try:
        f()
    except kind as e:
        assert text in str(e), str(e)
    else:
        raise AssertionError(f"no {kind.__name__}: {text}")


# streams and events
s, before = cuda.Stream(), cuda.current_stream()
with cuda.stream(s):
    assert cuda.current_stream() == s
assert cuda.current_stream() == before == cuda.default_stream() != s
start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
start.record()
end.record()
end.synchronize()
assert start.elapsed_time(end) >= 0 and start.query() and s.query()
s.wait_event(start)
s.wait_stream(before)
start.wait(s)
raises(RuntimeError, "must be recorded", lambda: cuda.Event().elapsed_time(end))
plain = s.record_event()
raises(ValueError, "enable_timing=True", lambda: start.elapsed_time(plain))
with cuda.device(1):
    assert cuda.Stream().device == torch.device("cuda:1")

# memory
base, mib = cuda.memory_allocated(), 1 << 20
cuda.reset_peak_memory_stats()
x = torch.zeros(mib, device="cuda")
assert cuda.memory_allocated() == base + 4 * mib and cuda.memory_allocated("cuda:1") == 0
del x
assert cuda.memory_allocated() == base and cuda.max_memory_allocated() == base + 4 * mib
assert cuda.memory_stats()["allocated_bytes.all.peak"] == base + 4 * mib
assert cuda.memory_stats_as_nested_dict()["allocated_bytes"]["all"]["peak"] == base + 4 * mib
assert "Allocated memory" in cuda.memory_summary()
cuda.reset_peak_memory_stats()
assert cuda.max_memory_allocated() == base
cuda.set_per_process_memory_fraction(0.0001)
raises(torch.OutOfMemoryError, "CUDA out of memory", lambda: torch.zeros(mib, device="cuda"))
torch.zeros(mib, device="cuda:1")  # a limit is one device's
cuda.set_per_process_memory_fraction(1.0)
torch.zeros(mib, device="cuda")
raises(ValueError, "Allowed range", lambda: cuda.set_per_process_memory_fraction(1.5))
raises(torch.OutOfMemoryError, "CUDA out of memory", lambda: torch.empty(1 << 40, device="cuda"))
free, total = cuda.mem_get_info()
assert 0 < free <= total == cuda.get_device_properties(0).total_memory

# the current device
for d in (1, "cuda:1", torch.device("cuda:1")):
    with cuda.device(d):
        assert cuda.current_device() == 1 == torch.ones(1).cuda().device.index
with cuda.device(-1):
    cuda.set_device(-1)
    assert cuda.current_device() == 0
raises(ValueError, "Expected a cuda device, but got: cpu", lambda: cuda.set_device("cpu"))
assert cuda.can_device_access_peer(0, 1) and not cuda.can_device_access_peer(0, 0)
assert repr(cuda.get_device_properties(1)).startswith("_CudaDeviceProperties(name=")

# seeds: a generator for each device
for i in range(2):
    where = f"cuda:{i}"
    with cuda.device(i):
        cuda.manual_seed(3)
        a = torch.rand(3, device=where)
        cuda.manual_seed(3)
        assert torch.equal(a, torch.rand(3, device=where)) and cuda.initial_seed() == 3
    state = cuda.get_rng_state(where)
    a = torch.rand(3, device=where)
    cuda.set_rng_state(state, where)
    assert torch.equal(a, torch.rand(3, device=where))
kept = torch.get_rng_state()
cuda.manual_seed_all(5)
assert torch.equal(kept, torch.get_rng_state())  # the CPU's is another
assert [g.initial_seed() for g in cuda.default_generators] == [5, 5]
states = cuda.get_rng_state_all()
a = [torch.rand(2, device=d).cpu() for d in ("cuda:0", "cuda:1")]
cuda.set_rng_state_all(states)
assert torch.equal(a[0], torch.rand(2, device="cuda:0").cpu()) and torch.equal(*a)

# pinned memory
x = torch.ones(4)
assert x.pin_memory().is_pinned() and not x.is_pinned() and x.pin_memory()[1:].is_pinned()
pinned = x.pin_memory()
assert pinned.pin_memory() is pinned and pinned.to("cuda", non_blocking=True).is_cuda
raises(RuntimeError, "only dense CPU tensors can be pinned", lambda: x.cuda().pin_memory())
data = TensorDataset(torch.ones(6, 2), torch.arange(6))
for workers in (0, 1):
    for a, b in DataLoader(data, batch_size=3, pin_memory=True, num_workers=workers):
        assert a.is_pinned() and b.is_pinned() and a.sum() == 6
assert not next(iter(DataLoader(data)))[0].is_pinned()
mixed = [{"a": torch.ones(2), "b": (torch.ones(1), "s")}]
batch = next(iter(DataLoader(mixed, collate_fn=lambda v: v[0], pin_memory=True)))
assert batch["a"].is_pinned() and batch["b"][0].is_pinned() and batch["b"][1] == "s"

# between devices
x = torch.arange(4.0, device="cuda:0")
assert [str(t.device) for t in comm.broadcast(x, [0, 1])] == ["cuda:0", "cuda:1"]
parts = comm.scatter(x, [0, 1])
assert [t.tolist() for t in parts] == [[0, 1], [2, 3]] and parts[1].device.index == 1
assert comm.gather(parts, 0, 1).tolist() == x.tolist()
assert comm.reduce_add([x, x.to("cuda:1")]).tolist() == (2 * x).tolist()


# collectives between the devices of a process
def pair(*values):
    return [torch.tensor(v, device=f"cuda:{i}") for i, v in enumerate(values)]


nccl = cuda.nccl
xs = pair([1.0, 2.0], [5.0, 7.0])
nccl.all_reduce(xs)
assert [t.tolist() for t in xs] == [[6, 9]] * 2 and [t.get_device() for t in xs] == [0, 1]
xs, out = pair([1.0, 2.0], [5.0, 7.0]), torch.zeros(2, device="cuda:1")
nccl.reduce(xs, out, op=1)
assert out.tolist() == [5, 14] and xs[1].tolist() == [5, 7]
nccl.broadcast(xs, root=1)
assert xs[0].tolist() == [5, 7] and xs[0].get_device() == 0
xs, outs = pair([1.0, 2.0], [5.0, 7.0]), pair([0.0] * 4, [0.0] * 4)
nccl.all_gather(xs, outs)
assert [t.tolist() for t in outs] == [[1, 2, 5, 7]] * 2
parts = pair([0.0], [0.0])
nccl.reduce_scatter(xs, parts, op=2)
assert [t.tolist() for t in parts] == [[5], [7]] and parts[1].get_device() == 1
raises(TypeError, "collection of tensors", lambda: nccl.all_reduce(xs[0]))
raises(ValueError, "2 tensors of 4 elements", lambda: nccl.all_gather(xs, parts))
raises(ValueError, "op must be", lambda: nccl.all_reduce(xs, op=9))

# typed storages, the runtime, profilers, marks, settings
s = cuda.FloatStorage([1.0, 2.0])
assert isinstance(s, cuda.FloatStorage) and s.device.type == "cuda" and s.tolist() == [1, 2]
assert not isinstance(torch.FloatStorage(2), cuda.FloatStorage)
assert not isinstance(cuda.HalfStorage(1), cuda.FloatStorage)
sparse = cuda.sparse.FloatTensor(torch.tensor([[0, 1]]).cuda(), torch.ones(2).cuda(), (2,))
assert sparse.is_sparse and sparse.is_cuda and isinstance(sparse, cuda.sparse.FloatTensor)
moved = torch.eye(3).to_sparse().to("cuda:1")
assert moved.device == moved.indices().device == moved.cpu().cuda(1).device
assert torch.sparse.mm(moved, torch.ones(3, 2, device="cuda:1")).get_device() == 1
assert (moved + moved).coalesce().cpu().to_dense().tolist() == (2 * torch.eye(3)).tolist()
assert torch.sparse.softmax(moved, 1).device == torch.cat([moved, moved]).device == moved.device
assert (moved @ moved).coalesce().to_dense().device == moved.device
raises(RuntimeError, "cuda:1 and cpu", lambda: torch.sparse.mm(moved, torch.ones(3, 2)))
assert torch.eye(2).to_sparse_csr().cuda().col_indices().is_cuda and not moved.cpu().is_cuda
for kind in (torch.optim.SGD, torch.optim.SparseAdam, torch.optim.Adagrad):
    ends = []
    for where in ("cpu", "cuda:1"):
        torch.manual_seed(0)
        words = nn.Embedding(4, 2, sparse=True).to(where)
        optimizer = kind(words.parameters(), lr=0.5)
        for i in ([1, 2, 1], [], [3, 1]):
            optimizer.zero_grad()
            words(torch.tensor(i, dtype=torch.int64, device=where)).square().sum().backward()
            assert words.weight.grad.is_sparse and words.weight.grad.device == words.weight.device
            optimizer.step()
        ends.append(words.weight.detach().cpu())
    assert torch.allclose(*ends), kind
assert cuda.cudart().cudaMemGetInfo(0) == cuda.mem_get_info(0) and cuda.cudaStatus.SUCCESS == 0
with cuda.profiler.profile():
    cuda.nvtx.range_end(cuda.nvtx.range_start("a"))
cuda.tunable.enable()
assert cuda.tunable.is_enabled() and cuda.tunable.get_results() == ()
cuda.tunable.enable(False)
raises(RuntimeError, "CUDA C++", lambda: cuda.jiterator._create_jit_fn("x"))
raises(RuntimeError, "cannot be recorded", lambda: torch.accelerator.Graph())
assert cuda.graphs.graph is cuda.graph

# optimizers' states follow parameters
net = nn.Linear(3, 3).cuda(0)
adam = torch.optim.Adam(net.parameters())
net(torch.ones(1, 3, device="cuda:0")).sum().backward()
adam.step()
other = nn.Linear(3, 3).cuda(1)
again = torch.optim.Adam(other.parameters())
again.load_state_dict(adam.state_dict())
assert all(v["exp_avg"].device.index == 1 for v in again.state.values())
other(torch.ones(1, 3, device="cuda:1")).sum().backward()
again.step()
sys.stdout.write("all well\n")
