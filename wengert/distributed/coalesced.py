"""Collectives of several tensors at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.tensor import Tensor
from .collectives import SUM, all_gather, all_reduce
from .work import Work

__all__ = ["all_gather_coalesced", "all_reduce_coalesced"]


def all_reduce_coalesced(
    tensors: Sequence[Tensor], op: Any = SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """all_reduce of several tensors.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    op: a ReduceOp: SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR.

    Each has any shape, the same on all ranks. Raises TypeError where tensors is of the wrong type.

    >>> x, y = torch.ones(2), torch.ones(1)
    >>> dist.all_reduce_coalesced([x, y])
    >>> y
    tensor([1.])
    """
    works = [all_reduce(t, op, group, True) for t in tensors]
    return _together(works, async_op)


def all_gather_coalesced(
    output_tensor_lists: Sequence[Sequence[Tensor]], input_tensor_list: Sequence[Tensor],
    group: Any = None, async_op: bool = False,
) -> Work | None:  # fmt: skip
    """all_gather of several tensors: the i-th list gets rank i's.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    output_tensor_lists: for each tensor, a list with one for each rank, to write into.
    input_tensor_list: the values of this rank.

    Each has any shape, the same on all ranks. Raises TypeError where output_tensor_lists or
    input_tensor_list is of the wrong type; ValueError where output_tensor_lists is too long.

    >>> parts = [[torch.zeros(2)]]
    >>> dist.all_gather_coalesced(parts, [torch.ones(2)])
    >>> parts
    [[tensor([1., 1.])]]
    """
    lists = zip(*output_tensor_lists)
    works = [all_gather(o, i, group, True) for o, i in zip(lists, input_tensor_list)]
    return _together(works, async_op)


class _All:
    """The request of several operations that were posted one after the other."""

    def __init__(self, works: Sequence[Work]) -> None:
        self.works = works

    def Test(self) -> bool:
        return all([w.is_completed() for w in self.works])


def _together(works: Sequence[Any], async_op: bool) -> Work | None:
    posted = [w for w in works if w is not None]
    if not async_op:
        for w in posted:
            w.wait()
        return None
    if not posted:
        return None
    results = [w.result for w in posted]
    return Work(posted[0].group, _All(posted), None, results, posted[-1].call)
