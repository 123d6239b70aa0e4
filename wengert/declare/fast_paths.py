"""Short ways into public functions: the commonest call, on unrecorded arrays of a plain float
dtype, goes straight to the array library.

A short form takes only what it is sure of. All else (keywords, odd arguments, other dtypes,
recorded tensors, interpreters, errors) goes to the careful function that it stands in front of.
What lives here are the forms that many functions share; others stand beside their functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..engine.op import Op
from ..engine.tensor import Tensor
from .binding import ABSENT

F32, F64 = dtypes.float32.np, dtypes.float64.np
_new = object.__new__


def short(form: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Give the decorated public function a short form: form(careful) -> the function to call."""

    def mark(f: Any) -> Any:
        f.__wengert_short__ = form
        return f

    return mark


def plain(a: Any) -> Tensor:
    """An unrecorded tensor."""
    t = _new(Tensor)
    t._a = a
    t._n = t._x = None
    return t


def alone(op: Op, *static: Any) -> Callable[[Any], Any]:
    """The form of f(input) without further arguments, which are `static` to the op."""
    find = op.impl.get

    def form(careful: Any) -> Any:
        def f(input: Any = ABSENT, **kw: Any) -> Any:
            if type(input) is Tensor and input._n is None and not kw:
                a = input._a
                d, run = a.dtype, find(type(a))
                if (d is F32 or d is F64) and run is not None and a.ndim:
                    t = _new(Tensor)
                    try:
                        t._a = run(a, *static)
                    except MemoryError:
                        return careful(input)
                    t._n = t._x = None
                    return t
            return careful(input, **kw)

        return f

    return form
