"""Every public function as an attribute: `functions.matmul`, `functions.zeros`; built at first use.

Layers above write `from wengert.api import functions as T`.
"""

from __future__ import annotations

from typing import Any

from ..base.absent import not_yet
from ..declare.registry import FUNCTIONS
from ..declare.signature import callable_of
from ..ops.dispatching import stands_in
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


def hear(cls: type) -> None:
    """A subclass of Tensor was defined: if it stands in for operators, all is made ready for it."""
    if stands_in(cls):
        from .classed import classed  # only where there are such classes

        classed(cls)


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
    return callable_of(d, name, namespace, method)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = resolve("", name)
    globals()[name] = f
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS[""])
