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
from ..engine.tensor import Tensor

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
