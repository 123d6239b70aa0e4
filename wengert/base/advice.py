"""Remarks about calls that are deprecated or risky, as warnings at the user's own line."""

from __future__ import annotations

import warnings

from .frames import stacklevel

SAID: set[str] = set()  # what is said once in a process, as PyTorch does


def advise(text: str, category: type[Warning] = UserWarning, once: bool = False) -> None:
    """Warn the line outside of the package that led here."""
    if once:
        if text in SAID:
            return
        SAID.add(text)
    warnings.warn(text, category, stacklevel=stacklevel())
