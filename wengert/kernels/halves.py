"""Arrays of float16 and bfloat16: to float32 and back, and arithmetic that rounds once, each in one
pass. NumPy converts float16 by itself a number at a time, and has no loops over bfloat16.

Where the kernels do not apply, NumPy does the same, with the same bits.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import ml_dtypes
import numpy as np

from .compiler import Target
from .native import Host
from .simd import Ufunc, elements
from .values import Value

Array = Any
F32 = np.dtype(np.float32)
KINDS = {np.dtype(np.float16): "e", np.dtype(ml_dtypes.bfloat16): "H"}  # letters of `simd.TYPES`
LEAST = 4096  # elements; fewer are converted as soon by NumPy
SAVED = 1.5  # ns for each element, about
FORMULAS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "maximum": lambda a, b: ((a >= b) | a.differs(a)).choose(a, b),
    "minimum": lambda a, b: ((a <= b) | a.differs(a)).choose(a, b),
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


def _text(target: Target, name: str, kinds: str) -> str:
    words = {"e": "half", "H": "i16", "f": "float"}
    formula = FORMULAS.get(name, lambda x: x)

    def each(*given: Value) -> Value:
        return stored(formula(*[single(v) for v in given]), words[kinds[-1]])

    return elements(target, kinds, each, word="float", exact=True)


@functools.cache
def _loop(name: str, kinds: str) -> Ufunc | None:
    """A ufunc, or None where there is no compiler or the processor does not convert float16."""
    host = Host.make()
    if host is None or "e" in kinds and not (host.target.arm or host.features.get("f16c", False)):
        return None
    text = functools.partial(_text, name=name, kinds=kinds)
    key = ("halves", name, kinds)
    return Ufunc(name, kinds, len(kinds) - 1, text, exact=True, key=key)


def _ready(name: str, kinds: str, size: int) -> Any:
    """The ufunc for an array of that size, or None before it pays."""
    u = _loop(name, kinds)
    return None if u is None else u.run or u.ready(SAVED * size)


def _raw(x: Array) -> Array:
    """x as its loops take it: NumPy's ufuncs know no bfloat16."""
    return x if x.dtype.kind == "f" else x.view(np.uint16)


def converted(x: Array, dtype: Any) -> Array:
    """x.astype(dtype): in one pass from half precision to float32 and back.

    >>> converted(np.ones(3, np.float16), np.dtype("f4")).tolist()
    [1.0, 1.0, 1.0]
    """
    d = x.dtype
    if type(x) is not np.ndarray or x.size < LEAST:
        return x.astype(dtype)
    if dtype == F32 and d in KINDS:
        run = _ready("single", KINDS[d] + "f", x.size)
        return x.astype(dtype) if run is None else run(_raw(x))
    if d == F32 and dtype in KINDS:
        run = _ready("rounded", "f" + KINDS[dtype], x.size)
        return x.astype(dtype) if run is None else run(x).view(dtype)
    return x.astype(dtype)


def arithmetic(name: str, a: Array, b: Array) -> Array | None:
    """What NumPy's ufunc of that name gives for arrays of one half precision; None where the
    kernels do not apply.

    >>> arithmetic("add", np.ones(3, np.float16), np.ones(3, np.float16)) is None  # so few
    True
    """
    kind = KINDS.get(a.dtype)
    if kind is None or a.dtype != b.dtype or a.size < LEAST or name not in FORMULAS:
        return None
    run = _ready(name, kind * 3, a.size)
    return None if run is None else run(_raw(a), _raw(b)).view(a.dtype)
