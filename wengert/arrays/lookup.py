"""From an array's type to its namespace: the only place that knows which libraries exist.

A namespace is an object with the vocabulary as attributes. Interpreters and Tensor register theirs
here too, with a precedence: interpreters (by nesting level), then Tensor, then the libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class Namespace:
    """The vocabulary over one kind of array; a missing word is derived from the op of that name."""

    derive: Callable[[Namespace, str], Any]  # set by the engine, which knows the ops
    library: Any = None
    array_type: Any = None

    def __init__(self, name: str, words: dict[str, Any]) -> None:
        self.name = name
        self.__dict__.update(words)

    def primitive(self, word: str) -> Any:
        """The library's own callable for a word, or None."""
        from . import bind

        return self.__dict__.get(word) or bind.lazy_word(self.library, word)

    def quicker(self, word: str, body: Any) -> Any:
        """The library's quick way for an op that has a body, or that body."""
        return body

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        f = Namespace.derive(self, word)
        self.__dict__[word] = f
        return f


NS: dict[type, Any] = {}  # type of array -> namespace
RANK: dict[type, int] = {}  # 0 (absent): a library; 1: Tensor; 2: interpreters
SCALARS = frozenset((int, float, bool, complex))


class _Loader(dict):
    """NS with the libraries imported at first sight of one of their arrays."""

    def __missing__(self, t: type) -> Any:
        for base in t.__mro__[1:]:
            if base in self and base is not object:
                self[t] = ns = self[base]
                return ns
        root = t.__module__.partition(".")[0]
        if root in ("numpy", "ml_dtypes"):
            from . import cpu

            cpu.register(t)
            return dict.__getitem__(self, t)
        if root == "cupy" and "cupy" in sys.modules:
            from . import cuda

            cuda.register(t)
            return dict.__getitem__(self, t)
        raise KeyError(t)


NS = _Loader()


class _Numbers(dict):
    """Type of array -> f(number, dtype): the operand that stands for a Python number beside such
    an array. Libraries that are quicker with an array of their own enter a function.
    """

    def __missing__(self, t: type) -> Any:
        return _itself


def _itself(number: Any, dtype: Any) -> Any:
    return number


NUMBER = _Numbers()


def is_array(x: object) -> bool:
    """Whether x is an array of a known library or interpreter, or a Tensor."""
    try:
        NS[type(x)]
    except KeyError:
        return False
    return True


def namespace(*arrays: Any) -> Any:
    """The namespace that speaks for these operands together; Python scalars and None are
    skipped.
    """
    best = None
    rank, level = -1, -1
    for a in arrays:
        t = type(a)
        if t in SCALARS or a is None:
            continue
        r = RANK.get(t, -1)
        if r < 0:
            if t not in NS:
                try:
                    NS[t]
                except KeyError:
                    continue
            r = RANK.setdefault(t, next((RANK[b] for b in t.__mro__ if b in RANK), 0))
        lv = a.level if r == 2 else 0
        if r > rank or (r == rank and lv > level):
            best, rank, level = t, r, lv
    if best is None:
        raise TypeError(
            "no array among the operands: " + ", ".join(type(a).__name__ for a in arrays)
        )
    return NS[best]


def library_of(a: Any) -> Any:
    """The array library (a module such as numpy or cupy) of a raw array."""
    return NS[type(a)].library


def default_namespace() -> Any:
    """The namespace of the CPU."""
    from . import cpu

    return cpu.NAMESPACE


DEVICES: dict[str, Any] = {}  # device type -> function(device) -> namespace


def on_device(d: Any) -> Any:
    """The namespace that makes arrays on a device."""
    if d.type == "cpu":
        return default_namespace()
    make = DEVICES.get(d.type)
    if make is None:
        if d.type == "cuda":
            from . import cuda

            return cuda.on_device(d)
        if d.type == "meta":
            from . import meta

            return meta.NAMESPACE
        if d.type == "sim":
            from . import sim

            return sim.on_device(d)
        raise RuntimeError(f"there is no array library for device '{d}' here: use 'cpu'")
    return make(d)
