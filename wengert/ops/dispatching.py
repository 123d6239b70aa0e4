"""__torch_dispatch__: classes and modes that stand in for operators, below the recording of graphs.

Who is asked, and in which order. What tensors of such classes hold is in `api/classed.py`, which
also says which operators an op is for them (`aten_calls.py`).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..base.modes import no_grad
from ..engine.tensor import Tensor, wrap


class _Here(threading.local):
    """What one thread has asked for."""

    modes: tuple[Any, ...] = ()  # the innermost last
    off = False  # whether nobody is asked


HERE = _Here()
CLASSES: weakref.WeakSet[type] = weakref.WeakSet()  # the subclasses of Tensor that stand in
# f(class, array, require_grad): a tensor of such a class; set by api/classed.py
attach: list[Any] = []


def disabled(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The __torch_dispatch__ of classes that do not stand in."""
    with switched_off():
        return func(*args, **(kwargs or {}))


DISABLED = classmethod(disabled)


def stands_in(cls: type) -> bool:
    """Whether a class has a __torch_dispatch__ of its own."""
    f = getattr(cls, "__torch_dispatch__", None)
    return f is not None and getattr(f, "__func__", None) is not disabled


@contextmanager
def switched_off() -> Iterator[None]:
    """Nobody stands in within; tensors of such classes count as what they hold."""
    before, HERE.off = HERE.off, True
    try:
        yield
    finally:
        HERE.off = before


def overriding(args: Any, kwargs: Any) -> list[Any]:
    """The tensors among the arguments, and in lists of them, whose classes stand in: one of each,
    subclasses first.
    """
    found: list[Any] = []
    for a in (*args, *kwargs.values()):
        for x in a if isinstance(a, (list, tuple)) else (a,):
            t = type(x)
            if t in CLASSES and not any(type(y) is t for y in found):
                at = next((i for i, y in enumerate(found) if issubclass(t, type(y))), len(found))
                found.insert(at, x)
    return found


def held(args: Any) -> list[Any]:
    """Arguments with what tensors of such classes hold in their place."""
    return [
        wrap(a._a.content)
        if type(a) in CLASSES
        else type(a)(held(a))
        if type(a) in (list, tuple)
        else a
        for a in args
    ]


def send(func: Any, args: Any, kwargs: Any) -> Any:
    """The result of an operator: of the innermost mode, else of the classes of the arguments, else
    of the operator itself.
    """
    if HERE.off:
        return func.run(*held(args), **dict(zip(kwargs, held(kwargs.values()))))
    modes, found = HERE.modes, overriding(args, kwargs)
    if not (modes or found):
        return func.run(*args, **kwargs)
    types = tuple([type(x) for x in found])
    asked = []
    with no_grad():
        if modes:
            mode = modes[-1]
            HERE.modes = modes[:-1]
            try:
                result = mode.__torch_dispatch__(func, types, args, kwargs)
            finally:
                HERE.modes = modes
            if result is not NotImplemented:
                return result
            asked.append(f"mode object {mode}")
        for x in found:
            result = type(x).__torch_dispatch__(func, types, args, kwargs)
            if result is not NotImplemented:
                return result
            asked.append(f"tensor subclass {type(x)}")
    lines = "".join([f"\n  - {who}" for who in asked])
    raise TypeError(
        f"Multiple dispatch failed for 'torch._ops.{func}'; all __torch_dispatch__ handlers"
        f" returned NotImplemented:\n{lines}"
    )


def is_traceable_wrapper_subclass(t: Any) -> bool:
    """Whether a tensor's class says what it holds, by __tensor_flatten__ and __tensor_unflatten__.

    t: the tensor.

    >>> torch.utils._python_dispatch.is_traceable_wrapper_subclass(torch.ones(2))
    False
    """
    return (
        isinstance(t, Tensor)
        and type(t) is not Tensor
        and hasattr(t, "__tensor_flatten__")
        and hasattr(t, "__tensor_unflatten__")
    )


def return_and_correct_aliasing(func: Any, args: Any, kwargs: Any, out: Any) -> Any:
    """What a __torch_dispatch__ returns: of an operator that changes its first argument in place
    that argument itself, else out.

    func: the operator. args: its arguments. kwargs: those by name. out: the result.

    >>> x = torch.ones(2)
    >>> rule = torch.utils._python_dispatch.return_and_correct_aliasing
    >>> rule(torch.ops.aten.add_.Tensor, (x, 1), {}, torch.zeros(2)) is x
    True
    """
    if not func._schema.is_mutable:
        return out
    return (kwargs or {}).get("out", args[0] if args else out)
