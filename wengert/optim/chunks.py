"""Which parts of which arrays go through an optimizer's formula together.

Large parameters are cut into pieces that stay in the CPU's cache from one instruction to the next;
small ones are gathered into one piece, run, and written back, since a call costs more than their
arithmetic. Parameters and states stay where they are in memory: others may look at them. What does
not change from step to step is found once, when the batch is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..arrays.capabilities import ON_HOST
from ..engine import native
from ..kernels.native import address
from .formula import Formula
from .native import addresses, kernel, pack

PIECE_BYTES = 1 << 17  # per array; some six arrays take part, and a core has 0.5 to 2 MB of L2
NATIVE_PIECE = 1 << 22  # machine code makes one pass, and its threads share it
NATIVE_BYTES = 1 << 18  # of all parameters; below, compiling is not worth it
WARM = 3  # the step at which machine code takes over: not every script takes more
SMALL = 1 << 13  # elements; below, gathering is cheaper than calls of its own

Row = tuple[Any, ...]  # the arrays of one parameter: itself, None for its gradient, its states
Span = tuple[int, int, int]  # elements start to stop of row number i


def working_dtype(lib: Any, dtype: Any) -> Any:
    """The dtype to compute in: half precision goes through float32, rounded once at the end."""
    return lib.dtype("float32") if dtype.itemsize <= 2 else dtype


def spans(rows: Sequence[Row], limit: int) -> Iterator[list[Span]]:
    """The pieces: each is a list of spans of about limit elements together."""
    pack: list[Span] = []
    packed = 0
    for i, row in enumerate(rows):
        size = row[0].size
        if size >= SMALL:
            whole = any(a is not None and not a.flags.c_contiguous for a in row)
            count = 1 if whole else -(-size // limit)
            each = -(-size // count)
            for start in range(0, size, each):
                yield [(i, start, min(start + each, size))]
        elif size:
            if packed + size > limit:
                yield pack
                pack, packed = [], 0
            pack.append((i, 0, size))
            packed += size
    if pack:
        yield pack


def in_place(a: Any) -> bool:
    """Whether an array can be worked on where it is, by machine code too."""
    flags = a.flags
    # CuPy's arrays are always writeable and aligned, and have no such flags
    return flags.c_contiguous and getattr(flags, "behaved", True)


class Piece:
    """A flat stretch of every column, in place or gathered into a buffer."""

    def __init__(self, lib: Any, rows: Sequence[Row], parts: list[Span], dtype: Any) -> None:
        self.lib, self.parts, self.dtype = lib, parts, dtype
        self.size = sum(stop - start for _, start, stop in parts)
        self.columns: list[Any] = []
        self.gathered: list[tuple[int, list[Any], bool]] = []  # copied in; whether all are flat
        self.returned: dict[int, list[tuple[Any, Any]]] = {}  # and where they are copied back to
        self.scratch: dict[tuple[bool, ...], list[Any]] = {}
        for c, first in enumerate(rows[0]):
            if first is None:
                self.columns.append(None)
                continue
            homes = []
            for i, start, stop in parts:
                a = rows[i][c]
                homes.append(a.reshape(-1)[start:stop] if a.flags.c_contiguous else a)
            if len(homes) == 1 and homes[0].dtype == dtype and in_place(homes[0]):
                self.columns.append(homes[0])
                continue
            buffer = lib.empty(self.size, dtype)
            self.columns.append(buffer)
            self.gathered.append((c, homes, all(a.flags.c_contiguous for a in homes)))
            self.returned[c] = list(zip(homes, split(buffer, homes)))
        self.plain = not self.gathered and len(parts) == 1  # all of it lies where it is
        self.kept: Any = None  # a buffer for gradients, if they need one
        self.table: Any = None  # addresses of the columns, for machine code

    def gradient(self, flat: Sequence[Any]) -> Any:
        """This stretch of the gradients of all rows."""
        parts = [flat[i][start:stop] for i, start, stop in self.parts]
        if len(parts) == 1 and parts[0].dtype == self.dtype:
            return parts[0]
        if self.kept is None:
            self.kept = self.lib.empty(self.size, self.dtype)
        if (gather := native.gather) is None or gather(parts, self.kept) is None:
            self.lib.concatenate(parts, out=self.kept, casting="unsafe")
        return self.kept

    def load(self, formula: Formula, flat: Sequence[Any], real: Any) -> list[Any]:
        """The columns as flat arrays, given the flat gradients of all rows."""
        for c, homes, flat_homes in self.gathered:
            if c in formula.reads:
                into = self.columns[c]
                if (gather := native.gather) is not None and gather(homes, into) is not None:
                    continue
                parts = homes if flat_homes else [a.reshape(-1) for a in homes]
                self.lib.concatenate(parts, out=into, casting="unsafe")
        columns = self.columns.copy()
        columns[1] = self.gradient(flat)
        if real is not self.dtype:  # a complex number is treated as two real ones
            columns = [a.view(real) for a in columns]
        return columns

    def work_space(self, formula: Formula, real: Any) -> list[Any]:
        """The scratch buffers of formula."""
        found = self.scratch.get(formula.scratch)
        if found is None:
            size = self.size if real is self.dtype else 2 * self.size
            found = self.scratch[formula.scratch] = [
                self.lib.empty(size, self.lib.bool_ if is_mask else real)
                for is_mask in formula.scratch
            ]
        return found

    def store(self, formula: Formula) -> None:
        """Copy what was gathered back to where it came from."""
        for c, pairs in self.returned.items():
            if c in formula.outputs:
                if (scatter := native.scatter) is not None and scatter(pairs) is not None:
                    continue
                for home, part in pairs:
                    home[...] = part


def split(buffer: Any, arrays: Sequence[Any]) -> Iterator[Any]:
    """Consecutive parts of a flat buffer, in the shapes of arrays."""
    i = 0
    for a in arrays:
        yield buffer[i : i + a.size].reshape(a.shape)
        i += a.size


class Batch:
    """Parameters of one dtype that take their steps with the same formula.

    rows: for each parameter its array, None, and the arrays of its states, all of its shape.
    """

    def __init__(self, lib: Any, rows: Sequence[Row]) -> None:
        self.lib = lib
        dtype = rows[0][0].dtype
        self.dtype = working_dtype(lib, dtype)
        self.real = lib.dtype(f"float{dtype.itemsize * 4}") if dtype.kind == "c" else self.dtype
        self.steps = 0
        size = sum(row[0].size for row in rows) * self.dtype.itemsize
        self.host = lib in ON_HOST
        self.native = self.host and size >= NATIVE_BYTES
        limit = NATIVE_PIECE if self.native else PIECE_BYTES if self.host else 1 << 62
        limit //= self.dtype.itemsize
        self.pieces = [Piece(lib, rows, parts, self.dtype) for parts in spans(rows, limit)]

    def run(self, formula: Formula, gradients: Sequence[Any], scalars: Sequence[float]) -> None:
        """Apply formula to every row in place."""
        self.steps += 1
        real, lib = self.real, self.lib
        flat = [g.reshape(-1) for g in gradients]
        code = kernel(formula, real.name) if self.native and self.steps >= WARM else None
        if code is not None:
            values = pack(scalars, real.name)
            at = {}  # where gradients begin
            for piece in self.pieces:
                if piece.plain and piece.table is not None and real is self.dtype:
                    i, start, _ = piece.parts[0]
                    if i not in at:
                        at[i] = address(flat[i])
                    piece.table[1] = at[i] + start * real.itemsize
                    code(piece.table, values, piece.size)
                    continue
                columns = piece.load(formula, flat, real)
                if piece.table is None:
                    piece.table = addresses(columns)
                piece.table[1] = address(columns[1])
                code(piece.table, values, columns[0].size)
                piece.store(formula)
            return
        # NumPy is faster with arrays than with numbers; elsewhere they would have to be moved
        constants = [lib.asarray(s, real) for s in scalars] if self.host else list(scalars)
        for piece in self.pieces:
            columns = piece.load(formula, flat, real)
            formula.run_arrays(lib, columns + piece.work_space(formula, real) + constants)
            piece.store(formula)
