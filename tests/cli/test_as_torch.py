"""`import wengert.as_torch`, the pytest plugin, and the kernel for Jupyter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from launching import environment  # the package on the path of a new process

from wengert.cli.kernel import spec


def python(*words, cwd=None):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment(), cwd=cwd
    )


def test_a_first_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import wengert.as_torch\n"
        "import torch, torch.nn.functional as F, torchvision\n"
        "from torch.utils.data import DataLoader\n"
        "print(torch.__name__, torch.version.wengert[:2])\n"
        "print(torchvision.__name__, F.relu(torch.tensor(-1.0)).item())\n"
    )
    done = python(script)
    assert done.stdout.split() == ["torch", "0.", "wengert.vision", "0.0"], done.stderr


def test_files_of_pytorch_that_are_one_module_here():
    done = python(
        "-c",
        "import wengert.as_torch\n"
        "from torch.ao.pruning.sparsifier.base_sparsifier import BaseSparsifier\n"
        "from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter\n"
        "from torch.export.exported_program import ExportedProgram\n"
        "from torch.masked.maskedtensor.core import MaskedTensor, is_masked_tensor\n"
        "from torch.utils.benchmark.utils.timer import Timer\n"
        "import torch, torch.utils.benchmark.utils.common as common\n"
        "print(Timer is torch.utils.benchmark.Timer, common.Measurement.__name__)\n"
        "print(ExportedProgram is torch.export.ExportedProgram)\n",
    )
    assert done.stdout.split() == ["True", "Measurement", "True"], done.stderr


def test_as_a_plugin_of_pytest(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import torch\ndef test_it():\n    assert torch.version.wengert\n"
    )
    done = python("-m", "pytest", "-q", "-p", "wengert.as_torch", tmp_path, cwd=tmp_path)
    assert "1 passed" in done.stdout


def test_the_kernel(tmp_path):
    pytest.importorskip("jupyter_client")
    pytest.importorskip("ipykernel")
    done = python("-m", "wengert", "kernel", "install", f"--prefix={tmp_path}", "--name=mine")
    assert done.returncode == 0, done.stderr
    (file,) = Path(tmp_path).rglob("kernel.json")
    assert file.parent.name == "mine"
    assert json.loads(file.read_text())["argv"] == spec()["argv"]


def test_types_of_scripts_that_import_torch(tmp_path):
    assert python("-m", "wengert", "typings", str(tmp_path)).returncode == 0
    found = {f.read_text() for f in tmp_path.rglob("*.pyi")}
    for home in ("wengert", "wengert.nn.functional", "wengert.optim.lr_scheduler"):
        assert f"from {home} import *\n" in found


def test_wrong_use_of_kernel():
    for words in ([], ["make"], ["install", "--wrong"]):
        done = python("-m", "wengert", "kernel", *words)
        assert done.returncode == 2
        assert "kernel needs install or remove" in done.stderr
