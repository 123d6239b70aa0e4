"""`wengert check`: reads scripts without running them and says which names of torch they use that
wengert lacks, or that work in another way, with line numbers and what to do.

What is read are imports and the names behind them (`F.relu` for `import torch.nn.functional as F`);
methods of tensors are looked at where only tensors have one of that name.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..base import absent
from .alias import HOMES, INNER, home_of

__all__ = ["Finding", "check", "findings_of"]

# pattern -> what is different here; see docs/differences.md
DIFFERENT = {
    "torch.jit.script": "runs as Python, and is saved only if its code does not look at values",
    "torch.jit.load": "reads files of wengert's torch.jit.save, not PyTorch's TorchScript",
    "torch.export.export": "the graph holds calls of torch's functions, not operators",
    "torch.hub.load": "reads local folders and the cache: nothing is downloaded",
    "torch.hub.load_state_dict_from_url": "reads the cache: nothing is downloaded",
    "torch.utils.model_zoo.load_url": "reads the cache: nothing is downloaded",
    "torch.distributed.init_process_group": "several processes need the extra wengert[mpi]",
    "torch.nn.DataParallel": "runs the module on one device",
    "torch.special.bessel_*": "SciPy's values: PyTorch's are right to 7 digits only",
    "torch.special.airy_ai": "SciPy's values: PyTorch's are right to 7 digits only",
    "torch.fft.ihfft2": "with out=, PyTorch leaves the buffer zero",
    "torch.fft.ihfftn": "with out=, PyTorch leaves the buffer zero",
    "torch.nn.CrossMapLRN2d": "the gradient is that of the forward formula; PyTorch's is not",
    "torch.backends.*": "is kept and has no effect",
    "torch.channels_last": "is accepted and changes nothing",
}
CUDA = "needs a GPU; without one, run the script with `wengert run --cuda-as-cpu`"


class Finding(NamedTuple):
    """What is to be said about one place."""

    file: str
    line: int
    name: str
    text: str
    missing: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name}: {self.text}"


# ---- names


@functools.cache
def problem(path: str) -> tuple[str, bool] | None:
    """(what is wrong with a path of torch's, whether it is missing), or None."""
    found = missing(path)
    if found is not None:
        return found, True
    for pattern, text in DIFFERENT.items():
        if fnmatch.fnmatchcase(path, pattern):
            return text, False
    return None


def missing(path: str) -> str | None:
    """Why a path of torch's leads nowhere, or None if it leads somewhere."""
    root, *parts = path.split(".")
    if root not in HOMES:
        return absent.advice(path) or "not in wengert"
    if root == "torch" and parts and parts[0] in INNER - {"ops"}:
        return "torch has no such module"
    value: Any = importlib.import_module(home_of(root) or root)
    walked = root
    for i, part in enumerate(parts):
        try:
            value = found_in(value, part, home_of(f"{walked}.{part}"))
        except AttributeError as error:
            if walked == "torch.ops" or walked.startswith("torch.ops."):
                return None  # operators are defined when the script runs
            told = str(error).partition(f"attribute {part!r}")[2].lstrip(":, ")
            advice = absent.advice(".".join([root, *parts[: i + 1]]))
            return advice or told or "PyTorch has no such name either, or it is private"
        walked = f"{walked}.{part}"
        if not isinstance(value, type(sys)):
            return None  # attributes of classes and objects are not looked at
    return None


def found_in(owner: Any, name: str, home: str | None) -> Any:
    """An attribute of a module, or its sub-module. AttributeError says what is wrong."""
    try:
        return getattr(owner, name)
    except AttributeError:
        try:
            return importlib.import_module(str(home))
        except ImportError:
            pass
        raise
    except ImportError as error:
        raise AttributeError(str(error)) from error


@functools.cache
def methods_lacking() -> frozenset[str]:
    """Methods of PyTorch's tensors that ours lack, and that no builtin type has."""
    from ..engine.tensor import Tensor

    importlib.import_module("wengert")
    others = {n for t in (str, bytes, list, dict, set, tuple, int, float) for n in dir(t)}
    theirs = {n for n, kind in absent.catalogue()["torch.Tensor"].items() if kind == "function"}
    return frozenset(n for n in theirs - others if not hasattr(Tensor, n))


# ---- scripts


class Reader(ast.NodeVisitor):
    """Follows the names of torch through one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.names: dict[str, str] = {}  # name in the file -> path of torch
        self.found: list[Finding] = []
        self.inside: set[int] = set()  # attributes that are part of longer ones
        self.guarded = 0  # within a try with an except
        self.given: set[str] = set()  # paths that the file sets itself

    def say(self, node: ast.AST, path: str) -> None:
        """Report a path, if there is something to say."""
        told = problem(path)
        if told is not None:
            text, gone = told
            line = getattr(node, "lineno", 1)
            if gone and self.guarded:
                text, gone = f"{text} (in a try: the script may do without)", False
            self.found.append(Finding(self.file, line, path, text, gone))

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            root = name.name.partition(".")[0]
            if root in HOMES:
                self.names[name.asname or root] = name.name if name.asname else root
                self.say(node, name.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or module.partition(".")[0] not in HOMES:
            return
        if missing(module) is not None:
            self.say(node, module)
            return
        for name in node.names:
            if name.name != "*":
                self.names[name.asname or name.name] = f"{module}.{name.name}"
                self.say(node, f"{module}.{name.name}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self.path_of(node)
        if id(node) not in self.inside and path is not None and isinstance(node.ctx, ast.Load):
            self.say(node, path)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):  # from here on it means something else
            self.names.pop(node.id, None)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            path = self.path_of(target)
            if path is not None and isinstance(target, ast.Attribute):
                self.given.add(f"{path}.")
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                self.visit(target)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        outside = dict(self.names)
        for part in ast.walk(node):
            if isinstance(part, ast.arg):
                self.names.pop(part.arg, None)
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self.names.pop(part.id, None)
        self.generic_visit(node)
        self.names = outside

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def path_of(self, node: ast.AST) -> str | None:
        """The path of torch that an expression names, or None."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            path = self.path_of(node.value)
            if path is not None:
                self.inside.add(id(node.value))
                return f"{path}.{node.attr}"
        return None

    def visit_Call(self, node: ast.Call) -> None:
        f = node.func
        if isinstance(f, ast.Attribute) and self.path_of(f) is None:
            if f.attr in methods_lacking():
                told = absent.not_yet("torch.Tensor", f.attr)
                text = str(told).partition(": ")[2]
                self.found.append(Finding(self.file, node.lineno, f"Tensor.{f.attr}", text, True))
            elif f.attr == "cuda" and not node.args:
                self.found.append(Finding(self.file, node.lineno, ".cuda()", CUDA, False))
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        self.guarded += bool(node.handlers)
        for child in node.body:
            self.visit(child)
        self.guarded -= bool(node.handlers)
        for rest in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(rest)


def findings_of(source: str, file: str) -> list[Finding]:
    """What is to be said about a script.

    >>> print(findings_of("import torch.nn as nn\\nnn.Dense(3)", "a.py")[0])
    a.py:2: torch.nn.Dense: write torch.nn.Linear(in_features, out_features)
    """
    try:
        tree = ast.parse(source, file)
    except SyntaxError as error:
        return [Finding(file, error.lineno or 1, "syntax", str(error.msg), True)]
    reader = Reader(file)
    reader.visit(tree)
    own = tuple(reader.given)
    once = {(f.line, f.name): f for f in reader.found if not f"{f.name}.".startswith(own)}
    return sorted(once.values(), key=lambda f: f.line)


def scripts(paths: list[str]) -> Iterator[Path]:
    """The Python files that paths name, folders with all below."""
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*.py") if ".git" not in p.parts)
        else:
            yield path


def check(paths: list[str]) -> int:
    """Read scripts and folders, print what is to be said, and return the exit code: 1 where
    something is missing.
    """
    every: list[Finding] = []
    count = 0
    for path in scripts(paths):
        count += 1
        try:
            source = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            print(f"wengert: can't read {str(path)!r}: {error}", file=sys.stderr)
            return 2
        every += findings_of(source, str(path))
    for finding in every:
        print(finding)
    gone = sum(f.missing for f in every)
    files = f"{count} file{'s' * (count != 1)}"
    told = f"{gone} missing, {len(every) - gone} different" if every else "all there"
    print(f"{files}: {told}")
    return 1 if gone else 0
