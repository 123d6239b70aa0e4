"""GraphModule: a module whose forward is the Python made of a graph."""

from __future__ import annotations

import copy
import importlib
import os
from pathlib import Path
from typing import Any

from ..base import generated
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from ..nn.module import Module
from ..nn.parameter import Parameter
from .graph import Graph, PythonCode
from .node import Node, map_aggregate, qualified_name

__all__ = ["GraphModule", "reduce_graph_module"]


def copy_attribute(source: Any, to: Module, target: str) -> None:
    """Give `to` what `source` has at a path; modules on the way are made empty."""
    *path, last = target.split(".")
    for part in path:
        nxt = getattr(to, part, None)
        if nxt is None:
            nxt = Module()
            setattr(to, part, nxt)
        source, to = getattr(source, part), nxt
    put(to, last, getattr(source, last))


def put(module: Any, name: str, value: Any) -> None:
    """Set an attribute; tensors that are no parameters become buffers."""
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        if name not in module._buffers:
            module.register_buffer(name, value)
        else:
            module._buffers[name] = value
    else:
        setattr(module, name, value)


class GraphModule(Module):
    """A module made of a graph: graph, code (its Python), and the parts of root that it uses.

    root: a module, or a dict of path -> part. After changing the graph, call recompile().

    add_submodule raises TypeError for what is no module.

    >>> g = torch.fx.Graph()
    >>> out = g.output(g.call_function(torch.relu, (g.placeholder("x"),)))
    >>> print(torch.fx.GraphModule(nn.Module(), g).code.strip())
    def forward(self, x):
        relu = torch.relu(x);  x = None
        return relu
    >>> gm = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    >>> gm.add_submodule("extra.layer", nn.Linear(1, 1))
    True
    >>> gm.delete_submodule("extra.layer")
    True
    >>> gm.delete_all_unused_submodules()
    >>> [name for name, _ in gm.named_modules() if name]
    ['0', '1']
    >>> for node in gm.graph.nodes:
    ...     if node.target == "1":
    ...         node.target = "0"
    >>> code = gm.recompile()
    >>> text = gm.print_readable(print_output=False)
    >>> gm.to_folder("made", "Made")
    """

    _graph: Graph

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        base = next(c for c in cls.__mro__ if not c.__dict__.get("_one_instance"))
        own = type(base.__name__, (base,), {"_one_instance": True, "__module__": base.__module__})
        return object.__new__(own)

    @clear_errors
    def __init__(
        self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule"
    ) -> None:
        super().__init__()
        type(self).__name__ = class_name
        # by which libraries know such classes
        type(self).__qualname__ = "GraphModule.__new__.<locals>.GraphModuleImpl"
        if isinstance(root, Module):
            self.training = root.training
        for node in graph.nodes:
            if node.op not in ("get_attr", "call_module"):
                continue
            target = str(node.target)
            if isinstance(root, Module):
                copy_attribute(root, self, target)
            elif target in root:
                self._place(target, root[target])
            else:
                raise RuntimeError(
                    f"Node {node} referenced target {target} but that target was not provided in "
                    "`root`!"
                )
        setattr(self, "graph", graph)  # noqa: B010

    def _place(self, target: str, value: Any) -> None:
        at: Any = self
        *path, last = target.split(".")
        for part in path:
            if not hasattr(at, part):
                setattr(at, part, Module())
            at = getattr(at, part)
        put(at, last, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "graph":
            if not isinstance(value, Graph):
                raise AssertionError(f"Expected a Graph instance, but got {type(value)}")
            self.__dict__["_graph"] = value
            value.owning_module = self
            self.recompile()
        else:
            super().__setattr__(name, value)

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._graph

    @property
    def code(self) -> str:
        """The Python made of the graph. RuntimeError before the first recompile()."""
        return str(self.__dict__["_code"])

    def recompile(self) -> PythonCode:
        """Make the Python anew, after the graph was changed."""
        made = self._graph.python_code("self")
        self.__dict__["_code"] = made.src
        names = dict(made.globals)
        title = f"graph {id(self):x} {id(made):x}"
        forward = generated.functions(title, made.src.split("\n"), names)["forward"]
        type(self).forward = forward  # type: ignore[method-assign]
        return made

    # ---- parts

    @clear_errors
    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module at a path, making modules on the way; False if something else is there.

        target: the path, with dots.

        Raises TypeError where m is of the wrong type.
        """
        at: Any = self
        *path, last = target.split(".")
        for part in path:
            nxt = getattr(at, part, None)
            if nxt is None:
                nxt = Module()
                setattr(at, part, nxt)
            if not isinstance(nxt, Module):
                return False
            at = nxt
        at.add_module(last, m)
        return True

    @clear_errors
    def delete_submodule(self, target: str) -> bool:
        """Take a module out; False if it is not there.

        target: the path, with dots.
        """
        at: Any = self
        *path, last = target.split(".")
        for part in path:
            at = getattr(at, part, None)
            if not isinstance(at, Module):
                return False
        if not isinstance(getattr(at, last, None), Module):
            return False
        delattr(at, last)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take out the modules that the graph does not use."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = str(node.target).split(".")
                used |= {".".join(parts[: i + 1]) for i in range(len(parts))}
                if node.op == "call_module":
                    inner = self.get_submodule(str(node.target))
                    used |= {f"{node.target}.{n}" for n, _ in inner.named_modules() if n}
        for name in [n for n, _ in self.named_modules() if n and n not in used]:
            self.delete_submodule(name)

    # ---- copies

    def __copy__(self) -> GraphModule:
        made = GraphModule(self, copy.deepcopy(self.graph), type(self).__name__)
        made.__dict__.setdefault("meta", dict(getattr(self, "meta", {})))
        return made

    def __deepcopy__(self, memo: Any) -> GraphModule:
        parts = Module()
        parts.__dict__ = copy.deepcopy(
            {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_code")}, memo
        )
        made = GraphModule(parts, copy.deepcopy(self.graph), type(self).__name__)
        made.training = self.training
        return made

    def __reduce__(self) -> Any:
        parts = {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_code")}
        return reduce_graph_module, (parts, packed(self.graph), type(self).__name__)

    def __str__(self) -> str:
        told = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__repr__(), self.code, told])

    def print_readable(
        self, print_output: bool = True, include_stride: bool = False,
        include_device: bool = False, colored: bool = False, **options: Any,
    ) -> str:  # fmt: skip
        """The code as the text of a class; written to the standard output too.

        print_output: print it, too. include_stride: with strides. include_device: with devices.
        colored: accepted.
        """
        import sys
        import textwrap

        body = textwrap.indent(self.code.strip("\n").rstrip(), "    ")
        head, _, body = body.partition("\n")
        body = f"{head}\n        # No stacktrace found for following nodes\n{body}"
        text = f"class {type(self).__name__}(torch.nn.Module):\n{body}\n"
        if print_output:
            sys.stdout.write(text + "\n")
        return text

    def to_folder(self, folder: str | os.PathLike[str], module_name: str = "FxModule") -> None:
        """Write the code as a Python package, and the parameters beside it.

        folder: where to write. module_name: the path of the module.

        Raises TypeError where folder is of the wrong type; FileExistsError for a file.
        """
        from ..io import save

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        save(self.state_dict(), place / "state_dict.pt")
        body = "\n".join([f"    {line}" for line in self.code.strip().split("\n")])
        head = "import torch\nfrom torch import device, inf, nan\n\n\n"
        text = f"{head}class {module_name}(torch.nn.Module):\n{body}\n"
        (place / "module.py").write_text(text, encoding="utf-8")
        (place / "__init__.py").write_text("from .module import *\n", encoding="utf-8")


# ---- graphs as data, for pickle


class Place:
    """A node as an argument, by its number."""

    def __init__(self, number: int) -> None:
        self.number = number


class Named:
    """A function as an argument or target, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name


def packed(graph: Graph) -> list[Any]:
    """The nodes of a graph as data."""
    numbers = {n: i for i, n in enumerate(graph.nodes)}

    def plain(x: Any) -> Any:
        if isinstance(x, Node):
            return Place(numbers[x])
        return Named(qualified_name(x)) if callable(x) and not isinstance(x, type) else x

    def open_(x: Any) -> Any:  # immutable containers as Python's own
        if isinstance(x, dict):
            return {k: open_(v) for k, v in x.items()}
        return [open_(v) for v in x] if isinstance(x, list) else x

    return [
        (n.op, n.name, plain(n.target), open_(map_aggregate(n.args, plain)),
         open_(map_aggregate(n.kwargs, plain)), n.type)
        for n in graph.nodes
    ]  # fmt: skip


def unpacked(data: list[Any]) -> Graph:
    """The graph that packed() took apart."""
    graph = Graph()
    nodes: list[Node] = []

    def whole(x: Any) -> Any:
        if isinstance(x, Place):
            return nodes[x.number]
        return function_named(x.name) if isinstance(x, Named) else x

    for op, name, target, args, kwargs, kind in data:
        args, kwargs = map_aggregate(args, whole), map_aggregate(kwargs, whole)
        nodes.append(graph.create_node(op, whole(target), args, kwargs, name, kind))
    return graph


def function_named(name: str) -> Any:
    """The function of a qualified name."""
    module, _, last = name.rpartition(".")
    home = "wengert" + module[5:] if module.partition(".")[0] == "torch" else module
    parts = home.split(".")
    for n in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in [*parts[n:], last]:
            value = getattr(value, part)
        return value
    raise AttributeError(f"there is no function {name}")


def reduce_graph_module(parts: dict[str, Any], nodes: list[Any], name: str) -> GraphModule:
    """The module that pickle took apart."""
    root = Module()
    root.__dict__.update(parts)
    return GraphModule(root, unpacked(nodes), name)
