"""torchtext.datasets: data sets whose files are there; nothing is downloaded.

Called, as in 0.9 and later, they give what can be gone through; `splits` with fields is the
interface of before. Left out, since nobody was found who reads them: the others.
"""

from __future__ import annotations

from typing import Any

from ..readers import labelled, lines, of_splits, pairs, tagged
from . import imdb
from .imdb import IMDB
from .texts import (
    LanguageModelingDataset,
    PennTreebank,
    SequenceTaggingDataset,
    WikiText2,
    WikiText103,
)
from .translation import IWSLT, Multi30k, TranslationDataset

__all__ = [
    "AG_NEWS", "AmazonReviewFull", "AmazonReviewPolarity", "CoNLL2000Chunking", "DBpedia", "IMDB",
    "IWSLT", "LanguageModelingDataset", "Multi30k", "PennTreebank", "SequenceTaggingDataset",
    "SogouNews", "TranslationDataset", "UDPOS", "WikiText103", "WikiText2", "YahooAnswers",
    "YelpReviewFull", "YelpReviewPolarity",
]  # fmt: skip

BOTH = ("train", "test")


def classification(name: str, classes: int) -> Any:
    """A data set of a label from 1 and a text, in the files train.csv and test.csv."""

    def read(root: Any = ".data", split: Any = BOTH) -> Any:
        return of_splits(name, root, split, {part: f"{part}.csv" for part in BOTH}, labelled)

    read.__name__ = read.__qualname__ = name
    read.__doc__ = (
        f"{name}: pairs (label from 1 to {classes}, text) of the parts of split, from train.csv "
        "and test.csv below root.\n\nRaises TypeError where root or split is of the wrong type; "
        "ValueError where split is unknown; RuntimeError where the files are missing.\n\n"
        f">>> list({name}('data', split='train'))\n"
        "Traceback (most recent call last):\n    ...\n"
        f"RuntimeError: {name}: nothing is downloaded here: unpack it so that there is ...\n"
    )
    return read


AG_NEWS = classification("AG_NEWS", 4)
AmazonReviewFull = classification("AmazonReviewFull", 5)
AmazonReviewPolarity = classification("AmazonReviewPolarity", 2)
DBpedia = classification("DBpedia", 14)
SogouNews = classification("SogouNews", 5)
YahooAnswers = classification("YahooAnswers", 10)
YelpReviewFull = classification("YelpReviewFull", 5)
YelpReviewPolarity = classification("YelpReviewPolarity", 2)


def UDPOS(root: Any = ".data", split: Any = ("train", "valid", "test")) -> Any:
    """UDPOS: words and their tags, universal and of the Penn Treebank, of each sentence.

    root: the folder of the data. split: which parts: 'train', 'test'.

    Raises TypeError where root or split is of the wrong type; ValueError where split is unknown.

    >>> next(iter(UDPOS("data", split="train")))
    Traceback (most recent call last):
        ...
    RuntimeError: UDPOS: nothing is downloaded here: unpack it so that there is ...
    """
    files = {"train": "train", "valid": "dev", "test": "test"}
    names = {part: f"en-ud-tag.v2.{name}.txt" for part, name in files.items()}
    return of_splits("UDPOS", root, split, names, tagged)


def CoNLL2000Chunking(root: Any = ".data", split: Any = BOTH) -> Any:
    """CoNLL2000Chunking: words, tags and chunks of each sentence.

    root: the folder of the data. split: which parts: 'train', 'test'.

    Raises TypeError where root or split is of the wrong type; ValueError where split is unknown.

    >>> next(iter(CoNLL2000Chunking("data", split="train")))
    Traceback (most recent call last):
        ...
    RuntimeError: CoNLL2000Chunking: nothing is downloaded here: unpack it so that ...
    """
    names = {part: f"{part}.txt" for part in BOTH}
    return of_splits("CoNLL2000Chunking", root, split, names, lambda p: tagged(p, " "))
