"""torchtext.data.functional: small steps on iterators of texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...data import Dataset

__all__ = [
    "custom_replace", "numericalize_tokens_from_iterator",
    "simple_space_split", "to_map_style_dataset",
]  # fmt: skip


def simple_space_split(iterator: Iterable[str]) -> Iterator[list[str]]:
    """Each text split at spaces.

    iterator: of sequences of words.

    >>> list(simple_space_split(["a b"]))
    [['a', 'b']]
    """
    for text in iterator:
        yield text.split()


def numericalize_tokens_from_iterator(
    vocab: Mapping[str, int], iterator: Iterable[Iterable[str]], removed_tokens: Any = None
) -> Iterator[Iterator[int]]:
    """The numbers of the tokens of each text, without those of removed_tokens.

    iterator: of sequences of words. vocab: the number of each token.

    >>> [list(ids) for ids in numericalize_tokens_from_iterator({"a": 0, "b": 1}, [["b", "a"]])]
    [[1, 0]]
    """
    gone = set(removed_tokens or ())
    for tokens in iterator:
        yield iter([vocab[token] for token in tokens if token not in gone])


def custom_replace(
    replace_pattern: Sequence[tuple[str, str]],
) -> Callable[[Iterable[str]], Iterator[str]]:
    r"""A function that replaces patterns, pairs (regular expression, text), in each text.

    replace_pattern: pairs (regular expression, text).

    Raises TypeError where replace_pattern is of the wrong type.

    >>> list(custom_replace([("S", "s"), (r"\\s+", " ")])(["Sentence  cuT"]))
    ['sentence cuT']
    """
    compiled = [(re.compile(p), text) for p, text in replace_pattern]

    def replaced(iterator: Iterable[str]) -> Iterator[str]:
        for line in iterator:
            for pattern, text in compiled:
                line = pattern.sub(text, line)
            yield line

    return replaced


class Mapped(Dataset[Any]):
    """The items of an iterator, by number."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = list(items)

    def __getitem__(self, i: int) -> Any:
        return self.items[i]

    def __len__(self) -> int:
        return len(self.items)


def to_map_style_dataset(iter_data: Iterable[Any]) -> Dataset[Any]:
    """A data set with len() and items by number from one that can only be gone through.

    iter_data: what can be gone through.

    Raises TypeError where iter_data is of the wrong type.

    >>> len(to_map_style_dataset(iter("abc")))
    3
    """
    return Mapped(iter_data)
