"""torchtext.legacy.data: fields, data sets of examples, iterators."""

from ...data import (
    Batch,
    BPTTIterator,
    BucketIterator,
    Dataset,
    Example,
    Field,
    Iterator,
    LabelField,
    RawField,
    TabularDataset,
    batch,
    get_tokenizer,
    interleave_keys,
    pool,
)

__all__ = [
    "BPTTIterator", "Batch", "BucketIterator", "Dataset", "Example", "Field", "Iterator",
    "LabelField", "RawField", "TabularDataset", "batch", "get_tokenizer", "interleave_keys", "pool",
]  # fmt: skip
