"""Rows of memory that all ranks of a group on one host see, and sums over them.

For memory of our own (buckets of gradients) this is two to four times as fast as MPI's messages,
for other large tensors, which pass through it, twice.
The memory is never given back while the process lives: tensors may be views of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .process_group import ProcessGroup
from .reduce_op import RedOpType
from .work import Call, Steps, Work

__all__ = ["add_up", "cuts", "shared_rows", "stage", "sum_rows"]

BLOCK = 1 << 16  # elements that are summed at a time, so that they stay in the cache
PART = 1 << 18  # bytes of a tensor that a rank sums at a time
kept: list[Any] = []  # windows


def shared_rows(
    group: ProcessGroup, size: int, dtype: Any, what: str = "shared_rows"
) -> list[Any] | None:
    """A row of `size` zeros for each rank, or None where ranks are on several hosts, or the shared
    memory is too small (writing to too much of it would end the process). what: it is for.
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
    rows = [
        np.frombuffer(window.Shared_query(r)[0], np.uint8)[:nbytes].view(dtype)
        for r in range(group.n)
    ]
    rows[group.me].fill(0)
    return rows


def sum_rows(group: ProcessGroup, rows: list[Any], everywhere: bool = True) -> Work:
    """Start to replace each row by the sum of all; or, unless everywhere, only a slice of each,
    which `add_up` reads then.
    """
    call = Call(("all_reduce", rows[0].dtype, rows[0].shape, "shared"))
    number, expected = group.announce(call)
    steps = Steps(group, _summed(group, rows, everywhere))
    return Work(group, steps, None, None, call, number, expected)


def cuts(n: int, size: int) -> list[int]:
    """Where the slices that n ranks sum begin and end."""
    return [r * size // n for r in range(n + 1)]


def add_up(rows: list[Any], first: int, out: Any) -> None:
    """Put the sums from an element on into out, after `sum_rows` of slices."""
    last = first + out.size
    if len(rows) == 2:
        np.add(rows[0][first:last], rows[1][first:last], out=out)
        return
    ends = cuts(len(rows), rows[0].size)
    for row, a, b in zip(rows, ends, ends[1:]):
        a, b = max(a, first), min(b, last)
        if a < b:
            out[a - first : b - first] = row[a:b]


def _summed(group: ProcessGroup, rows: list[Any], everywhere: bool) -> Iterator[Any]:
    """A barrier, each rank sums a slice in the order of the ranks, a barrier."""
    yield group.steps_comm.Ibarrier()
    if group.n == 2 and not everywhere:
        return  # adding two rows twice moves less memory than passing on the sums
    ends = cuts(group.n, rows[0].size)
    mine, last = rows[group.me], ends[group.me + 1]
    others = [row for row in rows if row is not mine] if everywhere else []
    for at in range(ends[group.me], last, BLOCK):
        part = slice(at, min(last, at + BLOCK))
        total = mine[part]
        if group.n == 2:
            np.add(rows[0][part], rows[1][part], out=total)
        else:
            ahead = rows[0][part] + rows[1][part]  # this rank's own row may come later
            for row in rows[2:]:
                ahead += row[part]
            total[...] = ahead
        for row in others:
            row[part] = total
    yield group.steps_comm.Ibarrier()


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
