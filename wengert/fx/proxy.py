"""Proxy: stands for a value while a function is traced, and notes everything done with it."""

from __future__ import annotations

import dis
import enum
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..api import overrides
from ..api.overridable import resolve_name
from ..api.overrides import HERE, overriding
from ..base import dtypes
from ..base.devices import device
from ..base.formats import layout, memory_format
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .graph import Graph
from .node import Node, map_aggregate

__all__ = ["Attribute", "GraphAppendingTracer", "Proxy", "TraceError", "TracerBase"]

SIMPLE = (
    str, int, float, bool, complex, type(None), type(...), bytes, dtypes.dtype, device, layout,
    memory_format, enum.Enum,
)  # fmt: skip


class TraceError(ValueError):
    """The function does something that cannot be noted without values."""


class TracerBase:
    """What makes nodes and proxies of calls; how a function is run is in `tracer.py`.

    >>> tracer = torch.fx.Tracer()
    >>> tracer.graph = torch.fx.Graph(tracer_cls=torch.fx.Tracer)
    >>> x = tracer.proxy(tracer.create_node("placeholder", "x", (), {}))
    >>> y = tracer.create_proxy("call_function", torch.add, (x, 1), {})
    >>> y, tracer.create_arg((x, 2))
    (Proxy(add), (x, 2))
    >>> tracer.keys(x)
    Proxy(keys)
    >>> tracer.to_bool(x)
    Traceback (most recent call last):
        ...
    wengert.fx.proxy.TraceError: symbolically traced variables cannot be used as ...
    """

    graph: Graph
    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False
    traced_func_name = "forward"

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None,
        type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """Add a node to the graph.

        kind: the op of the node. target: what is called. args: its arguments. kwargs: its arguments
        by name. name: of the node; None: made up. type_expr: its type.

        Raises TypeError where kwargs is of the wrong type; AssertionError where kind or args is of
        the wrong type or kind is unknown.
        """
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """What stands for the result of a node."""
        return Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None,
        type_expr: Any = None, proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:  # fmt: skip
        """Add a node, with proxies in its arguments, and return what stands for its result.

        kind: the op of the node. target: what is called. args: its arguments. kwargs: its arguments
        by name. name: of the node; None: made up. type_expr: its type. proxy_factory_fn: makes the
        proxy; None: the tracer's.

        Raises ValueError where target cannot be called; NotImplementedError where kwargs is of the
        wrong type; AssertionError where kind or args is of the wrong type or kind is unknown.
        """
        args, kwargs = self.create_arg(args), self.create_arg(kwargs)
        node = self.create_node(kind, target, args, kwargs, name, type_expr)
        return proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)

    def create_arg(self, a: Any) -> Any:
        """A value as an argument of a node. NotImplementedError if it cannot be one."""
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return type(a)(*[self.create_arg(x) for x in a])
        if isinstance(a, (tuple, list)):
            return type(a)([self.create_arg(x) for x in a])
        if isinstance(a, dict):
            return {self._key(k): self.create_arg(v) for k, v in a.items()}
        if isinstance(a, slice):
            return slice(*[self.create_arg(x) for x in (a.start, a.stop, a.step)])
        if isinstance(a, range):
            return range(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, SIMPLE) or callable(a) and not isinstance(a, Tensor):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def _key(self, k: Any) -> Any:
        key = self.create_arg(k)
        map_aggregate(key, self._no_node)
        return key

    @staticmethod
    def _no_node(x: Any) -> Any:
        if isinstance(x, Node):
            raise RuntimeError(
                f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {x}"
            )
        return x

    @clear_errors
    def to_bool(self, obj: Proxy) -> bool:
        """What `if proxy:` does: TraceError.

        obj: a Proxy.

        Raises TypeError where obj is of the wrong type.

        >>> torch.fx.symbolic_trace(lambda x: x if x else -x)
        Traceback (most recent call last):
            ...
        wengert.fx.proxy.TraceError: symbolically traced variables cannot be used as ...
        """
        raise TraceError(
            "symbolically traced variables cannot be used as inputs to control flow: the value of "
            f"{obj.node} is not known while tracing; use torch.where, or torch.fx.wrap a function "
            "that decides"
        )

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """What iterating over a proxy does: it is unpacked into names, or a TraceError.

        obj: a Proxy.

        >>> def both(x):
        ...     a, b = x
        ...     return a + b
        >>> torch.fx.symbolic_trace(both)((1, 2))
        3
        """
        frame = sys._getframe(2)
        for instruction in dis.get_instructions(frame.f_code):
            if instruction.offset == frame.f_lasti:
                if instruction.opname == "UNPACK_SEQUENCE":
                    parts: Any = obj
                    return (operator.getitem(parts, i) for i in range(instruction.argval))
                break
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a "
            "loop or as a *args or **kwargs function argument: the number of its parts is not "
            "known while tracing"
        )

    @clear_errors
    def keys(self, obj: Proxy) -> Any:
        """What proxy.keys() does.

        obj: a Proxy.

        Raises TypeError where obj is of the wrong type.
        """
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """Adds what is done with proxies to a graph that is there already.

    >>> graph = torch.fx.Graph()
    >>> tracer = torch.fx.proxy.GraphAppendingTracer(graph)
    >>> x = torch.fx.Proxy(graph.placeholder("x"), tracer)
    >>> y = x + 1
    >>> list(graph.nodes)
    [x, add]
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        overrides.ask_while(self)  # functions look for proxies as long as this one lives


class Proxy:
    """Stands for a value: operators, methods, attributes and torch functions become nodes.

    node: the Node that makes the value. tracer: the tracer that adds nodes.

    Raises AttributeError where it is used and node is no Node.

    >>> torch.fx.symbolic_trace(lambda x: x + 1)(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Any:
        if k.startswith("__") or k in ("_a", "_n", "_x"):
            raise AttributeError(k)
        return Attribute(self, k)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __deepcopy__(self, memo: Any) -> Proxy:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __abs__(self) -> Proxy:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be "
            "recorded, please call torch.fx.wrap('len') at module scope"
        )

    def keys(self) -> Any:
        """The keys, for a value that is a dict.

        >>> torch.fx.symbolic_trace(lambda d: d.keys())({"a": 1})
        dict_keys(['a'])
        """
        return self.tracer.keys(self)

    def __contains__(self, other: object) -> bool:
        return self.tracer.to_bool(self)

    def __hash__(self) -> int:
        return id(self)

    @classmethod
    def __torch_function__(
        cls, orig_method: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        tracers: dict[Any, None] = {}

        def look(x: Any) -> Any:
            if isinstance(x, Proxy):
                tracers[x.tracer] = None
            return x

        map_aggregate((args, kwargs), look)
        if len(tracers) > 1:
            raise RuntimeError(
                f"Found multiple different tracers {list(tracers)} while trying to trace "
                f"operations {orig_method}"
            )
        tracer = next(iter(tracers), None)
        if tracer is None:  # subclasses that are no proxies
            return orig_method(*args, **kwargs)
        name = getattr(orig_method, "__name__", "")
        if is_method_only(orig_method):
            return tracer.create_proxy("call_method", name, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


def is_method_only(f: Any) -> bool:
    """Whether f is a method of Tensor, and no function of torch."""
    return (resolve_name(f) or "").startswith("torch.Tensor.")


class Attribute(Proxy):
    """Stands for an attribute; its node is made when it is used, and never for a method call.

    root: the module. attr: the name of the attribute.

    >>> graph = torch.fx.Graph()
    >>> x = torch.fx.Proxy(graph.placeholder("x"))
    >>> torch.fx.proxy.Attribute(x, "shape")
    Proxy(getattr_1)
    """

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node that reads the attribute."""
        if self._node is None:
            made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {})
            self._node = made.node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    target = getattr(operator, name)

    def plain(*args: Any) -> Any:
        return args[0].tracer.create_proxy("call_function", target, args, {})

    def swapped(self: Proxy, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", target, (other, self), {})

    return swapped if reflected else plain


_BINARY = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "lshift",
    "rshift",
    "and_",
    "or_",
    "xor",
]
for _name in [*_BINARY, *["eq", "ne", "lt", "gt", "le", "ge", "getitem", "neg", "pos", "invert"]]:
    setattr(Proxy, f"__{_name.strip('_')}__", _operator(_name))
for _name in _BINARY:
    _short = _name.strip("_")
    setattr(Proxy, f"__r{_short}__", _operator(_name, reflected=True))


def proxies_in(args: Any, kwargs: Any) -> list[Any]:
    """The proxies among the arguments of a call."""
    return [x for x in overriding(args, kwargs) if isinstance(x, Proxy)] if HERE.classes else []
