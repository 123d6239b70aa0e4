"""Every op, defined once in the file of its topic: forward, rules, kind, docstring.

As torch.ops it leads to the operators that users define, by their namespace.
"""

from typing import Any as _Any

from .. import declare as _declare


def __getattr__(name: str) -> _Any:
    from . import operator_names

    if name.startswith("__"):
        raise AttributeError(name)
    if name in ("load_library", "OPERATORS"):
        return getattr(operator_names, name)
    return operator_names.Namespace(name)
