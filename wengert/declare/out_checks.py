"""What is checked of out= before a function runs: the memory that it shares with operands, and its
dtype beside dtype=. How results are put into it is in `engine/out_argument.py`.
"""

from __future__ import annotations

from typing import Any

from ..base import dtypes
from ..engine.op import OPS
from ..engine.overlap import check_operands
from ..engine.tensor import Tensor


def check_apart(name: str, out: Any, operands: Any, words: str) -> None:
    """Refuse an out= that overlaps an operand in part, or, where words say "separate", at all; with
    "input" that holds for the first operand only, with "others" for all but the first. Of several
    out= each is looked at, with "first" the first.
    """
    if isinstance(out, (list, tuple)):
        for o in out[:1] if "first" in words else out:
            check_apart(name, o, operands, words)
    if not isinstance(out, Tensor):
        return
    separate = "separate" in words
    if "input" in words or "others" in words:
        check_operands(out, name, operands[:1], "input" in words)
        operands, separate = operands[1:], "others" in words
    for operand in operands:
        check_operands(
            out, name, operand if isinstance(operand, (list, tuple)) else (operand,), separate
        )


def stands_apart(name: str, words: str) -> bool:
    """Whether what a function writes must not overlap its operands in part: an op of elements
    stands behind it, or the words about out= say so.
    """
    pointwise = name in OPS and OPS[name].kind == "elementwise" and "free" not in words
    return pointwise or "apart" in words or "separate" in words


def dtype_into(dtype: Any, out: Any) -> Any:
    """The dtype that a function computes in, where that of out= is meant unless dtype= is given."""
    check_dtype(dtype, out)
    return out.dtype if dtype is None and isinstance(out, Tensor) else dtype


def check_dtype(dtype: Any, out: Any) -> None:
    """Refuse dtype= beside an out= of another one."""
    if isinstance(dtype, dtypes.dtype) and isinstance(out, Tensor) and out.dtype is not dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {dtype}, but got {out.dtype} instead: leave dtype="
            " away, or pass an out= of that dtype"
        )
