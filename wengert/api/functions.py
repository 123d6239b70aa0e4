"""Every public function as an attribute: `functions.matmul`, `functions.zeros`; built at first use.

Layers above write `from wengert.api import functions as T`.
"""

from __future__ import annotations

import functools
from typing import Any

from ..arrays.lookup import NUMBER
from ..base.absent import not_yet
from ..base.modes import everyone
from ..engine.entry import build_short
from ..engine.fast_paths import F32, F64
from ..engine.op import OPS, Op
from ..engine.op_modes import WHOLE, seen_whole
from ..engine.registry import FUNCTIONS
from ..engine.signature import callable_of
from ..engine.tensor import Tensor
from ..engine.views import check_inplace, mutated, overlaps
from . import catalogue, overrides

catalogue.load()


def resolve(namespace: str, name: str) -> Any:
    """The public function of a namespace, ready to call."""
    try:
        f = FUNCTIONS[namespace][name]
    except KeyError:
        raise not_yet(f"torch.{namespace}".removesuffix("."), name) from None
    full = f"torch.{namespace}".removesuffix(".") + f".{name}"
    return overrides.made(finished(f, name, namespace), full)


def front(scope: dict[str, Any], namespace: str, *more: str) -> tuple[Any, Any]:
    """__getattr__ and __dir__ of the module with the functions of a namespace, which are made at
    first use. more: other public names that the module has.
    """

    def names() -> list[str]:
        return sorted({*FUNCTIONS.get(namespace, {}), *more})

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return [n for n in names() if not n.startswith("_")]
        if name.startswith("__"):
            raise AttributeError(name)
        f = scope[name] = resolve(namespace, name)
        return f

    return __getattr__, names


def finished(d: Any, name: str, namespace: str = "", method: bool = False) -> Any:
    """The callable of a declared function under a name; classes are what they are."""
    if isinstance(d, type):
        return d
    front: Any = None
    if d.inplace and d.name in DIRECT and name.endswith("_"):
        front = functools.partial(in_own_memory, OPS[d.name])
    elif method and name in COMMONEST:
        front = functools.partial(build_short, OPS[COMMONEST[name]])
    made = callable_of(d, name, namespace, method, front)
    return seen_whole(made, d.name) if d.name in WHOLE else made


COMMONEST = {
    "view": "view",
    "reshape": "reshape",
}  # method -> op of its commonest call
DIRECT = {"add", "sub", "mul", "div"}  # libraries write these into memory that is given


def direct(op: Op, x: Tensor, y: Any) -> bool:
    """Whether x was changed by y in its own memory: if both are unrecorded and of one dtype, or y
    is a number.
    """
    if type(x) is not Tensor or x._n is not None:
        return False
    a = x._a
    d, t = a.dtype, type(a)
    f: Any = op.impl.get(t)
    if getattr(f, "nin", 0) != 2:
        return False
    if type(y) is Tensor:
        if y._n is not None or type(y._a) is not t or y._a.dtype is not d:
            return False
        y = y._a
        if y is not a and not (y.base is None and a.base is None) and overlaps(a, y):
            return False
    elif (type(y) is float or type(y) is int) and (d is F32 or d is F64):
        y = NUMBER[t](y, d)
    else:
        return False
    if x._x is not None or 0 in a.strides or everyone.running:
        check_inplace(x, op.name + "_")
    try:
        f(a, y, a)
    except (TypeError, ValueError):  # the long way says what is wrong
        return False
    mutated(x)
    return True


def in_own_memory(op: Op, careful: Any) -> Any:
    """NAME_ with direct() first."""

    def g(self: Any, *args: Any, **kw: Any) -> Any:
        if len(args) == 1 and not kw and direct(op, self, args[0]):
            return self
        return careful(self, *args, **kw)

    return g


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = resolve("", name)
    globals()[name] = f
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS[""])
