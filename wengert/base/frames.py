"""Which frames are the library's own, and which is the first of the user's program."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class _Internal(dict):
    """file name -> is it ours (then the caller's caller is meant)."""

    def __missing__(self, filename: str) -> bool:
        ours = (
            filename.startswith((PACKAGE, "<wengert")) and (os.sep + "cli" + os.sep) not in filename
        )
        self[filename] = ours
        return ours


INTERNAL = _Internal()


class _Last:
    """The program's code that recorded something last, which mostly is the next to do so."""

    __slots__ = ("code",)
    code: Any

    def __init__(self) -> None:
        self.code = None


LAST = _Last()


def outside(f: FrameType) -> FrameType:
    """The innermost frame outside the package, from f outwards; the outermost if all are ours."""
    while INTERNAL[f.f_code.co_filename] and f.f_back is not None:
        f = f.f_back
    return f


def stacklevel() -> int:
    """The stacklevel that puts a warning of the caller at the line of the user's program."""
    f, level = sys._getframe(1), 1
    while INTERNAL[f.f_code.co_filename] and f.f_back is not None:
        f, level = f.f_back, level + 1
    return level
