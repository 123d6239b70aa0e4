"""The inner results of a model by name: its graph, cut after the nodes that are asked for."""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ... import fx
from ...base.advice import advise
from ...engine.error_context import clear_errors
from ...fx.graph_module import copy_attribute
from ...nn.module import Module
from .. import ops

__all__ = ["create_feature_extractor", "get_graph_node_names"]

Names = Sequence[str] | dict[str, str]


class PathTracer(fx.Tracer):
    """Traces a model and names each node by the module that it is in."""

    def __init__(self, leaf_modules: Sequence[type[Module]] | None = None, **kwargs: Any) -> None:
        super().__init__(**{"autowrap_modules": (math, ops), **kwargs})
        whole = [v for v in vars(ops).values() if inspect.isclass(v) and issubclass(v, Module)]
        self.leaf_modules = tuple(whole if leaf_modules is None else leaf_modules)
        self.current = ""
        self.names: dict[fx.Node, str] = OrderedDict()
        self.seen: Counter[str] = Counter()

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """torch.nn's own modules, and those given."""
        own = super().is_leaf_module(m, module_qualified_name)
        return own or isinstance(m, self.leaf_modules)

    def call_module(self, m: Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """As fx does, and note which module this is."""
        before, self.current = self.current, self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.current = before

    def create_proxy(self, kind: str, *args: Any, **kwargs: Any) -> Any:
        """As fx does, and name the node; what has a name already gets a number."""
        proxy = super().create_proxy(kind, *args, **kwargs)
        name = self.current
        if kind != "call_module":
            name = f"{name}.{proxy.node}" if name else str(proxy.node)
        name = re.sub(r"(?<=.)_[0-9]+$", "", name)
        count, self.seen[name] = self.seen[name], self.seen[name] + 1
        self.names[proxy.node] = f"{name}_{count}" if count else name
        return proxy


def traced(
    model: Module, training: bool, tracer_kwargs: dict[str, Any] | None, concrete_args: Any
) -> tuple[PathTracer, fx.Graph]:
    """The tracer, which has the names, and the graph, of a model in a mode."""
    before = model.training
    try:
        tracer = PathTracer(**(tracer_kwargs or {}))
        graph = tracer.trace(model.train(training), concrete_args=concrete_args)
        graph.owning_module = None
        return tracer, graph
    finally:
        model.train(before)


@clear_errors
def get_graph_node_names(
    model: Module,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """The names of a model's nodes, in training and in evaluation.

    Args:
        tracer_kwargs: `leaf_modules`, classes of modules taken whole, and what `fx.Tracer` takes.
        suppress_diff_warning: say nothing where the two differ.
        concrete_args: arguments of the model that are fixed.

    Raises TypeError where model is of the wrong type.

    >>> names, _ = get_graph_node_names(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    >>> names
    ['input', '0', '1']
    """
    lists = []
    for training in (True, False):
        tracer, _ = traced(model, training, tracer_kwargs, concrete_args)
        lists.append([n for node, n in tracer.names.items() if node.op != "output"])
    if lists[0] != lists[1] and not suppress_diff_warning:
        warn_of_modes()
    return lists[0], lists[1]


def warn_of_modes() -> None:
    advise(
        "The nodes obtained by tracing the model in eval mode are not those of train mode: give "
        "train_return_nodes and eval_return_nodes where they differ",
    )


class DualGraphModule(fx.GraphModule):
    """Two graphs of a model, one for training and one for evaluation."""

    def __init__(
        self, root: Module, train_graph: fx.Graph, eval_graph: fx.Graph, class_name: str
    ) -> None:
        super().__init__(root, train_graph, class_name)
        for node in eval_graph.nodes:
            if node.op in ("call_module", "get_attr"):
                copy_attribute(root, self, str(node.target))
        self.train_graph = train_graph
        self.eval_graph = eval_graph
        self.train(root.training)

    def train(self, mode: bool = True) -> DualGraphModule:
        """Set the mode, and with it the graph."""
        setattr(self, "graph", self.train_graph if mode else self.eval_graph)  # noqa: B010
        super().train(mode)
        return self


def with_outputs(tracer: PathTracer, graph: fx.Graph, wanted: dict[str, str]) -> None:
    """Make a graph return {output: value} for wanted, {name or its beginning: output}."""
    last: dict[str, fx.Node] = {}
    missing = dict(wanted)
    for node in reversed([n for n in tracer.names if n.op != "output"]):
        name = tracer.names[node]
        for query in list(missing):
            if f"{name}.".startswith(f"{query}."):
                last[missing.pop(query)] = node
    old = next(n for n in graph.nodes if n.op == "output")
    graph.erase_node(old)
    order = {node: i for i, node in enumerate(graph.nodes)}
    found = sorted(last.items(), key=lambda pair: order[pair[1]])
    graph.output(dict(found))
    graph.eliminate_dead_code()


@clear_errors
def create_feature_extractor(
    model: Module,
    return_nodes: Names | None = None,
    train_return_nodes: Names | None = None,
    eval_return_nodes: Names | None = None,
    tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: dict[str, Any] | None = None,
) -> fx.GraphModule:
    """A module that returns {name: output} of the nodes of a model that are asked for.

    Args:
        return_nodes: names as `get_graph_node_names` has them, or {name: its key}; the beginning
            of a name, such as "layer1", means the last node that is in there.
        train_return_nodes, eval_return_nodes: those of each mode, in place of return_nodes.
        tracer_kwargs, suppress_diff_warning, concrete_args: see `get_graph_node_names`.

    Raises ValueError for names that are not there; TypeError where model or return_nodes is of the
    wrong type.

    >>> net = create_feature_extractor(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), {"0": "hidden"})
    >>> list(net(torch.ones(1, 2)))
    ['hidden']
    """
    if return_nodes is None and None in (train_return_nodes, eval_return_nodes):
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together should "
            "be specified"
        )
    if return_nodes is not None and (train_return_nodes or eval_return_nodes):
        raise ValueError("return_nodes takes the place of train_return_nodes and eval_return_nodes")
    graphs, lists = [], []
    for training, own in ((True, train_return_nodes), (False, eval_return_nodes)):
        names: Any = own if return_nodes is None else return_nodes
        wanted = {str(k): str(v) for k, v in names.items()} if isinstance(names, dict) else {
            str(n): str(n) for n in names}  # fmt: skip
        tracer, graph = traced(model, training, tracer_kwargs, concrete_args)
        known = [n for node, n in tracer.names.items() if node.op != "output"]
        for query in wanted:
            if not any(f"{name}.".startswith(f"{query}.") for name in known):
                raise ValueError(
                    f"node: '{query}' is not present in model. Hint: use `get_graph_node_names` to "
                    "make sure the `return_nodes` you specified are present"
                )
        with_outputs(tracer, graph, wanted)
        graphs.append(graph)
        lists.append(known)
    if return_nodes is not None and lists[0] != lists[1] and not suppress_diff_warning:
        warn_of_modes()
    return DualGraphModule(model, graphs[0], graphs[1], type(model).__name__)
