"""What there is to say about an operation: kind, formulas, interpreters, tests, source."""

from __future__ import annotations

import ast
import functools
import inspect
import os
import pathlib
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from ..arrays.lookup import default_namespace
from ..autodiff import dual
from ..base.frames import PACKAGE
from ..declare.registry import FUNCTIONS, METHODS
from ..engine.implementations import ANY_DTYPE, word_or_body
from ..engine.op import OPS, Op
from ..engine.plan import public_name
from .rule_text import formula_of, source_of

ROOT = os.path.dirname(PACKAGE.rstrip(os.sep)) + os.sep
TESTS = os.path.join(ROOT, "tests", "ops")
KINDS = {
    "elementwise": "each element of the result depends on that element of the inputs alone",
    "linear": "linear in its inputs together",
    "bilinear": "linear in each of its two inputs",
    "reduction": "combines the elements along dimensions",
    "movement": "moves elements and computes nothing",
    "composite": "composed of other operations, which record themselves",
    "opaque": "nothing is concluded from its kind",
}
WAYS = {
    "given": "by its own rule",
    "linear": "the operation itself, of the tangents (it is linear)",
    "itself": "the operation itself, of the tangent (it is linear)",
    "bilinear": "the product rule (it is bilinear)",
    "diagonal": "the gradient rules (their Jacobians are diagonal)",
    "transposed_vjp": "the gradient rules, transposed",
    "constant": "the result has no tangent",
}
LONGEST = 60  # lines of a source that are shown
MOST = 6  # tests that are named


def about_op(op: Op) -> str:
    """Everything about an op."""
    names = {i: public_name(op, i) for i in op.arrays}
    article = "an" if op.kind[0] in "aeiou" else "a"
    lines = [f"{op.name}: {article} {op.kind} operation ({file_of(op.fwd)})"]
    lines += paragraph(op.doc)
    rows = [
        ("calls", ", ".join(public_names(op)) or "none of its own: other operations use it"),
        ("kind", KINDS[op.kind]),
        ("inputs", ", ".join(f"{names[i]}" + "?" * (i in op.optional) for i in op.arrays)),
    ]
    if op.static:
        rows.append(("options", ", ".join(f"{k}={v!r}" for k, v in op.static.items())))
    if len(op.names) > 1:
        hidden = "; unseen: " + ", ".join(op.hidden) if op.hidden else ""
        rows.append(("results", ", ".join(op.outputs) + hidden))
    if op.view:
        rows.append(("memory", "the result shares memory with its input" + maybe(op.view)))
    bodiless = op.primitive and op.kind != "composite"
    if not bodiless and (formula := formula_of(op.fwd, names)):
        rows.append(("formula", f"out = {formula}"))
    rows += gradients(op, names)
    rows += interpreters(op)
    rows.append(("tested", "; ".join(tests_of(op))))
    lines += table(rows)
    lines += sources(op)
    return "\n".join(lines)


def maybe(view: bool | str) -> str:
    return "" if view is True else ", where it can"


def gradients(op: Op, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What backward needs and does."""
    if op.kind == "composite":
        yield "backward", "that of its parts"
        return
    if not op.differentiable:
        yield "backward", "not differentiable: results require no grad"
        return
    yield "node", op.node.__name__
    yield "saves", ", ".join(shown(s, names) for s in op.saved) or "nothing"
    if op.joint is not None:
        yield "gradient", "one rule for all inputs, below"
        return
    named = {**names, **{f"{i}_shape": f"{n}.shape" for i, n in names.items()}}
    named |= {f"{i}_dtype": f"{n}.dtype" for i, n in names.items()}
    for name in op.arrays:
        if name in op.rules:
            formula = formula_of(op.rules[name], named)
            yield "gradient", f"of {names[name]}: {formula or 'by the rule below'}"
        else:
            yield "gradient", f"of {names[name]}: none"
    more = "" if len(op.outputs) < 2 else " (g_NAME: that of the result of that name)"
    yield "", f"g is the gradient that arrives{more}; it is then summed to the input's shape"


def shown(saved: str, names: dict[str, str]) -> str:
    """A saved value under the name that users know."""
    base, _, what = saved.rpartition("_")
    return f"{names[base]}.{what}" if base in names else names.get(saved, saved)


def interpreters(op: Op) -> Iterator[tuple[str, str]]:
    """What forward mode and vmap do with an op."""
    if op.kind == "composite":
        yield "forward mode, vmap", "those of its parts"
        return
    way = dual.way_of(op)
    way = WAYS[getattr(way, "__name__", way)]
    where = f", {place(op.jvp_rule)}" if op.jvp_rule is not None else ""
    yield "forward mode", way + where
    yield "vmap", batching(op)


def batching(op: Op) -> str:
    """How vmap runs an op, as autodiff/batched.py decides it."""
    if op.batch_rule is not None:
        return f"by its own rule, {place(op.batch_rule)}"
    if op.kind == "elementwise":
        return "all at once, dimensions lined up (it is elementwise)"
    if op.static_rule is not None:
        return f"all at once, options adjusted: {place(op.static_rule)}"
    alone = len(op.inputs) == 1 and not op.variadic
    if op.kind in ("reduction", "linear") and "dim" in op.static and alone:
        return "all at once, dim moved by one"
    return "one element after another"


# ---- names and places


def body_of(f: Any) -> Any:
    """The op or function behind a public one."""
    return getattr(f, "body", f)


def names_of(body: Any) -> list[str]:
    """The names under which a function is public."""
    tables = [*FUNCTIONS.values(), METHODS]
    return [d.name for table in tables for d in table.values() if body_of(d) is body]


def public_names(op: Op) -> list[str]:
    """torch.NAME, Tensor.NAME and others that are this op, or are made of little else."""
    found = []
    for space, members in FUNCTIONS.items():
        where = f"torch.{space}" if space else "torch"
        found += [f"{where}.{name}" for name, f in members.items() if body_of(f) is op]
    found += [f"Tensor.{name}" for name, f in METHODS.items() if body_of(f) is op]
    if not found:
        found = [
            f"torch.{space}.{op.name}".replace("..", ".")
            for space, members in FUNCTIONS.items()
            if op.name in members
        ]
    return found


def bare(f: Any) -> Any:
    """The function that others stand around."""
    f = inspect.unwrap(f)
    while isinstance(f, functools.partial):
        f = inspect.unwrap(f.func)
    return f


def file_of(f: Any) -> str:
    """The file of a function, from the folder of the package."""
    return short(bare(f).__code__.co_filename)


def place(f: Any) -> str:
    """`file:line` of a function."""
    code = bare(f).__code__
    return f"{short(code.co_filename)}:{code.co_firstlineno}"


def short(path: str) -> str:
    return path.removeprefix(ROOT).replace(os.sep, "/")


def tests_of(op: Op) -> list[str]:
    """Where an op is tested."""
    words = {op.name, *(n.rpartition(".")[2] for n in public_names(op))}
    every = f"tests/ops/test_every_op.py -k '[{op.name}]'"
    if not os.path.isdir(TESTS):
        return ["tests/ops/test_every_op.py in the source distribution"]
    if op.kind == "composite":
        return mentions(words) or ["with the operations that use it"]
    return [every, *mentions(words)[:MOST]]


def mentions(words: set[str]) -> list[str]:
    """The lines of the tests of ops that call one of these, calls.py first; one per file."""
    found = []
    for path, lines in test_lines():
        for number, names in lines:
            if names & words:
                found.append(f"{path}:{number}")
                break
    return found


@functools.cache
def test_lines() -> list[tuple[str, list[tuple[int, set[str]]]]]:
    """Each file of tests of ops, with the names that each line calls or lists."""
    root = pathlib.Path(TESTS)
    files = sorted(root.rglob("*.py"), key=lambda f: (f.name != "calls.py", f.as_posix()))
    found = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        lines = []
        for number, line in enumerate(text.splitlines(), 1):
            called = set(re.findall(r"\.(\w+)\(", line)) | set(re.findall(r"\"([\w.]+)\"", line))
            if called:
                lines.append((number, called))
        found.append((f"tests/ops/{path.relative_to(root).as_posix()}", lines))
    return found


# ---- text


def paragraph(doc: str | None) -> list[str]:
    """A docstring without its examples, indented."""
    text = inspect.cleandoc(doc or "").split(">>>")[0].strip()
    return ["", *textwrap.indent(text, "  ").splitlines()] if text else []


def table(rows: list[tuple[str, str]]) -> list[str]:
    """Rows of a title and a text; a title that repeats is left out."""
    lines, before = [""], None
    for title, text in rows:
        head = f"  {'' if title == before else title:<14}"
        if len(title) > 12:
            head = f"  {title}  "
        inner = textwrap.wrap(text, 96 - len(head), break_on_hyphens=False) or [""]
        lines.append(head + inner[0])
        lines += [" " * len(head) + more for more in inner[1:]]
        before = title
    return lines


def sources(op: Op) -> Iterator[str]:
    """The source of an op's forward, its rules, and how it is computed on the CPU."""
    yield from block(f"forward, {place(op.fwd)}", source_of(op.fwd))
    yield from kernel(op)
    if op.joint is not None:
        yield from block(f"gradients, {place(op.joint)}", with_surroundings(op.joint))
    shown_: set[str] = set()
    for name, rule in op.rules.items():
        text = with_surroundings(rule)
        if text in shown_:
            continue
        shown_.add(text)
        yield from block(f"gradient of {public_name(op, name)}, {place(rule)}", text)
    if op.jvp_rule is not None:
        yield from block(f"forward mode, {place(op.jvp_rule)}", source_of(op.jvp_rule))
    if op.batch_rule is not None:
        yield from block(f"vmap, {place(op.batch_rule)}", source_of(op.batch_rule))


def kernel(op: Op) -> Iterator[str]:
    """What computes a primitive on NumPy arrays."""
    if not op.primitive or op.kind == "composite":
        return
    try:
        f = word_or_body(default_namespace(), op, ANY_DTYPE)
    except (NotImplementedError, AttributeError):
        return
    f = bare(f)
    if inspect.isfunction(f) and f.__code__.co_filename.startswith(PACKAGE):
        yield from block(f"on the CPU, {place(f)}", source_of(f))
    else:
        name = getattr(f, "__name__", repr(f))
        yield from ("", f"on the CPU: {type(f).__module__}'s {name}")


def with_surroundings(rule: Any) -> str:
    """The source of a rule, and the values that it has from the function that made it."""
    text = source_of(rule)
    code = getattr(rule, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), rule.__closure__ or ()):
        if isinstance(cell.cell_contents, (str, int, float, bool, type(None))):
            text += f"\n# {name} = {cell.cell_contents!r}"
    return text


def block(title: str, text: str) -> Iterator[str]:
    """A source under its title."""
    lines = text.splitlines()
    if not lines:
        lines = ["(the source is not there)"]
    if len(lines) > LONGEST:
        lines = [*lines[:LONGEST], f"... and {len(lines) - LONGEST} more lines"]
    yield from ("", f"{title}:", *(f"    {line}".rstrip() for line in lines))


# ---- functions that are no op


def about_function(f: Any, inner: Any) -> str:
    """A public function that is composed of others."""
    name = next(iter(names_of(inner)), f.__name__)
    lines = [f"{name}: a function composed of operations ({place(inner)})"]
    lines += paragraph(inner.__doc__)
    used = list(dict.fromkeys(uses(inner)))
    tested = mentions({name}) if os.path.isdir(TESTS) else ["tests/ops of the source distribution"]
    rows = [("tested", "; ".join(tested[:MOST]) or "with the operations that it uses")]
    if used:
        rows.insert(0, ("uses", ", ".join(op.name for op in used)))
    lines += [*table(rows), *block(f"source, {place(inner)}", source_of(inner))]
    own = [op for op in used if op.name == name] or used[:1]
    for op in own:
        lines += ["", "-" * 40, "", about_op(op)]
    more = [f'explain("{op.name}")' for op in used if op not in own]
    if more:
        lines += ["", "See also " + ", ".join(more)]
    return "\n".join(lines)


def uses(f: Any, depth: int = 2) -> Iterator[Op]:
    """The ops that a function's source names, also through helpers beside it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
    except (OSError, TypeError, SyntaxError):
        return
    scope = f.__globals__
    for node in ast.walk(tree):
        value: Any = None
        if isinstance(node, ast.Name):
            value = scope.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            home = node.value.id
            value = getattr(scope.get(home), node.attr, None)
            if value is None and home not in scope:  # imported within the function
                value = OPS.get(node.attr)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "function":
            value = OPS.get(getattr(node.args[0], "value", None) or "") if node.args else None
        if isinstance(value, Op):
            yield value
        elif depth and value is not f and inspect.isfunction(value):
            inner = inspect.unwrap(value)
            if inner.__module__ == f.__module__ and not names_of(inner):
                yield from uses(inner, depth - 1)


def about_custom(cls: Any) -> str:
    """A user's Function."""
    lines = [f"{cls.__name__}: a user-defined Function"]
    lines += paragraph(cls.__doc__ if "__doc__" in cls.__dict__ else None)
    rows = [("node", f"{cls.__name__}Backward")]
    for word, method in (("forward mode", "jvp"), ("vmap", "vmap")):
        has = any(method in c.__dict__ for c in cls.__mro__[:-2])
        rows.append((word, f"by its own {method}" if has else "not given"))
    lines += table(rows)
    for method in ("forward", "setup_context", "backward", "vjp", "jvp", "vmap"):
        owner = next((c for c in cls.__mro__[:-2] if method in c.__dict__), None)
        if owner is not None:
            f = getattr(cls, method)
            lines += block(f"{method}, {place(f)}", source_of(f))
    return "\n".join(lines)
