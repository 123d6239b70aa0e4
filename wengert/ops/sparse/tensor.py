"""Sparse tensors: coordinate (COO) and compressed row or column (CSR, CSC) layouts. The functions
on them are in `functions.py`.

A sparse tensor keeps its indices and values as ordinary tensors, so what is done with it is
composed of ordinary operations,
and gradients flow to the values. Gradients of sparse leaves are sparse.
"""

from __future__ import annotations

import copy
from typing import Any

from ...arrays.sparse import SparseArray
from ...base import dtypes, formats
from ...base.modes import state
from ...declare.registry import declare, public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..creation.filled import zeros
from .coordinates import flat_index, pointers, unflat_index

COO, CSR, CSC = formats.sparse_coo, formats.sparse_csr, formats.sparse_csc


@primitive(opaque, inputs=4)
def sparse_product(xp, x, y, rows, cols, n=0):
    """The product of the sparse matrix with values x at (rows, cols) and n rows with the dense
    matrix y.
    """


sparse_product.vjp(
    x=lambda xp, g, y, rows, cols: xp.sum(
        xp.conj(xp.index_select(y, cols, 0)) * xp.index_select(g, rows, 0), 1, False
    ),
    y=lambda xp, g, x, rows, cols, y_shape: xp.sparse_product(
        xp.conj(x), g, cols, rows, y_shape[0]
    ),
    complex=True,
)


class SparseTensor(Tensor):
    """A tensor that stores only some elements: values at indices, zero elsewhere.

    >>> torch.eye(2).to_sparse().values()
    tensor([1., 1.])
    """

    def __new__(
        cls, indices: Tensor, values: Tensor, size: Any, layout: Any = COO, coalesced: bool = False
    ) -> SparseTensor:
        t = object.__new__(cls)
        size = tuple(size)
        t._a, t._n, t._x = SparseArray(size, values._a.dtype, values.device), values._n, None
        known = coalesced or layout is not COO or values._a.shape[0] < 2
        t.__dict__.update(_parts=(indices, values), _layout=layout, _sorted=known)
        return t

    __init__ = object.__init__

    # ---- facts

    @property
    def layout(self) -> Any:
        """torch.sparse_coo, torch.sparse_csr or torch.sparse_csc."""
        return self._layout

    @property
    def is_sparse(self) -> bool:
        """Whether the layout is COO."""
        return self._layout is COO

    @property
    def is_sparse_csr(self) -> bool:
        """Whether the layout is CSR."""
        return self._layout is CSR

    def sparse_dim(self) -> int:
        """How many dimensions the indices have."""
        return int(self._parts[0]._a.shape[0])

    def dense_dim(self) -> int:
        """How many dimensions each value has."""
        return self._parts[1]._a.ndim - 1

    def _nnz(self) -> int:
        return int(self._parts[1]._a.shape[0])

    def _indices(self) -> Tensor:
        return self._parts[0]

    def _values(self) -> Tensor:
        return self._parts[1]

    def _coalesced_(self, coalesced: bool) -> SparseTensor:
        """Say that indices are in order and unique, or that this is not known."""
        self.__dict__["_sorted"] = bool(coalesced)
        return self

    def zero_(self) -> SparseTensor:
        """Drop all elements."""
        indices, values = self._indices(), self._values()
        self.__dict__.update(_parts=(indices[:, :0], values[:0].detach()), _sorted=True)
        self._n = None
        return self

    def sparse_resize_(self, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
        """Another size: a larger one, unless nothing is stored."""
        self._need(COO, "sparse_resize_")
        now = (self.sparse_dim(), self.dense_dim())
        if len(size) != sparse_dim + dense_dim:
            raise RuntimeError(
                f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)},"
                f" sparse_dim = {sparse_dim}, dense_dim = {dense_dim}"
            )
        if self._nnz():
            if now != (sparse_dim, dense_dim):
                raise RuntimeError(
                    "changing the number of sparse and dense dimensions from"
                    f" {now} to {(sparse_dim, dense_dim)} on a non-empty sparse tensor is not"
                    " supported"
                )
            if any(n < m for n, m in zip(size, self._a.shape)):
                raise RuntimeError(
                    f"shrinking the size (from {list(self._a.shape)} to {list(size)}) of a"
                    " non-empty sparse tensor is not supported: use sparse_resize_and_clear_"
                )
            values = self._values()
            if tuple(size[sparse_dim:]) != tuple(values._a.shape[1:]):
                values = self._values().new_zeros((self._nnz(), *size[sparse_dim:]))
                values[tuple([slice(0, n) for n in self._values()._a.shape])] = self._values()
            self.__dict__["_parts"] = (self._indices(), values)
            self._a = SparseArray(tuple(size), values._a.dtype, values.device)
            return self
        return self.sparse_resize_and_clear_(size, sparse_dim, dense_dim)

    def sparse_resize_and_clear_(self, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
        """Another size, without elements."""
        self._need(COO, "sparse_resize_and_clear_")
        indices = zeros((sparse_dim, 0), dtype=dtypes.int64, device=self.device)
        values = self._values().new_zeros((0, *size[sparse_dim:]))
        self.__dict__.update(_parts=(indices, values), _sorted=True)
        self._a, self._n = SparseArray(tuple(size), values._a.dtype, values.device), None
        return self

    def is_coalesced(self) -> bool:
        """Whether the indices are known to be sorted and different."""
        if self._layout is not COO:
            raise RuntimeError(
                f"is_coalesced expected sparse coordinate tensor layout but got {self._layout}"
            )
        return self._sorted

    # ---- parts

    def indices(self) -> Tensor:
        """The coordinates (sparse_dim, nnz) of a coalesced COO tensor."""
        self._need(COO, "indices")
        if not self._sorted:
            raise RuntimeError(
                "Cannot get indices on an uncoalesced tensor, please call .coalesce() first"
            )
        return self._parts[0]

    def values(self) -> Tensor:
        """The stored values (nnz, ...)."""
        if not self._sorted:
            raise RuntimeError(
                "Cannot get values on an uncoalesced tensor, please call .coalesce() first"
            )
        return self._parts[1]

    def _need(self, layout: Any, name: str) -> None:
        if self._layout is not layout:
            what = {
                COO: "sparse coordinate",
                CSR: "sparse row compressed",
                CSC: "sparse column compressed",
            }[layout]
            raise RuntimeError(
                f"{name} expected {what} tensor layout but got {self._layout}: convert with "
                ".to_sparse(), "
                ".to_sparse_csr() or .to_sparse_csc()"
            )

    def crow_indices(self) -> Tensor:
        """Where each row's values begin, and their number (CSR)."""
        self._need(CSR, "crow_indices")
        return pointers(self._parts[0][0], self._a.shape[0])

    def col_indices(self) -> Tensor:
        """The column of each value (CSR)."""
        self._need(CSR, "col_indices")
        return self._parts[0][1]

    def ccol_indices(self) -> Tensor:
        """Where each column's values begin, and their number (CSC)."""
        self._need(CSC, "ccol_indices")
        return pointers(self._parts[0][1], self._a.shape[1])

    def row_indices(self) -> Tensor:
        """The row of each value (CSC)."""
        self._need(CSC, "row_indices")
        return self._parts[0][0]

    # ---- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether operations on the values are recorded."""
        return self._parts[1].requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Start (or stop) recording operations on this leaf."""
        self._parts[1].requires_grad_(requires_grad)
        self._n = self._parts[1]._n
        return self

    def gradient_like(self, g: Any) -> Any:
        """The gradient of this tensor, given that of its values."""
        return g if isinstance(g, SparseTensor) else self._like(g)

    @property
    def grad(self) -> Any:
        """The gradient, sparse with the same indices, or None."""
        g = self._parts[1].grad
        return g if g is None else self.gradient_like(g)

    @grad.setter
    def grad(self, value: Any) -> None:
        self._parts[1].grad = value._parts[1] if isinstance(value, SparseTensor) else value

    def detach(self) -> SparseTensor:
        """The same values without history."""
        return self._like(self._parts[1].detach())

    @property
    def data(self) -> SparseTensor:
        """The same values without history; assigned to: other indices and values."""
        return self.detach()

    @data.setter
    def data(self, value: SparseTensor) -> None:
        self._need(value.layout, "set_data")
        indices, values = value._parts
        leaf = self.requires_grad
        self._a = SparseArray(tuple(value._a.shape), values._a.dtype, values.device)
        self.__dict__.update(_parts=(indices, values.detach()), _sorted=value._sorted)
        self.requires_grad_(leaf)

    def copy_(self, src: Any, non_blocking: bool = False) -> SparseTensor:
        """Take over the indices and values of another sparse tensor of this size and layout."""
        if not isinstance(src, SparseTensor) or src._layout is not self._layout:
            raise RuntimeError(
                "copy_() between dense and sparse Tensors is not implemented! Found self type ="
                f" {self.layout} and src type = {getattr(src, 'layout', type(src).__name__)}"
            )
        if src.shape != self.shape:
            raise RuntimeError(
                f"copy_(): the sizes of the sparse tensors differ: {list(self.shape)} and"
                f" {list(src.shape)}"
            )
        recorded = state.grad and (self.requires_grad or src.requires_grad)
        if recorded and self.requires_grad and self.is_leaf:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation (copy_)"
            )
        new = src.to(self.dtype).clone()
        indices, values = new._parts
        self.__dict__.update(
            _parts=(indices, values if recorded else values.detach()), _sorted=src._sorted
        )
        self._n = values._n if recorded else None
        return self

    def _facts(self) -> tuple[Any, ...]:
        """What makes the tensor again, but for its history."""
        indices, values = self._parts
        return indices, values.detach(), tuple(self._a.shape), self._layout, self._sorted

    def __reduce_ex__(self, protocol: Any) -> Any:
        facts = self._facts()
        return rebuilt, (*facts[:3], facts[3].name, facts[4], self.requires_grad)

    def __copy__(self) -> SparseTensor:
        s = SparseTensor(*self._facts())
        return s.requires_grad_() if self.requires_grad else s

    def __deepcopy__(self, memo: dict[int, Any]) -> SparseTensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy"
                " protocol at the moment: copy this one with .detach().clone()."
            )
        s = SparseTensor(*copy.deepcopy(self._facts()[:3], memo), *self._facts()[3:])
        memo[id(self)] = s
        return s.requires_grad_() if self.requires_grad else s

    def _like(self, values: Tensor) -> SparseTensor:
        """Other values at the same indices."""
        return SparseTensor(
            self._parts[0],
            values,
            (*self._a.shape[: self.sparse_dim()], *values._a.shape[1:]),
            self._layout,
            self._sorted,
        )

    def _moved(self, values: Tensor) -> SparseTensor:
        """Its values in another dtype or on another device, and the indices where they are."""
        moved = self._like(values)
        moved.__dict__["_parts"] = (self._parts[0].to(values.device), values)
        return moved

    # ---- conversions

    def coalesce(self) -> SparseTensor:
        """The same tensor with sorted, different indices: values at equal ones are summed."""
        self._need(COO, "coalesce")
        if self._sorted:
            return self
        indices, values = self._parts
        sizes = self._a.shape[: self.sparse_dim()]
        found, where = flat_index(indices, sizes).unique(return_inverse=True)
        total = values.new_zeros((found._a.shape[0], *values._a.shape[1:])).index_add(
            0, where, values
        )
        return SparseTensor(unflat_index(found, sizes), total, self._a.shape, COO, True)

    def to_dense(self, dtype: Any = None, *, masked_grad: Any = None) -> Tensor:
        """The tensor with all its zeros."""
        indices, values = self._parts
        out = zeros(tuple(self._a.shape), dtype=self.dtype, device=values.device)
        if self.sparse_dim():
            out = out.index_put(tuple(indices.unbind(0)), values, accumulate=True)
        else:
            out = out + values.sum(0)
        return out if dtype is None else out.to(dtype)

    def to_sparse(self, sparse_dim: Any = None, *, layout: Any = None, **more: Any) -> Any:
        """The tensor in COO or another sparse layout."""
        return to_sparse(self, sparse_dim, layout=layout, **more)

    def clone(self, *, memory_format: Any = None) -> SparseTensor:
        """A copy."""
        return SparseTensor(
            self._parts[0].clone(),
            self._parts[1].clone(),
            self._a.shape,
            self._layout,
            self._sorted,
        )

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """The tensor in another dtype, or on another device."""
        return self._moved(self._parts[1].to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """The tensor on a CUDA device."""
        return self._moved(self._parts[1].cuda(*args, **kwargs))

    def cpu(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """The tensor on the CPU."""
        return self._moved(self._parts[1].cpu(*args, **kwargs))

    def tolist(self) -> Any:
        """Refused: convert with to_dense() first."""
        raise RuntimeError(
            "Cannot access data pointer of Tensor that doesn't have storage: convert with"
            " .to_dense() first"
        )

    def numpy(self, *, force: bool = False) -> Any:
        """Refused: convert with to_dense() first."""
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """False."""
        return False

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        def part(name: str, t: Tensor) -> str:
            inside = (
                repr(t.detach())
                .replace(f", dtype={t.dtype})", ")")
                .replace("\n", "\n" + " " * (len(name) + 1))
            )
            inside = inside if t._a.size else f"tensor([], size={tuple(t._a.shape)})"
            return f"{name}={inside}"

        names = {
            COO: ("indices",),
            CSR: ("crow_indices", "col_indices"),
            CSC: ("ccol_indices", "row_indices"),
        }[self._layout]
        shown = (
            [part("indices", self._parts[0])]
            if self._layout is COO
            else [part(k, getattr(self, k)()) for k in names]
        )
        text = ",\n".join([*shown, part("values", self._parts[1])]).replace("\n", "\n       ")
        facts = [f"size={tuple(self._a.shape)}", f"nnz={self._nnz()}"]
        if self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool):
            facts.append(f"dtype={self.dtype}")
        facts.append(f"layout={self._layout}")
        if self.requires_grad:
            fn = self._parts[1].grad_fn
            facts.append(f"grad_fn=<{fn.name()}>" if fn is not None else "requires_grad=True")
        width = 80 if self._layout is COO else len(text) - text.rfind("\n") + 1
        for fact in facts:  # COO begins a line with the first
            new = width + len(fact) + 2 > 80
            text += (",\n       " if new else ", ") + fact
            width = 7 + len(fact) if new else width + len(fact) + 2
        return "tensor(" + text + ")"


def _in_place(name: str) -> Any:
    def f(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        if self.requires_grad and self.is_leaf and state.grad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation "
                f"({name}_): "
                "work under torch.no_grad(), or use the out-of-place form"
            )
        new = getattr(self, name)(*args, **kwargs)
        self.__dict__.update(new.__dict__)
        self._n = new._n
        return self

    f.__name__ = name + "_"
    f.__doc__ = f"{name}() in place."
    return f


for _name in ("add", "sub", "mul", "div", "neg", "abs"):
    setattr(SparseTensor, _name + "_", _in_place(_name))


def rebuilt(
    indices: Tensor, values: Tensor, size: Any, layout: str, coalesced: bool, requires_grad: bool
) -> SparseTensor:
    """A sparse tensor that was pickled."""
    s = SparseTensor(indices, values, size, getattr(formats, layout), coalesced)
    return s.requires_grad_() if requires_grad else s


def compressed(s: SparseTensor, layout: Any) -> SparseTensor:
    """A sparse matrix in CSR or CSC layout."""
    if s._a.ndim != 2 or s.dense_dim():
        raise RuntimeError(
            f"{layout}: only matrices of scalars are supported, got shape {list(s.shape)} with "
            f"{s.dense_dim()} dense dimensions: convert with .to_dense()"
        )
    if s._layout is layout:
        return s
    c = as_coo(s).coalesce()
    indices, values = c._parts
    if layout is CSC:
        order = (indices[1] * max(s._a.shape[0], 1) + indices[0]).argsort()
        indices, values = indices[:, order], values[order]
    return SparseTensor(indices, values, s._a.shape, layout)


def as_coo(s: Any) -> SparseTensor:
    """A sparse tensor in COO layout."""
    return s if s._layout is COO else SparseTensor(*s._parts, s._a.shape, COO, s._layout is CSR)


def named_layout(layout: Any) -> Any:
    if layout is not None and layout not in (COO, CSR, CSC):
        raise RuntimeError(
            f"layout {layout} is not supported here: use torch.sparse_coo, torch.sparse_csr or "
            "torch.sparse_csc"
        )
    return layout or COO


@public(
    "Tensor.to_sparse(Tensor self, int sparse_dim)",
    "Tensor.to_sparse(Tensor self, *, Layout? layout=None, int[2]? blocksize=None, "
    "int? dense_dim=None)",
)
def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The tensor in a sparse layout (COO), with sparse_dim dimensions of indices (default: all).

    >>> torch.tensor([0., 2.]).to_sparse().indices()
    tensor([[1]])
    """
    if not isinstance(sparse_dim, int) and sparse_dim is not None:
        layout, sparse_dim = sparse_dim, None
    layout = named_layout(layout)
    if blocksize is not None:
        raise RuntimeError(
            f"to_sparse(): layout {layout} has no blocks: leave blocksize={blocksize} out"
        )
    if isinstance(self, SparseTensor):
        if self._layout is COO and sparse_dim not in (None, self.sparse_dim()):
            raise RuntimeError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument"
                " !=self.sparse_dim() is not supported"
            )
        return as_coo(self) if layout is COO else compressed(self, layout)
    n = self._a.ndim if sparse_dim is None else sparse_dim
    if not 0 <= n <= self._a.ndim:
        raise RuntimeError(f"to_sparse(): sparse_dim {n} must be in [0, {self._a.ndim}]")
    x = self.detach()
    found = x != 0
    if n < self._a.ndim:
        found = found.any(tuple(range(n, self._a.ndim)))
    indices = found.nonzero().t().contiguous()
    values = self[tuple(indices.unbind(0))] if n else self.reshape(1, *self._a.shape)
    s = SparseTensor(indices, values, self._a.shape, COO, True)
    return s if layout is COO else compressed(s, layout)


def _converter(name: str, layout: Any) -> None:
    def f(self, dense_dim=None):
        return to_sparse(self, layout=layout)

    f.__name__ = name
    f.__doc__ = f"The matrix in the layout {layout}."
    declare(f, (f"Tensor.{name}(Tensor self, int? dense_dim=None)",))


_converter("to_sparse_csr", CSR)
_converter("to_sparse_csc", CSC)
_converter("to_sparse_coo", COO)
for _name in ("to_sparse_csr", "to_sparse_csc", "to_sparse_coo"):
    setattr(
        SparseTensor,
        _name,
        lambda self, dense_dim=None, _l=_name[-3:]: to_sparse(
            self, layout=getattr(formats, f"sparse_{_l}")
        ),
    )


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


@public("Tensor.to_sparse_bsr(Tensor self, int[2] blocksize, int? dense_dim=None)")
def to_sparse_bsr(self, blocksize, dense_dim=None):
    """Not supported: raises RuntimeError.

    >>> torch.eye(4).to_sparse_bsr((2, 2))
    Traceback (most recent call last):
        ...
    RuntimeError: layout torch.sparse_bsr is not supported here: use ...
    """
    return named_layout(formats.sparse_bsr)


@public("Tensor.to_sparse_bsc(Tensor self, int[2] blocksize, int? dense_dim=None)")
def to_sparse_bsc(self, blocksize, dense_dim=None):
    """Not supported: raises RuntimeError.

    >>> torch.eye(4).to_sparse_bsc((2, 2))
    Traceback (most recent call last):
        ...
    RuntimeError: layout torch.sparse_bsc is not supported here: use ...
    """
    return named_layout(formats.sparse_bsc)
