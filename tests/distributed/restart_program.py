"""Trains with a checkpoint for each epoch; rank 1 is killed once if asked to be."""

import hashlib
import os
import signal
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

path, kill = sys.argv[1], sys.argv[2] == "kill"
dist.init_process_group("gloo")
torch.manual_seed(0)
x = torch.randn(64, 1, 6, 6)
data = TensorDataset(x, (x.mean((1, 2, 3)) > 0).long())
net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
first = 0
if os.path.exists(path):
    kept = torch.load(path)
    net.load_state_dict(kept["net"])
    optimizer.load_state_dict(kept["optimizer"])
    first = kept["epoch"]
ddp = DDP(net)
loader = DataLoader(data, batch_size=8, sampler=DistributedSampler(data))
for epoch in range(first, 3):
    loader.sampler.set_epoch(epoch)
    for i, (a, b) in enumerate(loader):
        optimizer.zero_grad()
        nn.functional.cross_entropy(ddp(a), b).backward()
        optimizer.step()
        again = os.environ["TORCHELASTIC_RESTART_COUNT"] != "0"
        if kill and not again and (epoch, i, dist.get_rank()) == (1, 2, 1):
            os.kill(os.getpid(), signal.SIGKILL)
    if dist.get_rank() == 0:
        kept = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
        torch.save(kept, path + ".new")
        os.replace(path + ".new", path)
    dist.barrier()
weights = b"".join(t.detach().numpy().tobytes() for t in net.parameters())
sys.stdout.write(f"from epoch {first}: {hashlib.sha1(weights).hexdigest()}\n")
