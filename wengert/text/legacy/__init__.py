"""torchtext.legacy: the interface of before 0.9, which torchtext.data has too."""

from . import data, datasets, vocab

__all__ = ["data", "datasets", "vocab"]
