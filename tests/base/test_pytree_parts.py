"""What libraries take from torch.utils._pytree beside its public functions."""

from collections import namedtuple
from dataclasses import dataclass

import wengert.utils._pytree as pytree


@dataclass
class Pair:
    x: object
    y: object = None


def test_parts_of_containers():
    d = {"a": 1, "b": [2]}
    assert pytree._dict_flatten(d) == ([1, [2]], ["a", "b"])
    pairs, keys = pytree._dict_flatten_with_keys(d)
    assert [(k.key, v) for k, v in pairs] == [("a", 1), ("b", [2])] and keys == ["a", "b"]
    assert pytree._dict_unflatten([1, 2], ["a", "b"]) == {"a": 1, "b": 2}
    point = namedtuple("point", "x y")
    assert pytree._namedtuple_flatten(point(1, 2)) == ([1, 2], point)
    assert pytree._get_node_type([]) is list and pytree._is_leaf(1)


def test_leaves_of_arguments_and_prefixes():
    assert pytree.arg_tree_leaves(1, [2], a=3) == [1, 2, 3]
    spec = pytree.tree_structure({"a": [1, 2], "b": 3})
    assert pytree._broadcast_to_and_flatten(0, spec) == [0, 0, 0]
    assert pytree._broadcast_to_and_flatten({"a": 1, "b": 2}, spec) == [1, 1, 2]
    assert pytree._broadcast_to_and_flatten({"a": [1], "b": 2}, spec) is None
    assert pytree.tree_map(pytree.map_only(int)(lambda n: n + 1), [1, 2.5]) == [2, 2.5]


def test_data_classes():
    pytree.register_dataclass(Pair)
    try:
        assert pytree.tree_map(lambda n: n + 1, Pair(1, [2])) == Pair(2, [3])
        assert pytree.tree_leaves(Pair(1)) == [1]
    finally:
        pytree._deregister_pytree_node(Pair)
    assert len(pytree.tree_leaves(Pair(1))) == 1
