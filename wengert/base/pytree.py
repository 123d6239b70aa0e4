"""Nested tuples, lists and dicts as trees: flatten to leaves, rebuild."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """(leaves, structure) of nested tuples, lists, dicts and named tuples."""
    leaves: list[Any] = []

    def walk(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return (type(x), None, [walk(v) for v in x])
        if isinstance(x, dict):
            return (type(x), list(x), [walk(v) for v in x.values()])
        leaves.append(x)
        return None

    return leaves, walk(tree)


def unflatten(leaves: list[Any], structure: Any) -> Any:
    """The tree of a structure with these leaves."""
    it: Iterator[Any] = iter(leaves)

    def build(s: Any) -> Any:
        if s is None:
            return next(it)
        cls, keys, inside = s
        values = [build(v) for v in inside]
        if keys is not None:
            return cls(zip(keys, values)) if cls in (dict, OrderedDict) else dict(zip(keys, values))
        return cls(*values) if hasattr(cls, "_fields") else cls(values)

    return build(structure)


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with f applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten([f(x) for x in leaves], structure)
