"""Nested tuples, lists and dicts as trees: flatten to leaves, rebuild."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """(leaves, structure) of nested tuples, lists, dicts and named tuples."""
    leaves: list[Any] = []
    return leaves, _structure(tree, leaves)


def _structure(x: Any, leaves: list[Any]) -> Any:
    # functions of their own: one that refers to itself from inside another is a reference cycle
    if isinstance(x, (list, tuple)):
        return (type(x), None, [_structure(v, leaves) for v in x])
    if isinstance(x, dict):
        return (type(x), list(x), [_structure(v, leaves) for v in x.values()])
    leaves.append(x)
    return None


def unflatten(leaves: list[Any], structure: Any) -> Any:
    """The tree of a structure with these leaves."""
    return _built(structure, iter(leaves))


def _built(s: Any, leaves: Iterator[Any]) -> Any:
    if s is None:
        return next(leaves)
    cls, keys, inside = s
    values = [_built(v, leaves) for v in inside]
    if keys is not None:
        return cls(zip(keys, values)) if cls in (dict, OrderedDict) else dict(zip(keys, values))
    return cls(*values) if hasattr(cls, "_fields") else cls(values)


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with f applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten([f(x) for x in leaves], structure)
