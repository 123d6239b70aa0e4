"""Functions that serve under several names and say the right one (`__name__`, `help`, errors)."""

from __future__ import annotations

from types import FunctionType
from typing import Any, TypeVar

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


class NamedInit:
    """Base of classes that take `__init__` from a private class: a wrong argument is told of the
    class that was called, as in `Conv2d.__init__() missing ...`.

    Only classes of this package: what users inherit stays what they wrote.

    >>> torch.nn.Conv2d.__init__.__qualname__
    'Conv2d.__init__'
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        init: Any = cls.__init__
        inherited = isinstance(init, FunctionType) and "__init__" not in vars(cls)
        if (
            inherited
            and init.__qualname__.startswith("_")
            and cls.__module__.startswith("wengert.")
        ):
            cls.__init__ = alias(init, "__init__")  # type: ignore[method-assign]
            cls.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
