"""Arrays of float16 and bfloat16: to float32 and back, and arithmetic that rounds once, each in one
pass. NumPy converts float16 by itself a number at a time, and has no loops over bfloat16.

Where the kernels do not apply, NumPy does the same, with the same bits.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from .compiler import Target
from .native import Host
from .simd import Ufunc, elements
from .values import Value

Array = Any
ARRAY, F32 = np.ndarray, np.dtype(np.float32)
TAKEN: set[type] = {ARRAY}  # types of arrays that are converted in one pass
KINDS = {np.dtype(np.float16): "e", np.dtype(ml_dtypes.bfloat16): "H"}  # letters of `simd.TYPES`
LEAST = 4096  # elements; fewer are converted as soon by NumPy
SAVED = 1.5  # ns for each element, about
FORMULAS: dict[str, Callable[..., Value]] = {  # by the names of NumPy's ufuncs
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "maximum": lambda a, b: ((a >= b) | a.differs(a)).choose(a, b),
    "minimum": lambda a, b: ((a <= b) | a.differs(a)).choose(a, b),
    "copysign": lambda a, b: a.call("copysign", b),
    "negative": operator.neg,
    "absolute": lambda a: a.abs(),
    "square": lambda a: a * a,
    "sqrt": lambda a: a.sqrt(),
    "reciprocal": lambda a: 1.0 / a,
    "floor": lambda a: a.call("floor"),
    "ceil": lambda a: a.call("ceil"),
    "trunc": lambda a: a.call("trunc"),
    "rint": lambda a: a.call("rint"),
}
TESTS: dict[str, Callable[..., Value]] = {  # those whose results are bools
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": lambda a, b: a.equals(b),
    "not_equal": lambda a, b: a.differs(b),
    "isnan": lambda a: a.isnan(),
    "isfinite": lambda a: a.abs() < math.inf,
    "isinf": lambda a: a.abs().equals(math.inf),
    "logical_not": lambda a: a.equals(0.0),
}


def single(v: Value) -> Value:
    """Stored numbers of half precision in float32; others as they are."""
    if v.word == "half":
        return v.cast("fpext", "float")
    return (v.cast("zext", "i32") << 16).unbits() if v.word == "i16" else v


def stored(v: Value, word: str) -> Value:
    """float32 numbers rounded to what is stored: half for float16, i16 for bfloat16."""
    if word == "half":
        return v.cast("fptrunc", "half")
    if word != "i16":
        return v
    bits = v.bits()
    up = bits + (bits.do("lshr", 16) & 1) + 0x7FFF  # to even
    quiet = (bits & -0x80000000) | 0x7FC00000
    return v.differs(v).choose(quiet, up).do("lshr", 16).cast("trunc", "i16")


def in_single(formula: Callable[..., Value], kinds: str) -> Callable[..., Value]:
    """A formula over float32 for operands by their letters, of which the last is the result's."""
    word = {"e": "half", "H": "i16"}.get(kinds[-1], "")
    return lambda *given: stored(formula(*[single(v) for v in given]), word)


def _text(target: Target, name: str, kinds: str) -> str:
    formula = FORMULAS.get(name) or TESTS.get(name) or (lambda x: x)
    return elements(target, kinds, in_single(formula, kinds), word="float", exact=True)


@functools.cache
def converts(d: Any) -> bool:
    """Whether there is a compiler, for a processor that has the conversions."""
    host = Host.make()
    if host is None:
        return False
    return KINDS[d] == "H" or host.target.arm or host.features.get("f16c", False)


@functools.cache
def _loop(name: str, kinds: str) -> Ufunc:
    text = functools.partial(_text, name=name, kinds=kinds)
    return Ufunc(name, kinds, len(kinds) - 1, text, exact=True, key=("halves", name, kinds))


def _ready(d: Any, name: str, kinds: str, size: int) -> Any:
    """The ufunc for an array of that size, or None before it pays."""
    if not converts(d):
        return None
    u = _loop(name, kinds)
    return u.run or u.ready(SAVED * size)


def raw(x: Array) -> Array:
    """x as its loops take it: NumPy's ufuncs know no bfloat16."""
    if type(x) is not ARRAY:
        x = x.view(ARRAY)
    return x if x.dtype.kind == "f" else x.view(np.uint16)


def converted(x: Array, dtype: Any) -> Array:
    """x.astype(dtype): in one pass from half precision to float32 and back.

    >>> converted(np.ones(3, np.float16), np.dtype("f4")).tolist()
    [1.0, 1.0, 1.0]
    """
    d = x.dtype
    if type(x) not in TAKEN or x.size < LEAST:
        return x.astype(dtype)
    if dtype == F32 and d in KINDS:
        run = _ready(d, "single", KINDS[d] + "f", x.size)
        return x.astype(dtype) if run is None else run(raw(x))
    if d == F32 and dtype in KINDS:
        run = _ready(dtype, "rounded", "f" + KINDS[dtype], x.size)
        return x.astype(dtype) if run is None else run(x).view(dtype)
    return x.astype(dtype)


def arithmetic(name: str, *arrays: Array) -> Array | None:
    """What NumPy's ufunc of that name gives for arrays of one half precision; None where the
    kernels do not apply.

    >>> arithmetic("add", np.ones(3, np.float16), np.ones(3, np.float16)) is None  # so few
    True
    """
    a = arrays[0]
    d = a.dtype
    kind = KINDS.get(d)
    size = a.size if len(arrays) == 1 else max(a.size, arrays[1].size)
    test = name in TESTS
    if kind is None or size < LEAST or not test and name not in FORMULAS:
        return None
    if len(arrays) == 2 and arrays[1].dtype != d:
        return None
    run = _ready(d, name, kind * len(arrays) + ("?" if test else kind), size)
    if run is None:
        return None
    out = run(*[raw(x) for x in arrays])
    return out if test or kind == "e" else out.view(d)
