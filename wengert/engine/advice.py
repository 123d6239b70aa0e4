"""Remarks about calls that are deprecated or risky, as warnings at the user's own line."""

from __future__ import annotations

import sys
import warnings

from .source import INTERNAL

SAID: set[str] = set()  # what is said once in a process, as PyTorch does


def advise(text: str, category: type[Warning] = UserWarning, once: bool = False) -> None:
    """Warn the line outside of the package that led here."""
    if once:
        if text in SAID:
            return
        SAID.add(text)
    level = 1
    frame = sys._getframe(0)
    while frame.f_back is not None and INTERNAL[frame.f_code.co_filename]:
        frame = frame.f_back
        level += 1
    warnings.warn(text, category, stacklevel=level)
