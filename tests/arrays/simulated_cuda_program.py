"""The last chapter of a course, on simulated devices: run by the tests with three of them, of which
CUDA_VISIBLE_DEVICES, set here as the course does, leaves two.
"""

import os
import sys

import numpy as np
import torch
import torch.nn as nn

os.environ["CUDA_VISIBLE_DEVICES"] = "0,2,7,1"  # what follows 7, which is not there, is not seen
device = torch.device("cuda:1" if torch.cuda.is_available() else "cpu")
assert str(device) == "cuda:1" and torch.cuda.device_count() == 2


def raises(kind, text, f):
    try:
        f()
    except kind as e:
        assert text in str(e), e
        return
    raise AssertionError(f"no {kind.__name__}: {text}")


# a model, a loss, an optimizer, a loader on a device; results on the CPU
torch.manual_seed(0)
x, y = torch.randn(24, 4), torch.randint(0, 3, (24,))
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
net = net.to(device)
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(x, y), batch_size=8, pin_memory=True
)
losses = []
for _ in range(10):
    for a, b in loader:
        a, b = a.to(device, non_blocking=True), b.cuda(1)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(a), b)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
assert np.mean(losses[-3:]) < np.mean(losses[:3])
assert all(p.is_cuda and p.get_device() == 1 and p.grad.device == device for p in net.parameters())
assert all(t.device == device for s in optimizer.state.values() for t in s.values() if t.dim())
assert isinstance(net(x.to(device)).detach().cpu().numpy(), np.ndarray)
raises(TypeError, "cpu()", lambda: net(x.to(device)).detach().numpy())

# checkpoints
path = sys.argv[1]
torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
assert torch.load(path)["net"]["0.weight"].device == device
for where in ("cpu", "cuda:0", torch.device("cuda:0")):
    assert str(torch.load(path, map_location=where)["net"]["0.weight"].device) == str(where)
for there in ("cuda:5", {"cuda:1": "cuda:5"}):
    try:
        torch.load(path, map_location=there)
        raise SystemExit("a device that is not there was not noticed")
    except RuntimeError as e:
        assert "on CUDA device 5 but torch.cuda.device_count() is 2." in str(e), e
assert str(torch.load(path, map_location={"cuda:1": "cuda:0"})["net"]["0.bias"].device) == "cuda:0"

# devices that do not mix, do not exist, are current
raises(RuntimeError, "two devices, cuda:1 and cpu", lambda: net[0].weight + torch.ones(8, 4))
raises(RuntimeError, "same device", lambda: net(x))
raises(RuntimeError, "cuda:1 and cuda:0",
       lambda: net[0].weight + torch.ones(8, 4, device="cuda"))  # fmt: skip
raises(torch.AcceleratorError, "invalid device ordinal", lambda: torch.ones(1, device="cuda:2"))
raises(torch.AcceleratorError, "invalid device ordinal", lambda: torch.cuda.set_device(2))
assert torch.cuda.current_device() == 0 and str(torch.ones(1).cuda().device) == "cuda:0"
with torch.cuda.device(1):
    assert torch.cuda.current_device() == 1 and str(torch.ones(1).to("cuda").device) == "cuda:1"
    assert torch.ones(1, device="cuda:0").to("cuda").get_device() == 1
with torch.cuda.device_of(net[0].weight):
    assert torch.cuda.current_device() == 1
torch.accelerator.set_device_index(1)
assert torch.accelerator.current_device_index() == 1 == torch.cuda.current_device()
torch.cuda.set_device(0)
assert torch.accelerator.current_accelerator() == torch.device("cuda")
assert torch.accelerator.device_count() == 2 and torch.accelerator.is_available()
with torch.device("cuda:1"):
    assert str(torch.zeros(2).device) == "cuda:1"
torch.set_default_device("cuda:1")
assert str(torch.arange(3).device) == str(nn.Linear(1, 1).weight.device) == "cuda:1"
torch.set_default_device(None)
assert torch.cuda.get_device_capability() == (8, 0) and torch.cuda.get_device_name(1)
assert torch.cuda.get_device_properties(0).total_memory > 0

# memory, streams, events
before = torch.cuda.memory_allocated(1)
kept = torch.zeros(1 << 16, device="cuda:1")
assert torch.cuda.memory_allocated(1) - before == 1 << 18 and torch.cuda.memory_allocated(0) >= 0
del kept
assert torch.cuda.memory_allocated(1) == before
free, total = torch.cuda.mem_get_info(1)
assert 0 < free <= total
stream = torch.cuda.Stream(device=1)
start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
with torch.cuda.stream(stream):
    start.record()
    z = net[0].weight * 2
    end.record()
stream.synchronize()
torch.cuda.synchronize()
assert start.elapsed_time(end) >= 0 and stream.query() and end.query() and z.get_device() == 1
with torch.autocast("cuda", dtype=torch.float16):
    assert net[0](x.to(device)).dtype == torch.float16
scaler = torch.amp.GradScaler("cuda")
loss = scaler.scale(net(x.to(device)).sum())
assert loss.device == device and float(loss.detach()) != 0

# one module on both
torch.manual_seed(1)
whole = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
parallel = nn.DataParallel(whole)
assert parallel.device_ids == [0, 1] and parallel.output_device == 0
raises(RuntimeError, "on device cuda:0 (device_ids[0]) but found one of them on device: cpu",
       lambda: parallel(x))  # fmt: skip
expected = whole(x)
expected.square().sum().backward()
grads = [p.grad.clone() for p in whole.parameters()]
parallel.to("cuda:0").zero_grad()
seen = []
whole[0].register_forward_hook(lambda m, i, o: seen.append((str(o.device), len(o))))
out = parallel(x)
assert seen == [("cuda:0", 12), ("cuda:1", 12)] and str(out.device) == "cuda:0"
assert torch.allclose(out.cpu(), expected)
out.square().sum().backward()
for p, g in zip(whole.parameters(), grads):
    assert str(p.grad.device) == "cuda:0" and torch.allclose(p.grad.cpu(), g, atol=1e-5)
assert parallel(x[:1]).shape == (1, 2)  # a batch for one device only
assert str(nn.DataParallel(whole, device_ids=[0, 1], output_device=1)(x).device) == "cuda:1"
single = nn.DataParallel(nn.Linear(4, 2), device_ids=[1])
assert str(single(x).device) == "cuda:1" == str(single.module.weight.device)

# types of old, which name a device
half = torch.ones(2).type("torch.cuda.HalfTensor")
assert half.type() == "torch.cuda.HalfTensor" and half.type(torch.float64).is_cuda
assert half.type("torch.FloatTensor").type() == "torch.FloatTensor"
torch.set_default_tensor_type("torch.cuda.DoubleTensor")
assert torch.ones(2).type() == "torch.cuda.DoubleTensor"
torch.set_default_tensor_type(torch.FloatTensor)
assert torch.ones(2).type() == "torch.FloatTensor"
sys.stdout.write("all well\n")
