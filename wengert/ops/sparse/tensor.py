"""Sparse tensors, in coordinate (COO) layout. Compressed layouts and conversion are in
`compressed.py`, functions in `functions.py`.

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
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..creation.filled import zeros
from .coordinates import flat_index, unflat_index

COO, CSR, CSC = formats.sparse_coo, formats.sparse_csr, formats.sparse_csc


@primitive(opaque, inputs=4, node="SparseAddmmBackward0")
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
        """torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr or
        torch.sparse_bsc.
        """
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
        indices, values = self._indices(), self._values().detach()
        none = values.narrow(indices._a.ndim - 2, 0, 0)
        self.__dict__.update(_parts=(indices[..., :0], none), _sorted=True)
        self._n = None
        return self

    def fill_(self, value: Any) -> SparseTensor:
        """Refused: what is not stored is zero."""
        raise NotImplementedError(
            f"fill_: not implemented for layout {self._layout}: convert with .to_dense() first"
        )

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

    def resize_as_sparse_(self, the_template: SparseTensor) -> SparseTensor:
        """The size of another sparse tensor."""
        t = the_template
        return self.sparse_resize_(t._a.shape, t.sparse_dim(), t.dense_dim())

    def sparse_resize_and_clear_(self, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
        """Another size, without elements."""
        self._need(COO, "sparse_resize_and_clear_")
        if len(size) != sparse_dim + dense_dim:
            raise RuntimeError(
                f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)},"
                f" sparse_dim = {sparse_dim}, dense_dim = {dense_dim}"
            )
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
            raise RuntimeError(
                f"{name} expected sparse coordinate tensor layout but got {self._layout}: convert"
                " with .to_sparse()"
            )

    def _absent(self, *args: Any) -> Any:
        raise RuntimeError(
            f"pointers of rows or columns are in compressed layouts, not in {self._layout}: convert"
            " with .to_sparse_csr() or .to_sparse_csc()"
        )

    crow_indices = col_indices = ccol_indices = row_indices = _absent

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
        other = src.sparse_dim() != self.sparse_dim() or src.dense_dim() != self.dense_dim()
        if src.shape != self.shape and (self._layout is not COO or other and self._nnz()):
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
        self._a = new._a
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
        s = type(self)(*self._facts())
        return s.requires_grad_() if self.requires_grad else s

    def __deepcopy__(self, memo: dict[int, Any]) -> SparseTensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy"
                " protocol at the moment: copy this one with .detach().clone()."
            )
        s = type(self)(*copy.deepcopy(self._facts()[:3], memo), *self._facts()[3:])
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

    def clone(self, *, memory_format: Any = None) -> SparseTensor:
        """A copy."""
        return type(self)(
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

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its type, or its values in another dtype."""
        if dtype is None:
            return self._values().detach().type().replace("torch.", "torch.sparse.")
        return self._moved(self._parts[1].type(dtype))

    def new_zeros(self, *size: Any, **facts: Any) -> Tensor:
        """An empty sparse tensor of a size, in this dtype and layout."""
        facts = {"dtype": self.dtype, "device": self.device, "layout": self._layout, **facts}
        return zeros(*size, **facts)

    new_empty = new_zeros

    def as_parameter(self, requires_grad: bool) -> Any:
        """What nn.Parameter(self) gives: a leaf with the same indices and values."""
        t: Any = self.detach()
        t.requires_grad_(requires_grad)
        t._is_param = True
        return t

    def tolist(self) -> Any:
        """Refused: convert with to_dense() first."""
        raise RuntimeError(
            "Cannot access data pointer of Tensor that doesn't have storage: convert with"
            " .to_dense() first"
        )

    def numpy(self, *, force: bool = False) -> Any:
        """Refused: convert with to_dense() first."""
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def data_ptr(self) -> int:
        """Refused: there is no one memory."""
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    @property
    def nbytes(self) -> int:
        """Refused: those of indices() and values() tell."""
        raise RuntimeError(
            "nbytes is not defined for sparse tensors: add the nbytes of the indices and values"
        )

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """False."""
        return False

    def _shown(self) -> list[tuple[str, Tensor]]:
        """The indices by name, as they are printed."""
        return [("indices", self._parts[0])]

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        def part(name: str, t: Tensor) -> str:
            inside = (
                repr(t.detach())
                .replace(f", dtype={t.dtype})", ")")
                .replace("\n", "\n" + " " * (len(name) + 1))
            )
            inside = inside if t._a.size else f"tensor([], size={tuple(t._a.shape)})"
            return f"{name}={inside}"

        shown = [part(*named) for named in self._shown()]
        text = ",\n".join([*shown, part("values", self._parts[1])]).replace("\n", "\n       ")
        text = "\n".join([line.rstrip() for line in text.split("\n")])
        facts = [f"size={tuple(self._a.shape)}", f"nnz={self._nnz()}"]
        usual = dtypes.get_default_dtype()
        if self.dtype not in (usual, usual.to_complex(), dtypes.int64, dtypes.bool):
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
        if self._layout is COO and not self._sorted and name not in OF_SUMS:
            raise RuntimeError(f"{name}_ requires coalesced input: call .coalesce() first")
        new = getattr(self, name)(*args, **kwargs)
        if new.dtype is not self.dtype:
            raise RuntimeError(
                f"{name}_: result type {new.dtype} can't be cast to {self.dtype} in place"
            )
        self._a, self._n = new._a, new._n
        self.__dict__.update(new.__dict__)
        return self

    f.__name__ = name + "_"
    f.__doc__ = f"{name}() in place."
    return f


ALSO_IN_PLACE = (
    "abs add asin asinh atan atanh ceil deg2rad div erf erfinv expm1 floor frac log1p mul neg pow "
    "rad2deg relu round sgn sign sin sinh sqrt square sub t tan tanh transpose trunc"
)
OF_SUMS = ("add", "div", "mul", "neg", "pow", "square", "sub", "t", "transpose")  # of any places
for _name in ALSO_IN_PLACE.split():
    setattr(SparseTensor, _name + "_", _in_place(_name))


KINDS: dict[Any, Any] = {COO: SparseTensor}  # layout -> class


def rebuilt(
    indices: Tensor, values: Tensor, size: Any, layout: str, coalesced: bool, requires_grad: bool
) -> SparseTensor:
    """A sparse tensor that was pickled."""
    kind = KINDS[getattr(formats, layout)]
    s = kind(indices, values, size, getattr(formats, layout), coalesced)
    return s.requires_grad_() if requires_grad else s
