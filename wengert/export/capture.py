"""The graph that a module computes: every op of one call, with shapes and the module it is in.

`capture` runs the module on examples whose arrays write down what is done to them. Control flow is
followed as it goes for these examples; what does not depend on them is computed and constant.
What the graph is made into is in `onnx/` and `tensorboard/`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..base import dtypes
from ..base.modes import Level, no_grad
from ..base.pytree import flatten, unflatten
from ..engine.interp import Interp, interpreter, run_op
from ..engine.op import Op
from ..engine.tensor import Tensor, wrap
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook

__all__ = ["Graph", "Node", "Value", "capture"]


class Value:
    """An array of the graph: an input, what a node computes, or a constant with its array."""

    __slots__ = ("array", "dtype", "name", "other", "shape")

    def __init__(self, array: Any, name: str = "", constant: bool = False) -> None:
        self.shape = tuple(array.shape)
        self.dtype = dtypes.as_dtype(array.dtype).name
        self.name = name
        self.array = array if constant else None
        self.other: Any = None  # for who captures twice

    @property
    def constant(self) -> bool:
        """Whether it is known without the inputs."""
        return self.array is not None

    def __repr__(self) -> str:
        return f"Value({self.name or '?'}: {self.dtype}{list(self.shape)})"


class Node:
    """One op: its name, inputs (values, numbers or None), settings, outputs, and the path of the
    submodule that ran it ("" for the module itself).
    """

    __slots__ = ("inputs", "op", "outputs", "scope", "static")

    def __init__(
        self,
        op: str,
        inputs: list[Any],
        static: dict[str, Any],
        outputs: list[Value],
        scope: str,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.static = static
        self.outputs = outputs
        self.scope = scope

    def __repr__(self) -> str:
        return f"Node({self.op}: {self.inputs} {self.static} -> {self.outputs})"


class Graph:
    """What one call computed: nodes in order, inputs, outputs, and the module's own arrays."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.structure: Any = None  # of what the call returned
        self.constants: dict[int, Value] = {}  # by the array's identity
        self.scope = [""]  # the path of the submodule that runs, innermost last

    def constant(self, array: Any, name: str = "") -> Value:
        """The value of an array that is not computed from the inputs."""
        known = self.constants.get(id(array))
        if known is None:
            known = self.constants[id(array)] = Value(array, name, constant=True)
        return known

    def prune(self) -> None:
        """Leave out nodes whose results nothing uses."""
        used = {id(v) for v in self.outputs}
        kept = []
        for node in reversed(self.nodes):
            if any(id(v) in used for v in node.outputs):
                kept.append(node)
                used.update(id(v) for v in node.inputs)
        self.nodes = kept[::-1]


def recorded(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """Run an op on the arrays and write it down."""
    graph = next(a.graph for a in ins if isinstance(a, Recorded) and a.level == level)
    mine = [isinstance(a, Recorded) and a.level == level for a in ins]
    found = run_op(op, [a.content if m else a for a, m in zip(ins, mine)], static)
    many = len(op.names) > 1
    results = [Recorded(level, graph, o, Value(o)) for o in (found if many else (found,))]
    inputs = [a.value if m else operand(graph, a) for a, m in zip(ins, mine)]
    outputs = [r.value for r in results]
    graph.nodes.append(Node(op.name, inputs, dict(static), outputs, graph.scope[-1]))
    return tuple(results) if many else results[0]


def operand(graph: Graph, a: Any) -> Any:
    """What an input that is not recorded is to the graph: a constant, a number or None."""
    if isinstance(a, Tensor):
        a = a._a
    if isinstance(a, Interp):
        raise RuntimeError("a module cannot be captured within a function transform")
    return graph.constant(a) if hasattr(a, "shape") and hasattr(a, "dtype") else a


@interpreter(recorded)
class Recorded(Interp):
    """An array whose every use is written down."""

    __slots__ = ("content", "graph", "value")

    def __init__(self, level: int, graph: Graph, content: Any, value: Value) -> None:
        self.level, self.graph, self.content, self.value = level, graph, content, value

    def readable(self, what: str) -> Any:
        """Its array: what a program decides by it is decided once."""
        return self.content

    def __repr__(self) -> str:
        return f"Recorded({self.value!r})"


def capture(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Graph:
    """The graph of module(*args, **kwargs).

    Tensors in args and kwargs (in lists, tuples and dicts, too) are its inputs, in order.
    Parameters and buffers are constants named as in the state_dict. Nothing of the module is
    changed but what its forward changes.
    """
    graph = Graph()
    flat, structure = flatten((args, kwargs or {}))
    named = {}
    if hasattr(module, "named_parameters"):
        named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in named.items():
        graph.constant(tensor._a, name)
    with Level() as level, no_grad(), scopes(module, graph):
        given = []
        for x in flat:
            if not isinstance(x, Tensor):
                given.append(x)
                continue
            value = Value(x._a)
            graph.inputs.append(value)
            given.append(wrap(Recorded(level, graph, x._a, value)))
        new_args, new_kwargs = unflatten(given, structure)
        results, graph.structure = flatten(module(*new_args, **new_kwargs))
    for y in results:
        if isinstance(y, Tensor):
            a = y._a
            known = isinstance(a, Recorded) and a.level == level
            graph.outputs.append(a.value if known else graph.constant(a))
    return graph


@contextlib.contextmanager
def scopes(module: Any, graph: Graph) -> Iterator[None]:
    """Keep in graph.scope which submodule runs, by its path in the module."""
    paths = {}
    if hasattr(module, "named_modules"):
        paths = {id(m): name for name, m in module.named_modules()}

    def enter(m: Any, inputs: Any) -> None:
        graph.scope.append(paths.get(id(m), graph.scope[-1]))

    def leave(m: Any, inputs: Any, outputs: Any) -> None:
        graph.scope.pop()

    hooks = [
        register_module_forward_pre_hook(enter),
        register_module_forward_hook(leave, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
