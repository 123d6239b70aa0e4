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
from .binding import ABSENT
from .op import Op
from .tensor import Tensor

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
                    t._a = run(a, *static)
                    t._n = t._x = None
                    return t
            return careful(input, **kw)

        return f

    return form


def joined(op: Op) -> Callable[[Any], Any]:
    """The form of f(tensors, dim) for a list of two or more arrays of one shape and dtype."""
    impl = op.impl

    def form(careful: Any) -> Any:
        def f(tensors: Any = ABSENT, dim: Any = 0, **kw: Any) -> Any:
            if type(tensors) is list and type(dim) is int and len(tensors) > 1 and not kw:
                x, y, *more = tensors
                if type(x) is type(y) is Tensor and x._n is None and y._n is None:
                    a, b = x._a, y._a
                    t, d, shape = type(a), a.dtype, a.shape
                    if t is type(b) and d is b.dtype and shape == b.shape and a.size and shape:
                        try:
                            raws = others(more, t, d, shape, (a, b)) if more else (a, b)
                            return plain(impl[t](*raws, dim=dim))
                        except (KeyError, ValueError):  # an interpreter's arrays; a bad dim
                            pass
            return careful(tensors, dim, **kw)

        return f

    return form


def others(tensors: Any, t: Any, d: Any, shape: Any, known: Any) -> Any:
    """The arrays known and those of more tensors; ValueError unless these are alike."""
    raws = list(known)
    for x in tensors:
        if type(x) is not Tensor or x._n is not None:
            raise ValueError
        a = x._a
        if type(a) is not t or a.dtype is not d or a.shape != shape:
            raise ValueError
        raws.append(a)
    return raws
