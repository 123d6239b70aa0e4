"""Which parts of which arrays go through an optimizer's formula together.

Large parameters are cut into pieces that stay in the CPU's cache from one instruction to the next;
small ones are gathered into one piece, run, and written back, since a call costs more than their
arithmetic. Parameters and states stay where they are in memory: others may look at them. What does
not change from step to step is found once. Machine code takes them all at once, where they are, and
so does a kernel on CUDA (`launches.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..arrays.capabilities import ON_HOST
from ..kernels.native import address
from .formula import Formula
from .native import Places, kernel

if TYPE_CHECKING:
    from .launches import Launches

PIECE_BYTES = 1 << 17  # per array; some six arrays take part, and a core has 0.5 to 2 MB of L2
NATIVE_BYTES = 1 << 18  # of all parameters; below, compiling takes longer to pay
WARM, PATIENT = 3, 100  # the step at which machine code takes over: not every script takes more
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
        self.kept: Any = None  # a buffer for gradients, if they need one

    def gradient(self, flat: Sequence[Any]) -> Any:
        """This stretch of the gradients of all rows."""
        parts = [flat[i][start:stop] for i, start, stop in self.parts]
        if len(parts) == 1 and parts[0].dtype == self.dtype:
            return parts[0]
        if self.kept is None:
            self.kept = self.lib.empty(self.size, self.dtype)
        self.lib.concatenate(parts, out=self.kept, casting="unsafe")
        return self.kept

    def load(self, formula: Formula, flat: Sequence[Any], real: Any) -> list[Any]:
        """The columns as flat arrays, given the flat gradients of all rows."""
        for c, homes, flat_homes in self.gathered:
            if c in formula.reads:
                parts = homes if flat_homes else [a.reshape(-1) for a in homes]
                self.lib.concatenate(parts, out=self.columns[c], casting="unsafe")
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
        self.name = self.real.name
        self.steps = 0
        self.host = lib in ON_HOST
        size = sum(row[0].size for row in rows) * self.dtype.itemsize
        self.warm = WARM if size >= NATIVE_BYTES else PATIENT
        self.rows = rows
        self.pieces: list[Piece] = []
        self.places: Places | None = None  # for machine code
        self.launches: Launches | None = None  # and for a device's

    def run(self, formula: Formula, gradients: Sequence[Any], scalars: Sequence[float]) -> None:
        """Apply formula to every row in place."""
        self.steps += 1
        if self.host and self.steps >= self.warm:
            code = kernel(formula, self.name)
            if code is not None and self._run_code(code, formula, gradients, scalars):
                return
        if not self.host and self.steps >= WARM:
            from .launches import Launches

            if self.launches is None:
                self.launches = Launches(self.lib, self.rows)
            general = partial(self._run_arrays, formula, gradients, scalars)
            if self.launches.run(formula, gradients, scalars, general):
                return
        self._run_arrays(formula, gradients, scalars)

    def _run_arrays(
        self, formula: Formula, gradients: Sequence[Any], scalars: Sequence[float]
    ) -> None:
        """Apply formula by calls of the library."""
        real, lib = self.real, self.lib
        flat = [g.reshape(-1) for g in gradients]
        if not self.pieces:
            limit = (PIECE_BYTES if self.host else 1 << 62) // self.dtype.itemsize
            self.pieces = [Piece(lib, self.rows, s, self.dtype) for s in spans(self.rows, limit)]
        # NumPy is faster with arrays than with numbers; elsewhere they would have to be moved
        constants = [lib.asarray(s, real) for s in scalars] if self.host else list(scalars)
        for piece in self.pieces:
            columns = piece.load(formula, flat, real)
            formula.run_arrays(lib, columns + piece.work_space(formula, real) + constants)
            piece.store(formula)

    def _run_code(
        self, code: Any, formula: Formula, gradients: Sequence[Any], scalars: Sequence[float]
    ) -> bool:
        """Apply formula with machine code; False: a gradient does not fit its row."""
        if self.places is None:
            self._find_places()
        places, rest = self.places, self.rest
        assert places is not None
        if not rest and places.fill(gradients, self.dtype):
            places.run(code, scalars)
            return True
        given = []
        for i in self.flat:
            g = gradients[i]
            if g.shape != self.rows[i][0].shape:
                return False
            fits = g.dtype == self.dtype and in_place(g)
            given.append(g if fits else self.lib.ascontiguousarray(g, self.dtype))
        flat = [gradients[i].reshape(-1) for i in rest]
        given += [piece.load(formula, flat, self.real)[1] for piece in self.gathered]
        places.gradients[:] = [address(g) for g in given]
        places.run(code, scalars)
        for piece in self.gathered:
            piece.store(formula)
        return True

    def _find_places(self) -> None:
        """Which rows lie flat in memory in the dtype of the arithmetic; others are gathered."""
        rows, dtype = self.rows, self.dtype
        whole = [all([a is None or a.dtype == dtype and in_place(a) for a in row]) for row in rows]
        self.flat = [i for i, here in enumerate(whole) if here]
        self.rest = [i for i, here in enumerate(whole) if not here]
        others = [rows[i] for i in self.rest]
        self.gathered = [Piece(self.lib, others, parts, dtype) for parts in spans(others, 1 << 62)]
        every = [rows[i] for i in self.flat] + [tuple(piece.columns) for piece in self.gathered]
        self.places = Places(every, self.real)
