"""Words that are functions of analysis, where they have a loop of their own.

float64 as it is, float32 through double precision and rounded once. Not here: the formulas
(`kernels/functions.py`, `kernels/gamma.py`), and which words there are (`fused.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..kernels.compiler import Target
from ..kernels.simd import Ufunc, elements
from .direct import Elements
from .fused_elements import CALL, ELEMENT, F32, I64, Word
from .numpy_direct import library as np

F64 = np.dtype(np.float64)
FEW = 256  # integers that NumPy takes itself at once


def in_double(name: str, kinds: str) -> Ufunc:
    """A ufunc over elements that computes in double precision."""

    def text(target: Target) -> str:
        from ..kernels import functions, gamma  # with tables that few programs need

        formula = getattr(functions, name, None) or getattr(gamma, name)
        return elements(target, kinds, functions.double(formula), word="double", exact=True)

    return Ufunc(name, kinds, len(kinds) - 1, text, key=("in double", kinds, name))


def function(name: str, once: str = "") -> Callable[[Word], Word]:
    """word(x). once: the formula for float32, if that needs less."""

    def wrapped(general: Word) -> Word:
        short, long = in_double(once or name, "ff"), in_double(name, "dd")

        def f(x: Any) -> Any:
            d = x.dtype
            if d is F32:
                run = short.run or short.ready(CALL + ELEMENT * x.size)
            elif d is F64:
                run = long.run or long.ready(CALL + ELEMENT * x.size)
            else:
                run = None
            return general(x) if run is None else run(x)

        f.elements = Elements({"f": short.loop, "d": long.loop}, (0,))  # type: ignore[attr-defined]
        return f

    return wrapped


def polygamma(general: Word) -> Word:
    """Of float32, in orders that the series is good for."""
    loops = {n: in_double(f"polygamma_{n}", "ff") for n in range(1, 7)}

    def f(x: Any, order: int = 0) -> Any:
        u = loops.get(order)
        if u is not None and x.dtype is F32:
            run = u.run or u.ready(CALL + 20 * ELEMENT * x.size)
            if run is not None:
                return run(x)
        return general(x, order)

    f.choose = of_option(loops)  # type: ignore[attr-defined]
    return f


def of_option(loops: dict[int, Ufunc]) -> Callable[[int], Elements | None]:
    """The ufunc of one array that belongs to an option."""

    def choose(option: int) -> Elements | None:
        u = loops.get(option)
        return None if u is None else Elements({"f": u.loop}, (0,))

    return choose


def mvlgamma(general: Word) -> Word:
    """Of float32, in dimensions that have a loop."""
    loops = {p: in_double(f"mvlgamma_{p}", "ff") for p in range(1, 6)}

    def f(x: Any, p: int = 1) -> Any:
        u = loops.get(p) if x.dtype is F32 else None
        run = None if u is None else u.run or u.ready(CALL + 20 * ELEMENT * x.size)
        return general(x, p) if run is None else run(x)

    f.choose = of_option(loops)  # type: ignore[attr-defined]
    return f


def logit(general: Word) -> Word:
    u = in_double("logit", "ff")

    def f(x: Any, eps: float | None = None) -> Any:
        run = u.run or u.ready(CALL + ELEMENT * x.size) if x.dtype is F32 else None
        if run is None or eps is not None and not 0 <= eps <= 0.5:
            return general(x, eps)
        if eps is not None:
            low = F32.type(eps)
            x = np.minimum(np.maximum(x, low), F32.type(1) - low)
        return run(x)

    def choose(eps: float | None = None) -> Elements | None:
        return Elements({"f": u.loop}, (0,)) if eps is None else None

    f.choose = choose  # type: ignore[attr-defined]
    return f


def of_two(name: str) -> Callable[[Word], Word]:
    """word(x, y) of float32; few int64 beside one number go to NumPy directly."""
    whole = {"remainder": np.remainder, "floor_divide": np.floor_divide}.get(name)

    def wrapped(general: Word) -> Word:
        u = in_double(name, "fff")

        def f(x: Any, y: Any) -> Any:
            if type(x) is type(y) is np.ndarray and (d := x.dtype) is y.dtype:
                if d is F32:
                    run = u.run or u.ready(CALL + ELEMENT * max(x.size, y.size))
                    if run is not None:
                        return run(x, y)
                elif d is I64 and whole is not None and not y.ndim and x.size <= FEW and y:
                    return whole(x, y)
            return general(x, y)

        f.elements = Elements({"f": u.loop}, (0, 1))  # type: ignore[attr-defined]
        return f

    return wrapped


def ndtri(general: Word) -> Word:
    u = in_double("ndtri_once", "ff")

    def f(x: Any) -> Any:
        run = u.run or u.ready(CALL + ELEMENT * x.size) if x.dtype is F32 else None
        return general(x) if run is None else run(x)

    f.elements = Elements({"f": u.loop}, (0,))  # type: ignore[attr-defined]
    return f


def library_is_quick() -> bool:
    """Whether NumPy brings vectorised functions along for this machine: Intel's, for AVX-512."""
    core = getattr(np, "_core", None) or np.core
    features = getattr(core._multiarray_umath, "__cpu_features__", {})
    return sys.platform == "linux" and features.get("AVX512_SKX", False)


MISSING = ("erfc", "erfcx", "ndtr", "log_ndtr", "lgamma", "digamma", "i0", "i0e", "i1", "i1e")
SLOW = (
    *("exp2", "expm1", "sinh", "cosh", "log2", "log10", "log1p"),
    *("asinh", "acosh", "atanh", "atan", "asin", "acos"),
)
TWO = ("fmod", "remainder", "floor_divide", "hypot")
WORDS: dict[str, Callable[[Word], Word]] = {
    **{name: function(name) for name in MISSING},
    **({} if library_is_quick() else {name: function(name) for name in SLOW}),
    "erfinv": function("erfinv", "erfinv_once"),
    "entr": function("entr"),
    "logit": logit,
    "mvlgamma": mvlgamma,
    "polygamma": polygamma,
    "ndtri": ndtri,
    **{name: of_two(name) for name in TWO},
}
