"""Sparse tensors in compressed layouts: CSR and CSC, and the blocked BSR and BSC, also batches of
matrices and matrices of dense values; and conversion between all layouts.

A compressed tensor keeps the row and column of each value (or block), as COO does; pointers are
made where they are asked for. Its blocks are the values of a COO tensor, its grid: that is how
everything here is computed.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes, formats
from ...base.modes import state
from ...declare.registry import declare, public
from ...engine.tensor import Tensor
from ..creation.spaced import arange
from ..shape.join import cat, stack
from .coordinates import flat_index, pointers, unflat_index
from .tensor import COO, CSC, CSR, KINDS, SparseTensor

BSR, BSC = formats.sparse_bsr, formats.sparse_bsc
BY_ROW, BY_COLUMN, BLOCKED = (CSR, BSR), (CSC, BSC), (BSR, BSC)
NAMES = {
    CSR: ("crow_indices", "col_indices"),
    BSR: ("crow_indices", "col_indices"),
    CSC: ("ccol_indices", "row_indices"),
    BSC: ("ccol_indices", "row_indices"),
}
TURNED = {CSR: CSC, CSC: CSR, BSR: BSC, BSC: BSR}


class CompressedTensor(SparseTensor):
    """A sparse tensor in a compressed layout: indices (2, *batch, nnz) are the rows and columns of
    values (*batch, nnz, *block, *dense).
    """

    @property
    def _batch(self) -> tuple[int, ...]:
        return tuple(self._parts[0]._a.shape[1:-1])

    @property
    def _block(self) -> tuple[int, ...]:
        n = len(self._batch) + 1
        return tuple(self._parts[1]._a.shape[n : n + 2]) if self._layout in BLOCKED else ()

    def sparse_dim(self) -> int:
        """2: rows and columns."""
        return 2

    def dense_dim(self) -> int:
        """How many dimensions each value has, but for those of blocks."""
        return self._a.ndim - 2 - len(self._batch)

    def _nnz(self) -> int:
        return int(self._parts[0]._a.shape[-1])

    def is_coalesced(self) -> bool:
        """Refused: for COO only."""
        raise RuntimeError(
            f"is_coalesced expected sparse coordinate tensor layout but got {self._layout}"
        )

    def _like(self, values: Tensor) -> CompressedTensor:
        return CompressedTensor(self._parts[0], values, self._a.shape, self._layout)

    def _lines(self, layouts: Any, name: str) -> int:
        """The dimension of the pointers, in layouts that have them; RuntimeError in others."""
        if self._layout not in layouts:
            what = "row" if layouts is BY_ROW else "column"
            raise RuntimeError(
                f"{name} expected sparse {what} compressed tensor layout but got {self._layout}"
            )
        return 0 if layouts is BY_ROW else 1

    def _pointers(self, axis: int) -> Tensor:
        n = len(self._batch)
        lines = self._a.shape[n + axis] // (self._block or (1, 1))[axis]
        return pointers(self._parts[0][axis], lines)

    def crow_indices(self) -> Tensor:
        """Where each row's values begin, and their number (CSR, BSR)."""
        return self._pointers(self._lines(BY_ROW, "crow_indices"))

    def col_indices(self) -> Tensor:
        """The column of each value or block (CSR, BSR)."""
        return self._parts[0][1 - self._lines(BY_ROW, "col_indices")]

    def ccol_indices(self) -> Tensor:
        """Where each column's values begin, and their number (CSC, BSC)."""
        return self._pointers(self._lines(BY_COLUMN, "ccol_indices"))

    def row_indices(self) -> Tensor:
        """The row of each value or block (CSC, BSC)."""
        return self._parts[0][1 - self._lines(BY_COLUMN, "row_indices")]

    def fill_(self, value: Any) -> CompressedTensor:
        """One value for all that are stored."""
        if self.requires_grad and self.is_leaf and state.grad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation (fill_)"
            )
        self._parts[1].detach().fill_(value)
        return self

    @property
    def nbytes(self) -> int:
        """The bytes of as many elements as the size tells."""
        return math.prod(self._a.shape) * self.dtype.itemsize

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Refused: there are no strides."""
        raise RuntimeError("Tensors in compressed layouts do not have is_contiguous")

    def to_dense(self, dtype: Any = None, *, masked_grad: Any = None) -> Tensor:
        """The tensor with all its zeros."""
        return as_coo(self).to_dense(dtype, masked_grad=masked_grad)

    def _shown(self) -> list[tuple[str, Tensor]]:
        return [(name, getattr(self, name)()) for name in NAMES[self._layout]]

    def _turned(self) -> CompressedTensor:
        """Rows and columns exchanged: CSR becomes CSC, and the other way round."""
        indices, values = self._parts
        n = len(self._batch)
        size = list(self._a.shape)
        size[n], size[n + 1] = size[n + 1], size[n]
        values = values.transpose(n + 1, n + 2) if self._layout in BLOCKED else values
        return CompressedTensor(indices.flip(0), values, size, TURNED[self._layout])

    def _example(self, i: int) -> CompressedTensor:
        """The i-th tensor of a batch."""
        indices, values = self._parts
        return CompressedTensor(indices[:, i], values[i], self._a.shape[1:], self._layout)


KINDS.update(dict.fromkeys(NAMES, CompressedTensor))


def grid(s: CompressedTensor) -> SparseTensor:
    """The blocks of s (without blocks: its values) as values of a COO tensor."""
    indices, values = s._parts
    batch, block = s._batch, s._block or (1, 1)
    n = len(batch)
    size = s._a.shape
    rows, columns = size[n] // block[0], size[n + 1] // block[1]
    if n:
        count = math.prod(batch)
        each = arange(count, device=values.device).repeat_interleave(s._nnz())
        at = indices.long().reshape(2, count * s._nnz())
        indices = cat([unflat_index(each, batch), at], 0)
        values = values.reshape(count * s._nnz(), *values._a.shape[n + 1 :])
    kept = (*batch, rows, columns, *s._block, *size[n + 2 :])
    return SparseTensor(indices.long(), values, kept, COO, s._layout in BY_ROW)


def of_grid(c: SparseTensor, layout: Any, size: Any) -> CompressedTensor:
    """The compressed tensor of a size whose grid is the COO tensor c."""
    c = c.coalesce()
    indices, values = c._parts
    n = c.sparse_dim() - 2
    shape = c._a.shape
    if layout in BY_COLUMN:
        keys = cat([indices[:n], indices[n + 1 :], indices[n : n + 1]], 0)
        order = flat_index(keys, (*shape[:n], shape[n + 1], shape[n])).argsort()
        indices, values = indices[:, order], values[order]
    if n:
        count = math.prod(shape[:n])
        each = indices._a.shape[1] // max(count, 1)
        if flat_index(indices[:n], shape[:n]).bincount(minlength=count).ne(each).any():
            raise RuntimeError(
                f"{layout}: Expect the same number of specified elements per batch: compress the"
                " matrices one by one"
            )
        indices = indices[n:].reshape(2, *shape[:n], each)
        values = values.reshape(*shape[:n], each, *values._a.shape[1:])
    return CompressedTensor(indices, values, size, layout)


def as_coo(s: Any) -> SparseTensor:
    """A sparse tensor in COO layout."""
    if s._layout is COO:
        return s
    c = grid(s)
    if not s._block:
        return c
    (h, w), n = s._block, len(s._batch)
    indices, values = c._parts
    rows = indices[n].reshape(-1, 1, 1) * h + arange(h, device=values.device).reshape(-1, 1)
    columns = indices[n + 1].reshape(-1, 1, 1) * w + arange(w, device=values.device)
    places = (indices._a.shape[1], h, w)
    at = stack([rows.expand(places).reshape(-1), columns.expand(places).reshape(-1)], 0)
    at = cat([indices[:n].repeat_interleave(h * w, 1), at], 0)
    values = values.reshape(math.prod(places), *values._a.shape[3:])
    return SparseTensor(at, values, s._a.shape, COO, h == w == 1).coalesce()


def compressed(s: SparseTensor, layout: Any) -> SparseTensor:
    """A sparse tensor in CSR or CSC layout."""
    if s._layout is layout:
        return s
    if isinstance(s, CompressedTensor):
        if s._block:
            raise RuntimeError(f"conversion from {s._layout} to {layout} is not implemented here")
        return of_grid(grid(s), layout, s._a.shape)
    if s.sparse_dim() != 2:
        raise RuntimeError(
            f"{layout}: only tensors of two sparse dimensions can be compressed, got shape"
            f" {list(s.shape)} with {s.sparse_dim()}: convert with .to_dense()"
        )
    return of_grid(s, layout, s._a.shape)


def blocks(x: Any, blocksize: Any, dense_dim: int, layout: Any) -> SparseTensor:
    """A dense tensor of matrices as COO tensor of blocks, with all of their elements if one is not
    zero. Blocks of size None: of numbers.
    """
    n = x._a.ndim - 2 - dense_dim
    if dense_dim < 0 or n < 0:
        raise RuntimeError(
            f"{layout}: a tensor of {x._a.ndim} dimensions has no matrices beside dense_dim ="
            f" {dense_dim}"
        )
    if blocksize is None:
        return to_sparse(x, n + 2)
    (h, w), (rows, columns) = blocksize, x._a.shape[n : n + 2]
    if h <= 0 or w <= 0 or rows % h or columns % w:
        raise RuntimeError(
            f"{layout}: tensor size({rows}, {columns}) must be divisible by given blocksize"
            f" {(h, w)}"
        )
    batch, inner = tuple(x._a.shape[:n]), tuple(x._a.shape[n + 2 :])
    x = x.reshape(*batch, rows // h, h, columns // w, w, *inner)
    return to_sparse(x.transpose(n + 1, n + 2), n + 2)


def checked_blocks(layout: Any, blocksize: Any) -> Any:
    """The size of blocks, which blocked layouts need and others have not."""
    if (layout in BLOCKED) is (blocksize is None):
        raise RuntimeError(
            f"to_sparse(): layout {layout} "
            + ("needs a blocksize of two numbers" if blocksize is None else "has no blocks")
        )
    if blocksize is None:
        return None
    size = (blocksize,) * 2 if isinstance(blocksize, int) else tuple(blocksize)
    if len(size) != 2:
        raise RuntimeError(f"to_sparse(): blocksize needs exactly two numbers, got {size}")
    return size


@public(
    "Tensor.to_sparse(Tensor self, int sparse_dim)",
    "Tensor.to_sparse(Tensor self, *, Layout? layout=None, int[2]? blocksize=None, "
    "int? dense_dim=None)",
)
def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The tensor in a sparse layout (COO), with sparse_dim dimensions of indices (default: all).

    blocksize: of BSR and BSC, the rows and columns of a block.

    >>> torch.tensor([0., 2.]).to_sparse().indices()
    tensor([[1]])
    """
    if not isinstance(sparse_dim, int) and sparse_dim is not None:
        layout, sparse_dim = sparse_dim, None
    layout = layout or COO
    if layout is formats.strided:
        return self.to_dense()
    blocksize = checked_blocks(layout, blocksize)
    if isinstance(self, SparseTensor):
        return converted(self, sparse_dim, layout, blocksize)
    if layout is not COO:
        found = blocks(self, blocksize, dense_dim or 0, layout)
        return of_grid(found, layout, self._a.shape)
    if dense_dim is not None and sparse_dim is None:
        sparse_dim = self._a.ndim - dense_dim
    n = self._a.ndim if sparse_dim is None else sparse_dim
    if not 0 <= n <= self._a.ndim or n == 0 < self._a.ndim:
        raise RuntimeError(f"to_sparse(): sparse_dim {n} must be in [1, {self._a.ndim}]")
    x = self.detach()
    found = x != 0
    if n < self._a.ndim:
        found = found.any(tuple(range(n, self._a.ndim)))
    indices = found.nonzero().t().contiguous()
    values = self[tuple(indices.unbind(0))] if n else self.reshape(1, *self._a.shape)
    return SparseTensor(indices, values, self._a.shape, COO, True)


def converted(s: Any, sparse_dim: Any, layout: Any, blocksize: Any) -> SparseTensor:
    """A sparse tensor in another sparse layout."""
    if layout is COO:
        c = as_coo(s)
        if sparse_dim not in (None, c.sparse_dim()):
            raise RuntimeError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument"
                " !=self.sparse_dim() is not supported"
            )
        return c
    if blocksize is None:
        return compressed(s, layout)
    if s._layout is layout and s._block == blocksize:
        return s
    if s._layout in BLOCKED:
        if s._block != blocksize:
            raise RuntimeError(
                f"to_sparse(): blocks of {s._block} cannot become blocks of {blocksize}: convert"
                " with .to_dense()"
            )
        return of_grid(grid(s), layout, s._a.shape)
    if as_coo(s).sparse_dim() != 2 or s.dense_dim():
        raise RuntimeError(f"{layout}: only sparse matrices of numbers can get blocks")
    return of_grid(blocks(s.to_dense(), blocksize, 0, layout), layout, s._a.shape)


def _converter(name: str, layout: Any) -> None:
    def f(self, dense_dim=None):
        return to_sparse(self, layout=layout, dense_dim=dense_dim)

    f.__name__ = name
    f.__doc__ = f"The matrix, or batch of matrices, in the layout {layout}."
    declare(f, (f"Tensor.{name}(Tensor self, int? dense_dim=None)",))


for _name, _layout in (("csr", CSR), ("csc", CSC), ("coo", COO)):
    _converter(f"to_sparse_{_name}", _layout)


@public("Tensor.to_sparse_bsr(Tensor self, int[2] blocksize, int? dense_dim=None)")
def to_sparse_bsr(self, blocksize, dense_dim=None):
    """The matrix, or batch of matrices, in layout torch.sparse_bsr: blocks of blocksize rows and
    columns, those with an element that is not zero.

    Raises RuntimeError unless the blocks fill the matrix.

    >>> torch.eye(4).to_sparse_bsr((2, 2)).col_indices()
    tensor([0, 1])
    """
    return to_sparse(self, layout=BSR, blocksize=blocksize, dense_dim=dense_dim)


@public("Tensor.to_sparse_bsc(Tensor self, int[2] blocksize, int? dense_dim=None)")
def to_sparse_bsc(self, blocksize, dense_dim=None):
    """The matrix, or batch of matrices, in layout torch.sparse_bsc: as to_sparse_bsr, but column
    by column.

    Raises RuntimeError unless the blocks fill the matrix.

    >>> torch.eye(4).to_sparse_bsc((2, 2)).row_indices()
    tensor([0, 1])
    """
    return to_sparse(self, layout=BSC, blocksize=blocksize, dense_dim=dense_dim)


@public("Tensor.to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None)")
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor in strided layout: itself.

    >>> torch.eye(2).to_sparse().to_dense()
    tensor([[1., 0.],
            [0., 1.]])
    """
    return self if dtype is None else self.to(dtype)


def _refused(name: str, wanted: str) -> None:
    def f(self):
        raise RuntimeError(
            f"{name} expected {wanted} tensor layout but got Strided: convert with "
            ".to_sparse() first"
        )

    f.__name__ = name
    f.__doc__ = f"For tensors in {wanted} layout only: raises RuntimeError for others."
    declare(f, (f"Tensor.{name}(Tensor self)",))


for _name in ("indices", "coalesce", "is_coalesced", "_indices", "_nnz", "_values"):
    _refused(_name, "sparse coordinate")
for _name in ("crow_indices", "col_indices"):
    _refused(_name, "sparse row compressed")
for _name in ("ccol_indices", "row_indices"):
    _refused(_name, "sparse column compressed")
for _name in ("sparse_dim", "dense_dim", "values"):
    _refused(_name, "sparse")


def made(p: Tensor, q: Tensor, v: Tensor, size: Any, layout: Any, name: str) -> CompressedTensor:
    """The tensor of pointers p (*batch, lines + 1), plain indices q (*batch, nnz) and values v;
    RuntimeError where they do not fit each other or the size.
    """
    first, second = NAMES[layout]
    n, block = p._a.ndim - 1, 2 * (layout in BLOCKED)
    batch = tuple(p._a.shape[:n])
    dense = v._a.ndim - n - 1 - block
    shapes = f"{first} {list(p.shape)}, {second} {list(q.shape)} and values {list(v.shape)}"
    fit = n >= 0 and q._a.ndim == n + 1 and dense >= 0 and p._a.shape[-1:] > (0,)
    if not fit or not batch == q._a.shape[:n] == v._a.shape[:n] or (q._a.shape[n] != v._a.shape[n]):
        raise RuntimeError(f"{name}(): the shapes do not fit each other: {shapes}")
    if p.dtype is not q.dtype or p.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError(
            f"{name}(): {first} and {second} must both be int32 or int64, got {p.dtype} and"
            f" {q.dtype}"
        )
    sides = tuple(v._a.shape[n + 1 : n + 3]) if block else (1, 1)
    lines, major = p._a.shape[-1] - 1, 0 if layout in BY_ROW else 1
    other = int(q.max()) + 1 if q._a.size else 0
    if size is None:
        counts = (lines, other) if major == 0 else (other, lines)
        size = (*batch, *[c * s for c, s in zip(counts, sides)], *v._a.shape[n + 1 + block :])
    size = tuple(size)
    if (
        len(size) != n + 2 + dense
        or size[:n] != batch
        or size[n + 2 :] != tuple(v._a.shape[n + 1 + block :])
        or size[n] % max(sides[0], 1)
        or size[n + 1] % max(sides[1], 1)
        or size[n + major] != lines * sides[major]
        or size[n + 1 - major] < other * sides[1 - major]
    ):
        raise RuntimeError(f"{name}(): the size {list(size)} does not fit {shapes}")
    counts = p[..., 1:] - p[..., :-1]
    starts = (p[..., 0] == 0).all() and (p[..., -1] == q._a.shape[-1]).all()
    if not bool(starts) or bool((counts < 0).any()) or q._a.size and int(q.min()) < 0:
        raise RuntimeError(
            f"{name}(): {first} must rise from 0 to the number of values in a matrix,"
            f" {q._a.shape[-1]}, and {second} must not be negative"
        )
    each = arange(lines, device=q.device).expand(*batch, lines).reshape(-1)
    each = each.repeat_interleave(counts.reshape(-1)).reshape(q._a.shape).to(q.dtype)
    keys = (each.long() * max(other, 1) + q.long()).reshape(math.prod(batch), q._a.shape[-1])
    if bool((keys[:, 1:] <= keys[:, :-1]).any()):
        raise RuntimeError(
            f"{name}(): {second} must be sorted and distinct within each of the lines that {first}"
            " begins"
        )
    return CompressedTensor(stack([each, q] if major == 0 else [q, each], 0), v, size, layout)
