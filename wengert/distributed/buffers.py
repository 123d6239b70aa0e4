"""Tensors as memory that MPI can read and write, and results back into tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ..engine import views
from ..engine.tensor import Tensor, wrap
from .reduce_op import RedOpType

__all__ = ["changed", "check_tensor", "readable", "reducible", "spread", "writable"]

BF16 = np.dtype(ml_dtypes.bfloat16)
F16 = np.dtype(np.float16)
BOOL = np.dtype(np.bool_)
Back = Callable[[], None]
ONLY_INTEGERS = {RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR}


def check_tensor(x: Any, name: str, what: str) -> None:
    """TypeError for what is not a tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{what}: Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(x)} instead."
        )


def host(t: Tensor, what: str) -> Any:
    """The NumPy array of a tensor, a copy if it is elsewhere."""
    a = t._a
    if type(a) is not np.ndarray:
        a = t.detach().cpu()._a
        if not isinstance(a, np.ndarray):
            raise RuntimeError(
                f"{what} needs a dense tensor with values, not one of {type(t._a).__name__}"
            )
    return a


def readable(t: Tensor, what: str) -> Any:
    """A contiguous array of the values of t."""
    a = host(t, what)
    if a.dtype == BF16:
        a = a.view(np.uint16)
    return a if a.flags.c_contiguous else np.ascontiguousarray(a)


def writable(t: Tensor, what: str) -> tuple[Any, Back | None]:
    """A contiguous array with the values of t to be overwritten, and what brings them to t then;
    None if the array is t's own memory.
    """
    a = t._a
    here = type(a) is np.ndarray
    if here and (
        not a.flags.writeable or any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape))
    ):
        raise RuntimeError(
            f"{what}: more than one element of the written-to tensor refers to a single memory "
            "location, or its memory is read-only: clone() the tensor first"
        )
    b = readable(t, what)
    if here and (b is a or (a.dtype == BF16 and a.flags.c_contiguous)):
        return b, None
    return b, lambda: restore(t, b)


def restore(t: Tensor, values: Any) -> None:
    """Put values, bit patterns if t is bfloat16, into t's memory."""
    if t._a.dtype == BF16 and values.dtype == np.uint16:
        values = values.view(BF16)
    values = values.reshape(t._a.shape)
    if type(t._a) is np.ndarray:
        np.copyto(t._a, values, casting="unsafe")
    else:
        t.detach().copy_(wrap(values.astype(t._a.dtype, copy=False)))


def reducible(t: Tensor, op: RedOpType, what: str, writes: bool) -> tuple[Any, Back | None]:
    """As writable, for MPI's operations: 16-bit floats go as float32 and bool as uint8."""
    a = t._a
    d = a.dtype
    if d.char in "fdlqi" and type(a) is np.ndarray and not writes:
        return readable(t, what), None
    if d.kind == "c" and op not in (RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT):
        raise ValueError(f"{what} does not support {op.name} on complex tensors")
    if op in ONLY_INTEGERS and d.kind not in "iub":
        raise RuntimeError(f"{what}: Cannot use ReduceOp.{op.name} with {t.dtype}: integers only")
    if d in (BF16, F16):
        b = np.ascontiguousarray(host(t, what), dtype=np.float32)
    elif d == BOOL:
        b = np.array(host(t, what), dtype=np.uint8, order="C")
        if writes:
            writable(t, what)
        return b, lambda: restore(t, b != 0)
    else:
        return writable(t, what) if writes else (readable(t, what), None)
    if writes:
        writable(t, what)
    return b, lambda: restore(t, b)


def average(array: Any, n: int) -> None:
    """Divide a sum by the number of ranks, in place."""
    if array.dtype.kind in "fc":
        array /= n
    else:
        np.floor_divide(array, n, out=array)


def changed(tensors: Sequence[Tensor]) -> None:
    """Tell the version counters that memory was written."""
    for t in tensors:
        views.mutated(t)


def spread(tensors: Sequence[Tensor], rows: Any) -> None:
    """Give each tensor its row."""
    for t, row in zip(tensors, rows):
        restore(t, row)
    changed(tensors)
