"""torch.overrides: which functions classes and modes can stand in for, and what they are called.

How they stand in is in `overrides.py`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from ..declare.registry import FUNCTIONS, Declared
from ..engine.tensor import Tensor
from .overrides import (
    ACCESS,
    HERE,
    IGNORED,
    NAMES,
    PLAIN_RESULTS,
    as_known,
    named_by,
    public_functions,
)

SPACES = ("", "nn.functional", "linalg", "fft", "special", "nn.init")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether func is a method of Tensor.

    >>> torch.overrides.is_tensor_method_or_property(torch.Tensor.add)
    True
    """
    return getattr(func, "__name__", "") in ACCESS or any(f is func for f in vars(Tensor).values())


def resolve_name(f: Any) -> str | None:
    """The name of a public function: "torch.add".

    f: the function.

    >>> torch.overrides.resolve_name(torch.add)
    'torch.add'
    """
    f = named_by(f)
    if f not in NAMES:
        NAMES.update({g: name for name, g in public_functions() if g not in NAMES})
    if f in NAMES:
        name = NAMES[f]
        if name.startswith("torch.Tensor."):  # one function for both
            both = name.rpartition(".")[2]
            if vars(sys.modules["wengert.api.functions"]).get(both) is f:
                return f"torch.{both}"
        return name
    return None


@functools.cache
def get_default_nowrap_functions() -> set[Any]:
    """What reads attributes that stay plain tensors in subclasses.

    >>> torch.Tensor.grad.__get__ in torch.overrides.get_default_nowrap_functions()
    True
    """
    homes = [name.rpartition(".")[0] for name in PLAIN_RESULTS]
    return {vars(Tensor)[home.rpartition(".")[2]].__get__ for home in homes}


@functools.cache
def get_ignored_functions() -> set[Any]:
    """Public functions for which nobody can stand in, and those that make tensors of no tensors.

    >>> torch.ones in torch.overrides.get_ignored_functions()
    True
    """
    T = sys.modules["wengert.api.functions"]
    names = {*IGNORED, *[n for n, d in FUNCTIONS[""].items() if makes_of_nothing(d)]}
    return {f for f in (getattr(T, n, None) for n in names) if f is not None}


def makes_of_nothing(d: Any) -> bool:
    """Whether no overload of a declared function takes a tensor."""
    return isinstance(d, Declared) and not any(
        kind.startswith("Tensor")
        for o in d.functions
        for p in o.parameters
        for kind in p.type.kinds
    )


def everything() -> list[tuple[str, Any]]:
    """public_functions() after all of them were made, as users have them."""
    for space in SPACES:
        module = importlib.import_module(f"wengert.{space}".removesuffix("."))
        for name in FUNCTIONS.get(space, ()):
            getattr(module, name)
    for name in dir(Tensor):
        getattr(Tensor, name, None)
    ignored = get_ignored_functions()
    return [(name, as_known(f)) for name, f in public_functions() if f not in ignored]


def get_overridable_functions() -> dict[Any, list[Any]]:
    """Module -> the functions for which classes and modes can stand in.

    >>> torch.add in torch.overrides.get_overridable_functions()[torch]
    True
    """
    found: dict[Any, list[Any]] = {}
    for name, f in everything():
        home: Any = sys.modules["wengert"]
        parts = name.split(".")
        for part in parts[1:-1]:
            home = vars(Tensor)[part] if home is Tensor else getattr(home, part)
        found.setdefault(home, []).append(f)
    return found


def get_testing_overrides() -> dict[Any, Any]:
    """Function -> a function of the same arguments that returns -1.

    >>> torch.add in torch.overrides.get_testing_overrides()
    True
    """
    made_up: dict[Any, Any] = {}
    for _, f in everything():
        try:
            signature = inspect.signature(named_by(f))
        except (TypeError, ValueError):
            continue

        def stand_in(*args: Any, **kwargs: Any) -> int:
            return -1

        stand_in.__signature__ = signature  # type: ignore[attr-defined]
        made_up[f] = stand_in
    return made_up


def _get_current_function_mode() -> Any:
    """The mode that was entered last, or None."""
    return HERE.modes[-1] if HERE.modes else None


def _get_current_function_mode_stack() -> list[Any]:
    """The modes that are entered, the innermost last."""
    return list(HERE.modes)
