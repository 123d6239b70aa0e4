"""torch.fx.operator_schemas: the arguments of a call as its signature names them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .node import ArgsKwargsPair

__all__ = ["ArgsKwargsPair", "get_signature_for_torch_op", "normalize_function", "normalize_module"]


def get_signature_for_torch_op(op: Callable[..., Any], return_schemas: bool = False) -> Any:
    """The signatures of a public function, in a list; None for what has none.

    op: the function. return_schemas: accepted.

    >>> torch.fx.operator_schemas.get_signature_for_torch_op(torch.relu)
    [<Signature (input)>]
    """
    try:
        signature = inspect.signature(op)
    except (TypeError, ValueError):
        return None
    kept = [p for p in signature.parameters.values() if p.name != "numpy_names"]
    return [signature.replace(parameters=kept)]


def normalize_function(
    target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None,
    arg_types: Any = None, kwarg_types: Any = None, normalize_to_only_use_kwargs: bool = False,
) -> ArgsKwargsPair | None:  # fmt: skip
    """All arguments of a call, defaults too; None for what has no signature or is called wrongly.

    target: the function. args: its arguments. kwargs: those by name. arg_types, kwarg_types:
    accepted. normalize_to_only_use_kwargs: give all of them by name.

    >>> f = torch.fx.operator_schemas.normalize_function
    >>> f(torch.nn.functional.relu, (1,), normalize_to_only_use_kwargs=True)
    ArgsKwargsPair(args=(), kwargs={'input': 1, 'inplace': False})
    """
    found = get_signature_for_torch_op(target)
    return None if found is None else filled(found[0], args, kwargs, normalize_to_only_use_kwargs)


def normalize_module(
    root: Any, target: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None,
    normalize_to_only_use_kwargs: bool = False,
) -> ArgsKwargsPair | None:  # fmt: skip
    """The same for a call of a module of root.

    root: the module that has it. target: its path. args: the arguments. kwargs: those by name.
    normalize_to_only_use_kwargs: give all of them by name.

    >>> root = nn.Sequential(nn.ReLU())
    >>> torch.fx.operator_schemas.normalize_module(root, "0", (1,), {}, True)
    ArgsKwargsPair(args=(), kwargs={'input': 1})
    """
    signature = inspect.signature(root.get_submodule(target).forward)
    return filled(signature, args, kwargs, normalize_to_only_use_kwargs)


def filled(signature: inspect.Signature, args: Any, kwargs: Any, named: bool) -> Any:
    """Arguments bound to a signature, with its defaults."""
    try:
        bound = signature.bind(*args, **(kwargs or {}))
    except TypeError:
        return None
    bound.apply_defaults()
    if not named:
        return ArgsKwargsPair(bound.args, bound.kwargs)
    by_name: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            return None
        by_name.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    return ArgsKwargsPair((), by_name)
