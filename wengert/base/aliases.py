"""A public function under a second name, which says that name itself (`__name__`, `help`)."""

from __future__ import annotations

from types import FunctionType
from typing import TypeVar

F = TypeVar("F")


def alias(f: F, name: str) -> F:
    """The same function under another name; f is a plain function.

    >>> alias(alias, "second").__name__
    'second'
    """
    assert isinstance(f, FunctionType)
    g = FunctionType(f.__code__, f.__globals__, name, f.__defaults__, f.__closure__)
    g.__kwdefaults__, g.__annotations__ = f.__kwdefaults__, f.__annotations__
    g.__doc__, g.__module__ = f.__doc__, f.__module__
    g.__dict__.update(f.__dict__)
    before = f.__qualname__.rpartition(".")[0]
    g.__qualname__ = f"{before}.{name}" if before else name
    return g  # type: ignore[return-value]
