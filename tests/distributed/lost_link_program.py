"""Sums without end between two hosts, until their link is taken away: run by the tests."""

import sys
from datetime import timedelta

import torch
import torch.distributed as dist

dist.init_process_group("gloo", timeout=timedelta(seconds=2))
x = torch.ones(1 << 12)
step = 0
while True:
    dist.all_reduce(x.fill_(1))
    step += 1
    if step == 20:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
