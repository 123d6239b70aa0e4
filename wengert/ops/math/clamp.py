"""clamp and replacing of special values."""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import function, public
from ...engine.kinds import elementwise
from ...engine.op import op
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor
from ..creation.filled import scalar_tensor
from .compare import clamp_above, clamp_below, clamp_between, clamp_scalar


@public(
    "clamp(Tensor input, Tensor|Scalar? min=None, Tensor|Scalar? max=None, *, out)",
    inplace="function",
    aliases=("clip",),
    lines=(
        line(
            clamp_scalar,
            floating=True,
            given="(min is None or type_(min) in REALS) and (max is None or type_(max) in REALS)",
            when="min == min and max == max and min is not max",
            let={"low": "min", "high": "max"},
        ),
    ),
    out="apart",
)
def clamp(input, min=None, max=None):
    """input limited to [min, max]; each limit is a number, a tensor or None.

    >>> torch.clamp(torch.tensor([-1., 2.]), 0, 1)
    tensor([0., 1.])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        given = [isinstance(v, Tensor) and v._a.ndim > 0 for v in (min, max) if v is not None]
        if any(given) and not all([isinstance(v, Tensor) for v in (min, max) if v is not None]):
            raise TypeError(
                "clamp(): min and max must both be tensors or both be numbers, got "
                f"{type(min).__name__} and {type(max).__name__}"
            )
        return clamp_tensor(input, min, max)
    if not input.dtype.is_inexact:
        target = common_dtype(input, *[v for v in (min, max) if v is not None])
        if target is not input.dtype:
            input = input.to(target)
    if input.dtype.category == dtypes.BOOLEAN:
        raise RuntimeError("clamp is not implemented for 'Bool'")
    min, max = (None if v is None else dtypes.converted(v, input.dtype) for v in (min, max))
    if min is not None and min != min or max is not None and max != max:
        return clamp_tensor(input, min, max)
    return clamp_scalar.entry(input, min, max)


def clamp_tensor(x, low, high):
    """Limits that are tensors get the gradient where they limit."""
    for v in (low, high):
        if isinstance(v, Tensor) and v.dtype.is_complex:
            raise NotImplementedError("clamp is not supported for complex types")

    def tensor(v):
        return v if isinstance(v, Tensor) else scalar_tensor(v, device=x.device)

    if isinstance(low, Tensor) and isinstance(high, Tensor):
        d = x._a.dtype
        if low._a.dtype is d and high._a.dtype is d:
            return clamp_between.entry(x, low, high)
    target = common_dtype(*[t for t in (x, low, high) if t is not None])
    x = x if x.dtype is target else x.to(target)
    low, high = (None if t is None else tensor(t).to(target) for t in (low, high))
    if high is None:
        return clamp_above.entry(x, low)
    return clamp_below.entry(x, high) if low is None else clamp_between.entry(x, low, high)


@public(
    "clamp_min(Tensor input, Tensor|Scalar min, *, out)",
    inplace="function",
    lines=(
        line(
            clamp_scalar,
            floating=True,
            given="type_(min) in REALS",
            when="min == min",
            let={"low": "min", "high": "None"},
        ),
    ),
    out="apart",
)
def clamp_min(input, min):
    """input, at least min.

    >>> torch.clamp_min(torch.tensor([1., 5.]), 3)
    tensor([3., 5.])
    """
    return clamp(input, min, None)


@public(
    "clamp_max(Tensor input, Tensor|Scalar max, *, out)",
    inplace="function",
    lines=(
        line(
            clamp_scalar,
            floating=True,
            given="type_(max) in REALS",
            when="max == max",
            let={"low": "None", "high": "max"},
        ),
    ),
    out="apart",
)
def clamp_max(input, max):
    """input, at most max.

    >>> torch.clamp_max(torch.tensor([1., 5.]), 3)
    tensor([1., 3.])
    """
    return clamp(input, None, max)


@public(
    "nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None, *, out)",
    inplace="function",
    out="exact apart",
)
def nan_to_num(input, nan=None, posinf=None, neginf=None):
    """nan, inf and -inf replaced by numbers (default 0, the largest and the smallest of the
    dtype).

    >>> torch.nan_to_num(torch.tensor([float("nan"), 1.]))
    tensor([0., 1.])
    """
    limits = FINITE.get(input._a.dtype)
    if limits is not None:
        low, high = limits
        return replace_special.entry(
            input,
            0.0 if nan is None else nan,
            high if posinf is None else posinf,
            low if neginf is None else neginf,
        )
    if not input.dtype.is_inexact:
        return input.clone()
    if input.dtype.is_complex:
        return function("complex")(
            nan_to_num(input.real, nan, posinf, neginf), nan_to_num(input.imag, nan, posinf, neginf)
        )
    info = dtypes.finfo(input.dtype)
    FINITE[input._a.dtype] = info.min, info.max
    return nan_to_num(input, nan, posinf, neginf)


FINITE: dict[Any, tuple[float, float]] = {}  # the smallest and largest number of a floating dtype


@op(elementwise, types="any", node="NanToNumBackward0")
def replace_special(xp, x, nan=0.0, high=0.0, low=0.0):
    """x with numbers for nan, inf and -inf."""
    x = xp.where(xp.isnan(x), xp.full_like(x, nan), x)
    x = xp.where(xp.eq(x, math.inf), xp.full_like(x, high), x)
    return xp.where(xp.eq(x, -math.inf), xp.full_like(x, low), x)


replace_special.vjp(x=lambda xp, g, x: xp.keep(g, xp.isfinite(x)))
