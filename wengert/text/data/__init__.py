"""torchtext.data: tokenizers and scores, and the fields and iterators of before 0.9."""

from ..batches import Batch, BPTTIterator, BucketIterator, Iterator, batch, pool
from ..fields import Dataset, Example, Field, LabelField, RawField, TabularDataset
from . import functional, metrics, utils
from .functional import (
    custom_replace,
    numericalize_tokens_from_iterator,
    simple_space_split,
    to_map_style_dataset,
)
from .metrics import bleu_score
from .utils import get_tokenizer, interleave_keys, ngrams_iterator

__all__ = [
    "BPTTIterator", "Batch", "BucketIterator", "Dataset", "Example", "Field", "Iterator",
    "LabelField", "RawField", "TabularDataset", "batch", "bleu_score", "custom_replace",
    "functional", "get_tokenizer", "interleave_keys", "metrics",
    "ngrams_iterator", "numericalize_tokens_from_iterator", "pool", "simple_space_split",
    "to_map_style_dataset", "utils",
]  # fmt: skip
