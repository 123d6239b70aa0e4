"""A difference of a text made smaller: what the expression does not need is taken out.

Works on the expression's tree: items of lists, tuples and dicts, keywords and arguments of calls,
methods in a chain and plainer constants. What comes out shows a difference of the same kind.
"""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator


def fewer(tree: ast.AST) -> Iterator[ast.AST]:
    """The tree with one part less or plainer, the large parts first."""
    for i, node in enumerate(ast.walk(tree)):
        for name in ("elts", "keys", "keywords", "args"):
            for k in reversed(range(len(_items(node, name)))):
                yield _changed(tree, i, lambda n, name=name, k=k: _without(n, name, k))
        for name, value in ast.iter_fields(node):
            for part in value if isinstance(value, list) else [value]:
                for plain in _plainer(part):
                    at = value.index(part) if isinstance(value, list) else None
                    yield _changed(
                        tree, i, lambda n, name=name, at=at, plain=plain: _put(n, name, at, plain)
                    )


def _items(node: ast.AST, name: str) -> list[ast.AST]:
    found = getattr(node, name, None)
    return found if isinstance(found, list) and not isinstance(node, ast.arguments) else []


def _changed(tree: ast.AST, i: int, change: Callable[[ast.AST], None]) -> ast.AST:
    other = copy.deepcopy(tree)
    change(list(ast.walk(other))[i])
    return other


def _without(node: ast.AST, name: str, k: int) -> None:
    del getattr(node, name)[k]
    if name == "keys":
        del node.values[k]  # type: ignore[attr-defined]


def _put(node: ast.AST, name: str, at: int | None, plain: ast.AST) -> None:
    if at is None:
        setattr(node, name, plain)
    else:
        getattr(node, name)[at] = plain


def _plainer(part: object) -> list[ast.AST]:
    if isinstance(part, ast.Constant) and type(part.value) in (int, float):
        return [ast.Constant(n) for n in (0, 1, 2, int(part.value)) if n < abs(part.value)]
    if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
        inside = part.func.value  # x of x.f(...)
        return [inside] if not isinstance(inside, ast.Name) else []
    if isinstance(part, ast.Subscript):
        return [part.value]
    return []


def shrunk(text: str, differs: Callable[[str], bool], seconds: float = 5.0) -> str:
    """The shortest text found in some seconds that still differs."""
    end, found = time.monotonic() + seconds, True
    while found:
        found = False
        for tree in fewer(ast.parse(text, mode="eval")):
            shorter = ast.unparse(ast.fix_missing_locations(tree))
            if time.monotonic() > end:
                return text
            if len(shorter) <= len(text) and shorter != text and differs(shorter):
                text, found = shorter, True
                break
    return text
