"""A few training steps through the heavy kernels; run as a program it prints their digest.

With the word "interrupt" it is told to stop at moments that nobody chose before it takes them.
"""

from __future__ import annotations

import hashlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import wengert as torch
from wengert import nn

STEPS = 3


class Images(torch.utils.data.Dataset):
    """Images that a convolution has gone over, in the process that reads them."""

    def __len__(self) -> int:
        return 16 * STEPS

    def __getitem__(self, i: int) -> Any:
        g = torch.Generator().manual_seed(i)
        x = torch.randn(1, 3, 32, 32, generator=g)
        with torch.no_grad():
            x = nn.functional.conv2d(x, torch.ones(16, 3, 5, 5), padding=2)
        return x[0], i % 10


def train(workers: int = 0, inside: Callable[[], None] | None = None) -> str:
    """A digest of the parameters after the steps.

    workers: processes that read the images; inside: called in the middle of each backward pass.
    """
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
    lstm, head = nn.LSTM(256, 64, batch_first=True), nn.Linear(64, 10)
    net = nn.ModuleList([conv, norm, lstm, head])
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    for x, y in torch.utils.data.DataLoader(Images(), 16, num_workers=workers):
        optimizer.zero_grad()
        h = norm(conv(x))
        if inside is not None:
            h.register_hook(lambda g: inside())
        h = nn.functional.max_pool2d(h.relu(), 2)
        out = head(lstm(h.flatten(2))[0][:, -1])
        nn.functional.cross_entropy(out, y).backward()
        optimizer.step()
    parts = [p.detach().numpy().tobytes() for p in net.parameters()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def interrupted(times: int) -> None:
    """Training that Ctrl-C ends, some times."""
    for k in range(times):

        def press(k: int = k) -> None:
            time.sleep(0.003 * (k + 1))
            signal.raise_signal(signal.SIGINT)

        thread = threading.Thread(target=press)
        try:
            thread.start()
            while thread.is_alive():
                train()
        except KeyboardInterrupt:
            pass
        thread.join()


if __name__ == "__main__":
    torch.set_num_threads(2)
    if "interrupt" in sys.argv:
        interrupted(10)
    print(train())
