"""torch.utils._pytree against PyTorch's: leaves, structures, paths, maps, texts."""

import collections

import pytest

import wengert
from wengert.base import pytree

Point = collections.namedtuple("Point", "x y")
TREES = [
    1, None, (1, (2, [3, {"b": 4, "a": 5}])), Point(1, (2,)), [], {},
    collections.OrderedDict(x=1, y=[2]), collections.defaultdict(list, {"k": [1, 2]}),
    collections.deque([1, 2], maxlen=3),
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_the_same_as_pytorch(torch, tree):
    theirs = pytest.importorskip("torch.utils._pytree")
    (a, mine), (b, spec) = pytree.tree_flatten(tree), theirs.tree_flatten(tree)
    assert a == b and repr(mine) == repr(spec)
    assert (mine.num_leaves, mine.num_nodes) == (spec.num_leaves, spec.num_nodes)
    assert pytree.tree_unflatten(a, mine) == tree
    paths = [pytree.keystr(p) for p, _ in pytree.tree_flatten_with_path(tree)[0]]
    assert paths == [theirs.keystr(p) for p, _ in theirs.tree_flatten_with_path(tree)[0]]
    if not isinstance(tree, Point):
        assert pytree.treespec_dumps(mine) == theirs.treespec_dumps(spec)
        assert pytree.treespec_loads(pytree.treespec_dumps(mine)) == mine


def test_sizes_are_trees():
    assert pytree.tree_leaves(wengert.Size([1, 2])) == [1, 2]


def test_maps():
    assert pytree.tree_map(lambda a, b: a + b, (1, [2]), (10, [20])) == (11, [22])
    assert pytree.tree_map_only(int, lambda x: x + 1, (1, "a")) == (2, "a")
    assert pytree.tree_all(lambda x: x > 0, [1, (2,)]) and not pytree.tree_any(str.isdigit, ["a"])
    assert pytree.tree_map(len, [[1, 2], [3]], is_leaf=lambda x: x in ([1, 2], [3])) == [2, 1]
    for other in ((1, 2), (1, [2, 3]), [1, [2]]):
        with pytest.raises(ValueError, match="mismatch"):
            pytree.tree_map(lambda a, b: a, (1, [2]), other)
    with pytest.raises(ValueError, match="holds 2 items"):
        pytree.tree_unflatten([1], pytree.tree_structure((1, 2)))


def test_classes_are_registered_and_transforms_know_them():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda c, _: Pair(*c))
    try:
        doubled = wengert.func.vmap(lambda p: Pair(p.a * 2, p.b))(
            Pair(wengert.arange(3.0), wengert.ones(3))
        )
        assert doubled.a.tolist() == [0.0, 2.0, 4.0]
        with pytest.raises(ValueError, match="already"):
            pytree.register_pytree_node(Pair, None, None)
    finally:
        del pytree.NODES[Pair]
