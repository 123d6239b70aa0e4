"""torch.fx.experimental.proxy_tensor: make_fx, the graph of the operators that a function runs."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

from ...api.classed import TorchDispatchMode
from ...base.absent import absent as _absent
from ...base.pytree import tree_flatten, tree_leaves, tree_map
from ...engine.tensor import Tensor
from ...nn.module import Module
from ...ops.dispatching import HERE
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node

__all__ = ["ProxyTorchDispatchMode", "get_proxy_mode", "make_fx"]


class ProxyTorchDispatchMode(TorchDispatchMode):
    """Writes the operators that are run into a graph.

    graph: the graph. root: the module that keeps tensors which the graph does not compute.
    """

    def __init__(self, graph: Graph, root: Module) -> None:
        super().__init__()
        self.graph, self.root = graph, root
        self.nodes: dict[int, tuple[Any, Node]] = {}  # id of an array -> (it, its node)

    def known(self, t: Tensor, node: Node) -> None:
        """Say which node a tensor is the result of."""
        self.nodes[id(t._a)] = (t._a, node)

    def node_of(self, x: Any) -> Any:
        """The node of a tensor; what is no tensor as it is."""
        if not isinstance(x, Tensor):
            return x
        found = self.nodes.get(id(x._a))
        if found is None:
            constants = [n for n in vars(self.root) if n.startswith("_tensor_constant")]
            name = f"_tensor_constant{len(constants) + len(list(self.root.buffers()))}"
            held = [n for n, p in self.root.named_parameters() if p._a is x._a]
            if not held:
                self.root.register_buffer(name, x.detach())
            self.known(x, self.graph.get_attr(held[0] if held else name))
            found = self.nodes[id(x._a)]
        return found[1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, named = tree_map(self.node_of, (list(args), dict(kwargs or {})))
        node = self.graph.create_node("call_function", func, tuple(given), named, func.word)
        out = func(*args, **(kwargs or {}))
        if isinstance(out, (tuple, list)):
            for i, part in enumerate(out):
                if isinstance(part, Tensor):
                    item = (node, i)
                    self.known(part, self.graph.call_function(operator.getitem, item))
        elif isinstance(out, Tensor):
            self.known(out, node)
        return out


def get_proxy_mode() -> Any:
    """The mode that writes operators down, or None."""
    found = [m for m in HERE.modes if isinstance(m, ProxyTorchDispatchMode)]
    return found[-1] if found else None


def make_fx(f: Callable[..., Any], decomposition_table: Any = None, tracing_mode: str = "real",
            **options: Any) -> Callable[..., GraphModule]:  # fmt: skip
    """A function that runs f on its arguments and returns the graph of the operators that were run,
    as a GraphModule of its tensors in order.

    f: a function of tensors, and of lists and dicts of them. decomposition_table, tracing_mode: the
    operators are taken as they come, of the arguments' own shapes. options: accepted.

    >>> g = torch.fx.experimental.proxy_tensor.make_fx(lambda x: torch.relu(x + 1))(torch.ones(2))
    >>> print(g.code.strip())
    def forward(self, x_1):
        add = torch.ops.aten.add.Tensor(x_1, 1);  x_1 = None
        relu = torch.ops.aten.relu.default(add);  add = None
        return relu
    """

    def traced(*args: Any) -> GraphModule:
        root = f if isinstance(f, Module) else Module()
        graph = Graph()
        mode = ProxyTorchDispatchMode(graph, root)
        for name, leaf in zip(names_of(f, args), tree_leaves(list(args))):
            node = graph.placeholder(name)
            if isinstance(leaf, Tensor):
                mode.known(leaf, node)
        with mode:
            out = f(*args)
        graph.output(tree_map(mode.node_of, out))
        return GraphModule(root, graph)

    return traced


def names_of(f: Any, args: Any) -> list[str]:
    """The names of the inputs: those of the parameters, numbered."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = []
    for i, a in enumerate(args):
        n = len(tree_flatten(a)[0])
        word = plain[i] if i < len(plain) else f"arg{i}"
        names += [f"{word}_{k + 1}" for k in range(n)]
    return names


__getattr__ = _absent("torch.fx.experimental.proxy_tensor")
