"""Making sparse tensors from indices and values; the tensors themselves are in `tensor.py`."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.registry import public
from ...engine.tensor import Tensor
from ..creation.destination import LAYOUTS
from ..creation.filled import zeros
from ..creation.tensor import as_tensor
from .compressed import BLOCKED, BY_ROW, NAMES, CompressedTensor, made
from .tensor import COO, CSC, CSR, SparseTensor


def prepared(values: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """The values of a new sparse tensor."""
    v = as_tensor(values, dtype=dtype, device=device)
    if requires_grad or not v.requires_grad:
        v = v.detach()  # a tensor of our own, over the same memory
    return v.requires_grad_() if requires_grad else v


@public(
    "sparse_coo_tensor(int[] size, *, bool? check_invariants=None, options)",
    "sparse_coo_tensor(any indices, any values, *, bool? is_coalesced=None, "
    "bool? check_invariants=None, options)",
    "sparse_coo_tensor(any indices, any values, int[] size, *, bool? is_coalesced=None, "
    "bool? check_invariants=None, options)",
    method=False,
)
def sparse_coo_tensor(
    indices=None,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A COO tensor with values (nnz, ...) at indices (sparse_dim, nnz); values at equal indices
    count as their sum.

    size: default is what the indices need. check_invariants: accepted: they are always checked.
    is_coalesced: whether the indices are in order, each once. Raises RuntimeError for counts that
    differ and for indices out of range.

    >>> torch.sparse_coo_tensor([[0, 1]], [3.0, 4.0], (2,)).to_dense()
    tensor([3., 4.])
    """
    if values is None:  # an empty tensor of a size
        size = tuple(indices if size is None else size)
        v = prepared(zeros(0, dtype=dtype), dtype, device, requires_grad)
        none = zeros((len(size), 0), dtype=dtypes.int64, device=v.device)
        return SparseTensor(none, v, size)
    i, v = as_tensor(indices, device=device), prepared(values, dtype, device, requires_grad)
    if i.dtype.category != dtypes.INTEGRAL:
        i = i.long() if i._a.size == 0 else i
        if i.dtype.category != dtypes.INTEGRAL:
            raise RuntimeError(f"sparse_coo_tensor(): indices must be integers, got {i.dtype}")
    i = i.detach().long()
    if i._a.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(i.shape)}")
    if i._a.shape[1] != (v._a.shape[0] if v._a.ndim else 1):
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{i._a.shape[1]}, nnz from values: {v._a.shape[0] if v._a.ndim else 1}"
        )
    v = v if v._a.ndim else v.reshape(1)
    top = (i.amax(1) + 1).tolist() if i._a.shape[1] else [0] * i._a.shape[0]
    size = (*top, *v._a.shape[1:]) if size is None else tuple(size)
    if len(size) != i._a.shape[0] + v._a.ndim - 1:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({i._a.shape[0]}) + dense_dim "
            f"({v._a.ndim - 1}), but got "
            f"{len(size)}"
        )
    for d, (n, t) in enumerate(zip(size, top)):
        if t > n:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {n} but found index "
                f"{t - 1}"
            )
    if i._a.size and i.amin().item() < 0:
        raise RuntimeError(
            f"found negative index {i.amin().item()} among the indices of a sparse tensor"
        )
    return SparseTensor(i, v, size, COO, bool(is_coalesced))


def empty_sparse(shape: Any, layout: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    """A sparse tensor without elements, in a layout: zeros(layout=...)."""
    if layout is COO:
        v = prepared(zeros(0, dtype=dtype), dtype, device, requires_grad)
        none = zeros((len(tuple(shape)), 0), dtype=dtypes.int64, device=v.device)
        return SparseTensor(none, v, tuple(shape))
    if len(shape) < 2:
        raise RuntimeError(f"{layout}: needs at least two dimensions, got {list(shape)}")
    *batch, rows, columns = tuple(shape)
    none = zeros((2, *batch, 0), dtype=dtypes.int64)
    v = prepared(zeros((*batch, 0), dtype=dtype), dtype, device, requires_grad)
    return CompressedTensor(none, v, tuple(shape), layout)


LAYOUTS.update(dict.fromkeys([COO, CSR, CSC], empty_sparse))


def _compressed_maker(of: Any) -> Any:
    name = of.name + "_tensor"

    def f(
        compressed_indices,
        plain_indices,
        values,
        size=None,
        *,
        dtype=None,
        layout=None,
        device=None,
        pin_memory=False,
        requires_grad=False,
        check_invariants=None,
    ):
        if layout not in (None, of):
            raise RuntimeError(f"{name}(): expected layout {of}, got {layout}: leave layout= away")
        p, q = indices_of(compressed_indices, device), indices_of(plain_indices, device)
        v = prepared(values, dtype, device, requires_grad)
        return made(p, q, v, size, of, name)

    first, second = NAMES[of]
    line = "row" if of in BY_ROW else "column"
    what = "blocks (nnz, height, width)" if of in BLOCKED else "values (nnz,)"
    f.__name__ = name
    f.__doc__ = (
        f"A sparse matrix in the layout {of}: {first} (where each {line} begins), {second} and "
        f"{what}; batches of all three; each value with dense dimensions of its own.\n\nRaises "
        "RuntimeError where the indices do not rise, or do not fit the values or the size."
    )
    head = f"{name}(any {first}, any {second}, any values, "
    tail = "*, bool? check_invariants=None, options)"
    return public(f"{head}int[] size, {tail}", head + tail, method=False)(f)


def indices_of(data: Any, device: Any) -> Tensor:
    """Indices of a compressed layout; of lists, int64 also where they are empty."""
    i = as_tensor(data, device=device).detach()
    return i.long() if i._a.size == 0 and i.dtype.is_floating_point else i


MAKERS = {layout: _compressed_maker(layout) for layout in NAMES}
sparse_csr_tensor, sparse_csc_tensor = MAKERS[CSR], MAKERS[CSC]


@public(
    "sparse_compressed_tensor(any compressed_indices, any plain_indices, "
    "any values, int[] size, *, bool? check_invariants=None, options)",
    "sparse_compressed_tensor(any compressed_indices, any plain_indices, "
    "any values, *, bool? check_invariants=None, options)",
    method=False,
)
def sparse_compressed_tensor(
    compressed_indices,
    plain_indices,
    values,
    size=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
):
    """sparse_csr_tensor, sparse_csc_tensor, sparse_bsr_tensor or sparse_bsc_tensor by layout.

    Raises RuntimeError for another layout; TypeError where layout is of the wrong type.

    >>> parts = torch.tensor([0, 1, 2]), torch.tensor([1, 0]), torch.tensor([5., 6.])
    >>> torch.sparse_compressed_tensor(*parts, (2, 2), layout=torch.sparse_csr).to_dense()
    tensor([[0., 5.],
            [6., 0.]])
    """
    make = MAKERS.get(layout)
    if make is None:
        raise RuntimeError(
            "sparse_compressed_tensor(): expected a compressed layout (sparse_csr, sparse_csc,"
            f" sparse_bsr, sparse_bsc), got {layout}"
        )
    return make(
        compressed_indices,
        plain_indices,
        values,
        size,
        dtype=dtype,
        device=device,
        requires_grad=requires_grad,
    )
