"""A tracer that knows the values of the example inputs: code may look at them, and what it decides
stays decided, while sizes that it computes with are computed anew for other inputs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from ..base.advice import advise
from ..engine.tensor import Tensor
from ..fx.graph import Graph
from ..fx.interpreter import Interpreter
from ..fx.node import Node
from ..fx.proxy import Attribute, Proxy
from ..nn.module import Module
from .script import DefaultTracer

__all__ = ["TracerWarning", "ValuedTracer"]


class TracerWarning(Warning):
    """Something is fixed in a trace that may change."""


class Known(Proxy):
    """A proxy whose value can be looked at."""

    tracer: ValuedTracer

    def __getattr__(self, k: str) -> Any:
        made = super().__getattr__(k)
        return KnownAttribute(made.root, made.attr)

    def __len__(self) -> int:
        return len(self.tracer.value_of(self))

    def __iter__(self) -> Iterator[Any]:
        return (operator.getitem(self, i) for i in range(len(self)))

    def __contains__(self, other: object) -> bool:
        return bool(other in self.tracer.value_of(self))


class KnownAttribute(Attribute, Known):
    """An attribute whose value can be looked at."""


def looking(convert: Callable[[Any], Any], what: str) -> Callable[[Known], Any]:
    """A conversion of the value to a number of Python's, which stays fixed."""

    def converted(self: Known) -> Any:
        value = self.tracer.value_of(self)
        if isinstance(value, Tensor):
            advise(
                f"torch.jit.trace: the code takes {what} of a tensor, {self.node.name}: the trace "
                "has the one of these inputs, whatever others it is given",
                TracerWarning,
            )
        return convert(value)

    return converted


for _name, _convert, _what in (
    ("bool", bool, "the truth"), ("int", int, "an integer"), ("float", float, "a number"),
    ("index", operator.index, "an index"),
):  # fmt: skip
    setattr(Known, f"__{_name}__", looking(_convert, _what))


class ValuedTracer(DefaultTracer):
    """Runs each step as soon as it is noted. inputs: the example."""

    def __init__(self, left: set[str] | None, inputs: tuple[Any, ...]) -> None:
        super().__init__(left)
        self.inputs, self.running = inputs, False
        self.runner: Interpreter | None = None

    def value_of(self, proxy: Proxy) -> Any:
        """The value that a proxy stands for."""
        assert self.runner is not None
        return self.runner.env[proxy.node]

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function.

        root: the module. concrete_args: arguments that are constants.
        """
        self.runner = None
        return super().trace(root, concrete_args)

    def proxy(self, node: Node) -> Proxy:
        """What stands for the result of a node."""
        return Known(node, self)

    def create_node(self, kind: str, *args: Any, **kwargs: Any) -> Node:
        """Add a node to the graph, and run it.

        kind: the op of the node.
        """
        node = super().create_node(kind, *args, **kwargs)
        if self.runner is None:
            self.runner = Interpreter(self.root, False, self.graph)
            self.runner.args_iter = iter(self.inputs)
        self.running = True
        try:
            self.runner.env[node] = self.runner.run_node(node)
        finally:
            self.running = False
        return node

    def call_module(self, m: Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What the call of a module becomes: one step, or the steps inside of it.

        m: the module. args: its arguments. kwargs: its arguments by name. forward: what the module
        does.
        """
        if self.running:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What the attribute of a module is: a proxy for parameters.

        attr: the name of the attribute. attr_val: its value. parameter_proxy_cache: proxies made so
        far.
        """
        if self.running:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)
