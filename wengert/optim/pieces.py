"""Which parts of which arrays go through an optimizer's formula together.

Large parameters are cut into pieces that stay in the CPU's cache from one instruction to the next;
small ones are gathered into one piece, run, and written back, since a call costs more than their
arithmetic. Parameters and states stay where they are in memory: others may look at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .formula import Formula

PIECE_BYTES = 1 << 17  # per array; some six arrays take part, and a core has 0.5 to 2 MB of L2
SMALL = 1 << 13  # elements; below, gathering is cheaper than calls of its own

Row = tuple[Any, ...]  # the arrays of one parameter: itself, its gradient, its states


def cut(row: Row, limit: int) -> Iterator[Row]:
    """row in parts of about limit elements: flat ones where memory allows, else leading rows."""
    size = row[0].size
    if size <= limit:
        yield row
    elif all(a.flags.c_contiguous for a in row):
        flat = [a.reshape(-1) for a in row]
        each = -(-size // -(-size // limit))
        for i in range(0, size, each):
            yield tuple([a[i : i + each] for a in flat])
    else:
        length = row[0].shape[0]
        each = max(1, limit * length // size)
        for i in range(0, length, each):
            yield tuple([a[i : i + each] for a in row])


def pieces(rows: Iterable[Row], limit: int) -> Iterator[list[Row]]:
    """rows, cut and packed: each piece is a list of rows to be run together."""
    pack: list[Row] = []
    packed = 0
    for row in rows:
        size = row[0].size
        if size >= SMALL:
            for part in cut(row, limit):
                yield [part]
        elif size:
            if packed + size > limit:
                yield pack
                pack, packed = [], 0
            pack.append(row)
            packed += size
    if pack:
        yield pack


def gather(lib: Any, arrays: Sequence[Any], buffer: Any) -> None:
    """Copy arrays one after another into a flat buffer."""
    if len(arrays) == 1:
        buffer.reshape(arrays[0].shape)[...] = arrays[0]
    else:
        lib.concatenate([a.reshape(-1) for a in arrays], out=buffer, casting="unsafe")


def scatter(buffer: Any, arrays: Iterable[Any]) -> None:
    """The reverse of gather."""
    i = 0
    for a in arrays:
        j = i + a.size
        a[...] = buffer[i:j].reshape(a.shape)
        i = j


def working_dtype(lib: Any, dtype: Any) -> Any:
    """The dtype to compute in: half precision goes through float32, rounded once at the end."""
    return lib.dtype("float32") if dtype.itemsize <= 2 else dtype


def run(formula: Formula, lib: Any, rows: Sequence[Row], scalars: Sequence[float]) -> None:
    """Apply formula to every row in place; rows have one dtype, the arrays of a row one shape."""
    dtype = working_dtype(lib, rows[0][0].dtype)
    # a complex number is treated as two real ones, as PyTorch does
    real = lib.dtype(f"float{dtype.itemsize * 4}") if dtype.kind == "c" else dtype
    limit = PIECE_BYTES // dtype.itemsize if lib.__name__ == "numpy" else 1 << 62
    constants = [lib.asarray(s, real) for s in scalars]
    spare: dict[int, Any] = {}

    def buffer(key: int, size: int, kind: Any) -> Any:
        b = spare.get(key)
        if b is None or b.size < size:
            b = spare[key] = lib.empty(max(size, min(limit, total)), kind)
        return b[:size]

    total = sum(row[0].size for row in rows) * (1 if real is dtype else 2)
    for piece in pieces(rows, limit):
        size = sum(row[0].size for row in piece)
        buffers, packed = [], []
        for c in range(formula.columns):
            arrays = [row[c] for row in piece]
            a = arrays[0]
            if len(arrays) == 1 and a.dtype == dtype and a.flags.c_contiguous:
                a = a.reshape(-1)
            else:
                a = buffer(c, size, dtype)
                if c in formula.reads:
                    gather(lib, arrays, a)
                if c in formula.outputs:
                    packed.append((a, arrays))
            buffers.append(a if real is dtype else a.view(real))
        size = buffers[0].size
        for k, is_mask in enumerate(formula.scratch, formula.columns):
            buffers.append(buffer(k, size, lib.bool_ if is_mask else real))
        formula.run_arrays(lib, buffers + constants)
        for a, arrays in packed:
            scatter(a, arrays)
