"""Making sparse tensors from indices and values; the tensors themselves are in `tensor.py`."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.registry import public
from ...engine.tensor import Tensor
from ..creation.destination import LAYOUTS
from ..creation.filled import zeros
from ..creation.spaced import arange
from ..creation.tensor import as_tensor
from ..shape.join import stack
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
    major = {CSR: 0, CSC: 1}
    if layout is not COO and layout not in major:
        raise RuntimeError(f"layout {layout} is not supported here: use COO, CSR or CSC")
    facts = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
    if layout is COO:
        return sparse_coo_tensor(size=tuple(shape), **facts)
    lines = tuple(shape)[major[layout]]
    none = zeros(0, dtype=dtypes.int64)
    p = zeros(lines + 1, dtype=dtypes.int64)
    return sparse_compressed_tensor(
        p, none, zeros(0, dtype=dtype), tuple(shape), layout=layout, **facts
    )


LAYOUTS.update(dict.fromkeys([COO, CSR, CSC], empty_sparse))


def _compressed_maker(name: str, layout: Any, major: int) -> Any:
    def f(
        compressed_indices,
        plain_indices,
        values,
        size=None,
        *,
        dtype=None,
        device=None,
        pin_memory=False,
        requires_grad=False,
        check_invariants=None,
    ):
        p = as_tensor(compressed_indices).long()
        q = as_tensor(plain_indices).long()
        v = prepared(values, dtype, device, requires_grad)
        if p._a.ndim != 1 or q._a.ndim != 1 or v._a.ndim != 1:
            raise RuntimeError(
                f"{name}(): only one matrix of scalars is supported: indices and values must "
                "be vectors"
            )
        ends = p.tolist()
        if (
            not ends
            or ends[0] != 0
            or ends[-1] != q._a.shape[0]
            or q._a.shape != v._a.shape
            or sorted(ends) != ends
        ):
            raise RuntimeError(
                f"{name}(): the compressed indices {ends} must rise from 0 to the number of "
                "values, and there must be "
                f"as many plain indices ({q._a.shape[0]}) as values ({v._a.shape[0]})"
            )
        n = len(ends) - 1
        other = q.amax().item() + 1 if q._a.size else 0
        if size is None:
            size = (n, other) if major == 0 else (other, n)
        if size[major] != n or size[1 - major] < other:
            raise RuntimeError(
                f"{name}(): the size {list(size)} does not fit {n} compressed indices and "
                f"plain indices below {other}"
            )
        lines = arange(n, device=q.device).repeat_interleave(p[1:] - p[:-1])
        return SparseTensor(stack([lines, q] if major == 0 else [q, lines], 0), v, size, layout)

    f.__name__ = name
    f.__doc__ = (
        f"A sparse matrix in the layout {layout} from its compressed indices, plain "
        "indices and values (nnz,).\n\nRaises RuntimeError where the compressed indices do not "
        "rise from 0 to the number of values, or the size is too small for them."
    )
    first, second = ("crow", "col") if major == 0 else ("ccol", "row")
    head = f"{name}(any {first}_indices, any {second}_indices, any values, "
    tail = "*, bool? check_invariants=None, options)"
    return public(f"{head}int[] size, {tail}", head + tail, method=False)(f)


sparse_csr_tensor = _compressed_maker("sparse_csr_tensor", CSR, 0)
sparse_csc_tensor = _compressed_maker("sparse_csc_tensor", CSC, 1)


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
    """sparse_csr_tensor or sparse_csc_tensor by layout.

    Raises RuntimeError unless layout is torch.sparse_csr or torch.sparse_csc.

    >>> parts = torch.tensor([0, 1, 2]), torch.tensor([1, 0]), torch.tensor([5., 6.])
    >>> torch.sparse_compressed_tensor(*parts, (2, 2), layout=torch.sparse_csr).to_dense()
    tensor([[0., 5.],
            [6., 0.]])
    """
    make = {CSR: sparse_csr_tensor, CSC: sparse_csc_tensor}.get(layout)
    if make is None:
        raise RuntimeError(
            "sparse_compressed_tensor(): layout must be torch.sparse_csr or torch.sparse_csc, "
            f"got {layout}"
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
