"""Counts of values: bincount, histc."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.lookup import RANK, namespace
from ...base import dtypes
from ...declare.registry import public
from ...engine.tensor import wrap
from ..creation.fast_paths import HOST

PLAIN = {dtypes.float32.np, dtypes.float64.np}


@public("bincount(Tensor input, Tensor? weights=None, int minlength=0)")
def bincount(input, weights=None, minlength=0):
    """How often each value 0, 1, 2, ... occurs, or the sum of its weights.

    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if input.dtype.category != dtypes.INTEGRAL:
        raise NotImplementedError(f'"bincount_cpu" not implemented for {input.dtype}: use .long()')
    if input._a.ndim != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if input._a.size and int(input.min()) < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is not None and weights._a.size != input._a.size:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    xp = namespace(input._a)
    w = None if weights is None else weights.detach()._a
    out = xp.bincount(input._a, w, minlength)
    if w is not None:
        single = "float32" if weights.dtype.name == "float32" else "float64"
        out = xp.astype(out, single if input._a.size else "int64")
    return wrap(out)


def counted(lib: Any, a: Any, bins: int, lo: float, hi: float) -> Any:
    """histc() of an array of float32 or float64, every step rounded to its dtype, as in PyTorch."""
    a, d = a.reshape(-1), a.dtype
    a = a[(a >= lo) & (a <= hi)]
    if (hi - lo) * bins > lib.finfo(d).max:  # where PyTorch counts what overflows
        a = a.astype(lib.float64)
    low, high = [a.dtype.type(d.type(end)) for end in (lo, hi)]
    if low == high:
        return lib.zeros(bins, d)
    places = ((a - low) * bins / (high - low)).astype(lib.int64)
    return lib.bincount(lib.minimum(places, bins - 1), None, bins).astype(d)


@public("histc(Tensor input, int bins=100, Scalar min=0, Scalar max=0, *, out)", out="exact")
def histc(input, bins=100, min=0, max=0):
    """Counts in `bins` equal bins between min and max (if these are equal: the range of the data).

    >>> torch.histc(torch.tensor([1., 2., 2., 4.]), bins=4, min=0, max=4)
    tensor([0., 1., 2., 1.])
    """
    lo, hi = float(min), float(max)
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"histogram_cpu\" not implemented for '{input.dtype.name.capitalize()}'"
        )
    if lo == hi and input._a.size:
        lo, hi = float(input.min()), float(input.max())
    if lo == hi:
        lo, hi = lo - 1, hi + 1
    if not (math.isfinite(lo) and math.isfinite(hi)):
        raise RuntimeError(f"range of [{lo}, {hi}] is not finite")
    if lo > hi:
        raise RuntimeError("max must be larger than min")
    if HOST and type(input._a) is HOST[0].array_type and input._a.dtype in PLAIN:
        kind = input._a.dtype.type
        if kind(lo) == kind(hi):  # all that has a place has it in the middle
            r = input.new_zeros(bins)
            r[bins // 2] = (input == kind(lo).item()).sum()
            return r
        return wrap(counted(HOST[0].library, input._a, bins, lo, hi))
    x = input.detach().reshape(-1)
    if RANK.get(type(input._a)):  # what is outside gets a bin of its own: sizes depend on no value
        i = ((x - lo) / (hi - lo) * bins).clamp(0, bins - 1)
        i = i.where((x >= lo) & (x <= hi), i.new_full((), bins)).long()
        none = i.new_zeros(bins + 1)
        return none.scatter_add(0, i, i.new_ones(()).expand_as(i))[:bins].to(input.dtype)
    x = x[(x >= lo) & (x <= hi)]
    if x.new_full((), hi) == x.new_full((), lo):  # as numbers of input's dtype
        return x.new_zeros(bins)
    width = float(x.new_full((), hi) - lo)  # every step rounded to input's dtype, as in PyTorch
    i = ((x - lo) * bins / width).long().clamp(max=bins - 1)
    return bincount(i, None, bins).to(input.dtype)
