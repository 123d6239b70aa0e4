"""The examples have PyTorch's losses under `wengert run`; training can be left and resumed."""

import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "tests" / "golden" / "examples.json").read_text())
PYTORCH = os.environ.get("EXAMPLES_UNDER_PYTORCH")  # to test the examples themselves


def command(name, *options):
    script = str(ROOT / "examples" / f"{name}.py")
    start = [sys.executable] if PYTORCH else [sys.executable, "-m", "wengert", "run"]
    return [*start, script, *map(str, options)]


def run(name, *options, cwd, code=0):
    done = subprocess.run(command(name, *options), cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", sorted(RECORD))
def test_losses_are_pytorchs(name, tmp_path):
    run(name, *RECORD[name]["options"], "--losses", "losses.json", cwd=tmp_path)
    losses = json.loads((tmp_path / "losses.json").read_text())
    assert len(losses) == len(RECORD[name]["losses"]) == 50
    # Adam divides by the size of a gradient: rounding of gradients near zero becomes whole steps,
    # which the batch norms of digits spread. What holds there is the beginning, and the way down.
    exact = 10 if name == "digits" else 50
    theirs = RECORD[name]["losses"]
    np.testing.assert_allclose(losses[:exact], theirs[:exact], rtol=1e-4)
    np.testing.assert_allclose(losses[exact:], theirs[exact:], rtol=0.05)


COMPILED = """
import json, runpy, sys
import torch
from wengert.compiler import worth
worth.CALL = worth.RECORDED = -1.0
real, made = torch.nn.Module.parameters, []
def parameters(self, recurse=True):
    if not made:
        made.append(self)
        self.compile()
    return real(self, recurse)
torch.nn.Module.parameters = parameters
script, counted, *sys.argv = sys.argv[1:]
try:
    runpy.run_path(script, run_name="__main__")
finally:
    json.dump(made[0]._compiled_call_impl.calls.counts, open(counted, "w"))
"""


@pytest.mark.skipif(bool(PYTORCH), reason="about torch.compile here")
@pytest.mark.parametrize("name", sorted({*RECORD} - {"autograd_tour"}))  # that one has no model
def test_losses_of_compiled_models_are_those_of_eager_ones(name, tmp_path):
    script = str(ROOT / "examples" / f"{name}.py")
    start = [*command(name)[:-1], "-c", COMPILED, script, "counts.json", script]
    options = [*map(str, RECORD[name]["options"]), "--losses"]
    done = subprocess.run(
        [*start, *options, "compiled.json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    run(name, *options, "eager.json", cwd=tmp_path)
    compiled, eager = (
        json.loads((tmp_path / f"{which}.json").read_text()) for which in ("compiled", "eager")
    )
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert counts["compiled"] > counts["captured"] + counts["as it stands"], counts
    np.testing.assert_allclose(compiled, eager, rtol=1e-4)


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    """A folder with the checkpoint of three epochs of digits, and what the script printed."""
    folder = tmp_path_factory.mktemp("digits")
    return folder, run("digits", "--epochs", "3", cwd=folder).splitlines()


def results(lines):
    return [line for line in lines if not line.startswith("figure")]


def test_digits_reads_98_of_100_and_draws_its_mistakes(three_epochs, tmp_path):
    shutil.copytree(three_epochs[0] / "runs", tmp_path / "runs")
    out = run("digits", "--epochs", "12", "--resume", cwd=tmp_path)
    assert float(re.search(r"test loss .* accuracy ([\d.]+)%", out)[1]) >= 98
    assert "confusion" in out
    picture = (tmp_path / "runs" / "digits" / "digits.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_digits_resumed_equals_digits_in_one_go(three_epochs, tmp_path):
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command("digits", "--epochs", "3"), cwd=tmp_path, stdout=pipe, text=True
    ) as process:
        before = [process.stdout.readline() for _ in range(2)]  # sizes, first epoch
        process.send_signal(signal.SIGINT)
        *more, message = filter(str.strip, process.stdout.readlines())
    assert process.returncode == 130
    assert "interrupted: saved" in message
    assert "--resume" in message
    left = [path.name for path in (tmp_path / "runs" / "digits").iterdir()]
    assert left == ["checkpoint.pt"]

    resumed = run("digits", "--epochs", "3", "--resume", cwd=tmp_path)
    lines = "".join(before + more).splitlines() + results(resumed.splitlines())[1:]
    assert lines == results(three_epochs[1])


def test_digits_resumed_in_the_middle_of_an_epoch(three_epochs, tmp_path):
    """Ctrl-C comes at a step that we choose: during the 20th loss."""
    wrapper = f"""
import os, runpy, signal, sys
import torch.nn.functional as F
real, calls = F.cross_entropy, []
def cross_entropy(*args, **options):
    calls.append(1)
    if len(calls) == 20:
        os.kill(os.getpid(), signal.SIGINT)
    return real(*args, **options)
F.cross_entropy = cross_entropy
sys.argv = ["digits.py", "--epochs", "1"]
runpy.run_path({str(ROOT / "examples" / "digits.py")!r}, run_name="__main__")
"""
    start = command("digits")[:-1]
    done = subprocess.run([*start, "-c", wrapper], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    assert "epoch 1, step 20" in done.stdout
    resumed = run("digits", "--epochs", "1", "--resume", cwd=tmp_path)
    assert resumed.splitlines()[:2] == three_epochs[1][:2]


def test_digits_refuses_a_checkpoint_that_is_not_there_or_not_its_own(three_epochs, tmp_path):
    for folder, seed, reason in (
        (tmp_path, 0, "--resume found no"),
        (three_epochs[0], 1, "was made with"),
    ):
        words = command("digits", "--resume", "--seed", seed)
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 1
        assert reason in done.stderr


def write_idx(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with gzip.open(path, "wb") if path.suffix == ".gz" else open(path, "wb") as file:
        file.write(header + array.tobytes())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_digits_reads_idx_files(tmp_path, suffix):
    rng = np.random.default_rng(0)
    for part, count in (("train", 100), ("t10k", 20)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = (rng.random((count, 28, 28)) * 25 * labels[:, None, None]).astype(np.uint8)
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{suffix}", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{suffix}", labels)
    out = run("digits", "--data", tmp_path, "--epochs", "1", cwd=tmp_path)
    assert out.startswith("90 + 10 + 20 images")


def test_digits_says_which_file_is_missing(tmp_path):
    done = subprocess.run(
        command("digits", "--data", "nowhere"), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "train-images-idx3-ubyte nor" in done.stderr


def test_the_tour_prints_what_pytorch_prints(tmp_path, torch):
    ours = run("autograd_tour", cwd=tmp_path)
    script = ROOT / "examples" / "autograd_tour.py"
    theirs = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert ours == theirs.stdout
