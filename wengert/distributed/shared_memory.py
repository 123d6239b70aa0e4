"""Rows of memory that all ranks of a group on one host see, and sums over them.

For memory of our own (buckets of gradients) this is two to four times as fast as MPI's messages,
for other large tensors, which pass through it, twice.
The memory is never given back while the process lives: tensors may be views of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .process_group import ProcessGroup
from .reduce_op import RedOpType
from .work import Call, Steps, Work

__all__ = ["Part", "average_parts", "shared_rows", "stage"]

BLOCK = 1 << 16  # elements that are summed at a time, so that they stay in the cache
PART = 1 << 18  # bytes of a tensor that a rank sums at a time
kept: list[Any] = []  # windows


def shared_rows(
    group: ProcessGroup, size: int, dtype: Any, what: str = "shared_rows"
) -> list[Any] | None:
    """A row of `size` elements for each rank, or None where ranks are on several hosts, or the
    shared memory is too small (writing to too much of it would end the process). what: it is for.
    """
    if group.n == 1:
        return None
    fits = np.zeros(1, np.uint8)
    if group.board is not None and dtype.kind in "fcu":
        room = os.statvfs("/dev/shm")
        needed = 2 * group.n * size * dtype.itemsize
        fits[0] = room.f_bavail * room.f_frsize > needed
    if not group.reduced(what, fits, RedOpType.MIN)[0]:
        return None
    nbytes = size * dtype.itemsize
    window = group.MPI.Win.Allocate_shared(max(nbytes, 1), 1, comm=group.comm)
    kept.append(window)
    return [
        np.frombuffer(window.Shared_query(r)[0], np.uint8)[:nbytes].view(dtype)
        for r in range(group.n)
    ]


class Part(NamedTuple):
    """Elements of a bucket that lie together: where they begin in it, how many they are, and, for
    each rank, in one element of shared memory, where that rank has them in its row.
    """

    first: int
    size: int
    at: list[Any]


def average_parts(
    group: ProcessGroup, rows: list[Any], parts: Sequence[Part], total: int, scale: float
) -> Work:
    """Start to replace the parts, `total` elements in each row, by their sum over the ranks, times
    scale. Where the parts are may be said until this rank starts.
    """
    call = Call(("all_reduce", rows[0].dtype, (total,), "shared"))
    number, expected = group.announce(call)
    steps = Steps(group, _averaged(group, rows, parts, total, rows[0].dtype.type(scale)))
    return Work(group, steps, None, None, call, number, expected)


def _averaged(
    group: ProcessGroup, rows: list[Any], parts: Sequence[Part], total: int, scale: Any
) -> Iterator[Any]:
    """A barrier, each rank sums a slice in the order of the ranks for all, a barrier."""
    yield group.steps_comm.Ibarrier()
    begin, end = group.me * total // group.n, (group.me + 1) * total // group.n
    for first, size, at in parts:
        start, stop = max(begin - first, 0), min(end - first, size)
        if start < stop:
            places = [int(place[0]) for place in at]
            for a in range(start, stop, BLOCK):
                b = min(stop, a + BLOCK)
                _average([row[k + a : k + b] for row, k in zip(rows, places)], scale)
    yield group.steps_comm.Ibarrier()


def _average(parts: list[Any], scale: Any) -> None:
    """Replace arrays of one shape by their sum times scale."""
    total = parts[0]
    if total.dtype.itemsize < 4:  # sums of half precision overflow
        for part in parts:
            np.multiply(part, scale, out=part)
        scale = 1
    for part in parts[1:]:
        np.add(total, part, out=total)
    if scale != 1:
        np.multiply(total, scale, out=total)
    for part in parts[1:]:
        part[...] = total


class Stage:
    """Memory that ranks see, through which the tensors of others go piece by piece: a piece and
    its sums stay in the cache.
    """

    def __init__(self, group: ProcessGroup, what: str) -> None:
        rows = shared_rows(group, 2 * group.n * PART, np.dtype(np.uint8), what)
        self.rows = rows and [row.reshape(2, group.n, PART) for row in rows]
        self.turn = 0  # of the two halves, the one that nobody reads any more

    def reduce(
        self, group: ProcessGroup, array: Any, op: Any, check: Callable[[], None]
    ) -> Iterator[Any]:
        """The steps that replace array, on each rank, by the sum (op: another ufunc). check: raises
        if ranks do not do the same.
        """
        flat, me, n = array.reshape(-1), group.me, group.n
        width = PART // array.itemsize
        assert self.rows is not None
        for at in range(0, flat.size, n * width):
            parts = [flat[at + r * width : at + min(r + 1, n) * width] for r in range(n)]
            self.turn ^= 1
            seen = [row[self.turn].view(array.dtype) for row in self.rows]
            for r, part in enumerate(parts):
                if r != me:
                    seen[me][r, : part.size] = part
            yield group.steps_comm.Ibarrier()
            if at == 0:
                check()
            mine = parts[me]
            every = [mine if r == me else seen[r][me, : mine.size] for r in range(n)]
            total = seen[me][me, : mine.size]  # where nobody has written
            op(every[0], every[1], out=total)
            for part in every[2:]:
                op(total, part, out=total)
            mine[...] = total
            yield group.steps_comm.Ibarrier()
            for r, part in enumerate(parts):
                if r != me:
                    part[...] = seen[r][r, : part.size]


def stage(group: ProcessGroup, what: str) -> Stage | None:
    """The group's memory for passing tensors through; None where ranks are on several hosts. All
    ranks have to ask at the same time. what: they do with it.
    """
    if group.stage is None:
        group.stage = Stage(group, f"memory for {what}")
    return group.stage if group.stage.rows is not None else None
