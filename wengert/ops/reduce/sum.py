"""Reductions along dimensions: sum, mean and the like."""

from __future__ import annotations

from ...base import dtypes
from ...base.modes import state
from ...declare.lines import line
from ...declare.out_checks import check_dtype, dtype_into
from ...declare.registry import public
from ...engine.kinds import linear, reduction
from ...engine.op import primitive
from ...engine.out_argument import write_out
from ..dims import count, kept_shape, restore, wrap_dim, wrap_dims
from ..node_facts import DIMS, MEAN

__all__ = ["kept_shape", "reduction"]


@primitive(linear, node="SumBackward1", name="sum", told=DIMS)
def sum_op(xp, x, dim=None, keepdim=False):
    """Sum over dim, or over everything."""


sum_op.vjp(
    x=lambda xp, g, x_shape, dim, keepdim: xp.expand(restore(xp, g, x_shape, dim, keepdim), x_shape)
)


@primitive(linear, node="SumBackward0", keeps_order=True)
def sum_all(xp, x):
    """Sum over everything."""


sum_all.vjp(x=lambda xp, g, x_shape: xp.expand(g, x_shape))


def _each(word):
    """The vmap rule of a reduction of everything: of all dimensions but the batch's."""

    def rule(xp, size, flags, x):
        if x.ndim == 1:  # of single numbers, which are reduced for their dtype
            x = xp.unsqueeze(x, 1)
        return getattr(xp, word)(x, tuple(range(1, x.ndim)), False)

    return rule


sum_all.batch(_each("sum"))


@primitive(linear, node="MeanBackward1", name="mean", told=MEAN)
def mean_op(xp, x, dim=None, keepdim=False):
    """Mean over dim, or over everything."""


mean_op.vjp(
    x=lambda xp, g, x_shape, dim, keepdim: xp.expand(
        restore(xp, g, x_shape, dim, keepdim) / (count(x_shape, dim) or 1), x_shape
    )
)


@primitive(linear, node="MeanBackward0", keeps_order=True)
def mean_all(xp, x):
    """Mean over everything."""


mean_all.vjp(x=lambda xp, g, x_shape: xp.expand(g / (count(x_shape, None) or 1), x_shape))
mean_all.batch(_each("mean"))


@public(
    "sum(Tensor input, *, ScalarType? dtype=None)",
    "sum(Tensor input, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, out)",
    lines=(line(sum_all), line(sum_op)),
)
def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Sum of the elements, or over dim (an int or a tuple).

    dtype: converts first. Integers and bool give int64.

    >>> torch.ones(2, 3).sum(1)
    tensor([3., 3.])
    """
    if dim is None and dtype is None and out is None and not keepdim:
        return sum_all.entry(input)
    dtype = dtype_into(dtype, out)
    if dtype is not None and dtype is not input.dtype:
        input = converted(input, dtype)
    truth = dtype is dtypes.bool and out is not None  # of integers that count
    given, out = out, None if truth else out
    if dim is None and not keepdim:
        r = sum_all.entry(input, out=out)
    else:
        r = sum_op.entry(input, reduced(dim, input._a.ndim, "sum"), keepdim, out=out)
    if dtype is not None and r.dtype is not dtype:
        r = r.to(dtype)
    return write_out("sum", r, given) if truth else r


def converted(input, dtype):
    """The input of a reduction in the dtype that it asks for, which is to have gradients too."""
    if not dtype.is_inexact and input.requires_grad and state.grad:
        raise RuntimeError(
            f"Autograd not support dtype: {dtype._letter}: the result of what requires grad cannot"
            " be of integers; reduce .detach()"
        )
    return input.to(dtype)


def reduced(dim, ndim, name):
    """The dim argument of a reduction: int, tuple (empty means all) or None."""
    if dim is None:
        return None
    if isinstance(dim, (tuple, list)):
        dims = wrap_dims(dim, ndim, name)
        return dims if dims and ndim else None
    return wrap_dim(dim, ndim, name) if ndim else (wrap_dim(dim, ndim, name), None)[1]


@public(
    "mean(Tensor input, *, ScalarType? dtype=None, out)",
    "mean(Tensor input, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, out)",
    lines=(line(mean_all, floating=True), line(mean_op, floating=True)),
)
def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Mean of the elements, or over dim (an int or a tuple); floating or complex tensors only.

    >>> torch.tensor([1., 2., 3.]).mean()
    tensor(2.)
    """
    check_dtype(dtype, out)
    if out is not None and input.dtype.is_inexact and out.dtype.itemsize > input.dtype.itemsize:
        dtype = dtype_into(dtype, out)
    if dtype is not None:
        input = input.to(dtype)
    if not input.dtype.is_inexact:
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or"
            f" complex dtype. Got: {input.dtype.name.capitalize().replace('Int64', 'Long')}."
            " Convert with .float(), or pass dtype=torch.float32."
        )
    if dim is None and not keepdim:
        return mean_all.entry(input, out=out)
    return mean_op.entry(input, reduced(dim, input._a.ndim, "mean"), keepdim, out=out)
