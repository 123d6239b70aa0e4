"""Attributes of modules in machine code: which classes have it in their slot.

CPython gives a class that defines `__getattr__` a slot that tries the ordinary way, makes an
exception, and then calls it: half a microsecond for each parameter and submodule. Here that slot
gets `machine/modules.py` instead, for classes whose `__getattr__` is Module's and whose
`__getattribute__` is object's. Whoever assigns either to a class later has CPython write the slot
anew, so that theirs is called.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from typing import Any

from ..kernels.ufunc_loops import WORD, word_at

GETATTRO = 18 * WORD  # PyTypeObject.tp_getattro


class Asked:
    """A class with a `__getattr__`, to see what its slot is."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class Attributes:
    """The slot of classes of modules. where: the address of the machine code."""

    def __init__(self, where: int) -> None:
        self.ours = where
        self.pythons = word_at(id(Asked) + GETATTRO)
        plain = word_at(id(object) + GETATTRO)
        generic = ctypes.cast(ctypes.pythonapi.PyObject_GenericGetAttr, ctypes.c_void_p).value
        self.known = plain == generic and self.pythons not in (0, plain)

    def enter(self) -> None:
        """Have all classes of modules use machine code."""
        for cls in every():
            self.put(cls)

    def leave(self) -> None:
        """Have all of them use Python's way again."""
        for cls in every():
            if word_at(id(cls) + GETATTRO) == self.ours:
                store(cls, self.pythons)

    def put(self, cls: type) -> None:
        """Have a class use machine code, if nothing of its own is to be asked."""
        module = every_module()
        if module is None or not self.known or word_at(id(cls) + GETATTRO) != self.pythons:
            return
        asked: Any = cls  # as an object
        if asked.__getattr__ is not module.__dict__.get("__getattr__"):
            return
        if asked.__getattribute__ is object.__getattribute__:
            store(cls, self.ours)


def store(cls: type, word: int) -> None:
    """Write a class's slot."""
    ctypes.c_uint64.from_address(id(cls) + GETATTRO).value = word
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))


def every_module() -> Any:
    """Module, where its file is loaded."""
    return getattr(sys.modules.get("wengert.nn.module"), "Module", None)


def every() -> Iterator[type]:
    """Module and all its subclasses."""
    module = every_module()
    waiting = [] if module is None else [module]
    seen = set(waiting)
    while waiting:
        cls = waiting.pop()
        yield cls
        new = [c for c in type.__subclasses__(cls) if c not in seen]
        seen.update(new)
        waiting += new
