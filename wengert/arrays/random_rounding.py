"""Rounding and remainders as PyTorch's random numbers are made with them. The numbers themselves
are in `random_stream.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
Shape = Sequence[int]

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def fused(x: Array, scale: float, shift: float) -> Array:
    """float64 `x * scale + shift` with one rounding, as a fused multiply-add gives it."""
    if shift == 0.0 or scale in (0.0, 1.0) or not abs(scale) < 2.0**900:
        return x * scale + shift
    # Dekker's product and Knuth's sum: what the two roundings lost, added at the end.
    split = 134217729.0
    scale_high = split * scale - (split * scale - scale)
    scale_low = scale - scale_high
    high = split * x
    high -= high - x
    low = x - high
    product = x * scale
    lost = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    total = product + shift
    part = total - product
    lost += (product - (total - part)) + (shift - part)
    return total + lost


def rounded(x: Array, dtype: np.dtype[Any], shape: Shape) -> Array:
    """float64 results in the dtype asked for; 16-bit floats are rounded by way of float32."""
    if dtype.itemsize == 2 and dtype.kind not in "iu":
        x = x.astype(F32)
    with np.errstate(over="ignore"):  # float16 has no room for the far tails: infinity, quietly
        return x.astype(dtype, copy=False).reshape(shape)


def remainder(x: Array, divisor: int) -> Array:
    """x % divisor for unsigned x: NumPy divides by a scalar several times faster than it %s."""
    if divisor & (divisor - 1) == 0:
        return x & x.dtype.type(divisor - 1)
    d = x.dtype.type(divisor)
    return x - x // d * d


def width_of(dtype: np.dtype[Any], low: float, high: float) -> float:
    """high - low, as the dtype computes it."""
    return high - low if dtype is F64 else float(np.float32(high) - np.float32(low))


def part(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number."""
    return np.dtype(f"f{dtype.itemsize // 2}")


def count_of(dtype: np.dtype[Any]) -> int:
    """How many integers there are from 0 to the largest of a dtype, or to the last that it counts
    exactly.
    """
    if dtype.kind == "b":
        return 2
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).max) + 1
    return 2 ** digits(dtype) + 1


def digits(dtype: np.dtype[Any]) -> int:
    """Binary digits of the significand: 24 for float32."""
    if dtype.kind == "f":
        return np.finfo(dtype).nmant + 1
    return 8  # bfloat16, which NumPy itself does not know
