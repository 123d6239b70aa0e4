"""Products of vectors along a dimension: cross, linalg.cross, linalg.vecdot."""

from __future__ import annotations

from ...base.advice import advise
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import bilinear
from ...engine.op import op
from ...engine.tensor import Tensor
from ..batching import front
from ..dims import wrap_dim
from ..predicates import broadcast_shapes
from .matrix import check_floating, check_tensor


@op(bilinear, node="LinalgCrossBackward0", name="cross", types="promote")
def cross_op(xp, x, y, dim=-1):
    """Cross products of vectors of 3 elements along dim, counted from the end."""
    return xp.roll(x, (-1,), (dim,)) * xp.roll(y, (1,), (dim,)) - xp.roll(
        x, (1,), (dim,)
    ) * xp.roll(y, (-1,), (dim,))


cross_op.vjp(
    x=lambda xp, g, y, dim: xp.cross(y, g, dim), y=lambda xp, g, x, dim: xp.cross(g, x, dim)
)
cross_op.batch(
    lambda xp, size, flags, x, y, dim: xp.cross(
        front(x, flags[0], size), front(y, flags[1], size), dim
    )
)
VECTORS = "a0.ndim == a1.ndim and a0.shape[dim] == 3 == a1.shape[dim]"


def _cross(name: str, x: Tensor, y: Tensor, dim: int) -> Tensor:
    shape = broadcast_shapes(tuple(x._a.shape), tuple(y._a.shape))
    d = wrap_dim(dim, len(shape), name)
    if tuple(x._a.shape) != shape:
        x = x.expand(shape)
    if tuple(y._a.shape) != shape:
        y = y.expand(shape)
    if shape[d] != 3:
        raise RuntimeError(
            f"{name}: inputs dimension {dim} must have length 3. Got {x._a.shape[d]} and "
            f"{y._a.shape[d]}"
        )
    return cross_op.entry(x, y, d - len(shape))


@public(
    "linalg.cross(Tensor input, Tensor other, *, int dim=-1, out)",
    lines=(line(cross_op, when=VECTORS, let={"dim": "places[dim] - a0.ndim"}),),
    out="exact separate",
)
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


@public(
    "cross(Tensor input, Tensor other, int? dim=None, *, out)",
    lines=(
        line(cross_op, given="dim is not None", when=VECTORS, let={"dim": "places[dim] - a0.ndim"}),
    ),
    out="exact separate",
)
def cross(input, other, dim=None):
    """Cross products along dim, by default the first dimension of size 3.

    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), dim=0)
    tensor([0, 0, 1])
    """
    if dim is None:
        advise(
            "Using torch.cross without specifying the dim arg is deprecated. Please either pass the"
            " dim explicitly or simply use torch.linalg.cross.",
            once=True,
        )
        s = tuple(input._a.shape)
        if 3 not in s:
            raise RuntimeError("no dimension of size 3 in input")
        dim = s.index(3)
    return linalg_cross(input, other, dim=dim)


@public("linalg.vecdot(Tensor x, Tensor y, *, int dim=-1, out)", whole=True, out="exact")
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
    if x._a.ndim == y._a.ndim == 1 and x._a.shape != y._a.shape:
        raise RuntimeError(
            "linalg.vecdot: inconsistent tensor size, expected vectors of one length, got"
            f" {x._a.shape[0]} and {y._a.shape[0]} elements"
        )
    p = (x.conj() if x.dtype.is_complex else x) * y
    r = p.sum(dim)
    return r if r.dtype is p.dtype else r.to(p.dtype)
