"""trace(): the program that a module or function is for given inputs.

Where torch.fx can follow the code, the program fits inputs of other sizes too; so it does where
the code looks at values (`valued.py`), and is then right for inputs of which it decides the same;
where a proxy will not do, it is what was done with these inputs (`record.py`).
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..api.generator import get_rng_state, set_rng_state
from ..base.advice import advise
from ..base.pytree import tree_flatten, tree_map
from ..engine.tensor import Tensor
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule
from ..nn.module import Module
from ..nn.parameter import Parameter
from .record import record
from .script import DefaultTracer, ScriptFunction, ScriptModule
from .state import tracing
from .valued import TracerWarning, ValuedTracer

__all__ = [
    "TopLevelTracedModule", "TracedModule", "TracerWarning", "TracingCheckError", "trace",
    "trace_module",
]  # fmt: skip


class TracingCheckError(Exception):
    """A trace does not compute what was traced."""


class TracedModule(ScriptModule):
    """A module that was traced.

    Raises TypeError where input is no tensor; RuntimeError where input has a shape that does not
    fit or input holds integers, booleans or complex numbers.

    >>> traced = torch.jit.trace(nn.ReLU(), torch.ones(2))
    >>> traced(-torch.ones(2))
    tensor([0., 0.])
    """


class TopLevelTracedModule(TracedModule, GraphModule):
    """What torch.jit.trace makes of a module.

    >>> type(torch.jit.trace(nn.Linear(2, 1), torch.ones(1, 2))).__name__
    'Linear'
    """

    graph = GraphModule.graph
    code = GraphModule.code

    def extra_repr(self) -> str:
        """What it was."""
        return f"original_name={self.original_name}"

    __str__ = Module.__repr__


def plain(x: Any) -> Any:
    """x with dictionaries of every kind as plain ones, which is what graphs return."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return type(x)(map(plain, x)) if type(x) in (tuple, list) else x


def same(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two results agree."""
    (xs, spec), (ys, other) = tree_flatten(plain(a)), tree_flatten(plain(b))
    if spec != other:
        return False
    for x, y in zip(xs, ys):
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            if x.shape != y.shape or x.dtype != y.dtype:
                return False
            if not bool(x.allclose(y, rtol=tolerance, atol=tolerance, equal_nan=True)):
                return False
        elif isinstance(x, Tensor) or isinstance(y, Tensor) or x is not y and x != y:
            return False
    return True


class Start:
    """What was there before a module or function ran: its inputs, its buffers and the random
    numbers that came next.
    """

    def __init__(self, func: Any, inputs: tuple[Any, ...]) -> None:
        self.inputs, self.random = copy.deepcopy(inputs), get_rng_state()
        self.module = owner(func)
        self.buffers = self.values()

    def values(self) -> dict[str, Tensor]:
        """The buffers as they are now."""
        named = self.module.named_buffers() if self.module is not None else ()
        return {n: b.clone() for n, b in named}

    def put(self, buffers: dict[str, Tensor]) -> None:
        """Give the buffers these values."""
        for n, b in buffers.items():
            self.module.get_buffer(n).data.copy_(b)

    def run(self, f: Any) -> Any:
        """f of copies of the inputs, from there; what it changes is changed back."""
        random, buffers = get_rng_state(), self.values()
        set_rng_state(self.random)
        self.put(self.buffers)
        try:
            return f(*copy.deepcopy(self.inputs))
        finally:
            set_rng_state(random)
            self.put(buffers)


def owner(func: Any) -> Any:
    """The module that func is, or whose method it is."""
    module = func if isinstance(func, Module) else getattr(func, "__self__", None)
    return module if isinstance(module, Module) else None


def graph_of(
    func: Any, inputs: tuple[Any, ...], tolerance: float = 1e-5, check: bool = True
) -> tuple[Module, Graph]:
    """(the module with its parts, the graph) of a module or function for given inputs, on which it
    runs once.

    TracingCheckError if no graph computes the same, or with check=False the recorded one.
    """
    with tracing():
        start, module, root = Start(func, inputs), owner(func), Module()
        if module is not None:
            root.__dict__ = {**copy.copy(module).__dict__, "_buffers": dict(module._buffers)}
        names = argument_names(func, len(inputs))
        recorded, expected = record(func, root, names, tree_map(lambda x: x, inputs))
        left = set(argument_names(func, 99)[len(inputs) :])
        for kind in (DefaultTracer, ValuedTracer):
            try:
                tracer = start.run(functools.partial(followed, kind, left, func))
                if same(start.run(GraphModule(tracer.root, tracer.graph)), expected, tolerance):
                    return tracer.root, tracer.graph
            except Exception:  # the code looks at values, or at what holds them
                continue
        if check and not same(start.run(GraphModule(root, recorded)), expected, tolerance):
            raise TracingCheckError(
                "Tracing failed sanity checks! The recorded calls do not compute what the code "
                "does: it changes between calls, or computes with something else than tensors"
            )
        return root, recorded


def left_at_default(func: Any, inputs: Any) -> DefaultTracer:
    """A tracer that leaves the arguments that are not given at their defaults."""
    return DefaultTracer(set(argument_names(func, 99)[len(inputs) :]))


def followed(kind: Any, left: set[str], func: Any, *inputs: Any) -> DefaultTracer:
    """A tracer that has followed func."""
    tracer = kind(left, inputs) if kind is ValuedTracer else kind(left)
    tracer.trace(func)
    return tracer


def argument_names(func: Any, n: int) -> list[str]:
    """What the first n arguments of a function are called."""
    f = func.forward if isinstance(func, Module) else func
    try:
        names = [
            p.name for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]  # fmt: skip
    except (TypeError, ValueError):
        names = []
    return [*names, *[f"argument_{i}" for i in range(len(names), n)]][:n]


def trace(
    func: Any, example_inputs: Any = None, optimize: Any = None, check_trace: bool = True,
    check_inputs: Any = None, check_tolerance: float = 1e-5, strict: bool = True,
    _force_outplace: bool = False, _module_class: Any = None, _compilation_unit: Any = None,
    example_kwarg_inputs: dict[str, Any] | None = None, _store_inputs: bool = True,
) -> Any:  # fmt: skip
    """The program of a module or function, found by running it on example inputs.

    example_inputs: a tensor or a tuple of arguments; example_kwarg_inputs: arguments by name.
    TracingCheckError if the program does not compute the same. optimize: accepted. check_trace:
    compare the trace with the function. check_inputs: more inputs to compare with. check_tolerance:
    the relative difference that is allowed. strict: accepted. func: a function or a module.

    Tensors have any shape that the module takes. Raises TypeError where func cannot be called.

    >>> f = torch.jit.trace(lambda x: x * 2 + 1, torch.ones(2))
    >>> f(torch.zeros(3))
    tensor([1., 1., 1.])
    """
    if isinstance(func, (ScriptModule, ScriptFunction)):
        advise(
            "The input to trace is already a ScriptModule, tracing it is a no-op. Returning the "
            "object as is.",
        )
        return func
    if example_kwarg_inputs is not None:
        order = argument_names(func, 99)
        inputs = tuple([example_kwarg_inputs[n] for n in order if n in example_kwarg_inputs])
    elif example_inputs is None:
        raise RuntimeError("example_kwarg_inputs should be a dict")
    else:
        inputs = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (
            example_inputs,
        )  # fmt: skip
    root, graph = graph_of(func, inputs, check_tolerance, check_trace)
    if not isinstance(func, Module):
        return ScriptFunction(func, GraphModule(root, graph, getattr(func, "__name__", "fn")))
    return traced_module(func, root, graph)


def traced_module(func: Module, root: Module, graph: Graph) -> TopLevelTracedModule:
    """The graph as a module with all parameters of the original."""
    name = type(func).__name__
    made = TopLevelTracedModule(root, graph, name)
    type(made).original_name = name
    have = {n for n, _ in (*made.named_parameters(), *made.named_buffers())}
    for n, value in (*func.named_parameters(), *func.named_buffers()):
        if n not in have and not value_is_lazy(value):
            made._place(n, value)
    in_order(made, func)
    return made


def in_order(made: Module, original: Module) -> None:
    """Give what a module has the order, and the kept or unkept buffers, of the original."""
    for table in ("_parameters", "_buffers", "_modules"):
        mine, theirs = getattr(made, table), getattr(original, table)
        order = [*[k for k in theirs if k in mine], *[k for k in mine if k not in theirs]]
        made.__dict__[table] = {k: mine[k] for k in order}
    unkept = original._non_persistent_buffers_set
    made.__dict__["_non_persistent_buffers_set"] = {k for k in made._buffers if k in unkept}
    for name, child in original._modules.items():
        inner = made._modules.get(name)
        if inner is not None and child is not None and inner is not child:
            in_order(inner, child)


def value_is_lazy(value: Any) -> bool:
    """Whether a parameter has no shape yet."""
    return not isinstance(value, (Tensor, Parameter)) or hasattr(value, "materialize")


def trace_module(
    mod: Module, inputs: dict[str, Any], optimize: Any = None, check_trace: bool = True,
    check_inputs: Any = None, check_tolerance: float = 1e-5, strict: bool = True, **options: Any,
) -> Any:  # fmt: skip
    """trace() of the methods of a module, given by name with their inputs.

    mod: the module. optimize: accepted. check_trace: compare the trace with the function.
    check_inputs: more inputs to compare with. check_tolerance: the relative difference that is
    allowed. strict: accepted.

    Tensors have any shape that the module takes. Raises AttributeError where inputs is no dict or
    there is no such method.

    >>> net = torch.jit.trace_module(nn.Linear(2, 1), {"forward": torch.ones(1, 2)})
    >>> net(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    for name in inputs:
        if not hasattr(mod, name):
            raise AttributeError(f"'{type(mod).__name__}' object has no attribute '{name}'")
    options = {"check_trace": check_trace, "check_tolerance": check_tolerance}
    if "forward" in inputs:
        made = trace(mod, inputs["forward"], **options)
    else:
        made = traced_module(mod, copy.copy(mod), nothing())
        made.__dict__.update(_modules=dict(mod._modules), forward=no_forward)
    for name, given in inputs.items():
        if name != "forward":
            method: Callable[..., Any] = getattr(mod, name)
            made.__dict__[name] = trace(method, given, **options)
    return made


def nothing() -> Graph:
    """A graph that does nothing."""
    graph = Graph()
    graph.output(None)
    return graph


def no_forward(*args: Any, **kwargs: Any) -> Any:
    """What calls a module of which only other methods were traced."""
    raise AttributeError(
        "this traced module has no attribute 'forward': only other methods of it were traced"
    )
