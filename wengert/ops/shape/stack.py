"""Joins and splits of many kinds: hstack and kin, tensor_split, meshgrid, atleast_nd."""

from __future__ import annotations

from typing import Any

from ...base.advice import advise
from ...declare.binding import only_tensors, stood_in
from ...declare.lines import Line, line
from ...declare.registry import function, public
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..index.indexing import getitem
from .join import cat_op, stack_op
from .views import expand_op, reshape, reshape_op


def _atleast(n: int) -> Any:
    def f(*tensors):
        listed = len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
        if listed:
            tensors = tuple(tensors[0])

        out = []
        for t in tensors:
            if not isinstance(t, Tensor):
                raise TypeError(f"atleast_{n}d(): expected Tensors, got {type(t).__name__}")
            nd = t._a.ndim
            if nd == 0:
                t = reshape(t, *(1,) * n)
            elif nd < n:
                t = t.unsqueeze(0) if nd == 1 else t
                t = t.unsqueeze(-1) if n == 3 else t
            out.append(t)
        return out[0] if len(out) == 1 and not listed else tuple(out)

    f.__name__ = f"atleast_{n}d"
    f.__doc__ = f"The tensors with at least {n} dimension(s); TypeError for what is no tensor."
    return public(f"atleast_{n}d(*any tensors) -> any", method=False, foreign=False)(f)


atleast_1d, atleast_2d, atleast_3d = _atleast(1), _atleast(2), _atleast(3)


def _stacker(
    name: str,
    grow: Any,
    dim: Any,
    plain: Line,
    aliases: tuple[str, ...] = (),
    along: dict[int, int] | None = None,
) -> Any:
    """along: for tensors of one shape and of so many dimensions, where the new one comes."""
    new = along or {}

    def f(tensors, *, out=None):
        if out is None and len(shapes := {t._a.shape for t in tensors}) == 1:
            nd = len(shapes.pop())
            if nd in new:
                return stack_op.entry(*tensors, dim=new[nd])
        if not len(tensors):
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        ts = grow(list(tensors))
        return function("cat")(ts, dim(ts) if callable(dim) else dim, out=out)

    f.__name__ = name
    f.__doc__ = f"The tensors joined as {name} does."
    text = f"{name}(Tensor[] tensors, *, out)"
    return public(text, method=False, aliases=aliases, lines=(plain,), out="typed")(f)


_stacker(
    "hstack",
    atleast_1d,
    lambda ts: 0 if ts[0]._a.ndim == 1 else 1,
    line(cat_op, least=1, let={"dim": "0 if a0.ndim == 1 else 1"}),
)
_stacker("vstack", atleast_2d, 0, line(cat_op, least=2, dim=0), ("row_stack",), {1: 0})
_stacker("dstack", atleast_3d, 2, line(cat_op, least=3, dim=2), (), {2: 2})
_stacker(
    "column_stack",
    lambda ts: [reshape(t, t._a.size, 1) if t._a.ndim <= 1 else t for t in ts],
    1,
    line(cat_op, least=2, dim=1),
    (),
    {1: 1},
)


def _splitter(name: str, need: int, dim: Any) -> Any:
    def f(input, indices_or_sections):
        if input._a.ndim < need:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {need} dimension, but got a tensor"
                f" with {input._a.ndim} dimensions!"
            )
        return pieces(input, indices_or_sections, dim(input), name, exact=True)

    f.__name__ = name
    f.__doc__ = "Views of the parts along one dimension."
    return public(
        f"{name}(Tensor input, int sections) -> Tensor[]",
        f"{name}(Tensor input, int[] indices) -> Tensor[]",
    )(f)


@public(
    "tensor_split(Tensor input, int sections, int dim=0) -> Tensor[]",
    "tensor_split(Tensor input, int[] indices, int dim=0) -> Tensor[]",
    "tensor_split(Tensor input, Tensor tensor_indices_or_sections, int dim=0) -> Tensor[]",
)
def tensor_split(input, indices_or_sections, dim=0):
    """Views of the parts along dim: a number of nearly equal parts, or cut at the indices.

    >>> torch.tensor_split(torch.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    if input._a.ndim == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    return pieces(input, indices_or_sections, dim, "tensor_split")


def pieces(x: Tensor, how: Any, dim: int, name: str, exact: bool = False) -> tuple[Tensor, ...]:
    d = wrap_dim(dim, x._a.ndim, name)
    n = x._a.shape[d]
    if isinstance(how, Tensor):
        if how.dtype.name != "int64":
            raise RuntimeError(
                f"{name} expected tensor_indices_or_sections to have dtype of long, but got"
                f" {how.dtype.name}"
            )
        if how._a.ndim > 1:
            raise RuntimeError(
                f"{name} expected tensor_indices_or_sections to be a zero-dimensional or"
                f" one-dimensional tensor, but got a tensor with {how._a.ndim} dims"
            )
        how = how.tolist()
    if isinstance(how, int):
        if how <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {how}")
        if exact and n % how:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the"
                f" dimension {n} is not divisible by the split_size {how}!"
            )
        cuts = []
        at = 0
        for i in range(how - 1):
            at += n // how + (i < n % how)
            cuts.append(at)
    else:
        if isinstance(how, str):
            raise TypeError(f"{name}(): indices_or_sections must be an int or ints, got {how!r}")
        cuts = [int(c) for c in how]
    edges = [0, *cuts, n]
    lead = (slice(None),) * d
    views: tuple[Tensor, ...] = getitem.parts(
        x, [(*lead, cut) for cut in map(slice, edges, edges[1:])]
    )
    return views


_splitter("hsplit", 1, lambda x: 0 if x._a.ndim == 1 else 1)
_splitter("vsplit", 2, lambda x: 0)
_splitter("dsplit", 3, lambda x: 2)


@public("meshgrid(*any tensors, str? indexing=None) -> Tensor[]", method=False, foreign=False)
def meshgrid(*tensors, indexing=None):
    """Grids of the coordinates in vectors; indexing 'ij' (default) or 'xy'.

    Raises TypeError where tensors are no tensors; RuntimeError where one has more than one
    dimension, their dtypes differ or indexing is unknown.

    >>> x, y = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")
    >>> x
    tensor([[1, 1],
            [2, 2]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    try:
        only_tensors(tensors)
    except TypeError:
        return stood_in("meshgrid", tensors, {"indexing": indexing})
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        advise(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing"
            " argument: indexing='ij' is what happens now."
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    d = tensors[0]._a.dtype
    for t in tensors:
        if t._a.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got:"
                f" {list(t._a.shape)}"
            )
        if t._a.dtype != d:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) > 1
    ts = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    shape, last = tuple([t._a.size for t in ts]), len(ts) - 1
    grids = []
    for i, t in enumerate(ts):
        if i < last or not t._a.ndim:
            t = reshape_op.entry(t, (shape[i],) + (1,) * (last - i))
        grids.append(expand_op.entry(t, shape))
    if swap:
        grids = [grids[1], grids[0], *grids[2:]]
    return tuple(grids)
