"""The reviews of films of IMDB, in the folder aclImdb."""

from __future__ import annotations

from typing import Any

from ..fields import Dataset, Example
from ..readers import folder_with, of_splits, reviews

__all__ = ["IMDB"]


class Reviews(Dataset):
    """Reviews with fields: text and label ("pos" or "neg")."""

    @staticmethod
    def sort_key(ex: Any) -> int:
        """The length of a review."""
        return len(ex.text)

    def __init__(self, path: Any, text_field: Any, label_field: Any, **kwargs: Any) -> None:
        fields = [("text", text_field), ("label", label_field)]
        named = {1: "neg", 2: "pos"}
        examples = [Example.fromlist([text, named[y]], fields) for y, text in reviews(path)]
        super().__init__(examples, fields, **kwargs)


def IMDB(root: Any = ".data", split: Any = ("train", "test")) -> Any:
    """IMDB: pairs (1 for bad or 2 for good, text) of the parts of split, from root's aclImdb.

    Raises TypeError where root or split is of the wrong type; ValueError where split is unknown.

    >>> next(iter(IMDB("data", split="train")))
    Traceback (most recent call last):
        ...
    RuntimeError: imdb: nothing is downloaded here: unpack it so that there is ...
    """
    files = {part: f"aclImdb/{part}" for part in ("train", "test")}
    return of_splits("imdb", root, split, files, reviews)


def splits(
    text_field: Any, label_field: Any, root: Any = ".data", train: str = "train",
    test: str = "test", **kwargs: Any,
) -> tuple[Dataset, ...]:  # fmt: skip
    """Data sets of reviews with fields for the text and the label."""
    folder = folder_with(root, "imdb", "aclImdb") / "aclImdb"
    return tuple(
        Reviews(folder / part, text_field, label_field, **kwargs) for part in (train, test) if part
    )


IMDB.splits = splits  # type: ignore[attr-defined]
