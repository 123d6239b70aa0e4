"""Kernels of groups: the text of one pass over memory, its machine code, and the call.

Sizes are arguments, so that groups that do the same on other shapes are one kernel, whose machine
code is kept on disk like that of all kernels. What a kernel computes for an element does not depend
on how many threads there are.
"""

from __future__ import annotations

import hashlib
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..kernels import compiler
from ..kernels.jobs import Job, Kernel
from ..kernels.lanes import Module, Value
from ..kernels.sweep import sweep
from .graph import Node
from .graph import Value as GraphValue
from .group import COLUMN, LEAST, ONE, ROW, Group, behind, number
from .words import FEW, FILLS, SINGLE, WORDS

CHUNK = 16384  # elements that a thread takes at a time
TYPES = {"float32": "float", "float64": "double", "bool": "i8", "int64": "i64"}
# By key of a group, by digest of a text: those that programs hold, and the last ones asked for.
# Others' machine code is given back.
KERNELS: Any = weakref.WeakValueDictionary()
RECENT: deque[Kernel] = deque(maxlen=512)


class Body:
    """What a group does, while it is written into a function k. given, stored: where its operands
    and outputs are.
    """

    def __init__(self, group: Group, k: Any, given: Sequence[Any], stored: Sequence[Any]) -> None:
        self.group, self.k, self.given, self.stored = group, k, given, stored
        self.lanes = k.lanes(TYPES[group.word]) if group.shape else 0
        if group.shape and group.width:
            self.lanes = narrow(self.lanes, group.width)
        self.place = {v.number: i for i, (v, _) in enumerate(group.operands)}

    def flat(self, first: Any, stop: Any) -> None:
        """Some elements."""
        k = self.k
        ones = self.numbers(ONE, 0)
        if not self.lanes:
            self.body(k.index(0), k.index(0), None, ones)
            return
        self.sweep(first, stop, lambda i, mask: self.body(i, i, mask, ones))

    def sweep(self, first: Any, stop: Any, body: Callable[[Value, Value | None], None]) -> None:
        """body for each vector; few of them all under a mask, since that is the shortest text."""
        k, lanes = self.k, self.lanes
        if self.group.width:
            stop = k.index(stop)
            k.loop(first, stop, lanes, lambda i: body(i, k.mask(stop - i, lanes)))
        else:
            sweep(k, stop, lanes, lambda i, mask, u: body(i, mask), first=first)

    def rows(self, first: Any, stop: Any, columns: Any) -> None:
        """Some rows."""
        k = self.k
        ones = self.numbers(ONE, 0)

        def row(r: Value) -> None:
            known = {**ones, **self.numbers(ROW, r)}
            at = r * columns
            self.sweep(0, columns, lambda i, mask: self.body(at + i, i, mask, known))

        k.loop(first, stop, 1, row)

    def numbers(self, how: str, at: Any) -> dict[int, Value]:
        """Operands that are one number here."""
        return {
            v.number: self.truth(v, self.given[i].load(at))
            for i, (v, kind) in enumerate(self.group.operands)
            if kind == how
        }

    def truth(self, v: GraphValue, x: Value) -> Value:
        return x.differs(0) if v.kind == "bool" else x

    def body(self, at: Value, column: Value, mask: Value | None, numbers: dict[int, Value]) -> None:
        """One vector: loads, words, stores."""
        known: dict[int, Any] = dict(numbers)

        def operand(x: Any) -> Any:
            if type(x) is not GraphValue:
                return x
            x = behind(x)
            if x.number not in known:
                if number(x):
                    c = x.array.item()
                    known[x.number] = self.k.index(int(c)).differs(0) if x.kind == "bool" else c
                else:
                    i = self.place[x.number]
                    where = column if self.group.operands[i][1] == COLUMN else at
                    known[x.number] = self.truth(x, self.given[i].load(where, self.lanes, mask))
            return known[x.number]

        for n in self.group.nodes:
            known[n.outputs[0].number] = self.word(n, [operand(x) for x in n.operands])
        for p, v in zip(self.stored, self.group.outputs):
            x = known[v.number]
            x = x if isinstance(x, Value) else self.k.constant(x, TYPES[v.kind])
            x = x.wide(self.lanes)
            p.store(x.cast("zext", "i8") if x.word == "i1" else x, at, mask)

    def word(self, n: Node, xs: list[Any]) -> Any:
        word = TYPES[self.group.word]
        name = n.op.name
        if name != "pow":
            xs = [x if isinstance(x, Value) else self.k.constant(x, word, self.lanes) for x in xs]
        if name == "astype":
            x = xs[0]
            to = TYPES[n.outputs[0].kind]
            return x if x.real else x.cast("uitofp" if x.word == "i1" else "sitofp", to)
        if n.op.kind == "elementwise" and name != "where" and name not in FILLS:
            wide = max(x.lanes for x in xs if isinstance(x, Value))
            xs = [x.wide(wide) if isinstance(x, Value) and wide else x for x in xs]
        f = WORDS.get(name) or (SINGLE.get(name) if word == "float" else None) or FEW[name]
        return f(*xs, *n.static.values())


def narrow(lanes: int, n: int) -> int:
    """Lanes that are enough for n numbers."""
    while lanes > LEAST and n <= lanes // 2:
        lanes //= 2
    return lanes


def entries(group: Group) -> list[tuple[str, str]]:
    """The arguments of a group's function."""
    kinds = [TYPES[v.kind] + "*" for v, _ in group.operands]
    outs = [TYPES[v.kind] + "*" for v in group.outputs]
    names = [f"x{i}" for i in range(len(kinds))] + [f"y{i}" for i in range(len(outs))]
    return [*zip(names, [*kinds, *outs]), ("n", "i64"), ("columns", "i64")]


def written(group: Group, target: Any) -> str:
    """The text of a group's kernel."""
    module = Module(target)
    k = Job(module, entries(group))
    *pointers, n, columns = k.table()
    inputs = len(group.operands)
    body = Body(group, k, pointers[:inputs], pointers[inputs:])
    if group.columns:
        share = k.index(CHUNK) // columns
        share = (share < 1).choose(k.index(1), share)
        first = k.chunk * share
        body.rows(first, k.least(first + share, n), columns)
    else:
        body.flat(k.chunk * CHUNK, k.least((k.chunk + 1) * CHUNK, n))
    module.functions.append(k)
    return module.text()


class Launch:
    """A kernel with what it is called with every time: sizes, the number of chunks, what it makes.

    In a program `quick(1, 1, 1, ...)` is the call of a kernel of one chunk, which says
    NotImplemented where an array is not as it should be; calling the Launch does without.
    """

    def __init__(
        self, kernel: Kernel, made: Sequence[Any], sizes: tuple[int, ...], chunks: int = 1
    ) -> None:
        self.kernel, self.sizes, self.chunks = kernel, sizes, chunks
        self.made = made  # (shape, dtype) of the arrays that it makes
        self.quick = kernel.quick if chunks == 1 else None

    def __call__(self, *arrays: Any) -> None:
        """Run it on operands and then results."""
        inputs = len(arrays) - len(self.made)
        given = [np.ascontiguousarray(a).reshape(np.shape(a)) for a in arrays[:inputs]]
        self.kernel(self.chunks, *given, *arrays[inputs:], *self.sizes)

    def sized(self, sizes: tuple[int, int, int], *arrays: Any) -> None:
        """Run it on arrays of other shapes: (rows, columns, chunks)."""
        rows, columns, chunks = sizes
        quick = self.kernel.quick
        if chunks == 1 and quick is not None and quick(1, 1, 1, *arrays, rows, columns) is None:
            return
        inputs = len(arrays) - len(self.made)
        given = [np.ascontiguousarray(a).reshape(np.shape(a)) for a in arrays[:inputs]]
        self.kernel(chunks, *given, *arrays[inputs:], rows, columns)


def sizes(group: Group) -> tuple[tuple[int, int], int]:
    """(how much a group's kernel is given: rows and columns, or elements and 0), chunks."""
    rows, columns, chunks = counted(group.size, group.columns)
    return (rows, columns), chunks


def counted(n: int, columns: int) -> tuple[int, int, int]:
    """The same of n elements, in rows of so many columns or, with 0, in none."""
    if columns:
        return n // columns, columns, -(-(n // columns) // max(1, CHUNK // columns))
    return n, 0, -(-n // CHUNK)


def load(name: str, text: str, kinds: list[tuple[str, str]], target: Any) -> Kernel:
    """The kernel of a text; kinds: the type of each argument, and how it is used."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    kernel = KERNELS.get(digest)
    if kernel is None:
        (address,) = compiler.load(target, (name, digest), lambda: text, ["run"], passing=True)
        kernel = KERNELS[digest] = Kernel(name, address, kinds)
        weakref.finalize(kernel, compiler.unload, address).atexit = False
    RECENT.append(kernel)
    return kernel


def compiled(group: Group) -> Launch | None:
    """The call of a group's kernel; None where there is no compiler."""
    target = compiler.target()
    if target is None:
        return None
    key = group.key()
    kernel = None if key is None else KERNELS.get(key)
    if kernel is None:
        inputs = len(group.operands)
        kinds = [
            (kind, "out" if kind.endswith("*") and i >= inputs else "")
            for i, (_, kind) in enumerate(entries(group))
        ]
        kernel = load("group", written(group, target), kinds, target)
        if key is not None:
            KERNELS[key] = kernel
    made = [(v.shape, v.dtype) for v in group.outputs]
    return Launch(kernel, made, *sizes(group))
