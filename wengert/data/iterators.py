"""Iteration over a DataLoader: fetching, what all iterators share, and the two that work inside
this process (whole batches of data in memory, and item by item).

Not here: worker processes (workers.py), which fetch in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arrays.cuda import device_count
from ..base.advice import advise
from . import collate
from .dataset import (
    BatchGetter,
    batch_getter,
    collates_by_default,
    valid_method,
)
from .memory import whole_pass
from .samplers import as_array, draw_seed

if TYPE_CHECKING:
    from .loader import DataLoader


class DatasetKind:
    """How samples are asked for: by key, or one after the other."""

    Map = 0
    Iterable = 1


Fetch = Callable[[Any], Any]


class EndOfStream(Exception):
    """A stream has no further batch."""


class Job(NamedTuple):
    """How to turn what a sampler gives into data: what this process or a worker needs to know."""

    dataset: Any
    streams: bool
    batched: bool
    collate_fn: Callable[[Any], Any]
    batch_size: int | None
    drop_last: bool

    def at_once(self) -> BatchGetter | None:
        """What gives whole batches, if the dataset can and built-in rules would collate them."""
        if self.streams or not self.batched or not collates_by_default(self.collate_fn):
            return None
        return batch_getter(self.dataset)

    def fetcher(self) -> Fetch:
        """Begin a pass: the function from a batch's indices (or one key) to data."""
        if self.streams:
            return StreamFetch(self)
        get_batch = self.at_once()
        return MapFetch(self) if get_batch is None else BatchFetch(self, get_batch)


class MapFetch:
    """Fetches sample by sample, or through the dataset's `__getitems__`."""

    def __init__(self, job: Job) -> None:
        self.dataset, self.collate_fn, self.batched = job.dataset, job.collate_fn, job.batched

    def __call__(self, indices: Any) -> Any:
        if not self.batched:
            return self.collate_fn(self.sample(indices))
        many = getattr(self.dataset, "__getitems__", None)
        if not many:
            return self.collate_fn([self.sample(index) for index in indices])
        try:
            samples = many(indices)
        except Exception as error:
            add_note(error, f"while fetching indices {indices} of {type(self.dataset).__name__}")
            raise
        return self.collate_fn(samples)

    def sample(self, index: Any) -> Any:
        """One sample; an error says which."""
        try:
            return self.dataset[index]
        except Exception as error:
            add_note(error, f"while fetching index {index!r} of {type(self.dataset).__name__}")
            raise


class BatchFetch:
    """Takes whole batches where the indices allow; goes by sample elsewhere, and on errors."""

    def __init__(self, job: Job, get_batch: BatchGetter) -> None:
        self.get_batch = get_batch
        self.by_sample = MapFetch(job)

    def __call__(self, indices: Any) -> Any:
        if isinstance(indices, np.ndarray) and len(indices):  # of nothing, no batch can be made
            try:
                return self.get_batch(indices)
            except IndexError:
                return self.by_sample(indices.tolist())
        return self.by_sample(indices)


class StreamFetch:
    """Takes as many samples from a stream as it is given indices."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ended = False
        whole = None
        if job.batched and collates_by_default(job.collate_fn):
            whole = valid_method(job.dataset, "__iterbatches__", "__iter__")
        self.batches = whole and whole(job.batch_size, job.drop_last)
        self.samples = iter(() if whole else job.dataset)

    def __call__(self, indices: Sequence[None]) -> Any:
        if self.batches is not None:
            for batch in self.batches:
                return batch
            raise EndOfStream
        wanted = len(indices) if self.job.batched else 1
        batch = [] if self.ended else list(islice(self.samples, wanted))
        self.ended = len(batch) < wanted
        if not batch or (self.ended and self.job.drop_last):
            raise EndOfStream
        return self.job.collate_fn(batch if self.job.batched else batch[0])


def add_note(error: BaseException, note: str) -> None:
    """Attach a line to an error; Python prints it from 3.11 on, the workers always do."""
    if sys.version_info >= (3, 11):
        error.add_note(note)
    else:
        error.__notes__ = [*getattr(error, "__notes__", ()), note]  # type: ignore[attr-defined]


class LoaderIterator:
    """One pass over a loader; what all ways of fetching share."""

    closed = False

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset = loader.dataset
        self._index_sampler = loader._index_sampler
        self._at_once = loader._job().at_once() is not None
        self._num_workers = loader.num_workers
        self._pin_memory = loader.pin_memory and _can_pin(loader.pin_memory_device)
        self._start_pass(loader)
        self._base_seed = draw_seed(loader.generator)
        if loader.timeout != 0 and loader.num_workers == 0:
            raise AssertionError(
                f"DataLoader: timeout={loader.timeout} needs num_workers > 0: "
                "nothing interrupts fetching in this process"
            )

    def _start_pass(self, loader: DataLoader[Any]) -> None:
        indices = iter(self._index_sampler)
        self._indices = map(as_array, indices) if self._at_once else indices
        self._given = 0
        self._promised_length = loader._promised_length

    def _reset(self, loader: DataLoader[Any]) -> None:
        self._start_pass(loader)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __iter__(self) -> LoaderIterator:
        return self

    def __next__(self) -> Any:
        data = self._next_data()
        self._given += 1
        if self._promised_length is not None and self._given > self._promised_length:
            self._warn_longer()
        return collate.pin_memory(data) if self._pin_memory else data

    def _warn_longer(self) -> None:
        hint = ""
        if self._num_workers > 0:
            hint = (
                " Each worker iterates over a copy of its own: its __iter__ must split the data "
                "by get_worker_info()."
            )
        advise(
            f"Length of IterableDataset {self._dataset} was reported to be "
            f"{self._promised_length} (when accessing len(dataloader)), but {self._given} samples "
            f"have been fetched.{hint}",
        )

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} cannot be pickled: it is in the middle of a pass; pickle the "
            "DataLoader"
        )


def memory_pass(loader: DataLoader[Any]) -> Iterator[Any] | None:
    """The batches of a pass over data in memory, or None for other loaders."""
    streams = loader._dataset_kind == DatasetKind.Iterable
    if streams or not loader._auto_collation or not collates_by_default(loader.collate_fn):
        return None
    return whole_pass(loader.dataset, loader.batch_sampler)


class MemoryIterator(LoaderIterator):
    """Cuts batches from tensors in memory."""

    def _start_pass(self, loader: DataLoader[Any]) -> None:
        super()._start_pass(loader)
        # The tensors may have begun to record since the first pass of a persistent iterator.
        batches = memory_pass(loader)
        self._batches = map(loader._job().fetcher(), self._indices) if batches is None else batches

    def __next__(self) -> Any:
        batch = next(self._batches)
        return collate.pin_memory(batch) if self._pin_memory else batch


class InProcessIterator(LoaderIterator):
    """Fetches in this process."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._job = loader._job()
        self._fetch = self._job.fetcher()

    def _reset(self, loader: DataLoader[Any]) -> None:
        super()._reset(loader)
        self._fetch = self._job.fetcher()

    def _next_data(self) -> Any:
        indices = next(self._indices)
        try:
            return self._fetch(indices)
        except EndOfStream:
            raise StopIteration from None


def _can_pin(device: str) -> bool:
    if device:
        advise(
            f"pin_memory_device is deprecated and ignored, pin_memory_device={device!r} too: the "
            "current accelerator is used",
        )
    if device_count():
        return True
    advise(
        "'pin_memory' argument is set as true but no accelerator is found, so batches stay in "
        "ordinary memory.",
    )
    return False
