"""Time of a training step, eager: `python benchmarks/training.py`, with PyTorch beside it.

An MLP, an LSTM and a CNN of LeNet's size, with the same weights and data in both libraries; their
first losses must agree. See `rounds.py` for how times are taken.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial

import rounds


def weight(name: str, shape: tuple[int, ...]):
    """A parameter's first value: scaled normal for matrices, ones for norms, zeros for biases."""
    import numpy as np

    if len(shape) < 2:
        return (np.ones if name.endswith("weight") else np.zeros)(shape, "f4")
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype("f4")


def normal(*shape: int):
    import numpy as np

    return np.random.default_rng(0).standard_normal(shape).astype("f4")


def labels(classes: int, *shape: int, seed: int = 1):
    import numpy as np

    return np.random.default_rng(seed).integers(0, classes, shape)


def trainer(torch, model, optimizer, x, y) -> Callable[[], object]:
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.from_numpy(weight(name, tuple(p.shape))))
    optimizer = optimizer(model.parameters())
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp(torch) -> Callable[[], object]:
    """MLP: 784-256-128-10, batch 64, Adam."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    adam = partial(torch.optim.Adam, lr=1e-3)
    return trainer(torch, model, adam, normal(64, 784), labels(10, 64))


def lstm(torch) -> Callable[[], object]:
    """LSTM: embedding 64, hidden 256, 64 letters, batch 32, Adam."""
    nn = torch.nn

    class CharLSTM(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb, self.head = nn.Embedding(65, 64), nn.Linear(256, 65)
            self.lstm = nn.LSTM(64, 256, batch_first=True)

        def forward(self, x):
            return self.head(self.lstm(self.emb(x))[0]).flatten(0, 1)

    adam = partial(torch.optim.Adam, lr=1e-3)
    return trainer(
        torch, CharLSTM(), adam, labels(65, 32, 64), labels(65, 32, 64, seed=2).reshape(-1)
    )


def lenet(torch) -> Callable[[], object]:
    """CNN: two convolutions of 5x5 with pooling, three linear layers, batch 64, SGD."""
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    sgd = partial(torch.optim.SGD, lr=1e-2, momentum=0.9)
    return trainer(torch, model, sgd, normal(64, 1, 28, 28), labels(10, 64))


def main() -> None:
    args = rounds.options(__doc__)
    found = rounds.libraries(args)
    for make in (mlp, lstm, lenet):
        steps = {name: make(torch) for name, torch in found.items()}
        losses = [[float(step().item()) for _ in range(5)] for step in steps.values()]
        gap = max(abs(a - b) / abs(b) for a, b in zip(losses[0], losses[-1]))
        rounds.show(make.__doc__.split(":")[0], rounds.race(steps, args), 1e-3, "ms")
        if gap > 1e-4:
            print(f"  DIFFERS: losses are {gap:.1e} apart after 5 steps")


if __name__ == "__main__":
    main()
