"""Formulas as machine code, where llvmlite is installed: one pass over memory instead of one each.

Written in the language of lanes (`kernels/lanes.py`). Every operation is the IEEE one that NumPy
performs, and nothing is contracted or reassociated: results are the same bit for bit, so a formula
may change over at any step. Elementwise code only; graphs of whole programs are the compiler's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..kernels import compiler
from ..kernels.compiler import Target
from ..kernels.jobs import WORDS, Job, Kernel
from ..kernels.lanes import Module, Value, where
from ..kernels.native import address
from ..kernels.workers import MOST
from .addresses import filler
from .formula import Formula

CHUNK = 1 << 15  # elements that a thread takes at a time
LEAST = 1 << 17  # elements from which a second thread pays
TABLES = [("places", "i64*"), ("spans", "i64*"), ("scalars", "double*")]

Code = Callable[..., None]  # how many spans, places, spans, scalars, most: threads


class Places:
    """Where the columns of some rows are in memory, and the spans of elements that are dealt out.

    rows: the flat arrays of each row, in place; the gradient's column is filled in at each step.
    real: what they are seen as.
    """

    def __init__(self, rows: Sequence[Sequence[Any]], real: Any) -> None:
        sizes = [row[0].nbytes // real.itemsize for row in rows]
        self.table = np.zeros((len(rows), len(rows[0])), np.int64)
        spans = []
        for i, (row, n) in enumerate(zip(rows, sizes)):
            self.table[i] = [0 if a is None else address(a) for a in row]
            spans += [(i, k, min(CHUNK, n - k)) for k in range(0, n, CHUNK)]
        self.spans = np.array(spans, np.int64).reshape(-1, 3)
        whole = sum(sizes) >= LEAST and not overlap(rows)
        self.most = MOST if whole else 1
        self.gradients = self.table[:, 1]
        self.counts = [row[0].size for row in rows]
        self.elements = np.array(self.counts, np.int64)
        self.start, self.sizes = address(self.table) + 8, address(self.elements)

    def fill(self, gradients: Sequence[Any], dtype: Any) -> bool:
        """Note where the gradients are, if each lies flat in memory, in dtype, and fits its row."""
        rows, columns = self.table.shape
        if type(gradients) is not list or len(gradients) != rows:
            return False
        if (find := filler()) is not None:
            find(gradients, dtype, np.ndarray, self.start, self.sizes, rows, columns)
            return bool(self.gradients[0] != -1)
        for g, n in zip(gradients, self.counts):
            if g.dtype is not dtype or g.size != n or not g.flags.carray:
                return False
        self.gradients[:] = [address(g) for g in gradients]
        return True

    def run(self, code: Code, scalars: Sequence[float]) -> None:
        """Apply machine code to all spans."""
        numbers = np.array(scalars, np.float64)
        code(len(self.spans), self.table, self.spans, numbers, most=self.most)


def overlap(rows: Sequence[Sequence[Any]]) -> bool:
    """Whether two of the arrays share memory."""
    known = {address(a): a for row in rows for a in row if a is not None}
    last = 0
    for start, a in sorted(known.items()):
        if start < last:
            return True
        last = start + a.nbytes
    return False


def kernel(formula: Formula, name: str) -> Code | None:
    """formula over float32 or float64 columns as machine code; None where that cannot be had."""
    kernels = formula.native
    if name not in kernels:
        target, word = compiler.target(), WORDS.get(np.dtype(name))
        kernels[name] = build(target, formula, word) if target and word else None
    return kernels[name]


def build(target: Target, formula: Formula, word: str) -> Code:
    """Compile formula."""
    code = text(target, formula, word)
    (run,) = compiler.load(target, code, lambda: code, ["run"])
    return Kernel("step", run, [(kind, "") for _, kind in TABLES])


def text(target: Target, formula: Formula, word: str) -> str:
    """The text of a function that applies formula to a span of the columns."""
    module = Module(target, contract=False)
    k = Job(module, TABLES)
    places, spans, scalars = k.table()
    lanes = k.lanes(word)
    row, start, stop = [spans.at(k.chunk * 3).load(i) for i in range(3)]
    columns = places.at(row * formula.columns)
    used = sorted(formula.reads | formula.outputs.keys())
    at = {c: columns.address(c, word).at(start) for c in used}
    count = max((-r for _, *refs in formula.code for r in refs), default=0)
    single = word == "float"
    given = [scalars.load(i) for i in range(count)]
    numbers = [(v.to("float") if single else v).wide(lanes) for v in given]

    def body(i: Value, mask: Value | None = None) -> None:
        values: list[Any] = [None] * formula.columns
        for c in sorted(formula.reads):
            values[c] = at[c].load(i, lanes, mask)
        for op, *refs in formula.code:
            values.append(OPS[op](*[values[r] if r >= 0 else numbers[-r - 1] for r in refs]))
        for c, value in formula.outputs.items():
            at[c].store(values[value], i, mask)

    whole = stop // lanes * lanes
    k.loop(0, whole, lanes, body)
    k.loop(whole, stop, lanes, lambda i: body(i, k.mask(stop - i, lanes)))
    module.functions.append(k)
    return module.text()


def sign(x: Value) -> Value:
    """-1, 0 or 1; nan of nan."""
    y = where(x < 0.0, -1.0, where(x.equals(0.0), 0.0, x))
    return where(x > 0.0, 1.0, y)


OPS: dict[str, Callable[..., Value]] = {  # nan wins in maximum and minimum, the first of two
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "gt": lambda x, y: x > y,
    "lt": lambda x, y: x < y,
    "eq": lambda x, y: x.equals(y),
    "maximum": lambda x, y: where((x >= y) | x.isnan(), x, y),
    "minimum": lambda x, y: where((x <= y) | x.isnan(), x, y),
    "where": where,
    "neg": lambda x: -x,
    "sqrt": lambda x: x.sqrt(),
    "abs": lambda x: x.abs(),
    "sign": sign,
    "copy": lambda x: x,
}
