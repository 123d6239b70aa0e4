"""CodeGen: a Graph as the Python text of a function, and the names that the text uses."""

from __future__ import annotations

import builtins
import dataclasses
import json
import keyword
import math
import re
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..base import dtypes
from ..base.devices import device
from ..base.formats import layout, memory_format
from ..base.size import Size
from .node import Node, qualified_name

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["CodeGen", "PythonCode", "snake_case"]

BINARY = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**",
    "lshift": "<<", "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@", "eq": "==",
    "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=",
}  # fmt: skip
UNARY = {"neg": "-", "pos": "+", "invert": "~"}
INPLACE = {
    "iadd": "+=", "iand": "&=", "ifloordiv": "//=", "ilshift": "<<=", "imod": "%=", "imul": "*=",
    "imatmul": "@=", "ior": "|=", "ipow": "**=", "irshift": ">>=", "isub": "-=", "itruediv": "/=",
    "ixor": "^=",
}  # fmt: skip


def snake_case(s: str) -> str:
    """CamelCase as snake_case."""
    return re.sub(r"(?<!^)(?<![A-Z_.])([A-Z])", r"_\1", s).lower() if not s.islower() else s


@dataclasses.dataclass
class PythonCode:
    """The text of a function `forward`, and the names that it needs.

    src: text. globals: names.

    >>> code = torch.fx.symbolic_trace(lambda x: torch.relu(x)).graph.python_code("self")
    >>> type(code).__name__, "torch" in code.globals
    ('PythonCode', True)
    """

    src: str
    globals: dict[str, Any]
    _lineno_map: Any = None


class CodeGen:
    """Makes Python of graphs; subclasses change the signature, the inputs or the outputs.

    >>> class Named(torch.fx.CodeGen):
    ...     def gen_fn_def(self, free_vars, maybe_return_annotation):
    ...         return super().gen_fn_def(free_vars, maybe_return_annotation) + "  # inputs"
    ...     def generate_output(self, output_args):
    ...         return super().generate_output(output_args) + "  # outputs"
    >>> gm = torch.fx.symbolic_trace(lambda x: torch.relu(x))
    >>> gm.graph.set_codegen(Named())
    >>> code = gm.recompile()
    >>> print(gm.code.strip())
    def forward(self, x):  # inputs
        relu = torch.relu(x);  x = None
        return relu  # outputs
    >>> own = torch.fx.CodeGen()
    >>> own.process_inputs(1, 2), own.process_outputs(3), own.additional_globals()
    ((1, 2), 3, [])
    """

    rewrite: Callable[[list[str]], list[str]] | None = None  # what changes the lines of the body
    reserved = frozenset([*keyword.kwlist, *dir(builtins), "torch", "device", "inf", "nan", "math"])

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line that begins the function.

        free_vars: the names of the inputs. maybe_return_annotation: text behind the parentheses.
        """
        parameters = free_vars if free_vars and free_vars[0] == "self" else ["self", *free_vars]
        return f"def forward({', '.join(parameters)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Any) -> str:
        """The line that returns.

        output_args: what is returned.
        """
        return f"return {self.text(output_args)}"

    def process_inputs(self, *args: Any) -> Any:
        """The inputs as the graph takes them."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """The outputs as callers get them."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """More names for the text."""
        return []

    # ---- the parts of the text

    def generate(self, graph: Graph, root: str) -> PythonCode:
        """The text of a graph; root: the name of the module in it."""
        import sys

        self.names: dict[str, Any] = {
            "torch": sys.modules["wengert"], "inf": math.inf, "nan": math.nan, "device": device,
            "NoneType": type(None), **dict(self.additional_globals()),
        }  # fmt: skip
        self.wrapped: list[str] = []
        last: dict[Node, list[Node]] = {}
        seen: set[Node] = set()
        for node in reversed(graph.nodes):
            for n in node.all_input_nodes:
                if n not in seen:
                    seen.add(n)
                    last.setdefault(node, []).append(n)
        free: list[str] = []
        body: list[str] = []
        returned = ""
        for node in graph.nodes:
            line = self.line(node, root, free, body)
            if node.op == "output":
                body.append(line)
                if node.type is not None:
                    returned = f" -> {self.type_text(node.type)}"
            elif node.op != "placeholder":
                gone = [n.name for n in last.get(node, [])] + [node.name] * (not node.users)
                body.append(line + (f";  {' = '.join([*gone, 'None'])}" if gone else ""))
        if not body:
            body.append("pass")
        wrapped = [f'torch.fx._symbolic_trace.wrap("{w}")' for w in dict.fromkeys(self.wrapped)]
        wraps = "\n".join(wrapped)
        head = self.gen_fn_def(free, returned)
        lines = [f"{line}\n" for line in body]
        if self.rewrite is not None:
            lines = "".join(self.rewrite(lines)).splitlines(keepends=True)
        text = "".join([f"    {line}" for line in lines])
        if any(n.op == "output" for n in graph.nodes):
            text += "    "
        return PythonCode(
            f"\n{wraps}\n\n{head}\n{text}" if wraps else f"\n\n\n{head}\n{text}", self.names
        )

    def line(self, node: Node, root: str, free: list[str], body: list[str]) -> str:
        """The line of a node; inputs go to `free`."""
        name = node.name
        kind = "" if node.type is None else f" : {self.type_text(node.type)}"
        if node.op == "placeholder":
            raw = str(node.target)
            default = f" = {self.text(node.args[0])}" if node.args else ""
            free.append(f"{raw}{kind}{default}")
            if raw.replace("*", "") != name:
                body.append(f"{name} = {raw.replace('*', '')}")
            return ""
        if node.op == "output":
            return self.generate_output(node.args[0])
        if node.op == "get_attr":
            return f"{name}{kind} = {path_text(root, str(node.target))}"
        if node.op == "call_module":
            return f"{name}{kind} = {path_text(root, str(node.target))}({self.arguments(node)})"
        if node.op == "call_method":
            first, *rest = node.args
            given = self.arguments(node, tuple(rest))
            return f"{name}{kind} = {self.text(first)}.{node.target}({given})"
        return self.call_line(node, f"{name}{kind}")

    def call_line(self, node: Node, head: str) -> str:
        target: Any = node.target
        short, args = getattr(target, "__name__", ""), node.args
        if getattr(target, "__module__", "") == "_operator" and not node.kwargs:
            texts = [self.operand(a) for a in args]
            if short in BINARY and len(args) == 2:
                return f"{head} = {texts[0]} {BINARY[short]} {texts[1]}"
            if short in UNARY and len(args) == 1:
                return f"{head} = {UNARY[short]}{texts[0]}"
            if short in INPLACE:
                return f"{texts[0]} {INPLACE[short]} {texts[1]};  {head} = {texts[0]}"
            if short == "getitem" and isinstance(args[0], Node):
                return f"{head} = {texts[0]}[{self.text(args[1])}]"
        name = self.name_of(target)
        if (
            name == "getattr"
            and isinstance(args[1], str)
            and args[1].isidentifier()
            and len(args) == 2
        ):
            return f"{head} = {self.text(args[0])}.{args[1]}"
        return f"{head} = {name}({self.arguments(node)})"

    def name_of(self, target: Any) -> str:
        """What the text calls a function by; names of users' modules are given to it."""
        name = qualified_name(target)
        if name.startswith("builtins."):
            name = name.removeprefix("builtins.")
            if any(name == wrapped for _, wrapped in WRAPPED):
                self.wrapped.append(name)
            return name
        if name.startswith("torch."):
            return name
        if name.startswith("operator."):
            return self.keep(f"_{name}", target)
        if name.startswith("math."):
            self.names["math"] = math
            return name
        flat = re.sub(r"\W", "_", name)
        while self.names.get(flat, target) is not target:
            flat += "_"
        self.names[flat] = target
        if getattr(target, "__fx_wrapped__", False) or (
            getattr(target, "__module__", ""), getattr(target, "__name__", "")
        ) in WRAPPED:  # fmt: skip
            self.wrapped.append(flat)
        return flat

    def arguments(self, node: Node, args: Any = None) -> str:
        """The arguments of a call."""
        words = [self.text(a) for a in (node.args if args is None else args)]
        return ", ".join([*words, *[f"{k} = {self.text(v)}" for k, v in node.kwargs.items()]])

    def operand(self, a: Any) -> str:
        text = self.text(a)
        return f"({text})" if isinstance(a, (int, float)) and text.startswith("-") else text

    def text(self, a: Any) -> str:
        """An argument as Python."""
        if isinstance(a, Node):
            return a.name
        if isinstance(a, tuple):
            if hasattr(a, "_fields"):
                self.names[type(a).__name__] = type(a)
                inside = ", ".join([f"{k} = {self.text(v)}" for k, v in zip(a._fields, a)])
                return f"{type(a).__name__}({inside})"
            inside = ", ".join(map(self.text, a)) + "," * (len(a) == 1)
            return f"torch.Size([{', '.join(map(self.text, a))}])" if isinstance(a, Size) else (
                f"({inside})")  # fmt: skip
        if isinstance(a, list):
            return f"[{', '.join(map(self.text, a))}]"
        if isinstance(a, dict):
            return "{" + ", ".join([f"{self.text(k)}: {self.text(v)}" for k, v in a.items()]) + "}"
        if isinstance(a, slice):
            return f"slice({self.text(a.start)}, {self.text(a.stop)}, {self.text(a.step)})"
        if isinstance(a, (dtypes.dtype, layout, memory_format, device)) or a is ...:
            return "Ellipsis" if a is ... else repr(a)
        if isinstance(a, type):
            return self.type_text(a)
        if callable(a):
            return self.name_of(a)
        return repr(a)

    def type_text(self, t: Any) -> str:
        """A type as Python; its name is given to the text."""
        if isinstance(t, str):
            return t
        if t is None or t is type(None):
            return "NoneType"
        if getattr(t, "__module__", "") == "builtins" and isinstance(t, type):
            return t.__name__ if not typing.get_args(t) else repr(t)
        if typing.get_origin(t) is not None:
            self.names["typing"] = typing
            return repr(t).replace("wengert.", "torch.")
        name = getattr(t, "__qualname__", repr(t))
        if getattr(t, "__module__", "").partition(".")[0] in ("torch", "wengert"):
            return f"torch.{name}" if hasattr(self.names["torch"], name) else self.keep(name, t)
        return self.keep(name, t)

    def keep(self, name: str, value: Any) -> str:
        """A name for a value that the text uses."""
        flat = re.sub(r"\W", "_", name)
        self.names[flat] = value
        return flat


WRAPPED: set[tuple[str, str]] = set()  # (module, name) of functions given to torch.fx.wrap


def path_text(root: str, path: str) -> str:
    """An attribute of the module, however deep: getattr(self.layers, "0").weight."""
    text = root
    for part in path.split("."):
        text = f"{text}.{part}" if part.isidentifier() else f"getattr({text}, {json.dumps(part)})"
    return text
