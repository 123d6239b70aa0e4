"""Small programs as text, run by PyTorch and by wengert, that must print the same.

A program sees torch, nn, F, func and np; it prints by show(...), and its last expression is shown.
An exception is shown by its type. What differs in writing only (addresses, wengert's name, white
space after a bracket) is taken away.
"""

from __future__ import annotations

import ast
import re
import warnings
from types import ModuleType
from typing import Any

import numpy

import wengert


def shown(lib: ModuleType, text: str) -> str:
    """What the program prints with `torch` being lib."""
    out: list[str] = []

    def show(*values: Any) -> None:
        out.append(" ".join(repr(v) for v in values))

    if lib is wengert:
        text = re.sub(r"\b(from|import) torch\b", r"\1 wengert", text)
        text = re.sub(r"\b(from|import) functorch\b", r"\1 wengert.functorch", text)
    tree = ast.parse(text)
    last = tree.body[-1]
    if isinstance(last, ast.Expr) and "show(" not in text.strip().split("\n")[-1]:
        call = ast.Call(ast.Name("show", ast.Load()), [last.value], [])
        tree.body[-1] = ast.Expr(call)
        ast.fix_missing_locations(tree)
    names = {
        "torch": lib, "nn": lib.nn, "F": lib.nn.functional, "func": lib.func, "np": numpy,
        "tensor": lib.tensor, "show": show, "__name__": "program",
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(tree, "<program>", "exec"), names)
    except Exception as e:
        out.append(f"! {type(e).__name__}")
    said = re.sub(r"0x[0-9a-f]+", "0x", "\n".join(out)).replace("wengert", "torch")
    return re.sub(r"\s+", " ", said)


def same(text: str) -> None:
    """Assert that wengert prints what PyTorch prints (skipped where that is not installed)."""
    import pytest

    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = shown(torch, text)
    wengert.manual_seed(0)
    ours = shown(wengert, text)
    assert ours == theirs, f"\n{text}\nPyTorch: {theirs}\nwengert: {ours}"
