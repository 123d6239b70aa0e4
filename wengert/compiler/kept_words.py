"""Words in memory that stand for facts of a plan: while they are what they were, so are the facts.

An entry of an object (a tensor's array, its history) or of a list, how long a container is, and the
version of a dict, which CPython changes with every change of it (PEP 509). Machine code compares
hundreds of them in a microsecond.

Not here: what they are compared for, and what is done where one is not as it was (`guards.py`).
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

DICTS = (dict, OrderedDict, defaultdict)
ITEMS = 24  # bytes of a list before the address of its items
FEWEST = 8  # where there are fewer, Python compares the facts itself


class KeptWords:
    """Words to compare. What is in the entries of objects is kept alive by who notes the fact."""

    def __init__(self) -> None:
        self.versions: dict[int, Any] = {}  # of dicts
        self.lists: dict[int, list[Any]] = {}  # whose items are looked at
        self.rows: list[int] = []  # where these have their items
        self.same: list[tuple[Any, str | int, int]] = []  # (object, what of it, its word)
        self.other: list[tuple[Any, str | int, int]] = []
        self.pairs: list[tuple[Any, Any]] = []  # arrays of one number, of equal bits
        self.layout: Any = None

    def __bool__(self) -> bool:
        return len(self.versions) + len(self.same) + len(self.other) >= FEWEST

    def item(self, x: Any, i: int, value: Any) -> bool:
        """That an item of a list is a value; False for what is no list."""
        if type(x) is not list:
            return False
        if id(x) not in self.lists:
            self.lists[id(x)] = x
            self.size(x, len(x))
        self.same.append((x, i, id(value)))
        return True

    def slot(self, x: Any, name: str, value: Any, same: bool = True) -> bool:
        """That an entry of an object is a value, or is another."""
        (self.same if same else self.other).append((x, name, id(value)))
        return True

    def size(self, x: Any, length: int) -> bool:
        """How long a container is; whether that can be asked in memory."""
        known = type(x) in (*DICTS, list, tuple)
        if known:
            self.same.append((x, "size", length))
        return known

    def version(self, x: Any) -> bool:
        """That a dict is not changed; False for what has no version."""
        known = type(x) in DICTS
        if known:
            self.versions[id(x)] = x
        return known

    def equal(self, arrays: list[Any]) -> bool:
        """That arrays of one number each hold equal bits."""
        here = all(type(a) is np.ndarray for a in arrays)
        known = here and all(a.dtype == arrays[0].dtype and a.itemsize in (4, 8) for a in arrays)
        if known:
            self.pairs += [(arrays[0], a) for a in arrays[1:]]
        return known

    def now(self, kept: Callable[..., Any]) -> np.ndarray:
        """The words as `kept` reads them, with the versions that dicts have now."""
        rows = [ctypes.c_int64.from_address(i + ITEMS).value for i in self.lists]
        if self.layout is None or rows != self.rows:
            self.rows = rows
            self.layout = self._laid_out()
        found = self.layout.copy()
        kept(found, len(self.versions) + len(rows))
        return found

    def _laid_out(self) -> np.ndarray:
        from ..native_calls.structures import fields, slot

        at = {name: offset for name, (offset, _) in fields().items()}
        at["cell_contents"] = at["size"]

        rows = dict(zip(self.lists, self.rows))

        def word(x: Any, name: str | int) -> int:
            if isinstance(name, int):
                return rows[id(x)] + 8 * name
            if name in at:
                return id(x) + at[name]
            return id(x) + slot(next(c for c in type(x).__mro__ if name in vars(c)), name)

        def data(a: np.ndarray) -> int:
            return a.__array_interface__["data"][0]

        # first where lists have their items: nothing is read where they were
        same = [(i + ITEMS, 0) for i in self.lists]
        same += [(id(d) + at["version"], 0) for d in self.versions.values()]
        same += [(word(x, name), value) for x, name, value in self.same]
        other = [(word(x, name), value) for x, name, value in self.other]
        bits = [(data(a) + i, data(b) + i) for a, b in self.pairs for i in range(0, a.itemsize, 4)]
        words = [len(same), len(other), len(bits)]
        for pair in (*same, *other, *bits):
            words += pair
        return np.array(words, np.int64)
