"""Masked tensors (`masked_tensor.py`) of which data and mask are sparse, COO or CSR: both have
elements at the same places, and operations by element are those of the elements.
"""

from __future__ import annotations

from typing import Any

from ..base import formats
from ..engine.tensor import Tensor
from . import functions as T

__all__ = ["aligned", "at_places_of", "is_sparse", "same", "to_sparse", "with_values"]


def is_sparse(t: Tensor) -> bool:
    """Whether t is stored by its elements."""
    return t.layout is not formats.strided


def places(t: Any) -> tuple[Tensor, ...]:
    """Where the elements of a coalesced tensor are."""
    if t.layout is formats.sparse_coo:
        return (t.indices(),)
    return t.crow_indices(), t.col_indices()


def at_places_of(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have elements at the same places."""
    return a.layout is b.layout and all(map(T.equal, places(a), places(b)))


def with_values(t: Any, values: Tensor) -> Tensor:
    """Other elements at the places of t."""
    make = T.sparse_coo_tensor if t.layout is formats.sparse_coo else T.sparse_csr_tensor
    found: Tensor = make(*places(t), values, t.shape)
    return found.coalesce() if t.layout is formats.sparse_coo else found


def same(a: Any, b: Any) -> bool:
    """Whether two masks are equal."""
    if a.layout is not b.layout:
        return False
    if not is_sparse(a):
        return bool(T.equal(a, b))
    pairs = zip((*places(a), a.values()), (*places(b), b.values()))
    return a.shape == b.shape and all(T.equal(x, y) for x, y in pairs)


def aligned(data: Any, mask: Any) -> tuple[Tensor, Tensor]:
    """Data and mask with elements at the places of the mask; 0 where the data has none.

    Raises TypeError where the layouts differ or are others, ValueError where there are as many
    elements at other places.
    """
    if data.layout is not mask.layout:
        raise TypeError(
            f"masked_tensor(): data and mask must have the same layout, not {data.layout} and "
            f"{mask.layout}"
        )
    if data.layout not in (formats.strided, formats.sparse_coo, formats.sparse_csr):
        raise TypeError(f"masked_tensor(): data layout of {data.layout} is not supported")
    if data.layout is formats.sparse_coo:
        data, mask = data.coalesce(), mask.coalesce()
    if is_sparse(data) and not at_places_of(data, mask):
        if len(data.values()) == len(mask.values()):
            raise ValueError(
                "masked_tensor(): data and mask are sparse, but not at the same places: "
                "data.sparse_mask(mask)"
            )
        coo = mask.to_sparse_coo().coalesce()
        data = with_values(mask, data.to_dense()[tuple(coo.indices())])
    return data, mask


def to_sparse(data: Tensor, mask: Tensor, layout: Any) -> tuple[Tensor, Tensor]:
    """Dense data and mask by the elements that are there."""
    if layout is formats.sparse_csr and data.dim() != 2:
        raise ValueError(
            "to_sparse_csr(): only two dimensions can be stored by rows, not those of shape "
            f"{tuple(data.shape)}"
        )
    there = mask.to_sparse_csr() if layout is formats.sparse_csr else mask.to_sparse().coalesce()
    coo = there.to_sparse_coo().coalesce()
    return with_values(there, data[tuple(coo.indices())]), there
