"""Membership and places in sorted sequences: isin, searchsorted, bucketize."""

from __future__ import annotations

from ...arrays.lookup import HOSTED
from ...base.dtypes import BOOLEAN, COMPLEX
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.op_modes import ACTIVE
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor, wrap
from ..creation.filled import scalar_tensor
from ..creation.tensor import tensor
from ..shape.views import reshape

FEW = 16  # numbers that are looked for one after the other
AT_ONCE = 1024  # comparisons that are made in one go


@public(
    "isin(Tensor elements, Tensor test_elements, *, bool assume_unique=False, "
    "bool invert=False, out)",
    "isin(Tensor elements, Scalar test_element, *, bool assume_unique=False, "
    "bool invert=False, out)",
    "isin(Scalar element, Tensor test_elements, *, bool assume_unique=False, "
    "bool invert=False, out)",
    method=False,
    out="exact",
)
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Where elements occur in test_elements.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 4]))
    tensor([False,  True, False])
    """
    one = other = None  # a number takes the other's dtype, as in all arithmetic
    if not isinstance(elements, Tensor):
        one, elements, other = elements, tensor(elements), test_elements
    if not isinstance(test_elements, Tensor):
        one, test_elements, other = test_elements, tensor(test_elements), elements
    for x in (elements, test_elements):
        if x.dtype.category in (BOOLEAN, COMPLEX):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {x.dtype}")
    a, b = elements._a, test_elements._a
    plain = type(a) in HOSTED and type(b) is type(a) and a.dtype is b.dtype and not ACTIVE
    if plain and one is None and a.ndim and 0 < a.size * b.size <= AT_ONCE:
        found = (a[..., None] == b.reshape(-1)).any(-1)
        return wrap(~found if invert else found)
    t = reshape(test_elements, -1)
    count = t._a.size
    if one is not None:
        r = elements == one if other is elements else (t == one).any()
    elif 0 < count <= FEW and elements._a.ndim:  # a pass for each
        r = elements == t[:1]
        for i in range(1, count):
            r = r | (elements == t[i : i + 1])
    elif count:
        r = (elements.unsqueeze(-1) == t).any(-1)
    else:
        r = elements.new_zeros(tuple(elements.shape)).bool()
    return r.logical_not() if invert else r


@primitive(opaque, name="searchsorted", types="any", real=True)
def places(xp, sequence, x, right=False):
    """Where the values x would go in a sorted sequence (its last dimension), row by row."""


@public(
    "searchsorted(Tensor sorted_sequence, Tensor|Scalar input, *, "
    "bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None, out)",
    method=False,
    out="exact",
)
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where input's values would go in a sorted sequence to keep it sorted.

    >>> torch.searchsorted(torch.tensor([1., 3., 5.]), torch.tensor([2., 3., 6.]))
    tensor([1, 1, 3])
    """
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while"
            " right was True"
        )
    right = right or side == "right"
    number = not isinstance(input, Tensor)
    if number:
        wide = common_dtype(sorted_sequence, input)
        input = scalar_tensor(input, dtype=wide, device=sorted_sequence.device)
    if sorter is not None:
        if tuple(sorter.shape) != tuple(sorted_sequence.shape):
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got"
                f" boundary tensor {list(sorted_sequence.shape)}and got sorter tensor"
                f" {list(sorter.shape)}"
            )
        if sorter.dtype.name != "int64":
            raise RuntimeError(
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype"
                f" {sorter.dtype.name}"
            )
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    s = sorted_sequence
    if s._a.ndim == 0:
        raise RuntimeError(
            "torch.searchsorted(): input value or boundary tensor should have positive dimension"
        )
    if s._a.ndim > 1 and (
        input._a.ndim != s._a.ndim or tuple(input.shape[:-1]) != tuple(s.shape[:-1])
    ):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1"
            " dimensions of boundaries tensor and input value tensor must match, but we got"
            f" boundaries tensor {list(s.shape)} and input value tensor {list(input.shape)}"
        )
    if input.dtype is not s.dtype:
        common = input.dtype if number else common_dtype(s, input)
        s, input = s.to(common), input.to(common)
    out = places.entry(s, input, bool(right))
    return out.int() if out_int32 else out


@public(
    "bucketize(Tensor|Scalar input, Tensor boundaries, *, bool out_int32=False, "
    "bool right=False, out)",
    method=False,
    out="exact",
)
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """In which bucket of the sorted boundaries each value lies.

    >>> torch.bucketize(torch.tensor([0.5, 2., 9.]), torch.tensor([1., 2., 3.]))
    tensor([0, 1, 3])
    """
    if boundaries._a.ndim != 1:
        raise RuntimeError(
            f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries._a.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
