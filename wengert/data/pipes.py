"""torch.utils.data.datapipes, as far as loaders of other libraries use it: a stream that is
shuffled through a buffer. The other pipes are not here: write generators.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sized
from typing import Any

from .dataset import Dataset, IterableDataset, S_co
from .samplers import draw_seed

__all__ = ["IterDataPipe", "MapDataPipe", "ShufflerIterDataPipe"]


class IterDataPipe(IterableDataset[Any]):
    """A stream of samples: subclasses define `__iter__`.

    >>> class Count(torch.utils.data.IterDataPipe):
    ...     def __iter__(self):
    ...         yield from range(3)
    >>> list(Count())
    [0, 1, 2]
    """

    def shuffle(self, buffer_size: int = 10_000) -> ShufflerIterDataPipe:
        """The samples in another order."""
        return ShufflerIterDataPipe(self, buffer_size=buffer_size)


class MapDataPipe(Dataset[S_co]):
    """Samples by index: subclasses define `__getitem__` and `__len__`.

    >>> class Squares(torch.utils.data.MapDataPipe):
    ...     def __getitem__(self, i):
    ...         return i * i
    ...     def __len__(self):
    ...         return 4
    >>> Squares()[3], len(Squares())
    (9, 4)
    """


class ShufflerIterDataPipe(IterDataPipe):
    """The samples of a stream in another order: drawn from a buffer that the stream fills.

    Args:
        datapipe: the stream.
        buffer_size: how many samples there are to draw from.

    >>> pipe = ShufflerIterDataPipe(range(4)).set_seed(0)
    >>> sorted(pipe)
    [0, 1, 2, 3]
    """

    def __init__(self, datapipe: Any, *, buffer_size: int = 10_000, unbatch_level: int = 0) -> None:
        if buffer_size <= 0:
            raise ValueError("buffer_size should be larger than 0")
        if unbatch_level:
            raise NotImplementedError("ShufflerIterDataPipe: unbatch_level is not supported: 0")
        self.datapipe, self.buffer_size = datapipe, buffer_size
        self._enabled, self._rng = True, random.Random()
        self._seed: int | None = None

    def set_shuffle(self, shuffle: bool = True) -> ShufflerIterDataPipe:
        """Turn shuffling on or off; returns itself."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> ShufflerIterDataPipe:
        """The seed of the next pass; returns itself."""
        self._seed = seed
        return self

    def __iter__(self) -> Iterator[Any]:
        if not self._enabled:
            yield from self.datapipe
            return
        if self._seed is None:
            self._seed = draw_seed()
        self._rng.seed(self._seed)
        self._seed = None
        buffer: list[Any] = []
        for x in self.datapipe:
            if len(buffer) < self.buffer_size:
                buffer.append(x)
                continue
            i = self._rng.randint(0, len(buffer) - 1)
            drawn, buffer[i] = buffer[i], x
            yield drawn
        while buffer:
            yield buffer.pop(self._rng.randint(0, len(buffer) - 1))

    def __len__(self) -> int:
        if isinstance(self.datapipe, Sized):
            return len(self.datapipe)
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")
