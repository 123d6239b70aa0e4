"""Transposing copies of matrices, by squares that are turned in registers."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import compiler
from .jobs import WORDS, Job, job
from .lanes import Value, transposed

Array = Any
LEAST = 4096  # numbers; fewer are copied as soon by NumPy
CHUNK = 1 << 14  # numbers of a chunk, about
PAGE = 2048  # bytes; where rows are multiples of it apart, they are in each other's way in caches
BLOCK = 128  # rows and columns that are copied together then


@job(
    "x: any T*, out: out T*, rows: i64, columns: i64, step: i64, batch: i64, bands: i64, "
    "band: i64, height: i64"
)
def transpose(k: Job, word: str) -> None:
    """out[batch][column][row] = x[batch][row][column]; a chunk is a band of columns of a matrix.

    height: rows of a block, all columns of which come before the next rows.
    """
    x, out, rows, columns, step, batch, bands, band, height = k.table()
    lanes = k.lanes(word)
    matrix, first = k.chunk // bands, (k.chunk % bands) * band
    x, out = x.at(matrix * batch), out.at(matrix * (rows * columns))
    last = k.least(first + band, columns)

    def square(c: Value, r: Value) -> None:
        vectors = [x.load((r + q) * step + c, lanes) for q in range(lanes)]
        for q, v in enumerate(transposed(vectors)):
            out.store(v, (c + q) * rows + r)

    def single(c: Value, start: Any) -> None:
        k.loop(start, rows, 1, lambda r: out.store(x.load(r * step + c), c * rows + r))

    full_rows, full = rows // lanes * lanes, first + (last - first) // lanes * lanes

    def block(start: Value) -> None:
        stop = k.least(start + height, full_rows)
        k.loop(first, full, lanes, lambda c: k.loop(start, stop, lanes, lambda r: square(c, r)))

    k.loop(0, full_rows, height, block)
    k.loop(first, full, 1, lambda c: single(c, full_rows))
    k.loop(full, last, 1, lambda c: single(c, 0))


def transposed_copy(x: Array) -> Array | None:
    """A C-contiguous copy of x, whose last two dimensions lie the other way round, or None."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or x.ndim < 2 or compiler.target() is None:
        return None
    columns, rows = x.shape[-2:]
    e = x.itemsize
    steps = x.strides
    if steps[-2] != e or steps[-1] % e or steps[-1] < columns * e or not x.flags.aligned:
        return None
    count, batch = 1, 0
    if x.ndim > 2:
        count, batch = x.shape[0], steps[0]
        if x.ndim > 3 or batch < 0 or batch % e:
            return None
    out = np.empty(x.shape, x.dtype)
    host = compiler.target()
    lanes = host.lanes(word) if host is not None else 1
    band, height = max(1, CHUNK // max(1, rows * lanes)) * lanes, max(rows, 1)
    if steps[-1] % PAGE == 0 and rows > BLOCK:
        band, height = max(band, BLOCK), BLOCK
    bands = -(-columns // band)
    transpose(word)(
        count * bands, x, out, rows, columns, steps[-1] // e, batch // e, bands, band, height
    )
    return out
