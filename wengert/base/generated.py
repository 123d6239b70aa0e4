"""Functions made from text: the project's only exec (as in dataclasses).

The text is entered where debuggers, tracebacks and `inspect.getsource` look for it.
"""

from __future__ import annotations

import linecache
import marshal
import sys
from types import CodeType
from typing import Any

SHORT = 400  # characters that Python compiles about as soon as it finds their code on disk


def functions(title: str, lines: list[str], names: dict[str, Any]) -> dict[str, Any]:
    """Run the text of functions that use `names`; returns the names with the functions added."""
    text, file = "\n".join(lines) + "\n", f"<wengert {title}>"
    kept, number = text.splitlines(keepends=True), 1
    while linecache.getlines(file) not in ([], kept):  # another, which is still in use
        number += 1
        file = f"<wengert {title} {number}>"
    names["__name__"] = __name__
    exec(_code(text, file), names)
    linecache.cache[file] = (len(text), None, kept, file)
    return names


def _code(text: str, file: str) -> CodeType:
    """What Python makes of a text, which is kept on disk: to compile takes five times as long."""
    if len(text) < SHORT:
        return compile(text, file, "exec")
    import hashlib  # not needed to import wengert

    from . import disk

    key = f"{sys.version} {sys.flags.optimize} {text}"  # all that bytecode depends on
    place = disk.place(hashlib.sha256(key.encode()).hexdigest(), ".code")
    kept = disk.read(place)
    if kept is not None:
        return _of_file(marshal.loads(kept), file)
    code = compile(text, file, "exec")
    disk.write(place, marshal.dumps(code))
    return code


def _of_file(code: CodeType, file: str) -> CodeType:
    """The code with another file's name in it, in functions and classes inside too."""
    inner = tuple([_of_file(c, file) if isinstance(c, CodeType) else c for c in code.co_consts])
    return code.replace(co_filename=file, co_consts=inner)
