"""What scripts import as torchtext: tokenizers, vocabularies, vectors, data sets, fields.

Both interfaces: that of 0.9 and later, and the fields and iterators of before, which are known as
torchtext.legacy too. Nothing is downloaded.
"""

from . import data, datasets, legacy, utils, vocab

__version__ = "0.18.0"

__all__ = ["data", "datasets", "disable_torchtext_deprecation_warning", "legacy", "utils", "vocab"]


def disable_torchtext_deprecation_warning() -> None:
    """Nothing: there is no such warning here.

    >>> disable_torchtext_deprecation_warning()
    """
