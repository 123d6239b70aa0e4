"""take and take_along_dim: elements at places of the flattened tensor, and along a dimension.

What does not live here: gather, scatter and the like (`gather.py`), keys (`indexing.py`).
"""

from __future__ import annotations

from ...arrays.lookup import HOSTED
from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ..dims import wrap_dim
from ..predicates import broadcast_shapes
from ..reduce.minmax import gather as gather_op
from .gather import INSIDE, gather
from .indexing import check_index, take

UINT64 = dtypes.uint64.np


@public("take(Tensor input, Tensor index, *, out)", out="exact separate")
def take_public(input, index):
    """Elements of the flattened input at index; the result has index's shape.

    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 3]))
    tensor([1, 4])
    """
    if index.dtype.name != "int64":
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype.name}")
    flat = input.reshape(-1)
    if input._a.size == 0 and index._a.size:
        raise IndexError("take(): tried to take from an empty tensor")
    if type(index._a) not in HOSTED:  # others take what is nearest
        check_index(index, flat._a.shape[0], 0)
    try:
        return take.entry(flat, index, spec=("array",))
    except IndexError:
        check_index(index, flat._a.shape[0], 0)
        raise


@public(
    "take_along_dim(Tensor input, Tensor indices, int? dim=None, *, out)",
    lines=(
        line(
            gather_op,
            given="dim is not None",
            when=f"a1.size and a0.ndim == a1.ndim and {INSIDE} and a0.shape[:s_dim]"
            " == a1.shape[:s_dim] and a0.shape[s_dim + 1 :] == a1.shape[s_dim + 1 :]",
        ),
    ),
    out="exact separate input",
)
def take_along_dim(input, indices, dim=None):
    """gather with broadcasting of input and indices; without dim on the flattened input.

    >>> x = torch.tensor([[3, 1], [2, 4]])
    >>> x.take_along_dim(x.argsort(1), 1)
    tensor([[1, 3],
            [2, 4]])
    """
    if dim is None and indices.dtype.name in ("int64", "int32"):
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if indices.dtype.name != "int64":
        raise RuntimeError(
            "take_along_dim(): dtype of indices should be Long but got " + indices.dtype.name
        )
    if input._a.ndim != indices._a.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions,"
            f" but got {input._a.ndim} dimensions for input, and {indices._a.ndim} dimensions for"
            " indices"
        )
    d = wrap_dim(dim, input._a.ndim, "take_along_dim")
    s, t = list(input._a.shape), list(indices._a.shape)
    n, m = s[d], t[d]
    raw = indices._a
    plain = type(raw) in HOSTED and raw.size and 0 <= raw.item(raw.view(UINT64).argmax()) < n
    if n and not plain:
        indices = indices.remainder(n)  # negative ones count from the end
    s[d] = t[d] = 1
    common = list(broadcast_shapes(s, t))
    return gather(
        input.expand([*common[:d], n, *common[d + 1 :]]),
        d,
        indices.expand([*common[:d], m, *common[d + 1 :]]),
    )
