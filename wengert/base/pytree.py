"""Nested containers as trees: flatten to leaves, rebuild, map; register classes of containers.

The transforms use these, and scripts know them as torch.utils._pytree.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import returns
from .size import Size

PyTree = Context = Any
IsLeaf = Callable[[Any], bool]


# ---- paths: what leads from a container to one of its children


@dataclass(frozen=True)
class SequenceKey:
    """Item number idx."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, parent: Any) -> Any:
        return parent[self.idx]


@dataclass(frozen=True)
class MappingKey:
    """The item under a key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, parent: Any) -> Any:
        return parent[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """The attribute of a name."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, parent: Any) -> Any:
        return getattr(parent, self.name)


def keystr(kp: Iterable[Any]) -> str:
    """A path as it is written in Python.

    >>> keystr((SequenceKey(1), MappingKey("a")))
    "[1]['a']"
    """
    return "".join([str(k) for k in kp])


def key_get(obj: Any, kp: Iterable[Any]) -> Any:
    """What stands at a path."""
    return functools.reduce(lambda at, key: key.get(at), kp, obj)


# ---- which classes are containers


class Node(NamedTuple):
    """How a class of containers is taken apart: into children and a context, and back."""

    flatten: Callable[[Any], tuple[Any, Any]]
    unflatten: Callable[[Any, Any], Any]
    keys: Callable[[Any], tuple[Any, Any]] | None = None  # the same with (key, child) pairs
    name: str | None = None  # in a text made by treespec_dumps
    to_text: Callable[[Any], Any] | None = None
    from_text: Callable[[Any], Any] | None = None


def _items(x: Any) -> tuple[list[Any], Any]:
    return list(x), None


def _indexed(x: Any) -> tuple[list[Any], Any]:
    return [(SequenceKey(i), v) for i, v in enumerate(x)], None


def _values(x: Any) -> tuple[list[Any], Any]:
    return list(x.values()), list(x)


def _keyed(x: Any) -> tuple[list[Any], Any]:
    return [(MappingKey(k), v) for k, v in x.items()], list(x)


def _of_default(context: Any) -> Any:
    factory, keys = context
    home = {
        "default_factory_module": factory.__module__,
        "default_factory_name": factory.__qualname__,
    }
    return {**home, "dict_context": keys}


def _to_default(text: Any) -> Any:
    home = importlib.import_module(text["default_factory_module"])
    return [getattr(home, text["default_factory_name"]), text["dict_context"]]


NODES: dict[Any, Node] = {
    tuple: Node(_items, lambda c, _: tuple(c), _indexed, "builtins.tuple"),
    list: Node(_items, lambda c, _: list(c), _indexed, "builtins.list"),
    Size: Node(_items, lambda c, _: tuple(c), _indexed, "torch.Size"),
    dict: Node(_values, lambda c, keys: dict(zip(keys, c)), _keyed, "builtins.dict"),
    OrderedDict: Node(
        _values, lambda c, keys: OrderedDict(zip(keys, c)), _keyed, "collections.OrderedDict"
    ),
    defaultdict: Node(
        lambda x: (list(x.values()), [x.default_factory, list(x)]),
        lambda c, context: defaultdict(context[0], zip(context[1], c)),
        lambda x: (_keyed(x)[0], [x.default_factory, list(x)]),
        "collections.defaultdict", _of_default, _to_default,
    ),
    deque: Node(
        lambda x: (list(x), x.maxlen), lambda c, n: deque(c, maxlen=n),
        lambda x: (_indexed(x)[0], x.maxlen), "collections.deque",
    ),
    namedtuple: Node(
        lambda x: (list(x), type(x)), lambda c, cls: cls(*c),
        lambda x: ([(GetAttrKey(k), getattr(x, k)) for k in x._fields], type(x)),
    ),
}  # fmt: skip


def register_pytree_node(
    cls: Any,
    flatten_fn: Callable[[Any], tuple[Any, Any]],
    unflatten_fn: Callable[[Any, Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[Any, Any]] | None = None,
) -> None:
    """Make a class a container: flatten_fn(x) -> (children, context), unflatten_fn(children,
    context) -> x. ValueError if it is one already.
    """
    if cls in NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(
            f"Both to_dumpable_context and from_dumpable_context for {cls} must be "
            "None or registered."
        )
    NODES[cls] = Node(
        flatten_fn, unflatten_fn, flatten_with_keys_fn, serialized_type_name,
        to_dumpable_context, from_dumpable_context,
    )  # fmt: skip


def pytree_register_structseq(cls: Any) -> None:
    """Make a class of struct sequences a container of torch.utils._pytree.

    cls: the class, made from one sequence. ValueError: it is registered already.

    >>> import os
    >>> torch.return_types.pytree_register_structseq(os.times_result)
    """
    register_pytree_node(
        cls, lambda x: (list(x), None), lambda items, _: cls(items), flatten_with_keys_fn=_indexed
    )


for _cls in returns.TYPES.values():
    pytree_register_structseq(_cls)
returns.on_class.append(pytree_register_structseq)


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class was made by collections.namedtuple or typing.NamedTuple."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_namedtuple(obj: Any) -> bool:
    """Whether obj is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether obj is a named tuple."""
    return is_namedtuple_class(type(obj))


def kind_of(x: Any) -> Any:
    """The class under which x is registered as a container; None for leaves."""
    cls = type(x)
    if cls in NODES:
        return cls
    return namedtuple if is_namedtuple_class(cls) else None


# ---- structure


class TreeSpec:
    """The structure of a tree: a class of containers, its context and the structures inside.

    A leaf has the class None.
    """

    __slots__ = ("type", "context", "_children", "num_leaves", "flat")
    flat: Any  # tuple or list where they hold leaves alone (see `flatten`)

    def __init__(self, type: Any, context: Any, children_specs: list[Any]) -> None:
        self.flat = None
        self.type, self.context, self._children = type, context, children_specs
        self.num_leaves = sum([c.num_leaves for c in children_specs]) if type is not None else 1

    @property
    def num_nodes(self) -> int:
        """How many containers and leaves."""
        return 1 + sum([c.num_nodes for c in self._children])

    @property
    def num_children(self) -> int:
        """How many children the outermost container has."""
        return len(self._children)

    @property
    def children_specs(self) -> list[Any]:
        """The structures of the children."""
        return self._children

    def children(self) -> list[Any]:
        """The structures of the children."""
        return list(self._children)

    def child(self, index: int) -> Any:
        """The structure of one child."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether this is a single leaf."""
        return self.type is None

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of a tree that stand where this structure has its leaves."""
        found: list[Any] = []
        self._take(tree, found)
        return found

    def _take(self, tree: Any, found: list[Any]) -> None:
        if self.type is None:
            found.append(tree)
            return
        kind = kind_of(tree)
        dicts = (dict, OrderedDict, defaultdict)
        if kind is not self.type and not (kind in dicts and self.type in dicts):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        parts, context = NODES[kind].flatten(tree)
        parts = list(parts)
        if len(parts) != len(self._children):
            raise ValueError(
                f"Node arity mismatch; expected {len(self._children)}, but got {len(parts)}."
            )
        if kind in dicts:
            keys = self.context[1] if self.type is defaultdict else self.context
            missing, extra = set(keys) - set(tree), set(tree) - set(keys)
            if missing or extra:
                told = f"; missing key(s): {missing}" if missing else ""
                told += f"; extra key(s): {extra}" if extra else ""
                raise ValueError(f"Node keys mismatch{told}.")
            parts = [tree[k] for k in keys]
        elif context != self.context and self.type is not deque:
            raise ValueError(
                f"Node context mismatch for custom node type {self.type!r}: {self.context!r} and "
                f"{context!r}."
            )
        for spec, part in zip(self._children, parts):
            spec._take(part, found)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this structure with these leaves; ValueError for another number of them."""
        leaves = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers"
                f" to a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._built(iter(leaves))

    def _built(self, leaves: Iterator[Any]) -> Any:
        if self.type is None:
            return next(leaves)
        parts = [next(leaves) if c.type is None else c._built(leaves) for c in self._children]
        return parts if self.type is list else NODES[self.type].unflatten(parts, self.context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and (self.type, self.context, self._children) == (
            other.type, other.context, other._children
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.type, str(self.context), tuple(self._children)))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        inner = [c.__repr__(indent + 2) for c in self._children]
        joined = (",\n" + " " * (indent + 2)).join(inner)
        return f"TreeSpec({self.type.__name__}, {self.context!r}, [{joined}])"


LEAF = TreeSpec(None, None, [])


def LeafSpec() -> TreeSpec:
    """The structure of a single leaf."""
    return LEAF


# ---- walking


def tree_flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeSpec]:
    """(leaves, structure) of a tree; is_leaf(x): whether to stop at x.

    >>> tree_flatten({"a": 1, "b": (2, [3])})[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _taken(tree, leaves, is_leaf)


def _taken(x: Any, leaves: list[Any], is_leaf: IsLeaf | None) -> TreeSpec:
    # a function of its own: one that refers to itself from inside another is a reference cycle
    kind: Any = type(x)
    if kind not in NODES:
        kind = namedtuple if is_namedtuple_class(kind) else None
    if kind is None or (is_leaf is not None and is_leaf(x)):
        leaves.append(x)
        return LEAF
    children, context = (x, None) if kind is tuple or kind is list else NODES[kind].flatten(x)
    specs = []
    for c in children:
        if is_leaf is None and type(c) not in NODES and not isinstance(c, tuple):
            leaves.append(c)  # a leaf, without a call
            specs.append(LEAF)
        else:
            specs.append(_taken(c, leaves, is_leaf))
    return TreeSpec(kind, context, specs)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a structure with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of PyTreeSpec "
            f"but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


FLAT: dict[tuple[Any, int], TreeSpec] = {}  # the structures of tuples and lists of leaves


def flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """tree_flatten of everything, quick for a leaf and for what a transform is mostly given."""
    kind: Any = type(tree)
    if kind is tuple or kind is list:
        for x in tree:
            if type(x) in NODES or isinstance(x, tuple):
                return tree_flatten(tree)
        spec = FLAT.get((kind, len(tree)))
        if spec is None:
            spec = FLAT[kind, len(tree)] = tree_flatten(tree)[1]
            spec.flat = kind
        return list(tree), spec
    return tree_flatten(tree)


def unflatten(leaves: list[Any], treespec: TreeSpec) -> Any:
    """tree_unflatten of what flatten() took apart."""
    if treespec is LEAF:
        return leaves[0]
    if treespec.flat is not None and len(leaves) == treespec.num_leaves:
        return list(leaves) if treespec.flat is list else tuple(leaves)
    return treespec.unflatten(leaves)


def tree_flatten_with_path(
    tree: Any, is_leaf: IsLeaf | None = None
) -> tuple[list[tuple[Any, Any]], TreeSpec]:
    """([(path, leaf), ...], structure) of a tree."""
    return list(_paths(tree, (), is_leaf)), tree_structure(tree, is_leaf)


def _paths(x: Any, path: Any, is_leaf: IsLeaf | None) -> Iterator[tuple[Any, Any]]:
    kind = kind_of(x)
    if kind is None or (is_leaf is not None and is_leaf(x)):
        yield path, x
        return
    keys = NODES[kind].keys
    if keys is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in keys(x)[0]:
        yield from _paths(child, (*path, key), is_leaf)


def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> list[tuple[Any, Any]]:
    """[(path, leaf), ...] of a tree."""
    return list(_paths(tree, (), is_leaf))


def tree_iter(tree: Any, is_leaf: IsLeaf | None = None) -> Iterator[Any]:
    """The leaves one by one."""
    kind = kind_of(tree)
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        yield tree
        return
    for child in NODES[kind].flatten(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: IsLeaf | None = None) -> TreeSpec:
    """The structure."""
    return tree_flatten(tree, is_leaf)[1]


def tree_is_leaf(tree: Any, is_leaf: IsLeaf | None = None) -> bool:
    """Whether x is a leaf."""
    return kind_of(tree) is None or (is_leaf is not None and is_leaf(tree))


def tree_map(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf | None = None
) -> Any:
    """The tree with func applied to each leaf, and to what further trees have in its place.

    >>> tree_map(lambda a, b: a + b, (1, [2]), (10, [20]))
    (11, [22])
    """
    if is_leaf is None and not rests:
        leaves, spec = flatten(tree)
        return unflatten(list(map(func, leaves)), spec)
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(list(map(func, leaves, *[spec.flatten_up_to(r) for r in rests])))


def tree_map_(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf | None = None
) -> Any:
    """Call func on each leaf for its effect; returns the tree itself."""
    leaves, spec = tree_flatten(tree, is_leaf)
    deque(map(func, leaves, *[spec.flatten_up_to(r) for r in rests]), maxlen=0)
    return tree


def tree_map_with_path(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf | None = None
) -> Any:
    """tree_map of func(path, leaf, ...)."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    paths, leaves = [p for p, _ in pairs], [x for _, x in pairs]
    every = [leaves, *[spec.flatten_up_to(r) for r in rests]]
    return spec.unflatten([func(p, *row) for p, *row in zip(paths, *every)])


def _selects(types: Any) -> Callable[[Any], bool]:
    """isinstance of a type or several, or the predicate itself."""
    if not isinstance(types, (type, tuple)) and callable(types):
        return types
    return lambda x: isinstance(x, types)


def tree_map_only(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any,
    is_leaf: IsLeaf | None = None,
) -> Any:  # fmt: skip
    """tree_map of func over the leaves of some types, or for which a predicate holds."""
    wanted = _selects(type_or_types_or_pred)
    return tree_map(lambda x: func(x) if wanted(x) else x, tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any,
    is_leaf: IsLeaf | None = None,
) -> Any:  # fmt: skip
    """Call func on the leaves of some types for its effect; returns the tree itself."""
    wanted = _selects(type_or_types_or_pred)
    return tree_map_(lambda x: func(x) if wanted(x) else x, tree, is_leaf=is_leaf)


def tree_all(pred: IsLeaf, tree: Any, is_leaf: IsLeaf | None = None) -> bool:
    """Whether pred holds for every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: IsLeaf, tree: Any, is_leaf: IsLeaf | None = None) -> bool:
    """Whether pred holds for any leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(
    type_or_types: Any, /, pred: IsLeaf, tree: Any, is_leaf: IsLeaf | None = None
) -> bool:
    """Whether pred holds for every leaf of some types."""
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(
    type_or_types: Any, /, pred: IsLeaf, tree: Any, is_leaf: IsLeaf | None = None
) -> bool:
    """Whether pred holds for any leaf of some types."""
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


# ---- structures as text


def _as_data(spec: TreeSpec) -> dict[str, Any]:
    if spec.type is None:
        return {"type": None, "context": None, "children_spec": []}
    node = NODES[spec.type]
    if node.name is None:
        raise NotImplementedError(
            f"No registered serialization name for {spec.type} found. Please update your "
            "register_pytree_node call with a `serialized_type_name` kwarg."
        )
    context = node.to_text(spec.context) if node.to_text else json.dumps(spec.context)
    inside = [_as_data(c) for c in spec._children]
    return {"type": node.name, "context": context, "children_spec": inside}


def _from_data(data: dict[str, Any]) -> TreeSpec:
    if data["type"] is None:
        return LEAF
    for cls, node in NODES.items():
        if node.name == data["type"]:
            read = node.from_text or json.loads
            inside = [_from_data(c) for c in data["children_spec"]]
            return TreeSpec(cls, read(data["context"]), inside)
    raise NotImplementedError(f"{data['type']} is not registered under its serialized_type_name")


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A structure as JSON."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"treespec must be an instance of TreeSpec, got {type(treespec)}")
    if protocol not in (None, 1):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return json.dumps([1, _as_data(treespec)])


def treespec_loads(serialized: str) -> TreeSpec:
    """The structure that treespec_dumps wrote."""
    version, data = json.loads(serialized)
    if version != 1:
        raise ValueError(f"Unknown protocol {version}. Available protocols: [1]")
    return _from_data(data)


def treespec_pprint(treespec: TreeSpec) -> str:
    """The structure as the tree looks, with a star for each leaf."""
    star = type("Star", (), {"__repr__": lambda self: "*"})
    return repr(treespec.unflatten([star() for _ in range(treespec.num_leaves)]))
