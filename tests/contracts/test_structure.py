"""tools/check.py finds what it is there for, and finds nothing in this checkout."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check", ROOT / "tools" / "check.py")
checks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checks)


def test_tests_mirror_the_tree_or_say_what_they_test():
    """See CONTRIBUTING, "Tests"."""
    package, tests = ROOT / "wengert", ROOT / "tests"
    alone = {"contracts", "docs", "examples"}  # of the whole tree, and of what lies beside it
    wrong, mirrored = [], 0
    for path in tests.rglob("test_*.py"):
        folder, name = path.parent.relative_to(tests), path.stem.removeprefix("test_")
        there = package / folder
        if folder.parts[0] not in alone and not there.is_dir():
            wrong.append(f"{path}: wengert has no folder {folder}")
        if (there / f"{name}.py").exists() or (there / name).is_dir():
            mirrored += 1
        elif not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))):
            wrong.append(f"{path}: not of one module, and does not say of what")
    assert wrong == []
    assert mirrored > 130


def test_what_all_else_stands_on_is_marked():
    """`pytest -m smoke`, as CONTRIBUTING says, finds the engine's tests and each basic op."""
    assert "pytest -m smoke tests/engine tests/ops" in (ROOT / "CONTRIBUTING.md").read_text()
    marked = [p for p in (ROOT / "tests").rglob("test_*.py") if "mark.smoke" in p.read_text()]
    assert {p.name for p in marked} >= {"test_entry.py", "test_backward.py", "test_every_op.py"}
    assert {p.relative_to(ROOT).parts[1] for p in marked} <= {"engine", "ops", "contracts"}


def found(folder, name, source):
    """The texts that the checks have to say about a single file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A module."""\n{source}')
    return [finding.text for finding in checks.check(folder)]


def test_this_checkout_is_clean():
    assert [str(finding) for finding in checks.check(ROOT)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import wengert.nn",
        "from wengert.nn import functional",
        "from wengert import nn",
        "import wengert",
        "import wengert.autograd",
        "def f():\n    from wengert.nn.module import Module",
        "from ..nn import functional",
        "from .. import nn",
        "import importlib\ndef f(): return importlib.import_module('wengert.nn')",
    ],
)
def test_an_import_upwards(tmp_path, line):
    assert any("is above api" in text for text in found(tmp_path, "wengert/api/views.py", line))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("wengert/nn/linear.py", "from ..api import functions"),
        ("wengert/nn/linear.py", "from .module import Module"),
        ("wengert/nn/linear.py", "from ..engine.tensor import Tensor"),
        ("wengert/nn/__init__.py", "from . import functional"),
        ("wengert/nn/linear.py", "from .. import ops"),
        ("wengert/__init__.py", "from .nn import functional"),
        ("wengert/autograd.py", "from .autodiff.function import Function"),
        ("wengert/vision/datasets.py", "from ..data import Dataset"),
        ("wengert/arrays/cpu.py", "import numpy as np\nimport ml_dtypes\nimport os.path"),
        ("wengert/arrays/fft.py", "def f():\n    import scipy.fft"),
        ("wengert/io/image.py", "def f():\n    from PIL import Image"),
        ("wengert/ops/math/unary.py", "def f(xp, x, dtype): return xp.asarray(x, dtype.np)"),
        ("wengert/cli/run.py", "print(1)"),
        ("wengert/special.py", "def __getattr__(name): return name"),
    ],
)
def test_what_is_allowed(tmp_path, name, line):
    assert found(tmp_path, name, line) == []


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("wengert/ops/math/unary.py", "import numpy", "array library numpy"),
        ("wengert/ops/math/unary.py", "from ...arrays.cpu import np", "array library np"),
        ("wengert/engine/node.py", "def f(x): return np.asarray(x)", "array library np"),
        ("wengert/engine/node.py", "def f():\n    import cupy", "array library cupy"),
        ("wengert/nn/linear.py", "from wengert.api import functions", "by its full name"),
        ("wengert/cli/run.py", "def f():\n    from wengert import cli", "by its full name"),
        ("wengert/io/image.py", "from PIL import Image", "imports PIL when"),
        (
            "wengert/io/image.py",
            "try:\n    import pandas\nexcept ImportError: ...",
            "imports pandas",
        ),
        ("wengert/arrays/fft.py", "import scipy.fft", "imports scipy when"),
        ("wengert/ops/fft.py", "def f():\n    import scipy.fft", "scipy is for arrays"),
        ("wengert/nn/linear.py", "def f(): print(1)", "print()"),
        ("wengert/nn/linear.py", "eval('1')", "eval() is for"),
        ("wengert/nn/linear.py", "def f(): warnings.warn('old')", "advise finds"),
        ("wengert/nn/linear.py", "x = 1  # TODO: more", "left undone"),
        ("wengert/nn/utils.py", "x = 1", "utils.py"),
        ("wengert/fft.py", "def fft(x): return x", "front module"),
        ("wengert/newcomer/thing.py", "class Thing: ...", "front module"),
        ("wengert/nn/linear.py", "x = 1\n" * 700, "over 600 lines"),
        ("tests/nn/test_linear.py", "x = 1\n" * 700, "over 600 lines"),
    ],
)
def test_what_is_not(tmp_path, name, line, reason):
    texts = found(tmp_path, name, line)
    assert texts
    assert any(reason in text for text in texts)


@pytest.mark.parametrize(
    "line",
    [
        'def f(xp): return xp.name == "cpu"',
        'def f(a): return NS[type(a)].name != "meta"',
        'def f(lib): return lib.__name__ == "numpy"',
        'def f(xp): return xp.name in ("cpu", "x") or xp.name == "cuda"',
    ],
)
def test_a_library_by_its_name(tmp_path, line):
    (text,) = found(tmp_path, "wengert/ops/math/unary.py", line)
    assert "array library" in text


def modules(folder, **sources):
    """The findings for modules of one folder."""
    for name, source in sources.items():
        path = folder / "wengert" / "ops" / f"{name.replace('_in_', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""A module."""\n{source}')
    return [str(finding) for finding in checks.check(folder)]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("from .b import x", "from .a import y"),
        ("from . import b", "def f():\n    from .a import y"),
        ("def f():\n    import wengert.ops.b", "def f():\n    from . import c"),
    ],
)
def test_a_circle(tmp_path, a, b):
    texts = modules(tmp_path, a=a, b=b, c="from .a import f", d="from .a import f")
    assert any("a.py" in t and "imports wengert.ops.b, which" in t for t in texts)
    assert not any("d.py" in t for t in texts)


def test_a_circle_through_sub_packages(tmp_path):
    texts = modules(
        tmp_path, math_in_a="from ..shape.b import f", shape_in_b="from ..math import a"
    )
    assert len(texts) == 2 and "which imports this module again" in texts[0]


def test_what_is_no_circle(tmp_path):
    typing = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import f"
    assert modules(tmp_path, a="from .b import f", b=typing, c="from . import a, b") == []


def test_words_are_in_their_table(tmp_path):
    folder = tmp_path / "wengert" / "arrays"
    folder.mkdir(parents=True)
    (folder / "words.py").write_text('"""Words."""\nWORDS = {"scan": "cumsum cumprod"}\n')
    (folder / "scan.py").write_text('"""Scans."""\n__all__ = ["cumsum", "cummax"]\n')
    texts = [finding.text for finding in checks.check(tmp_path)]
    assert texts == [
        "scan lacks 'cummax', compared with its __all__",
        "scan has too much: 'cumprod', compared with its __all__",
    ]


def test_a_module_without_docstring(tmp_path):
    (tmp_path / "wengert" / "nn").mkdir(parents=True)
    (tmp_path / "wengert" / "nn" / "linear.py").write_text("x = 1\n")
    assert "no module docstring" in checks.check(tmp_path)[0].text


def test_links_and_paths_in_the_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        if page.name == "compatibility.md":  # names files of other projects
            continue
        for path in re.findall(r"`((?:wengert|tests|tools|examples|benchmarks)/[\w/.]+)`", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_readme_and_ci_run_the_same_tests():
    command = "pytest -n auto"
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert f"pip install '.[test]' && {command}`" in readme
    assert command in [line.removeprefix("exec ") for line in ci]
