"""Distances and similarities of vectors (cdist, pdist, cosine_similarity), unit vectors, response
norm, bilinear forms. Norms are in `reduce/statistics.py`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import function, public
from ...engine.kinds import composite, opaque
from ...engine.op import op
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor
from ..creation.spaced import arange
from ..dims import wrap_dim
from ..index.indexing import take
from ..loss.regression import broadcast
from ..predicates import broadcast_shapes
from ..reduce.statistics import _vector_norm as norm_slope
from ..reduce.statistics import vector_norm
from ..shape.join import joint_dtype
from ..shape.views import reshape_op


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


@op(opaque, types="same", node="CdistBackward0", name="cdist", told={"x1": "x", "x2": "y"})
def apart(xp, x, y, p=2.0):
    """The p-norm distances of the rows of x to the rows of y, from their differences."""
    if p == 0:  # how many differ; what is not known does not count as one
        d = between(xp, x, y)
        known = xp.where(xp.eq(d, d), xp.ones_like(d), d)
        return xp.sum(xp.where(xp.eq(d, 0), d, known), d.ndim - 1, False)
    return xp.vector_norm(between(xp, x, y), p, x.ndim if x.ndim > y.ndim else y.ndim, False)


def between(xp: Any, x: Any, y: Any) -> Any:
    """Every row of x minus every row of y."""
    return xp.unsqueeze(x, x.ndim - 1) - xp.unsqueeze(y, y.ndim - 2)


@op(composite)
def cdist_backward(xp, g, x, y, out, p=2.0, needs=(True, True)):
    """Gradients of x and y."""
    d = between(xp, x, y)
    n = d.ndim
    if p == math.inf:  # to each of the farthest coordinates; nan where that is not known
        rest = xp.abs(d) - xp.unsqueeze(out, n - 1)
        farthest = xp.where(xp.eq(rest, 0), xp.sign(d), xp.where(xp.eq(rest, rest), 0.0, math.nan))
        slope = xp.unsqueeze(g, n - 1) * farthest
    else:
        slope = norm_slope(xp, g, d, out, p, n - 1, False)
    gx = xp.sum(slope, n - 2, False) if needs[0] else None
    return gx, -xp.sum(slope, n - 3, False) if needs[1] else None


apart.vjp_all(lambda xp, g, x, y, out, p, needs: xp.cdist_backward(g, x, y, out, p, needs))
PLAIN = {dtypes.float32.np, dtypes.float64.np}


@public(
    "cdist(Tensor x1, Tensor x2, any p=2.0, "
    "any compute_mode='use_mm_for_euclid_dist_if_necessary')",
    method=False,
    foreign=False,
    whole=True,
)
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distance of each row of x1 (*, n, m) to each row of x2 (*, k, m): (*, n, k).

    >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    a, b = x1._a, x2._a
    if a.dtype in PLAIN and a.dtype is b.dtype and a.ndim == b.ndim == 2 and p >= 0:
        few = "dist_if" in compute_mode and a.shape[0] <= 25 and b.shape[0] <= 25 or p != 2
        if few and 0 < a.shape[1] == b.shape[1]:
            return apart.entry(x1, x2, float(p))
    for t, what in ((x1, "X1"), (x2, "X2")):
        if not t.dtype.is_floating_point:
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
    if a.shape[-1] and a.dtype is b.dtype and a.ndim == b.ndim and a.shape[:-2] == b.shape[:-2]:
        return apart.entry(x1, x2, float(p))
    d = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    return vector_norm(d, p, -1) if x1._a.shape[-1] else d.sum(-1)


def norm(x: Tensor, p: float, dim: Any, keepdim: bool) -> Tensor:
    """The p-norm over a dimension."""
    if type(p) is float and x.dtype.is_inexact:
        return vector_norm(x, p, dim, keepdim)
    return function("norm")(x, p, dim, keepdim)


@public(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False)",
    method=False,
)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> torch.pairwise_distance(torch.tensor([[3., 4.]]), torch.zeros(1, 2))
    tensor([5.0000])
    """
    return norm(x1 - x2 + eps, p, -1, keepdim)


@public(
    "nn.functional.pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, "
    "bool keepdim=False)",
    foreign=True,
)
def functional_pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> F.pairwise_distance(torch.tensor([[0., 0.]]), torch.tensor([[3., 4.]]), eps=0.0)
    tensor([5.])
    """
    return pairwise_distance(x1, x2, p, eps, keepdim)


@op(opaque, types="same", name="cosine_similarity")
def cosine_op(xp, x, y, dim=1, eps=1e-8):
    """The cosine of the angle between x and y along dim."""
    a, b = norm_of(xp, x, dim), norm_of(xp, y, dim)
    x, y = x / xp.clamp_scalar(a, eps, None), y / xp.clamp_scalar(b, eps, None)
    return xp.sum(x * y, dim, False)


def norm_of(xp: Any, x: Any, dim: int) -> Any:
    """The 2-norm over dim with keepdim."""
    return xp.sqrt(xp.sum(x * x, dim, True))


def _cosine(xp: Any, g: Any, x: Any, y: Any, out: Any, dim: int, eps: float) -> Any:
    """The limit is no part of the derivative: the norm has its slope where it is less, too."""
    n, g, out = norm_of(xp, x, dim), xp.unsqueeze(g, dim), xp.unsqueeze(out, dim)
    a, b = xp.clamp_scalar(n, eps, None), xp.clamp_scalar(norm_of(xp, y, dim), eps, None)
    zero = xp.eq(n, 0)
    way = xp.where(zero, xp.zeros_like(n), out / xp.where(zero, xp.ones_like(n), n))
    return g / a * (y / b - x * way)


cosine_op.vjp(x=_cosine, y=lambda xp, g, x, y, out, dim, eps: _cosine(xp, g, y, x, out, dim, eps))
ALONG = line(cosine_op, floating=True, given="eps >= 0", when="a0.shape == a1.shape")


@public(
    "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08)",
    method=False,
    lines=(ALONG,),
)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2 along dim; norms are at least eps.

    >>> torch.cosine_similarity(torch.tensor([[1., 0.]]), torch.tensor([[1., 1.]]))
    tensor([0.7071])
    """
    d = joint_dtype([x1, x2])
    if eps < 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps}")
    if not d.is_floating_point:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {d}: convert with "
            ".float()"
        )
    x1, x2 = (x if x.dtype.is_inexact else x.to(d) for x in (x1, x2))
    x1, x2 = broadcast(x1, x2)
    axis = wrap_dim(dim, x1._a.ndim, "cosine_similarity")
    return (x1 / length(x1, axis, eps) * (x2 / length(x2, axis, eps))).sum(axis)


def length(x: Tensor, dim: int, eps: float) -> Tensor:
    """The 2-norm over dim, at least eps; the limit is no part of the derivative."""
    n = vector_norm(x, 2, dim, True)
    now = n.detach()
    return n.where(now >= eps, n - now + eps)


@public(
    "nn.functional.cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08)",
    foreign=True,
    lines=(ALONG,),
)
def functional_cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2 along dim; norms are at least eps.

    >>> F.cosine_similarity(torch.tensor([1., 0.]), torch.tensor([1., 1.]), dim=0)
    tensor(0.7071)
    """
    return cosine_similarity(x1, x2, dim, eps)


ARRAY = ("array",)
FEW = 32  # rows of which every distance is as soon computed as half of them


@functools.lru_cache(64)
def above_diagonal(n: int, device: Any) -> Tensor:
    """The places above the diagonal of an (n, n) matrix, row by row."""
    tensor: Tensor = function("tensor")(
        [i * n + j for i in range(n) for j in range(i + 1, n)], dtype=dtypes.int64, device=device
    )
    return tensor


@functools.lru_cache
def none(device: Any) -> Tensor:
    """No place."""
    tensor: Tensor = function("tensor")([], dtype=dtypes.int64, device=device)
    return tensor


@public("pdist(Tensor input, float p=2)", method=False)
def pdist(input, p=2.0):
    """The p-norm distances of the rows of input (N, M), every pair once: (N (N - 1) / 2,).

    >>> torch.pdist(torch.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input._a.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._a.ndim}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"pdist only supports floating-point dtypes: got {input.dtype}")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values: got {p}")
    n, columns = input._a.shape
    if p == math.inf and not columns:
        p = 2.0
    if n < 2:  # no pair
        return take.entry(reshape_op.entry(input, (n * columns,)), none(input.device), spec=ARRAY)
    if n <= FEW and input._a.dtype in PLAIN and input._a.shape[1]:
        every = reshape_op.entry(apart.entry(input, input, float(p)), (n * n,))
        return take.entry(every, above_diagonal(n, input.device), spec=ARRAY)
    index = arange(n, device=input.device)
    above = index.unsqueeze(1) < index
    first, second = above.nonzero(as_tuple=True)
    if p == math.inf:
        pairs = apart.entry(input[first].unsqueeze(1), input[second].unsqueeze(1), p)
        return pairs.flatten()
    return norm(input[first] - input[second], p, 1, False)


@public("nn.functional.pdist(Tensor input, float p=2)", foreign=True)
def functional_pdist(input, p=2.0):
    """The p-norm distances of the rows of input (N, M), every pair once.

    >>> F.pdist(torch.tensor([[0., 0.], [3., 4.]]))
    tensor([5.])
    """
    return pdist(input, p)


@public(
    "nn.functional.normalize(Tensor input, float|str? p=2.0, int|int[]? dim=1, float eps=1e-12, "
    "Tensor? out=None)",
    out="apart",
)
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """input divided by its p-norm over dim, which is taken to be at least eps.

    >>> F.normalize(torch.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    r = input / norm(input, p, dim, True).clamp(min=eps)
    if out is None:
        return r
    return write_out("normalize", r, out)


@public(
    "nn.functional.local_response_norm(Tensor input, int size, float alpha=0.0001, "
    "float beta=0.75, float k=1.0)"
)
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """input over (k + alpha * mean of squares of neighbouring channels) to the power beta.

    input: (N, C, ...). size: how many channels are neighbours.

    >>> F.local_response_norm(torch.ones(1, 1, 2), 2)
    tensor([[[1.0000, 1.0000]]])
    """
    shape = tuple(input._a.shape)
    if len(shape) < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)"
        )
    if input._a.size == 0:
        return input
    from .padding import constant_pad

    c = shape[1]
    square = constant_pad.entry(
        input * input, (0, 0) * (len(shape) - 2) + (size // 2, (size - 1) // 2), 0
    )
    total: Any = square.narrow(1, 0, c)
    for i in range(1, size):
        total = total + square.narrow(1, i, c)
    mean = total / size if input.dtype.is_inexact else total // size
    return input / (mean * alpha + k) ** beta


@public(
    "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None)",
    method=False,
    whole=True,
)
def bilinear(input1, input2, weight, bias=None):
    """y[o] = input1 @ weight[o] @ input2 + bias[o].

    input1: (..., in1), input2: (..., in2), weight: (out, in1, in2), bias: (out,).

    >>> torch.bilinear(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2, 2))
    tensor([[4.]])
    """
    s1, s2, w = tuple(input1._a.shape), tuple(input2._a.shape), tuple(weight._a.shape)
    if len(w) < 2:
        raise IndexError(
            "bilinear(): Dimension out of range: weight must have 3 dimensions (out, in1, in2), "
            f"got {list(w)}"
        )
    if len(s1) != len(s2):
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {len(s1)} and {len(s2)}"
        )
    for i, (a, b) in enumerate(zip(s1[:-1], s2[:-1])):
        if a != b:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {i}: got {a} and {b}"
            )
    for i, s in enumerate((s1, s2), 1):
        if len(w) <= i:
            raise IndexError(
                "bilinear(): Dimension out of range: weight must have 3 dimensions (out, in1, in2),"
                f" got {list(w)}"
            )
        if s[-1] != (n := w[i]):
            raise RuntimeError(
                f"bilinear(): input{i} size does not match weight size: got {s[-1]} but expected "
                f"{n}"
            )
    if bias is not None and (not bias._a.ndim or bias._a.shape[0] != w[0]):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {list(bias.shape)} but "
            f"expected {w[0]}"
        )
    for t in (input2, weight, bias):
        if t is not None and t.dtype is not input1.dtype:
            raise RuntimeError(
                f"bilinear(): All tensors must have the same dtype, got {input1.dtype} and"
                f" {t.dtype}"
            )
    if len(w) != 3 or 0 in w[1:]:
        raise RuntimeError(
            f"bilinear(): weight must have shape (out, in1, in2) without zeros, got {list(w)}"
        )
    o, m, n = w
    x, y = (
        reshape_op.entry(input1, (-1, m) if input1._a.size else (0, m)),
        reshape_op.entry(input2, (-1, 1, n) if input2._a.size else (0, 1, n)),
    )
    inner = x @ weight.permute(1, 0, 2).reshape(m, o * n)  # (batch, out * in2)
    products = inner.reshape(x._a.shape[0], o, n) * y
    whole = not inner.dtype.is_inexact  # whose sums would be int64
    out = products.sum(-1, dtype=inner.dtype) if whole else products.sum(-1)
    out = out.reshape((*s1[:-1], o))
    return out if bias is None else out + bias


@public(
    "nn.functional.bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None)",
    whole=True,
    foreign=True,
)
def functional_bilinear(input1, input2, weight, bias=None):
    """y[o] = input1 @ weight[o] @ input2 + bias[o].

    >>> F.bilinear(torch.ones(1, 2), torch.ones(1, 3), torch.ones(4, 2, 3))
    tensor([[6., 6., 6., 6.]])
    """
    return bilinear(input1, input2, weight, bias)
