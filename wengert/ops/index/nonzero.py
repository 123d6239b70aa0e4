"""Where elements are not zero, and how many: nonzero, argwhere, count_nonzero."""

from __future__ import annotations

from ...arrays.lookup import NS, namespace
from ...autodiff.dual import Dual, Lifted
from ...declare.registry import public
from ...engine.out_argument import write_out
from ...engine.tensor import Tensor, wrap
from ..reduce.sum import sum as sum_of


@public("nonzero(Tensor input, *, bool as_tuple=False, out)", out="exact")
def nonzero(input, *, out=None, as_tuple=False):
    """Coordinates of the non-zero elements: one row each, or with as_tuple one tensor for each
    dimension.

    >>> torch.nonzero(torch.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    if out is not None and as_tuple:
        raise RuntimeError("nonzero does not support the out kwarg when as_tuple is True")
    a = input._a
    while isinstance(a, (Dual, Lifted, Tensor)):  # derivatives know the value
        a = a._a if isinstance(a, Tensor) else a.content
    if hasattr(a, "level"):
        raise RuntimeError(
            "nonzero gives a number of results that depends on the values: it can't run inside vmap"
        )
    rows = wrap(NS[type(a)].nonzero_rows(a))
    if out is not None:
        return write_out("nonzero", rows, out, "exact")
    if as_tuple:
        rows = wrap(namespace(a).nonzero_rows(a.reshape(1))) if a.ndim == 0 else rows
        return tuple([rows[:, i] for i in range(rows._a.shape[1])])
    return rows


@public("argwhere(Tensor input)")
def argwhere(input):
    """Coordinates of the non-zero elements, one row each.

    >>> torch.argwhere(torch.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    return nonzero(input)


@public("count_nonzero(Tensor input, int[] dim)", "count_nonzero(Tensor input, int? dim=None)")
def count_nonzero(input, dim=None):
    """How many elements are not zero, of all or along dim.

    >>> torch.count_nonzero(torch.tensor([[0, 1], [2, 3]]), dim=0)
    tensor([1, 2])
    """
    return sum_of(input != 0, dim)
