"""Cross products, distances, combinations of elements, block matrices."""

from __future__ import annotations

import functools
from typing import Any

from ...base import dtypes
from ...engine.kinds import opaque
from ...engine.op import op
from ...engine.registry import function, public
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..predicates import broadcast_shapes
from ..reduce.statistics import vector_norm
from .matrix import check_floating, check_tensor

# ---- cross products, distances


def _cross(name: str, x: Tensor, y: Tensor, dim: int) -> Tensor:
    shape = broadcast_shapes(tuple(x._a.shape), tuple(y._a.shape))
    d = wrap_dim(dim, len(shape), name)
    x, y = x.expand(shape), y.expand(shape)
    if shape[d] != 3:
        raise RuntimeError(
            f"{name}: inputs dimension {dim} must have length 3. Got {x._a.shape[d]} and "
            f"{y._a.shape[d]}"
        )
    x1, x2, x3 = (x.select(d, i) for i in range(3))
    y1, y2, y3 = (y.select(d, i) for i in range(3))
    return function("stack")([x2 * y3 - x3 * y2, x3 * y1 - x1 * y3, x1 * y2 - x2 * y1], d)


@public("linalg.cross(Tensor input, Tensor other, *, int dim=-1, out)")
def linalg_cross(input, other, *, dim=-1):
    """Cross products of the vectors of 3 elements along dim.

    >>> torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    if input._a.ndim != other._a.ndim:
        raise RuntimeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {input._a.ndim} "
            f"and {other._a.ndim}."
        )
    d = wrap_dim(dim, input._a.ndim, "linalg.cross")
    if input._a.shape[d] != 3 or other._a.shape[d] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input._a.shape[d]} and "
            f"{other._a.shape[d]}"
        )
    return _cross("linalg.cross", input, other, d)


@public("cross(Tensor input, Tensor other, int? dim=None, *, out)")
def cross(input, other, dim=None):
    """Cross products along dim, by default the first dimension of size 3."""
    if dim is None:
        s = tuple(input._a.shape)
        if 3 not in s:
            raise RuntimeError("no dimension of size 3 in input")
        dim = s.index(3)
    return linalg_cross(input, other, dim=dim)


@public("linalg.vecdot(Tensor x, Tensor y, *, int dim=-1, out)")
def vecdot(x, y, *, dim=-1):
    """Sum of conj(x) * y along dim.

    >>> torch.linalg.vecdot(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    for t, what in ((x, "x"), (y, "y")):
        check_tensor("linalg.vecdot", t, what)
        check_floating("linalg.vecdot", t, low=True)
    if x.dtype is not y.dtype:
        raise RuntimeError(
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type "
            f"{x.dtype} and y of type "
            f"{y.dtype} instead"
        )
    p = (x.conj() if x.dtype.category == 3 else x) * y
    r = p.sum(dim)
    return r if r.dtype is p.dtype else r.to(p.dtype)


@op(opaque, types="same", node="CdistBackward0")
def euclidean(xp, x, y):
    """Distances of the rows of x to the rows of y, by one product of matrices."""
    xx, yy = xp.sum(x * x, x.ndim - 1, True), xp.sum(y * y, y.ndim - 1, True)
    square = xx + xp.transpose(yy, -2, -1) - xp.matmul(x, xp.transpose(y, -2, -1)) * 2
    return xp.sqrt(xp.relu(square))


def _distance_weights(xp: Any, g: Any, out: Any) -> Any:
    zero = xp.eq(out, 0)
    return xp.where(zero, xp.zeros_like(out), g / xp.where(zero, xp.ones_like(out), out))


def _euclidean_x(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    w = _distance_weights(xp, g, out)
    return x * xp.sum(w, w.ndim - 1, True) - xp.matmul(w, y)


def _euclidean_y(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    w = xp.transpose(_distance_weights(xp, g, out), -2, -1)
    return y * xp.sum(w, w.ndim - 1, True) - xp.matmul(w, x)


euclidean.vjp(x=_euclidean_x, y=_euclidean_y)


@public(
    "cdist(any x1, any x2, any p=2.0, any compute_mode='use_mm_for_euclid_dist_if_necessary')",
    method=False,
    foreign=False,
)
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distance of each row of x1 (*, n, m) to each row of x2 (*, k, m): (*, n, k).

    >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    for t, what in ((x1, "X1"), (x2, "X2")):
        if t.dtype.category != 2:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {what} got: {t.dtype}")
        if t.dtype.itemsize < 4:
            raise NotImplementedError(
                f'"cdist" not implemented for {t.dtype}: convert it with .float()'
            )
        if t._a.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {what} got: {t._a.ndim}D")
    if x1._a.shape[-1] != x2._a.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1._a.shape[-1]} X2: "
            f"{x2._a.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    modes = {
        "use_mm_for_euclid_dist_if_necessary": max(x1._a.shape[-2], x2._a.shape[-2]) > 25,
        "use_mm_for_euclid_dist": True,
        "donot_use_mm_for_euclid_dist": False,
    }
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    broadcast_shapes(tuple(x1._a.shape[:-2]), tuple(x2._a.shape[:-2]))
    if p == 2 and modes[compute_mode] and x1._a.shape[-1]:
        return euclidean.entry(x1, x2)
    d = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    return vector_norm(d, p, -1) if x1._a.shape[-1] else d.sum(-1)


# ---- combining


@public("cartesian_prod(*any tensors)", method=False, foreign=False)
def cartesian_prod(*tensors):
    """All combinations of one element of each vector, one row each (of one vector: itself).

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    for t in tensors:
        if t._a.ndim != 1:
            raise RuntimeError(
                f"meshgrid: Expected a 1D vector, but got shape {list(t.shape)} in cartesian_prod"
            )
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError(
                "meshgrid expects all tensors to have the same dtype: cartesian_prod got"
                f" {tensors[0].dtype} and {t.dtype}"
            )
    if len(tensors) == 1:
        return tensors[0]
    sizes = [t._a.shape[0] for t in tensors]
    columns = [
        t.reshape([-1 if j == i else 1 for j in range(len(tensors))]).expand(sizes).reshape(-1)
        for i, t in enumerate(tensors)
    ]
    return function("stack")(columns, 1)


@public("combinations(Tensor input, int r=2, bool with_replacement=False)", method=False)
def combinations(input, r=2, with_replacement=False):
    """All ways to choose r elements of a vector in order, one row each.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    import itertools

    if input._a.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    n = input._a.shape[0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(n), r))
    if r == 0:
        return input.new_empty(0)
    index = function("tensor")([i for row in rows for i in row], dtype=dtypes.int64)
    return input[index].reshape(len(rows), r)


@public("block_diag(*any tensors)", method=False, foreign=False)
def block_diag(*tensors):
    """Matrices (or vectors as rows, or numbers) along the diagonal of a matrix of zeros.

    >>> torch.block_diag(torch.ones(1, 2), torch.tensor(3.))
    tensor([[1., 1., 0.],
            [0., 0., 3.]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    mats = []
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"block_diag(): argument 'tensors' must be tuple of Tensors, not {type(t).__name__}"
            )
        if t._a.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
                f"{t._a.ndim} dimensions"
            )
        mats.append(t if t._a.ndim == 2 else t.reshape(1, -1))
    if not mats:
        return function("zeros")(1, 0)
    target = functools.reduce(dtypes.promote_types, [t.dtype for t in tensors])
    width = sum(m._a.shape[1] for m in mats)
    rows, at = [], 0
    for m in mats:
        n, k = m._a.shape
        m = m if m.dtype is target else m.to(target)
        rows.append(function("cat")([m.new_zeros((n, at)), m, m.new_zeros((n, width - at - k))], 1))
        at += k
    return function("cat")(rows, 0)
