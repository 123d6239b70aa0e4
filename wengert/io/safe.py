"""What a file may name when it is loaded with weights_only=True: a closed table, and additions."""

from __future__ import annotations

import collections
import contextlib
from typing import Any

from ..base import dtypes
from ..base.devices import device
from ..base.size import Size
from ..engine.tensor import Tensor
from ..nn.parameter import Parameter
from . import names, rebuild

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals"]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Bytes, which protocol 2 writes as text."""
    return str(text).encode("latin1" if encoding == "latin1" else "utf-8")


_PYTHON: dict[str, Any] = {
    "collections.OrderedDict": collections.OrderedDict,
    "collections.Counter": collections.Counter,
    "builtins.set": set, "builtins.frozenset": frozenset, "builtins.complex": complex,
    "builtins.bytearray": bytearray, "_codecs.encode": _encode,
}  # fmt: skip
ALLOWED: dict[str, Any] = {
    **_PYTHON,
    **{k.replace("builtins", "__builtin__"): v for k, v in _PYTHON.items() if "builtins" in k},
    **{f"torch.{d.name}": d for d in (*dtypes.ALL, *dtypes.SMALL)},
    **{f"torch.{s.name}": s for s in names.STORAGES.values() if s.dtype is not None},
    **{f"torch.cuda.{s.name}": s for s in names.STORAGES.values() if s.dtype is not None},
    "torch.storage.UntypedStorage": names.UNTYPED,
    "torch.storage.TypedStorage": names.UNTYPED,
    **rebuild.FUNCTIONS,
    "torch.Size": Size, "torch.device": device, "torch.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Parameter,
}  # fmt: skip
# What of it may be called; the rest is only named.
CALLABLE: tuple[Any, ...] = (
    *_PYTHON.values(), *rebuild.FUNCTIONS.values(), Size, device, Parameter,
)  # fmt: skip
_added: list[Any] = []


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let files loaded with weights_only=True name these classes and functions, and call them.

    Args:
        safe_globals: classes and functions, or tuples (one of them, its full name in files).

    Raises TypeError where safe_globals is of the wrong type.

    >>> torch.serialization.add_safe_globals([collections.deque])
    >>> torch.serialization.clear_safe_globals()
    """
    for item in safe_globals:
        if isinstance(item, tuple) and (len(item) != 2 or not isinstance(item[1], str)):
            raise ValueError(
                "add_safe_globals: expected a class, a function, or (one, 'its.full.name'), "
                f"got {item}"
            )
        if not any(item is x for x in _added):
            _added.append(item)


def get_safe_globals() -> list[Any]:
    """What add_safe_globals has added.

    >>> torch.serialization.get_safe_globals()
    []
    """
    return list(_added)


def clear_safe_globals() -> None:
    """Take back everything that add_safe_globals has added.

    >>> class Own:
    ...     pass
    >>> torch.serialization.add_safe_globals([Own])
    >>> torch.serialization.clear_safe_globals()
    >>> torch.serialization.get_safe_globals()
    []
    """
    _added.clear()


class safe_globals(contextlib.AbstractContextManager):
    """add_safe_globals for the block only.

    Raises TypeError where safe_globals is no sequence.

    >>> with safe_globals([set]):
    ...     set in get_safe_globals()
    True
    """

    def __init__(self, safe_globals: list[Any]) -> None:
        self.items = safe_globals

    def __enter__(self) -> None:
        self.before = get_safe_globals()
        add_safe_globals(self.items)

    def __exit__(self, *exc: object) -> None:
        _added[:] = self.before


def added_names() -> dict[str, Any]:
    """Every name under which a file may mean something that was added."""
    table: dict[str, Any] = {}
    for item in _added:
        if isinstance(item, tuple):
            table[item[1]] = item[0]
            continue
        table[f"{item.__module__}.{item.__qualname__}"] = item
        torchs = names.public_name(item)
        if torchs is not None:
            table[".".join(torchs)] = item
    return table
