"""Devices made of NumPy arrays behind a strict wrapper: the simulated device and the shape-only
one.

A wrapped array is no ndarray and does not turn into one by accident; its namespace unwraps, calls
the CPU's word and wraps again. Mixing with the CPU's arrays or another device's raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.errors import DevicesDiffer
from . import cpu
from .lookup import LIBRARY, NS, RANK, Namespace
from .operators import BINARY, COMPARE, UNARY

CREATORS = frozenset(("zeros", "ones", "full", "empty", "arange", "scalar"))


class Wrapped:
    """An array of a device that is not the CPU."""

    __array_ufunc__ = None
    __slots__ = ("value", "index", "root", "__weakref__")

    def __init__(self, value: np.ndarray, index: int = 0, root: Any = None) -> None:
        self.value, self.index, self.root = value, index, root

    def check_current(self) -> None:
        """Raise where an operator would not run on this array's device."""

    @property
    def base(self) -> Any:
        return self.root

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def strides(self) -> tuple[int, ...]:
        return self.value.strides

    @property
    def flags(self) -> Any:
        return self.value.flags

    @property
    def nbytes(self) -> int:
        return self.value.nbytes

    def item(self) -> Any:
        return self.value.item()

    def tolist(self) -> Any:
        return self.value.tolist()

    def max(self) -> Any:
        return self.value.max()

    def min(self) -> Any:
        return self.value.min()

    def all(self) -> Any:
        return self.value.all()

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        root = self if self.root is None else self.root
        return type(self)(self.value.diagonal(offset, axis1, axis2), self.index, root)

    def nonzero(self) -> Any:
        return tuple([type(self)(i, self.index) for i in self.value.nonzero()])

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"an array on {NS[type(self)].device_of(self)} is no NumPy array: move it with .cpu()"
            " first"
        )

    def __iadd__(self, other: Any) -> Any:
        self.check_current()
        value = unwrapped(other, self)
        self.value += value
        noted = NS[type(self)].noted
        if noted is not None:
            noted(np.ndarray.__iadd__, (self.value, value), {}, None)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r}, {self.index})"

    def __hash__(self) -> int:
        return id(self)


def unwrapped(x: Any, like: Wrapped) -> Any:
    """The NumPy array inside x, which must be of like's device; numbers, names and keys pass."""
    if isinstance(x, Wrapped):
        if type(x) is not type(like) or x.index != like.index:
            raise DevicesDiffer(NS[type(like)].device_of(like), NS[type(x)].device_of(x))
        return x.value
    if isinstance(x, np.ndarray):
        if x.ndim:
            raise DevicesDiffer(NS[type(like)].device_of(like), "cpu")
        return x
    if isinstance(x, tuple) and x and any(isinstance(v, Wrapped) for v in x):
        return tuple([unwrapped(v, like) for v in x])
    return x


def memory(out: Any) -> Any:
    """A result that has a place in memory: a library scalar as an array."""
    return np.asarray(out) if isinstance(out, np.generic) else out


class WrappedNamespace(Namespace):
    """The vocabulary over one kind of wrapped arrays."""

    library = np
    # told of each call while work is recorded: the function, its arguments as NumPy's, the result
    noted: Callable[[Any, Any, Any, Any], None] | None = None

    def __init__(self, name: str, cls: type[Wrapped], index: int | None = 0) -> None:
        self.__dict__.update(name=name, array_type=cls, index=index)

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        f = getattr(cpu.NAMESPACE, word)
        if word in CREATORS:
            out = self._creator(f)
        else:
            out = self._word(f, word)
        self.__dict__[word] = out
        return out

    def primitive(self, word: str) -> Any:
        """The CPU's word over wrapped arrays."""
        return getattr(self, word)

    def _creator(self, f: Any) -> Any:
        def make(*args: Any, **kwargs: Any) -> Any:
            out = np.asarray(f(*args, **kwargs))
            if self.noted is not None:
                self.noted(f, args, kwargs, out)
            return self.made(out)

        return make

    def made(self, value: np.ndarray) -> Any:
        """A new array of this device."""
        return self.__dict__["array_type"](value, self.__dict__["index"])

    def _word(self, f: Any, word: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            mine = [a for a in (*args, *kwargs.values()) if isinstance(a, Wrapped)]
            if not mine:
                return f(*args, **kwargs)
            first = mine[0]
            inner = [unwrapped(a, first) for a in args]
            named = {k: unwrapped(a, first) for k, a in kwargs.items()}
            out = f(*inner, **named)
            if self.noted is not None:
                out = tuple(map(memory, out)) if isinstance(out, tuple) else memory(out)
                self.noted(f, inner, named, out)
            if isinstance(out, tuple):
                return tuple([self.wrap(o, first.index, mine) for o in out])
            return self.wrap(out, first.index, mine)

        return call

    def wrap(self, out: Any, index: int, sources: Any) -> Any:
        """A result, knowing whose memory it is in."""
        if not isinstance(out, (np.ndarray, np.generic)):
            return out
        out = np.asarray(out)
        root = None
        for s in sources:
            if out is s.value or (
                out.base is not None and (out.base is s.value or out.base is s.value.base)
            ):
                root = s.root if s.root is not None else s
                break
        return self.__dict__["array_type"](out, index, root)

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, Wrapped) else self.made(np.asarray(a))

    def from_host(self, a: np.ndarray) -> Any:
        """A copy of a CPU array on this device."""
        return self.made(np.array(a))

    def to_host(self, a: Wrapped) -> np.ndarray:
        """A copy on the CPU."""
        return a.value.copy()


def operators(cls: type[Wrapped]) -> None:
    """Python's operators on a kind of wrapped arrays."""
    for name, word in BINARY.items():
        setattr(cls, f"__{name}__", lambda a, b, w=word: _binary(w, a, b))
        setattr(cls, f"__r{name}__", lambda a, b, w=word: _binary(w, b, a))
    for name in COMPARE:
        setattr(cls, f"__{name}__", lambda a, b, w=name: _binary(w, a, b))
    for name, word in UNARY.items():
        setattr(cls, f"__{name}__", lambda a, w=word: _unary(w, a))

    def item(a: Any, key: Any) -> Any:
        return NS[type(a)].getitem(a, key)

    cls.__getitem__ = item  # type: ignore[index]
    cls.__hash__ = object.__hash__  # type: ignore[method-assign]


def _unary(word: str, a: Any) -> Any:
    a.check_current()
    return getattr(NS[type(a)], word)(a)


def _binary(word: str, a: Any, b: Any) -> Any:
    like = a if isinstance(a, Wrapped) else b
    for x in (a, b):
        if RANK.get(type(x), LIBRARY) != LIBRARY:
            return NotImplemented  # an interpreter or a Tensor knows better
    like.check_current()
    return getattr(NS[type(like)], word)(a, b)
