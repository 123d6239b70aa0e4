"""Sums with a weight: x + alpha y, x + value a b, and between two arrays, for NumPy's plain floats.

A word's `into(out, arrays, options)` writes the result over an array of its shape, and says whether
it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernels.halves import converted
from .direct import Elements
from .fused_elements import NUMBERS, REALS, Word, loop, with_factor
from .numpy_direct import library as np
from .numpy_fast_paths import F32, F64, add, multiply, number, subtract

LERP, ADDCMUL, SCALED = (
    loop("ffff", "lerp"), loop("ffff", "addcmul"), loop("fffff", "addcmul_scaled"),
)  # fmt: skip


def scaled(ufunc: Any) -> Callable[[Word], Word]:
    """ufunc(x, alpha * y), which adds or subtracts"""
    plus = ufunc is add

    def wrapped(general: Word) -> Word:
        def f(x: Any, y: Any, alpha: Any = 1) -> Any:
            if x.dtype is F32 and type(x) is type(y) is np.ndarray and y.dtype is F32 and x.ndim:
                if (run := ADDCMUL.run) is not None:
                    return run(x, y, NUMBERS[alpha if plus else -float(alpha)])
                p = np.multiply(y, NUMBERS[alpha])
                return ufunc(x, p, p) if p.shape == x.shape else ufunc(x, p)
            return general(x, y, alpha)

        def into(out: Any, x: Any, y: Any, alpha: Any) -> bool:
            usual = x.dtype is F32 and type(x) is type(y) is np.ndarray and y.dtype is F32
            if usual:
                run = ADDCMUL.run or ADDCMUL.ready(300.0 + x.size)
                if run is not None:
                    run(x, y, NUMBERS[alpha if plus else -float(alpha)], out)
                else:
                    ufunc(x, np.multiply(y, NUMBERS[alpha]), out)
            return usual

        f.into = into  # type: ignore[attr-defined]
        return f

    return wrapped


def lerp_number(x: Any, end: Any, weight: float = 0.5) -> Any:
    """x + weight * (end - x)."""
    d = x.dtype
    if (d is F32 or d is F64) and end.dtype is d and x.shape == end.shape and x.ndim:
        run = LERP.run or LERP.ready(500.0 + x.size) if d is F32 else None
        if run is not None:
            return run(x, end, number(weight, d))
        r = subtract(end, x)
        return add(x, multiply(r, number(weight, d), r), r)
    if d.itemsize == 2:  # rounded once
        return converted(lerp_number(converted(x, F32), converted(end, F32), weight), d)
    return x + (end - x) * weight


def addcmul(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
    """x + value * a * b."""
    if (
        x.dtype is F32
        and a.dtype is F32
        and b.dtype is F32
        and x.ndim
        and type(value) in REALS
        and value
    ):
        u = ADDCMUL if value == 1 else SCALED
        run = u.run or u.ready(300.0 + x.size)
        if run is not None:
            return run(x, a, b) if value == 1 else run(x, a, b, NUMBERS[float(value)])
    d = x.dtype
    if d.itemsize == 2 and d.kind not in "iu":  # rounded once
        x, a, b = [converted(v, F32) for v in (x, a, b)]
        return converted(addcmul(x, a, b, value), d)
    if value != 1:
        a = multiply(a, number(value, d)) if a.dtype is F32 or a.dtype is F64 else a * value
    p = multiply(a, b)
    if p.dtype is d and p.shape == x.shape and p.ndim:
        return add(x, p, p)
    return x + p


def addcmul_into(out: Any, x: Any, a: Any, b: Any, value: Any) -> bool:
    """addcmul() written over an array of its shape."""
    d = x.dtype
    if not (d is F32 or d is F64) or a.dtype is not d or b.dtype is not d or not x.ndim:
        return False
    if value == 1:
        return False
    if d is F32 and value and type(value) in REALS:
        run = SCALED.run or SCALED.ready(300.0 + x.size)
        if run is not None:
            run(x, a, b, NUMBERS[value], out)
        else:
            add(x, multiply(multiply(a, NUMBERS[value]), b), out)
        return True
    add(x, multiply(multiply(a, number(value, d)), b), out)
    return True


addcmul.into = addcmul_into  # type: ignore[attr-defined]
addcmul.choose = with_factor(ADDCMUL, SCALED)  # type: ignore[attr-defined]


def lerp_elements(weight: float = 0.5) -> Elements:
    return Elements({"f": LERP.loop}, (0, 1, float(weight)))


lerp_number.choose = lerp_elements  # type: ignore[attr-defined]

GENERAL = {
    "lerp_number": lambda x, end, weight=0.5: x + (end - x) * weight,
    "addcmul": lambda x, a, b, value=1: x + (a if value == 1 else a * value) * b,
}


WORDS = {"lerp_number": lerp_number, "addcmul": addcmul}
