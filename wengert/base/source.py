"""Which line of the user's program made a node: recorded as (code, instruction), resolved when
asked.
"""

from __future__ import annotations

import linecache
import sys
from types import CodeType

from .frames import INTERNAL


def here(depth: int = 1) -> tuple[CodeType, int] | tuple[None, int]:
    """(code, instruction) of the innermost frame outside the package."""
    f = sys._getframe(depth)
    while f is not None and INTERNAL[f.f_code.co_filename]:
        f = f.f_back  # type: ignore[assignment]
    return (f.f_code, f.f_lasti) if f is not None else (None, 0)


def line(code: CodeType | None, lasti: int) -> tuple[str, int, str, str]:
    """(file, line number, function, text of the line) of a recorded place."""
    if code is None:
        return "?", 0, "?", ""
    number = code.co_firstlineno
    for start, end, n in code.co_lines():
        if start <= lasti < end and n is not None:
            number = n
            break
    return (
        code.co_filename,
        number,
        code.co_name,
        linecache.getline(code.co_filename, number).strip(),
    )


def describe(code: CodeType | None, lasti: int) -> str:
    """`file:line in function: text` of a recorded place."""
    file, number, function, text = line(code, lasti)
    return f'File "{file}", line {number}, in {function}' + (f": {text}" if text else "")
