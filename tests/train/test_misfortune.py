"""A full disk during a checkpoint and Ctrl-C during training, in processes of their own."""

import os
import signal
import subprocess
import sys
import time

import pytest

import wengert

posix = pytest.mark.skipif(os.name != "posix", reason="limits and signals of POSIX")

SAVE = """
import resource, signal
import wengert as torch
from wengert import nn, optim

model = nn.Linear(100, 100)
optimizer = optim.Adam(model.parameters())
torch.save(model.state_dict(), "model.pt")
model(torch.ones(1, 100)).sum().backward()
optimizer.step()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
for path in ("model.pt", "new.pt"):
    try:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    except OSError as error:
        print(error)
"""


@posix
def test_a_checkpoint_that_does_not_fit(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SAVE], cwd=tmp_path, capture_output=True, text=True
    )
    old, new = done.stdout.splitlines()
    assert old.endswith(
        "model.pt was not written; the file that was there is still there, unchanged"
    )
    assert new.endswith("new.pt was not written") and done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]
    assert wengert.load(tmp_path / "model.pt")["weight"].shape == (100, 100)


TRAIN = """
import wengert as torch
from wengert import nn, optim
from wengert.utils.data import DataLoader, Dataset


class Points(Dataset):
    def __len__(self):
        return 10**6

    def __getitem__(self, index):
        return torch.full((20,), index / 10**6), index % 3


model = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 3))
optimizer = optim.Adam(model.parameters())
for step, (x, y) in enumerate(DataLoader(Points(), batch_size=8, num_workers=WORKERS)):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "step": step}, "checkpoint.pt")
    if step == 20:
        print("ready", flush=True)
"""


@posix
@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_in_a_training_loop_leaves_a_whole_checkpoint(tmp_path, workers):
    run = subprocess.Popen(
        [sys.executable, "-c", TRAIN.replace("WORKERS", str(workers))],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert run.stdout.readline() == "ready\n"
    os.killpg(run.pid, signal.SIGINT)  # to the whole group, as a terminal does
    _, err = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGINT
    assert err.count("Traceback") == 1 and err.endswith("KeyboardInterrupt\n")
    with pytest.raises(ProcessLookupError):  # soon nobody of the group is left
        for _ in range(200):
            os.killpg(run.pid, 0)
            time.sleep(0.05)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert wengert.load(tmp_path / "checkpoint.pt")["step"] >= 20
