"""The communicator of a world of one process, for which MPI need not be there.

It has those methods of an mpi4py communicator that the collectives use.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Done", "Solo"]


class Done:
    """A request that is complete."""

    def Test(self, status: Any = None) -> bool:
        return True


def _copy(source: Any, target: Any) -> Done:
    if source is not None and source is not target:
        np.copyto(target.reshape(-1), source.reshape(-1))
    return Done()


class Solo:
    """One process."""

    size, rank = 1, 0

    def Ibarrier(self) -> Done:
        return Done()

    def Iallreduce(self, source: Any, target: Any, op: Any) -> Done:
        return _copy(source, target)

    def Ireduce(self, source: Any, target: Any, op: Any, root: int) -> Done:
        return _copy(source, target)

    def Ireduce_scatter_block(self, source: Any, target: Any, op: Any) -> Done:
        return _copy(source, target)

    def Ibcast(self, buffer: Any, root: int) -> Done:
        return Done()

    def Iallgather(self, source: Any, target: Any) -> Done:
        return _copy(source, target)

    def Iallgatherv(self, source: Any, target: Any) -> Done:
        return _copy(source, target[0])

    def Igather(self, source: Any, target: Any, root: int) -> Done:
        return _copy(source, target)

    def Iscatter(self, source: Any, target: Any, root: int) -> Done:
        return _copy(source, target)

    def Ialltoallv(self, source: Any, target: Any) -> Done:
        return _copy(source[0], target[0])

    def Dup(self) -> Solo:
        return Solo()

    def Split(self, color: int, key: int) -> Solo | None:
        return Solo() if color >= 0 else None
