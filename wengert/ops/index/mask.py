"""Reading and writing where a mask is true: masked_fill, masked_select, masked_scatter."""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import RANK, VALUES, namespace
from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import elementwise, movement
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..creation.filled import scalar_tensor
from ..math.compare import where_op as where_op
from .indexing import index_put


def fitting(value: Any, like: Tensor, name: str) -> Tensor:
    """A number, or one in a tensor, as a 0-d tensor of like's dtype; RuntimeError if it does not
    fit, or would be recorded there as an integer.
    """
    if not isinstance(value, Tensor):
        return scalar_tensor(value, dtype=like.dtype, device=like.device)
    refuse_recorded(value, like.dtype, name)
    if value.dtype is like.dtype:
        return value
    may_not_fit = (
        like.dtype.category < value.dtype.category or like.dtype.category == dtypes.INTEGRAL
    )
    if may_not_fit and not RANK.get(type(value._a)) and namespace(value._a).has(VALUES):
        dtypes.converted(value.item(), like.dtype)  # only to refuse
    return value.to(like.dtype)


def refuse_recorded(value: Tensor, dtype: dtypes.dtype, name: str) -> None:
    """RuntimeError if a recorded value would be written among integers, which have no gradient."""
    if not dtype.is_inexact and value.requires_grad:
        raise RuntimeError(
            f"{name}: Autograd not support dtype: {dtype}: a value that requires grad cannot be"
            " written into it; detach it"
        )


@primitive(elementwise, types="any", name="masked_fill")
def masked_fill_op(xp, x, mask, value=0.0):
    """x with a number where mask is true."""
    return xp.where(mask, xp.full_like(x, value), x)


masked_fill_op.vjp(x=lambda xp, g, mask: xp.keep(g, xp.logical_not(mask)))


SCALAR = (  # what every float dtype but float16 takes
    "type_(value) is float and (-3e38 < value < 3e38 or value - value != 0)"
    " or type_(value) is int and -(2**63) <= value < 2**63"
)


@public(
    "masked_fill(Tensor input, Tensor mask, Tensor|Scalar value)",
    inplace="expanded",
    lines=(line(masked_fill_op, floating=True, given=SCALAR, when="a1.dtype is BOOL", asked=True),),
    out="free",
)
def masked_fill(input, mask, value):
    """input with a number (or 0-d tensor) where mask is true.

    >>> torch.tensor([1., 2.]).masked_fill(torch.tensor([True, False]), 0.)
    tensor([0., 2.])
    """
    if not isinstance(mask, Tensor):
        raise TypeError(
            f"masked_fill(): argument 'mask' (position 2) must be Tensor, not {type(mask).__name__}"
        )
    if mask.dtype.name != "bool":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.name}"
        )
    if isinstance(value, Tensor) and value._a.ndim:
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with"
            f" {value._a.ndim} dimension(s)."
        )
    filled = where_op.entry(mask, fitting(value, input, "masked_fill"), input)
    return filled if input.is_contiguous() and mask.is_contiguous() else filled.contiguous()


@primitive(movement, types="any", name="masked_select")
def masked_select_op(xp, x, mask):
    """The elements where mask is true, as a vector."""


@primitive(movement, types="any", name="masked_scatter")
def masked_scatter_op(xp, x, mask, source):
    """x with the first elements of source, in order, where mask is true."""


@primitive(movement, types="any")
def masked_source(xp, g, mask, shape=()):
    """Zeros of shape whose first elements are those of g where mask is true."""


masked_select_op.vjp(
    x=lambda xp, g, mask, x_shape: xp.masked_scatter(xp.zeros(tuple(x_shape), g.dtype), mask, g)
)
masked_scatter_op.vjp(
    x=lambda xp, g, mask: xp.keep(g, xp.logical_not(mask)),
    source=lambda xp, g, mask, source_shape: xp.masked_source(g, mask, tuple(source_shape)),
)
masked_source.vjp(
    g=lambda xp, g, mask, g_shape: xp.masked_scatter(xp.zeros(tuple(g_shape), g.dtype), mask, g)
)


@public(
    "masked_select(Tensor input, Tensor mask, *, out)",
    lines=(line(masked_select_op, when="a0.ndim and a1.dtype is BOOL"),),
    out="exact separate",
)
def masked_select(input, mask):
    """The elements where mask is true, as a vector.

    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    from ..predicates import broadcast_tensors
    from .indexing import read

    if mask.dtype.name != "bool":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    x, m = broadcast_tensors(input, mask)
    return read(x.reshape(1) if x._a.ndim == 0 else x, m.reshape(1) if m._a.ndim == 0 else m)


@public(
    "masked_scatter(Tensor input, Tensor mask, Tensor source)",
    inplace=True,
    lines=(line(masked_scatter_op, when="a0.ndim and a1.dtype is BOOL and a2.dtype is d"),),
)
def masked_scatter(input, mask, source):
    """input with the first elements of source, in order, where mask is true.

    >>> torch.zeros(3).masked_scatter(torch.tensor([True, False, True]), torch.tensor([5., 6.]))
    tensor([5., 0., 6.])
    """
    from ..predicates import broadcast_tensors

    if mask.dtype.name != "bool":
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype"
            f" {mask.dtype.name}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype}"
            f" and {source.dtype}"
        )
    x, m = broadcast_tensors(input, mask)
    flat = m.reshape(-1)
    n = int(flat.sum())
    if n > source._a.size:
        raise RuntimeError(
            f"masked_scatter: expected the source to have at least {n} elements, as many as the"
            f" mask is true, got {source._a.size}"
        )
    places = flat.nonzero().reshape(-1)
    values = source.reshape(-1)[:n]
    return index_put.entry(x.reshape(-1), values, places, spec=("array",)).reshape(tuple(x.shape))
