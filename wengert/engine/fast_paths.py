"""Short ways into public functions: the commonest call, on unrecorded arrays of a plain float
dtype, goes straight to the array library.

A short form takes only what it is sure of. All else (keywords, odd arguments, other dtypes,
recorded tensors, interpreters, errors) goes to the careful function that it stands in front of.
What lives here are the forms that many functions share; others stand beside their functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.lookup import NS
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


def shortened(f: Any, careful: Any) -> Any:
    """careful behind the short form that f was given, if it was."""
    form = getattr(f, "__wengert_short__", None)
    return careful if form is None else functools.update_wrapper(form(careful), careful)


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


def along(op: Op) -> Callable[[Any], Any]:
    """The form of f(input, dim, keepdim) for one int dim, over an op of these arguments."""
    find = op.impl.get

    def form(careful: Any) -> Any:
        def f(input: Any = ABSENT, dim: Any = ABSENT, keepdim: Any = False, **kw: Any) -> Any:
            if type(dim) is int and type(input) is Tensor and input._n is None and not kw:
                a = input._a
                d = a.dtype
                run = find(type(a))
                if (d is F32 or d is F64) and run is not None:
                    n = a.ndim
                    at = dim if dim >= 0 else dim + n
                    if 0 <= at < n and (keepdim is False or keepdim is True):
                        try:
                            r = run(a, at, keepdim)
                        except (ValueError, IndexError):  # nothing to reduce
                            return careful(input, dim, keepdim)
                        if type(r) is type(a):
                            t = _new(Tensor)
                            t._a = r
                            t._n = t._x = None
                            return t
            if keepdim is not False:
                kw["keepdim"] = keepdim
            return careful(input, **kw) if dim is ABSENT else careful(input, dim, **kw)

        return f

    return form


def at(op: Op) -> Callable[[Any], Any]:
    """The form of f(input, dim) for an int dim that counts from the front."""
    find = op.impl.get

    def form(careful: Any) -> Any:
        def f(input: Any = ABSENT, dim: Any = ABSENT, **kw: Any) -> Any:
            if type(dim) is int and type(input) is Tensor and input._n is None and not kw:
                a = input._a
                d = a.dtype
                run = find(type(a))
                if (d is F32 or d is F64) and run is not None and 0 <= dim < a.ndim:
                    t = _new(Tensor)
                    t._a = run(a, dim)
                    t._n = t._x = None
                    return t
            return careful(input, **kw) if dim is ABSENT else careful(input, dim, **kw)

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


def whole(op: Op, *static: Any) -> Callable[[Any], Any]:
    """The form of f(input) without further arguments, which are `static` to the op; of any
    dtype.
    """
    find = op.impl.get

    def form(careful: Any) -> Any:
        def f(input: Any = ABSENT, *args: Any, **kw: Any) -> Any:
            if type(input) is Tensor and input._n is None and not (args or kw):
                a = input._a
                run = find(type(a))
                if run is not None and a.ndim and a.size:
                    r = run(a, *static)
                    return plain(r if type(r) is type(a) else NS[type(a)].asarray(r))
            return careful(input, *args, **kw)

        return f

    return form
