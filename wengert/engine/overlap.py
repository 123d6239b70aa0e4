"""Memory that what is written shares with itself or with operands."""

from __future__ import annotations

from typing import Any

from .tensor import Tensor


def owner(a: Any) -> Any:
    """The array that owns the memory of a library array."""
    b = getattr(a, "base", None)
    while b is not None:  # once, but for arrays whose strides were made up
        a, b = b, getattr(b, "base", None)
    return a


def repeats(a: Any) -> bool:
    """Whether some elements of an array share one place in memory."""
    strides = getattr(a, "strides", ())
    return 0 in strides and a.size and any([s == 0 and n > 1 for s, n in zip(strides, a.shape)])


def check_overlap(t: Tensor, name: str) -> None:
    """Raise for a tensor some of whose elements share one place in memory."""
    if repeats(t._a):
        raise RuntimeError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location: clone() the tensor first"
        )


def check_operands(t: Tensor, name: str, operands: Any, separate: bool = False) -> None:
    """Raise if t, which is about to be written, shares some places in memory with one of the
    operands, but not all of them in the same order; separate: if it shares any.
    """
    a = t._a
    for x in [x for x in operands if isinstance(x, Tensor)]:
        if (separate and x is t) or (x._a is not a and overlaps(a, x._a, separate)):
            raise RuntimeError(
                f"{name}: unsupported operation: some elements of the input tensor and the"
                " written-to tensor refer to a single memory location. Please clone() the tensor"
                " before performing the operation."
            )


def overlaps(a: Any, b: Any, separate: bool = False) -> bool:
    """Whether two dense arrays share memory in another way than element by element, or, separate,
    in any.
    """
    if type(a) is not type(b) or owner(a) is not owner(b) or not hasattr(type(a), "ctypes"):
        return False
    if not (dense(a) and dense(b)):
        return False
    start, other = a.ctypes.data, b.ctypes.data
    if start == other and a.nbytes == b.nbytes:
        return separate or steps(a) != steps(b)
    return start < other + b.nbytes and other < start + a.nbytes


def steps(a: Any) -> list[Any]:
    """(size, stride) of each dimension of an array that has more than one element."""
    return [step for step in zip(a.shape, a.strides) if step[0] > 1]


def dense(a: Any) -> bool:
    """Whether an array's elements fill one stretch of memory, each place once."""
    if 0 in a.shape:
        return False
    span = a.itemsize + sum([(n - 1) * abs(s) for n, s in zip(a.shape, a.strides)])
    return span == a.nbytes and all(s > 0 for n, s in zip(a.shape, a.strides) if n > 1)
