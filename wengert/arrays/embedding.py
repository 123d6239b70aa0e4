"""Rows of a table by index, summed bags of them, and their gradients. First argument: the library.

What lives here: the fast form of the words of `ops/nn/embedding.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..kernels import embedding as kernels
from ..kernels.halves import converted
from .activation import F32, LOW
from .capabilities import ON_HOST, poisoned
from .numpy_direct import library as np

__all__ = [
    "embedding",
    "embedding_backward",
    "embedding_factors",
    "embedding_renorm",
    "embedding_bag",
    "embedding_bag_backward",
    "embedding_bag_weights",
]


def check_rows(index: Any, rows: int, error: type[Exception] = IndexError) -> None:
    """An error for an index outside of the table."""
    if not index.size:
        return
    # a negative index, read as unsigned, is larger than any table
    bits = (
        index.view(np.uint64 if index.dtype.itemsize == 8 else np.uint32)
        if index.dtype.kind == "i"
        else index
    )
    if bits.item(bits.argmax()) >= rows:
        bad = index[(index < 0) | (index >= rows)].reshape(-1)[0]
        raise error(
            f"index out of range in self: embedding got the index {bad}, the weight has {rows} "
            f"rows (0 to {rows - 1})"
        )


def embedding(lib: Any, weight: Any, index: Any, *for_the_gradient: Any) -> Any:
    if lib in ON_HOST and index.size * weight.shape[-1] >= kernels.LEAST:
        with suppress(IndexError):  # said below
            found = kernels.rows_of(weight, index)
            if found is not None:
                return found
    if lib not in ON_HOST:
        return rows_at(lib, weight, index)
    check_rows(index, weight.shape[0], IndexError if weight.size else RuntimeError)
    return weight.take(index, 0)


def rows_at(lib: Any, weight: Any, index: Any) -> Any:
    """Rows of a table on a device, which is not asked whether they are there: nan if not."""
    wrong = (index < 0) | (index >= weight.shape[0])
    return poisoned(lib, weight.take(lib.where(wrong, 0, index), 0), wrong[..., None])


def add_rows(lib: Any, values: Any, index: Any, rows: int) -> Any:
    """values (n, m) summed into zeros (rows, m) at index (n,)."""
    n, m = values.shape
    large = n * m > kernels.ADDED and values.dtype.kind == "f" and values.dtype.itemsize > 2
    if large and lib in ON_HOST:
        found = kernels.added_rows(values, index, rows)
        if found is not None:
            return found
    if large and lib in ON_HOST and rows <= n * m:
        from scipy.sparse import (
            csc_array,  # a product with a matrix of ones: 5 times faster than add.at for few rows
        )

        one = csc_array((np.ones(n, values.dtype), index, np.arange(n + 1)), shape=(rows, n))
        return one @ values
    flat = index[:, None] * m + lib.arange(m)
    if not large and lib in ON_HOST and values.dtype.kind == "f" and n:
        total = np.bincount(flat.reshape(-1), values.reshape(-1), rows * m)
        return total.reshape(rows, m).astype(values.dtype)
    out = lib.zeros((rows, m), values.dtype)
    lib.add.at(out.reshape(-1), flat.reshape(-1), values.reshape(-1))
    return out


def factors(lib: Any, index: Any, rows: int, padding_idx: int, scale: bool, dtype: Any) -> Any:
    """What each row's gradient is multiplied with, or None for all ones.

    It is 0 for padding, and with scale 1 / frequency.
    """
    f = None
    if scale:
        f = (1 / lib.bincount(index, minlength=rows)[index]).astype(dtype)
    if padding_idx >= 0:
        kept = index != padding_idx
        f = kept.astype(dtype) if f is None else f * kept
    return f


def embedding_backward(
    lib: Any, g: Any, index: Any, rows: int = 0, padding_idx: int = -1, scale: bool = False
) -> Any:
    dtype, m = g.dtype, g.shape[-1] if g.ndim else 1
    index = index.reshape(-1)
    g = g.reshape(index.size, m)
    if dtype in LOW:
        g = converted(g, F32)
    f = factors(lib, index, rows, padding_idx, scale, g.dtype)
    if f is not None:
        g = g * f[:, None]
    return add_rows(lib, g, index, rows).astype(dtype, copy=False)


def embedding_factors(
    lib: Any,
    index: Any,
    rows: int = 0,
    padding_idx: int = -1,
    scale: bool = False,
    dtype: Any = None,
) -> Any:
    """What the gradient that arrives at each index is multiplied with."""
    flat = index.reshape(-1)
    f = factors(lib, flat, rows, padding_idx, scale, getattr(dtype, "np", dtype))
    return (lib.ones(flat.shape, getattr(dtype, "np", dtype)) if f is None else f).reshape(
        index.shape
    )


def embedding_renorm(
    lib: Any, weight: Any, index: Any, max_norm: float = 1.0, norm_type: float = 2.0
) -> Any:
    """A copy of weight whose rows at index have a norm of at most max_norm."""
    check_rows(index, weight.shape[0])
    out = weight.copy()
    used = lib.unique(index.reshape(-1))
    rows = weight[used]
    wide = converted(rows, F32) if rows.dtype in LOW else rows
    norms = lib.linalg.norm(wide, norm_type, 1)
    large = norms > max_norm
    factor = max_norm / (norms[large] + 1e-7)
    out[used[large]] = (wide[large] * factor[:, None].astype(wide.dtype)).astype(rows.dtype)
    return out


# ------------------------------------------------------------------------------------- bags


def bags(lib: Any, index: Any, offsets: Any) -> tuple[Any, Any]:
    """(bag of each index, number of indices of each bag); offsets: where each bag starts."""
    ends = lib.concatenate((offsets[1:], lib.asarray([index.size], offsets.dtype)))
    sizes = ends - offsets
    if lib not in ON_HOST:  # which is not asked how many those are in all
        place = lib.arange(index.size)
        return lib.searchsorted(offsets, place, side="right") - 1, sizes
    return lib.repeat(lib.arange(offsets.size), sizes), sizes


def embedding_bag(
    lib: Any,
    weight: Any,
    index: Any,
    offsets: Any,
    scaling: Any = None,
    mode: str = "mean",
    scale: bool = False,
    padding_idx: int = -1,
    sparse: bool = False,
) -> Any:
    """(sum, mean or maximum of the rows in each bag, bag of each index, sizes, rows of maxima)."""
    dtype, (rows, m) = weight.dtype, weight.shape
    if lib in ON_HOST:
        check_rows(index, rows, RuntimeError)
    bag, sizes = bags(lib, index, offsets)
    b = offsets.size
    if padding_idx >= 0:
        kept = index != padding_idx
        used_index, used_bag = index[kept], bag[kept]
        sizes = lib.bincount(used_bag, minlength=b)
        used_scaling = None if scaling is None else scaling[kept]
    else:
        used_index, used_bag, used_scaling = index, bag, scaling
    values = lib.take(weight, used_index, 0) if lib in ON_HOST else rows_at(lib, weight, used_index)
    if dtype in LOW:
        values = converted(values, F32)
    where = lib.zeros((b, m) if mode == "max" else (0,), np.int64)
    if mode == "max":
        out = lib.zeros((b, m), values.dtype)
        full = sizes > 0
        if full.any():
            starts = (lib.cumsum(sizes) - sizes)[full]
            nans = lib.isnan(values)
            if nans.any():  # one that begins a bag is its maximum, later ones are passed over
                passed = nans.copy()
                passed[starts] = False
                values = lib.where(passed, values.dtype.type(-np.inf), values)
                nans &= ~passed
            out[full] = lib.maximum.reduceat(values, starts, 0)
            places = lib.where(
                (values == out[used_bag]) | nans,
                lib.arange(used_index.size)[:, None],
                used_index.size,
            )
            where[full] = used_index[lib.minimum.reduceat(places, starts, 0)]
    else:
        if used_scaling is not None:
            values = values * used_scaling[:, None].astype(values.dtype, copy=False)
        out = add_rows(lib, values, used_bag, b)
        if mode == "mean":
            out /= lib.maximum(sizes, 1)[:, None].astype(out.dtype)
    return out.astype(dtype, copy=False), bag, sizes, where


def embedding_bag_backward(
    lib: Any,
    g: Any,
    index: Any,
    scaling: Any,
    bag: Any,
    sizes: Any,
    where: Any,
    rows: int = 0,
    mode: str = "mean",
    scale: bool = False,
    padding_idx: int = -1,
) -> Any:
    """Gradient of the table."""
    dtype, m = g.dtype, g.shape[1]
    if dtype in LOW:
        g = converted(g, F32)
    if mode == "max":
        full = sizes > 0
        columns = where[full] * m + lib.arange(m)
        out = lib.zeros(rows * m, g.dtype)
        lib.add.at(out, columns.reshape(-1), g[full].reshape(-1))
        return out.reshape(rows, m).astype(dtype, copy=False)
    if mode == "mean":
        g = g / lib.maximum(sizes, 1)[:, None].astype(g.dtype)
    values = g[bag]
    f = factors(lib, index, rows, padding_idx, scale, g.dtype)
    if scaling is not None:
        f = scaling.astype(g.dtype, copy=False) if f is None else f * scaling
    if f is not None:
        values *= f[:, None]
    return add_rows(lib, values, index, rows).astype(dtype, copy=False)


def embedding_bag_weights(
    lib: Any, g: Any, weight: Any, index: Any, bag: Any, padding_idx: int = -1
) -> Any:
    """Gradient of the scaling of each index, for sums."""
    out = lib.add.reduce(lib.take(weight, index, 0) * g[bag], 1, F32 if g.dtype in LOW else None)
    if padding_idx >= 0:
        out *= index != padding_idx
    return out.astype(g.dtype, copy=False)
