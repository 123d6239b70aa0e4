"""tools/affected.py chooses tests that a change can break."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("affected", ROOT / "tools" / "affected.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("wengert/ops/math/unary.py", "tests/ops/test_every_op.py::exp"),
        ("wengert/ops/reduce/sort.py", "tests/ops/test_every_op.py::argsort"),
        ("wengert/nn/conv.py", "tests/nn/test_layers.py"),
        ("wengert/engine/views.py", "tests/engine/test_views.py"),
        ("wengert/kernels/conv.py", "tests/kernels/test_conv.py"),
        ("wengert/optim/lr_scheduler/__init__.py", "tests/optim/test_lr_scheduler.py"),
        ("tests/nn/cases.py", "tests/nn/test_layers.py"),
        ("tests/io/test_files.py", "tests/io/test_files.py"),
    ],
)
def test_a_change_chooses(path, wanted):
    assert wanted in tool.affected([path])


def test_a_change_of_documents_chooses_nothing():
    assert tool.affected(["README.md", "docs/tour.md"]) == []
