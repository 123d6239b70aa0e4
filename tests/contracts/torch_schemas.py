"""What PyTorch declares for its public functions, and where another library's declarations differ.

Declarations come from the schema files in PyTorch's wheel (torchgen), and from inspect.signature of
PyTorch itself for what is written in Python there.
"""

from __future__ import annotations

import ast
import collections
import inspect
import os
import re
from importlib import import_module
from typing import Any, NamedTuple

OPTIONS = ("dtype", "layout", "device", "pin_memory")
SPACES = {
    "": "",
    "Tensor": "",
    "nn.functional": "nn",
    "linalg": "linalg",
    "fft": "fft",
    "special": "special",
}
NEEDED: Any = object()  # stands for "no default"

# (namespace, name) -> why it differs
DIFFERENT = {
    **{
        (space, f"conv{n}d"): "padding is a number or a word in one declaration, not in two"
        for space in ("", "nn.functional")
        for n in (1, 2, 3)
    },
    ("Tensor", "is_contiguous"): "one declaration in place of two",
    ("Tensor", "to"): "as documented; the schemas declare what the program behind it takes",
}


class Arg(NamedTuple):
    name: str
    type: str
    default: Any
    keyword: bool


class Schema(NamedTuple):
    overload: str
    args: tuple[Arg, ...]
    out: bool
    variants: frozenset[str]
    module: str


def split(text: str) -> list[str]:
    """Parts between commas that are in no bracket."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts if p.strip()]


def value(text: str) -> Any:
    special = {"Mean": 0, "long": "int64"}  # PyTorch's parser reads 0 of the name Mean
    if text in special:
        return special[text]
    try:
        v = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return tuple(v) if isinstance(v, list) else v


def schema(block: str) -> tuple[str, Schema]:
    line = block.splitlines()[0].split("func:", 1)[1].partition("  #")[0]
    found = re.match(r"\s*(\w+)\.?(\w*)\((.*)\) *->", line)
    assert found, line
    name, overload, inside = found.groups()
    facts = dict(re.findall(r"^  (variants|python_module): *([\w, ]+)", block, re.M))
    args, out, keyword = [], False, False
    for word in split(inside):
        if word == "*":
            keyword = True
            continue
        kind, _, rest = word.rpartition(" ")
        arg, _, default = rest.partition("=")
        if keyword and "!" in kind:
            out = True
        else:
            kind = re.sub(r"\([a-z][^)]*\)", "", kind)
            args.append(Arg(arg, kind, value(default) if default else NEEDED, keyword))
    variants = frozenset(re.findall(r"\w+", facts.get("variants", "function")))
    return name, Schema(
        overload, tuple(args), out, variants, facts.get("python_module", "").strip()
    )


def schemas() -> dict[str, list[Schema]]:
    import torchgen

    path = os.path.join(
        os.path.dirname(torchgen.__file__), "packaged/ATen/native/native_functions.yaml"
    )
    table: dict[str, list[Schema]] = collections.defaultdict(list)
    with open(path) as f:
        for block in re.split(r"\n(?=- func:)", f.read())[1:]:
            name, s = schema(block)
            table[name].append(s)
    return table


def expected(space: str, name: str, theirs: Any, table: Any) -> list[tuple[list[Arg], bool]]:
    """[(arguments, whether out=)] of the overloads that PyTorch has."""
    if inspect.isfunction(theirs):
        ps = list(inspect.signature(theirs).parameters.values())[1 if space == "Tensor" else 0 :]
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in ps):
            return []
        args = [
            Arg(p.name, "", NEEDED if p.default is p.empty else p.default, p.kind is p.KEYWORD_ONLY)
            for p in ps
        ]
        return [(args, False)]
    prefix = f"{space}_" if space in ("linalg", "fft", "special") else ""
    plain: list[tuple[list[Arg], bool]] = []
    outs = []
    for s in table.get(prefix + name, ()):
        kind = "method" if space == "Tensor" else "function"
        if kind not in s.variants or s.module not in {
            SPACES[space],
            "" if space == "nn.functional" else SPACES[space],
        }:
            continue
        if (name.rstrip("_"), s.overload) in HIDDEN or any("Dimname" in a.type for a in s.args):
            continue
        args = [a._replace(name="input") if a.name == "self" else a for a in s.args]
        if space == "Tensor":
            args = [a for a in args if a.name != "input"]
        if {*OPTIONS} <= {a.name for a in args}:
            args.append(Arg("requires_grad", "bool", False, True))
        if s.out:
            outs.append({a.name for a in args} - {*OPTIONS, "requires_grad"})
        else:
            plain.append((args, False))
    return [
        (args, {a.name for a in args} - {*OPTIONS, "requires_grad"} in outs) for args, _ in plain
    ]


# overloads that PyTorch's binding generator leaves out: numbers are tensors for these functions
NUMBERS = "add sub mul div rsub subtract multiply divide true_divide"
HIDDEN = {(f, o) for f in NUMBERS.split() for o in ("Scalar", "Scalar_mode")}


def alike(a: Any, b: Any) -> bool:
    if a is NEEDED or b is NEEDED:
        return a is b
    if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
        a, b = (tuple(x) if isinstance(x, (list, tuple)) else (x,) for x in (a, b))
        return a == b or len({*a, *b}) <= 1
    names = [str(getattr(x, "name", x)).rpartition(".")[2].lower() for x in (a, b)]
    return a == b or names[0] == names[1]


def fits(args: list[Arg], out: bool, overload: Any, method: bool) -> str:
    """What keeps one of our overloads from taking all that PyTorch's does; empty if nothing."""
    ours = list(overload.parameters)[1 if method else 0 :]
    by_name = {**{p.name: p for p in ours}, **{p.spelled: p for p in ours}}
    places = [p for p in ours if not p.keyword]
    if out and not overload.out and "out" not in by_name:
        return "no out="
    for i, a in enumerate(args):
        p = by_name.get(a.name)
        if p is None:
            return f"no argument {a.name}"
        if not a.keyword and (i >= len(places) or places[i] is not p):
            return f"{a.name} is not argument {i + 1}"
        if a.name not in OPTIONS and a.default is not NEEDED:
            default = NEEDED if p.required else p.default
            if not alike(a.default, default):
                return f"{a.name}={default!r}, not {a.default!r}"
        if a.default is NEEDED and not p.required and len(args) == 1:
            return f"{a.name} may be left away"
    named = {a.name for a in args}
    extra = [p.name for p in ours if p.required and not {p.name, p.spelled} & named]
    return f"needs {extra}" if extra else ""


def disagreements(torch: Any, library: Any) -> dict[tuple[str, str], list[str]]:
    """(namespace, name) -> which of PyTorch's overloads are not taken, and why."""
    table, found, judged = schemas(), {}, 0
    for space in SPACES:
        theirs, ours = torch.Tensor, library.Tensor
        if space != "Tensor":
            theirs, ours = torch, library
            if space:
                theirs = import_module(f"torch.{space}")
                ours = import_module(f"{library.__name__}.{space}")
        for name in dir(theirs):
            f, mine = getattr(theirs, name), getattr(ours, name, None)
            declared = (
                mine.declared if inspect.isfunction(mine) and hasattr(mine, "declared") else None
            )
            if name[0] == "_" or declared is None:
                continue
            overloads = declared.methods if space == "Tensor" else declared.functions
            for args, out in expected(space, name, f, table):
                judged += 1
                why = [fits(args, out, o, space == "Tensor") for o in overloads]
                if "" not in why:
                    found.setdefault((space, name), []).append(
                        f"({', '.join(a.name for a in args)}): {' / '.join(why)}"
                    )
    assert judged > 1500
    return found
