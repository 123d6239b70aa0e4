"""Sorting and what comes of an order: sort, argsort, topk, kthvalue, median, mode, unique."""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import namespace
from ...base import dtypes
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import op, primitive
from ...engine.tensor import Tensor, wrap
from ..dims import wrap_dim
from .minmax import by_index, picked, shared_by_all
from .selection import (
    kthvalue_along,
    median_along,
    mode_along,
    nanmedian_along,
    sort_along,
    topk_along,
)


@primitive(opaque, name="argsort")
def argsort_op(xp, x, dim=-1, descending=False):
    """Indices that sort x along dim, stably."""


@public(
    "argsort(Tensor input, int dim=-1, bool descending=False)",
    "argsort(Tensor input, *, bool stable, int dim=-1, bool descending=False, out)",
    out="exact",
)
def argsort(input, dim=-1, descending=False, stable=False):
    """Indices that sort input along dim.

    >>> torch.argsort(torch.tensor([3., 1., 2.]))
    tensor([1, 2, 0])
    """
    if input.dtype.is_complex:
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    return argsort_op.entry(input, wrap_dim(dim, input._a.ndim, "argsort"), bool(descending))


@public(
    "sort(Tensor input, int dim=-1, bool descending=False, *, out) -> (Tensor values, "
    "Tensor indices)",
    "sort(Tensor input, *, bool? stable, int dim=-1, bool descending=False, "
    "out) -> (Tensor values, Tensor indices)",
    out="apart first",
    lines=(line(sort_along, floating=True, pair="sort"),),
)
def sort(input, dim=-1, descending=False, *, stable=False):
    """(values, indices) sorted along dim; stable.

    >>> torch.sort(torch.tensor([3., 1., 2.])).values
    tensor([1., 2., 3.])
    """
    if isinstance(dim, bool):
        dim = -1  # sort(True): the stable flag came first
    if input.dtype.is_complex:
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    d = wrap_dim(dim, input._a.ndim, "sort")
    i = argsort_op.entry(input, d, bool(descending))
    return named("sort", picked("sort").entry(input, i, d) if input._a.ndim else input.clone(), i)


@public("msort(Tensor input, *, out)", out="exact apart")
def msort(input):
    """input sorted along its first dimension.

    Raises RuntimeError for complex numbers.

    >>> torch.msort(torch.tensor([[3., 1.], [2., 4.]]))
    tensor([[2., 1.],
            [3., 4.]])
    """
    return sort(input, 0)[0]


@primitive(opaque)
def topk_indices(xp, x, k=1, dim=-1, largest=True, ordered=True):
    """Indices of the k largest elements along dim."""


@public(
    "topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True, *, "
    "out) -> (Tensor values, Tensor indices)",
    out="apart",
    lines=(line(topk_along, floating=True, pair="topk", within="k", when="sorted"),),
)
def topk(input, k, dim=-1, largest=True, sorted=True):
    """(values, indices) of the k largest (or smallest) elements along dim.

    >>> torch.topk(torch.tensor([3., 1., 2.]), 2)
    torch.return_types.topk(
    values=tensor([3., 2.]),
    indices=tensor([0, 2]))
    """
    d = wrap_dim(dim, input._a.ndim, "topk")
    n = input._a.shape[d] if input._a.ndim else 1
    if input.dtype.category in (dtypes.BOOLEAN, dtypes.COMPLEX):
        kind = "complex" if input.dtype.category else "bool"
        raise RuntimeError(f"topk does not support {kind} dtypes on CPU")
    if isinstance(k, Tensor):
        k = int(k)
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k is {k}, dimension {d} has size {n}")
    if input._a.ndim == 0:
        return named("topk", input.clone(), argsort_op.entry(input, 0, False))
    i = topk_indices.entry(input, k, d, bool(largest), bool(sorted))
    return named("topk", picked("topk").entry(input, i, d), i)


@primitive(opaque, real=True)
def kth_index(xp, x, k=0, dim=-1):
    """Index of the k-th smallest element along dim."""


@primitive(opaque, real=True)
def nanmedian_index(xp, x, dim=-1):
    """Index of the median that ignores nan."""


@primitive(opaque, real=True)
def median_index(xp, x, dim=-1):
    """Index of the lower median along dim; of the first nan if there is one."""


@primitive(opaque, real=True)
def mode_index(xp, x, dim=-1):
    """Index of the most frequent element."""


@public(
    "kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False, *, "
    "out) -> (Tensor values, Tensor indices)",
    lines=(line(kthvalue_along, floating=True, pair="kthvalue", when="0 < k <= a0.shape[s_dim]"),),
)
def kthvalue(input, k, dim=-1, keepdim=False):
    """(value, index) of the k-th smallest element along dim.

    >>> torch.kthvalue(torch.tensor([3., 1., 2.]), 2)
    torch.return_types.kthvalue(
    values=tensor(2.),
    indices=tensor(2))
    """
    d = wrap_dim(dim, input._a.ndim, "kthvalue")
    refuse_bool(input, "kthvalue_cpu")
    n = input._a.shape[d] if input._a.ndim else 1
    if n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {d} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {dim}: k is {k}, the"
            f" size {n}"
        )
    return by_index("kthvalue", input, dim, keepdim, "kth_index", k=k - 1)


@public(
    "mode(Tensor input, int dim=-1, bool keepdim=False, *, out) -> (Tensor values, Tensor indices)",
    lines=(line(mode_along, floating=True, pair="mode", when="a0.shape[s_dim]"),),
)
def mode(input, dim=-1, keepdim=False):
    """(value, index) of the most frequent element along dim.

    >>> torch.mode(torch.tensor([1, 2, 2, 3]))
    torch.return_types.mode(
    values=tensor(2),
    indices=tensor(2))
    """
    return by_index("mode", input, dim, keepdim, "mode_index")


def refuse_bool(input: Any, name: str) -> None:
    if input.dtype is dtypes.bool:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool': use input.byte()")


def _median(name: str, skip: bool) -> Any:
    def f(input, dim=None, keepdim=False):
        refuse_bool(input, "median_cpu")
        if dim is None:
            if input._a.size == 0:
                whole = not input.dtype.is_inexact  # PyTorch's conversion of nan: the least, or 0
                least = {8: -(2**63), 4: -(2**31)}.get(input.dtype.itemsize, 0)
                empty = wrap(input.new_full((), least if whole else float("nan"))._a)
                return empty if input._n is None else empty + input.sum()
            return middle.entry(input)
        wrap_dim(dim, input._a.ndim, name)
        if input._a.ndim == 0:
            return by_index(name, input, dim, keepdim, "kth_index", k=0)
        if skip and input.dtype.is_floating_point:
            return by_index(name, input, dim, keepdim, "nanmedian_index")
        return by_index(name, input, dim, keepdim, "median_index")

    @op(opaque, name=f"{name}_all", node=f"{name.capitalize()}Backward0", real=True)
    def middle(xp, x):
        flat = xp.reshape(x, (-1,))
        real = dtypes.as_dtype(x.dtype).is_floating_point
        place = xp.nanmedian_index(flat, 0) if skip and real else xp.median_index(flat, 0)
        return xp.reshape(xp.gather(flat, xp.reshape(place, (1,)), 0), ())

    middle.vjp(x=shared_by_all)
    f.__name__ = name
    f.__doc__ = "The lower median of all elements; with dim, (values, indices) along it; nan " + (
        "is ignored." if skip else "wins."
    )
    return public(
        f"{name}(Tensor input)",
        f"{name}(Tensor input, int dim, bool keepdim=False, *, out)"
        " -> (Tensor values, Tensor indices)",
        lines=(
            line(middle, floating=True, when="a0.size"),
            line(
                nanmedian_along if skip else median_along,
                floating=True,
                pair=name,
                when="a0.shape[s_dim]",
            ),
        ),
    )(f)


_median("median", False)
_median("nanmedian", True)


@op(opaque, name="unique_of", node="Unique2Backward0", types="any")
def distinct(xp, x, values=None):
    """The values found in x, as its result."""
    return values


def _distinct(g: Any) -> Any:
    raise NotImplementedError("the derivative for 'unique' is not implemented: detach the input")


distinct.vjp(x=_distinct)


@public(
    "unique(Tensor input, bool sorted=True, bool return_inverse=False, "
    "bool return_counts=False, int? dim=None) -> any",
    foreign=False,
)
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements in order (or slices along dim); with their inverse indices and
    counts if asked.

    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    xp = namespace(input._a)
    if input.is_complex():
        raise NotImplementedError(
            f'"unique" not implemented for {input.dtype}: torch.view_as_real(input) has real rows'
        )
    if dim is None:
        v, inverse, counts = xp.unique_values(input._a)
    else:
        d = wrap_dim(dim, input._a.ndim, "unique")
        shape = list(input._a.shape)
        if 0 in shape[:d] + shape[d + 1 :]:
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be"
                f" applied: input has shape {shape}, dim is {dim}"
            )
        v, inverse, counts = xp.unique_rows(input._a, d)
    out = (
        wrap(v) if input._n is None else distinct.entry(input, v),
        *((wrap(inverse),) if return_inverse else ()),
        *((wrap(counts),) if return_counts else ()),
    )
    return out if len(out) > 1 else out[0]


@public(
    "unique_consecutive(Tensor input, bool return_inverse=False, "
    "bool return_counts=False, int? dim=None) -> any",
    foreign=False,
)
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """input without immediate repetitions.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    xp = namespace(input._a)
    d = 0 if dim is None else wrap_dim(dim, input._a.ndim, "unique_consecutive")
    if dim is not None and not input._a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"\"unique\" not implemented for '{input.dtype}': view_as_real() gives pairs of numbers"
        )
    x = input.reshape(-1) if dim is None else input.movedim(d, 0)
    if dim is not None and 0 in x.shape[1:]:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    n = x._a.shape[0]
    if n == 0:
        none = wrap(xp.zeros((0,), "int64"))
        x = x if dim is None else x.movedim(0, d)
        out = [x]
        if return_inverse:
            out.append(none.reshape(tuple(input._a.shape)) if dim is None else none)
        if return_counts:
            out.append(none)
        return tuple(out) if len(out) > 1 else x
    rows = x.reshape(n, -1)
    new = xp.ones((1,), "bool")
    if n > 1:
        new = xp.cat(new, xp.any(xp.ne(rows._a[1:], rows._a[:-1]), 1, False), dim=0)
    starts = new.nonzero()[0]
    v = wrap(x._a[starts])
    v = v if dim is None else v.movedim(0, d)
    v = v if input._n is None else distinct.entry(input, v._a)
    inverse = xp.sub(xp.cumsum(new, 0), 1)
    ends = xp.cat(starts[1:], xp.full((1,), n, "int64"), dim=0)
    out = [v]
    if return_inverse:
        out.append(wrap(inverse).reshape(tuple(input._a.shape)) if dim is None else wrap(inverse))
    if return_counts:
        out.append(wrap(xp.astype(xp.sub(ends, starts), "int64")))
    return tuple(out) if len(out) > 1 else v
