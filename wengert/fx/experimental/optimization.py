"""fuse: batch norms folded into the convolutions and linear layers before them, for inference."""

from __future__ import annotations

import copy
from typing import Any

from ...engine.error_context import clear_errors
from ...nn.conv import Conv1d, Conv2d, Conv3d
from ...nn.dropout import Dropout
from ...nn.linear import Linear
from ...nn.module import Module
from ...nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ...nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from ..graph_module import GraphModule
from ..tracer import Tracer

__all__ = ["fuse", "matches_module_pattern", "remove_dropout", "replace_node_module"]

PAIRS = (
    (Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d), (Linear, BatchNorm1d),
)  # fmt: skip


@clear_errors
def matches_module_pattern(pattern: Any, node: Any, modules: dict[str, Any]) -> bool:
    """Whether a node and its first argument call modules of these classes.

    pattern: what to look for.

    Raises TypeError where pattern is of the wrong type.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    >>> nodes = list(torch.fx.symbolic_trace(net).graph.nodes)
    >>> matches_module_pattern((nn.Linear, nn.BatchNorm1d), nodes[2], dict(net.named_modules()))
    True
    """
    if not node.args or not hasattr(node.args[0], "op"):
        return False
    for kind, n in zip(pattern, (node.args[0], node)):
        if n.op != "call_module" or type(modules.get(str(n.target))) is not kind:
            return False
    return True


@clear_errors
def replace_node_module(node: Any, modules: dict[str, Any], new_module: Module) -> None:
    """Let a node call another module.

    modules: the modules by path. new_module: the module that is called now.

    Raises TypeError where modules or new_module is of the wrong type.

    >>> net = torch.fx.symbolic_trace(nn.Sequential(nn.ReLU()))
    >>> node = next(n for n in net.graph.nodes if n.op == "call_module")
    >>> replace_node_module(node, dict(net.named_modules()), nn.Tanh())
    >>> net(torch.zeros(1))
    tensor([0.])
    """
    parent, _, name = str(node.target).rpartition(".")
    modules[str(node.target)] = new_module
    setattr(modules[parent], name, new_module)


def fuse(model: Module, inplace: bool = False, no_trace: bool = False) -> Module:
    """The model, in evaluation, with batch norms folded into the layers before them.

    inplace: change the model itself. no_trace: the model is a GraphModule already.

    Raises AssertionError where model is of the wrong type.

    >>> from wengert.fx.experimental.optimization import fuse
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
    >>> [type(m).__name__ for m in fuse(net).children()]
    ['Linear']
    """
    model = model if inplace else copy.deepcopy(model)
    graph: Any = copy.deepcopy(model.graph) if no_trace else Tracer().trace(model)
    modules = dict(model.named_modules())
    for node in list(graph.nodes):
        for pattern in PAIRS:
            if not matches_module_pattern(pattern, node, modules):
                continue
            if len(node.args[0].users) > 1:  # something else uses what is not normalised
                continue
            layer, norm = modules[node.args[0].target], modules[node.target]
            if not norm.track_running_stats:
                continue
            fold: Any = fuse_linear_bn_eval if pattern[0] is Linear else fuse_conv_bn_eval
            replace_node_module(node.args[0], modules, fold(layer, norm))
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
            break
    return GraphModule(model, graph)


def remove_dropout(model: Module) -> Module:
    """The model without its dropout layers.

    Raises AssertionError where model is of the wrong type.

    >>> remove_dropout(nn.Sequential(nn.Dropout()).eval())(torch.ones(1))
    tensor([1.])
    """
    graph = Tracer().trace(model)
    modules = dict(model.named_modules())
    for node in list(graph.nodes):
        if node.op == "call_module" and isinstance(modules.get(str(node.target)), Dropout):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    return GraphModule(model, graph)
