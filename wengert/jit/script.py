"""script(): a module or function that knows what it was, runs as it stands, and can be saved.

Nothing is compiled: control flow is Python's. What is saved is the graph of torch.fx.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..base.pytree import tree_flatten
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from ..fx.graph_module import GraphModule
from ..fx.tracer import Tracer
from ..nn.module import Module
from .encoding import save_program

__all__ = [
    "CompilationUnit", "Error", "RecursiveScriptModule", "ScriptFunction", "ScriptModule", "freeze",
    "is_scripting", "optimize_for_inference", "script", "script_if_tracing",
]  # fmt: skip


class Error(RuntimeError):
    """Something cannot be done with scripted code."""


class DefaultTracer(Tracer):
    """Leaves some arguments at their default values: those that are named, or all that are None."""

    def __init__(self, left: set[str] | None = None) -> None:
        super().__init__()
        self.left, self.met = left, set[str]()

    def default(self, name: str, value: Any) -> Any:
        """The default value of an argument that is left at it."""
        chosen = value is None if self.left is None else name in self.left
        if not chosen:
            return ...
        self.met.add(name)
        return value


def program(thing: Any) -> GraphModule:
    """The graph of a module or function. Error if it depends on the values of tensors."""
    if isinstance(thing, GraphModule):
        return thing
    module = isinstance(thing, Module)
    tracer: Tracer = Tracer()
    without = DefaultTracer()
    try:
        graph = without.trace(thing)
        if not without.met:
            tracer = without
        elif (full := followed(tracer, thing)) is not None and steps(full) == steps(graph):
            graph = full  # the code does not ask whether an argument is None
        else:
            tracer = without
    except Exception as error:
        raise Error(
            f"{type(thing).__name__ if module else thing.__name__} has no program to save or show: "
            f"{error}. Record one for given inputs with torch.jit.trace(model, inputs), or save "
            "model.state_dict()"
        ) from error
    return GraphModule(tracer.root, graph, type(thing).__name__ if module else thing.__name__)


def followed(tracer: Tracer, thing: Any) -> Any:
    """The graph, or None where the code cannot be followed."""
    try:
        return tracer.trace(thing)
    except Exception:
        return None


def steps(graph: Any) -> list[Any]:
    """What a graph does, in order."""
    return [(n.op, n.target) for n in graph.nodes if n.op != "placeholder"]


class ScriptModule(Module):
    """A module that torch.jit made: it has a graph, code, and can be saved.

    Raises TypeError where input is no tensor; RuntimeError where input has a shape that does not
    fit or input holds integers, booleans or complex numbers.

    >>> net = torch.jit.script(nn.Linear(2, 1))
    >>> net.save("net.pt"), len(net.save_to_buffer()) > 0
    (None, True)
    >>> torch.jit.load("net.pt")(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """

    original_name = ""

    @property
    def graph(self) -> Any:
        """The graph of forward, or `Text` where it depends on values."""
        try:
            return program(self).graph
        except Error as error:
            return Text(source_of(type(self).forward), error)

    inlined_graph = graph

    @property
    def code(self) -> str:
        """forward as Python made of its graph, or as it was written."""
        try:
            return program(self).code
        except Error:
            return source_of(type(self).forward)

    @clear_errors
    def save(self, f: Any, **kwargs: Any) -> None:
        """Write the program and the parameters to a file; torch.jit.load reads it.

        f: a path or an open file.

        Raises AttributeError where f is of the wrong type.
        """
        name = self.original_name or type(self).__name__
        save_program(program(self), name, f, kwargs.get("_extra_files"))

    def save_to_buffer(self) -> bytes:
        """What save() writes, as bytes."""
        import io

        buffer = io.BytesIO()
        self.save(buffer)
        return buffer.getvalue()

    def define(self, src: str) -> None:
        """Not available: methods from TorchScript text.

        src: text.

        >>> torch.jit.ScriptModule().define("def forward(self): ...")
        Traceback (most recent call last):
            ...
        wengert.jit.script.Error: ScriptModule.define: write the method in Python, as ...
        """
        raise Error("ScriptModule.define: write the method in Python, as part of the class")


class RecursiveScriptModule(ScriptModule):
    """A module that was scripted: it shares parameters and children with the original.

    >>> type(torch.jit.script(nn.Linear(2, 1))).__name__
    'RecursiveScriptModule'
    """

    def extra_repr(self) -> str:
        """What it was."""
        return f"original_name={self.original_name}"


class ScriptFunction:
    """A function that was scripted.

    fn: the function. gm: its graph.

    >>> @torch.jit.script
    ... def twice(x: torch.Tensor):
    ...     return 2 * x
    >>> twice.save("twice.pt")
    >>> torch.jit.load("twice.pt")(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, fn: Callable[..., Any], gm: GraphModule | None = None) -> None:
        functools.update_wrapper(self, fn)
        self._fn, self._program, self.name = fn, gm, getattr(fn, "__name__", "fn")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return (self._program or self._fn)(*args, **kwargs)

    @property
    def graph(self) -> Any:
        """Its graph, or `Text` where it depends on values."""
        try:
            return (self._program or program(self._fn)).graph
        except Error as error:
            return Text(source_of(self._fn), error)

    @property
    def code(self) -> str:
        """Its code."""
        return self._program.code if self._program else source_of(self._fn)

    @clear_errors
    def save(self, f: Any, **kwargs: Any) -> None:
        """Write the program to a file; torch.jit.load reads it.

        f: a path or an open file.

        Raises AttributeError where f is of the wrong type.
        """
        gm = self._program or program(self._fn)
        save_program(gm, self.name, f, kwargs.get("_extra_files"))


class Text:
    """What is shown in the place of a graph: the code, which decides by values. What else graphs
    have raises the Error that says so.
    """

    def __init__(self, text: str, error: Error) -> None:
        self._text, self._error = text, error

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._error


def source_of(f: Any) -> str:
    """The text of a function as it was written."""
    try:
        return textwrap.dedent(inspect.getsource(f))
    except (OSError, TypeError):
        return ""


def script(
    obj: Any,
    optimize: Any = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
) -> Any:
    """A module or function as torch.jit has it: the same results, and it can be saved.

    Classes come back as they are.

    obj: what is asked about, or the class. optimize: accepted. example_inputs: an example of the
    inputs.

    Raises RuntimeError where obj is of the wrong type.

    >>> m = torch.jit.script(nn.Linear(2, 1))
    >>> isinstance(m, torch.jit.ScriptModule), m(torch.ones(1, 2)).shape
    (True, torch.Size([1, 1]))
    """
    if isinstance(obj, (ScriptModule, ScriptFunction, type)):
        return obj
    if isinstance(obj, Module):
        kind = type(obj)
        made_of = {"__module__": "torch.jit._script", "original_name": kind.__name__}
        cls = type("RecursiveScriptModule", (RecursiveScriptModule, kind), made_of)
        scripted: Any = object.__new__(cls)
        scripted.__dict__ = dict(obj.__dict__)
        return scripted
    if callable(obj):
        return ScriptFunction(obj)
    raise RuntimeError(f"torch.jit.script: expected a module or function, got {type(obj)}")


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Script a function when it is traced; accepted.

    fn: the function.

    >>> torch.jit.script_if_tracing(max)(1, 2)
    2
    """
    return fn


def is_scripting() -> bool:
    """Whether the code is being compiled: never.

    >>> torch.jit.is_scripting()
    False
    """
    return False


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """The module itself. RuntimeError in training, as in PyTorch.

    mod: the module. preserved_attrs: accepted. optimize_numerics: accepted.

    >>> torch.jit.freeze(torch.jit.script(nn.Linear(2, 1)).eval())(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError("Freezing expects a ScriptModule as input: call torch.jit.script first")
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() "
            "on your module before freezing."
        )
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The module itself.

    mod: the module. other_methods: accepted.

    >>> net = torch.jit.script(nn.Linear(2, 1)).eval()
    >>> torch.jit.optimize_for_inference(net)(torch.ones(4, 2)).shape
    torch.Size([4, 1])
    """
    return mod


def set_fusion_strategy(strategy: Any) -> None:
    """Accepted; nothing is fused.

    strategy: accepted.

    >>> torch.jit.set_fusion_strategy([("STATIC", 2)])
    """


_onednn = False


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted; nothing is fused.

    enabled: whether.

    >>> torch.jit.enable_onednn_fusion(False)
    """
    global _onednn
    _onednn = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What was set.

    >>> torch.jit.onednn_fusion_enabled()
    False
    """
    return _onednn


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Accepted.

    should_optimize: accepted.

    >>> with torch.jit.optimized_execution(True):
    ...     print("as it is")
    as it is
    """
    yield


def _flatten(tensors: Any) -> Any:
    """(the tensors in nested containers, their structure)."""
    leaves, spec = tree_flatten(tensors)
    return tuple([t for t in leaves if isinstance(t, Tensor)]), spec


class CompilationUnit:
    """Not available: functions from TorchScript text.

    lang: not used.

    >>> torch.jit.CompilationUnit("def twice(x): ...")
    Traceback (most recent call last):
        ...
    wengert.jit.script.Error: CompilationUnit: write the functions in Python
    """

    def __init__(self, lang: str | None = None, _frames_up: int = 0) -> None:
        if lang is not None:
            raise Error("CompilationUnit: write the functions in Python")
