"""torchtext.legacy.datasets: data sets with fields."""

from ...datasets import (
    IMDB,
    IWSLT,
    LanguageModelingDataset,
    Multi30k,
    PennTreebank,
    SequenceTaggingDataset,
    TranslationDataset,
    WikiText2,
    WikiText103,
)

__all__ = [
    "IMDB", "IWSLT", "LanguageModelingDataset", "Multi30k", "PennTreebank",
    "SequenceTaggingDataset", "TranslationDataset", "WikiText103", "WikiText2",
]  # fmt: skip
