"""ReduceOp: what a reducing collective does with the values of the ranks."""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = ["RedOpType", "ReduceOp", "as_op", "reduce_op", "supports_complex"]


class RedOpType(Enum):
    """The operations."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)

    __hash__ = object.__hash__  # of the one member there is; Enum's own goes through Python


class ReduceOp:
    """The operations, as `ReduceOp.SUM`. AVG divides the sum by the number of ranks.

    op: a ReduceOp: SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR.

    Raises TypeError for what is no operation.

    >>> x = torch.ones(2)
    >>> dist.all_reduce(x, op=dist.ReduceOp.MAX)
    >>> x
    tensor([1., 1.])
    """

    RedOpType = RedOpType
    SUM, AVG, PRODUCT = RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT
    MIN, MAX = RedOpType.MIN, RedOpType.MAX
    BAND, BOR, BXOR, PREMUL_SUM = (
        RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR, RedOpType.PREMUL_SUM,
    )  # fmt: skip

    def __new__(cls, op: Any = RedOpType.SUM) -> Any:
        """ReduceOp(op) is op."""
        return as_op(op)


class reduce_op:
    """The older name of ReduceOp.

    >>> dist.reduce_op.SUM == dist.ReduceOp.SUM
    True
    """

    SUM, PRODUCT, MIN, MAX = RedOpType.SUM, RedOpType.PRODUCT, RedOpType.MIN, RedOpType.MAX


def as_op(op: Any) -> RedOpType:
    """op, checked."""
    if type(op) is RedOpType and op is not RedOpType.PREMUL_SUM:
        return op
    if op is RedOpType.PREMUL_SUM:
        raise ValueError("ReduceOp.PREMUL_SUM is NCCL's: multiply the tensor first")
    raise TypeError(f"op must be a ReduceOp, such as ReduceOp.SUM, not {op!r}")


def supports_complex(reduceOp: Any) -> bool:
    """Whether an operation is defined for complex numbers.

    reduceOp: a ReduceOp.

    Raises TypeError where reduceOp is of the wrong type.

    >>> dist.supports_complex(dist.ReduceOp.SUM), dist.supports_complex(dist.ReduceOp.MAX)
    (True, False)
    """
    return as_op(reduceOp) in (RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT)
