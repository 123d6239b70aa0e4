"""Passes over tensors that lie in memory: batches are cut from the arrays, no sample is ever made.

Here: which datasets and orders allow it, and the loop. Not here: batches taken at once from files,
or in the order of a sampler of one's own (loader.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..api import functions as T
from ..engine.tensor import Tensor, wrap
from ..kernels.row_gather import gather
from .collate import plain_array
from .dataset import Subset, TensorDataset, valid_method
from .samplers import BatchSampler, RandomSampler, SequentialSampler

GROUP = 1024 << 10  # batches smaller than this many bytes are gathered several at a time


def whole_pass(dataset: Any, batches: Any) -> Iterator[list[Tensor]] | None:
    """One pass in the order of `batches`, as default collation gives it, or None if not possible.

    Needs a TensorDataset, perhaps under Subsets, of tensors that record nothing, and a sequential
    or shuffled order. Random numbers are drawn when, and as, the samplers would draw them.
    """
    if type(batches) is not BatchSampler:
        return None
    sampler = batches.sampler
    shuffled = type(sampler) is RandomSampler and sampler.is_shuffle()
    if not shuffled and type(sampler) is not SequentialSampler:
        return None
    found = _arrays(dataset)
    if found is None:
        return None
    arrays, positions = found
    rows = min(len(array) for array in arrays)
    if positions is None:
        if len(sampler) > rows:
            return None
    else:
        if len(sampler) > len(positions) or np.any((positions < -rows) | (positions >= rows)):
            return None
        positions = positions % rows
    return _cut(arrays, positions, batches)


def _arrays(dataset: Any) -> tuple[list[np.ndarray], np.ndarray | None] | None:
    """The arrays under a dataset, and the positions in them that it is made of (None: all)."""
    positions: np.ndarray | None = None
    while isinstance(dataset, Subset):
        chosen = np.asarray(dataset.indices)
        if not dataset.is_plain() or chosen.dtype.kind not in "iu" or chosen.ndim != 1:
            return None
        if positions is not None:
            if np.any((positions < -len(chosen)) | (positions >= len(chosen))):
                return None
            chosen = chosen[positions]
        positions = chosen.astype(np.int64)
        dataset = dataset.dataset
    if not isinstance(dataset, TensorDataset) or not dataset.tensors:
        return None
    if valid_method(dataset, "__getbatch__", "__getitem__", "__getitems__") is None:
        return None
    if type(dataset).__getbatch__ is not TensorDataset.__getbatch__:
        return None
    arrays = []
    for tensor in dataset.tensors:
        array = plain_array(tensor)
        if array is None or array.ndim == 0:
            return None
        arrays.append(array)
    return arrays, positions


def _cut(
    arrays: list[np.ndarray], positions: np.ndarray | None, batches: BatchSampler
) -> Iterator[list[Tensor]]:
    sampler, size = batches.sampler, batches.batch_size
    total = len(sampler)
    order, source = positions, None
    if isinstance(sampler, RandomSampler):
        source = sampler.source()
        order = T.randperm(total, generator=source).numpy()
        if positions is not None:
            order = positions[order]
    usable = total - total % size if batches.drop_last else total
    row = sum(array[:1].nbytes for array in arrays)
    step = size * max(1, GROUP // max(1, size * row))
    for start in range(0, usable, step):
        stop = min(start + step, usable)
        parts = [_gather(array, order, start, stop) for array in arrays]
        for low in range(0, stop - start, size):
            if low + size > stop - start and source is not None:
                sampler.finish(source)
                source = None
            yield [wrap(part[low : low + size]) for part in parts]
    if source is not None:
        sampler.finish(source)


def _gather(array: np.ndarray, order: np.ndarray | None, start: int, stop: int) -> np.ndarray:
    if order is None:
        return array[start:stop].copy()
    # A gather is the faster of the two, but would copy all of an array that is not contiguous.
    if array.flags.c_contiguous:
        return gather(array, order, start, stop)
    return array[order[start:stop]]
