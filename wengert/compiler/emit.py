"""Kernels of groups: the text of one pass over memory, its machine code, and the call.

Sizes are arguments, so that groups that do the same on other shapes are one kernel, whose machine
code is kept on disk like that of all kernels. What a kernel computes for an element does not depend
on how many threads there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import compiler
from ..kernels.jobs import Job, Kernel
from ..kernels.lanes import Module, Value
from ..kernels.sweep import sweep
from .graph import Node
from .graph import Value as GraphValue
from .group import COLUMN, ONE, ROW, Group, behind, number
from .words import SINGLE, WORDS

CHUNK = 16384  # elements that a thread takes at a time
TYPES = {"float32": "float", "float64": "double", "bool": "i8"}
KERNELS: dict[str, Kernel] = {}


class Writing:
    """The text of a group's kernel while it is written."""

    def __init__(self, group: Group, target: Any) -> None:
        self.group = group
        kinds = [TYPES[v.dtype.name] + "*" for v, _ in group.operands]
        outs = [TYPES[v.dtype.name] + "*" for v in group.outputs]
        names = [f"x{i}" for i in range(len(kinds))] + [f"y{i}" for i in range(len(outs))]
        self.entries = [*zip(names, [*kinds, *outs]), ("n", "i64"), ("columns", "i64")]
        self.how = [*["" for _ in kinds], *["out" for _ in outs], "", ""]
        module = Module(target)
        self.k = Job(module, self.entries)
        self.lanes = self.k.lanes(TYPES[group.word])
        *pointers, self.n, self.columns = self.k.table()
        self.given = pointers[: len(kinds)]
        self.stored = pointers[len(kinds) :]
        self.place = {v.number: i for i, (v, _) in enumerate(group.operands)}
        if group.columns:
            self.rows()
        else:
            self.flat()
        module.functions.append(self.k)
        self.text = module.text()

    def flat(self) -> None:
        """Chunks of elements."""
        k = self.k
        first = k.chunk * CHUNK
        stop = k.least((k.chunk + 1) * CHUNK, self.n)
        ones = self.numbers(ONE, 0)
        sweep(k, stop, self.lanes, lambda i, mask, u: self.body(i, i, mask, ones), first=first)

    def rows(self) -> None:
        """Chunks of rows."""
        k = self.k
        ones = self.numbers(ONE, 0)
        share = k.index(CHUNK) // self.columns
        share = (share < 1).choose(k.index(1), share)

        def row(r: Value) -> None:
            known = {**ones, **self.numbers(ROW, r)}
            at = r * self.columns
            sweep(k, self.columns, self.lanes, lambda i, mask, u: self.body(at + i, i, mask, known))

        first = k.chunk * share
        k.loop(first, k.least(first + share, self.n), 1, row)

    def numbers(self, how: str, at: Any) -> dict[int, Value]:
        """Operands that are one number here."""
        return {
            v.number: self.truth(v, self.given[i].load(at))
            for i, (v, kind) in enumerate(self.group.operands)
            if kind == how
        }

    def truth(self, v: GraphValue, x: Value) -> Value:
        return x.differs(0) if v.dtype.name == "bool" else x

    def body(self, at: Value, column: Value, mask: Value | None, numbers: dict[int, Value]) -> None:
        """One vector: loads, words, stores."""
        known: dict[int, Any] = dict(numbers)

        def operand(x: Any) -> Any:
            if type(x) is not GraphValue:
                return x
            x = behind(x)
            if x.number not in known:
                if number(x):
                    known[x.number] = x.array.item()
                else:
                    i = self.place[x.number]
                    where = column if self.group.operands[i][1] == COLUMN else at
                    known[x.number] = self.truth(x, self.given[i].load(where, self.lanes, mask))
            return known[x.number]

        for n in self.group.nodes:
            known[n.outputs[0].number] = self.word(n, [operand(x) for x in n.operands])
        for p, v in zip(self.stored, self.group.outputs):
            x = known[v.number]
            x = x if isinstance(x, Value) else self.k.constant(x, TYPES[v.dtype.name])
            x = x.wide(self.lanes)
            p.store(x.cast("zext", "i8") if x.word == "i1" else x, at, mask)

    def word(self, n: Node, xs: list[Any]) -> Any:
        word = TYPES[self.group.word]
        name = n.op.name
        if not any(isinstance(x, Value) for x in xs):
            xs[0] = self.k.constant(xs[0], word)
        if name == "astype":
            x = xs[0]
            to = TYPES[n.outputs[0].dtype.name]
            return x.cast("uitofp", to) if x.word == "i1" else x
        if n.op.kind == "elementwise" and name not in ("where", "keep"):
            wide = max(x.lanes for x in xs if isinstance(x, Value))
            xs = [x.wide(wide) if isinstance(x, Value) and wide else x for x in xs]
        f = WORDS.get(name) or SINGLE[name]
        return f(*xs, *n.static.values())


class Fused:
    """Calls a group's kernel: arrays in, new arrays out, or those of `targets`."""

    def __init__(self, group: Group, kernel: Kernel) -> None:
        self.kernel, self.group = kernel, group
        self.name = "+".join(n.op.name for n in group.nodes)
        self.kinds = [how != ONE for _, how in group.operands]
        self.made = [(v.shape, v.dtype) for v in group.outputs]
        self.targets: list[Any] = [None] * len(self.made)
        n, c = group.size, group.columns
        if c:
            rows = n // c
            self.sizes = (rows, c)
            self.chunks = -(-rows // max(1, CHUNK // c))
        else:
            self.sizes = (n, 0)
            self.chunks = -(-n // CHUNK)

    def __call__(self, *arrays: Any) -> Any:
        given = [
            (a if a.flags.c_contiguous else np.ascontiguousarray(a)) if large else np.asarray(a)
            for a, large in zip(arrays, self.kinds)
        ]
        outs = [
            np.empty(shape, dtype) if t is None else t
            for (shape, dtype), t in zip(self.made, self.targets)
        ]
        self.kernel(self.chunks, *given, *outs, *self.sizes)
        return outs


def compiled(group: Group) -> Fused | None:
    """The call of a group's kernel; None where there is no compiler."""
    target = compiler.target()
    if target is None:
        return None
    w = Writing(group, target)
    digest = hashlib.sha256(w.text.encode()).hexdigest()
    kernel = KERNELS.get(digest)
    if kernel is None:
        (address,) = compiler.load(target, ("group", digest), lambda: w.text, ["run"])
        kinds = [(kind, how) for (_, kind), how in zip(w.entries, w.how)]
        kernel = KERNELS[digest] = Kernel("group", address, kinds)
    return Fused(group, kernel)


Call = Callable[..., Any]
