"""Iterators of before 0.9: batches of examples of like lengths, and of a long text in pieces."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from collections.abc import Iterator as Iterates
from typing import Any

from ..engine.error_context import clear_errors
from .fields import Dataset

__all__ = ["BPTTIterator", "Batch", "BucketIterator", "Iterator", "batch", "pool"]


def batch(
    data: Iterable[Any], batch_size: int, batch_size_fn: Callable[..., int] | None = None
) -> Iterates[list[Any]]:
    """Examples in groups; batch_size_fn(new, count, size so far) says how large a group is.

    data: the examples, or their values. batch_size: how many examples, or how large, a batch is.

    >>> list(batch([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    size = batch_size_fn or (lambda new, count, sofar: count)
    group: list[Any] = []
    so_far = 0
    for example in data:
        group.append(example)
        so_far = size(example, len(group), so_far)
        if so_far == batch_size:
            yield group
            group, so_far = [], 0
        elif so_far > batch_size:
            yield group[:-1]
            group = group[-1:]
            so_far = size(example, 1, 0)
    if group:
        yield group


def pool(
    data: Iterable[Any],
    batch_size: int,
    key: Callable[[Any], Any],
    batch_size_fn: Callable[..., int] | None = None,
    random_shuffler: Callable[[list[Any]], list[Any]] | None = None,
    shuffle: bool = False,
    sort_within_batch: bool = False,
) -> Iterates[list[Any]]:
    """Groups of examples of like keys: sorted within 100 groups, whose order is then random.

    batch_size: examples in a batch. shuffle: in random order. data: the examples, or their values.
    key: by which examples are like each other. batch_size_fn: (new example, count, size so far) ->
    the size of the group; None: the count. random_shuffler: a function that gives a list in random
    order. sort_within_batch: the examples of a batch by key.

    >>> [sorted(group) for group in pool(["a", "bb", "c"], 2, key=len)]
    [['a', 'c'], ['bb']]
    """
    shuffled = random_shuffler or (lambda items: random.sample(items, len(items)))
    for chunk in batch(data, 100 * batch_size, batch_size_fn):
        rows = sorted(chunk, key=key) if sort_within_batch else list(chunk)
        groups = list(batch(rows if sort_within_batch else sorted(rows, key=key), batch_size,
                            batch_size_fn))  # fmt: skip
        yield from shuffled(groups) if shuffle else groups


class Batch:
    """Some examples: a tensor for each field, as an attribute.

    device: where tensors are made. data: the examples, or their values. dataset: a Dataset.

    Raises TypeError where data is of the wrong type.

    >>> from wengert.text.data import Dataset, Example, Field
    >>> field = Field()
    >>> rows = [Example.fromlist([text], [("text", field)]) for text in ("a cat", "a dog")]
    >>> data = Dataset(rows, [("text", field)])
    >>> field.build_vocab(data)
    >>> Batch(rows, data).text.shape
    torch.Size([2, 2])
    """

    @clear_errors
    def __init__(self, data: list[Any], dataset: Any, device: Any = None) -> None:
        self.batch_size, self.dataset, self.fields = len(data), dataset, list(dataset.fields)
        self.input_fields = [n for n, f in dataset.fields.items() if f and not f.is_target]
        self.target_fields = [n for n, f in dataset.fields.items() if f and f.is_target]
        for name, field in dataset.fields.items():
            if field is not None:
                rows = [getattr(example, name) for example in data]
                setattr(self, name, field.process(rows, device=device))

    def __len__(self) -> int:
        return self.batch_size

    def __iter__(self) -> Iterates[Any]:
        """The inputs, then the targets; one of them alone, several as a tuple."""
        for names in (self.input_fields, self.target_fields):
            found = tuple(getattr(self, n) for n in names)
            yield found[0] if len(found) == 1 else found or None


class Iterator:
    """Batches of a data set.

    train: shuffled anew each time, otherwise sorted by sort_key; shuffle and sort say otherwise.
    sort_within_batch: longest first, for packed sequences; repeat: without end. Python's `random`
    is what shuffles.

    batch_size: examples in a batch. device: where tensors are made. dataset: a Dataset.
    batch_size_fn: (new example, count, size so far) -> the size of the group; None: the count.

    Raises TypeError where items is of the wrong type.

    >>> from wengert.text.data import Dataset, Example, Field
    >>> field = Field()
    >>> rows = [Example.fromlist([text], [("text", field)]) for text in ("a cat", "a dog", "a")]
    >>> data = Dataset(rows, [("text", field)])
    >>> field.build_vocab(data)
    >>> batches = Iterator(data, batch_size=2, train=False, sort=False)
    >>> [batch.text.shape for batch in batches]
    [torch.Size([2, 2]), torch.Size([1, 1])]
    >>> len(batches.data()), [len(group) for group in batches.groups()]
    (3, [2, 1])
    >>> len(Iterator.splits((data,), batch_size=2)), len(batches.random_shuffler([1, 2]))
    (1, 2)
    """

    @clear_errors
    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        sort_key: Any = None,
        device: Any = None,
        batch_size_fn: Any = None,
        train: bool = True,
        repeat: bool = False,
        shuffle: bool | None = None,
        sort: bool | None = None,
        sort_within_batch: bool | None = None,
    ) -> None:
        self.dataset, self.batch_size, self.batch_size_fn = dataset, batch_size, batch_size_fn
        self.train, self.repeat, self.device = train, repeat, device
        self.shuffle = train if shuffle is None else shuffle
        self.sort = not train if sort is None else sort
        self.sort_within_batch = self.sort if sort_within_batch is None else sort_within_batch
        self.sort_key = dataset.sort_key if sort_key is None else sort_key
        self.iterations = 0

    @classmethod
    def splits(
        cls, datasets: Any, batch_sizes: Any = None, batch_size: Any = None, **kwargs: Any
    ) -> tuple[Any, ...]:
        """An iterator for each data set; the first is for training.

        batch_size: examples in a batch. datasets: the data sets. batch_sizes: examples in a batch,
        for each data set.

        Raises TypeError where datasets is of the wrong type.
        """
        sizes = batch_sizes or [batch_size] * len(datasets)
        return tuple(
            cls(d, batch_size=size, **{"train": i == 0, **kwargs})
            for i, (d, size) in enumerate(zip(datasets, sizes))
        )

    def random_shuffler(self, items: list[Any]) -> list[Any]:
        """Items in random order.

        items: a list.

        Raises TypeError where items is of the wrong type.
        """
        return random.sample(items, len(items))

    def data(self) -> list[Any]:
        """The examples in the order in which they are cut into batches."""
        if self.sort:
            return sorted(self.dataset, key=self.sort_key)
        order = list(range(len(self.dataset)))
        return [self.dataset[i] for i in (self.random_shuffler(order) if self.shuffle else order)]

    def groups(self) -> Iterable[list[Any]]:
        """The examples of each batch."""
        return batch(self.data(), self.batch_size, self.batch_size_fn)

    @property
    def epoch(self) -> int:
        """How often the data have been gone through."""
        return math.floor(self.iterations / len(self))

    def __len__(self) -> int:
        if self.batch_size_fn is not None:
            return sum(1 for _ in batch(self.data(), self.batch_size, self.batch_size_fn))
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterates[Any]:
        while True:
            for group in self.groups():
                self.iterations += 1
                if self.sort_within_batch:
                    group = list(group)
                    group.reverse() if self.sort else group.sort(key=self.sort_key, reverse=True)
                yield Batch(group, self.dataset, self.device)
            if not self.repeat:
                return


class BucketIterator(Iterator):
    """Batches of examples of like lengths (by sort_key), so that little is padded.

    batch_size: examples in a batch. device: where tensors are made. train: whether it is for
    training. repeat: start again at the end. shuffle: in random order. dataset: a Dataset.
    batch_size_fn: (new example, count, size so far) -> the size of the group; None: the count.

    >>> from wengert.text.data import Dataset, Example, Field
    >>> field = Field()
    >>> rows = [Example.fromlist([text], [("text", field)]) for text in ("a cat", "a dog", "a")]
    >>> data = Dataset(rows, [("text", field)])
    >>> field.build_vocab(data)
    >>> by_length = lambda row: len(row.text)
    >>> batches = BucketIterator(data, 2, sort_key=by_length, train=False, sort=True)
    >>> [batch.text.shape for batch in batches]
    [torch.Size([2, 2]), torch.Size([2, 1])]
    >>> [len(group) for group in batches.groups()]
    [2, 1]
    """

    def groups(self) -> Iterable[list[Any]]:
        """The examples of each batch."""
        if self.sort:
            return batch(self.data(), self.batch_size, self.batch_size_fn)
        return pool(
            self.data(), self.batch_size, self.sort_key, self.batch_size_fn,
            self.random_shuffler, self.shuffle, self.sort_within_batch,
        )  # fmt: skip


class BPTTIterator(Iterator):
    """Pieces of one long text for language models: `text` and `target`, the next tokens, both
    (bptt_len, batch); the last piece may be shorter.

    dataset: a Dataset.

    Raises TypeError where batch_size is of the wrong type.

    >>> from wengert.text.data import Dataset, Example, Field
    >>> field = Field()
    >>> rows = [Example.fromlist(["a b c d e f g"], [("text", field)])]
    >>> data = Dataset(rows, [("text", field)])
    >>> field.build_vocab(data)
    >>> pieces = BPTTIterator(data, batch_size=2, bptt_len=2)
    >>> pieces.columns(), [tuple(piece.text.shape) for piece in pieces]
    (4, [(2, 2), (1, 2)])
    """

    @clear_errors
    def __init__(self, dataset: Any, batch_size: int, bptt_len: int, **kwargs: Any) -> None:
        self.bptt_len = bptt_len
        super().__init__(dataset, batch_size, **kwargs)

    def columns(self) -> int:
        """How many tokens each row of the text has."""
        return math.ceil(len(self.dataset[0].text) / self.batch_size)

    def __len__(self) -> int:
        return math.ceil((self.columns() - 1) / self.bptt_len)

    def __iter__(self) -> Iterates[Any]:
        field = self.dataset.fields["text"]
        text = list(self.dataset[0].text)
        text += [field.pad_token] * (self.columns() * self.batch_size - len(text))
        data = field.numericalize([text], device=self.device)
        data = data.reshape(self.batch_size, -1).t().contiguous()
        pieces = Dataset([], [("text", field), ("target", field)])
        while True:
            for start in range(0, len(data) - 1, self.bptt_len):
                self.iterations += 1
                length = min(self.bptt_len, len(data) - 1 - start)
                made = Batch([], Dataset([], []))
                made.dataset, made.batch_size = pieces, self.batch_size
                made.input_fields, made.target_fields = ["text"], ["target"]
                now = data[start : start + length]
                after = data[start + 1 : start + 1 + length]
                if field.batch_first:
                    now, after = now.t(), after.t()
                vars(made).update(text=now, target=after)
                yield made
            if not self.repeat:
                return
