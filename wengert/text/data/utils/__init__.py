"""torchtext.data.utils: tokenizers, n-grams."""

from ...tokens import get_tokenizer, ngrams_iterator

__all__ = ["get_tokenizer", "interleave_keys", "ngrams_iterator"]


def interleave_keys(a: int, b: int) -> int:
    """A key by which pairs of lengths sort with like ones beside each other: their bits in turn.

    a: the first length. b: the second length.

    Raises ValueError where a or b is of the wrong type or b is negative; TypeError where a or b is
    a tensor of several numbers.

    >>> interleave_keys(3, 0), interleave_keys(0, 3)
    (10, 5)
    """
    bits = zip(f"{a:016b}", f"{b:016b}")
    return int("".join(x + y for x, y in bits), base=2)
