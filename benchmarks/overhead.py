"""What a small op costs: `python benchmarks/overhead.py`, with PyTorch beside it if installed.

A product of 4 float32 elements with the graph recorded, next to NumPy's bare multiply; 100 such
products, and a chain of 100 ops of many kinds, forward and backward; a training step and an acting
step of small networks. See `rounds.py` for how times are taken.
"""

from __future__ import annotations

from collections.abc import Callable

import rounds


def product(torch) -> Callable[[], object]:
    """1,000 recorded products: a loop of its own keeps the timer out of the measurement."""
    x = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    y = torch.tensor([0.5, 0.6, 0.7, 0.8], requires_grad=True)

    def step():
        for _ in range(1000):
            x * y

    return step


def numpy_product() -> Callable[[], object]:
    import numpy as np

    x, y = np.float32([0.1, 0.2, 0.3, 0.4]), np.float32([0.5, 0.6, 0.7, 0.8])
    multiply = np.multiply

    def step():
        for _ in range(1000):
            multiply(x, y)

    return step


def chain(torch, backward: bool) -> Callable[[], object]:
    """100 ops on 4 elements: mul, add, tanh, view, index, sum, add fourteen times, mul, sum."""
    x = torch.tensor([0.1, 0.2, 0.3, 0.4])
    w = torch.tensor([0.5, -0.6, 0.7, -0.8], requires_grad=True)

    def step():
        y = x
        for _ in range(14):
            y = torch.tanh(y * w + x).view(1, 4)[0]
            y = y + y.sum()
        y = (y * w).sum()
        if backward:
            w.grad = None
            y.backward()

    return step


def products(torch, backward: bool) -> Callable[[], object]:
    """99 products of 4 elements and a sum."""
    x = torch.tensor([0.1, 0.2, 0.3, 0.4])
    w = torch.tensor([0.5, -0.6, 0.7, -0.8], requires_grad=True)

    def step():
        y = x
        for _ in range(99):
            y = y * w
        y = y.sum()
        if backward:
            w.grad = None
            y.backward()

    return step


def layers(torch, *sizes: int):
    """Linear layers of some sizes with ReLU between them."""
    torch.manual_seed(0)
    nn, modules = torch.nn, []
    for m, n in zip(sizes, sizes[1:]):
        modules += [nn.Linear(m, n), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def training(torch) -> Callable[[], object]:
    """A step of three layers of 64 units at batch 32, with MSELoss and Adam."""
    net, loss = layers(torch, 64, 64, 64, 64), torch.nn.MSELoss()
    x, y = torch.randn(32, 64), torch.randn(32, 64)
    optimizer = torch.optim.Adam(net.parameters())

    def step():
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()

    return step


def acting(torch) -> Callable[[], object]:
    """The step of a DQN that acts: 4-128-128-2, one observation, nothing recorded."""
    net, x = layers(torch, 4, 128, 128, 2), torch.randn(1, 4)

    def step():
        with torch.no_grad():
            return net(x)

    return step


def main() -> None:
    args = rounds.options(__doc__)
    found = rounds.libraries(args)
    steps = {"numpy": numpy_product(), **{name: product(torch) for name, torch in found.items()}}
    rounds.show("x * y, 4 float32, recorded", rounds.race(steps, args), 1e-3)
    for backward in (False, True):
        for what, make in (("100 products", products), ("100 ops", chain)):
            steps = {name: make(torch, backward) for name, torch in found.items()}
            title = f"{what}, forward" + " and backward" * backward
            rounds.show(title, rounds.race(steps, args))
    for title, make in (("training step, 3 x 64", training), ("acting step of a DQN", acting)):
        rounds.show(title, rounds.race({k: make(v) for k, v in found.items()}, args))


if __name__ == "__main__":
    main()
