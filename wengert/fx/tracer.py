"""Tracer and symbolic_trace: run a function or module on proxies and keep the graph.

While it runs, calls and attributes of modules lead here, functions given to wrap() are noted whole,
and public functions look for proxies (`api/overrides.py`).
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, cast

from ..api import overrides
from ..api.assertions import _assert
from ..base.pytree import tree_map
from ..engine.tensor import Tensor
from ..nn.containers import Sequential
from ..nn.module import Module
from ..nn.parameter import Parameter
from .codegen import WRAPPED
from .graph import Graph
from .graph_module import GraphModule
from .node import Node
from .proxy import TracerBase, proxies_in

__all__ = ["ProxyableClassMeta", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]

_to_patch: dict[tuple[int, str], dict[str, Any]] = {}  # names given to wrap(), by their globals
_tracing = 0


def is_fx_tracing() -> bool:
    """Whether a function is being traced now."""
    return _tracing > 0


class ProxyableClassMeta(type):
    """Metaclass of classes whose making is noted when an argument is a proxy.

    >>> class Pair(metaclass=torch.fx.ProxyableClassMeta):
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> def summed(x):
    ...     pair = Pair(x, x + 1)
    ...     return pair.a + pair.b
    >>> torch.fx.symbolic_trace(summed)(torch.ones(2))
    tensor([3., 3.])
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        found = proxies_in(args, kwargs)
        if found and is_fx_tracing():
            return found[0].tracer.create_proxy("call_function", cls, args, kwargs)
        return super().__call__(*args, **kwargs)


class Tracer(TracerBase):
    """Makes the graph of a function or module; subclasses say what is taken whole.

    autowrap_modules: modules whose functions are noted whole; autowrap_functions: functions too.
    param_shapes_constant: accepted.

    >>> class Whole(torch.fx.Tracer):
    ...     def is_leaf_module(self, m, module_qualified_name):
    ...         own = super().is_leaf_module(m, module_qualified_name)
    ...         return own or module_qualified_name == "0"
    >>> net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.ReLU())
    >>> tracer = Whole()
    >>> [node.op for node in tracer.trace(net).nodes]
    ['placeholder', 'call_module', 'call_module', 'output']
    >>> tracer.path_of_module(net[0][0])
    '0.0'
    >>> tracer.create_arg(net[0][0].weight).op, tracer.getattr("training", True, {})
    ('get_attr', True)
    >>> f, proxies = tracer.create_args_for_root(lambda x: x, False)
    >>> relu = net[1]
    >>> tracer.call_module(relu, relu.forward, (proxies[0],), {})
    Proxy(_2)
    """

    def __init__(
        self, autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self._whole = {id(f) for m in autowrap_modules for f in vars(m).values() if callable(f)}
        self._whole |= {id(f) for f in autowrap_functions}
        self._modules = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant
        self.root: Module = Module()
        self.tensor_attrs: dict[int, str] = {}
        self._kept: list[Any] = []
        self.submodule_paths: dict[Module, str] | None = None
        self.scope: Any = None

    # ---- what subclasses change

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a module is one step: those of torch.nn are, containers are not.

        m: the module. module_qualified_name: its path.
        """
        ours = type(m).__module__.startswith(("wengert.nn", "torch.nn"))
        return ours and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The name of a module below the root. NameError if it is not there.

        mod: a module.
        """
        if self.submodule_paths is None:
            return next((n for n, m in self.root.named_modules() if m is mod), "")
        path = self.submodule_paths.get(mod)
        if path is None:
            raise NameError("module is not installed as a submodule")
        return path

    def call_module(self, m: Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What the call of a module becomes: one step, or the steps inside of it.

        m: the module. args: its arguments. kwargs: its arguments by name. forward: what the module
        does.
        """
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What the attribute of a module is: a proxy for parameters.

        attr: the name of the attribute. attr_val: its value. parameter_proxy_cache: proxies made so
        far.
        """
        if isinstance(attr_val, Parameter) or (
            self.proxy_buffer_attributes and isinstance(attr_val, Tensor)
        ):
            for n, p in [*self.root.named_parameters(), *self.root.named_buffers()]:
                if p is attr_val:
                    if n not in parameter_proxy_cache:
                        parameter_proxy_cache[n] = self.create_proxy("get_attr", n, (), {})
                    return parameter_proxy_cache[n]
        return attr_val

    _module_getattr = getattr

    def create_arg(self, a: Any) -> Any:
        """A value as an argument of a node; tensors and modules become attributes of the root."""
        if isinstance(a, Parameter):
            for n, p in self.root.named_parameters():
                if a is p:
                    return self.create_node("get_attr", n, (), {})
            return self._constant(a, "_param_constant")
        if isinstance(a, Tensor):
            for n, b in self.root.named_buffers():
                if a is b:
                    return self.create_node("get_attr", n, (), {})
            return self._constant(a, "_tensor_constant")
        if isinstance(a, Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return self.create_node(
                "call_function", type(a), tuple([self.create_arg(x) for x in a]), {}
            )
        return super().create_arg(a)

    def _constant(self, a: Any, stem: str) -> Node:
        """The reading of a tensor that the root is given under a new name."""
        name = self.tensor_attrs.get(id(a))
        if name is None:
            i = 0
            while hasattr(self.root, f"{stem}{i}"):
                i += 1
            name = self.tensor_attrs[id(a)] = f"{stem}{i}"
            self._kept.append(a)
            setattr(self.root, name, a)
        return self.create_node("get_attr", name, (), {})

    # ---- running

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Callable[..., Any], list[Any]]:
        """(the function to run, what to run it on): a proxy for each argument.

        concrete_args: arguments that are constants. root_fn: the function. is_module: whether it is
        a method of a module.
        """
        fn = inspect.unwrap(root_fn)
        if not hasattr(fn, "__code__"):
            raise AssertionError(f"Expected FunctionType, got {type(fn)}")
        code = fn.__code__
        names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        defaults = {
            n: p.default for n, p in inspect.signature(fn).parameters.items()
            if p.default is not p.empty
        }  # fmt: skip
        args: list[Any] = []
        if is_module:
            if not names:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            args.append(self.root)
            names.pop(0)
        by_position = code.co_argcount - is_module
        kinds = getattr(fn, "__annotations__", {})
        keywords: dict[str, Any] = {}
        for i, name in enumerate(names):
            value = self._root_argument(name, defaults, kinds.get(name), concrete_args)
            if i < by_position:
                args.append(value)
            else:
                keywords[name] = value
        stars: list[Any] = []
        if code.co_flags & inspect.CO_VARARGS:
            stars.append(self.create_proxy("placeholder", "*" + code.co_varnames[
                code.co_argcount + code.co_kwonlyargcount], (), {}))  # fmt: skip
        if code.co_flags & inspect.CO_VARKEYWORDS:
            at = code.co_argcount + code.co_kwonlyargcount + len(stars)
            stars.append(self.create_proxy("placeholder", "**" + code.co_varnames[at], (), {}))
        if stars:
            return self._starred(fn, keywords, stars), [*args, *stars]
        return functools.partial(fn, **keywords) if keywords else fn, args

    def _starred(self, fn: Any, keywords: dict[str, Any], stars: list[Any]) -> Any:
        """fn with proxies as the very tuple and dict of its *args and **kwargs."""
        code = fn.__code__
        flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
        total = code.co_argcount + code.co_kwonlyargcount + len(stars)
        order = list(code.co_varnames)
        plain = code.replace(co_flags=flags, co_argcount=total, co_kwonlyargcount=0)
        inner = FunctionType(plain, fn.__globals__, fn.__name__, None, fn.__closure__)

        def run(*args: Any) -> Any:
            given = dict(zip(order[: code.co_argcount], args))
            given.update(keywords)
            given.update(zip(order[total - len(stars) : total], stars))
            return inner(*[given[n] for n in order[:total]])

        return run

    def _root_argument(self, name: str, defaults: Any, kind: Any, concrete: Any) -> Any:
        default = (defaults[name],) if name in defaults else ()
        if concrete is not None and name in concrete:
            return self._concrete(name, concrete[name], default)
        if default and (given := self.default(name, default[0])) is not ...:
            return given
        kind = None if isinstance(kind, str) else kind
        return self.create_proxy("placeholder", name, default, {}, type_expr=kind)

    def default(self, name: str, value: Any) -> Any:
        """What stands for an argument that has a default value; ... for a proxy.

        name: the name wanted for the node.
        """
        return ...

    def _concrete(self, name: str, value: Any, default: Any) -> Any:
        """An argument whose value is given: it is checked in the graph, and known while tracing."""
        count = 0

        def leaf(x: Any) -> Any:
            nonlocal count
            count += 1
            if x is PH or isinstance(x, PHBase):
                return self.create_proxy("placeholder", f"{name}_{count}", (), {})
            out = self.create_proxy("placeholder", f"{name}_{count}", default, {})
            if isinstance(x, (bool, int, float)):
                told = f"{name} has been specialized to have value {x} but got another value"
                same: Any = operator.eq(out, x)
                self.create_proxy("call_function", _assert, (same, told), {})
            elif x is not None and not isinstance(x, str):
                return x
            return x

        return tree_map(leaf, value)

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function, run once on proxies.

        root: the module. concrete_args: arguments that are constants.

        Raises AssertionError where root is of the wrong type.
        """
        global _tracing
        if isinstance(root, Module):
            self.root = root
            fn = getattr(type(root), self.traced_func_name)
            self.submodule_paths = {m: n for n, m in root.named_modules()}
        else:
            self.root, fn = Module(), root
            self.submodule_paths = {self.root: ""}
        said = getattr(fn, "__annotations__", {}).get("return")
        said = None if isinstance(said, str) else said
        self.graph = Graph(tracer_cls=type(self) if type(self) is not Tracer else None)
        self.tensor_attrs = self._attributes_of(self.root)
        fn, args = self.create_args_for_root(fn, isinstance(root, Module), concrete_args)
        cache: dict[str, Any] = {}
        _tracing += 1
        try:
            with patched_modules(self, cache), patched_functions(self, fn):
                self.graph.create_node(
                    "output", "output", (self.create_arg(fn(*args)),), {}, None, said
                )
        finally:
            _tracing -= 1
            self.submodule_paths = None
        return self.graph

    @staticmethod
    def _attributes_of(root: Module) -> dict[int, str]:
        """Tensors that are plain attributes of the modules, by identity."""
        found: dict[int, str] = {}
        for path, m in root.named_modules():
            for k, v in vars(m).items():
                if isinstance(v, Tensor):
                    found.setdefault(id(v), f"{path}.{k}" if path else k)
        return found

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self


class PHBase:
    """Stands for a part of a concrete argument that stays an input."""

    def __repr__(self) -> str:
        return "PH"


PH = PHBase()


@contextmanager
def patched_modules(tracer: Tracer, cache: dict[str, Any]) -> Iterator[None]:
    """Have calls and attributes of modules lead to the tracer."""
    call, get, cls = Module.__call__, Module.__getattr__, cast(Any, Module)

    def traced_call(mod: Module, *args: Any, **kwargs: Any) -> Any:
        if getattr(mod, "_is_fx_leaf_", False):
            return call(mod, *args, **kwargs)
        return tracer.call_module(mod, lambda *a, **k: call(mod, *a, **k), args, kwargs)

    def traced_get(mod: Module, name: str) -> Any:
        return tracer.getattr(name, get(mod, name), cache)

    cls.__call__, cls.__getattr__ = traced_call, traced_get
    overrides.ask()
    try:
        yield
    finally:
        cls.__call__, cls.__getattr__ = call, get
        overrides.release()


@contextmanager
def patched_functions(tracer: Tracer, fn: Any) -> Iterator[None]:
    """Put noting forms of functions in the places where the traced code finds them."""
    undo: list[tuple[dict[str, Any], str, Any]] = []
    absent = object()

    def patch(home: dict[str, Any], name: str, f: Any) -> None:
        if getattr(home.get(name), "__fx_patched__", None) is None:
            undo.append((home, name, home.get(name, absent)))
            home[name] = noting(f)

    for (_, name), home in list(_to_patch.items()):
        f = home.get(name, getattr(builtins, name, None))
        if f is not None:
            patch(home, name, f)
    homes = [getattr(fn, "__globals__", {}), *[vars(m) for m in tracer._modules]]
    for home in homes:
        for name, f in list(home.items()):
            if id(f) in tracer._whole and callable(f) and not name.startswith("__"):
                patch(home, name, f)
    try:
        yield
    finally:
        for home, name, was in reversed(undo):
            if was is absent:
                del home[name]
            else:
                home[name] = was


def noting(f: Any) -> Any:
    """f, but a node where an argument is a proxy."""

    @functools.wraps(f, updated=())
    def noted(*args: Any, **kwargs: Any) -> Any:
        found = proxies_in(args, kwargs)
        if found:
            return found[0].tracer.create_proxy("call_function", f, args, kwargs)
        return f(*args, **kwargs)

    noted.__fx_patched__ = f  # type: ignore[attr-defined]
    return noted


def wrap(fn_or_name: Any) -> Any:
    """Have a function of this module noted whole: @torch.fx.wrap, or torch.fx.wrap("len").

    Only at the top level of a module.

    fn_or_name: a function, or the name of one.

    Raises RuntimeError where fn_or_name is of the wrong type; NotImplementedError where fn_or_name
    is unknown.

    >>> torch.fx.wrap("len")
    'len'
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(
            "Unsupported type for global function! Must be either a callable or string name"
        )
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _to_patch[id(frame.f_globals), name] = frame.f_globals
    WRAPPED.add((frame.f_globals.get("__name__", ""), name))
    return fn_or_name


def symbolic_trace(root: Any, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """The graph of a module or function as a module that runs it.

    concrete_args: arguments with known values. TraceError where the function needs values.

    root: the module.

    Raises AssertionError where root cannot be called.

    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> gm(torch.tensor([-1.0, 2.0]))
    tensor([1., 3.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
