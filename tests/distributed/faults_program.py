"""One fault of rank 1, which the tests choose; the others must learn of it within the deadline."""

import os
import signal
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist

case = sys.argv[1]
dist.init_process_group("gloo", timeout=timedelta(seconds=1))
x = torch.ones(1 << 12)
for _ in range(20):
    dist.all_reduce(x.fill_(1))
sys.stdout.write("ready\n")
sys.stdout.flush()
if dist.get_rank() == 1:
    if case == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif case == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif case == "raise":
        raise ValueError("broken batch")
    elif case == "exit3":
        sys.exit(3)
    elif case == "exit0":
        sys.exit(0)
    elif case == "hang":
        time.sleep(100)
    elif case == "order":
        dist.barrier()
    elif case == "shape":
        dist.all_reduce(torch.ones(7))
    elif case == "object":
        dist.all_gather_object([None] * 2, 1)
while True:
    dist.all_reduce(x.fill_(1))
