"""torch.return_types: the named tuples that functions with several results return."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _repr(self: Any) -> str:
    inside = ",\n".join(f"{k}={v!r}" for k, v in zip(self._fields, self))
    return f"torch.return_types.{type(self).__name__}(\n{inside})"


def make(name: str, fields: str = "values indices") -> Any:
    """A named tuple class that prints as PyTorch's."""
    cls = namedtuple(name, fields)  # type: ignore[misc]
    return type(
        name, (cls,), {"__slots__": (), "__repr__": _repr, "__module__": "torch.return_types"}
    )


TYPES: dict[str, Any] = {}


def named(name: str, *values: Any, fields: str = "values indices") -> Any:
    """The result of function `name` with these values."""
    cls = TYPES.get(name)
    if cls is None:
        cls = TYPES[name] = make(name, fields)
    return tuple.__new__(cls, values)
