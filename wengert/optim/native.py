"""Formulas as machine code, where llvmlite is installed: one pass over memory instead of one each.

Written in the language of lanes (`kernels/lanes.py`). Every operation is the IEEE one that NumPy
performs, and nothing is contracted or reassociated: results are the same bit for bit, so a formula
may change over at any step. Elementwise code only; graphs of whole programs are the compiler's.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

from ..kernels import compiler, threads, workers
from ..kernels.compiler import Target
from ..kernels.jobs import Job
from ..kernels.lanes import Module, Value, where
from ..kernels.native import address
from .formula import Formula

WORDS = {"float32": ("float", ctypes.c_float), "float64": ("double", ctypes.c_double)}
CHUNK = 1 << 15  # elements that a thread takes at a time
LEAST = 1 << 17  # elements from which a second thread pays
TABLE = struct.Struct("4q").pack

Kernel = Callable[[Any, Any, int], None]  # addresses of the columns, packed scalars, length


def kernel(formula: Formula, name: str) -> Kernel | None:
    """formula over float32 or float64 columns as machine code; None where that cannot be had."""
    kernels = formula.native
    if name not in kernels:
        target = compiler.target()
        kernels[name] = target and name in WORDS and build(target, formula, WORDS[name][0])
    return kernels[name]


def build(target: Target, formula: Formula, word: str) -> Kernel:
    """Compile formula."""
    code = text(target, formula, word)
    (run,) = compiler.load(target, code, lambda: code, ["run"])
    many = workers.workers()

    def apply(columns: Any, scalars: Any, n: int) -> None:
        size = n if n < LEAST else CHUNK
        table = TABLE(ctypes.addressof(columns), ctypes.addressof(scalars), n, size)
        many.run(run, table, -(-n // size), threads.count())

    return apply


def addresses(columns: Sequence[Any]) -> Any:
    """Where some arrays are in memory, as a kernel takes it."""
    return (ctypes.c_void_p * len(columns))(*map(address, columns))


def pack(scalars: Sequence[float], name: str) -> Any:
    """scalars as a kernel takes them."""
    return (WORDS[name][1] * max(1, len(scalars)))(*scalars)


def text(target: Target, formula: Formula, word: str) -> str:
    """The text of a function that applies formula to a chunk of the columns."""
    module = Module(target, contract=False)
    given = [("columns", "i64*"), ("scalars", f"{word}*"), ("n", "i64"), ("size", "i64")]
    k = Job(module, given)
    columns, scalars, n, size = k.table()
    start, lanes = k.chunk * size, k.lanes(word)
    used = sorted(formula.reads | formula.outputs.keys())
    at = {c: columns.address(c, word).at(start) for c in used}
    count = max((-r for _, *refs in formula.code for r in refs), default=0)
    numbers = [scalars.load(i).wide(lanes) for i in range(count)]

    def body(i: Value, mask: Value | None = None) -> None:
        values: list[Any] = [None] * formula.columns
        for c in sorted(formula.reads):
            values[c] = at[c].load(i, lanes, mask)
        for op, *refs in formula.code:
            values.append(OPS[op](*[values[r] if r >= 0 else numbers[-r - 1] for r in refs]))
        for c, value in formula.outputs.items():
            at[c].store(values[value], i, mask)

    stop = (n - start).least(size)
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
