"""make_tensor: a tensor of random numbers in a range that suits its dtype."""

from __future__ import annotations

import math
from typing import Any

from ..api import functions as T
from ..base import dtypes
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = ["make_tensor"]


@clear_errors
def make_tensor(
    *shape: Any, dtype: Any, device: Any, low: float | None = None, high: float | None = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor of numbers drawn evenly from [low, high).

    shape: ints or one sequence. low, high: by default -9 and 9 (10 for whole numbers), cut to what
    dtype holds. noncontiguous: with gaps between the elements. exclude_zero: zeros become small
    positive numbers. ValueError for a range that is none and for gradients of whole numbers.
    requires_grad: whether gradients are recorded. memory_format: the order of dimensions in memory.

    Raises TypeError where shape is of the wrong type or a tensor of several numbers or dtype or
    device is of the wrong type; RuntimeError where shape is negative or device is unknown.

    >>> torch.testing.make_tensor(2, 3, dtype=torch.float32, device="cpu").shape
    torch.Size([2, 3])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    number = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not number:
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"noncontiguous={noncontiguous} and memory_format={memory_format}"
        )
    lowest, highest, usual = _limits(dtype)
    low, high = (usual[i] if v is None else v for i, v in enumerate((low, high)))
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low > high or low == high and not number:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    low, high = (min(max(v, lowest), highest) for v in (low, high))
    gaps = noncontiguous and len(sizes) > 0 and math.prod(sizes) > 1
    drawn = (*sizes[:-1], 2 * sizes[-1]) if gaps else sizes
    if number:
        part = dtype.to_real() if dtype.is_complex else dtype
        t = T.empty(drawn + (2,) * dtype.is_complex, dtype=part, device=device)
        if high - low > dtypes.finfo(part).max:  # the width of the range is no number of the dtype
            t = t.uniform_(low / 2, high / 2).mul_(2)
        else:
            t = t.uniform_(low, high)
        t = T.view_as_complex(t) if dtype.is_complex else t
    else:
        t = T.randint(math.ceil(low), math.ceil(high), drawn, dtype=dtype, device=device)
    if gaps:
        t = t[..., 1::2]
    if exclude_zero:
        t[t == 0] = dtypes.finfo(dtype).tiny if number else 1
    return t.requires_grad_() if requires_grad else t


def _limits(dtype: Any) -> tuple[float, float, tuple[float, float]]:
    """The lowest number, the highest (or what follows it), and the usual range of a dtype."""
    if dtype is dtypes.bool:
        return 0, 2, (0, 2)
    if dtype.is_floating_point or dtype.is_complex:
        f = dtypes.finfo(dtype)
        return f.min, f.max, (-9, 9)
    i = dtypes.iinfo(dtype)
    return i.min, i.max + (i.max < 2**63 - 1), (0 if i.min == 0 else -9, 10)
