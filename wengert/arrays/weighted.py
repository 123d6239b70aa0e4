"""Sums with a weight: x + alpha y, x + value a b, and between two arrays, for NumPy's plain floats.

A word's `into(out, arrays, options)` writes the result over an array of its shape, and says whether
it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .fused_elements import NUMBERS, Word, loop
from .numpy_direct import library as np
from .numpy_fast_paths import F32, F64, add, multiply, number, subtract


def scaled(ufunc: Any) -> Callable[[Word], Word]:
    """ufunc(x, alpha * y)"""

    def wrapped(general: Word) -> Word:
        def f(x: Any, y: Any, alpha: Any = 1) -> Any:
            if x.dtype is F32 and type(x) is type(y) is np.ndarray and y.dtype is F32 and x.ndim:
                p = np.multiply(y, NUMBERS[alpha])
                return ufunc(x, p, p) if p.shape == x.shape else ufunc(x, p)
            return general(x, y, alpha)

        def into(out: Any, x: Any, y: Any, alpha: Any) -> bool:
            usual = x.dtype is F32 and type(x) is type(y) is np.ndarray and y.dtype is F32
            if usual:
                ufunc(x, np.multiply(y, NUMBERS[alpha]), out)
            return usual

        f.into = into  # type: ignore[attr-defined]
        return f

    return wrapped


LERP, ADDCMUL = loop("ffff", "lerp"), loop("ffff", "addcmul")


def lerp_number(x: Any, end: Any, weight: float = 0.5) -> Any:
    """x + weight * (end - x)."""
    d = x.dtype
    if (d is F32 or d is F64) and end.dtype is d and x.shape == end.shape and x.ndim:
        run = LERP.run or LERP.ready(500.0 + x.size) if d is F32 else None
        if run is not None:
            return run(x, end, number(weight, d))
        r = subtract(end, x)
        return add(x, multiply(r, number(weight, d), r), r)
    return x + (end - x) * weight


def addcmul(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    """x + value * a * b."""
    if x.dtype is F32 and a.dtype is F32 and b.dtype is F32 and value == 1 and x.ndim:
        run = ADDCMUL.run or ADDCMUL.ready(300.0 + x.size)
        if run is not None:
            return run(x, a, b)
    p = multiply(a, b)
    d = p.dtype
    if d is x.dtype and p.shape == x.shape and p.ndim:
        if value == 1:
            return add(x, p, p)
        if d is F32 or d is F64:
            return add(x, multiply(p, number(value, d), p), p)
    return x + (p if value == 1 else p * value)


def addcmul_into(out: Any, x: Any, a: Any, b: Any, value: Any) -> bool:
    """addcmul() written over an array of its shape."""
    d = x.dtype
    if not (d is F32 or d is F64) or a.dtype is not d or b.dtype is not d or not x.ndim:
        return False
    p = multiply(a, b)
    if not p.ndim or value == 1:  # one rounding less, if there is a loop for it
        return False
    add(x, multiply(p, number(value, d), p), out)
    return True


addcmul.into = addcmul_into  # type: ignore[attr-defined]

GENERAL = {
    "lerp_number": lambda x, end, weight=0.5: x + (end - x) * weight,
    "addcmul": lambda x, a, b, value=1: x + (a * b if value == 1 else a * b * value),
}


WORDS = {"lerp_number": lerp_number, "addcmul": addcmul}
