"""Every public function as an attribute: `functions.matmul`, `functions.zeros`; built at first use.

Layers above write `from wengert.api import functions as T`.
"""

from __future__ import annotations

import builtins  # torch's any, sum, ... become globals of this module
import functools
import inspect
from typing import Any

from ..arrays.lookup import NUMBER, namespace
from ..base.absent import not_yet
from ..base.modes import everyone, state
from ..engine.dispatch import write_out
from ..engine.entry import build_short
from ..engine.fast_paths import F32, F64, shortened
from ..engine.op import FUNCTIONS, METHODS, OPS, Op
from ..engine.op_modes import WHOLE, seen_whole
from ..engine.registry import Declared
from ..engine.signature import callable_of
from ..engine.tensor import Tensor, wrap
from ..engine.views import become, check_inplace, check_operands, inplace, mutated, overlaps
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


def finished(f: Any, name: str, namespace: str = "", method: bool = False) -> Any:
    """An op's entry; a public function with out= added unless it takes care of that itself."""
    if isinstance(f, Declared):
        front: Any = None
        if f.inplace and f.name in DIRECT and name.endswith("_"):
            front = functools.partial(in_own_memory, OPS[f.name])
        elif method and name in COMMONEST:
            front = functools.partial(build_short, OPS[COMMONEST[name]])
        made = callable_of(f, name, namespace, method, front)
        return seen_whole(made, f.name) if f.name in WHOLE else made
    if method and name in COMMONEST:
        return build_short(OPS[COMMONEST[name]], finished(f, name))
    if isinstance(f, Op):
        return f.entry
    done = getattr(f, "__wengert_finished__", None)
    if done is None:
        done = f if name.endswith("_") or not takes_tensor(f) else with_out(f)
        done = shortened(f, done)
        called = getattr(f, "__wengert_name__", name)
        if called in WHOLE:
            done = seen_whole(done, called)
        f.__wengert_finished__ = done
    return done


@functools.cache
def parameters(f: Any) -> Any:
    return inspect.signature(f).parameters


def takes_tensor(f: Any) -> bool:
    """Whether out= is still to be added: the function has no such parameter and no **kwargs."""
    ps = parameters(f)
    return "out" not in ps and not builtins.any(p.kind is p.VAR_KEYWORD for p in ps.values())


def with_out(f: Any) -> Any:
    """f with an out= argument."""

    @functools.wraps(f)
    def g(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        r = f(*args, **kwargs)
        if out is None:
            return r
        name = f.__wengert_name__
        if isinstance(out, Tensor) and name in OPS and OPS[name].kind == "elementwise":
            check_operands(out, name, args)
        return write_out(name, r, out)

    return g


RESHAPING = {
    "squeeze",
    "unsqueeze",
    "t",
    "transpose",
    "swapaxes",
    "swapdims",
    "as_strided",
}  # in place: another view of self


COMMONEST = {
    "view": "view",
    "reshape": "reshape",
    "sum": "sum_all",
    "mean": "mean_all",
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


def derive_inplace(name: str) -> Any:
    """name_ from the function name, for functions that have no in-place form of their own."""
    f = method(name)
    whole = not isinstance(METHODS[name], Op)
    op = OPS[name] if name in DIRECT else None
    pointwise = name in OPS and OPS[name].kind == "elementwise"

    def g(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if op is not None and len(args) == 1 and not kwargs and direct(op, self, args[0]):
            return self
        if pointwise and args and isinstance(self, Tensor):
            check_operands(self, name + "_", args)
        x = self
        if whole and state.grad and isinstance(self, Tensor) and recorded(self, args, kwargs):
            x = standin(self)  # several ops may save self, which is about to be overwritten
        return inplace(self, name + "_", f(x, *args, **kwargs))

    def reshaping(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_inplace(self, name + "_", True)
        become(self, f(self, *args, **kwargs))
        return self

    g = reshaping if name in RESHAPING else g
    g.__name__ = name + "_"
    g.__doc__ = f"{name}() in place."
    return g


def recorded(self: Tensor, args: Any, kwargs: Any) -> bool:
    """Whether an operation on these would be recorded."""
    return self._n is not None or builtins.any(
        isinstance(a, Tensor) and a._n is not None for a in (*args, *kwargs.values())
    )


def standin(self: Tensor) -> Tensor:
    """A copy of self's values in self's place in the graph."""
    return wrap(namespace(self._a).copy(self._a), self._n)


def method(name: str) -> Any:
    """The function behind Tensor.NAME."""
    return getattr(METHODS[name], "entry", None) or METHODS[name]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if (
        name not in FUNCTIONS[""]
        and (name.endswith("_") or name == "detach")
        and hasattr(Tensor, name)
    ):
        f = getattr(Tensor, name)  # torch.relu_(x) is x.relu_()
    else:
        f = resolve("", name)
    globals()[name] = f
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS[""])
