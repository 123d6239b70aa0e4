"""Formulas as one launch on CUDA: all parameters of a batch at once, where they lie in memory, in
place of a call of CuPy's for each instruction and a gathered copy of the small ones.

Not here: how a kernel is loaded and launched, and when it is believed (`arrays/cuda_launcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np

from ..arrays.cuda_launcher import Launcher
from ..arrays.cupy_library import CuPyLibrary
from ..kernels.gpu import Kernel, Threads
from ..kernels.lanes import Param
from ..kernels.values import Pointer, Value
from .formula import Formula
from .native import OPS

__all__ = ["Launches", "kernel"]

F32 = np.dtype(np.float32)
WIDTH = 128  # threads of a block
SPAN = 16 * WIDTH  # elements of a block
KERNELS: dict[Formula, Kernel] = {}
_numbers = count()
_launchers: dict[tuple[Any, Formula], Launcher] = {}  # by library and formula


def kernel(formula: Formula) -> Kernel:
    """A kernel of (spans, table, scalars...): each block takes elements start to stop of a row."""
    found = KERNELS.get(formula)
    if found is not None:
        return found
    scalars = max((-r for _, *refs in formula.code for r in refs), default=0)
    used = sorted(formula.reads | formula.outputs.keys())

    def body(f: Threads, spans: Pointer, table: Pointer, *numbers: Value) -> None:
        row, start, stop = [spans.at(f.block_index * 3).load(i) for i in range(3)]
        columns = table.at(row * formula.columns)
        at = {c: columns.address(c, "float") for c in used}

        def one(i: Value) -> None:
            values: list[Any] = [None] * formula.columns
            for c in sorted(formula.reads):
                values[c] = at[c].load(i)
            for op, *refs in formula.code:
                values.append(OPS[op](*[values[r] if r >= 0 else numbers[-r - 1] for r in refs]))
            for c, value in formula.outputs.items():
                at[c].store(values[value], i)

        f.loop(start + f.thread, stop, WIDTH, one)

    params: list[Param] = [("spans", "i64*"), ("table", "i64*")]
    params += [(f"s{i}", "float") for i in range(scalars)]
    KERNELS[formula] = Kernel(f"step{next(_numbers)}", params, WIDTH, body)
    return KERNELS[formula]


def plain(a: Any, size: int) -> bool:
    """Whether a kernel can work on an array where it is."""
    return bool(a.dtype == F32 and a.size == size and a.flags.c_contiguous)


class Launches:
    """Where the columns of some rows are on a device, and the spans that blocks take.

    rows: the arrays of each row; the gradient's column is filled in at each step.
    """

    def __init__(self, lib: Any, rows: Sequence[Sequence[Any]]) -> None:
        self.lib, self.rows = lib, rows
        self.sizes = [row[0].size for row in rows]
        pairs = list(zip(rows, self.sizes))
        self.possible = isinstance(lib, CuPyLibrary) and all(
            [a is None or plain(a, n) for row, n in pairs for a in row]
        )
        if self.possible:
            self.device = rows[0][0].device.id
            self.table = np.array(
                [[0 if a is None else a.data.ptr for a in row] for row in rows], np.int64
            )
            spans = [(i, k, min(n, k + SPAN)) for i, n in enumerate(self.sizes)
                     for k in range(0, n, SPAN)]  # fmt: skip
            self.blocks = len(spans)
            self.possible = 0 < self.blocks < 2**31
            self.spans: Any = lib.asarray(np.array(spans, np.int64).reshape(-1))
            self.there: Any = None  # the table on the device, and what it holds
            self.copied: Any = None

    def run(
        self, formula: Formula, gradients: Sequence[Any], scalars: Sequence[Any],
        general: Callable[[], None],
    ) -> bool:  # fmt: skip
        """Apply formula to every row in place; False: it was not done. general: does it by CuPy's
        calls; what a kernel makes of copies, the first time, is compared with that.
        """
        if not self.possible or not all(map(plain, gradients, self.sizes)):
            return False
        if not all([isinstance(s, (int, float)) for s in scalars]):
            return False
        launcher = _launchers.get((self.lib, formula))
        if launcher is None:
            launcher = _launchers[self.lib, formula] = Launcher(kernel(formula), self.lib)
        if not launcher.ready(self.device):
            return False
        with self.lib.cuda.Device(self.device):
            self.table[:, 1] = [g.data.ptr for g in gradients]
            if self.device in launcher.believed:
                return self._launch(launcher, self.table, scalars)
            columns, table = sorted(formula.outputs), self.table.copy()
            copies = [{c: row[c].copy() for c in columns} for row in self.rows]
            for i, copy in enumerate(copies):
                table[i, columns] = [copy[c].data.ptr for c in columns]
            if not self._launch(launcher, table, scalars):
                return False
            general()
            found = tuple([copy[c] for copy in copies for c in columns])
            want = tuple([row[c] for row in self.rows for c in columns])
            launcher.checked(self.device, found, lambda: want)
            return True

    def _launch(self, launcher: Launcher, table: Any, scalars: Sequence[Any]) -> bool:
        if self.there is None or not np.array_equal(table, self.copied):
            if self.lib.cuda.get_current_stream().is_capturing():
                return False  # a graph would read the table from memory that changes
            self.there, self.copied = self.lib.asarray(table.reshape(-1)), table.copy()
        launcher.launch(self.device, self.blocks, self.spans, self.there, *scalars)
        return True
