"""Half precision within an op or a rule: arrays whose operators take the loops of
`kernels/halves.py`, where NumPy converts a number at a time.

`HalfArray` is how a body or a rule sees an operand; outside there are NumPy's own arrays alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import halves
from ..kernels.halves import FORMULAS, KINDS, TESTS, arithmetic, converted

ARRAY = np.ndarray
F32 = np.dtype(np.float32)
F16 = np.dtype(np.float16)
# functions of one number that NumPy, too, computes in float32
SINGLE = frozenset((
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh",
))  # fmt: skip
KNOWN = SINGLE | FORMULAS.keys() | TESTS.keys()


class HalfArray(np.ndarray):
    """An array of half precision whose ufuncs take one pass where there is a loop for them."""

    own: Any  # the array that this one stands for

    def __array_ufunc__(
        self, ufunc: Any, method: str, *given: Any, out: Any = None, **options: Any
    ) -> Any:
        values = [a.view(ARRAY) if type(a) is HalfArray else a for a in given]
        name = ufunc.__name__
        if method == "__call__" and not options and name in KNOWN:
            found = quick(name, ufunc, values)
            if found is not None and out is None:
                return standing(found)
            if found is not None and found.dtype == out[0].dtype:
                out[0].view(ARRAY)[...] = found
                return out[0]
        if out is not None:
            options["out"] = tuple([o.view(ARRAY) if type(o) is HalfArray else o for o in out])
        result = getattr(ufunc, method)(*values, **options)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return standing(result)


def quick(name: str, ufunc: Any, values: list[Any]) -> Any:
    """The result in one pass, or by way of float32; None where neither is for these operands."""
    d = next((a.dtype for a in values if type(a) is ARRAY and a.dtype in KINDS), None)
    if d is None:  # only the result is of half precision
        return None
    if name in SINGLE:
        return converted(ufunc(converted(values[0], F32)), d)
    for i, a in enumerate(values):
        if type(a) is ARRAY and not a.ndim and a.dtype == F32 and len(values) == 2:
            wide = [converted(v, F32) if v.ndim else v for v in values]  # a number as it was given
            return None if name in TESTS else converted(ufunc(*wide), d)
        if type(a) is ARRAY:
            continue
        if d != F16 or type(a) not in (int, float) or not -6e4 < a < 6e4:
            return None  # beside bfloat16 a Python number is not weak
        values[i] = np.asarray(a, d)
    return arithmetic(name, *values)


halves.TAKEN.add(HalfArray)


def standing(a: Any) -> Any:
    """A large array of half precision as a HalfArray; whatever else as it is."""
    if type(a) is ARRAY and a.dtype in KINDS and a.size >= halves.LEAST:
        h = a.view(HalfArray)
        h.own = a
        return h
    return tuple([standing(x) for x in a]) if type(a) is tuple else a


def plain(a: Any) -> Any:
    """What standing() made its argument of."""
    if type(a) is HalfArray:
        return a.__dict__["own"] if "own" in a.__dict__ else a.view(ARRAY)
    return type(a)([plain(x) for x in a]) if type(a) in (tuple, list) else a


def in_half(f: Callable[..., Any], *args: Any) -> Any:
    """f(*args), whose arrays of half precision are HalfArrays within f."""
    return plain(f(*[standing(a) for a in args]))
