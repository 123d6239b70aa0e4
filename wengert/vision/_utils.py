"""torchvision._utils: sequences as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["sequence_to_str"]


def sequence_to_str(seq: Sequence[Any], separate_last: str = "") -> str:
    """Values in quotes, with commas and a word before the last.

    >>> sequence_to_str(["a", "b", "c"], separate_last="or ")
    "'a', 'b', or 'c'"
    """
    words = [f"'{item}'" for item in seq]
    if len(words) < 2:
        return "".join(words)
    comma = "" if separate_last and len(words) == 2 else ","
    return f"{', '.join(words[:-1])}{comma} {separate_last}{words[-1]}"
