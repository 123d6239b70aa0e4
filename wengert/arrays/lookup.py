"""From an array to its namespace, by its type and device.

A namespace is an object with the vocabulary as attributes. Interpreters and Tensor register theirs
here too, with a precedence: interpreters (by nesting level), then Tensor, then the libraries. No
library is known here: `__init__.py` enters them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..base.errors import NoDeviceError

# What a library's arrays may be able to do (Namespace.has). Ops also ask for words that only some
# libraries have, by their names.
HOST = "host"  # lie in the program's memory, where compiled kernels work on them
VALUES = "values"  # have elements, and not only a shape

# Precedence of array types (RANK)
LIBRARY, TENSOR, INTERPRETER = 0, 1, 2


class Namespace:
    """The vocabulary over one kind of array; a missing word is derived from the op of that name.

    Where all arrays of a type are on one device, the type's namespace is all there is. Where they
    are not (PER_DEVICE), it speaks for operands of any device, and `of` gives that of one device,
    whose arrays are also made there without operands (zeros).
    """

    derive: Callable[[Namespace, str], Any]  # set by the engine, which knows the ops
    library: Any = None
    array_type: Any = None
    has: Callable[[str], bool] = frozenset((VALUES,)).__contains__

    def __init__(self, name: str, words: dict[str, Any]) -> None:
        self.name = name
        self.__dict__.update(words)

    def of(self, a: Any) -> Any:
        """The namespace of the device that a is on."""
        return self

    def current(self) -> AbstractContextManager[Any]:
        """A context in which Python's operators on arrays of this device run on it."""
        return nullcontext()

    home: Any = None  # the device on which all arrays of its type lie; None where they may differ

    def draw(
        self, like: Any, stream: Any, kind: str, shape: Any, dtype: Any, args: tuple[Any, ...]
    ) -> Any:
        """An array on the device of another one with the numbers of a stream, which the device has
        made; None: it does not make them.
        """
        return None

    def primitive(self, word: str) -> Any:
        """The library's own callable for a word, or None."""
        return self.__dict__.get(word)

    def quicker(self, word: str, body: Any) -> Any:
        """The library's quick way for an op that has a body, or that body."""
        return body

    def of_floats(self, f: Any) -> Any:
        """What may be called in the place of a word, on float32 and float64 alone."""
        return f

    def ordered(self, f: Any, plain: bool) -> Any:
        """An elementwise op of several operands whose results lie in memory as the first one.
        plain: it takes two and no more.
        """
        return f

    def in_half(self, f: Any, *args: Any) -> Any:
        """f(*args), some of which are of half precision: the body of an op, or a rule."""
        return f(*args)

    def in_order(self, f: Any) -> Any:
        """An op whose results lie in C order, whatever its operands lie in."""
        return f

    def in_format(self, f: Any, ranks: tuple[int, ...], deciding: int) -> Any:
        """An op whose results of these ranks lie channels last where one of the first operands
        does, of which there are one or two, and else in C order.
        """
        return f

    def formatted(self, out: Any, ranks: tuple[int, ...], operands: Any) -> Any:
        """A result of such an op, put in order."""
        return out

    def __getattr__(self, word: str) -> Any:
        if word.startswith("__"):
            raise AttributeError(word)
        f = Namespace.derive(self, word)
        self.__dict__[word] = f
        return f


RANK: dict[type, int] = {}  # precedence of a type of array; absent: not met yet, or a library's
PER_DEVICE: set[type] = set()  # types of arrays that live on several devices
HOSTED: set[type] = set()  # types of arrays in the program's memory, whose values are quick to ask
PACKAGES = ("numpy", "scipy", "ml_dtypes", "cupy")  # what arrays come from and are computed by
LIBRARIES: dict[str, Callable[[], Any]] = {}  # package of an array's type -> module that has it
DEVICES: dict[str, Callable[[], Any]] = {}  # device type -> module that has it
SCALARS = frozenset((int, float, bool, complex))


class _Loader(dict):
    """Type of array -> namespace, with the libraries imported at first sight of one of their
    arrays.
    """

    def __missing__(self, t: type) -> Any:
        for base in t.__mro__[1:]:
            if base in self and base is not object:
                self[t] = ns = self[base]
                return ns
        module = LIBRARIES.get(t.__module__.partition(".")[0])
        if module is None:
            raise KeyError(t)
        module().register(t)
        return dict.__getitem__(self, t)


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
    n = len(arrays)
    if n == 1 or n == 2 and type(arrays[0]) is type(arrays[1]):
        kind = type(arrays[0])
        if kind in RANK and kind not in PER_DEVICE:
            return NS[kind]
    best: Any = None
    chosen: Any = None
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
            r = RANK.setdefault(t, next((RANK[b] for b in t.__mro__ if b in RANK), LIBRARY))
        lv = a.level if r == INTERPRETER else 0
        if r > rank or (r == rank and lv > level):
            best, chosen, rank, level = t, a, r, lv
    if best is None:
        raise TypeError(
            "no array among the operands: " + ", ".join(type(a).__name__ for a in arrays)
        )
    return NS[best].of(chosen) if best in PER_DEVICE else NS[best]


def default_namespace() -> Any:
    """The namespace of the CPU."""
    return DEVICES["cpu"]().NAMESPACE


def on_device(d: Any) -> Any:
    """The namespace that makes arrays on a device."""
    module = DEVICES.get(d.type)
    if module is None:
        raise NoDeviceError(f"there is no array library for device '{d}' here: use 'cpu'")
    return module().on_device(d)
