"""Datasets held in memory or made of other datasets, and splitting.

Here: the two base classes, TensorDataset, combinations of datasets, `random_split`, and
`batch_getter`, which tells the loader when a whole batch can be taken at once. Not here: datasets
that read files (files.py), orders (samplers.py).
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Iterable, TypeVar  # noqa: UP035

import numpy as np

from ..api import functions as T
from ..base.advice import advise
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor, wrap
from . import collate

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Dataset(Generic[S_co]):
    """A map from keys to samples: subclasses define `__getitem__`, and `__len__` for samplers.

    Two optional methods make loading faster: `__getitems__(indices)` returns the list of samples
    of a batch, and `__getbatch__(indices)`, of an int64 array, returns the finished batch, as
    `default_collate([self[i] for i in indices])` would. The latter is used with the default
    collate_fn only, and not when a subclass redefines `__getitem__` alone.

    Example:
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, index):
        ...         return index**2
        >>> len(Squares()), Squares()[3]
        (4, 9)
    """

    def __getitem__(self, index: Any) -> S_co:
        raise NotImplementedError(
            f"{type(self).__name__} must define __getitem__(self, index), which returns one sample"
        )

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[S_co], Iterable[S_co]):
    """A stream of samples: subclasses define `__iter__`.

    With worker processes every worker iterates over its own copy, so `__iter__` (or
    `worker_init_fn`) should use `get_worker_info()` to pick that worker's share.

    An optional method `__iterbatches__(batch_size, drop_last)`, which iterates over batches as
    `default_collate` would make them, is used with the default collate_fn.

    Example:
        >>> from wengert.data import DataLoader, get_worker_info
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         info = get_worker_info()
        ...         start, step = (0, 1) if info is None else (info.id, info.num_workers)
        ...         return iter(range(start, 5, step))
        >>> [batch.tolist() for batch in DataLoader(Count(), batch_size=2)]
        [[0, 1], [2, 3], [4]]
    """

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of one length as a dataset: sample i is the tuple of their i-th rows.

    Args:
        *tensors: shapes (N, ...), any dtypes.

    Raises:
        AssertionError: the first dimensions differ.
        TypeError, AttributeError: something that is not a tensor, as in PyTorch.

    Example:

    Raises RuntimeError where tensors has a shape that does not fit.

        >>> TensorDataset(T.arange(3), T.ones(3))[1]
        (tensor(1), tensor(1.))
    """

    tensors: tuple[Any, ...]

    @clear_errors
    def __init__(self, *tensors: Any) -> None:
        for index, tensor in enumerate(tensors):
            if not callable(getattr(tensor, "size", None)):  # an array or a frame: a number
                raise (TypeError if hasattr(tensor, "size") else AttributeError)(
                    f"TensorDataset: argument {index} is a {type(tensor).__name__}, not a tensor: "
                    "pass torch.as_tensor(...) of it, of a frame's columns that hold numbers"
                )
            if tensor.size(0) != tensors[0].size(0):
                raise AssertionError(
                    "TensorDataset: Size mismatch between tensors: the first dimension of tensor "
                    f"0 is {tensors[0].size(0)} and that of tensor {index} is {tensor.size(0)}; "
                    "every tensor must hold the same samples"
                )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: np.ndarray) -> list[Tensor]:
        return [take_rows(tensor, indices) for tensor in self.tensors]

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset[S]):
    """Datasets of one length side by side: sample i is the tuple, or dict, of their i-th samples.

    Args:
        *args: datasets; samples are tuples.
        **kwargs: datasets; samples are dicts under the same keys. One of the two forms, not both.

    Raises:
        ValueError: no dataset, both forms, or lengths that differ.

    Example:

    Raises TypeError where image or label is of the wrong type.

        >>> StackDataset(image=["a", "b"], label=[0, 1])[1]
        {'image': 'b', 'label': 1}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "StackDataset takes datasets by position (samples are tuples) or by name (samples "
                "are dicts), not both"
            )
        if not args and not kwargs:
            raise ValueError("StackDataset: At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._parts()]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"StackDataset: Size mismatch between datasets: their lengths are {lengths}"
            )
        self._length = lengths[0]

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, values: Iterable[Any]) -> Any:
        return (
            dict(zip(self.datasets, values)) if isinstance(self.datasets, dict) else tuple(values)
        )

    def __getitem__(self, index: Any) -> Any:
        return self._sample(dataset[index] for dataset in self._parts())

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        columns = []
        for dataset in self._parts():
            if not callable(getattr(dataset, "__getitems__", None)):
                columns.append([dataset[index] for index in indices])
                continue
            column = dataset.__getitems__(indices)
            if len(column) != len(indices):
                raise ValueError(
                    f"StackDataset: {type(dataset).__name__}.__getitems__ gave {len(column)} "
                    f"samples for {len(indices)} indices"
                )
            columns.append(column)
        return [self._sample(values) for values in zip(*columns)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[S_co]):
    """Datasets one after the other.

    Args:
        datasets: map-style datasets, at least one.

    Raises:
        AssertionError: no dataset, or an IterableDataset among them.

    Example:

    Raises TypeError where datasets is of the wrong type.

        >>> both = ConcatDataset(["ab", "cde"])
        >>> len(both), both[2], both[-1]
        (5, 'c', 'e')
    """

    datasets: list[Dataset[S_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[S_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("ConcatDataset: datasets should not be an empty iterable")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ConcatDataset does not support IterableDataset, and {type(dataset).__name__} "
                    "is one: use ChainDataset"
                )
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Running totals of the lengths.

        sequence: data sets.

        Raises TypeError where sequence is of the wrong type.

        >>> torch.utils.data.ConcatDataset.cumsum([[1, 2], [3]])
        [2, 3]
        """
        return list(itertools.accumulate(len(item) for item in sequence))

    @property
    def cummulative_sizes(self) -> list[int]:
        """The older spelling of `cumulative_sizes`."""
        advise("cummulative_sizes is now written cumulative_sizes", FutureWarning)
        return self.cumulative_sizes

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> S_co:
        if index < 0:
            if -index > len(self):
                raise ValueError(
                    f"ConcatDataset: index {index} is out of range for length {len(self)}"
                )
            index += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, index)
        if part == len(self.datasets):
            raise IndexError(f"ConcatDataset: index {index} is out of range for length {len(self)}")
        return self.datasets[part][index - (self.cumulative_sizes[part - 1] if part else 0)]


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    Args:
        datasets: IterableDatasets.

    Raises:
        AssertionError: when iteration reaches a dataset that is not an IterableDataset.

    Example:
        >>> class Letters(IterableDataset):
        ...     def __iter__(self):
        ...         return iter("ab")
        >>> list(Letters() + Letters())
        ['a', 'b', 'a', 'b']
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, and {type(dataset).__name__} is "
                    "not one: use ConcatDataset"
                )
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._streams():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._streams())


class Subset(Dataset[S_co]):
    """The samples of a dataset at given indices.

    Args:
        dataset: the whole dataset.
        indices: positions in it, in the order wanted.

    Raises:
        NotImplementedError: a subclass redefines `__getitem__` and not `__getitems__`, which the
        loader uses.

    Example:
        >>> [sample for sample in Subset("abcd", [3, 0])]
        ['d', 'a']
    """

    dataset: Dataset[S_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[S_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} redefines __getitem__ but not __getitems__, which the loader "
                "calls: add def __getitems__(self, indices): return [self[i] for i in indices]"
            )

    def is_plain(self) -> bool:
        """Whether samples are those of the dataset, not changed by a subclass."""
        own = (type(self).__getitem__, type(self).__getitems__)
        return own == (Subset.__getitem__, Subset.__getitems__)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[S_co]:
        chosen = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)  # type: ignore[attr-defined]
        return [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Dataset[S], lengths: Sequence[int | float], generator: Any = None
) -> list[Subset[S]]:
    """Split a dataset at random into parts that do not overlap; for one seed, those of PyTorch.

    Args:
        dataset: anything with a length.
        lengths: sizes that add up to its length, or fractions that add up to 1. Fractions are
            rounded down, and what is left over goes to the parts in turn, one each.
        generator: source of randomness; the default generator if None.

    Raises:
        ValueError: the sizes do not add up, or a fraction is outside 0 to 1.

    Example:

    Raises TypeError where dataset or lengths is of the wrong type.

        >>> [len(part) for part in random_split(range(10), [0.7, 0.3])]
        [7, 3]
    """
    total = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _sizes(total, lengths)
    if sum(lengths) != total:
        raise ValueError(
            "random_split: Sum of input lengths does not equal the length of the input dataset: "
            f"{list(lengths)} add up to {sum(lengths)}, the dataset has {total} samples"
        )
    order = T.randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, lengths)]


def _sizes(total: int, fractions: Sequence[float]) -> list[int]:
    for index, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(
                f"random_split: Fraction at index {index} is not between 0 and 1: {fraction}"
            )
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for extra in range(total - sum(sizes)):
        sizes[extra % len(sizes)] += 1
    for index, size in enumerate(sizes):
        if size == 0:
            advise(
                f"Length of split at index {index} is 0: {fractions[index]} of {total} samples "
                "leaves it empty.",
            )
    return sizes


def take_rows(tensor: Any, indices: np.ndarray) -> Tensor:
    """Rows of a tensor as a new tensor that shares no memory with it; recorded if the tensor is."""
    array = collate.plain_array(tensor)
    if array is not None:
        return wrap(array[indices])
    return tensor[wrap(indices)]


BatchGetter = Callable[[Any], Any]


def batch_getter(dataset: Any) -> BatchGetter | None:
    """What takes an int64 array to a finished batch, if `dataset` has a valid such method.

    A `__getbatch__` is valid unless a more derived class redefines how single samples look.
    """
    if isinstance(dataset, Subset):
        inner = batch_getter(dataset.dataset)
        if inner is None or not dataset.is_plain():
            return None
        positions = np.asarray(dataset.indices)
        if positions.dtype.kind not in "iu" or positions.ndim != 1:
            return None
        positions = positions.astype(np.int64)
        return lambda indices: inner(positions[indices])
    return valid_method(dataset, "__getbatch__", "__getitem__", "__getitems__")


def valid_method(dataset: Any, name: str, *single: str) -> Callable[..., Any] | None:
    """A method for whole batches, unless a more derived class defines one for single samples."""
    for kind in type(dataset).__mro__:
        if name in kind.__dict__:
            return getattr(dataset, name)
        if not kind.__dict__.keys().isdisjoint(single):
            return None
    return None


def collates_by_default(collate_fn: Callable[..., Any]) -> bool:
    """Whether batches are joined by the built-in rules, so that `batch_getter` gives the same."""
    by_default = collate_fn is collate.default_collate
    return by_default and collate.stacks_tensors(collate.default_collate_fn_map)
