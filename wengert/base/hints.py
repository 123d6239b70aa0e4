"""Hints: what is allowed, and hardly ever meant. Each is told once a process, as a HintWarning.

`python -O`, the environment variable WENGERT_HINTS=0 and
`warnings.filterwarnings("ignore", category=torch.HintWarning)` turn them off. Who looks for a
mistake asks `wanted(name)` first, and looks where it costs nothing: before training, or once.
"""

from __future__ import annotations

import os
import sys

from .advice import advise

__all__ = ["HintWarning", "hint", "wanted"]


class HintWarning(UserWarning):
    """Something is allowed, and hardly ever what was meant."""


ON = not sys.flags.optimize and os.environ.get("WENGERT_HINTS", "1") != "0"
told: set[str] = set()


def wanted(name: str) -> bool:
    """Whether a hint may still be given."""
    return ON and name not in told


def hint(name: str, text: str) -> None:
    """Give a hint, once, at the line of the program that led to it."""
    if not wanted(name):
        return
    told.add(name)
    advise(f"{text} (WENGERT_HINTS=0 turns hints off)", HintWarning)
