"""How a tensor lies on the ranks of a mesh: Shard, Replicate, Partial."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Partial", "Placement", "Replicate", "Shard", "rows_of"]


class Placement:
    """What each dimension of a mesh does with a tensor.

    >>> shard = dist.tensor.Shard(0)
    >>> shard.is_shard(0), shard.is_replicate(), shard.is_partial()
    (True, False, False)
    """

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether the tensor is cut along dim, or along any dimension.

        Raises RuntimeError where dim is a tensor of several numbers.
        """
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether every rank has the whole tensor."""
        return isinstance(self, Replicate)

    def is_partial(self) -> bool:
        """Whether the ranks' tensors have to be added up."""
        return isinstance(self, Partial)


class Shard(NamedTuple("Shard", [("dim", int)]), Placement):
    """Rank i has the i-th part along dim: ceil(size / ranks) rows each, the last may have less.

    >>> dist.tensor.Shard(1).dim
    1
    """

    def __repr__(self) -> str:
        return f"Shard(dim={self.dim})"


class _StridedShard(Shard):
    """Parts that are dealt in turn: there are none, which isinstance may be asked about."""

    def __new__(cls, dim: int, *, split_factor: int) -> _StridedShard:
        raise NotImplementedError("_StridedShard: tensors are cut into one part per rank here")


class Replicate(Placement):
    """Every rank has the whole tensor.

    >>> dist.tensor.Replicate().is_replicate()
    True
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Replicate)

    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "Replicate()"


class Partial(Placement):
    """The tensor is the sum of what the ranks have.

    reduce_op: 'sum'.

    >>> dist.tensor.Partial().is_partial()
    True
    """

    def __init__(self, reduce_op: str = "sum") -> None:
        self.reduce_op = reduce_op

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partial) and self.reduce_op == other.reduce_op

    def __hash__(self) -> int:
        return 2

    def __repr__(self) -> str:
        return f"Partial({self.reduce_op})"


def rows_of(size: int, ranks: int, rank: int) -> tuple[int, int]:
    """(first row, row behind the last) of a rank's part of a dimension.

    >>> from wengert.distributed.tensor.placement_types import rows_of
    >>> [rows_of(5, 4, r) for r in range(4)]
    [(0, 2), (2, 4), (4, 5), (5, 5)]
    """
    each = -(-size // ranks)
    return min(rank * each, size), min((rank + 1) * each, size)
