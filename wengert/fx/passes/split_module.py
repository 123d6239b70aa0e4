"""torch.fx.passes.split_module: a graph module in parts, each a module of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ...nn.module import Module
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, map_arg

__all__ = ["split_module"]


class Partition:
    """The nodes that go into one module, and what crosses its border."""

    def __init__(self, name: str) -> None:
        self.name = f"submod_{name}"
        self.nodes: list[Node] = []
        self.inputs: dict[Node, None] = {}
        self.outputs: dict[Node, None] = {}
        self.needs: dict[str, None] = {}


def split_module(
    m: GraphModule, root_m: Module | None, split_callback: Callable[[Node], Any],
    qualname_map: dict[str, str] | None = None, keep_original_order: bool | None = False,
    **options: Any,
) -> GraphModule:  # fmt: skip
    """A module with a submodule submod_NAME for each group of nodes, which are called in turn.

    m: the graph module. root_m: unused. split_callback: node -> the name of its group; inputs and
    attributes stay outside. qualname_map: receives new path -> old path of submodules.
    keep_original_order: accepted.

    >>> m = torch.fx.symbolic_trace(lambda x: torch.relu(x).sin())
    >>> split = torch.fx.passes.split_module.split_module(
    ...     m, None, lambda node: 0 if node.target is torch.relu else 1)
    >>> print(split.code.strip())
    def forward(self, x):
        submod_0 = self.submod_0(x);  x = None
        submod_1 = self.submod_1(submod_0);  submod_0 = None
        return submod_1
    """
    parts: dict[str, Partition] = {}
    home: dict[Node, str] = {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr", "output"):
            continue
        name = home[node] = str(split_callback(node))
        parts.setdefault(name, Partition(name)).nodes.append(node)
    for node in m.graph.nodes:
        mine = home.get(node)
        for source in node.all_input_nodes:
            theirs = home.get(source)
            if theirs == mine:
                continue
            if mine is not None:
                parts[mine].inputs[source] = None
                if theirs is not None:
                    parts[mine].needs[theirs] = None
            if theirs is not None:
                parts[theirs].outputs[source] = None
    base, root = Graph(), Module()
    values: dict[Node, Node] = {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr"):
            values[node] = base.node_copy(node, values.__getitem__)
            if node.op == "get_attr":
                keep(root, str(node.target), attribute(m, str(node.target)))
    for part in in_order(parts):
        root.add_module(part.name, module_of(part, m, qualname_map))
        call = base.call_module(part.name, tuple([values[n] for n in part.inputs]))
        outs = list(part.outputs)
        for i, out in enumerate(outs):
            item = (call, i)
            values[out] = call if len(outs) == 1 else base.call_function(operator.getitem, item)
    for node in m.graph.nodes:
        if node.op == "output":
            base.output(map_arg(node.args[0], values.__getitem__), node.type)
    return GraphModule(root, base)


def in_order(parts: dict[str, Partition]) -> list[Partition]:
    """The groups, each after those that it needs. RuntimeError for a circle."""
    done: dict[str, Partition] = {}
    while len(done) < len(parts):
        ready = [n for n, p in parts.items() if n not in done and all(x in done for x in p.needs)]
        if not ready:
            raise RuntimeError("cycle exists between partitions!")
        done[ready[0]] = parts[ready[0]]
    return list(done.values())


def module_of(part: Partition, m: GraphModule, names: dict[str, str] | None) -> GraphModule:
    """The module of one group."""
    graph, root = Graph(), Module()
    values = {n: graph.placeholder(n.name, n.type) for n in part.inputs}
    for node in part.nodes:
        copied = values[node] = graph.node_copy(node, values.__getitem__)
        if node.op == "call_module":
            path = str(node.target)
            copied.target = name = path.replace(".", "_")
            root.add_module(name, m.get_submodule(path))
            if names is not None:
                names[f"{part.name}.{name}"] = path
    outs = [values[n] for n in part.outputs]
    graph.output(outs[0] if len(outs) == 1 else tuple(outs))
    return GraphModule(root, graph)


def attribute(m: Module, path: str) -> Any:
    """What stands at a path of a module."""
    value: Any = m
    for name in path.split("."):
        value = getattr(value, name)
    return value


def keep(root: Module, path: str, value: Any) -> None:
    """Let something stand at the same path of another module."""
    *homes, name = path.split(".")
    for home in homes:
        if not hasattr(root, home):
            root.add_module(home, Module())
        root = getattr(root, home)
    setattr(root, name, value)
