"""What a small op costs: `python benchmarks/overhead.py`, with PyTorch beside it if installed.

A product of 4 float32 elements with the graph recorded, next to NumPy's bare multiply, and a chain
of 100 such ops, forward and backward. See `rounds.py` for how times are taken.
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


def main() -> None:
    args = rounds.options(__doc__)
    found = rounds.libraries(args)
    steps = {"numpy": numpy_product(), **{name: product(torch) for name, torch in found.items()}}
    rounds.show("x * y, 4 float32, recorded", rounds.race(steps, args), 1e-3)
    for backward in (False, True):
        steps = {name: chain(torch, backward) for name, torch in found.items()}
        title = "100 ops, forward" + (" and backward" if backward else "")
        rounds.show(title, rounds.race(steps, args))


if __name__ == "__main__":
    main()
