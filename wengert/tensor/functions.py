"""Every public function as an attribute: `functions.matmul`, `functions.zeros`; built at first use.

Layers above write `from wengert.tensor import functions as T`.
"""

from __future__ import annotations

import builtins  # torch's any, sum, ... become globals of this module
import functools
import inspect
from typing import Any

from ..engine.dispatch import write_out
from ..engine.op import FUNCTIONS, METHODS, Op
from ..engine.tensor import Tensor
from ..engine.views import inplace
from . import catalogue

catalogue.load()


def resolve(namespace: str, name: str) -> Any:
    """The public function of a namespace, ready to call."""
    try:
        f = FUNCTIONS[namespace][name]
    except KeyError:
        raise AttributeError(f"module 'torch{'.' + namespace if namespace else ''}' has no attribute {name!r}") from None
    # functions of nn.functional with out= say so themselves; the others are spared a call
    return f if namespace == "nn.functional" and not isinstance(f, Op) else finished(f, name)


def finished(f: Any, name: str) -> Any:
    """An op's entry; a public function with out= added unless it takes care of that itself."""
    if isinstance(f, Op):
        return f.entry
    done = getattr(f, "__wengert_finished__", None)
    if done is None:
        done = f if name.endswith("_") or not takes_tensor(f) else with_out(f)
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
        return r if out is None else write_out(f.__wengert_name__, r, out)

    return g


def derive_inplace(name: str) -> Any:
    """name_ from the function name, for functions that have no in-place form of their own."""
    f = method(name)

    def g(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return inplace(self, name + "_", f(self, *args, **kwargs))

    g.__name__ = name + "_"
    g.__doc__ = f"{name}() in place."
    return g


def method(name: str) -> Any:
    """The function behind Tensor.NAME."""
    f = METHODS[name]
    return f.entry if isinstance(f, Op) else f


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name not in FUNCTIONS[""] and name.endswith("_") and name[:-1] in METHODS:
        f = derive_inplace(name[:-1])
    else:
        f = resolve("", name)
    globals()[name] = f
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS[""])
