"""What an epoch of loading costs: `python benchmarks/loading.py`, with PyTorch beside it.

60,000 samples in shuffled batches of 64: as tensors in memory, small rows and images of 28 x 28
float32; as a dataset that is asked for each image, and that with two worker processes, whose
batches are taken as fast as they come. Wall time, since workers run beside this process. See
`rounds.py` for how times are taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import rounds

SAMPLES, BATCH = 60_000, 64


class Images:
    """Samples as pairs of NumPy array and label, as readers of image files give them."""

    def __init__(self, count: int = SAMPLES) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        self.images = rng.standard_normal((count, 28, 28), dtype=np.float32)
        self.labels = rng.integers(0, 10, count)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.images[index], self.labels[index]


def epoch(loader) -> Callable[[], object]:
    """One pass: the batches are only counted, so that nothing but loading is timed."""

    def step() -> int:
        return sum(len(labels) for _, labels in loader)

    return step


def in_memory(torch, *shape: int) -> Callable[[], object]:
    data = torch.utils.data
    tensors = data.TensorDataset(torch.randn(SAMPLES, *shape), torch.arange(SAMPLES) % 10)
    return epoch(data.DataLoader(tensors, batch_size=BATCH, shuffle=True))


def by_sample(torch, workers: int, persistent: bool = False) -> Callable[[], object]:
    loader = torch.utils.data.DataLoader(
        Images(), batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=persistent
    )
    return epoch(loader)


def main() -> None:
    args = rounds.options(__doc__)
    args.clock = time.perf_counter
    found = rounds.libraries(args)
    for title, make in (
        ("TensorDataset, rows of 20", lambda torch: in_memory(torch, 20)),
        ("TensorDataset, images", lambda torch: in_memory(torch, 28, 28)),
        ("map-style dataset", lambda torch: by_sample(torch, 0)),
        ("map-style dataset, 2 workers", lambda torch: by_sample(torch, 2)),
        ("same, persistent workers", lambda torch: by_sample(torch, 2, True)),
    ):
        steps = {name: make(torch) for name, torch in found.items()}
        rounds.show(title, rounds.race(steps, args), 1e-3, "ms")


if __name__ == "__main__":
    main()
