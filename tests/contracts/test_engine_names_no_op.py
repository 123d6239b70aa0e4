"""What is known about an op stands in its declaration: no file of the engine spells its name."""

import ast
from pathlib import Path

import pytest

import wengert
from wengert.declare.registry import FUNCTIONS, METHODS
from wengert.engine.op import OPS

ENGINE = sorted(Path(wengert.__file__).parent.glob("engine/*.py"))
# words of the engine's own that are also names of ops: kinds, types of operands, devices, what
# machine code is asked for, dtypes, words about out=
OWN = {"linear", "bilinear", "any", "float", "bool", "bfloat16", "cpu", "item", "copy", "fill"}
OWN |= {"detach", "view", "retain_grad", "complex", "real"}


def texts(tree):
    """The string constants of a file that are neither documentation nor part of a sentence."""
    apart = set()
    for n in ast.walk(tree):
        if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = n.body[0] if n.body else None
            if isinstance(first, ast.Expr):
                apart.add(id(first.value))
        if isinstance(n, ast.JoinedStr):
            apart |= {id(v) for v in n.values}
    for n in ast.walk(tree):
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in apart:
            yield n


def names():
    public = {name for table in (*FUNCTIONS.values(), METHODS) for name in table}
    nodes = {op.node_name or "" for op in OPS.values()}
    return (set(OPS) | public | nodes) - OWN - {""}


@pytest.mark.parametrize("path", ENGINE, ids=[p.stem for p in ENGINE])
def test_a_file_of_the_engine(path):
    known = names()
    assert len(known) > 1000
    found = []
    for n in texts(ast.parse(path.read_text(encoding="utf-8"))):
        words = n.value.split()
        if words and all(w in known or w.removesuffix("_") in known for w in words):
            found.append(f"line {n.lineno}: {n.value[:60]!r}")
    assert found == []


def run_at_import(nodes):
    """The statements of a module without those of its functions."""
    for n in nodes:
        if not isinstance(n, (ast.FunctionDef, ast.ClassDef)):
            yield n
            yield from run_at_import(getattr(n, "body", []))


def test_facts_about_an_op_are_arguments_of_its_declaration():
    """No module of ops assigns to an op what it could have been declared with."""
    found, ops = [], {*OPS, "op", "o"}
    for path in sorted(Path(wengert.__file__).parent.glob("ops/**/*.py")):
        for n in run_at_import(ast.parse(path.read_text(encoding="utf-8")).body):
            for t in n.targets if isinstance(n, ast.Assign) else []:
                if isinstance(t, ast.Attribute) and ast.unparse(t.value).lstrip("_") in ops:
                    found.append(f"{path.name}:{n.lineno}: {ast.unparse(t)}")
    assert found == []
