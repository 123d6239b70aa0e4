"""The text of a section: its pieces as functions, equal ones once, and one that calls them.

The function gets a table of addresses (the buffer, and arrays that stay where they are), then the
arguments and the results. Sizes are arguments of the pieces' functions, so that the layers of a
network share theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import compiler
from ..kernels.jobs import Job
from ..kernels.lanes import Function, Module, Pointer, Value
from ..kernels.matmul import gemm, library
from ..kernels.sweep import sums, sweep
from .emit import TYPES, Body, Launch, entries, load, narrow, sizes
from .graph import Value as GraphValue
from .group import Group
from .section import Piece, Section
from .section_products import write as write_stack
from .section_rows import write as write_rows
from .section_spread import write as write_spread
from .section_spread import write_laid


class Text:
    """The text of a section for a processor. entries: the arguments of its kernel."""

    def __init__(self, s: Section, target: Any, targets: dict[int, Any]) -> None:
        self.s = s
        self.module = Module(target)
        self.known: dict[str, str] = {}  # texts of functions -> their names
        self.groups: dict[Any, str] = {}  # keys of groups -> names of functions
        self.made = [v for v in s.outputs if v.number not in targets]
        self.entries = [("table", "i64*"), *self.arguments()]
        self.k = Job(self.module, self.entries)
        table, *arrays = self.k.table()
        self.pointers: dict[int, Pointer] = {}
        self.place(arrays)
        self.addresses = [v for v in s.outputs if v.number in targets]
        fixed = [*s.fixed.items(), *[(v.number, targets[v.number]) for v in self.addresses]]
        self.arrays = [a for _, a in fixed]  # in the order of the table
        buffer = table.address(0, "i8")
        for i, (n, a) in enumerate(fixed):
            self.pointers[n] = table.address(i + 1, TYPES[a.dtype.name])
        for p in s.pieces:
            for v in p.outputs:
                if v.number in s.inside:
                    place = buffer.at(s.inside[v.number])
                    self.pointers[v.number] = place.cast(TYPES[v.kind])
        self.write()
        self.module.functions.append(self.k)
        self.text = self.module.text()

    def arguments(self) -> list[tuple[str, str]]:
        """The arguments after the table: what goes in, and what is made."""
        arrays = enumerate((*self.s.operands, *self.made))
        return [(f"a{i}", TYPES[v.kind] + "*") for i, v in arrays]

    def place(self, arrays: list[Any]) -> None:
        """Note where the arguments are."""
        for v, p in zip((*self.s.operands, *self.made), arrays):
            self.pointers[v.number] = p

    def write(self) -> None:
        """All pieces, one after the other."""
        for p in self.s.pieces:
            if type(p) is Group:
                self.group(p)
            else:
                getattr(self, p.kind)(p)

    def at(self, v: GraphValue) -> Pointer:
        """Where a value is."""
        layouts: Any = self.s.layouts
        root, by = layouts.place(v)
        word = TYPES[v.kind]
        p = self.pointers[root.number]
        return p.cast("i8").at(by).cast(word) if by else p.cast(word)

    def rows(self, p: Piece) -> None:
        write_rows(self, p)

    def spread(self, p: Piece) -> None:
        write_spread(self, p, TYPES[p.outputs[0].kind])

    def lay(self, p: Piece) -> None:
        write_laid(self, p, TYPES[p.outputs[0].kind])

    def stack(self, p: Piece) -> None:
        write_stack(self, p, TYPES[p.outputs[0].kind])

    def out(self, p: Any, i: int = 0) -> Pointer:
        v = p.outputs[i]
        return self.pointers[v.number].cast(TYPES[v.kind])

    def call(self, f: Function, *args: Any) -> str:
        """Call a function that was just written, or the one that is equal to it; its name."""
        text = f.text()
        same = text.replace(f"@{f.name}(", "@(", 1)
        name = self.known.setdefault(same, f.name)
        if name == f.name:
            self.module.functions.append(f)
        self.k.call(name, *args)
        return name

    def function(self, params: list[tuple[str, str]]) -> Function:
        return Function(self.module, f"part{len(self.module.functions)}", params)

    # ---------------------------------------------------------------- pieces

    def group(self, g: Group) -> None:
        given = [self.at(v) for v, _ in g.operands]
        outs = [self.pointers[v.number].cast(TYPES[v.kind]) for v in g.outputs]
        key = g.key()
        if key in self.groups:
            self.k.call(self.groups[key], *given, *outs, *sizes(g)[0])
            return
        f = self.function(entries(g))
        *pointers, n, columns = f.args.values()
        inputs = len(g.operands)
        body = Body(g, f, pointers[:inputs], pointers[inputs:])
        if g.columns:
            body.rows(0, n, columns)
        else:
            body.flat(0, n)
        name = self.call(f, *given, *outs, *sizes(g)[0])
        if key is not None:
            self.groups[key] = name

    def product(self, p: Piece) -> None:
        x, y, bias = p.facts["a"], p.facts["b"], p.facts["bias"]
        (ta, lda), (tb, ldb), (m, n, depth) = p.facts["ta"], p.facts["tb"], p.facts["sizes"]
        word = TYPES[x.kind]
        out = self.out(p)
        beta = 0.0
        if bias is not None:
            f = self.function([("b", f"{word}*"), ("y", f"{word}*"), ("m", "i64"), ("n", "i64")])
            b, y0, rows, columns = f.args.values()
            f.loop(0, rows, 1, lambda r: y0.at(r * columns).copy(b, columns))
            self.call(f, self.at(bias), out, m, n)
            beta = 1.0
        whole = library()
        assert whole is not None
        gemm(
            self.k, word, whole, ta, tb, m, n, depth, 1.0, self.at(x), lda, self.at(y), ldb, beta,
            out, n,
        )  # fmt: skip

    def sum(self, p: Piece) -> None:
        x = p.facts["x"]
        before, summed, after = p.facts["shape"]
        word = TYPES[x.kind]
        params = [("x", f"{word}*"), ("y", f"{word}*"), ("before", "i64"), ("summed", "i64")]
        f = self.function([*params, ("after", "i64"), ("share", word)])
        a, y, outer, n, inner, share = f.args.values()
        lanes = narrow(f.lanes(word), summed if after == 1 else after)
        if after == 1 and summed <= lanes:

            def row(o: Value) -> None:
                y.store(a.load(o * n, lanes, f.mask(n, lanes)).sum() / share, o)
        elif after == 1:

            def row(o: Value) -> None:
                at = a.at(o * n)
                (s,) = sums(f, n, word, lanes, 1, lambda i, mask: at.load(i, lanes, mask))
                y.store(s.sum() / share, o)
        else:

            def row(o: Value) -> None:
                start = a.at(o * n * inner)
                end = y.at(o * inner)

                def column(j: Value, mask: Value | None, u: int) -> None:
                    def add(i: Value, now: Value) -> Value:
                        return now + start.load(i * inner + j, lanes, mask)

                    (s,) = f.loop(0, n, 1, add, [f.zero(word, lanes)])
                    end.store(s / share, j, mask)

                sweep(f, inner, lanes, column)

        f.loop(0, outer, 1, row)
        number = self.k.constant(p.facts["share"], word)
        self.call(f, self.at(x), self.out(p), before, summed, after, number)

    def mse(self, p: Piece) -> None:
        x = p.facts["x"]
        word = TYPES[x.kind]
        kind = f"{word}*"
        params = [("x", kind), ("y", kind), ("out", kind), ("d", kind), ("n", "i64")]
        f = self.function([*params, ("share", word)])
        a, b, out, d, n, share = f.args.values()
        lanes = f.lanes(word)

        def square(i: Value, mask: Value | None) -> Value:
            v = a.load(i, lanes, mask) - b.load(i, lanes, mask)
            d.store(v, i, mask)
            return v * v

        (s,) = sums(f, n, word, lanes, 1, square)
        out.store(s.sum() / share)
        number = self.k.constant(p.facts["share"], word)
        given = self.at(x), self.at(p.facts["y"]), self.out(p), self.out(p, 1)
        self.call(f, *given, x.size, number)

    def scaled(self, p: Piece) -> None:
        """2 g x / share."""
        x = p.facts["x"]
        word = TYPES[x.kind]
        kind = f"{word}*"
        params = [("g", kind), ("x", kind), ("y", kind), ("n", "i64"), ("share", word)]
        f = self.function(params)
        g, a, y, n, share = f.args.values()
        lanes = f.lanes(word)
        factor = g.load() * 2.0 / share
        sweep(f, n, lanes, lambda i, mask, u: y.store(a.load(i, lanes, mask) * factor, i, mask))
        number = self.k.constant(p.facts["share"], word)
        self.call(f, self.at(p.facts["g"]), self.at(x), self.out(p), x.size, number)

    def put(self, p: Piece) -> None:
        x, out = p.facts["x"], p.outputs[0]
        place = self.out(p)
        place.fill_zero(out.size)
        place.at(p.facts["at"]).copy(self.at(x), x.size)

    def cast(self, p: Piece) -> None:
        x, out = p.facts["x"], p.outputs[0]
        word, to = TYPES[x.kind], TYPES[out.kind]
        f = self.function([("x", f"{word}*"), ("y", f"{to}*"), ("n", "i64")])
        a, y, n = f.args.values()
        f.loop(0, n, 1, lambda i: y.store(a.load(i).to(to), i))
        self.call(f, self.at(x), self.out(p), x.size)


def addressed(text: Any) -> tuple[Any, list[Any]]:
    """The first argument of a text: where its scratch memory and its arrays are; and these."""
    buffer = np.empty(text.s.bytes + 64, np.uint8)
    first = buffer.__array_interface__["data"][0]
    places = [first + -first % 64, *[a.__array_interface__["data"][0] for a in text.arrays]]
    return np.array(places, np.int64), [buffer, *text.arrays]


class Start(Launch):
    """The call of a section. table: its first argument; kept: what the table names."""

    def __init__(self, text: Text, kernel: Any) -> None:
        super().__init__(kernel, [(v.shape, v.dtype) for v in text.made], ())
        self.text = text
        self.table, self.kept = addressed(text)


def started(s: Section, targets: dict[int, Any]) -> Start | None:
    """The call of a section; None where there is no compiler."""
    target = compiler.target()
    if target is None:
        return None
    text = Text(s, target, targets)
    inputs = len(s.operands)
    kinds = [(k, "out" if i > inputs else "") for i, (_, k) in enumerate(text.entries)]
    return Start(text, load("section", text.text, kinds, target))
