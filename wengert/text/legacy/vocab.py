"""torchtext.legacy.vocab."""

from ..vocab import CharNGram, FastText, GloVe, Vectors, Vocab

__all__ = ["CharNGram", "FastText", "GloVe", "Vectors", "Vocab"]
