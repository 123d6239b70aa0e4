"""The DataLoader: its arguments, their checks, the choice of samplers and of an iterator.

Not here: iteration inside this process (iterators.py) and by worker processes (workers.py).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from ..base.advice import advise
from . import collate
from .dataset import (
    Dataset,
    IterableDataset,
)
from .iterators import (
    DatasetKind,
    InProcessIterator,
    Job,
    LoaderIterator,
    MemoryIterator,
    memory_pass,
)
from .samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
)

S_co = TypeVar("S_co", covariant=True)


class Endless(Sampler[None]):
    """None for ever: the sampler of a dataset that is a stream."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[S_co]):
    """Batches of a dataset, in order or shuffled, fetched here or by worker processes.

    Args:
        dataset: a Dataset, anything with `__getitem__` and `__len__`, or an IterableDataset.
        batch_size: samples per batch; None gives single samples through `default_convert`.
        shuffle: a new random order each epoch.
        sampler: an order of indices, instead of `shuffle`.
        batch_sampler: an order of lists of indices, instead of `batch_size`, `shuffle`, `sampler`
            and `drop_last`.
        num_workers: processes that fetch; 0 fetches in this one.
        collate_fn: makes a batch of a list of samples; `default_collate` if None.
        pin_memory: page-locked batches, where there is an accelerator.
        drop_last: leave out a last batch that is shorter.
        timeout: seconds to wait for a batch from the workers; 0 waits for ever.
        worker_init_fn: called with the worker's number when it starts.
        multiprocessing_context: start method ("fork", "spawn", "forkserver") or context of workers.
        generator: randomness of the order and of the workers' seeds; the default generator if None.
        prefetch_factor: batches each worker fetches ahead; 2 if None.
        persistent_workers: keep the workers from one epoch to the next.
        pin_memory_device: ignored.
        in_order: False gives batches as soon as a worker has them, not in the order of the sampler.

    Data that lies in memory (TensorDataset, and Subsets of one) with the default collate_fn is
    taken in whole batches in this process, also when workers are asked for, unless
    `worker_init_fn` or `multiprocessing_context` is given: no process could be faster.

    Raises:
        ValueError, TypeError: arguments that contradict each other or are of the wrong kind.

    Example:
        >>> [batch.tolist() for batch in DataLoader([1, 2, 3], batch_size=2)]
        [[1, 2], [3]]
    """

    dataset: Dataset[S_co]
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Any
    pin_memory_device: str
    prefetch_factor: int | None
    _sealed = False

    def __init__(
        self,
        dataset: Dataset[S_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        streams = isinstance(dataset, IterableDataset)
        self._dataset_kind = DatasetKind.Iterable if streams else DatasetKind.Map
        if streams:
            _check_stream(shuffle, sampler, batch_sampler)
        _check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            if streams:
                sampler = Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            batched = batch_sampler is not None
            collate_fn = collate.default_collate if batched else collate.default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._promised_length: int | None = None
        self._iterator: LoaderIterator | None = None
        self._sealed = True
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self) -> Any:
        """The context that starts the workers, or None for the platform's default."""
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "DataLoader: multiprocessing_context can only be used with multi-process "
                    "loading: set num_workers > 0"
                )
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        "DataLoader: multiprocessing_context option should specify a valid start "
                        f"method in {methods}, but got {context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, BaseContext):
                raise TypeError(
                    "DataLoader: multiprocessing_context option should be a valid context object "
                    f"or the name of a start method, but got {context!r}"
                )
        self._multiprocessing_context = context

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        )
        if self._sealed and name in fixed:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: "
                "make a new one"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> LoaderIterator:
        if not self.persistent_workers:
            return self._get_iterator()
        if self._iterator is None or self._iterator.closed:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self) -> LoaderIterator:
        # Batches cut from memory cost less than handing them over would, so no worker is started
        # for them; unless what it is to do besides (worker_init_fn), or how (a context), was said.
        unasked = self.worker_init_fn is None and self.multiprocessing_context is None
        if (self.num_workers == 0 or unasked) and memory_pass(self) is not None:
            return MemoryIterator(self)
        if self.num_workers == 0 or sys.platform == "emscripten":  # browsers have no processes
            return InProcessIterator(self)
        from .workers import WorkerIterator

        self.check_worker_number_rationality()
        return WorkerIterator(self)

    def _job(self) -> Job:
        streams = self._dataset_kind == DatasetKind.Iterable
        return Job(
            self.dataset,
            streams,
            self._auto_collation,
            self.collate_fn,
            self.batch_size,
            self.drop_last,
        )

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __len__(self) -> int:
        if self._dataset_kind == DatasetKind.Map:
            return len(self._index_sampler)
        length = self._promised_length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn when there are to be more workers than processors this process may use.

        >>> torch.utils.data.DataLoader([1, 2]).check_worker_number_rationality()
        """
        if hasattr(os, "sched_getaffinity"):
            available: int | None = len(os.sched_getaffinity(0))
        else:
            available = os.cpu_count()
        if self.num_workers and (available is None or self.num_workers > available):
            advise(
                f"This DataLoader will create {self.num_workers} worker processes in total, and "
                f"this process may use {available or 'an unknown number of'} processors: more "
                "workers than processors make loading slower.",
            )


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            f"DataLoader: num_workers option should be non-negative, but got {num_workers}; 0 "
            "fetches in this process"
        )
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout option should be non-negative, but got {timeout}")
    if prefetch_factor is not None:
        if num_workers == 0:
            raise ValueError(
                "DataLoader: prefetch_factor option could only be specified in multiprocessing: "
                "set num_workers > 0, or leave prefetch_factor out"
            )
        if prefetch_factor < 0:
            raise ValueError(
                "DataLoader: prefetch_factor option should be non-negative, but got "
                f"{prefetch_factor}"
            )
    if persistent_workers and num_workers == 0:
        raise ValueError("DataLoader: persistent_workers option needs num_workers > 0")


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    if shuffle not in (None, False):
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified shuffle option, but got "
            f"shuffle={shuffle}; a stream has the order its __iter__ gives"
        )
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )


def _check_order(
    batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: batch_sampler option is mutually exclusive with batch_size, shuffle, "
                "sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "DataLoader: batch_size=None option disables auto-batching and is mutually exclusive "
            "with drop_last"
        )
