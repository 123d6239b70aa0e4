"""Checks of wengert's own structure that no linter knows: `python tools/check.py [ROOT]`.

Imports point down the layers and never round in a circle, front modules only re-export, op and
engine code names no array library, importing stays light, the tables of words are right, and the
house rules. Style is ruff's business and types are mypy's.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# A folder imports from itself and from folders to its left.
LAYERS = [
    "base",
    "kernels",
    "arrays",
    "engine",
    "autodiff",
    "declare",
    "native_calls",
    "ops",
    "api",
]
LAYERS += [
    "transforms",
    "compiler",
    "nn",
    "optim",
    "data",
    "amp",
    "io",
    "testing",
    "fx",
    "jit",
    "distributions",
    "export",
]
LAYERS += ["vision", "text", "audio", "distributed", "train", "observe", "viz", "cli"]
# Whatever else stands directly in wengert/ is a front: one of torch's paths, which only re-exports.
FRONT = "front"
RANK = {**{layer: i for i, layer in enumerate(LAYERS)}, FRONT: len(LAYERS) - 1}

MAX_LINES = 600
LIBRARIES = {"numpy", "np", "cupy", "cp", "scipy", "ml_dtypes", "jax", "jnp"}
LIBRARY_NAMES = {"numpy", "cupy", "ndarray", "cpu", "cuda", "meta", "sim"}  # of namespaces, too
NO_LIBRARY_IN = {"engine", "autodiff", "declare", "ops"}
LIGHT = {"numpy", "ml_dtypes", "wengert", *sys.stdlib_module_names}
# imported on its own, by who has installed it
NEEDS = {"wengert.train.estimator": {"sklearn"}, "wengert.distributed.ray_train": {"ray"}}
SCIPY_IN = {"arrays", "vision", "audio"}  # they read MATLAB's files and sound with it
PRINTS_IN = {"cli", "train"}
WARNS = "wengert/base/advice.py"
MAY_EXEC = {"wengert/base/generated.py", "wengert/cli/run.py"}
LEFT_UNDONE = re.compile(r"\b(TODO|FIXME|XXX)\b")


class Finding(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@functools.cache
def nodes_of(tree: ast.Module) -> list[ast.AST]:
    """All nodes of a tree."""
    return [*ast.walk(tree)]


def layer_of(module: str) -> str | None:
    """The layer of a module of wengert, `front` for the rest of it; None for other packages."""
    parts = module.split(".")
    if parts[0] != "wengert":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in RANK else FRONT


def modules_of(node: ast.AST, package: str) -> list[str]:
    """What a node imports, in full names; `import_module("name")` counts."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
        base = ".".join([*parents, *filter(None, [node.module])])
        return [f"{base}.{name.name}" for name in node.names] if base == "wengert" else [base]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def run_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that execute when the module is imported: not functions, not type checking."""
    todo: list[ast.AST] = [*tree.body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            todo.extend(ast.iter_child_nodes(node))


def check_imports(tree: ast.Module, module: str, package: str) -> Iterator[tuple[int, str]]:
    layer = layer_of(module)
    for node in nodes_of(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and layer_of(node.module or ""):
            yield node.lineno, f"imports {node.module} by its full name: the package's are relative"
        for name in modules_of(node, package):
            other = layer_of(name)
            if other is not None and layer != FRONT and RANK[other] > RANK[layer]:
                yield node.lineno, f"{layer} imports {name}: {other} is above {layer}"
            if name.split(".")[0] == "scipy" and layer not in SCIPY_IN:
                yield node.lineno, f"scipy is for {' and '.join(sorted(SCIPY_IN))} only"
    allowed = LIGHT | NEEDS.get(module, set())
    for node in run_at_import(tree):
        for root in {name.split(".")[0] for name in modules_of(node, package)} - allowed:
            yield node.lineno, f"imports {root} when wengert is imported: move it to its use"


def check_front(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """A front module holds imports, names and what finds them late: nothing public of its own."""
    for node in nodes_of(tree):
        defines = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if defines and not node.name.startswith("_"):
            yield node.lineno, f"{node.name} is defined in a front module: put it into a layer"


def check_libraries(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in nodes_of(tree):
        if isinstance(node, ast.Compare):
            for x in (node.left, *node.comparators):
                word = x.value if isinstance(x, ast.Constant) else ""
                if word in LIBRARY_NAMES and any(map(names_a_namespace, ast.walk(node))):
                    yield node.lineno, f"compares with the array library {word}: ask xp.has(...)"
        names = [node.id] if isinstance(node, ast.Name) else []
        names += [name.split(".")[0] for name in modules_of(node, "wengert")]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name for alias in node.names]
        for name in LIBRARIES.intersection(names):
            yield node.lineno, f"names the array library {name}: go through xp"


def names_a_namespace(node: ast.AST) -> bool:
    """Whether it reads the name of a namespace or module, which only tells which library it is."""
    if not isinstance(node, ast.Attribute) or node.attr not in ("name", "__name__", "__module__"):
        return False
    owner = ast.unparse(node.value)
    known = ("NS[", "namespace(", "type(")
    return owner in ("xp", "ns", "lib", "library") or owner.startswith(known)


def check_words(root: Path) -> Iterator[Finding]:
    """Whether the table of words agrees with the modules that it names."""
    name = "wengert/arrays/words.py"
    if not (root / name).exists():
        return
    table: dict[str, str] = {}
    for node in parsed(root / name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WORDS":
            table = ast.literal_eval(node.value)
    for module, words in table.items():
        declared = words.split()
        for node in parsed(root / f"wengert/arrays/{module}.py").body:
            listed = isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
            if listed and ast.unparse(node.targets[0]) == "__all__":  # else made of the table
                declared = ast.literal_eval(node.value)
        for word in sorted({*declared} ^ {*words.split()}):
            what = "lacks" if word in declared else "has too much:"
            yield Finding(name, 1, f"{module} {what} {word!r}, compared with its __all__")


def imports_of(tree: ast.Module, package: str, known: dict[str, str]) -> dict[str, int]:
    """The modules of wengert that a module imports at any time, with the line of the first time."""
    found: dict[str, int] = {}
    typing = {
        inner
        for node in nodes_of(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in nodes_of(tree):
        if node in typing:
            continue
        for name in modules_of(node, package):
            names = [name]
            if isinstance(node, ast.ImportFrom):
                inner = [f"{name}.{alias.name}" for alias in node.names]
                names = [n if n in known else name for n in inner]
            for n in names:
                if n in known:
                    found.setdefault(n, node.lineno)
    return found


def check_circles(root: Path) -> Iterator[Finding]:
    """Circles among the modules of a layer, imports inside functions included."""
    known: dict[str, str] = {}
    for path in sorted((root / "wengert").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        known[name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = name
    graph: dict[str, dict[str, int]] = {}
    for module, name in known.items():
        tree = parsed(root / name)
        package = module if name.endswith("/__init__.py") else module.rpartition(".")[0]
        every = imports_of(tree, package, known)
        layer = layer_of(module)
        same = {m: at for m, at in every.items() if m != module and layer_of(m) == layer}
        graph[module] = {} if layer == FRONT else same
    free: set[str] = set()
    while True:  # leave out what imports nothing that is left, until only circles are
        leaves = {m for m in graph if m not in free and free.issuperset(graph[m])}
        if not leaves:
            break
        free |= leaves
    left = {m: {n: at for n, at in graph[m].items() if n not in free} for m in graph.keys() - free}
    for module, others in sorted(left.items()):
        back = {n: at for n, at in others.items() if reaches(left, n, module)}
        for other, line in back.items():
            yield Finding(known[module], line, f"imports {other}, which imports this module again")


def reaches(graph: dict[str, dict[str, int]], start: str, goal: str) -> bool:
    """Whether there is a way from start to goal."""
    todo, seen = [start], {start}
    while todo:
        for n in graph.get(todo.pop(), ()):
            if n == goal:
                return True
            if n not in seen:
                seen.add(n)
                todo.append(n)
    return False


def check_house(tree: ast.Module, source: str, path: str, layer: str) -> Iterator[tuple[int, str]]:
    if tree.body and ast.get_docstring(tree) is None:
        yield 1, "no module docstring: say what lives here and what does not"
    if path.endswith("/utils.py") and layer != FRONT:
        yield 1, "utils.py: name the file after its topic"
    for node in nodes_of(tree):
        called = (
            node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        )
        if called == "print" and layer not in PRINTS_IN:
            yield node.lineno, "print() in library code"
        if called in ("exec", "eval") and path not in MAY_EXEC:
            yield node.lineno, f"{called}() is for {' and '.join(sorted(MAY_EXEC))}"
        warns = isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
        if warns and path != WARNS:
            yield node.lineno, "warnings.warn(): base.advice.advise finds the user's own line"
        if called == "breakpoint":
            yield node.lineno, "breakpoint()"
    if not LEFT_UNDONE.search(source):
        return  # tokens cost more than the rest of the checks
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and LEFT_UNDONE.search(token.string):
            yield token.start[0], "left undone: finish it or leave it out"


def check_file(path: Path, root: Path) -> Iterator[Finding]:
    """The findings for one Python file."""
    name = path.relative_to(root).as_posix()
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    if lines > MAX_LINES:
        yield Finding(name, lines, f"over {MAX_LINES} lines: split off the second topic")
    if not name.startswith("wengert/"):
        return
    tree = parsed(path)
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    layer = layer_of(module) or FRONT
    findings = [*check_imports(tree, module, package), *check_house(tree, source, name, layer)]
    if layer == FRONT:
        findings += check_front(tree)
    if layer in NO_LIBRARY_IN:
        findings += check_libraries(tree)
    for line, text in sorted(set(findings)):
        yield Finding(name, line, text)


def check(root: Path) -> list[Finding]:
    """The findings for a checkout: every Python file in it that could be committed."""
    folders = ("wengert", "tests", "tools", "examples", "benchmarks", "docs")
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    found = [f for path in paths if "golden" not in path.parts for f in check_file(path, root)]
    return [*found, *check_circles(root), *check_words(root)]


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    findings = check(root.resolve())
    for finding in findings:
        print(finding)
    print(f"tools/check.py: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
