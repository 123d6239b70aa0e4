"""What libraries take from torch.utils._pytree beside its public functions: how each class of
containers is taken apart, data classes as containers, prefixes of trees.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any

from .pytree import (
    NODES,
    GetAttrKey,
    IsLeaf,
    TreeSpec,
    _selects,
    kind_of,
    register_pytree_node,
    tree_is_leaf,
    tree_leaves,
)

__all__ = [
    "arg_tree_leaves", "broadcast_to_and_flatten", "deregister_pytree_node", "map_only", "parts",
    "register_constant", "register_dataclass",
]  # fmt: skip

KINDS = {
    "tuple": tuple, "list": list, "dict": dict, "ordereddict": OrderedDict,
    "defaultdict": defaultdict, "deque": deque, "namedtuple": namedtuple,
}  # fmt: skip


def parts() -> dict[str, Callable[..., Any]]:
    """`_dict_flatten`, `_dict_unflatten`, `_dict_flatten_with_keys` and those of the others."""
    found: dict[str, Callable[..., Any]] = {}
    for name, kind in KINDS.items():
        node = NODES[kind]
        found[f"_{name}_flatten"] = node.flatten
        found[f"_{name}_unflatten"] = node.unflatten
        if node.keys is not None:
            found[f"_{name}_flatten_with_keys"] = node.keys
    return found


def arg_tree_leaves(*args: Any, **kwargs: Any) -> list[Any]:
    """The leaves of all arguments."""
    return tree_leaves((args, kwargs))


def map_only(types: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function changes objects of these types, and leaves the others alone.

    >>> map_only(int)(lambda n: n + 1)(2.5)
    2.5
    """
    wanted = _selects(types)
    return lambda f: lambda x: f(x) if wanted(x) else x


def deregister_pytree_node(cls: Any) -> None:
    """Make instances of a class leaves again."""
    NODES.pop(cls, None)


def register_dataclass(
    cls: type,
    *,
    field_names: Iterable[str] | None = None,
    drop_field_names: Iterable[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Make a data class a container of its fields."""
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"register_dataclass: {cls} is no dataclass")
    dropped = set(drop_field_names or ())
    every = [f.name for f in dataclasses.fields(cls) if f.init]
    names = [n for n in (every if field_names is None else field_names) if n not in dropped]

    def flatten(x: Any) -> tuple[list[Any], Any]:
        there = [n for n in names if getattr(x, n) is not None]
        return [getattr(x, n) for n in there], [there, [n for n in names if n not in there]]

    def unflatten(children: Iterable[Any], context: Any) -> Any:
        there, absent = context
        return cls(**dict(zip(there, children)), **dict.fromkeys(absent))

    def with_keys(x: Any) -> tuple[list[Any], Any]:
        values, context = flatten(x)
        return [(GetAttrKey(n), v) for n, v in zip(context[0], values)], context

    register_pytree_node(
        cls, flatten, unflatten, serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=with_keys,
    )  # fmt: skip


def register_constant(cls: Any) -> None:
    """Make a class a container without children: its instances belong to the structure."""
    register_pytree_node(cls, lambda x: ([], x), lambda _, x: x)


def broadcast_to_and_flatten(
    tree: Any, treespec: TreeSpec, is_leaf: IsLeaf | None = None
) -> list[Any] | None:
    """The leaves of a tree whose own leaves may stand for whole branches of treespec; None where
    it does not fit.
    """
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or kind_of(tree) != treespec.type:
        return None
    children, context = NODES[treespec.type].flatten(tree)
    branches = treespec.children()
    if len(list(children)) != len(branches) or context != treespec.context:
        return None
    found: list[Any] = []
    for child, branch in zip(children, branches):
        row = broadcast_to_and_flatten(child, branch, is_leaf)
        if row is None:
            return None
        found += row
    return found
