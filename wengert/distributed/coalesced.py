"""Collectives of several tensors at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .buffers import changed, readable, writable
from .collectives import SUM, all_gather, all_reduce, broadcast, on_gpu
from .process_group import ProcessGroup
from .work import Work

__all__ = ["all_gather_coalesced", "all_reduce_coalesced"]

SMALL = 1 << 16  # bytes of a tensor that travels with others


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


def broadcast_together(tensors: Sequence[Tensor], group: ProcessGroup, root: int) -> None:
    """Give every rank the values of rank root's tensors: the small ones in one message."""
    filled = [t for t in tensors if t.numel()]
    small = [t for t in filled if t._a.nbytes < SMALL and on_gpu(group, t) is None]
    kept = {id(t) for t in small}
    works = [
        broadcast(t, group=group, async_op=True, group_src=root)
        for t in filled
        if id(t) not in kept
    ]
    if small and group.n > 1:
        what, mine = "broadcast", group.me == root
        rows = [(readable(t, what), None) if mine else writable(t, what) for t in small]
        parts = [a.reshape(-1).view(np.uint8) for a, _ in rows]
        joined = np.concatenate(parts) if mine else np.empty(sum(p.size for p in parts), np.uint8)
        group.sent("broadcast of small tensors", joined, root)
        if not mine:
            at = 0
            for part, (_, back) in zip(parts, rows):
                part[...] = joined[at : at + part.size]
                at += part.size
                if back is not None:
                    back()
            changed(small)
    for work in works:
        assert work is not None
        work.wait()


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
