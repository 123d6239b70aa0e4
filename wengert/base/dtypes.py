"""The dtypes and PyTorch's rules of promotion.

NumPy's dtype objects are the currency between libraries (CuPy uses the same), so each dtype
carries one as `.np`. What is done with arrays of a dtype lives in `arrays/`.
"""

from __future__ import annotations

import builtins
import functools
import math
from typing import Any

import numpy as np  # first: imported from inside ml_dtypes, it takes half as long again

# isort: split
import ml_dtypes

__all__ = [
    "dtype",
    "as_dtype",
    "as_np",
    "get_default_dtype",
    "set_default_dtype",
    "promote_types",
    "can_cast",
    "finfo",
    "iinfo",
]


# Categories of dtypes, in the order of promotion (dtype.category)
BOOLEAN, INTEGRAL, FLOATING, COMPLEX = range(4)


class dtype:
    """A tensor's element type, such as `wengert.float32`.

    name: such as 'float32'. np_dtype: NumPy's. category: which kind of number. letter: of its old
    name.

    >>> torch.float32.itemsize, torch.float32.to_complex(), torch.complex64.to_real()
    (4, torch.complex64, torch.float32)
    """

    __slots__ = (
        "name",
        "np",
        "is_floating_point",
        "is_complex",
        "itemsize",
        "category",
        "is_inexact",
        "is_signed",
        "_letter",
    )

    def __init__(self, name: str, np_dtype: object, category: int, letter: str) -> None:
        self.name = name
        self.np = np.dtype(np_dtype)  # type: ignore[call-overload]
        self.category = category
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_inexact = category >= FLOATING  # floating or complex: what can have gradients
        self.is_signed = not (name.startswith("u") or name == "bool")
        self.itemsize: int = self.np.itemsize
        self._letter = letter

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> str:
        return self.name

    def to_complex(self) -> dtype:
        """The complex dtype of the same precision. RuntimeError where there is none."""
        found = {
            "float16": complex32,
            "bfloat16": complex64,
            "float32": complex64,
            "float64": complex128,
        }.get(self.name, self)
        if not found.is_complex:
            raise RuntimeError(f"Unknown Complex ScalarType for {self._letter}")
        return found

    def to_real(self) -> dtype:
        """The floating dtype of a complex dtype's parts."""
        return {"complex32": float16, "complex64": float32, "complex128": float64}.get(
            self.name, self
        )


bool = dtype("bool", np.bool_, BOOLEAN, "Bool")  # noqa: A001
uint8 = dtype("uint8", np.uint8, INTEGRAL, "Byte")
int8 = dtype("int8", np.int8, INTEGRAL, "Char")
int16 = dtype("int16", np.int16, INTEGRAL, "Short")
int32 = dtype("int32", np.int32, INTEGRAL, "Int")
int64 = dtype("int64", np.int64, INTEGRAL, "Long")
uint16 = dtype("uint16", np.uint16, INTEGRAL, "UInt16")
uint32 = dtype("uint32", np.uint32, INTEGRAL, "UInt32")
uint64 = dtype("uint64", np.uint64, INTEGRAL, "UInt64")
float16 = dtype("float16", np.float16, FLOATING, "Half")
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, FLOATING, "BFloat16")
float32 = dtype("float32", np.float32, FLOATING, "Float")
float64 = dtype("float64", np.float64, FLOATING, "Double")
complex32 = dtype("complex32", ml_dtypes.complex32, COMPLEX, "ComplexHalf")
complex64 = dtype("complex64", np.complex64, COMPLEX, "ComplexFloat")
complex128 = dtype("complex128", np.complex128, COMPLEX, "ComplexDouble")

# 8-bit floats, for weights at rest: they are converted, moved, viewed and saved
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, FLOATING, "Float8_e4m3fn")
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, FLOATING, "Float8_e5m2")
float8_e4m3fnuz = dtype("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, FLOATING, "Float8_e4m3fnuz")
float8_e5m2fnuz = dtype("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, FLOATING, "Float8_e5m2fnuz")
float8_e8m0fnu = dtype("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu, FLOATING, "Float8_e8m0fnu")
SMALL = (float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu)
WIDE_UNSIGNED = (uint16, uint32, uint64)  # of which PyTorch promotes to floating dtypes alone
RARE = {"unsigned": WIDE_UNSIGNED, "float8": SMALL}  # for which PyTorch has few loops
GROUPS = {**RARE, "half": (float16, bfloat16)}
# In PyTorch only names as well, without operations: for tables of dtypes, and to be refused.
NAMES_ONLY = {
    name: dtype(name, "V1", FLOATING if name.startswith("float") else INTEGRAL, name)
    for name in (
        *[f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)],
        "float4_e2m1fn_x2",
    )
}
globals().update(NAMES_ONLY)
ALL = (  # what is computed in
    bool,
    uint8,
    int8,
    int16,
    int32,
    int64,
    uint16,
    uint32,
    uint64,
    float16,
    bfloat16,
    float32,
    float64,
    complex64,
    complex128,
)
DEFAULT = [float32]  # of new floating tensors, for all threads
ALIASES = {
    "half": float16,
    "float": float32,
    "double": float64,
    "chalf": complex32,
    "cfloat": complex64,
    "cdouble": complex128,
    "short": int16,
    "int": int32,
    "long": int64,
}
BY_NP = {d.np: d for d in (*ALL, *SMALL, complex32)}
BY_PYTHON = {
    builtins.bool: bool,
    builtins.int: int64,
    builtins.float: float32,
    builtins.complex: complex64,
}


def as_dtype(d: object) -> dtype:
    """The wengert dtype of a NumPy dtype, a Python type or a dtype.

    >>> as_dtype(np.dtype("int64"))
    torch.int64
    """
    if type(d) is dtype:
        return d
    if isinstance(d, np.dtype) and (known := BY_NP.get(d)) is not None:
        return known
    if d in BY_PYTHON:
        return {builtins.float: float64, builtins.complex: complex128}.get(d, BY_PYTHON[d])
    try:
        return BY_NP[np.dtype(d)]  # type: ignore[call-overload]
    except (KeyError, TypeError):
        raise TypeError(
            f"can't use {d!r} as a dtype. The supported types are: "
            + ", ".join(x.name for x in ALL)
        ) from None


def of_array(d: np.dtype) -> dtype:
    """The dtype of a NumPy array's elements; TypeError for what no tensor holds, ValueError for
    numbers whose bytes stand in the other order.

    >>> of_array(np.dtype("float64"))
    torch.float64
    """
    found = BY_NP.get(d)
    if found is not None:
        return found
    if not d.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported: convert it first, "
            f"a.astype({d.newbyteorder('=').name!r})"
        )
    fix = (
        ". Objects are what an array of mixed or missing values holds: a.astype(float) makes "
        "numbers of it, if all are"
        if d.hasobject
        else ""
    )
    raise TypeError(
        f"can't convert np.ndarray of type {d.type.__module__}.{d.type.__name__}. "
        f"The only supported types are: {', '.join(x.name for x in reversed(ALL))}{fix}."
    )


def as_np(d: object) -> np.dtype:
    """The NumPy dtype of a dtype, a Python type or a NumPy dtype."""
    if type(d) is dtype:
        return d.np
    return d if isinstance(d, np.dtype) else as_dtype(d).np


def get_default_dtype() -> dtype:
    """The floating dtype of new tensors made from Python floats.

    >>> torch.get_default_dtype()
    torch.float32
    """
    return DEFAULT[0]


def set_default_dtype(d: dtype) -> None:
    """Make d (a floating dtype) the dtype of new tensors made from Python floats.

    Raises TypeError where d is no floating dtype.

    >>> torch.set_default_dtype(torch.float32)
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(
            "set_default_dtype(): only floating-point types are supported as the default type, got"
            f" {d!r}"
        )
    DEFAULT[0] = d


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that holds values of both.

    >>> promote_types(int32, float16)
    torch.float16
    """
    if a is b:
        return a
    if a.category > b.category:
        a, b = b, a
    if a in SMALL or b in SMALL:
        raise RuntimeError(
            f"Promotion for Float8 Types is not supported, attempted to promote {a.name} and"
            f" {b.name}: convert them first"
        )
    # now category(a) <= category(b)
    if (a in WIDE_UNSIGNED or b in WIDE_UNSIGNED) and not b.is_floating_point:
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote"
            f" {a.name} and {b.name}: convert one of them first"
        )
    if b.is_complex:
        if a in (float64, complex128) or b is complex128:
            return complex128
        narrow = complex32 in (a, b) and (a in (float16, complex32) or not a.is_inexact)
        return complex32 if narrow and b is complex32 else complex64
    if b.is_floating_point:
        if not a.is_inexact:
            return b
        if {a.name, b.name} == {"float16", "bfloat16"}:
            return float32
        return a if a.itemsize > b.itemsize else b
    if a.category == BOOLEAN:
        return b
    if a.is_signed == b.is_signed:
        return a if a.itemsize >= b.itemsize else b
    return int16 if int8 in (a, b) else b if a is uint8 else a


def can_cast(from_: dtype, to: dtype) -> object:
    """Whether a value of from_ may be stored in to without losing its category.

    >>> torch.can_cast(torch.float32, torch.int64)
    False
    """
    return from_.category <= to.category


class finfo:
    """Limits of a floating dtype: eps, max, min, tiny, smallest_normal, resolution, bits.

    type: a dtype; None: the default.

    Raises TypeError for other dtypes.

    >>> torch.finfo(torch.float16).max
    65504.0
    """

    def __init__(self, type: dtype | None = None) -> None:
        d = type or get_default_dtype()
        if not isinstance(d, dtype) or not d.is_inexact:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle"
                f" '{d}'"
            )
        real = d.to_real()
        info = ml_dtypes.finfo(real.np)
        self.dtype = real.name
        self.bits = real.itemsize * 8
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(f"1e-{info.precision}") if real not in SMALL else 1.0

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g},"
            f" eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g},"
            f" dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> builtins.bool:
        return vars(self) == vars(other) if isinstance(other, finfo) else NotImplemented


class iinfo:
    """Limits of an integer dtype: min, max, bits.

    type: a dtype.

    Raises TypeError for other dtypes.

    >>> torch.iinfo(torch.int8).max
    127
    """

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype) or type.category != INTEGRAL:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        info = np.iinfo(type.np)
        self.bits, self.max, self.min, self.dtype = (
            info.bits,
            int(info.max),
            int(info.min),
            type.name,
        )

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> builtins.bool:
        return vars(self) == vars(other) if isinstance(other, iinfo) else NotImplemented


@functools.cache
def limits(d: dtype) -> Any:
    """finfo or iinfo of a dtype."""
    return finfo(d) if d.is_inexact else iinfo(d)


def overflow(value: Any, d: dtype) -> Exception:
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return OverflowError(f"int too big to convert: {value}")
    return RuntimeError(f"value cannot be converted to type {d.name} without overflow: {value}")


def converted(value: Any, d: dtype) -> Any:
    """A Python number as a dtype holds it: integers cut fractions off, and unsigned ones count
    negative numbers from the top.

    RuntimeError for what is beyond its range: nan and infinity for integers too, negative floats
    for unsigned ones.

    >>> converted(-1, uint8), converted(2.7, int32)
    (255, 2)
    """
    if value is True or value is False:
        return value
    if isinstance(value, complex) and d.category != COMPLEX:
        if d.category == BOOLEAN:
            return value != 0
        if value.imag:
            raise overflow(value, d)
        value = value.real
    if d.category == FLOATING and d is not float64:
        if limits(d).max < abs(value) < math.inf:
            raise overflow(value, d)
        return value
    if d.is_inexact or d.category == BOOLEAN:
        if d.category == COMPLEX:
            real = d.to_real()
            converted(value.real, real), converted(value.imag, real)
        return value
    info = limits(d)
    try:
        whole = int(value)
    except (ValueError, OverflowError):  # nan, infinity
        raise overflow(value, d) from None
    negative = not info.min and not isinstance(value, float)
    if not (-info.max if negative else info.min) <= value <= info.max:
        raise overflow(value, d)
    return whole % (info.max + 1) if not info.min else whole
