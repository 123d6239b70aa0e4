"""`wengert check` reads scripts; `--cuda-as-cpu` runs those that want a GPU."""

import subprocess
import sys

import pytest

from wengert.cli import main
from wengert.cli.check import DIFFERENT, findings_of, missing

SCRIPT = """\
import torch, torch.nn as nn
import torch.nn.functional as F
from torchtext.nn import MultiheadAttentionContainer
from torch.utils.data import DataLoader, Nope
try:
    from torch.ao.quantization.pt2e import load
except ImportError:
    load = None
x = torch.ones(2).cuda()
y = F.relu(x) + F.scaled_grouped_mm(x, x)
m = nn.Dense(3)
x.to_mkldnn()
x.split("a"), torch.optim.Adam, torch.ops.mylib.foo
torch.special.bessel_j0(x)
"""


def test_what_is_missing_and_what_differs():
    found = {(f.line, f.name): f for f in findings_of(SCRIPT, "s.py")}
    assert {k for k, f in found.items() if f.missing} == {
        (3, "torchtext.nn"), (4, "torch.utils.data.Nope"),
        (10, "torch.nn.functional.scaled_grouped_mm"), (11, "torch.nn.Dense"),
        (12, "Tensor.to_mkldnn"),
    }  # fmt: skip
    assert {k for k, f in found.items() if not f.missing} == {
        (6, "torch.ao.quantization.pt2e"), (9, ".cuda()"), (14, "torch.special.bessel_j0"),
    }  # fmt: skip
    assert "archived" in found[3, "torchtext.nn"].text
    assert "--cuda-as-cpu" in found[9, ".cuda()"].text


def test_names_that_are_there_are_not_reported():
    text = (
        "import torch\nfrom torch import nn, optim\nimport torchvision.transforms as T\n"
        "from torch.optim.lr_scheduler import StepLR\n"
        "torch.manual_seed(0); nn.Linear; optim.Adam; T.Compose; torch.float32\n"
        "torch.cuda.is_available(); torch.utils.data.DataLoader; torch.autograd.grad\n"
        "class torch_like: pass\ntorch_like.foo\nx = torch.relu\nx.anything\n"
    )
    assert findings_of(text, "s.py") == []


def test_names_that_a_script_gives_another_meaning_are_not_reported():
    script = """\
from torch import nn, optim
import torch.nn.functional as F
nn.Masked = type("Masked", (nn.Module,), {})
layer = nn.Masked()
def train(optim, x):
    optim.zero_grad()
    F = x.features
    return F.width
class Net(nn.Module):
    optim = None
    def step(self):
        return optim.nothing
optim = optim.SGD([nn.Parameter()])
optim.zero_grad()
"""
    assert [(f.line, f.name) for f in findings_of(script, "s.py")] == [(12, "torch.optim.nothing")]


def test_files_folders_and_exit_codes(tmp_path, capsys):
    (tmp_path / "good.py").write_text("import torch\ntorch.ones(1)\n")
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 file: all there\n"
    (tmp_path / "bad.py").write_text("import torch\ntorch.nn.Dense\n1 +\n")
    assert main(["check", str(tmp_path)]) == 1
    assert "bad.py:3: syntax" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "none.py")]) == 2
    assert main(["check"]) == 2


def test_what_differs_exists():
    for path in DIFFERENT:
        if "*" not in path and "parallel" not in path:
            assert missing(path) is None, path


CUDA = """\
import torch
x = torch.ones(2).cuda() + torch.zeros(2, device="cuda:0")
m = torch.nn.Linear(2, 2).to(torch.device("cuda"))
torch.cuda.set_device(0)
torch.cuda.synchronize()
t = torch.cuda.FloatTensor([1.0])
with torch.cuda.device(0), torch.cuda.stream(torch.cuda.Stream()):
    print(m(x).device, isinstance(t, torch.cuda.FloatTensor), torch.cuda.is_available())
"""


def test_cuda_means_the_cpu_with_one_warning(tmp_path):
    (tmp_path / "s.py").write_text(CUDA)
    command = [sys.executable, "-m", "wengert", "run"]
    done = subprocess.run(
        [*command, "--cuda-as-cpu", "s.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "cpu True False\n", done.stderr
    assert done.stderr.count("UserWarning") == 1
    plain = subprocess.run([*command, "s.py"], cwd=tmp_path, capture_output=True, text=True)
    assert plain.returncode == 1 and "cuda" in plain.stderr.lower()


@pytest.mark.parametrize(
    "name",
    [
        "torchtext.nn",
        "torchaudio.models",
        "torch.ao.quantization.pt2e",
    ],
)
def test_imports_that_cannot_be_say_what_to_do(tmp_path, name):
    code = f"try: import {name}\nexcept ImportError as e: print(e)\n"
    done = subprocess.run(
        [sys.executable, "-m", "wengert", "run", "-c", code], capture_output=True, text=True
    )
    assert done.stdout.startswith("No module named ") and ": " in done.stdout
