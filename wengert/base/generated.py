"""Functions made from text: the project's only exec (as in dataclasses).

The text is entered where debuggers, tracebacks and `inspect.getsource` look for it.
"""

from __future__ import annotations

import linecache
from typing import Any


def functions(title: str, lines: list[str], names: dict[str, Any]) -> dict[str, Any]:
    """Run the text of functions that use `names`; returns the names with the functions added."""
    text, file = "\n".join(lines) + "\n", f"<wengert {title}>"
    kept, number = text.splitlines(keepends=True), 1
    while linecache.getlines(file) not in ([], kept):  # another, which is still in use
        number += 1
        file = f"<wengert {title} {number}>"
    names["__name__"] = __name__
    exec(compile(text, file, "exec"), names)
    linecache.cache[file] = (len(text), None, kept, file)
    return names
