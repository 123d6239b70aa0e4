"""Words that order: sort, topk, kthvalue, unique, searchsorted, nonzero. First argument: the
library.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ml_dtypes

from ..kernels import ordering
from ..kernels.halves import KINDS as HALVES
from ..kernels.halves import converted
from . import equal_elements
from .capabilities import ON_HOST, some
from .numpy_direct import library as np
from .numpy_linalg import nonzeros
from .reductions import argsort
from .shapes import _along, gather

__all__ = [
    "nonzero_rows",
    "unique_values",
    "unique_rows",
    "searchsorted",
    "bincount",
    "topk_indices",
    "nanmedian_index",
    "mode_index",
    "scatter_set",
    "scatter_filled",
    "scatter_reduce_raw",
    "take_flat",
    "kth_index",
    "median_index",
]

BF16 = np.dtype(ml_dtypes.bfloat16)
F32 = np.dtype(np.float32)
AT = {how: getattr(np, how).at for how in ("multiply", "maximum", "minimum")}
MANY = 64  # numbers, from which selecting one is quicker than sorting


def comparable(x: Any) -> Any:
    """x in a dtype that sorts quickly."""
    return converted(x, F32) if x.dtype in HALVES else x


def nonzero_rows(lib: Any, x: Any) -> Any:
    """Coordinates of the non-zero elements, one row each."""
    if x.ndim == 0:
        return lib.zeros((int(bool(x)), 0), np.int64)
    return lib.stack(x.nonzero(), 1).astype(np.int64, copy=False)


def unique_values(lib: Any, x: Any) -> Any:
    """(sorted unique values, index of each element's value, counts) of the flattened array."""
    flat = comparable(x).reshape(-1)
    order = ordering.argsort(flat, 0) if lib in ON_HOST and flat.size >= ordering.LONG else None
    if order is not None:
        ordered = flat.take(order)
        new = np.empty(flat.shape, bool)
        new[0] = True
        np.not_equal(ordered[1:], ordered[:-1], new[1:])
        starts = np.flatnonzero(new)
        inverse = np.empty(flat.shape, np.int64)
        inverse[order] = new.cumsum() - 1
        counts = np.diff(starts, append=flat.size)
        return ordered[starts].astype(x.dtype, copy=False), inverse.reshape(x.shape), counts
    v, inverse, counts = lib.unique(
        comparable(x), return_inverse=True, return_counts=True, equal_nan=False
    )
    return v.astype(x.dtype), inverse.reshape(x.shape).astype(np.int64), counts.astype(np.int64)


def unique_rows(lib: Any, x: Any, dim: int) -> Any:
    """(unique slices along dim, index of each slice, counts)."""
    v, inverse, counts = lib.unique(
        comparable(x), axis=dim, return_inverse=True, return_counts=True
    )
    return v.astype(x.dtype), inverse.reshape(-1).astype(np.int64), counts.astype(np.int64)


def searchsorted(lib: Any, sequence: Any, values: Any, right: bool = False) -> Any:
    """Where values would go in a sorted sequence (its last dimension), row by row."""
    side = "right" if right else "left"
    sequence, values = comparable(sequence), comparable(values)
    if values.size == 0 or sequence.size == 0:
        return lib.zeros(values.shape, np.int64)
    if lib in ON_HOST and values.size == 1 and sequence.ndim == 1:
        return lib.full(values.shape, place_of(sequence, values.item(), right), np.int64)
    if type(values) is np.ndarray and sequence.ndim == 1:
        rises = nonzeros(np.less_equal(sequence[:-1], sequence[1:])) == sequence.size - 1
        last = sequence[-1]
        if rises and last == last:
            return sequence.searchsorted(values, side).astype(np.int64, copy=False)
    if (
        not (sequence[..., 1:] >= sequence[..., :-1]).all()
        or sequence.ndim
        and (sequence[..., -1] != sequence[..., -1]).any()
    ):
        return halved(lib, sequence, values, right)
    if sequence.ndim == 1:
        return lib.asarray(lib.searchsorted(sequence, values, side)).astype(np.int64)
    out = lib.empty(values.shape, np.int64)
    rows, vals = sequence.reshape(-1, sequence.shape[-1]), values.reshape(-1, values.shape[-1])
    flat = out.reshape(vals.shape)
    for i in range(len(rows)):
        flat[i] = lib.searchsorted(rows[i], vals[i], side)
    return out


def place_of(sequence: Any, value: Any, right: bool) -> int:
    """searchsorted() of one value, by halving: whether the sequence is sorted need not be known."""
    low, high = 0, len(sequence)
    while low < high:
        middle = (low + high) >> 1
        there = sequence.item(middle)
        if there > value if right else there >= value:
            high = middle
        else:
            low = middle + 1
    return low


def halved(lib: Any, sequence: Any, values: Any, right: bool) -> Any:
    """searchsorted() by halving, step by step: in what is not in order, or ends in nan, the way
    decides.
    """
    n = sequence.shape[-1]
    low, high = lib.zeros(values.shape, np.int64), lib.full(values.shape, n, np.int64)
    for _ in range(n.bit_length()):
        middle = (low + high) >> 1
        at = lib.minimum(middle, n - 1)
        met = sequence[at] if sequence.ndim == 1 else lib.take_along_axis(sequence, at, -1)
        onward = ~(met > values if right else met >= values) & (low < high)
        low, high = lib.where(onward, middle + 1, low), lib.where(onward, high, middle)
    return low


def bincount(lib: Any, x: Any, weights: Any, minlength: int) -> Any:
    return lib.bincount(x, weights, minlength)


def topk_indices(lib: Any, x: Any, k: int, dim: int, largest: bool, ordered: bool = True) -> Any:
    """Indices of the k largest (or smallest) elements in order; nan counts as largest."""
    way = partial(ranked_first, lib)
    if lib not in ON_HOST:
        return way(x, k, dim, largest)
    return settled_topk(way, x, k, dim, largest, ordered)


def settled_topk(
    way: Callable[..., Any], x: Any, k: int, dim: int, largest: bool, ordered: bool = True
) -> Any:
    """topk_indices() by any way, which of equal elements being PyTorch's choice."""
    size = x.size
    if not 0 < size <= equal_elements.FEW or not k or x.dtype.kind == "b":
        return way(x, k, dim, largest)
    if x.dtype is BF16:
        x = comparable(x)

    def found(keys: Any) -> Any:
        return equal_elements.largest(keys, k, largest, ordered)

    if ordered and (few := few_first(x, k, dim, largest)) is not None:
        return few[1]
    if ordered and size < ordering.LEAST and dim in (-1, x.ndim - 1):
        order = x.argsort()[..., ::-1] if largest else x.argsort()
        some = order[..., : k + 1]
        v = x.reshape(-1).take(some + equal_elements.starts(x.shape))
        after, before = v[..., 1:], v[..., :-1]
        differ = after < before if largest else after > before  # nan does not
        if nonzeros(differ) == differ.size:
            return some[..., :k].copy()
    if not ordered:
        return equal_elements.all_settled(x, k, dim, found)
    more = min(k + 1, x.shape[dim])
    return equal_elements.settled(x, way(x, more, dim, largest), dim, k, largest, found)


def few_first(x: Any, k: int, dim: int, largest: bool) -> tuple[Any, Any] | None:
    """(the k largest or smallest elements in order, where they are), where k is small; None
    elsewhere.
    """
    if not x.ndim:
        return None
    exact = x.size <= equal_elements.FEW
    found = ordering.first(x, dim, min(k + exact, x.shape[dim]), k, largest)
    if found is None:
        return None
    values, places, equal = found
    if exact and nonzeros(equal):
        rows, at = np.moveaxis(x, dim, -1), np.moveaxis(places, dim, -1)
        at = equal_elements.replaced(
            rows, at, equal, lambda keys: equal_elements.largest(keys, k, largest)
        )
        places = np.ascontiguousarray(np.moveaxis(at, -1, dim))
        values = np.take_along_axis(x, places, dim)
    return values, places


def topk_along(general: Callable[..., Any]) -> Callable[..., Any]:
    """Elements and places of topk(), which are found together where k is small."""

    def f(x: Any, k: int = 1, dim: int = -1, largest: bool = True) -> Any:
        return few_first(x, k, dim, largest) or general(x, k, dim, largest)

    return f


def ranked_first(lib: Any, x: Any, k: int, dim: int, largest: bool) -> Any:
    """topk_indices(); of equal elements any."""
    if lib in ON_HOST and (few := few_first(comparable(x), k, dim, largest)) is not None:
        return few[1]
    if type(x) is np.ndarray and x.dtype.kind == "f" and 0 < x.size < ordering.LEAST and dim >= 0:
        lead = (slice(None),) * dim
        first, back = (*lead, slice(0, k)), (*lead, slice(None, None, -1))
        if not largest:
            return x.argsort(dim, "stable")[first].copy()
        order = x[back].argsort(dim, "stable")[back]
        return np.subtract(x.shape[dim] - 1, order[first], order="C")
    if x.size >= ordering.LEAST and lib in ON_HOST:
        found = ordering.ranked(comparable(x), dim, 0, k, largest)
        if found is not None:
            return found[1]
    n = x.shape[dim]
    if 0 < 8 * k <= n and x.size > 2048 and x.dtype.kind in "fiu":
        rows = lib.moveaxis(x, dim, -1)
        some = lib.argpartition(rows, n - k if largest else k - 1, -1)
        some = lib.sort(some[..., n - k :] if largest else some[..., :k], -1)
        order = argsort(lib, lib.take_along_axis(rows, some, -1), -1, largest)
        return lib.moveaxis(lib.take_along_axis(some, order, -1), -1, dim)
    order = argsort(lib, x, dim, largest)
    return order[(slice(None),) * (dim % x.ndim) + (slice(0, k),)].copy()


def kth_index(lib: Any, x: Any, k: int, dim: int) -> Any:
    """Index of the k-th smallest element (k from 0)."""
    found = nth_index(lib, x, k, dim)
    if lib not in ON_HOST or not 0 < x.size <= equal_elements.FEW or not x.ndim:
        return found
    x = comparable(x)
    return equal_elements.one_of(x, found, dim, lambda keys: equal_elements.kth(keys, k))


def nth_index(lib: Any, x: Any, k: int, dim: int) -> Any:
    """kth_index(), the first of equal ones in a sorted order."""
    if lib in ON_HOST and x.ndim:
        found = ordering.ranked(comparable(x), dim, k, k + 1)
        if found is not None:
            return found[1].squeeze(dim)
    if lib in ON_HOST and x.shape[dim:] and x.shape[dim] >= MANY and x.dtype.kind in "fiu":
        return _selected(lib, x, k, dim)
    return argsort(lib, x, dim, False).take(k, dim)


def median_index(lib: Any, x: Any, dim: int) -> Any:
    """Index of the lower median; of the first nan if there is one."""
    i = nth_index(lib, x, (x.shape[dim] - 1) // 2, dim)
    nan = lib.isnan(x)
    if not some(lib, nan):
        return i
    return lib.where(nan.any(dim), nan.argmax(dim), i)


def _selected(lib: Any, x: Any, k: int, dim: int) -> Any:
    """nth_index without sorting: the value is selected, then found."""
    x = comparable(x)
    rows = lib.ascontiguousarray(lib.moveaxis(x, dim, -1))
    value = lib.partition(rows, k, -1)[..., k, None]
    equal, less = rows == value, rows < value
    if x.dtype.kind == "f":  # nan counts as the largest
        missing = lib.isnan(value)
        if missing.any():
            nan = lib.isnan(rows)
            equal, less = lib.where(missing, nan, equal), lib.where(missing, ~nan, less)
    rest = k - less.sum(-1, keepdims=True)  # that many equal ones are in front of it
    if not rest.any():
        return equal.argmax(-1)
    return (equal & (equal.cumsum(-1, np.int32) == rest + 1)).argmax(-1)


def nanmedian_index(lib: Any, x: Any, dim: int) -> Any:
    """Index of the lower median of the elements that are not nan."""
    if x.shape[dim] == 1:
        return lib.zeros(x.shape, lib.int64).squeeze(dim)
    order = argsort(lib, x, dim, False)
    n = lib.isnan(x).sum(dim, keepdims=True)
    k = lib.maximum((x.shape[dim] - n - 1) // 2, 0)
    return gather(lib, order, k, dim).squeeze(dim)


def mode_index(lib: Any, x: Any, dim: int) -> Any:
    """Index (the last one) of the most frequent value (the smallest of several)."""
    if lib in ON_HOST and x.size <= equal_elements.FEW and x.shape[dim] > equal_elements.SMALL:
        return equal_elements.one_of(
            comparable(x),
            likely_mode(lib, x, dim),
            dim,
            equal_elements.most_frequent,
            as_they_are=True,
        )
    return likely_mode(lib, x, dim)


def likely_mode(lib: Any, x: Any, dim: int) -> Any:
    """mode_index(), the last one of equal elements where they are sorted stably."""
    rows = comparable(x)
    dim %= x.ndim
    if lib in ON_HOST and (found := ordering.mode(rows, dim)) is not None:
        return found
    if dim != x.ndim - 1:
        rows = rows.transpose(*range(dim), *range(dim + 1, x.ndim), dim)
    flat = rows.reshape(-1, rows.shape[-1])
    n = flat.shape[1]
    ordered = flat.copy()
    ordered.sort(1)
    places = lib.arange(n)
    new = lib.empty(flat.shape, bool)
    new[:, :1] = True
    lib.not_equal(ordered[:, 1:], ordered[:, :-1], new[:, 1:])
    runs = places - lib.maximum.accumulate(new * places, 1)  # 0, 1, ... in each run
    best = ordered[lib.arange(len(flat)), runs.argmax(1)]
    out = n - 1 - lib.equal(flat, best[:, None])[:, ::-1].argmax(1)
    if flat.dtype.kind == "f" and lib in ON_HOST:
        for i in lib.isnan(ordered[:, -1]).nonzero()[0].tolist():
            out[i] = equal_elements.most_frequent(flat[i].tolist())
    return out.reshape(rows.shape[:-1])


def scatter_set(lib: Any, x: Any, index: Any, src: Any, dim: int = 0) -> Any:
    """A copy of x with src (cut to index's shape, or a number) put at the places gather would
    read.
    """
    out = x.copy()
    if x.ndim == 0:
        if index.size:
            out[...] = src.reshape(-1)[0]
        return out
    out[_along(lib, x, index, dim)] = part(src, index)
    return out


def scatter_filled(lib: Any, x: Any, index: Any, dim: int = 0, value: Any = 0) -> Any:
    """A copy of x with a number at the places gather would read."""
    out = lib.array(x, order="C")
    if out.ndim:
        out[_along(lib, out, index, dim)] = value
    elif index.size:
        out[...] = value
    return out


def part(src: Any, index: Any) -> Any:
    """The first elements of src along each dimension, as many as index has."""
    return src if src.shape == index.shape else src[tuple([slice(0, s) for s in index.shape])]


def scatter_reduce_raw(lib: Any, x: Any, index: Any, src: Any, dim: int, how: str) -> Any:
    """A copy of x with src joined in by a ufunc (multiply, maximum, minimum)."""
    out = x.copy()
    at = AT[how] if lib in ON_HOST else getattr(lib, f"{how}_at", None) or getattr(lib, how).at
    at(out, _along(lib, x, index, dim), part(src, index))
    return out


def take_flat(lib: Any, x: Any, index: Any) -> Any:
    """Elements of the flattened array."""
    return lib.take(x, index)
