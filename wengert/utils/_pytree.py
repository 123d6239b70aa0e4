"""torch.utils._pytree: re-exports."""

from ..base.pytree import NODES as SUPPORTED_NODES
from ..base.pytree import (
    Context,
    GetAttrKey,
    LeafSpec,
    MappingKey,
    PyTree,
    SequenceKey,
    TreeSpec,
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    key_get,
    keystr,
    register_pytree_node,
    tree_all,
    tree_all_only,
    tree_any,
    tree_any_only,
    tree_flatten,
    tree_flatten_with_path,
    tree_is_leaf,
    tree_iter,
    tree_leaves,
    tree_leaves_with_path,
    tree_map,
    tree_map_,
    tree_map_only,
    tree_map_only_,
    tree_map_with_path,
    tree_structure,
    tree_unflatten,
    treespec_dumps,
    treespec_loads,
    treespec_pprint,
)
from ..base.pytree import kind_of as _get_node_type
from ..base.pytree import register_pytree_node as _register_pytree_node
from ..base.pytree import tree_is_leaf as _is_leaf
from ..base.pytree_parts import arg_tree_leaves, map_only, register_constant, register_dataclass
from ..base.pytree_parts import broadcast_to_and_flatten as _broadcast_to_and_flatten
from ..base.pytree_parts import deregister_pytree_node as _deregister_pytree_node
from ..base.pytree_parts import parts as _parts
from ..base.returns import is_structseq, is_structseq_class, is_structseq_instance

PyTreeSpec = TreeSpec
globals().update(_parts())

__all__ = [
    "Context", "GetAttrKey", "LeafSpec", "MappingKey", "PyTree", "PyTreeSpec", "SUPPORTED_NODES",
    "SequenceKey", "TreeSpec", "_broadcast_to_and_flatten", "_deregister_pytree_node",
    "_get_node_type", "_is_leaf", "_register_pytree_node", "arg_tree_leaves", "is_namedtuple",
    "is_namedtuple_class", "is_namedtuple_instance", "is_structseq", "is_structseq_class",
    "is_structseq_instance", "key_get", "keystr", "map_only",
    "register_constant", "register_dataclass", "register_pytree_node", "tree_all", "tree_all_only",
    "tree_any", "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf",
    "tree_iter", "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only",
    "tree_map_only_", "tree_map_with_path", "tree_structure", "tree_unflatten", "treespec_dumps",
    "treespec_loads", "treespec_pprint",
]  # fmt: skip
