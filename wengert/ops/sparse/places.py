"""torch.sparse.softmax and log_softmax, sparse matrices by their diagonals, and dense tensors at
the places that a sparse one stores.
"""

from __future__ import annotations

from typing import Any

from ...declare.registry import public
from ..creation.spaced import arange
from ..dims import wrap_dim
from ..shape.join import stack as stack_of
from .compressed import BLOCKED, as_coo, compressed
from .coordinates import flat_index
from .functions import checked, dense, relaid, same_shape
from .tensor import COO, SparseTensor


def _softmax(name: str) -> Any:
    def f(input, dim, *, dtype=None):
        s = as_coo(checked(input, name) if dtype is None else input.to(dtype)).coalesce()
        n = s.sparse_dim()
        d = wrap_dim(dim, s._a.ndim, f"sparse.{name}")
        v = s._values()
        if not v.dtype.is_inexact:
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{v.dtype}': convert the input with .float()"
            )
        if d >= n:
            return s._like(getattr(v, name)(d - n + 1))
        keep = [k for k in range(n) if k != d]
        sizes = [s._a.shape[k] for k in keep]
        groups, key = flat_index(s._indices()[keep], sizes).unique(return_inverse=True)
        k = key.reshape(-1, *(1,) * (v._a.ndim - 1)).expand(v.shape)
        shape = (groups._a.shape[0], *v._a.shape[1:])
        top = v.new_zeros(shape).scatter_reduce(0, k, v.detach(), "amax", include_self=False)
        shifted = v - top[key]
        e = shifted.exp()
        total = v.new_zeros(shape).index_add(0, key, e)[key]
        return s._like(e / total if name == "softmax" else shifted - total.log())

    f.__name__ = name
    f.__doc__ = f"{name} along dim over the stored elements only; the others count as -inf."
    text = f"sparse.{name}(Tensor input, int dim, *, ScalarType? dtype=None)"
    return public(text, foreign=False)(f)


_softmax("softmax")
_softmax("log_softmax")


@public(
    "sparse.spdiags(Tensor diagonals, Tensor offsets, int[] shape, Layout? layout=None)",
    foreign=False,
)
def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix with the rows of diagonals on the given diagonals (positive offsets: above
    the main one).

    >>> torch.sparse.spdiags(torch.tensor([[1., 2.]]), torch.tensor([0]), (2, 2)).to_dense()
    tensor([[1., 0.],
            [0., 2.]])
    """
    layout = layout or COO
    if len(shape) != 2:
        raise RuntimeError(f"spdiags: Output shape must be 2d, but got {tuple(shape)}")
    d = diagonals if diagonals._a.ndim == 2 else diagonals.unsqueeze(0)
    o = offsets if offsets._a.ndim else offsets.unsqueeze(0)
    if d._a.ndim != 2 or o._a.ndim != 1 or d._a.shape[0] != o._a.shape[0]:
        raise RuntimeError(
            f"spdiags: number of diagonals ({d._a.shape[0]}) does not match the number of "
            f"offsets ({list(o.shape)})"
        )
    if o.unique()._a.size != o._a.size:
        raise RuntimeError("spdiags: Offset tensor contains duplicate values")
    cols = arange(d._a.shape[1], device=d.device).expand(d.shape)
    rows = cols - o.unsqueeze(1)
    good = (rows >= 0) & (rows < shape[0]) & (cols < shape[1])
    s = SparseTensor(stack_of([rows[good], cols[good]], 0), d[good], shape)
    return s if layout is COO else compressed(s, layout)


@public("Tensor.sparse_mask(Tensor self, Tensor mask)")
def sparse_mask(self, mask):
    """A sparse tensor with the elements of self where the sparse tensor mask has some.

    >>> torch.arange(4.).view(2, 2).sparse_mask(torch.eye(2).to_sparse()).to_dense()
    tensor([[0., 0.],
            [0., 3.]])
    """
    same_shape(self, mask, "sparse_mask")
    m = as_coo(checked(mask, "sparse_mask"))
    if not dense(self) and as_coo(self).sparse_dim() != m.sparse_dim():
        raise RuntimeError(
            "sparse_mask(): the number of sparse dimensions in `self` should match that of the"
            f" `mask`: got {as_coo(self).sparse_dim()} and {m.sparse_dim()}"
        )
    x = self if dense(self) else self.to_dense()
    return relaid(m._like(x[tuple(m._indices().unbind(0))]), mask)


@public(
    "sparse.sampled_addmm(Tensor input, Tensor mat1, Tensor mat2, *, Scalar beta=1., "
    "Scalar alpha=1., out)",
    foreign=False,
)
def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * input + alpha * (mat1 @ mat2), computed only where the sparse matrix input has
    values.

    >>> s, x = torch.eye(2).to_sparse_csr(), torch.ones(2, 2)
    >>> torch.sparse.sampled_addmm(s, x, x).to_dense()
    tensor([[3., 0.],
            [0., 3.]])
    """
    s = checked(input, "sampled_addmm")
    if s._a.ndim != 2 or s._layout in BLOCKED:
        raise RuntimeError(
            f"sparse.sampled_addmm: input must be a sparse matrix of numbers, got {s._layout} of"
            f" shape {list(s.shape)}"
        )
    for t, what, of, mine in ((mat1, "mat1", -2, -2), (mat2, "mat2", -1, -1)):
        if t._a.ndim != 2 or t._a.shape[of] != s._a.shape[mine]:
            raise RuntimeError(
                f"sampled_addmm: self.shape[{mine}] must match {what}.shape[{of}]: got"
                f" {list(s.shape)} and {list(t.shape)}"
            )
    if not mat1.dtype is mat2.dtype is s.dtype:
        raise RuntimeError(
            f"sampled_addmm: Expected all to have the same dtype, but got {s.dtype}, {mat1.dtype}"
            f" and {mat2.dtype}"
        )
    if mat1._a.shape[1] != mat2._a.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied: {list(mat1.shape)} and {list(mat2.shape)}"
        )
    i, j = s._indices().long().unbind(0)
    product = (mat1.index_select(0, i) * mat2.t().index_select(0, j)).sum(1)
    return s._like(s._values() * beta + product * alpha)
