"""Whole training steps: PyTorch eager, wengert eager, wengert compiled.

    python benchmarks/compiled.py --threads 2 --only mlp gpt

Ratios are to PyTorch eager, taken within alternating rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from rounds import libraries, options, race, show


def trained(torch: Any, model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> Any:
    def step() -> Any:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    return step


def mlp_tiny(torch: Any) -> Any:
    nn = torch.nn
    m = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    o = torch.optim.SGD(m.parameters(), lr=1e-2)
    return trained(torch, m, o, nn.functional.mse_loss, torch.randn(32, 2), torch.randn(32, 1))


def mlp(torch: Any) -> Any:
    nn = torch.nn
    m = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    o = torch.optim.Adam(m.parameters(), lr=1e-3)
    x, y = torch.randn(64, 784), torch.randint(10, (64,))
    return trained(torch, m, o, nn.functional.cross_entropy, x, y)


def lenet(torch: Any) -> Any:
    nn = torch.nn
    m = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10),
    )  # fmt: skip
    o = torch.optim.SGD(m.parameters(), lr=1e-2, momentum=0.9)
    x, y = torch.randn(64, 1, 28, 28), torch.randint(10, (64,))
    return trained(torch, m, o, nn.functional.cross_entropy, x, y)


def encoder(torch: Any) -> Any:
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, nn.functional.gelu, batch_first=True)
    m = nn.Sequential(nn.TransformerEncoder(layer, 2), nn.Linear(128, 65), nn.Flatten(0, 1))
    o = torch.optim.AdamW(m.parameters(), lr=1e-3)
    x, y = torch.randn(16, 128, 128), torch.randint(65, (16 * 128,))
    return trained(torch, m, o, nn.functional.cross_entropy, x, y)


def pendulum(torch: Any) -> Any:
    k = torch.tensor([1.5], requires_grad=True)
    start = torch.randn(4), torch.randn(4)

    def step() -> Any:
        k.grad = None
        q, p = start
        for _ in range(300):
            p = p - 0.01 * (k * torch.sin(q) + 0.1 * p)
            q = q + 0.01 * p
        (q * q + p * p).sum().backward()
        return k.grad

    return step


STEPS = dict(tiny=mlp_tiny, mlp=mlp, lenet=lenet, encoder=encoder, pendulum=pendulum)


def contestants(make: Any, found: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    steps: dict[str, Callable[[], Any]] = {}
    for name, library in found.items():
        steps[name] = make(library)
        if name == "wengert":
            steps["compiled"] = library.compile(make(library))
    for f in steps.values():
        for _ in range(4):
            f()
    return steps


if __name__ == "__main__":
    args = options(__doc__ or "", "only")
    found = libraries(args)
    for name, make in STEPS.items():
        if not args.only or name in args.only:
            times = race(contestants(make, found), args)
            show(name, times)
            for who in ("torch", "wengert"):
                if who in times:
                    ratios = [a / b for a, b in zip(times["compiled"], times[who])]
                    print(f"    compiled/{who} {statistics.median(ratios):.2f}", flush=True)
