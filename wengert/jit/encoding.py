"""Programs as data: a graph, its layers and its tensors in a file of torch.save.

A file names functions and layers of torch only, from closed tables; nothing in it is run as code.
"""

from __future__ import annotations

import io
import json
import math
import operator
import os
import zipfile
from pathlib import Path
from types import FunctionType
from typing import Any

from ..api import functions as T
from ..base import dtypes, formats
from ..base.devices import device
from ..base.size import Size
from ..declare.registry import FUNCTIONS
from ..engine.tensor import Tensor
from ..fx.codegen import BINARY, INPLACE, UNARY
from ..fx.graph import Graph
from ..fx.graph_module import GraphModule, put
from ..fx.node import Node, qualified_name
from ..io import load as load_file
from ..io import save as save_file
from ..nn import functional, parameter
from ..nn.module import Module

__all__ = ["read_program", "save_program"]

KEY = "wengert.program"
OPERATORS = {*BINARY, *UNARY, *INPLACE, "getitem", "setitem", "abs", "contains", "index"}
BUILTINS = {"getattr": getattr, "abs": abs, "len": len, "int": int, "float": float, "bool": bool,
            "max": max, "min": min, "sum": sum, "tuple": tuple, "list": list}  # fmt: skip
DUNDERS = {"__getitem__", "__setitem__", "__len__", "__call__", "__contains__"}
SPACES = ("nn.functional", "linalg", "fft", "special", "sparse", "masked", "signal.windows")
NO_STEPS = ("from_file", "set_", "compile", "load", "save", "import_")  # they do more than compute
TABLES = set(vars(Module())) - {"training"}  # what every module has; not settings
NAMED = (dtypes.dtype, formats.layout, formats.memory_format)


# ---- values as JSON


def encoded(x: Any, numbers: dict[Node, int]) -> Any:
    """An argument as JSON. TypeError for what has no form there."""
    if isinstance(x, Node):
        return {"node": numbers[x]}
    if isinstance(x, (bool, int, str)) or x is None:
        return x
    if isinstance(x, float):
        return x if math.isfinite(x) else {"float": repr(x)}
    if isinstance(x, complex):
        return {"complex": [x.real, x.imag]}
    if isinstance(x, NAMED):
        return {type(x).__name__: str(x).removeprefix("torch.")}
    if isinstance(x, device):
        return {"device": str(x)}
    if isinstance(x, slice):
        return {"slice": [encoded(v, numbers) for v in (x.start, x.stop, x.step)]}
    if isinstance(x, (tuple, list)):
        kind = "size" if isinstance(x, Size) else "tuple" if isinstance(x, tuple) else "list"
        return {kind: [encoded(v, numbers) for v in x]}
    if isinstance(x, dict):
        return {"dict": [[encoded(k, numbers), encoded(v, numbers)] for k, v in x.items()]}
    if x is ...:
        return {"ellipsis": True}
    if callable(x) and not isinstance(x, (type, Module)):
        return {"function": qualified_name(x)}
    raise TypeError(f"a {type(x).__name__} cannot be saved in a program: {x!r}"[:200])


def decoded(x: Any, nodes: list[Node]) -> Any:
    """The argument of a JSON form."""
    if not isinstance(x, dict):
        return x
    ((kind, v),) = x.items()
    if kind == "node":
        return nodes[v]
    if kind == "float":
        return float(v)
    if kind == "complex":
        return complex(*v)
    if kind in ("dtype", "layout", "memory_format"):
        found = getattr(dtypes, v, None) or getattr(formats, v, None)
        if not isinstance(found, NAMED):
            raise ValueError(f"there is no {kind} {v!r}")
        return found
    if kind == "device":
        return device(v)
    if kind == "ellipsis":
        return ...
    if kind == "function":
        return function_of(v)
    if kind == "dict":
        return {decoded(k, nodes): decoded(w, nodes) for k, w in v}
    inside = [decoded(w, nodes) for w in v]
    if kind == "slice":
        return slice(*inside)
    made: Any = {"tuple": tuple, "list": list, "size": Size}[kind]
    return made(inside)


def function_of(name: str) -> Any:
    """The function of a name in a file; ValueError for all that do not just compute."""
    home, _, last = name.rpartition(".")
    if home == "torch" and last.startswith(NO_STEPS):
        raise ValueError(f"a program cannot call {name!r}")
    if home == "operator" and last in OPERATORS:
        return getattr(operator, last)
    if home == "builtins" and last in BUILTINS:
        return BUILTINS[last]
    if home == "math" and not last.startswith("_"):
        return getattr(math, last)
    if name == "torch._assert":
        from ..api.assertions import _assert

        return _assert
    if home in ("torch", "torch.functional") and last in FUNCTIONS[""]:
        return getattr(T, last)
    if home == "torch" and last.endswith("_") and last[:-1] in FUNCTIONS[""]:
        return getattr(T, last)
    if home == "torch.Tensor" and not last.startswith("_"):
        return getattr(Tensor, last)
    for space in SPACES:
        if home == f"torch.{space}" and last in FUNCTIONS.get(space, ()):
            return T.resolve(space, last)
    if home == "torch.nn.functional":
        f = getattr(functional, last, None)
        if isinstance(f, FunctionType) and f.__module__.startswith("wengert.nn.functional"):
            return f
    raise ValueError(f"a program cannot call {name!r}")


def valid(op: str, name: str, target: Any, kwargs: dict[str, Any]) -> None:
    """ValueError unless names are names: they become part of Python text."""
    words = [name, *kwargs]
    if isinstance(target, str):
        plain = target.lstrip("*") if op == "placeholder" else target
        path = op in ("get_attr", "call_module")  # of parts such as "0" and "block1-0", as text
        words += [f"_{p.replace('-', '_')}" if path else p for p in plain.split(".")]
        if op == "call_method" and target.startswith("_") and target not in DUNDERS:
            raise ValueError(f"a program cannot call the method {target!r}")
    for word in words:
        if not isinstance(word, str) or not word.isidentifier():
            raise ValueError(f"{word!r} is no name")


# ---- graphs and modules as JSON


def graph_data(graph: Graph) -> list[Any]:
    """The nodes as JSON."""
    numbers = {n: i for i, n in enumerate(graph.nodes)}
    return [
        [n.op, n.name, n.target if isinstance(n.target, str) else {"function": n.target_name()},
         encoded(tuple(n.args), numbers), encoded(dict(n.kwargs), numbers)]
        for n in graph.nodes
    ]  # fmt: skip


def graph_from(data: list[Any]) -> Graph:
    """The graph of its JSON form."""
    graph = Graph()
    nodes: list[Node] = []
    for op, name, target, args, kwargs in data:
        found = decoded(target, nodes)
        args, kwargs = decoded(args, nodes), decoded(kwargs, nodes)
        valid(op, name, found, kwargs)
        if found is getattr and (not isinstance(args[1], str) or args[1].startswith("_")):
            raise ValueError(f"a program cannot read the attribute {args[1]!r}")
        nodes.append(graph.create_node(op, found, args, kwargs, name))
    return graph


def module_data(m: Module) -> dict[str, Any]:
    """A layer of torch.nn as JSON: its class, its settings, its children; no tensors."""
    kind = type(m)
    if kind is not Module and layer(kind.__name__) is not kind:
        raise TypeError(
            f"{kind.__name__} is no layer of torch.nn and cannot be saved as one step of a program"
        )
    settings = {}
    for k, v in vars(m).items():
        if k in TABLES or isinstance(v, Tensor):
            continue
        try:
            settings[k] = encoded(v, {})
        except TypeError:
            if not k.startswith("_"):  # what is private and no setting is made again
                raise
    children = {k: module_data(c) for k, c in m._modules.items() if c is not None}
    missing = [k for t in (m._parameters, m._buffers) for k, v in t.items() if v is None]
    return {
        "class": kind.__name__, "settings": settings, "children": children, "none": missing,
        "temporary": sorted(m._non_persistent_buffers_set),
    }  # fmt: skip


def layer(name: str) -> Any:
    """The class of torch.nn of a name, or None."""
    import sys

    found = getattr(sys.modules["wengert.nn"], name, None)
    return found if isinstance(found, type) and issubclass(found, Module) else None


def module_from(data: dict[str, Any]) -> Module:
    """The layer of its JSON form, without tensors."""
    kind = Module if data["class"] == "Module" else layer(data["class"])
    if kind is None:
        raise ValueError(f"{data['class']!r} is no layer of torch.nn")
    m = object.__new__(kind)
    Module.__init__(m)
    for k, v in data["settings"].items():
        if not k.isidentifier() or k in TABLES or k.startswith("__") or (
            callable(getattr(kind, k, None))
        ):  # fmt: skip
            raise ValueError(f"a layer has no setting {k!r}")
        m.__dict__[k] = decoded(v, [])
    for k, child in data["children"].items():
        m._modules[k] = module_from(child)
    for k in data["none"]:
        (m._buffers if k.startswith(("running", "num")) else m._parameters)[k] = None
    m._non_persistent_buffers_set.update(data["temporary"])
    return m


# ---- files


def save_program(gm: GraphModule, name: str, f: Any, extra_files: dict[str, Any] | None) -> None:
    """Write a graph and its parts to a path or a file open for writing."""
    parts: dict[str, Any] = {}
    for node in gm.graph.nodes:
        if node.op == "call_module":
            parts[str(node.target)] = module_data(gm.get_submodule(str(node.target)))
    text = json.dumps({
        "format": 1, "name": name, "graph": graph_data(gm.graph), "modules": parts,
        "training": bool(gm.training),
        "frozen": [n for n, p in gm.named_parameters() if not p.requires_grad],
        "modes": {n: c.training for n, c in gm.named_modules()},
    })  # fmt: skip
    extra = {k: v.encode() if isinstance(v, str) else v for k, v in (extra_files or {}).items()}
    content = {
        KEY: text,
        "parameters": {n: p.detach() for n, p in gm.named_parameters(remove_duplicate=False)},
        "buffers": dict(gm.named_buffers(remove_duplicate=False)),
        "extra": {k: T.tensor(list(v), dtype=dtypes.uint8) for k, v in extra.items()},
    }
    save_file(content, f)


def read_program(
    f: Any, map_location: Any, extra_files: dict[str, Any] | None
) -> tuple[Module, Graph, dict[str, Any]]:
    """(the module with the parts, the graph, what else is told) of a file."""
    if isinstance(f, (str, os.PathLike)) and not os.path.exists(f):
        raise ValueError(f"The provided filename {f} does not exist")
    content = Path(f).read_bytes() if isinstance(f, (str, os.PathLike)) else f.read()
    refuse_torchscript(content)
    data = load_file(io.BytesIO(content), map_location=map_location, weights_only=True)
    if not isinstance(data, dict) or KEY not in data:
        raise RuntimeError(
            "torch.jit.load: the file holds no program of torch.jit.save; if it holds a "
            "state_dict, read it with torch.load"
        )
    told = json.loads(data[KEY])
    root = Module()
    for path, part in told["modules"].items():
        place(root, path, module_from(part))
    frozen = set(told["frozen"])
    for name, tensor in data["parameters"].items():
        place(root, name, parameter.Parameter(tensor, requires_grad=name not in frozen))
    for name, tensor in data["buffers"].items():
        place(root, name, tensor)
    for name in extra_files or ():
        if name in data["extra"] and extra_files is not None:
            extra_files[name] = bytes(data["extra"][name].tolist())
    return root, graph_from(told["graph"]), told


def place(root: Module, path: str, value: Any) -> None:
    """Put a part at a path, making modules on the way."""
    at: Any = root
    *parents, last = path.split(".")
    for part in parents:
        if part not in at._modules:
            at._modules[part] = Module()
        at = at._modules[part]
    if isinstance(value, Module):
        at._modules[last] = value
    elif isinstance(value, parameter.Parameter):
        at._parameters[last] = value
    else:
        put(at, last, value)


def refuse_torchscript(content: bytes) -> None:
    """RuntimeError for files that PyTorch's own torch.jit.save wrote."""
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except zipfile.BadZipFile:
        raise RuntimeError("torch.jit.load: this is no file of torch.jit.save") from None
    if any(n.partition("/")[2] == "constants.pkl" for n in names):
        raise RuntimeError(
            "torch.jit.load: this is a TorchScript file of PyTorch, which holds compiled code. "
            "Where PyTorch is installed, save the numbers with "
            "torch.save(torch.jit.load(f).state_dict(), g), then load them into the model with "
            "model.load_state_dict(torch.load(g))"
        )
