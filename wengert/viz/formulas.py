"""The derivative rules of an op as the text that its author wrote, for the page to show."""

from __future__ import annotations

import ast
import functools
import linecache
import textwrap
from typing import Any

LONGEST = 14  # lines of a rule that are shown


@functools.lru_cache(maxsize=64)
def functions_of(file: str) -> dict[int, list[tuple[str, ast.AST]]]:
    """First line -> the functions that start there, each with the keyword it is given for."""
    found: dict[int, list[tuple[str, ast.AST]]] = {}
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return found
    named = {id(k.value): k.arg or "" for k in ast.walk(tree) if isinstance(k, ast.keyword)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Lambda, ast.FunctionDef)):
            first = node.lineno
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                first = node.decorator_list[0].lineno
            found.setdefault(first, []).append((named.get(id(node), ""), node))
    return found


def text_of(rule: Any, name: str) -> str:
    """The text of one rule: of a lambda, or of a function."""
    code = getattr(rule, "__code__", None)
    if code is None:
        return getattr(rule, "__name__", repr(rule))
    takes = list(code.co_varnames[: code.co_argcount])
    candidates = [
        (given, node)
        for given, node in functions_of(code.co_filename).get(code.co_firstlineno, [])
        if [a.arg for a in [*node.args.posonlyargs, *node.args.args]] == takes  # type: ignore[attr-defined]
    ]
    candidates.sort(key=lambda c: c[0] != name)
    if not candidates:
        return f"{code.co_name}({', '.join(takes)})"
    node: Any = candidates[0][1]
    lines = linecache.getlines(code.co_filename)[node.lineno - 1 : node.end_lineno]
    if isinstance(node, ast.Lambda):
        return ast.unparse(node)
    if len(lines) > LONGEST:
        lines = [*lines[:LONGEST], "    ...\n"]
    return textwrap.dedent("".join(lines)).rstrip()


@functools.lru_cache(maxsize=1024)
def rules_of(op: Any) -> list[tuple[str, str]]:
    """(input, text of the rule for its gradient) of an op; one entry `*` where a rule serves all.

    >>> from wengert.engine.op import OPS
    >>> rules_of(OPS["mul"])
    [('x', 'lambda g, y: g * y'), ('y', 'lambda g, x: g * x')]
    """
    if op.joint is not None:
        return [("*", text_of(op.joint, "*"))]
    return [(name, text_of(rule, name)) for name, rule in op.rules.items()]
