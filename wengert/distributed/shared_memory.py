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
from .signals import ORDERED
from .work import Call, Steps, Work

__all__ = ["Exchange", "Part", "average_parts", "shared_rows", "stage"]

BLOCK = 1 << 16  # elements that are summed at a time, so that they stay in the cache
STAGE = 1 << 23  # bytes, of all ranks together, that pass through shared memory at a time
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


def arrive(group: ProcessGroup) -> Any:
    """The request of a barrier, after which all see what each has written before it."""
    return group.board.signals.arrive() if ORDERED else group.steps_comm.Ibarrier()


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
    yield arrive(group)
    begin, end = group.me * total // group.n, (group.me + 1) * total // group.n
    for first, size, at in parts:
        start, stop = max(begin - first, 0), min(end - first, size)
        if start < stop:
            places = [int(place[0]) for place in at]
            for a in range(start, stop, BLOCK):
                b = min(stop, a + BLOCK)
                _average([row[k + a : k + b] for row, k in zip(rows, places)], scale)
    yield arrive(group)


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


class Exchange:
    """Memory in which each rank lays what all the others then read: one wait, where summing by
    slices takes two. Good for what is small, and for two ranks.

    There are two halves, used in turn: when all have come to the wait of one, all have read the
    other. A rank may lay its next values at once. halves: for each rank, its row of both.
    """

    def __init__(self, rows: list[Any]) -> None:
        size = rows[0].size // 2
        self.halves = [[row[:size] for row in rows], [row[size:] for row in rows]]
        self.turn = 0
        self.call = Call(("all_reduce", rows[0].dtype, (size,), "shared"))

    def start(self, group: ProcessGroup) -> Work:
        """This rank has laid its values into the half whose turn it is: wait for the others."""
        number, expected = group.announce(self.call)
        steps = Steps(group, (arrive(group) for _ in range(1)))
        return Work(group, steps, None, None, self.call, number, expected)


def add_up(parts: Sequence[Any], out: Any, op: Any = np.add) -> None:
    """Put the sum (op: another ufunc) of arrays into another."""
    op(parts[0], parts[1], out=out)
    for part in parts[2:]:
        op(out, part, out=out)


class Stage:
    """Memory that ranks see, through which the tensors of others go, a large piece at a time."""

    def __init__(self, group: ProcessGroup, what: str) -> None:
        self.size = STAGE // group.n
        rows = shared_rows(group, 2 * self.size, np.dtype(np.uint8), what)
        self.rows = rows and [row.reshape(2, self.size) for row in rows]
        self.turn = 0  # of the two halves, the one that nobody reads any more

    def reduce(
        self, group: ProcessGroup, array: Any, op: Any, check: Callable[[], None]
    ) -> Iterator[Any]:
        """The steps that replace array, on each rank, by the sum (op: another ufunc). check: raises
        if ranks do not do the same.
        """
        assert self.rows is not None
        flat, width = array.reshape(-1), self.size // array.itemsize
        for at in range(0, flat.size, width):
            piece = flat[at : at + width]
            self.turn ^= 1
            seen = [row[self.turn].view(array.dtype)[: piece.size] for row in self.rows]
            yield from (self._pair if group.n == 2 else self._dealt)(
                group, piece, seen, op, check if at == 0 else None
            )

    def _pair(self, group: ProcessGroup, piece: Any, seen: Any, op: Any, check: Any) -> Iterator:
        """Two ranks add each other's: as in an Exchange, one wait."""
        seen[group.me][...] = piece
        yield arrive(group)
        if check is not None:
            check()
        op(piece, seen[1 - group.me], out=piece)

    def _dealt(self, group: ProcessGroup, piece: Any, seen: Any, op: Any, check: Any) -> Iterator:
        """Each rank sums a slice for all."""
        me, n = group.me, group.n
        cuts = [slice(r * piece.size // n, (r + 1) * piece.size // n) for r in range(n)]
        for r, cut in enumerate(cuts):
            if r != me:
                seen[me][cut] = piece[cut]
        yield arrive(group)
        if check is not None:
            check()
        mine = piece[cuts[me]]
        every = [mine if r == me else row[cuts[me]] for r, row in enumerate(seen)]
        total = seen[me][cuts[me]]  # where nobody has written
        add_up(every, total, op)
        mine[...] = total
        yield arrive(group)
        for r, cut in enumerate(cuts):
            if r != me:
                piece[cut] = seen[r][cut]


def stage(group: ProcessGroup, what: str) -> Stage | None:
    """The group's memory for passing tensors through; None where ranks are on several hosts. All
    ranks have to ask at the same time. what: they do with it.
    """
    if group.stage is None:
        group.stage = Stage(group, f"memory for {what}")
    return group.stage if group.stage.rows is not None else None
