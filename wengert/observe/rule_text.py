"""The source of functions and rules: found in their files, cut out, and put in readable maths.

Knows Python's syntax trees and the vocabulary of rules; not what is printed around them.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any

from ..engine.op import OPS

DEEP = 3  # how many functions that a rule calls are put in its place, one within another
LONG = 96  # characters of a formula that still reads as one


@functools.lru_cache(maxsize=64)
def functions_in(file: str) -> dict[int, list[Any]]:
    """First line -> the functions and lambdas of a file that start there."""
    found: dict[int, list[Any]] = {}
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        if isinstance(node, (ast.Lambda, ast.FunctionDef)):
            decorators = getattr(node, "decorator_list", [])
            first = decorators[0].lineno if decorators else node.lineno
            found.setdefault(first, []).append(node)
    return found


def tree_of(f: Any) -> Any:
    """The syntax tree of a function or lambda, or None where its file is not there."""
    code = getattr(f, "__code__", None)
    if code is None:
        return None
    fit = [n for n in functions_in(code.co_filename).get(code.co_firstlineno, []) if same(n, code)]
    if len(fit) > 1 and code.co_name == "<lambda>":  # several on one line: by what they do
        fit.sort(key=lambda n: compiled(n).co_code != code.co_code)
    return fit[0] if fit else None


def same(node: Any, code: CodeType) -> bool:
    """Whether a syntax tree can be that of the code: by parameters, and the names and numbers in a
    lambda.
    """
    names = [a.arg for a in [*node.args.posonlyargs, *node.args.args]]
    if names != list(code.co_varnames[: code.co_argcount]):
        return False
    if not isinstance(node, ast.Lambda):
        return bool(node.name == code.co_name)
    if code.co_name != "<lambda>":
        return False
    alone = compiled(node)
    known = {*alone.co_names, *alone.co_freevars} == {*code.co_names, *code.co_freevars}
    return known and numbers(alone) == numbers(code)


def compiled(node: ast.Lambda) -> CodeType:
    """The code of a lambda, away from its place."""
    alone = compile(ast.Expression(node), "rule", "eval")
    return next(c for c in alone.co_consts if isinstance(c, CodeType))


def numbers(code: CodeType) -> set[Any]:
    return {repr(c) for c in code.co_consts if not isinstance(c, (CodeType, str)) and c is not None}


def source_of(f: Any) -> str:
    """The text of a function, or of a lambda without what stands around it; "" if there is none."""
    f = inspect.unwrap(f)
    node = tree_of(f)
    if isinstance(node, ast.Lambda):
        return ast.unparse(node)
    try:
        return textwrap.dedent(inspect.getsource(f)).rstrip()
    except (OSError, TypeError):
        return ""


def result_of(f: Any) -> tuple[list[str], Any] | None:
    """(parameters, expression) of a function that does nothing but return one expression."""
    node = tree_of(f)
    if node is None or node.args.vararg is not None:
        return None
    names = [a.arg for a in [*node.args.posonlyargs, *node.args.args]]
    if isinstance(node, ast.Lambda):
        return names, node.body
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        return names, body[0].value
    return None


def formula_of(f: Callable[..., Any], names: dict[str, str]) -> str:
    """What a function returns, in maths, its parameters called by names; "" if that is not one
    expression, or too long to read.

    >>> formula_of(lambda g, x: g * x * x / 2, {"x": "input"})
    'g · input² / 2'
    """
    found = result_of(f)
    if found is None:
        return ""
    parameters, body = found
    given = {p: (names.get(p, p), ATOM) for p in parameters if p != "xp"}
    try:
        text = Maths(given, getattr(f, "__globals__", {})).text(body)
    except _Unreadable:
        return ""
    return text if len(text) <= LONG else ""


class _Unreadable(Exception):
    """An expression that is better read as Python."""


# how strongly a text holds together: what is weaker than its place asks for gets brackets
CHOICE, COMPARISON, SUM, PRODUCT, MINUS, POWER, ATOM = range(7)
POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SIGNS: dict[type, tuple[str, int]] = {
    ast.Add: (" + ", SUM), ast.Sub: (" − ", SUM), ast.Div: (" / ", PRODUCT),
    ast.MatMult: (" @ ", PRODUCT), ast.Mod: (" mod ", PRODUCT), ast.FloorDiv: (" // ", PRODUCT),
}  # fmt: skip
COMPARED: dict[type, str] = {
    ast.Eq: " = ", ast.NotEq: " ≠ ", ast.Lt: " < ", ast.LtE: " ≤ ", ast.Gt: " > ", ast.GtE: " ≥ ",
    ast.Is: " is ", ast.IsNot: " is not ", ast.In: " in ", ast.NotIn: " not in ",
}  # fmt: skip
WORDS: dict[str, type] = {
    "add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div, "matmul": ast.MatMult,
    "pow": ast.Pow, "eq": ast.Eq, "ne": ast.NotEq, "lt": ast.Lt, "le": ast.LtE, "gt": ast.Gt,
    "ge": ast.GtE,
}  # fmt: skip
Piece = tuple[str, int]


class Maths:
    """Writes one expression; names are what its variables are replaced by."""

    def __init__(self, names: dict[str, Piece], scope: dict[str, Any], depth: int = 0) -> None:
        self.names, self.scope, self.depth = names, scope, depth

    def text(self, node: Any, least: int = CHOICE) -> str:
        """An expression, in brackets if it holds together less than its place asks for."""
        text, strength = self.piece(node)
        return text if strength >= least else f"({text})"

    def piece(self, node: Any) -> Piece:
        method = getattr(self, f"at_{type(node).__name__.lower()}", None)
        if method is None:
            raise _Unreadable
        piece: Piece = method(node)
        return piece

    def at_name(self, node: ast.Name) -> Piece:
        if node.id in self.names:
            return self.names[node.id]
        base, _, what = node.id.rpartition("_")
        if what in ("shape", "dtype") and base in self.names:
            return f"{what} of {self.names[base][0]}", ATOM
        return node.id, ATOM

    def at_constant(self, node: ast.Constant) -> Piece:
        negative = isinstance(node.value, (int, float)) and node.value < 0
        return repr(node.value), MINUS if negative else ATOM

    def at_unaryop(self, node: ast.UnaryOp) -> Piece:
        if isinstance(node.op, ast.Not):
            return f"not {self.text(node.operand, ATOM)}", COMPARISON
        sign = {ast.USub: "−", ast.Invert: "¬", ast.UAdd: ""}[type(node.op)]
        return sign + self.text(node.operand, PRODUCT), MINUS if sign else ATOM

    def at_binop(self, node: ast.BinOp) -> Piece:
        return self.combined(type(node.op), node.left, node.right)

    def combined(self, sign: type, left: Any, right: Any) -> Piece:
        if sign is ast.Mult:
            return self.product([*self.factors(left), *self.factors(right)])
        if sign is ast.Pow:
            return self.power(left, right)
        if sign not in SIGNS:
            raise _Unreadable
        between, strength = SIGNS[sign]
        return self.text(left, strength) + between + self.text(right, strength + 1), strength

    def factors(self, node: Any) -> list[Any]:
        """The factors of a product of products."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return [*self.factors(node.left), *self.factors(node.right)]
        return [node]

    def product(self, factors: list[Any]) -> Piece:
        """Factors, with equal ones as powers."""
        if any(isinstance(f, ast.Tuple) for f in factors):
            raise _Unreadable  # a tuple repeated
        pieces = [self.piece(f) for f in factors]
        below = [t.removeprefix("1 / ") for t, _ in pieces[1:] if t.startswith("1 / ")]
        above = [p for i, p in enumerate(pieces) if i == 0 or not p[0].startswith("1 / ")]
        texts = [
            t if strength >= (PRODUCT if i == 0 else MINUS) else f"({t})"
            for i, (t, strength) in enumerate(above)
        ]
        counts = {t: texts.count(t) for t in texts}
        if len(counts) == 1 and len(texts) > 1 and not below:
            return raised(texts[0], len(texts)), POWER
        text = " · ".join(raised(t, n) for t, n in counts.items())
        if below:
            text += " / " + (below[0] if len(below) == 1 else f"({' · '.join(below)})")
        return text, PRODUCT

    def power(self, base: Any, exponent: Any) -> Piece:
        text = self.text(base, ATOM)
        if isinstance(exponent, ast.Constant) and type(exponent.value) is int:
            return raised(text, exponent.value), POWER
        return f"{text}^{self.text(exponent, ATOM)}", POWER

    def at_compare(self, node: ast.Compare) -> Piece:
        if len(node.ops) != 1:
            raise _Unreadable
        return self.compared(type(node.ops[0]), node.left, node.comparators[0])

    def compared(self, sign: type, left: Any, right: Any) -> Piece:
        return self.text(left, SUM) + COMPARED[sign] + self.text(right, SUM), COMPARISON

    def at_boolop(self, node: ast.BoolOp) -> Piece:
        between = " and " if isinstance(node.op, ast.And) else " or "
        return between.join(self.text(v, COMPARISON) for v in node.values), CHOICE

    def at_ifexp(self, node: ast.IfExp) -> Piece:
        test, yes, no = (self.text(n, COMPARISON) for n in (node.test, node.body, node.orelse))
        return f"{yes} if {test}, else {no}", CHOICE

    def at_attribute(self, node: ast.Attribute) -> Piece:
        if isinstance(node.value, ast.Name) and node.value.id == "math":
            return {"pi": "π", "inf": "∞"}.get(node.attr, node.attr), ATOM
        if node.attr in ("shape", "dtype", "ndim"):
            return f"{node.attr} of {self.text(node.value, ATOM)}", ATOM
        return f"{self.text(node.value, ATOM)}.{node.attr}", ATOM

    def at_tuple(self, node: ast.Tuple) -> Piece:
        return f"({', '.join(self.text(e) for e in node.elts)})", ATOM

    def at_starred(self, node: ast.Starred) -> Piece:
        return f"*{self.text(node.value, ATOM)}", ATOM

    def at_subscript(self, node: ast.Subscript) -> Piece:
        return f"{self.text(node.value, ATOM)}[{self.text(node.slice)}]", ATOM

    # ---- calls

    def at_call(self, node: ast.Call) -> Piece:
        word, own = self.called(node.func)
        args = [a for a in node.args if not (isinstance(a, ast.Name) and a.id == "xp")]
        if not node.keywords and not any(isinstance(a, ast.Starred) for a in args):
            written = self.written(word, args)
            if written is None and self.depth < DEEP:
                written = self.expanded(word, own, args)
            if written is not None:
                return written
        texts = [self.text(a) for a in args]
        texts += [f"{k.arg}={self.text(k.value)}" for k in node.keywords]
        return f"{word}({', '.join(texts)})", ATOM

    def called(self, f: Any) -> tuple[str, bool]:
        """The name of what is called, and whether it is a word of the vocabulary."""
        if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name):
            return f.attr, f.value.id == "xp"
        if isinstance(f, ast.Name):
            return f.id, False
        raise _Unreadable

    def written(self, word: str, args: list[Any]) -> Piece | None:
        """A call that maths writes otherwise."""
        if word in WORDS and len(args) == 2:
            sign = WORDS[word]
            if sign in COMPARED:
                return f"[{self.compared(sign, *args)[0]}]", ATOM
            return self.combined(sign, *args)
        if word == "where" and len(args) == 3:
            test, yes, no = (self.text(a, SUM) for a in args)
            return f"{yes} where {test.strip('[]')}, else {no}", CHOICE
        if word == "keep" and len(args) == 2:
            kept, test = (self.text(a, SUM) for a in args)
            return f"{kept} where {test.strip('[]')}, else 0", CHOICE
        if word in ("astype", "asarray", "restore") and args:  # only the form changes
            return self.piece(args[0])
        if len(args) != 1:
            return None
        if word == "tuple":
            return self.piece(args[0])
        if word in ("sqrt", "rsqrt"):
            root = "√" + self.text(args[0], ATOM)
            return (root, ATOM) if word == "sqrt" else (f"1 / {root}", PRODUCT)
        simple = {"zeros_like": "0", "ones_like": "1"}.get(word)
        if simple:
            return simple, ATOM
        if word == "neg":
            return "−" + self.text(args[0], PRODUCT), MINUS
        if word == "square":
            return raised(self.text(args[0], ATOM), 2), POWER
        if word == "reciprocal":
            return "1 / " + self.text(args[0], MINUS), PRODUCT
        if word == "abs":
            return f"|{self.text(args[0])}|", ATOM
        return None

    def expanded(self, word: str, own: bool, args: list[Any]) -> Piece | None:
        """A call of a composite op, or of a helper beside the rule, by what it returns."""
        op = OPS.get(word) if own else None
        f = op.fwd if op is not None and op.kind == "composite" else None
        if not own and inspect.isfunction(self.scope.get(word)):
            f = self.scope[word]
        found = None if f is None else result_of(f)
        if found is None:
            return None
        parameters = [p for p in found[0] if p != "xp"]
        if len(parameters) != len(args):
            return None
        given = {p: self.piece(a) for p, a in zip(parameters, args)}
        return Maths(given, f.__globals__, self.depth + 1).piece(found[1])  # type: ignore[union-attr]


def raised(text: str, n: int) -> str:
    """A power."""
    if n == 1:
        return text
    loose = any(c in text for c in " −/") and not (text[0] in "(|" and text[-1] in ")|")
    return (f"({text})" if loose else text) + str(n).translate(POWERS)
