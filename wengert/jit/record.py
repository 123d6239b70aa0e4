"""record(): the graph of what a function does with given inputs, call by call.

Public functions are noted as a whole (`api/overrides.py`), and ops that run outside of any of them
one by one (`engine/op_modes.py`), so that nothing that computes is missed. Numbers and shapes are
those of the inputs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..api.overridable import resolve_name
from ..api.overrides import ACCESS, TorchFunctionMode
from ..base.pytree import tree_map
from ..engine.op import Op
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor
from ..fx.graph import Graph
from ..fx.node import Node
from ..nn.module import Module

__all__ = ["record"]

OPERATORS = {"__getitem__": operator.getitem, "__setitem__": operator.setitem}


class Ops(Mode):
    """Notes ops that no public function runs."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def run(self, op: Op, operands: Any, static: Any, proceed: Any) -> Any:
        """Run an op, and note it."""
        if self.recorder.busy:
            return proceed(operands, static)
        result = proceed(operands, static)
        self.recorder.note(op.entry, operands, static, result)
        return result


class Recorder(TorchFunctionMode):
    """Makes a graph of what is called while it is entered."""

    def __init__(self, root: Module) -> None:
        self.root, self.graph, self.busy = root, Graph(), False
        self.nodes: dict[int, Node] = {}  # id of a tensor -> the node that gives it
        self.kept: list[Any] = []  # those tensors, so that no id is given again
        self.names = {id(p): n for n, p in (*root.named_parameters(), *root.named_buffers())}
        self.constants = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.busy = True
        try:
            result = func(*args, **(kwargs or {}))
        finally:
            self.busy = False
        self.note(func, args, kwargs or {}, result)
        return result

    def name(self, tensor: Tensor, node: Node) -> None:
        """Say which node gives a tensor from now on."""
        self.nodes[id(tensor)] = node
        self.kept.append(tensor)

    def note(self, func: Callable[..., Any], args: Any, kwargs: Any, result: Any) -> None:
        """Add a call to the graph, if it computes tensors or writes into one."""
        results = list(result) if isinstance(result, (tuple, list)) else [result]
        known = resolve_name(func) or ""
        writes = known == "torch.Tensor.__setitem__"
        if not writes and not any(isinstance(r, Tensor) for r in results):
            return
        method = known.startswith("torch.Tensor.") and known.rpartition(".")[2]
        if method in ACCESS:
            place = known.split(".")[2]
            self.name(result, self.graph.call_function(getattr, (self.argument(args[0]), place)))
            return
        inside = (self.argument(tuple(args)), self.argument(dict(kwargs)))
        if method in OPERATORS:
            known_as: Any = OPERATORS[str(method)]
            node = self.graph.call_function(known_as, *inside)
        elif method and isinstance(args[0], Tensor):
            node = self.graph.call_method(method, *inside)
        else:
            node = self.graph.call_function(func, *inside)
        if writes:
            return
        if isinstance(result, Tensor):
            self.name(result, node)
            return
        for i, r in enumerate(results):
            if isinstance(r, Tensor):
                self.name(r, self.graph.call_function(operator.getitem, (node, i)))

    def argument(self, a: Any) -> Any:
        """An argument with nodes in the place of tensors."""
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return type(a)(*[self.argument(x) for x in a])
        if isinstance(a, (tuple, list)):
            return type(a)([self.argument(x) for x in a])
        if isinstance(a, dict):
            return {k: self.argument(v) for k, v in a.items()}
        if isinstance(a, slice):
            return slice(*[self.argument(x) for x in (a.start, a.stop, a.step)])
        if not isinstance(a, Tensor):
            return a
        node = self.nodes.get(id(a))
        if node is None:
            path = self.names.get(id(a))
            if path is None:
                path = f"_tensor_constant{self.constants}"
                self.constants += 1
                self.root.register_buffer(path, a.detach(), persistent=True)
            node = self.graph.get_attr(path)
            self.name(a, node)
        return node


def record(
    fn: Callable[..., Any], root: Module, names: list[str], inputs: Any
) -> tuple[Graph, Any]:
    """(the graph, the result) of fn(*inputs). names: what the inputs are called; root: the module
    whose parameters it uses, and which is given the constants.
    """
    recorder = Recorder(root)

    def enter(name: str, value: Any) -> Any:
        node = recorder.graph.placeholder(name)
        if isinstance(value, Tensor):
            recorder.name(value, node)
            return value
        if isinstance(value, (tuple, list)):
            for i, v in enumerate(value):
                if isinstance(v, Tensor):
                    recorder.name(v, recorder.graph.call_function(operator.getitem, (node, i)))
        elif isinstance(value, dict):
            for k, v in value.items():
                if isinstance(v, Tensor):
                    recorder.name(v, recorder.graph.call_function(operator.getitem, (node, k)))
        return value

    for name, value in zip(names, inputs):
        enter(name, value)
    with recorder, Ops(recorder):
        out = fn(*inputs)
    recorder.graph.output(tree_map(recorder.argument, out))
    return recorder.graph, out
