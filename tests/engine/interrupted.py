"""A training whose cold start is interrupted: `python interrupted.py DELAY_MS [EVERY_MS]`.

An exception comes from a signal handler DELAY_MS after the first step began, as Ctrl-C's does; with
EVERY_MS again and again for a second. Each is caught, as a notebook does. Then training goes on and
must give the numbers of one that nothing disturbed. Prints them; exits with 0 if all went well.
"""

import faulthandler
import os
import signal
import sys
import time

os.environ["WENGERT_CACHE_DIR"] = ""  # all code is made anew

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.kernels import native, simd

native.Paid.least = simd.Ufunc.PAYS = 0  # whatever can be compiled is, at once


class Interrupted(KeyboardInterrupt):
    pass


inside = [False]  # whether the program is where it catches the exception


def interrupt(*args):
    if inside[0]:
        raise Interrupted


def train():
    """Some steps of a network that needs many kinds of things at first use."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.Conv2d(16, 4, 3), nn.Flatten(), nn.Linear(100, 8), nn.LayerNorm(8), nn.GELU(),
        nn.Linear(8, 3),
    )  # fmt: skip
    opt = torch.optim.AdamW(net.parameters(), lr=0.01)
    cell = nn.LSTM(3, 4)
    x, y = torch.randn(64, 1, 16, 16), torch.randint(0, 3, (64,))
    losses = []
    for _ in range(3):
        opt.zero_grad()
        out = net(x)
        h = cell(out[None])[0]
        loss = F.cross_entropy(out, y) + h.pow(2).mean() + out.softmax(1).std() * 0.1
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        losses.append(loss.item())
    p = torch.rand(3, requires_grad=True)
    (torch.cat([p, p.exp()]).cumsum(0) / torch.stack([p, p]).sum()).sum().backward()
    g = torch.func.vmap(torch.func.grad(lambda t: (t.sin() * t).sum()))(torch.ones(3, 2))
    return [*losses, float(p.grad.sum()), float(g.sum())]


def main():
    faulthandler.dump_traceback_later(100, exit=True)
    delay = float(sys.argv[1]) / 1000
    every = float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
    signal.signal(signal.SIGALRM, interrupt)
    end = time.monotonic() + (1.0 if every else 0.0)
    signal.setitimer(signal.ITIMER_REAL, delay, every)
    caught = 0
    while caught == 0 or time.monotonic() < end:
        try:
            inside[0] = True
            train()
            inside[0] = False
            if time.monotonic() > end:
                break
        except Interrupted:
            inside[0] = False
            caught += 1
            torch.set_grad_enabled(True)  # Python may raise before an __exit__'s first line
    inside[0] = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(caught, *train())


if __name__ == "__main__":
    main()
