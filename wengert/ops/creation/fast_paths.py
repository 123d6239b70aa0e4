"""Short forms of functions that make tensors: the commonest calls, on the CPU.

What lives here: fronts that take only what they are sure of, and give all else to the careful
function behind them. What does not: those functions (`filled.py`, `spaced.py`).
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.dtypes import DEFAULT
from ...base.modes import everyone
from ...base.size import Size
from ...declare.binding import ABSENT
from ...engine import native
from ...engine.tensor import Tensor, new

HOST: list[Any] = []  # the CPU's namespace, once it was asked for
SEQUENCES, INTS = {tuple, list, Size}, {int}
REFUSED = (MemoryError, ValueError, TypeError, AttributeError, OverflowError)
FILLABLE = {float, int, bool}
F32, F64 = dtypes.float32, dtypes.float64
INT64 = dtypes.int64.np
SINGLE, DOUBLE = F32.np, F64.np


def of_shape(value: Any) -> Any:
    """The short form of zeros(shape) and zeros(2, 3), with or without a dtype, on the CPU."""

    def form(careful):
        def f(*size, dtype=None, **kw):
            ready = native.make
            usual = not kw and size
            if usual and ready is not None and (t := ready(size, dtype, value)) is not None:
                return t
            if usual and HOST and not everyone.special:
                shape = size if len(size) > 1 or type(size[0]) is int else size[0]
                try:
                    if INTS.issuperset(map(type, shape)) and type(shape) in SEQUENCES:
                        d = DEFAULT[0].np if dtype is None else dtype.np
                        t = new(Tensor)
                        if value == 0:
                            t._a = HOST[0].library.zeros(shape, d)
                        else:
                            t._a = a = HOST[0].library.empty(shape, d)
                            if value is not None:
                                a.fill(value)
                        t._n = t._x = None
                        return t
                except REFUSED:
                    pass  # the careful function says what is wrong
            return careful(*size, **kw) if dtype is None else careful(*size, dtype=dtype, **kw)

        return f

    return form


def as_first(value: Any, of_size: bool = False) -> Any:
    """The short form of zeros_like(x) and x.new_zeros(2, 3): of the dtype of x, on the CPU."""

    def form(careful):
        def f(input=ABSENT, *size, **kw):
            ready = native.like
            if ready is not None and not kw and (size or not of_size):
                t = ready(input, size if of_size else None, value)
                if t is not None:
                    return t
            if not kw and HOST and type(input) is Tensor and not everyone.special:
                a = input._a
                if type(a) is HOST[0].array_type and (size or a.flags.c_contiguous and not of_size):
                    shape = a.shape
                    if of_size:
                        shape = size if len(size) > 1 or type(size[0]) is int else size[0]
                    try:
                        if not of_size or INTS.issuperset(map(type, shape)):
                            t = new(Tensor)
                            t._a = b = HOST[0].library.empty(shape, a.dtype)
                            if value is not None:
                                b.fill(value)
                            t._n = t._x = None
                            return t
                    except REFUSED:
                        pass  # the careful function says what is wrong
            return careful(input, *size, **kw)

        return f

    return form


def as_first_of_value(of_size: bool) -> Any:
    """The short form of full_like(x, number) and x.new_full(shape, number): of the dtype of x, a
    float32 or float64, on the CPU.
    """

    def form(careful):
        def f(input=ABSENT, *args, **kw):
            if len(args) == 1 + of_size and type(args[-1]) in FILLABLE and type(input) is Tensor:
                number, a = args[-1], input._a
                near = -(2**15) < number < 2**15 and (a.dtype is SINGLE or a.dtype is DOUBLE)
                if near and not kw and HOST and not everyone.special:
                    size = args[0] if of_size else a.shape
                    ready = native.like
                    if ready is not None:
                        t = ready(input, (size,) if of_size else None, number)
                        if t is not None:
                            return t
                    plain = type(a) is HOST[0].array_type
                    plain = plain and (of_size or a.flags.c_contiguous)
                    if plain and type(size) in SEQUENCES and INTS.issuperset(map(type, size)):
                        try:
                            t = new(Tensor)
                            t._a = b = HOST[0].library.empty(size, a.dtype)
                            b.fill(number)
                            t._n = t._x = None
                            return t
                        except REFUSED:
                            pass  # the careful function says what is wrong
            return careful(input, *args, **kw)

        return f

    return form


def of_value(careful):
    """The short form of full(shape, number), with or without a dtype, on the CPU."""

    def f(size=ABSENT, fill_value=ABSENT, *, dtype=None, **kw):
        s = type(fill_value)
        usual = not kw and HOST and not everyone.special and s in FILLABLE
        if usual and type(size) in SEQUENCES and INTS.issuperset(map(type, size)):
            d = dtype
            if dtype is None:
                d = DEFAULT[0] if s is float else dtypes.bool if s is bool else dtypes.int64
            if (dtype is None or d is F32 or d is F64) and -(2**15) < fill_value < 2**15:
                ready = native.make
                if ready is not None and (t := ready(size, d, fill_value)) is not None:
                    return t
                try:
                    t = new(Tensor)
                    t._a = a = HOST[0].library.empty(size, d.np)
                    a.fill(fill_value)
                    t._n = t._x = None
                    return t
                except REFUSED:
                    pass  # the careful function says what is wrong
        return careful(size, fill_value, dtype=dtype, **kw)

    return f


def counted(careful):
    """The short form of arange(n) and arange(a, b) for ints."""

    def f(*args, **kw):
        if not kw and HOST and INTS.issuperset(map(type, args)) and 0 < len(args) < 3:
            start, end = args if len(args) == 2 else (0, args[0])
            if (ready := native.count) is not None and (t := ready(start, end)) is not None:
                return t
            if end >= start and not everyone.special:
                try:
                    t = new(Tensor)
                    t._a = HOST[0].library.arange(start, end, 1, INT64)
                    t._n = t._x = None
                    return t
                except REFUSED:
                    pass  # the careful function says what is wrong
        return careful(*args, **kw)

    return f


def square(careful):
    """The short form of eye(n), with or without a dtype, on the CPU."""

    def f(n=ABSENT, m=None, *, dtype=None, **kw):
        if m is None and not kw and HOST and type(n) is int and not everyone.special:
            try:
                t = new(Tensor)
                t._a = a = HOST[0].library.zeros((n, n), (dtype or DEFAULT[0]).np)
                a.reshape(-1)[:: n + 1] = 1
                t._n = t._x = None
                return t
            except REFUSED:
                pass  # the careful function says what is wrong
        given = (n,) if m is None else (n, m)
        return careful(*given, **kw) if dtype is None else careful(*given, dtype=dtype, **kw)

    return f
