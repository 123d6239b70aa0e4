"""Interpreter: runs a graph node by node; Transformer: makes another graph of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..engine.error_context import clear_errors
from ..nn.module import Module
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, map_arg
from .proxy import Proxy
from .tracer import Tracer

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs a GraphModule node by node: a method for each op, for subclasses to change.

    module: a Module. graph: a Graph. garbage_collect_values: forget values that no later node
    needs.

    Raises TypeError where args is of the wrong type.

    >>> gm = torch.fx.symbolic_trace(lambda x: x + 1)
    >>> torch.fx.Interpreter(gm).run(torch.ones(1))
    tensor([2.])
    >>> steps = torch.fx.Interpreter(gm)
    >>> steps.args_iter = iter([7])
    >>> steps.run_node(next(iter(gm.graph.nodes)))
    7
    >>> net = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 1)))
    >>> torch.fx.Interpreter(net).boxed_run([torch.ones(4, 2)]).shape
    torch.Size([4, 1])
    >>> class Doubled(torch.fx.Interpreter):
    ...     def run_node(self, n):
    ...         args, kwargs = self.fetch_args_kwargs_from_env(n)
    ...         assert args == self.map_nodes_to_values(n.args, n)
    ...         return getattr(self, n.op)(n.target, args, kwargs)
    ...     def call_function(self, target, args, kwargs):
    ...         return 2 * super().call_function(target, args, kwargs)
    >>> gm = torch.fx.symbolic_trace(lambda x: x + 1)
    >>> Doubled(gm).run(torch.ones(1))
    tensor([4.])
    >>> net = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 1)))
    >>> steps = torch.fx.Interpreter(net)
    >>> steps.get_attr("0.bias", (), {}).shape
    torch.Size([1])
    >>> steps.call_module("0", (torch.ones(4, 2),), {}).shape
    torch.Size([4, 1])
    >>> steps.call_method("sum", (torch.ones(3),), {}), steps.output("y", (7,), {})
    (tensor(3.), 7)
    >>> steps.fetch_attr("0.weight").shape
    torch.Size([1, 2])
    >>> steps.args_iter = iter([5])
    >>> steps.placeholder("x", (), {})
    5
    """

    @clear_errors
    def __init__(
        self, module: Module, garbage_collect_values: bool = True, graph: Graph | None = None
    ) -> None:
        self.module = module
        self.graph: Graph = module.graph if graph is None else graph
        self.submodules = dict(module.named_modules())
        self.env: dict[Node, Any] = {}
        self.name = "Interpreter"
        self.garbage_collect_values = garbage_collect_values
        self.extra_traceback = True
        self.user_to_last_uses: dict[Node, list[Node]] = {}
        seen: set[Node] = set()
        for node in reversed(self.graph.nodes) if garbage_collect_values else ():
            for n in node.all_input_nodes:
                if n not in seen:
                    seen.add(n)
                    self.user_to_last_uses.setdefault(node, []).append(n)

    def run(
        self, *args: Any, initial_env: dict[Node, Any] | None = None,
        enable_io_processing: bool = True,
    ) -> Any:  # fmt: skip
        """Run the graph on inputs and return what it returns.

        initial_env: values of nodes that need not be run. enable_io_processing: take inputs and
        give outputs as the code generator says.

        Tensors have any shape that the graph takes. Raises TypeError where args is of the wrong
        type.
        """
        self.env = {} if initial_env is None else initial_env
        if enable_io_processing:
            args = self.graph._codegen.process_inputs(*args)
        self.args_iter: Iterator[Any] = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                self.env[node] = self.run_node(node)
            except Exception as e:
                if self.extra_traceback and e.args:
                    told = f"{e.args[0]}\n\nWhile executing {node.format_node()}"
                    e.args = (told, *e.args[1:]) if isinstance(e.args[0], str) else e.args
                raise
            for done in self.user_to_last_uses.get(node, ()):
                del self.env[done]
            if node.op == "output":
                out = self.env[node]
                return self.graph._codegen.process_outputs(out) if enable_io_processing else out
        return None

    @clear_errors
    def boxed_run(self, args_list: list[Any]) -> Any:
        """run() of a list of inputs, which is emptied.

        args_list: the inputs, a list.

        Tensors have any shape that the graph takes. Raises TypeError where args_list is of the
        wrong type; RuntimeError where args_list is too short.
        """
        args = tuple(args_list)
        args_list.clear()
        return self.run(*args)

    @clear_errors
    def run_node(self, n: Node) -> Any:
        """Run one node.

        n: a Node.
        """
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    @clear_errors
    def placeholder(self, target: Any, args: Any, kwargs: Any) -> Any:
        """The next input.

        target: what is called: a function, a method's name, or the path of a module. args: its
        arguments. kwargs: its arguments by name.
        """
        if target.startswith("*"):
            return list(self.args_iter) if not target.startswith("**") else {}
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(
                f"Expected positional argument for parameter {target}, but one was not passed in!"
            ) from None

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """An attribute of the module.

        target: what is called: a function, a method's name, or the path of a module. args: its
        arguments. kwargs: its arguments by name.
        """
        return self.fetch_attr(target)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A call of a function.

        target: what is called: a function, a method's name, or the path of a module. args: its
        arguments. kwargs: its arguments by name.
        """
        return target(*args, **kwargs)

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A call of a method.

        target: what is called: a function, a method's name, or the path of a module. args: its
        arguments. kwargs: its arguments by name. Tensors have any shape that the graph takes.
        """
        self_obj, *rest = args
        return getattr(self_obj, target)(*rest, **kwargs)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """A call of a sub-module.

        target: what is called: a function, a method's name, or the path of a module. args: its
        arguments. kwargs: its arguments by name. Tensors have any shape that the graph takes.
        """
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target: Any, args: Any, kwargs: Any) -> Any:
        """What the graph returns.

        target: what is called: a function, a method's name, or the path of a module. args: its
        arguments. kwargs: its arguments by name.
        """
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """What stands at a path of the module.

        target: what is called: a function, a method's name, or the path of a module.
        """
        at: Any = self.module
        for i, part in enumerate(target.split(".")):
            if not hasattr(at, part):
                raise RuntimeError(
                    f"Node referenced nonexistent target {'.'.join(target.split('.')[: i + 1])}"
                )
            at = getattr(at, part)
        return at

    @clear_errors
    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[Any, Any]:
        """The arguments of a node with values in the place of nodes.

        n: a Node.
        """
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Any, n: Node) -> Any:
        """Arguments with values in the place of nodes.

        args: its arguments. n: a Node.
        """

        def load(n_arg: Node) -> Any:
            if n_arg not in self.env:
                raise RuntimeError(
                    f"Node {n} referenced nonexistent value {n_arg}! Run Graph.lint() to diagnose "
                    "such issues"
                )
            return self.env[n_arg]

        return map_arg(args, load)


class _Kept(Tracer):
    """Takes every module whole."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        return True


class Transformer(Interpreter):
    """Makes a new graph: what the methods for each op return stands in the place of the node.

    module: a Module.

    >>> class Softer(torch.fx.Transformer):
    ...     def call_function(self, target, args, kwargs):
    ...         target = torch.tanh if target is torch.relu else target
    ...         return super().call_function(target, args, kwargs)
    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> print(Softer(gm).transform().code.strip())
    def forward(self, x):
        tanh = torch.tanh(x);  x = None
        add = tanh + 1;  tanh = None
        return add
    >>> t = torch.fx.Transformer(torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 1))))
    >>> x = t.placeholder("x", (), {})
    >>> t.call_module("0", (x,), {}), t.get_attr("0.bias", (), {})
    (Proxy(_0), Proxy(_0_bias))
    """

    @clear_errors
    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.new_graph = Graph()
        self.new_graph.set_codegen(module.graph._codegen)
        self.tracer = _Kept(self.new_graph)
        self.tracer.root = module

    def placeholder(self, target: Any, args: Any, kwargs: Any) -> Proxy:
        """An input of the new graph.

        target: what is called: a function, a method's name, or the path of a module.
        """
        default = args[0] if args else ...
        return Proxy(self.new_graph.placeholder(target, default_value=default), self.tracer)

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Proxy:
        """The reading of an attribute in the new graph.

        target: what is called: a function, a method's name, or the path of a module.
        """
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """The call of a sub-module in the new graph.

        target: what is called: a function, a method's name, or the path of a module. Tensors have
        any shape that the graph takes.
        """
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """The call of a function in the new graph.

        target: what is called: a function, a method's name, or the path of a module.
        """
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The new graph as a module."""
        from ..api import overrides

        overrides.ask()
        try:
            result = super().run(enable_io_processing=False)
        finally:
            overrides.release()
        if result is not None:
            self.new_graph.output(map_proxies(result))
        return GraphModule(self.module, self.new_graph)


def map_proxies(a: Any) -> Any:
    """a with nodes in the place of proxies."""
    from .node import map_aggregate

    return map_aggregate(a, lambda x: x.node if isinstance(x, Proxy) else x)
