"""Random data sets, samplers and loaders, beside PyTorch: batches, lengths, errors, and the stream
of random numbers afterwards.

    python tools/random_loading.py --seconds 60 --seed 1 [--filter REGEX]

Workers, prefetching, persistent workers, generators, sizes of batches, collate and worker_init_fn
come and go; data sets are of all kinds, some raise. Needs PyTorch.
"""

from __future__ import annotations

import collections
import random
import re
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from comparing import Make, builtin, main, names

Point = collections.namedtuple("Point", "x y")
ITEMS = {
    "numbers": lambda T, i: i, "floats": lambda T, i: i / 4, "pairs": lambda T, i: (i, float(i)),
    "dicts": lambda T, i: {"a": T.full((2,), i), "b": [i, str(i)]}, "texts": lambda T, i: str(i),
    "points": lambda T, i: Point(T.tensor(i), i), "arrays": lambda T, i: np.full((2, 1), i, "f4"),
    "scalars": lambda T, i: np.int16(i), "bytes": lambda T, i: bytes([i]),
    "ragged": lambda T, i: T.ones(i),
    "none": lambda T, i: None, "lists": lambda T, i: [i] * (i % 2),
    "drawn": lambda T, i: T.rand(2) + i, "npdrawn": lambda T, i: np.random.rand(1),
    "pydrawn": lambda T, i: random.random(), "halves": lambda T, i: T.full((1,), i).half(),
    "bools": lambda T, i: i % 2 == 0, "seed": lambda T, i: T.initial_seed() % 10007,
}  # fmt: skip
COLLATE = ["len", "list", "sum", "lambda b: T.stack([T.as_tensor(x) for x in b]) * 2"]
INIT = ["print", "lambda i: T.manual_seed(i)", "lambda i: np.random.seed(i)", "lambda i: 1 / 0"]
SAMPLERS = [
    "D.RandomSampler(data{g})", "D.RandomSampler(data, replacement=True, num_samples={k}{g})",
    "D.RandomSampler(data, num_samples={k}{g})", "D.SequentialSampler(data)",
    "D.SubsetRandomSampler([0, 2, 1]{g})", "D.WeightedRandomSampler([0.2, 0.5, 0.3], {k}{g})",
    "D.WeightedRandomSampler([0.2, 0.5, 0.3], 2, replacement=False{g})", "[2, 0, 1]", "range(3)",
    "D.distributed.DistributedSampler(data, 2, {r}, shuffle={b}, seed={k}, drop_last={b})",
    "iter([1, 0])", "D.RandomSampler(data, replacement=True{g})",
]  # fmt: skip
BATCHES = ["D.BatchSampler({s}, {m}, {b})", "[[0, 1], [2]]", "[[0], [], [1]]"]
DATA = [
    "Items({n}, '{item}')", "Items({n}, '{item}')", "Items({n}, '{item}')",
    "Streamed({n}, '{item}')",
    "Streamed({n}, '{item}', True)", "D.TensorDataset(T.arange({n}), T.ones({n}, 2))",
    "D.Subset(Items(9, '{item}'), [3, 1, 4])",
    "D.ConcatDataset([Items(2, '{item}'), Items({n}, '{item}')])",
    "D.ChainDataset([Streamed(2, '{item}'), Streamed({n}, '{item}')])", "list(range({n}))",
    "D.random_split(Items({n}, '{item}'), [0.5, 0.5])[0]", "T.arange({n} * 2.).view({n}, 2)",
    "D.StackDataset(Items({n}, '{item}'), Items({n}, 'numbers'))", "Items({n}, '{item}', bad=2)",
    "D.StackDataset(a=Items({n}, '{item}'))", "Fetched({n}, '{item}')", "'text'",
]  # fmt: skip


def filled(rng: random.Random, text: str) -> str:
    return text.format(
        n=rng.choice([0, 1, 3, 5, 8]), item=rng.choice(list(ITEMS)), k=rng.choice([1, 3, 7]),
        g=rng.choice(["", ", generator=G"]), r=rng.choice([0, 1]), b=rng.random() < 0.5,
        m=rng.choice([1, 2, 3]), s="{s}",
    )  # fmt: skip


def options(rng: random.Random) -> list[str]:
    """Texts of the keywords of a loader; some contradict one another."""
    found = []

    def maybe(chance: float, *texts: str) -> None:
        if rng.random() < chance:
            found.append(filled(rng, rng.choice(texts)))

    maybe(0.7, "batch_size={m}", "batch_size={m}", "batch_size=None", "batch_size=20")
    way = rng.random()
    if way < 0.35:
        found.append(f"shuffle={rng.random() < 0.8}")
    elif way < 0.65:
        found.append(f"sampler={filled(rng, rng.choice(SAMPLERS))}")
    elif way < 0.8:
        text = filled(rng, rng.choice(BATCHES)).replace("{s}", filled(rng, rng.choice(SAMPLERS)))
        found = [f"batch_sampler={text}"]
    maybe(0.25, "drop_last=True", "drop_last=False")
    maybe(0.3, "generator=G")
    maybe(0.15, *[f"collate_fn={c}" for c in COLLATE])
    maybe(0.1, "pin_memory=False", "timeout=0", "timeout=-1", "pin_memory_device=''")
    if rng.random() < 0.2:
        found.append(f"num_workers={rng.choice([1, 2, 3])}")
        maybe(0.4, "persistent_workers=True")
        maybe(0.4, "prefetch_factor=1", "prefetch_factor=3")
        maybe(
            0.4,
            *[
                f"worker_init_fn={c}"
                for c in (INIT[:3] if "persistent_workers=True" in found else INIT)
            ],
        )
        maybe(0.2, "in_order=False" if "num_workers=1" in found else "in_order=True")
        maybe(0.2, "timeout=30")
        maybe(0.1, "multiprocessing_context='fork'")
    else:
        maybe(0.04, "persistent_workers=True", "prefetch_factor=2", "num_workers=-1", "timeout=1")
    return found


def known(T: Any) -> dict[str, Any]:
    """The names of the edge cases, D, and L: what a loader gives in some epochs."""
    D = T.utils.data

    class Items(D.Dataset):  # type: ignore[misc, name-defined]
        def __init__(self, n: int, kind: str = "numbers", bad: int | None = None) -> None:
            self.n, self.kind, self.bad = n, kind, bad

        def __len__(self) -> int:
            return self.n

        def __getitem__(self, i: int) -> Any:
            if not 0 <= i < self.n:
                raise IndexError(i)
            if i == self.bad:
                raise ZeroDivisionError("planned")
            return ITEMS[self.kind](T, int(i))

    class Fetched(Items):
        def __getitems__(self, indices: list[int]) -> list[Any]:
            return [ITEMS[self.kind](T, int(i) + 1) for i in indices]

    class Streamed(D.IterableDataset):  # type: ignore[misc, name-defined]
        def __init__(self, n: int, kind: str = "numbers", sized: bool = False) -> None:
            self.n, self.kind = n, kind
            if sized:
                type(self).__len__ = lambda self: self.n

        def __iter__(self) -> Any:
            info = D.get_worker_info()
            first, step = (info.id, info.num_workers) if info else (0, 1)
            return (ITEMS[self.kind](T, i) for i in range(first, self.n, step))

    space = {**names(T), "D": D, "Items": Items, "Fetched": Fetched, "Streamed": Streamed}

    def loaded(data: str, words: list[str], epochs: int, stop: int | None) -> list[Any]:
        T.manual_seed(3), np.random.seed(3), random.seed(3)
        if hasattr(Streamed, "__len__"):
            del Streamed.__len__
        G = T.Generator().manual_seed(5)
        here = {**space, "G": G}
        here["data"] = eval(data, here)
        loader = eval(f"D.DataLoader(data, {', '.join(words)})", here)
        found: list[Any] = []
        try:
            found.append(len(loader))
        except TypeError:
            found.append("no length")
        for _ in range(epochs):
            try:
                for i, batch in enumerate(loader):
                    if stop is not None and i >= stop:
                        break
                    found.append(batch)
            except Exception as error:
                found.append(builtin(error).__name__)
        return [*found, T.rand(1), T.rand(1, generator=G), np.random.rand(), random.random()]

    return {**space, "L": loaded}


def maker(pattern: str) -> Make:
    warnings.simplefilter("ignore")

    def make(rng: random.Random) -> tuple[str, str] | None:
        data, words = filled(rng, rng.choice(DATA)), options(rng)
        epochs, stop = rng.choice([1, 2]), rng.choice([None, None, None, 1])
        text = f"L({data!r}, {words!r}, {epochs}, {stop})"
        group = "workers" if "num_workers" in text else "plain"
        return (group, text) if re.search(pattern, group) else None

    return make


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", maker, known))
