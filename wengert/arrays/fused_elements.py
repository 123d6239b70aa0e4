"""Words over elements that have a loop of their own, for float32.

Here: for each form of word, what stands in front of the general one. Not here: rows and losses
(`fused_rows.py`), and which words there are (`fused.py`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from math import copysign
from typing import Any

import numpy as np

from ..kernels import formulas, halves
from ..kernels import matmul as products
from ..kernels.compiler import Target
from ..kernels.halves import in_single
from ..kernels.simd import Ufunc, elements
from .direct import Elements

Word = Callable[..., Any]

F32, F64, BOOL = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.bool_)
I64, U64 = np.dtype(np.int64), np.dtype(np.uint64)
LARGE = 1 << 13  # elements of a factor from which a product may pay a second thread
CALL, ELEMENT = 700.0, 0.5  # ns that a call, and each element of it, are about shorter


NAMES = (
    "rsqrt reciprocal sign nearest relu leaky_relu leaky_relu_backward clamp choice lerp addcmul "
    "hardtanh_backward threshold_backward hardsigmoid hardswish hardshrink hardshrink_backward "
    "softshrink threshold prelu prelu_backward maximum minimum angle lerp_op addcmul_scaled "
    "addcdiv addcdiv_scaled clamp_between replace_special frac trunc_divide copysign heaviside "
    "nextafter choice logical_and logical_or logical_xor logical_not huber_elements"
)
EXACT = frozenset(NAMES.split())


def loop(kinds: str, formula: str) -> Ufunc:
    """A ufunc over elements; the last letter of kinds is the result's."""
    make = getattr(formulas, formula)
    exact = formula in EXACT
    return Ufunc(
        formula,
        kinds,
        len(kinds) - 1,
        lambda target: elements(target, kinds, make, exact=exact),
        exact=exact,
        key=("elements", kinds, formula, exact),
    )


@functools.cache
def half_loop(formula: str, kinds: str) -> Ufunc:
    """As loop(), for stored numbers of half precision, which are rounded once."""
    make, exact = getattr(formulas, formula), formula in EXACT

    def text(target: Target) -> str:
        return elements(target, kinds, in_single(make, kinds), word="float", exact=exact)

    return Ufunc(
        formula, kinds, len(kinds) - 1, text, exact=exact, key=("halves of", kinds, formula, exact)
    )


def half_pass(prepare: Callable[..., Any], arrays: list[Any], options: tuple[Any, ...]) -> Any:
    """What a word's loop gives for arrays of one half precision, in one pass; None where there is
    none. prepare(*options): the float32 loop and its numbers.
    """
    d, (u, numbers) = arrays[0].dtype, prepare(*options)
    outputs = u.kinds[-1:]
    if outputs != "f" or len(u.kinds) != len(arrays) + len(numbers) + 1:
        return None
    if not all([a.dtype == d and a.ndim for a in arrays]) or not halves.converts(d):
        return None
    kind = halves.KINDS[d]
    h = half_loop(u.name, kind * len(arrays) + "f" * len(numbers) + kind)
    run = h.run or h.ready(CALL + ELEMENT * arrays[0].size)
    return None if run is None else run(*[halves.raw(a) for a in arrays], *numbers).view(d)


class _Numbers(dict):
    """Numbers as 0-d arrays: beside those, a ufunc takes half the time."""

    def __missing__(self, value: float) -> Any:
        if not value:  # 0.0 and -0.0 are the same key
            return MINUS_0 if copysign(1, value) < 0 else ZERO
        if len(self) > 1000:
            self.clear()
        a = self[value] = np.asarray(value, F32)
        return a


NUMBERS = _Numbers()
REALS = (int, float)
ZERO, MINUS_0 = np.asarray(0.0, F32), np.asarray(-0.0, F32)


# --------------------------------------------------------------------------- forms of words


def unary(name: str, formula: str | None = None, kinds: str = "ff") -> Callable[[Word], Word]:
    """word(x)"""

    def wrapped(general: Word) -> Word:
        u = loop(kinds, formula or name)
        run = None

        def f(x: Any) -> Any:
            nonlocal run
            if x.dtype is F32:
                if run is None and not u.made:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x)
            return general(x)

        f.elements = Elements({"f": u.loop}, (0,), kinds[0], kinds[1])  # type: ignore[attr-defined]
        f.prepare = lambda: (u, ())  # type: ignore[attr-defined]
        return f

    return wrapped


def binary(name: str) -> Callable[[Word], Word]:
    """word(x, y)"""

    def wrapped(general: Word) -> Word:
        u = loop("fff", name)
        run = None

        def f(x: Any, y: Any) -> Any:
            nonlocal run
            if x.dtype is F32 and y.dtype is F32:
                if run is None and not u.made:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x, y)
            return general(x, y)

        f.elements = Elements({"f": u.loop}, (0, 1))  # type: ignore[attr-defined]
        f.prepare = lambda: (u, ())  # type: ignore[attr-defined]
        return f

    return wrapped


def pair(name: str, kinds: str = "fff") -> Callable[[Word], Word]:
    """word(x, y) of arrays, where y may also be a number."""

    def wrapped(general: Word) -> Word:
        u = loop(kinds, name)

        def f(x: Any, y: Any) -> Any:
            if type(x) is type(y) is np.ndarray and x.dtype is F32 and y.dtype is F32:
                run = u.run or u.ready(CALL + ELEMENT * max(x.size, y.size))
                if run is not None:
                    return run(x, y)
            return general(x, y)

        f.elements = Elements({"f": u.loop}, (0, 1), "", kinds[2])  # type: ignore[attr-defined]
        return f

    return wrapped


def ternary(name: str) -> Callable[[Word], Word]:
    """word(x, y, z)"""

    def wrapped(general: Word) -> Word:
        u = loop("ffff", name)

        def f(x: Any, y: Any, z: Any) -> Any:
            if x.dtype is F32 and y.dtype is F32 and z.dtype is F32:
                run = u.run
                if run is None and not u.made:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x, y, z)
            return general(x, y, z)

        f.elements = Elements({"f": u.loop}, (0, 1, 2))  # type: ignore[attr-defined]
        return f

    return wrapped


def extremes(name: str) -> Callable[[Word], Word]:
    """word(x, y) of arrays or numbers; NumPy's own takes long where one of them is broadcast."""

    def wrapped(general: Word) -> Word:
        u = loop("fff", name)

        def f(x: Any, y: Any) -> Any:
            if type(x) is type(y) is np.ndarray and x.dtype is F32 and y.dtype is F32:
                run = u.run
                if run is None and not u.made and x.shape != y.shape:
                    run = u.ready(ELEMENT * x.size)
                if run is not None:
                    return run(x, y)
            return general(x, y)

        f.ufunc = general  # type: ignore[attr-defined]  # whose numbers these are
        return f

    return wrapped


NEVER = Ufunc("", "", 0, str)
NEVER.made = True
Plan = Callable[..., "tuple[str, tuple[float, ...]] | None"]


def planned(arrays: int, plan: Plan) -> Callable[[Word], Word]:
    """word(arrays..., options...); plan(options...) is the formula and its numbers, or None."""

    def wrapped(general: Word) -> Word:
        loops: dict[str, Ufunc] = {}
        # options, or their text where one is -0.0 (the same key as 0.0) -> ufunc, its numbers
        made: dict[Any, tuple[Ufunc, tuple[Any, ...]]] = {}

        def prepare(options: tuple[Any, ...]) -> tuple[Ufunc, tuple[Any, ...]]:
            """The ufunc for options, and its numbers; one that is never made where none fits."""
            key = str(options) if 0 in options and "-0.0" in str(options) else options
            if key in made:
                return made[key]
            name, numbers = plan(*options) or ("", ())
            if name not in loops:
                loops[name] = loop("f" * (arrays + len(numbers) + 1), name) if name else NEVER
            if len(made) > 1000:
                made.clear()
            made[key] = loops[name], tuple(NUMBERS[float(v)] for v in numbers)
            return made[key]

        def one(x: Any, *options: Any, **named: Any) -> Any:
            if x.dtype is F32 and not named:
                known = 0 not in options or "-0.0" not in str(options)
                u, numbers = known and made.get(options) or prepare(options)
                run = u.run
                if run is None and not u.made:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x, *numbers)
            return general(x, *options, **named)

        def into(out: Any, x: Any, *options: Any) -> bool:
            known = 0 not in options or "-0.0" not in str(options)
            u, numbers = known and made.get(options) or prepare(options)
            if u.run is None or x.dtype is not F32:
                return False
            u.run(x, *numbers, out)
            return True

        def two(g: Any, x: Any, *options: Any, **named: Any) -> Any:
            if x.dtype is F32 and g.dtype is F32 and not named:
                known = 0 not in options or "-0.0" not in str(options)
                u, numbers = known and made.get(options) or prepare(options)
                run = u.run
                if run is None and not u.made:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(g, x, *numbers)
            return general(g, x, *options, **named)

        def choose(*options: Any) -> Elements | None:
            u, numbers = prepare(options)
            if u is NEVER:
                return None
            return Elements({"f": u.loop}, (*range(arrays), *[float(a) for a in numbers]))

        one.into = into  # type: ignore[attr-defined]
        one.choose = two.choose = choose  # type: ignore[attr-defined]
        one.prepare = two.prepare = lambda *options: prepare(options)  # type: ignore[attr-defined]
        return one if arrays == 1 else two

    return wrapped


def leaky(name: str) -> Plan:
    return lambda slope=0.01: (name, (slope,))


def elus(name: str) -> Plan:
    def plan(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
        return (name, (alpha, scale, input_scale)) if math.isfinite(alpha * scale) else None

    return plan


def softpluses(name: str) -> Plan:
    first, _, last = name.partition("_")
    scaled = f"{first}_scaled{'_' * bool(last)}{last}"

    def plan(beta: float = 1.0, threshold: float = 20.0) -> Any:
        if beta == 1 and threshold >= 16:
            return name, ()
        return (scaled, (beta, threshold)) if beta and math.isfinite(beta) else None

    return plan


def gelus(suffix: str) -> Plan:
    return lambda how="none": (("gelu_tanh" if how == "tanh" else "gelu") + suffix, ())


def replaced_special(nan: float = 0.0, high: float = 0.0, low: float = 0.0) -> Any:
    return "replace_special", (nan, high, low)


def limits(low: float = -1.0, high: float = 1.0) -> Any:
    return "hardtanh_backward", (low, high)


def above(threshold: float = 0.0) -> Any:
    return "threshold_backward", (threshold,)


def limited(low: float = -1.0, high: float = 1.0) -> Any:
    return ("clamp", (low, high)) if low == low and high == high else None  # nan gives nan


def replaced(threshold: float = 0.0, value: float = 0.0) -> Any:
    return "threshold", (threshold, value)


def shrinking(name: str) -> Plan:
    return lambda lambd=0.5: (name, (lambd,)) if lambd == lambd else None


def clamped(low: Any = None, high: Any = None) -> Any:
    if low != low or high != high:
        return None
    return "clamp", (-np.inf if low is None else low, np.inf if high is None else high)


CHOICE = loop("?fff", "choice")


def where(general: Word) -> Word:
    u = CHOICE

    def f(condition: Any, x: Any, y: Any) -> Any:
        try:
            plain = condition.dtype is BOOL and x.dtype is F32 and y.dtype is F32
        except AttributeError:
            number, array = (x, y) if type(x) in REALS else (y, x)
            plain = type(number) in REALS and type(array) is type(condition) is np.ndarray
            plain = plain and array.dtype is F32 and condition.dtype is BOOL
        if plain:
            run = u.run
            if run is None and not u.made:
                run = u.ready(CALL + ELEMENT * condition.size)
            if run is not None:
                if type(x) in REALS:
                    return run(condition, NUMBERS[float(x)], y)
                return run(condition, x, NUMBERS[float(y)] if type(y) in REALS else y)
        return general(condition, x, y)

    f.elements = Elements({"f": u.loop}, (0, 1, 2), "?ff")  # type: ignore[attr-defined]
    return f


def quotient_added(general: Word) -> Word:
    """x + value * a / b"""
    plain, scaled = loop("ffff", "addcdiv"), loop("fffff", "addcdiv_scaled")

    def f(x: Any, a: Any, b: Any, value: Any = 1) -> Any:
        if x.dtype is F32 and a.dtype is F32 and b.dtype is F32 and type(value) in REALS and value:
            u = plain if value == 1 else scaled
            run = u.run or u.ready(CALL + ELEMENT * x.size)
            if run is not None:
                return run(x, a, b) if value == 1 else run(x, a, b, NUMBERS[float(value)])
        return general(x, a, b, value)

    f.choose = with_factor(plain, scaled)  # type: ignore[attr-defined]
    return f


def with_factor(plain: Ufunc, scaled: Ufunc) -> Callable[..., Elements | None]:
    """The ufunc of three arrays and a factor: one without it where it is 1."""

    def choose(value: Any = 1) -> Elements | None:
        if type(value) not in REALS or not value:
            return None
        u, numbers = (plain, ()) if value == 1 else (scaled, (float(value),))
        return Elements({"f": u.loop}, (0, 1, 2, *numbers))

    return choose


def masked_fill(general: Word) -> Word:
    u = CHOICE

    def f(x: Any, mask: Any, value: Any = 0.0) -> Any:
        run = None
        if x.dtype is F32 and mask.dtype is BOOL:
            run = u.run
            if run is None and not u.made:
                run = u.ready(CALL + ELEMENT * mask.size)
        out = general(x, mask, value) if run is None else run(mask, NUMBERS[value], x)
        return out if out.flags.c_contiguous else out.copy()

    f.in_c_order = True  # type: ignore[attr-defined]  # whatever the operands lie in

    def choose(value: Any = 0.0) -> Elements:
        return Elements({"f": u.loop}, (1, float(NUMBERS[value]), 0), "?ff")

    f.choose = choose  # type: ignore[attr-defined]
    return f


def keep(general: Word) -> Word:
    choose = where(lambda condition, x, _: general(x, condition))
    return lambda x, condition: choose(condition, x, NUMBERS[0.0])


def power(general: Word) -> Word:
    """x ** 2 as a product, also where 2 came as an array."""

    def f(x: Any, y: Any) -> Any:
        if hasattr(y, "ndim"):
            if y.ndim == 0 and getattr(x, "dtype", None) is F32 and y.item() == 2:
                return np.multiply(x, x)
        elif y == 2:
            return np.multiply(x, x)
        return general(x, y)

    f.elements = Elements(dict.fromkeys("fd", np.power), (0, 1), least=1)  # type: ignore[attr-defined]
    return f


# --------------------------------------------------------------------------- products


def linear(general: Word) -> Word:
    """x @ w.T + bias, the bias added before the product is stored, or in place."""

    def f(x: Any, w: Any, bias: Any = None) -> Any:
        d = x.dtype
        plain = (d is F32 or d is F64) and w.dtype is d and x.ndim > 1 and w.ndim == 2
        if plain and (bias is None or bias.dtype is d):
            shape = x.shape
            if x.ndim > 2:
                x = x.reshape(math.prod(shape[:-1]), shape[-1])
            out = None
            if x.size > LARGE or w.size > LARGE:
                out = products.linear(x, w, bias)
            if out is None:
                out = x.dot(w.T)
                if bias is not None:
                    np.add(out, bias, out)
            return out if len(shape) == 2 else out.reshape(*shape[:-1], len(w))
        return general(x, w, bias)

    return f
