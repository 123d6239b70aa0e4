"""Samplers, DistributedSampler too: the order in which the loader visits a dataset, PyTorch's.

Here: the samplers, and the arrays of whole batches that the loader asks for when it can take
batches at once. Not here: the random streams themselves.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from ..api import functions as T
from ..api.generator import Generator
from ..base.dtypes import float64, int64
from ..engine.tensor import Tensor

I_co = TypeVar("I_co", covariant=True)


def draw_seed(generator: Any = None) -> int:
    """A random non-negative int64, as the loader and RandomSampler draw theirs."""
    return int(T.empty((), dtype=int64).random_(generator=generator).item())


class Sampler(Generic[I_co]):
    """An order of indices, or of batches: subclasses define `__iter__`, and `__len__` if known.

    Example:

    Raises ValueError where batch_size is of the wrong type, negative, 0 or a tensor of several
    numbers.

        >>> class Backwards(Sampler[int]):
        ...     def __init__(self, size):
        ...         self.size = size
        ...     def __iter__(self):
        ...         return iter(range(self.size - 1, -1, -1))
        >>> list(BatchSampler(Backwards(3), 2, drop_last=False))
        [[2, 1], [0]]
    """

    def __iter__(self) -> Iterator[I_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... len(data_source) - 1.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A new random order each time it is iterated.

    Args:
        data_source: anything with a length.
        replacement: draw each index independently, so that some repeat.
        num_samples: how many indices; the length of the data if None.
        generator: source of randomness. If None, every pass draws a seed from the default
            generator.

    Raises:
        TypeError, ValueError: an argument of the wrong kind, or nothing to sample.

    Example:
        >>> sorted(RandomSampler("abc"))
        [0, 1, 2]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                "RandomSampler: replacement should be a boolean value, but got "
                f"replacement={replacement!r}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "RandomSampler: num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples!r}"
                + ("; the dataset is empty" if num_samples is None else "")
            )

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def source(self) -> Any:
        """The generator of one pass."""
        if self.generator is not None:
            return self.generator
        return Generator().manual_seed(draw_seed())

    def __iter__(self) -> Iterator[int]:
        size, count, generator = len(self.data_source), self.num_samples, self.source()
        if self.replacement:
            # In steps of 32, so that a generator shared with other code advances as PyTorch's does.
            for done in range(0, count, 32):
                step = (min(32, count - done),)
                yield from T.randint(size, step, generator=generator).tolist()
            return
        for _ in range(count // size):
            yield from T.randperm(size, generator=generator).tolist()
        if self.is_shuffle():
            self.finish(generator)
        else:
            yield from T.randperm(size, generator=generator).tolist()[: count % size]

    def is_shuffle(self) -> bool:
        """Whether one pass is one permutation of the data."""
        return not self.replacement and self._num_samples is None

    def finish(self, generator: Any) -> None:
        """At the end of a pass PyTorch draws another permutation, of which it uses nothing.

        Only a generator that lives on can tell.
        """
        if self.generator is not None:
            T.randperm(len(self.data_source), generator=generator)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in a new random order each pass.

    Args:
        indices: what to order.
        generator: source of randomness; the default generator if None.

    Example:

    Raises TypeError where indices is of the wrong type.

        >>> sorted(SubsetRandomSampler([4, 7]))
        [4, 7]
    """

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for position in T.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given probabilities.

    Args:
        weights: one non-negative number per index; they need not add up to one.
        num_samples: how many to draw.
        replacement: whether an index may be drawn again.
        generator: source of randomness; the default generator if None.

    Raises:
        ValueError: an argument of the wrong kind or shape.

    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]

    weights: of shape (n,) if it is a tensor.
    """

    weights: Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        _check_count("WeightedRandomSampler", "num_samples", num_samples)
        _check_flag("WeightedRandomSampler", "replacement", replacement)
        self.weights = T.as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ValueError(
                "WeightedRandomSampler: weights should be a 1d sequence, one weight per index, "
                f"but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = T.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of consecutive indices of another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: indices per list.
        drop_last: leave out a last list that is shorter.

    Raises:
        ValueError: an argument of the wrong kind.

    Example:
        >>> list(BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _check_count("BatchSampler", "batch_size", batch_size)
        _check_flag("BatchSampler", "drop_last", drop_last)
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        size = len(self.sampler)
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


class DistributedSampler(Sampler[I_co]):
    """One process's share of a dataset: every num_replicas-th index of an order they agree on.

    Args:
        dataset: anything with a length, the same in every process.
        num_replicas: number of processes; the world size of the default process group if None.
        rank: this process's number; its rank in that group if None.
        shuffle: order by `seed` and epoch instead of by index.
        seed: the same number in every process.
        drop_last: shares become equal by leaving out the tail, not by repeating the first indices.

    Raises:
        ValueError: no process group, or a rank outside 0 to num_replicas - 1.

    Call `set_epoch` before every epoch, or each one has the same order.

    Example:

    Raises TypeError where dataset, num_replicas or rank is of the wrong type; RuntimeError where
    num_replicas or rank is a tensor of several numbers.

        >>> list(DistributedSampler("abcde", num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = _process_group().get_world_size()
        if rank is None:
            rank = _process_group().get_rank()
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: Invalid rank {rank}, rank should be in the interval [0, "
                f"{num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        size = len(dataset)
        self.num_samples = size // num_replicas if drop_last else math.ceil(size / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[I_co]:
        size = len(self.dataset)
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            order = T.randperm(size, generator=generator).tolist()
        else:
            order = list(range(size))
        if len(order) < self.total_size:
            order = (order * math.ceil(self.total_size / len(order)))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch.

        >>> sampler = torch.utils.data.DistributedSampler(range(4), num_replicas=2, rank=0)
        >>> sampler.set_epoch(1)
        >>> len(list(sampler))
        2
        """
        self.epoch = epoch


def _process_group() -> Any:
    # A layer below may not import distributed; a process group exists only where that module was
    # imported.
    module = sys.modules.get("wengert.distributed")
    if module is None or not module.is_initialized():
        raise ValueError(
            "DistributedSampler: Default process group has not been initialized: call "
            "distributed.init_process_group first, or pass num_replicas and rank"
        )
    return module


def _check_count(owner: str, name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(
            f"{owner}: {name} should be a positive integer value, but got {name}={value!r}"
        )


def _check_flag(owner: str, name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{owner}: {name} should be a boolean value, but got {name}={value!r}")


def as_array(batch: Any) -> Any:
    """A batch of plain integers as an int64 array; anything else unchanged."""
    if isinstance(batch, list) and all(type(index) is int for index in batch):
        return np.array(batch, np.int64)
    return batch
