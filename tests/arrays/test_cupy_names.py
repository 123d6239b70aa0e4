"""Every name of CuPy's that the arrays' vocabulary uses is there. CuPy imports without a driver;
where it is not installed the test of it is skipped.
"""

import ast
import importlib
import inspect
import warnings
from pathlib import Path

import pytest

from wengert.arrays.cupy_library import WHOLE

FOLDER = Path(__file__).parents[2] / "wengert" / "arrays"
# of NumPy alone: what only the CPU's namespaces reach
ON_CPU = {"cpu.py", "sim.py", "simulated_cuda.py", "strict_array.py", "meta.py"}
GUARDED = {"vecdot"}  # behind a question whether the library has it
# methods of ufuncs that CuPy has, or arrays/cupy_library.py adds
METHODS = {"add.reduceat", "add.at", "subtract.at"}
METHODS |= {f"{u}.reduce" for u in ("add", "multiply", *WHOLE)}
METHODS |= {f"{u}.{m}" for u in WHOLE for m in ("accumulate", "reduceat")}


def chain(node):
    """(root, [names]) of a.b.c"""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else None), names[::-1]


def used():
    """Name -> where it is used, of what words take from their argument `lib`."""
    found = {}
    for path in FOLDER.glob("*.py"):
        if path.name in ON_CPU:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            root, names = chain(node) if isinstance(node, ast.Attribute) else (None, [])
            if root == "lib":
                found.setdefault(".".join(names), []).append(f"{path.name}:{node.lineno}")
    return found


def asked():
    """Name -> where it is used, of what is taken from CuPy by `library()` outside words."""
    found = {}
    for path in FOLDER.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names, at = [], node
            while isinstance(at, ast.Attribute):
                names.append(at.attr)
                at = at.value
            if names and isinstance(at, ast.Call) and ast.unparse(at.func) == "_cuda.library":
                found.setdefault(".".join(names[::-1]), []).append(f"{path.name}:{node.lineno}")
    return found


def test_names_that_torch_cuda_asks_for_exist_in_cupy():
    names = asked()
    assert {"cuda.Stream", "cuda.runtime.setDevice", "cuda.nvtx.Mark"} <= names.keys()
    cupy = pytest.importorskip("cupy")
    assert not missing(cupy, names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert hasattr(importlib.import_module("cupy.cuda.nccl"), "available")


def missing(library, names):
    """Those that the library lacks, with where they are used."""
    lacking = {}
    for name, places in names.items():
        at, shown = library, []
        for part in name.split("."):
            shown.append(part)
            if inspect.isfunction(at) or not hasattr(at, part):
                if not inspect.isfunction(at):
                    lacking[".".join(shown)] = places
                break
            at = getattr(at, part)
    return lacking


def test_the_search_finds_names():
    import numpy

    names = used()
    assert len(names) > 60 and {"asarray", "where"} <= names.keys()
    assert missing(numpy, names).keys() <= {"asnumpy"}  # CuPy's way to the CPU
    assert missing(numpy, {"no_such": ["x"], "linalg.nothing": ["y"]}).keys() == {
        "no_such", "linalg.nothing",
    }  # fmt: skip


def test_methods_of_ufuncs_are_there():
    """Whether or not CuPy is installed: which methods of ufuncs words call."""
    called = {
        n for n in used() if n.rpartition(".")[2] in ("reduce", "accumulate", "reduceat", "at")
    }
    assert not called - METHODS, called - METHODS


def test_names_exist_in_cupy():
    cupy = pytest.importorskip("cupy")
    assert not {k: v for k, v in missing(cupy, used()).items() if k not in GUARDED}


def test_words_bind_to_cupy():
    cupy = pytest.importorskip("cupy")
    from wengert.arrays import bind

    found = bind.words(cupy)
    assert len(found) > 100 and callable(found["exp"]) and callable(found["sum"])
